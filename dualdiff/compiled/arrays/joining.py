"""Arrays made of several arrays or numbers, with duals among them, inside compiled code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from ...generated import for_compiled_code, function_from
from ..dual.layout import new_array
from ..dual.types import OPTIONS, is_dual, is_number, level_of_type
from ..numba_internals import TypingError, cpu_target
from .loops import assign, copied, expanded, flat, is_dual_array, is_numeric, shape_with, shape_without, slab
from .teaching import bare, checked_axis, common, implements, is_none

# --- making arrays of numbers ----------------------------------------------------------------


@implements(np.array)
def _array(object, dtype=None):
    # not of a list: Numba itself rewrites that call, to one which fails
    if not (is_none(dtype) and isinstance(object, types.BaseTuple) and level_of_type(object)):
        return None
    if not all(is_dual(t) or is_number(t) for t in object.types):
        return None
    return lambda object, dtype=None: outputs(object)


array = for_compiled_code("array", "object, dtype=None")
"""``np.array``, which the clone of a function calls instead."""


def elements(ty: Any) -> list[types.Type]:
    """The types of the elements of a tuple or list."""
    return list(ty.types) if isinstance(ty, types.BaseTuple) else [ty.dtype]


@overload(array, jit_options={"error_model": "numpy"}, prefer_literal=False)
def _array_in_clone(object, dtype=None):
    if is_dual(object) and _is_float_dtype(dtype):
        return lambda object, dtype=None: np.asarray(object)
    sequence = isinstance(object, (types.BaseTuple, types.List))
    if not (sequence and level_of_type(object) and _is_float_dtype(dtype)):
        if is_none(dtype):
            return lambda object, dtype=None: np.array(object)
        return lambda object, dtype=None: np.array(object, dtype)
    rows = elements(object)
    if all(is_dual(t) or is_number(t) for t in rows):
        return lambda object, dtype=None: outputs(object)
    if isinstance(object, types.List):
        (row,) = rows
        of_duals = isinstance(row, (types.List, types.Array)) and level_of_type(row.dtype) > 0
        if not of_duals or getattr(row, "ndim", 1) != 1:
            return None
        element = types.TypeRef(row.dtype)

        def rows_of_list(object, dtype=None):
            out = new_array((len(object), len(object[0])), element)
            for i in range(len(object)):
                for j in range(len(object[0])):
                    out[i, j] = object[i][j]
            return out

        return rows_of_list
    # rows of different types: written out, as one array of what holds them all
    cells = ", ".join(f"array(object[{i}])" for i in range(len(rows)))
    text = f"def rows_of_tuple(object, dtype=None):\n    return np.stack(({cells},))"
    return function_from(text, {"array": array, "np": np})


def _is_float_dtype(dtype: Any) -> bool:
    if is_none(dtype):
        return True
    return isinstance(dtype, types.NumberClass) and isinstance(dtype.instance_type, types.Float)


@implements(np.asarray)
def _asarray(a, dtype=None):
    """An array without axes of a number."""
    if not (is_dual(a) and _is_float_dtype(dtype)):
        return None
    element = types.TypeRef(a)

    def of_number(a, dtype=None):
        out = new_array((), element)
        out[()] = a
        return out

    return of_number


@implements(np.linspace)
def _linspace(start, stop, num=50):
    if not (any(map(is_dual, (start, stop))) and all(is_dual(t) or is_number(t) for t in (start, stop))):
        return None
    result = common(start, stop, types.float64)

    def steps(start, stop, num=50):
        out = new_array(num, result)
        step = (stop - start) / max(num - 1, 1)
        for i in range(num):
            out[i] = start + i * step
        if num > 1:
            out[num - 1] = stop
        return out

    return steps


@implements(np.arange)
def _arange(start, /, stop=None, step=None, dtype=None):
    given = [t for t in (start, stop, step) if not is_none(t)]
    if not (any(map(is_dual, given)) and all(is_dual(t) or is_number(t) for t in given) and _is_float_dtype(dtype)):
        return None
    result = common(*given, types.float64)
    begins, steps = not is_none(stop), not is_none(step)

    def numbers(start, /, stop=None, step=None, dtype=None):
        first, last = (start, stop) if begins else (0, start)
        width = step if steps else 1
        out = new_array(max(int(np.ceil((bare(last) - bare(first)) / bare(width))), 0), result)
        for i in range(out.size):
            out[i] = first + i * width
        return out

    return numbers


# --- joining --------------------------------------------------------------------------------


def _are_arrays_of_duals(arrays: Any) -> bool:
    known = isinstance(arrays, types.BaseTuple) and all(isinstance(t, types.Array) for t in arrays.types)
    return known and all(map(is_numeric, arrays.types)) and any(map(is_dual_array, arrays.types))


@implements(np.concatenate)
def _concatenate(arrays, axis=0):
    if not _are_arrays_of_duals(arrays):
        return None
    # written out: Numba has no loop over a tuple of several types
    k = range(len(arrays.types))
    lines = [
        "axis = checked_axis(axis, arrays[0].ndim)",
        *(f"n{i} = arrays[{i}].shape[axis]" for i in k),
        f"out = new_array(shape_with(arrays[0], axis, {' + '.join(f'n{i}' for i in k)}), result)",
        "start = 0",
    ]
    for i in k:
        lines += [
            f"if shape_without(arrays[{i}], axis) != shape_without(arrays[0], axis):",
            "    raise ValueError('all the input array dimensions except for the concatenation axis must match')",
            f"assign(slab(out, axis, start, n{i}), arrays[{i}])",
            f"start += n{i}",
        ]
    text = "def joined(arrays, axis=0):\n" + "".join(f"    {line}\n" for line in [*lines, "return out"])
    return function_from(text, {**_JOINING, "result": common(*(t.dtype for t in arrays.types))})


_JOINING = {
    "checked_axis": checked_axis,
    "shape_with": shape_with,
    "shape_without": shape_without,
    "slab": slab,
    "assign": assign,
    "expanded": expanded,
    "new_array": new_array,
    "np": np,
}


def _teach_stack(function: Any, parameters: str, axis_of: Callable[[int], str], new_axis_of: Any) -> None:
    """Teach a function that gives arrays a new axis, depending on how many they have, and then joins them."""

    def typed(arrays: Any) -> Any:
        if not _are_arrays_of_duals(arrays):
            return None
        cells = ""
        for i, t in enumerate(arrays.types):
            new_axis = new_axis_of(t.ndim)
            cells += f"arrays[{i}], " if new_axis is None else f"expanded(arrays[{i}], {new_axis}), "
        axis = axis_of(arrays.types[0].ndim)
        name = parameters.split(",")[0]
        text = f"def stacked({parameters}):\n    arrays = {name}\n    return np.concatenate(({cells}), {axis})"
        return function_from(text, _JOINING)

    names = parameters.replace("=0", "")
    scope = {"typed": typed}
    implements(function)(function_from(f"def f({parameters}):\n    return typed({names.split(',')[0]})", scope))


_teach_stack(
    np.stack,
    "arrays, axis=0",
    lambda ndim: f"checked_axis(axis, {ndim + 1})",
    lambda ndim: f"checked_axis(axis, {ndim + 1})",
)
_teach_stack(np.vstack, "tup", lambda ndim: "0", lambda ndim: 0 if ndim == 1 else None)
if getattr(np, "row_stack", np.vstack) is not np.vstack:  # NumPy 2
    _teach_stack(np.row_stack, "tup", lambda ndim: "0", lambda ndim: 0 if ndim == 1 else None)
_teach_stack(np.hstack, "tup", lambda ndim: "0" if ndim == 1 else "1", lambda ndim: None)
_teach_stack(np.column_stack, "tup", lambda ndim: "1", lambda ndim: 1 if ndim == 1 else None)


def _teach_creation(function: Any, number: float | None) -> None:
    """Teach what Numba's own functions create with the type of an array's elements, where those are duals."""

    @overload(function, jit_options=OPTIONS, target="cpu")
    def typed(shape, dtype=None):
        if not (isinstance(dtype, types.DType) and is_dual(dtype.dtype)):
            return None
        element = types.TypeRef(dtype.dtype)

        def created(shape, dtype=None):
            out = new_array(shape, element)
            if number is not None:
                assign(out, number)
            return out

        return created


for _function, _number in ((np.zeros, 0.0), (np.ones, 1.0), (np.empty, None)):
    _teach_creation(_function, _number)


@overload(np.full_like, jit_options=OPTIONS, target="cpu")
def _full_like(arr, fill_value):
    if not (isinstance(arr, types.Array) and is_dual(fill_value)):
        return None
    if not (is_dual(arr.dtype) or arr.dtype == types.float64):  # of integers it would hold integers
        return None
    element = types.TypeRef(fill_value)

    def filled(arr, fill_value):
        out = new_array(arr.shape, element)
        assign(out, fill_value)
        return out

    return filled


@implements(np.append)
def _append(arr, values, axis=None):
    if not _are_arrays_of_duals(types.BaseTuple.from_types((arr, values))):
        return None
    if is_none(axis):
        return lambda arr, values, axis=None: np.concatenate((flat(copied(arr)), flat(copied(values))))
    return lambda arr, values, axis=None: np.concatenate((arr, values), axis)


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


outputs = for_compiled_code("outputs", "y")
"""The result of a vector-valued f as an array; a number as it is."""


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
    return function_from(f"def on_arrays(y):\n    return np.stack(({cells}))", {"np": np, "outputs": outputs})


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
