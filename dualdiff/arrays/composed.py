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
from ..rules.array_functions import of_kind
from .dual_array import DualArray
from .linear import dual_array, merged_last, takes_dtype
from .registry import implements


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
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """Between the points as NumPy; at a point the derivative is that from the right."""
    x, xp, fp = operand(x), operand(xp), operand(fp)
    cell = np.searchsorted(plain(xp), plain(x), side="right") - 1
    j = np.clip(cell, 0, max(len(xp) - 2, 0))
    k = np.minimum(j + 1, len(xp) - 1)
    inside = (fp[k] - fp[j]) / (xp[k] - xp[j]) * (x - xp[j]) + fp[j]
    outer = np.where(cell < 0, fp[0] if left is None else left, fp[-1])
    if right is not None:
        outer = np.where(plain(x) > plain(xp)[-1], right, outer)
    return np.where((cell < 0) | (cell >= len(xp) - 1), outer, inside)


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
