"""Arguments that nobody may write to, by their types: so it is proven that every pass and every sample sees the same.

``frozen(x)`` is x itself, of a type that refuses stores: an array, or arrays in tuples. Numba hands the type on to
slices, reshapes, tuples, lists and whatever else refers to the memory, so if a function compiles for frozen arguments
it writes to none of them. Where it does not, the driver calls it with copies, ``own(x)``. Numba's own read-only arrays
do not do for a proof: it forgets about them in the few functions that ``compiled.arrays.frozen`` knows.
"""

from __future__ import annotations

import contextlib
from typing import Any

from numba import types
from numba.extending import intrinsic, lower_cast, models, overload, register_model

from ...generated import for_compiled_code, function_from
from ..numba_internals import TypingError
from .frozen_objects import OBJECTS, Fields, FrozenObject, frozen_object
from .types import OPTIONS, DualArrayType, FrozenArray, array_of

register_model(FrozenArray)(models.ArrayModel)


@lower_cast(types.Array, FrozenArray)
@lower_cast(FrozenArray, FrozenArray)
def _array_to_frozen(context: Any, builder: Any, fromty: Any, toty: Any, val: Any) -> Any:
    return val


@lower_cast(FrozenArray, types.Array)
def _frozen_to_array(context: Any, builder: Any, fromty: Any, toty: Any, val: Any) -> Any:
    # typing refuses it, but a field of a jitclass is set without asking
    raise TypingError("an argument that nobody may write to becomes an array that one may")


CONTAINERS = (types.List, types.ListType, types.DictType)
"""What can be written to, and has no type that says otherwise."""

HOLDERS = (types.Array, types.BaseTuple, *CONTAINERS, *OBJECTS)
"""What can be written to, or hold such."""


def _frozen_fields(fields: Fields) -> dict[str, types.Type]:
    known = {}
    for name, ty in fields:
        with contextlib.suppress(TypingError):
            known[name] = frozen_type(ty)
    return known


def _mapped(ty: types.BaseTuple, cells: list[types.Type]) -> types.Type:
    """A tuple, perhaps a named one, of other types."""
    if not isinstance(ty, types.BaseNamedTuple):
        return types.BaseTuple.from_types(cells)
    uniform = len(set(cells)) == 1
    if uniform:
        return types.NamedUniTuple(cells[0], len(cells), ty.instance_class)
    return types.NamedTuple(cells, ty.instance_class)


def frozen_type(ty: types.Type) -> types.Type:
    """The type of ``frozen(x)``."""
    if isinstance(ty, DualArrayType):
        return ty.copy(readonly=True)
    if isinstance(ty, types.Array):
        if isinstance(ty.dtype, types.Record):  # an element is a reference to memory, whose type cannot refuse
            raise TypingError("arrays of records cannot be frozen")
        return FrozenArray(ty.dtype, ty.ndim, ty.layout, aligned=ty.aligned)
    if isinstance(ty, types.BaseTuple):
        return _mapped(ty, [frozen_type(t) for t in ty.types])
    if isinstance(ty, OBJECTS):
        return frozen_object(ty, _frozen_fields)
    if isinstance(ty, types.Optional):
        return types.Optional(frozen_type(ty.type))
    if isinstance(ty, (*CONTAINERS, types.Set, types.DeferredType)):
        raise TypingError("lists, dicts and sets cannot be frozen")
    return ty


def own_type(ty: types.Type) -> types.Type:
    """The type of ``own(x)``."""
    if isinstance(ty, types.Array):
        return array_of(ty.dtype, ty.ndim)
    if isinstance(ty, types.List):
        return types.List(own_type(ty.dtype))
    if isinstance(ty, OBJECTS):
        return frozen_type(ty)
    return _mapped(ty, [own_type(t) for t in ty.types]) if isinstance(ty, types.BaseTuple) else ty


def is_frozen(ty: Any) -> bool:
    """Whether a type refuses stores into memory of an argument."""
    if isinstance(ty, types.BaseTuple):
        return any(map(is_frozen, ty.types))
    return isinstance(ty, (FrozenArray, FrozenObject)) or (isinstance(ty, DualArrayType) and not ty.mutable)


@intrinsic
def frozen(typingctx: Any, x: Any) -> Any:
    """An argument as one that nobody may write to."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        context.nrt.incref(builder, sig.args[0], args[0])
        return args[0]

    return frozen_type(x)(x), codegen


own = for_compiled_code("own", "x")
"""A copy of an argument, of all arrays and lists in it; an object is frozen."""


@overload(own, jit_options=OPTIONS)
def _own(x):
    if isinstance(x, types.List):
        return lambda x: [own(cell) for cell in x]
    if isinstance(x, types.ListType) and isinstance(x.dtype, HOLDERS):

        def of_list(x):
            out = x.copy()
            for i in range(len(out)):
                out[i] = own(out[i])
            return out

        return of_list
    if isinstance(x, types.DictType) and isinstance(x.value_type, HOLDERS):

        def of_dict(x):
            out = x.copy()
            for key in x:
                out[key] = own(x[key])
            return out

        return of_dict
    if isinstance(x, (types.Array, types.ListType, types.DictType)):
        return lambda x: x.copy()
    if isinstance(x, OBJECTS):
        return lambda x: frozen(x)
    if not isinstance(x, types.BaseTuple):
        return lambda x: x
    cells = "".join(f"own(x[{i}]), " for i in range(len(x.types)))
    if isinstance(x, types.BaseNamedTuple):
        made = x.instance_class
        return function_from(f"def on_tuple(x):\n    return made({cells})", {"own": own, "made": made})
    return function_from(f"def on_tuple(x):\n    return ({cells})", {"own": own})
