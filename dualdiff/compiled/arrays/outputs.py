"""What a vector-valued function returns, as one array: numbers, rows and arrays in tuples and lists are gathered."""

# Numba compares the signatures of an overload and its implementation, annotations included:
# functions that it compiles have none here.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

from ..dual.layout import new_array
from ..dual.types import OPTIONS, is_dual, is_number


def ndim_of(y: Any) -> int | None:
    """The number of dimensions of the array that results of a Numba type make; None if they make none."""
    if is_dual(y) or is_number(y):
        return 0
    if isinstance(y, types.Array):
        return int(y.ndim) if is_dual(y.dtype) or is_number(y.dtype) else None
    if isinstance(y, types.BaseTuple):
        inner = {ndim_of(t) for t in y.types} or {0}
    elif isinstance(y, (types.List, types.ListType)):
        inner = {ndim_of(y.dtype)}
    else:
        return None
    ndim = inner.pop()
    return None if inner or ndim is None else 1 + ndim


def outputs(y):
    """The result of a vector-valued f as an array; a number as it is."""
    raise TypeError("outputs is for compiled code")


def _common(cells: Sequence[types.Type]) -> types.Type:
    """The type that holds numbers and duals of these types."""
    element = cpu_target.typing_context.unify_types(*cells)
    return element if is_dual(element) else types.float64


@intrinsic
def _uniform(typingctx, y):
    """A tuple of numbers and duals as a tuple of one type."""
    element = _common(y.types)
    ty = types.UniTuple(element, len(y.types))

    def codegen(context, builder, sig, args):
        cells = [context.cast(builder, builder.extract_value(args[0], i), t, element) for i, t in enumerate(y.types)]
        return context.make_tuple(builder, ty, cells)

    return ty(y), codegen


@overload(outputs, jit_options=OPTIONS)
def _outputs(y):
    if ndim_of(y) is None:
        raise TypingError(f"a result of type {y} makes no array")
    if isinstance(y, types.Array) or is_dual(y) or is_number(y):
        return lambda y: y
    if isinstance(y, types.BaseTuple):
        return _of_tuple(y)
    return _of_list(y)


def _of_tuple(y: types.BaseTuple) -> Any:
    if len(y.types) == 0:
        return lambda y: np.empty(0)
    if ndim_of(y) == 1:
        element = types.TypeRef(_common(y.types))

        def on_numbers(y):
            cells = _uniform(y)
            out = new_array(len(cells), element)
            for i in range(len(cells)):
                out[i] = cells[i]
            return out

        return on_numbers
    # Numba has no loop over a tuple of several types: written out
    cells = "".join(f"outputs(y[{i}]), " for i in range(len(y.types)))
    scope = {"np": np, "outputs": outputs}
    exec(f"def on_arrays(y):\n    return np.stack(({cells}))", scope)
    return scope["on_arrays"]


def _of_list(y: Any) -> Any:
    if not isinstance(y.dtype, types.Array) and ndim_of(y) != 1:
        return lambda y: outputs([outputs(row) for row in y])
    element = types.TypeRef(_common([getattr(y.dtype, "dtype", y.dtype)]))
    if ndim_of(y) == 1:

        def on_numbers(y):
            out = new_array(len(y), element)
            for i in range(len(y)):
                out[i] = y[i]
            return out

        return on_numbers

    def on_arrays(y):
        out = new_array((len(y), *y[0].shape), element)
        for i in range(len(y)):
            if y[i].shape != y[0].shape:
                raise ValueError("all input arrays must have the same shape")
            out[i] = y[i]
        return out

    return on_arrays
