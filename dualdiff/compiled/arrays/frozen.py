"""What Numba lets write to an array that is read-only, or forgets about: for arguments that are frozen it may not.

A store is refused when it is lowered, not when types are inferred: Numba would take its own meaning of the function.
Where arguments are written to, f gets copies, and whether some share memory is asked when it is called.
"""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from ...generated import for_compiled_code, function_from
from ..dual.freezing import HOLDERS, is_frozen
from ..dual.frozen_objects import OBJECTS
from ..dual.types import CALLED, OPTIONS, FrozenArray
from ..numba_internals import TypingError
from .loops import overlap
from .teaching import teach


def _refused(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    raise TypingError("a store into an argument that nobody may write to")


def _store_by_flat(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    if isinstance(array, types.NumpyFlatType) and is_frozen(array.array_type):
        return types.none(array, index, value), _refused
    return None


def _fill_diagonal(typingctx: Any, a: Any, val: Any) -> Any:
    return (types.none(a, val), _refused) if isinstance(a, FrozenArray) else None


def _fill_diagonal_wrapped(typingctx: Any, a: Any, val: Any, wrap: Any) -> Any:
    return (types.none(a, val, wrap), _refused) if isinstance(a, FrozenArray) else None


def _nan_to_num(typingctx: Any, x: Any, copy: Any) -> Any:
    return (x(x, copy), _refused) if isinstance(x, FrozenArray) else None


def _nan_to_num_by(typingctx: Any, x: Any, copy: Any, nan: Any) -> Any:
    return (x(x, copy, nan), _refused) if isinstance(x, FrozenArray) else None


teach(operator.setitem, _store_by_flat)
teach(np.fill_diagonal, _fill_diagonal)
teach(np.fill_diagonal, _fill_diagonal_wrapped)
teach(np.nan_to_num, _nan_to_num)
teach(np.nan_to_num, _nan_to_num_by)


def _remember(function: Any, layout: str) -> None:
    """Numba gives the array itself where it has that layout, and then as one that may be written to."""

    @overload(function, jit_options=CALLED, target="cpu")
    def in_order(a):
        if not (isinstance(a, types.Array) and is_frozen(a)):
            return None
        if a.layout == layout or a.ndim == 0:
            return lambda a: a
        return (lambda a: a.copy()) if layout == "C" else (lambda a: a.T.copy().T)


_remember(np.ascontiguousarray, "C")
_remember(np.asfortranarray, "F")


# --- memory that arguments share ----------------------------------------------------------------

share_memory = for_compiled_code("share_memory", "x, y")
"""Whether an array in ``x`` may share memory with one in ``y``."""

shares_inside = for_compiled_code("shares_inside", "x")
"""Whether two arrays in a tuple, a list or a dict may share memory."""

_LISTS = (types.List, types.ListType)


def _members(name: str, ty: types.Type) -> list[str] | None:
    """The parts of a tuple, or the fields of an object, that may hold arrays; None for another type."""
    if isinstance(ty, types.BaseTuple):
        return [f"{name}[{i}]" for i, t in enumerate(ty.types) if isinstance(t, HOLDERS)]
    if isinstance(ty, OBJECTS):
        fields = ty.struct if isinstance(ty, types.ClassInstanceType) else ty.field_dict
        return [f"{name}.{field}" for field, t in fields.items() if isinstance(t, HOLDERS)]
    return None


def _any_of(parameters: str, calls: list[str]) -> Any:
    scope = {"share_memory": share_memory, "shares_inside": shares_inside}
    return function_from(f"def any_of({parameters}):\n    return {' or '.join(calls) or 'False'}\n", scope)


@overload(share_memory, jit_options=OPTIONS)
def _share_memory(x, y):
    if isinstance(x, types.Array) and isinstance(y, types.Array):
        return lambda x, y: overlap(x, y)
    members = _members("x", x)
    if members is not None:
        return _any_of("x, y", [f"share_memory({member}, y)" for member in members])
    if isinstance(x, _LISTS) and isinstance(x.dtype, HOLDERS):

        def of_list(x, y):
            found = False
            for cell in x:
                found = found or share_memory(cell, y)
            return found

        return of_list
    if isinstance(x, types.DictType) and isinstance(x.value_type, HOLDERS):

        def of_dict(x, y):
            found = False
            for cell in x.values():
                found = found or share_memory(cell, y)
            return found

        return of_dict
    if isinstance(x, types.Array) and isinstance(y, HOLDERS):
        return lambda x, y: share_memory(y, x)
    return lambda x, y: False


@overload(shares_inside, jit_options=OPTIONS)
def _shares_inside(x):
    if isinstance(x, types.BaseTuple):
        members = _members("x", x) or []
        pairs = [f"share_memory({a}, {b})" for a, b in itertools.combinations(members, 2)]
        return _any_of("x", [*pairs, *(f"shares_inside({member})" for member in members)])
    if isinstance(x, _LISTS) and isinstance(x.dtype, HOLDERS):

        def of_list(x):
            found = False
            for i in range(len(x)):
                found = found or shares_inside(x[i])
                for j in range(i):
                    found = found or share_memory(x[i], x[j])
            return found

        return of_list
    if isinstance(x, types.DictType) and isinstance(x.value_type, HOLDERS):
        return lambda x: shares_inside([cell for cell in x.values()])
    return lambda x: False
