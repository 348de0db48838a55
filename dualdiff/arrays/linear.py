"""NumPy's array functions on arrays of duals.

Here are those of two kinds: a linear function acts on the tangents as on the values, and a product
follows the product rule. The lanes of the tangents never meet in one sum: each lane's bits are what
they would be alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dual.levels import _array, aligned, as_dual_array, made, operand, plain, top, zeros
from ..dual.nesting import level_of
from ..rules.array_functions import of_kind
from .dual_array import DualArray
from .registry import FUNCTIONS, implements
from .ufuncs import COMPOSED, of_one_type, scaled_array


def dual_array(x: Any) -> DualArray:
    """The argument that a function is differentiated by, as a DualArray."""
    x = operand(x)
    if not isinstance(x, DualArray):
        raise TypeError("this argument is not a dual, but another is that must be a plain number")
    return x


# --- linear functions of one array ----------------------------------------------------------


def linear(function: Callable[..., Any], on_lanes: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Enter a linear function; ``on_lanes`` is it on tangents, whose first axis are the lanes."""
    on_lanes = on_lanes or _lane_by_lane(function)

    @implements(function)
    @functools.wraps(function)
    def on_batch(x: Any, *args: Any, **kwargs: Any) -> Any:
        x = dual_array(x)
        values = function(x._values, *args, **kwargs)
        if not len(x._tangents):
            return made(values, zeros((0, *np.shape(values)), x._values), x._level)
        with np.errstate(all="ignore"):
            return made(values, on_lanes(x._tangents, *args, **kwargs), x._level)

    return on_batch


def takes_dtype(*functions: Callable[..., Any]) -> None:
    """Let reductions take ``dtype``: they are those of the numbers as this type."""
    for function in functions:
        implements(function)(_in_dtype(function, FUNCTIONS[function]))


def _in_dtype(function: Callable[..., Any], implementation: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def on_batch(x: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        return implementation(x if dtype is None else dual_array(x).astype(dtype), *args, **kwargs)

    return on_batch


def _lane_by_lane(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t, *args, **kwargs: np.stack([function(lane, *args, **kwargs) for lane in t])


def _after_lanes(axis: Any) -> Any:
    """An axis of the values, or several, as axis of the tangents."""
    if isinstance(axis, (tuple, list)):
        return tuple(map(_after_lanes, axis))
    return axis + 1 if axis >= 0 else axis


def _axes(t: Any, axis: Any) -> Any:
    return tuple(range(1, t.ndim)) if axis is None else _after_lanes(axis)


def _flattened(t: Any, axis: Any) -> tuple[Any, int]:
    """The tangents and the axis of a function that without an axis works on all elements in one row."""
    return (t.reshape(len(t), -1), 1) if axis is None else (t, _after_lanes(axis))


def _sum(t: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = 0, where: Any = True) -> Any:
    return np.sum(t, axis=_axes(t, axis), keepdims=keepdims, where=where)


def _mean(t: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    count = np.sum(np.broadcast_to(where, t.shape[1:]), axis=axis, keepdims=keepdims)
    return _sum(t, axis, keepdims=keepdims, where=where) / count.astype(t.dtype)


def _transpose(t: Any, axes: Any = None) -> Any:
    if axes is None:
        axes = range(t.ndim - 1)[::-1]
    return t.transpose(0, *(1 + axis % (t.ndim - 1) for axis in axes))


def _squeeze(t: Any, axis: Any = None) -> Any:
    if axis is None:
        axis = [k for k, n in enumerate(t.shape[1:]) if n == 1]
    return np.squeeze(t, axis=_after_lanes(axis))


def _roll(t: Any, shift: Any, axis: Any = None) -> Any:
    rows, axis = _flattened(t, axis)
    return np.roll(rows, shift, axis).reshape(t.shape)


def _flattening(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function(x, argument, axis=None)`` on lanes."""

    def on_lanes(t: Any, argument: Any, axis: Any = None, **kwargs: Any) -> Any:
        t, axis = _flattened(t, axis)
        return function(t, argument, axis=axis, **kwargs)

    return on_lanes


ON_LANES: dict[Any, Callable[..., Any]] = {
    np.sum: _sum,
    np.mean: _mean,
    np.cumsum: lambda t, axis=None: np.cumsum(*_flattened(t, axis)),
    np.diff: lambda t, n=1, axis=-1: np.diff(t, n, _after_lanes(axis)),
    np.trace: lambda t, offset=0, axis1=0, axis2=1: np.trace(t, offset, *_after_lanes((axis1, axis2))),
    np.diagonal: lambda t, offset=0, axis1=0, axis2=1: np.diagonal(t, offset, *_after_lanes((axis1, axis2))),
    np.transpose: _transpose,
    np.swapaxes: lambda t, axis1, axis2: np.swapaxes(t, *_after_lanes((axis1, axis2))),
    np.moveaxis: lambda t, source, destination: np.moveaxis(t, _after_lanes(source), _after_lanes(destination)),
    np.squeeze: _squeeze,
    np.expand_dims: lambda t, axis: np.expand_dims(t, _after_lanes(axis)),
    np.take: _flattening(np.take),
    np.repeat: _flattening(np.repeat),
    np.delete: _flattening(np.delete),
    np.take_along_axis: lambda t, indices, axis=-1: _flattening(np.take_along_axis)(t, indices[None], axis),
    np.roll: _roll,
    np.flip: lambda t, axis=None: np.flip(t, _axes(t, axis)),
    np.flipud: lambda t: t[:, ::-1],
    np.fliplr: lambda t: t[:, :, ::-1],
}
"""Linear functions on the tangents, whose first axis are the lanes: all at once, where that can be said."""
if hasattr(np, "matrix_transpose"):  # NumPy 2
    ON_LANES[np.matrix_transpose] = lambda t: np.swapaxes(t, -1, -2)

for _function in of_kind("moves", "linear"):
    linear(_function, ON_LANES.get(_function))
takes_dtype(np.sum, np.mean, np.cumsum, np.trace)
_differences = FUNCTIONS[np.diff]


@implements(np.diff)
def _diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    x = operand(x)

    def end(values: Any) -> Any:
        values = operand(values)
        shape = tuple(1 if k == axis % x.ndim else size for k, size in enumerate(x.shape))
        return values if values.ndim else np.broadcast_to(values, shape)

    parts = [*([] if prepend is None else [end(prepend)]), x, *([] if append is None else [end(append)])]
    return _differences(parts[0] if len(parts) == 1 else np.concatenate(parts, axis), n, axis)


@implements(np.reshape)
def _reshape(x: Any, shape: Any = None, order: str = "C", *, newshape: Any = None) -> Any:
    x = dual_array(x)
    shape = newshape if shape is None else shape
    if order == "F" or (order == "A" and plain(x).flags.fnc):
        backwards = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)[::-1]
        return np.transpose(np.reshape(np.transpose(x), backwards))
    values = np.reshape(x._values, shape)
    tangents = x._tangents.reshape(len(x._tangents), *values.shape)
    if np.may_share_memory(plain(values), plain(x)) != np.may_share_memory(plain(tangents), plain(x._tangents)):
        values, tangents = values.copy(), tangents.copy()  # a view of both or of neither
    return _array(values, tangents, x._level)


@implements(np.ravel)
def _ravel(x: Any, order: str = "C") -> Any:
    return np.reshape(x, -1, order="C" if order == "K" else order)


def _at_least(function: Callable[..., Any]) -> None:
    @implements(function)
    def on_batch(*arrays: Any) -> Any:
        results = [np.reshape(x, function(plain(x)).shape) for x in map(as_dual_array, arrays)]
        return results[0] if len(results) == 1 else type(function(0, 0))(results)


for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    _at_least(_function)


@implements(np.broadcast_to)
def _broadcast_to(x: Any, shape: Any) -> Any:
    x = dual_array(x)
    values = np.broadcast_to(x._values, shape)
    lanes = aligned(x._tangents, values.ndim)
    return _array(values, np.broadcast_to(lanes, lanes.shape[:1] + values.shape), x._level)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*arrays: Any) -> Any:
    arrays = tuple(map(as_dual_array, arrays))
    shape = np.broadcast_shapes(*(x.shape for x in arrays))
    return tuple(np.broadcast_to(x, shape) for x in arrays)


@implements(np.pad)
def _pad(x: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Any:
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise TypeError(f"pad with mode {mode!r} is not supported for duals")
    x = dual_array(x)
    values = np.pad(x._values, pad_width, mode, **options)
    widths = [(0, 0), *np.broadcast_to(pad_width, (x.ndim, 2))]
    options = {} if mode == "constant" else options
    return _array(values, np.pad(x._tangents, widths, mode, **options), x._level)


def _split(function: Callable[..., Any]) -> None:
    @implements(function)
    def on_batch(x: Any, sections: Any, *axis: Any, **kwargs: Any) -> Any:
        x = dual_array(x)
        grid = np.broadcast_to(np.arange(x.size).reshape(x.shape), x.shape)
        # the parts of an array of the elements' numbers say which slices to take
        parts = []
        for part in function(grid, sections, *axis, **kwargs):
            start = np.unravel_index(part.flat[0], x.shape) if part.size else (0,) * x.ndim
            parts.append(x[tuple(slice(a, a + n) for a, n in zip(start, part.shape, strict=True))])
        return parts


for _function in (np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit):
    _split(_function)


@implements(np.real)
def _real(x: Any) -> Any:
    return x


def merged_last(x: Any, axis: Any = None) -> Any:
    """``x`` with all axes of ``axis``, as given to a reduction, merged into the last one."""
    given = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted(k % x.ndim for k in given)
    others = [k for k in range(x.ndim) if k not in axes]
    shape = [x.shape[k] for k in others]
    return x.transpose(*others, *axes).reshape(*shape, math.prod(x.shape[k] for k in axes))


# --- linear functions of several arrays -----------------------------------------------------


def jointly(function: Callable[..., Any], *operands: Any) -> Any:
    """``function``, linear in all ``operands`` taken together, some of which are duals."""
    operands = tuple(map(operand, operands))
    level = top(*operands)
    if level == 0:
        return function(*operands)
    lanes = next(len(x._tangents) for x in operands if level_of(x) == level)
    values, tangents = [], []
    for x in operands:
        dual = level_of(x) == level
        values.append(x._values if dual else x)
        tangents.append(x._tangents if dual else zeros((lanes, *x.shape), x))
    y = function(*values)
    if not lanes:
        return made(y, zeros((0, *np.shape(y)), as_dual_array(y)), level)
    return made(y, np.stack([function(*lane) for lane in zip(*tangents, strict=True)]), level)


def _joining(function: Callable[..., Any]) -> None:
    @implements(function)
    def on_batches(arrays: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        return jointly(lambda *parts: function(parts, *args, **kwargs), *arrays)


for _function in of_kind("jointly"):
    _joining(_function)


@implements(np.concatenate)
def _concatenate(arrays: Sequence[Any], axis: Any = 0) -> Any:
    return jointly(lambda *parts: np.concatenate(parts, axis), *arrays)


@implements(np.append)
def _append(x: Any, values: Any, axis: Any = None) -> Any:
    x, values = operand(x), operand(values)
    if axis is None:
        x, values, axis = x.reshape(-1), values.reshape(-1), 0
    return np.concatenate([x, values], axis)


@implements(np.where)
def _where(condition: Any, *choices: Any) -> Any:
    condition = plain(condition)
    if not choices:
        return np.nonzero(condition)
    return jointly(lambda a, b: np.where(condition, a, b), *of_one_type(*choices))


@implements(np.select)
def _select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
        result = np.where(plain(condition), *of_one_type(choice, result))
    return result


# --- products -------------------------------------------------------------------------------


def product(function: Callable[..., Any], *operands: Any) -> Any:
    """``function``, linear in each of ``operands``, by the product rule."""
    operands = tuple(map(operand, operands))
    level = top(*operands)
    values = [x._values if level_of(x) == level else x for x in operands]
    y = function(*values)
    with np.errstate(all="ignore"):
        terms = [_along(function, values, i, x, y) for i, x in enumerate(operands) if level_of(x) == level]
        return made(y, functools.reduce(np.add, terms), level)


def _odd(x: Any) -> Any:
    """Where the numbers are infinite or NaN; None if nowhere."""
    numbers = plain(x)
    if math.isfinite(np.add.reduce(numbers, axis=None)):  # the quickest test of all
        return None
    odd = ~np.isfinite(numbers)
    return odd if odd.any() else None


def _along(function: Callable[..., Any], values: Sequence[Any], i: int, x: Any, y: Any) -> Any:
    """``function`` with the tangents of ``x`` in the place of operand i, lane by lane."""
    for k, fixed in enumerate(values):
        odd = None if k == i else _odd(fixed)
        if odd is None:
            continue
        # infinities and NaN one by one, for a tangent that is 0 to make 0 of them
        total = _along(function, [*values[:k], np.where(odd, 0.0, fixed), *values[k + 1 :]], i, x, y)
        for place in map(tuple, np.argwhere(odd)):
            one = np.zeros(fixed.shape, fixed.dtype)
            one[place] = 1
            part = _along(function, [*values[:k], one, *values[k + 1 :]], i, x, y)
            total = total + scaled_array(as_dual_array(fixed[place]), part)
        return total
    lanes = [function(*values[:i], lane, *values[i + 1 :]) for lane in x._tangents]
    return np.stack(lanes) if lanes else zeros((0, *np.shape(y)), as_dual_array(y))


def _product(function: Callable[..., Any]) -> None:
    @implements(function)
    def on_batches(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        return product(lambda a, b: function(a, b, *args, **kwargs), a, b)


for _function in of_kind("product"):
    if isinstance(_function, np.ufunc):
        COMPOSED[_function] = functools.partial(product, _function)
    else:
        _product(_function)


@implements(np.einsum)
def _einsum(subscripts: str, *operands: Any, optimize: Any = False) -> Any:
    if not isinstance(subscripts, str):
        raise TypeError("einsum of duals takes its subscripts as text")
    return product(lambda *parts: np.einsum(subscripts, *parts, optimize=optimize), *operands)


@implements(np.outer)
def _outer(a: Any, b: Any) -> Any:
    return np.ravel(operand(a))[:, None] * np.ravel(operand(b))


@implements(np.vdot)
def _vdot(a: Any, b: Any) -> Any:
    return np.dot(np.ravel(operand(a)), np.ravel(operand(b)))


@implements(np.dot)
def _dot(a: Any, b: Any) -> Any:
    a, b = operand(a), operand(b)
    if not a.ndim or not b.ndim:
        return a * b
    return np.matmul(a, b) if a.ndim <= 2 and b.ndim <= 2 else product(np.dot, a, b)


def _matmul(a: Any, b: Any) -> Any:
    """``np.matmul`` of duals: all lanes in one call, in which each lane is a product of its own."""
    a, b = operand(a), operand(b)
    level = top(a, b)
    u, du = (a._values, a._tangents) if level_of(a) == level else (a, None)
    v, dv = (b._values, b._tangents) if level_of(b) == level else (b, None)
    y = np.matmul(u, v)
    row, column = a.ndim == 1, b.ndim == 1
    ndim = max(a.ndim + row, b.ndim + column)
    terms = []
    with np.errstate(all="ignore"):
        if du is not None:
            terms.append(_lanes_left(aligned(du[:, None] if row else du, ndim), v[:, None] if column else v))
        if dv is not None:
            terms.append(_lanes_right(u[None] if row else u, aligned(dv[..., None] if column else dv, ndim)))
        lanes = functools.reduce(np.add, terms)
        return made(y, lanes.reshape(len(lanes), *np.shape(y)), level)


def _lanes_left(tangents: Any, v: Any) -> Any:
    """Tangents times a matrix; where they are 0, infinities and NaN do not count."""
    odd = _odd(v)
    if odd is None:
        return np.matmul(tangents, v)
    j = np.flatnonzero(odd.any(axis=tuple(k for k in range(v.ndim) if k != v.ndim - 2)))
    terms = scaled_array(np.where(odd, v, 0.0)[..., None, j, :], tangents[..., :, j, None])
    return np.matmul(tangents, np.where(odd, 0.0, v)) + np.sum(terms, axis=-2)


def _lanes_right(u: Any, tangents: Any) -> Any:
    """A matrix times tangents, likewise."""
    odd = _odd(u)
    if odd is None:
        return np.matmul(u, tangents)
    j = np.flatnonzero(odd.any(axis=tuple(range(u.ndim - 1))))
    terms = scaled_array(np.where(odd, u, 0.0)[..., :, j, None], tangents[..., None, j, :])
    return np.matmul(np.where(odd, 0.0, u), tangents) + np.sum(terms, axis=-2)


COMPOSED[np.matmul] = _matmul
