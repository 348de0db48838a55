"""Objects of jitclasses and structrefs that nobody may write to, by their types: see freezing.py.

There are no copies of objects, so whether f writes to its object or not, it gets it like this: then Numba refuses to
set a field, in f as in methods, and fields that are arrays are frozen. Fields that cannot be frozen are not known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from numba import types
from numba.extending import lower_cast, lower_setattr_generic, register_model

from ..numba_internals import TypingError, default_manager

OBJECTS = (types.ClassInstanceType, types.StructRef)
"""The types of such objects."""

Fields = Iterable[tuple[str, types.Type]]


class FrozenObject:
    """The part that frozen types of objects have in common."""

    plain: Any


@functools.cache
def _class_of(cls: Any, frozen_fields: Callable[[Fields], dict[str, types.Type]]) -> Any:
    """The class of the frozen types of objects whose types are of class ``cls``."""

    class Frozen(FrozenObject, cls):
        def __init__(self, plain: Any) -> None:
            self.__dict__.update(plain.__dict__)
            self.plain = plain
            types.Type.__init__(self, f"frozen {plain.name}")

        def get_data_type(self) -> types.Type:
            return self.plain.get_data_type()  # as it is in memory

        @functools.cached_property
        def struct(self) -> dict[str, types.Type]:  # of a jitclass
            return frozen_fields(self.plain.struct.items())

        @functools.cached_property
        def field_dict(self) -> dict[str, types.Type]:  # of a structref
            return frozen_fields(self.plain.field_dict.items())

    register_model(Frozen)(default_manager._handlers[cls])

    @lower_setattr_generic(Frozen)
    def _set_field(*_: Any) -> Any:
        raise TypingError("a field is set of an object that is an argument")

    @lower_cast(Frozen, cls)
    def _to_plain(*_: Any) -> Any:
        raise TypingError("an object that is an argument is kept where its fields may be set")

    return Frozen


def frozen_object(ty: Any, frozen_fields: Callable[[Fields], dict[str, types.Type]]) -> Any:
    """The type of an object as one that nobody may write to."""
    cls: Any = type(ty)
    return ty if isinstance(ty, FrozenObject) else _class_of(cls, frozen_fields)(ty)
