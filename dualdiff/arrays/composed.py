"""NumPy's array functions that are made of others: statistics, interpolation, quadrature.

Each is written out for its tangents; its value is what NumPy's own function computes, to the bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dual.levels import _array, as_dual_array, cast, made, operand, plain, zeros
from ..dual.nesting import level_of
from ..dual.number import Dual, _dual
from ..rules import bessel
from ..rules.array_functions import of_kind
from .dual_array import DualArray
from .linear import dual_array, merged_last, takes_dtype
from .registry import FUNCTIONS, implements


def composed(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter what the decorated function computes for the tangents; the value is the NumPy function's."""

    def enter(composition: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            implements(function)(_with_value_of(function, composition))
        return composition

    return enter


def _with_value_of(function: Callable[..., Any], composition: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def on_batch(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            result = composition(*args, **kwargs)
        level = level_of(result)
        if level == 0:
            return result
        values = function(*(below(x, level) for x in args), **{name: below(x, level) for name, x in kwargs.items()})
        if isinstance(result, tuple):
            return tuple(_with_values(v, part, level) for v, part in zip(values, result, strict=True))
        return _with_values(values, result, level)

    return on_batch


def _with_values(values: Any, result: Any, level: int) -> Any:
    """What has the tangents of a result, and these values."""
    if level_of(result) < level:
        return values
    if isinstance(result, Dual):
        return _dual(values, result._tangents, level)
    return _array(values, cast(result._tangents, values.dtype), level)


def below(x: Any, level: int) -> Any:
    """An argument without its tangents of ``level``."""
    if isinstance(x, Dual):
        return x._value if x._level == level else x
    if isinstance(x, (list, tuple)):
        return type(x)(below(item, level) for item in x)
    return x._values if isinstance(x, DualArray) and x._level == level else x


for _function, _entry in of_kind("composed").items():
    composed(_function)(_entry.definition)  # type: ignore[arg-type]


@composed(np.var)
def _var(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True) -> Any:
    x = dual_array(x)
    deviation = x - np.mean(x, axis=axis, keepdims=True, where=where)
    total = np.sum(np.square(deviation), axis=axis, keepdims=keepdims, where=where)
    count = np.sum(np.broadcast_to(where, x.shape), axis=axis, keepdims=keepdims)
    return total / np.maximum(count - ddof, 0).astype(x.dtype)


@composed(np.std)
def _std(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True) -> Any:
    # a tangent of a variance 0 is exactly 0, and so it stays: as norm's at the origin
    return np.sqrt(_var(x, axis, ddof=ddof, keepdims=keepdims, where=where))


takes_dtype(np.var, np.std)


@composed(np.average)
def _average(x: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    if weights is None:
        return np.mean(x, axis=axis, keepdims=keepdims)
    x, weights = operand(x), operand(weights)
    if weights.ndim < x.ndim:
        weights = weights.reshape(weights.shape + (1,) * (x.ndim - 1 - axis % x.ndim))
    weights = weights + zeros(x.shape, as_dual_array(plain(x)))
    return np.sum(x * weights, axis=axis, keepdims=keepdims) / np.sum(weights, axis=axis, keepdims=keepdims)


@composed(np.median)
def _median(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    x = dual_array(x)
    rows = merged_last(x, axis)
    n = rows.shape[-1]
    middle = np.sort(rows, -1)[..., (n - 1) // 2 : n // 2 + 1]
    middle = np.where(np.isnan(rows).any(axis=-1, keepdims=True), np.nan, middle)
    result = np.mean(middle, axis=-1)
    return np.reshape(result, np.sum(plain(x), axis=axis, keepdims=True).shape) if keepdims else result


_sum = FUNCTIONS[np.sum]
_sum_from = _with_value_of(np.sum, lambda x, axis=None, *, initial, **options: np.sum(x, axis, **options) + initial)


@implements(np.sum)
def _sum_or_more(x: Any, axis: Any = None, **options: Any) -> Any:
    """With an ``initial`` that may be dual."""
    return (_sum_from if level_of(options.get("initial")) else _sum)(x, axis, **options)


@implements(np.ptp)
def _ptp(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)


@composed(np.nansum)
def _nansum(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(np.where(np.isnan(x), 0.0, x), axis=axis, keepdims=keepdims)


@composed(np.nanmean)
def _nanmean(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    known = ~np.isnan(dual_array(x))
    return _nansum(x, axis, keepdims=keepdims) / np.sum(known, axis=axis, keepdims=keepdims)


@implements(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    largest = np.finfo(np.result_type(plain(x))).max
    finite = np.where(np.isnan(x), nan, x)
    finite = np.where(np.isposinf(x), largest if posinf is None else posinf, finite)
    finite = np.where(np.isneginf(x), -largest if neginf is None else neginf, finite)
    if copy or isinstance(x, Dual):
        return finite
    x[...] = finite
    return x


@composed(np.bincount)
def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    n = max(int(np.max(x, initial=-1)) + 1, minlength)
    chosen = np.reshape(x, (-1, 1)) == np.arange(n)
    return np.sum(np.where(chosen, np.reshape(weights, (-1, 1)), 0.0), axis=0)


@composed(np.trapezoid if hasattr(np, "trapezoid") else np.trapz)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = np.moveaxis(operand(y), axis, -1)
    if x is not None:
        x = operand(x)
        dx = np.diff(x) if x.ndim == 1 else np.moveaxis(np.diff(x, axis=axis), axis, -1)
    return np.sum(dx * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)


@composed(np.interp)
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Between the points as NumPy; at a point the derivative is that from the right."""
    x, xp, fp = operand(x), operand(xp), operand(fp)
    if period is not None:
        period = abs(period)
        x, xp = x % period, xp % period
        order = np.argsort(plain(xp))
        xp = np.concatenate([xp[order[-1:]] - period, xp[order], xp[order[:1]] + period])
        fp, left, right = fp[[order[-1], *order, order[0]]], None, None
    cell = np.searchsorted(plain(xp), plain(x), side="right") - 1
    j = np.clip(cell, 0, max(len(xp) - 2, 0))
    k = np.minimum(j + 1, len(xp) - 1)
    inside = (fp[k] - fp[j]) / (xp[k] - xp[j]) * (x - xp[j]) + fp[j]
    outer = np.where(cell < 0, fp[0] if left is None else left, fp[-1])
    if right is not None:
        outer = np.where(plain(x) > plain(xp)[-1], right, outer)
    return np.where((cell < 0) | (cell >= len(xp) - 1), outer, inside)


composed(np.i0)(lambda x: bessel.i0(operand(x)))


@composed(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    p, x = operand(p), operand(x)
    y = 0.0 * x
    for coefficient in p:
        y = y * x + coefficient
    return y


@composed(np.linspace)
def _linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, *, axis: int = 0) -> Any:
    start, stop = np.broadcast_arrays(operand(start), operand(stop))
    step = np.arange(num, dtype=float) / max(num - endpoint, 1)
    step = step.reshape(-1, *(1,) * start.ndim)
    return np.moveaxis(start * (1 - step) + stop * step, 0, axis)


@implements(np.clip)
def _clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """The minimum of the maximum, so at a bound the average of inside and outside."""
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is not None:
        x = np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


@implements(np.fix)
def _fix(x: Any) -> Any:
    return np.trunc(x)


@implements(np.round, np.around)
def _round(x: Any, decimals: int = 0) -> Any:
    x = dual_array(x)
    return made(np.round(x._values, decimals), zeros(x._tangents.shape, x._values), x._level)


# --- differences, polynomials ---------------------------------------------------------------


@composed(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = operand(f)
    axes = range(f.ndim) if axis is None else [axis] if np.ndim(axis) == 0 else list(axis)
    if edge_order != 1 or len(varargs) not in (0, 1, len(axes)):
        raise TypeError("np.gradient of duals takes one spacing, or one for each axis, and edge_order=1")
    spacings = [1.0] * len(axes) if not varargs else list(varargs) * (len(axes) if len(varargs) == 1 else 1)
    found = [np.moveaxis(_slopes(np.moveaxis(f, k, 0), operand(h)), 0, k) for k, h in zip(axes, spacings, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _slopes(f: Any, h: Any) -> Any:
    """The second-order differences along the first axis; at the ends of first order (as NumPy's text has them)."""
    steps = np.diff(h) if h.ndim else h * np.ones(len(f) - 1)
    steps = steps.reshape(-1, *(1,) * (f.ndim - 1))
    slopes = np.diff(f, axis=0) / steps
    before, after = steps[:-1], steps[1:]
    inner = (after * slopes[:-1] + before * slopes[1:]) / (before + after)
    return np.concatenate([slopes[:1], inner, slopes[-1:]])


@composed(np.polyfit)
def _polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    if full or cov:
        raise TypeError("np.polyfit of duals gives the coefficients alone: full=False, cov=False")
    matrix, y = np.vander(operand(x), deg + 1), operand(y)
    if w is not None:
        w = operand(w)
        matrix, y = matrix * w[:, None], (y.T * w).T
    return np.linalg.lstsq(matrix, y, rcond=None)[0]


@composed(np.poly)
def _poly(roots: Any) -> Any:
    roots = operand(roots)
    if roots.ndim != 1:
        raise TypeError("np.poly of duals takes roots, not a matrix")
    coefficients = np.ones(1)
    for root in roots:
        one, more = np.append(coefficients, 0.0), np.append(0.0, coefficients)
        coefficients = one - root * more
    return coefficients


@composed(np.polyadd)
def _polyadd(a: Any, b: Any) -> Any:
    a, b = np.atleast_1d(operand(a)), np.atleast_1d(operand(b))
    n = max(len(a), len(b))
    return np.append(np.zeros(n - len(a)), a) + np.append(np.zeros(n - len(b)), b)


@composed(np.polysub)
def _polysub(a: Any, b: Any) -> Any:
    return _polyadd(a, -operand(b))


@composed(np.polymul)
def _polymul(a: Any, b: Any) -> Any:
    return np.convolve(np.atleast_1d(operand(a)), np.atleast_1d(operand(b)))


@composed(np.polyder)
def _polyder(p: Any, m: int = 1) -> Any:
    p = operand(p)
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@composed(np.polyint)
def _polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    p = operand(p)
    constants = [0.0] * m if k is None else list(np.atleast_1d(operand(k))) * (m if np.size(k) == 1 else 1)
    for i in range(m):
        p = np.append(p / np.arange(len(p), 0, -1), constants[i])
    return p


@composed(np.linalg.cond)
def _cond(x: Any, p: Any = None) -> Any:
    x = operand(x)
    if p in (None, 2, -2):
        values = np.linalg.svd(x, compute_uv=False)
        return values[..., 0] / values[..., -1] if p != -2 else values[..., -1] / values[..., 0]
    return np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, axis=(-2, -1))


# --- functions along axes and by parts ------------------------------------------------------


@implements(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    x = operand(x)
    conditions = [np.broadcast_to(np.asarray(plain(operand(c)), bool), x.shape) for c in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(funclist) != len(conditions):
        raise ValueError(f"{len(conditions)} conditions need as many functions, or one more, not {len(funclist)}")
    out = 0.0 * x
    for condition, f in zip(conditions, funclist, strict=True):
        if condition.any():
            out[condition] = f(x[condition], *args, **kw) if callable(f) else f
    return out


@implements(np.apply_along_axis)
def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    rows = np.moveaxis(operand(arr), axis, -1)
    found = [operand(func1d(rows[index], *args, **kwargs)) for index in np.ndindex(rows.shape[:-1])]
    whole = np.stack(found).reshape((*rows.shape[:-1], *found[0].shape))
    kept = rows.ndim - 1
    axis = axis % rows.ndim
    order = [*range(axis), *range(kept, whole.ndim), *range(axis, kept)]
    return whole.transpose(tuple(order))


@implements(np.block)
def _block(arrays: Any) -> Any:
    def joined(part: Any, axis: int) -> Any:
        if not isinstance(part, list):
            return part
        return np.concatenate([padded(joined(inner, axis + 1)) for inner in part], axis=axis)

    def depth(part: Any) -> int:
        return 1 + max(map(depth, part)) if isinstance(part, list) else 0

    def largest(part: Any) -> int:
        return max(map(largest, part)) if isinstance(part, list) else np.ndim(part)

    def padded(part: Any) -> Any:
        part = operand(part)
        return part.reshape((1,) * (ndim - part.ndim) + part.shape)

    ndim = max(depth(arrays), largest(arrays))
    return padded(joined(arrays, -depth(arrays))) if isinstance(arrays, list) else operand(arrays)


@implements(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if sparse:
        raise TypeError("np.meshgrid of duals gives whole arrays: sparse=False")
    rows = [operand(x).reshape(-1) for x in xi]
    shape = tuple(map(len, rows))
    upright = [x.reshape((1,) * k + (-1,) + (1,) * (len(rows) - 1 - k)) for k, x in enumerate(rows)]
    grids = [x * np.ones(shape, x.dtype) for x in upright]
    swapped = indexing == "xy" and len(rows) > 1
    return tuple(np.swapaxes(grid, 0, 1) if swapped else grid for grid in grids)


@implements(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    arr, values = operand(arr), operand(values)
    if axis is None:
        arr, axis = arr.reshape(-1), 0
    if np.ndim(obj) or values.ndim > max(arr.ndim - 1, 0):
        raise TypeError("np.insert of duals puts one number, or one slice, at one place: use np.concatenate")
    rows = np.moveaxis(arr, axis, 0)
    i = obj + len(rows) if obj < 0 else obj
    new = operand(values * np.ones(rows.shape[1:], rows.dtype)).reshape((1, *rows.shape[1:]))
    return np.moveaxis(np.concatenate([rows[:i], new, rows[i:]]), 0, axis)


@implements(np.resize)
def _resize(a: Any, new_shape: Any) -> Any:
    flat = operand(a).reshape(-1)
    n = int(np.prod(new_shape))
    return flat[np.arange(n) % max(len(flat), 1)].reshape(new_shape)


@implements(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return np.diag(operand(v).reshape(-1), k)


@implements(np.choose)
def _choose(a: Any, choices: Any) -> Any:
    choices = [operand(choice) for choice in choices]
    return np.select([plain(operand(a)) == i for i in range(len(choices))], choices)


@implements(np.compress)
def _compress(condition: Any, a: Any, axis: Any = None) -> Any:
    a, chosen = operand(a), np.nonzero(np.asarray(condition))[0]
    return a.reshape(-1)[chosen] if axis is None else np.take(a, chosen, axis=axis)


@implements(np.trim_zeros)
def _trim_zeros(filt: Any, trim: str = "fb") -> Any:
    x = operand(filt)
    kept = np.nonzero(plain(x))[0]
    first = kept[0] if len(kept) and "f" in trim.lower() else 0 if len(kept) or "f" not in trim.lower() else len(x)
    last = kept[-1] + 1 if len(kept) and "b" in trim.lower() else len(x)
    return x[first:last]


def _newer() -> dict[str, Callable[..., Any]]:
    """What NumPy 2 has new names for."""
    return {
        "cumulative_sum": lambda x, axis=None: np.cumsum(x, axis=axis),
        "cumulative_prod": lambda x, axis=None: np.cumprod(x, axis=axis),
        "unstack": lambda x, axis=0: tuple(np.moveaxis(x, axis, 0)),
        "astype": lambda x, dtype, copy=True: operand(x).astype(dtype, copy=copy),
    }


for _name, _definition in _newer().items():
    if hasattr(np, _name):
        implements(getattr(np, _name))(_definition)


# --- in place -------------------------------------------------------------------------------


@implements(np.put)
def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    indices, numbers = np.ravel(np.asarray(ind)), operand(v).reshape(-1)
    if mode != "raise":
        raise TypeError('np.put of duals takes mode="raise"')
    a[np.unravel_index(indices % a.size, a.shape)] = numbers[np.arange(len(indices)) % max(len(numbers), 1)]


@implements(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    chosen, numbers = np.asarray(plain(operand(mask)), bool), operand(vals).reshape(-1)
    arr[chosen] = numbers[np.arange(np.count_nonzero(chosen)) % max(len(numbers), 1)]


@implements(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    chosen, numbers = np.asarray(plain(operand(mask)), bool), operand(values).reshape(-1)
    a[chosen] = numbers[np.nonzero(chosen.reshape(-1))[0] % max(len(numbers), 1)]


@implements(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int) -> None:
    axis = axis % arr.ndim
    places = list(np.indices(indices.shape, sparse=True))
    places[axis] = indices
    arr[tuple(places)] = values
