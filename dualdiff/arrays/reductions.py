"""Products, extremes, sorting and what only looks at values, on arrays of duals."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..dual.levels import _array, made, operand, plain, promoted, union
from ..dual.logsumexp import logsumexp, shift
from ..dual.nesting import level_of
from ..rules.array_functions import of_kind
from .dual_array import DualArray
from .linear import _after_lanes, dual_array, merged_last, takes_dtype
from .registry import FUNCTIONS, implements
from .ufuncs import scaled_array

# --- products: never divided by a factor, which may be 0 ------------------------------------


@implements(np.prod)
def _prod(x: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    x = dual_array(x)
    if where is not True:
        x = np.where(where, x, 1.0)
    values = np.prod(x._values, axis=axis, keepdims=keepdims)
    with np.errstate(all="ignore"):
        lanes = _merged_lanes(x, axis)
        tangents = np.sum(scaled_array(_others(merged_last(x._values, axis)), lanes), axis=-1)
    result = made(values, tangents.reshape(len(tangents), *np.shape(values)), x._level)
    return result if initial is None else result * initial


def _merged_lanes(x: DualArray, axis: Any) -> Any:
    axes = tuple(range(1, x.ndim + 1)) if axis is None else _after_lanes(axis)
    return merged_last(x._tangents, axes)


def _others(factors: Any) -> Any:
    """For each factor along the last axis the product of the others."""
    one = np.ones_like(factors[..., :1])
    before = np.cumprod(np.concatenate([one, factors[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([one, factors[..., :0:-1]], axis=-1), axis=-1)
    return before * after[..., ::-1]


@implements(np.cumprod)
def _cumprod(x: Any, axis: Any = None) -> Any:
    # (P, dP) of neighbouring stretches merge to (P Q, dP Q + P dQ): log2(n) steps of doubling length
    x = dual_array(x)
    values = np.cumprod(x._values, axis=axis)
    with np.errstate(all="ignore"):
        if axis is None:
            x, axis = x.reshape(-1), 0
        p, t = np.moveaxis(x._values, axis, -1), np.moveaxis(x._tangents, _after_lanes(axis), -1)
        step = 1
        while step < p.shape[-1]:
            grown = scaled_array(p[..., step:], t[..., :-step]) + scaled_array(p[..., :-step], t[..., step:])
            t = np.concatenate([t[..., :step], grown], axis=-1)
            p = np.concatenate([p[..., :step], p[..., :-step] * p[..., step:]], axis=-1)
            step *= 2
        return _array(values, np.moveaxis(t, -1, _after_lanes(axis)), x._level)


takes_dtype(np.prod, np.cumprod)


# --- extremes -------------------------------------------------------------------------------


def _extreme(function: Any, index: Any, pair: Any) -> None:
    """``np.max`` as the reduce of ``np.maximum``, or ``np.min``: at a tie it halves at each step."""

    @functools.wraps(function)
    def reduce(x: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
        x = dual_array(x)
        if not x.size and initial is not None:
            return np.sum(x, axis, keepdims=keepdims) + initial
        if where is not True:
            if initial is None:
                raise ValueError(f"reduction operation {function.__name__} with where needs an initial value")
            x = np.where(where, x, initial)
        values = function(x._values, axis=axis, keepdims=keepdims)
        rows = merged_last(plain(x), axis)
        lanes = _merged_lanes(x, axis)
        if (rows == function(rows, axis=-1, keepdims=True)).sum() == rows[..., 0].size:
            place = index(rows, axis=-1)[None, ..., None]
            tangents = np.take_along_axis(lanes, place, axis=-1)[..., 0]
        else:
            weights = _tie_weights(rows, function(rows, axis=-1, keepdims=True))
            tangents = np.sum(np.where(weights == 0, 0.0, scaled_array(weights, lanes)), axis=-1)
        result = made(values, tangents.reshape(len(tangents), *np.shape(values)), x._level)
        return result if initial is None else pair(result, initial)

    implements(function)(reduce)


def _tie_weights(rows: np.ndarray, extreme: np.ndarray) -> np.ndarray:
    """1/2 for the last of the tied, 1/4 for the one before, ..., the first two alike."""
    tied = rows == extreme
    later = np.cumsum(tied[..., ::-1], axis=-1)[..., ::-1] - tied
    first = tied & (np.cumsum(tied, axis=-1) == 1)
    weights = np.where(tied, 0.5 ** (later + ~first), 0.0)
    return np.where(np.isnan(extreme), np.nan, weights)


_extreme(np.max, np.argmax, np.maximum)
_extreme(np.min, np.argmin, np.minimum)
FUNCTIONS[np.amax], FUNCTIONS[np.amin] = FUNCTIONS[np.max], FUNCTIONS[np.min]


@implements(np.sort)
def _sort(x: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Any:
    x = dual_array(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    return np.take_along_axis(x, np.argsort(plain(x), axis=axis, kind="stable"), axis)


@implements(logsumexp)
def _logsumexp(x: DualArray, axis: Any, keepdims: bool) -> Any:
    values = logsumexp(x._values, axis, keepdims)
    with np.errstate(all="ignore"):
        e = np.exp(x._values - shift(plain(x), axis))
        total = np.sum(e, axis=axis, keepdims=True)
        softmax = np.where(plain(total) == 0, 0.0, e / total)
        axes = tuple(range(1, x.ndim + 1)) if axis is None else _after_lanes(axis)
        return made(values, np.sum(scaled_array(softmax, x._tangents), axis=axes, keepdims=keepdims), x._level)


# --- functions that look at values alone ----------------------------------------------------


def _bare(x: Any) -> Any:
    return plain(x) if level_of(x) else x


def value_only(function: Any) -> None:
    """Enter a function of the values alone."""

    @implements(function)
    @functools.wraps(function)
    def on_batches(*args: Any, **kwargs: Any) -> Any:
        return function(*map(_bare, args), **{name: _bare(x) for name, x in kwargs.items()})


for _function in of_kind("values"):
    value_only(_function)


# --- making and copying batches -------------------------------------------------------------


def _filled_like(function: Any, value: float) -> None:
    @implements(function)
    def filled(x: Any, dtype: Any = None, *, shape: Any = None) -> Any:
        return np.full_like(x, value, dtype=dtype, shape=shape)


for _function, _value in ((np.zeros_like, 0.0), (np.ones_like, 1.0), (np.empty_like, 0.0)):
    _filled_like(_function, _value)


@implements(np.full_like)
def _full_like(x: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """A new batch of the kind of ``x``, and of ``fill_value`` too; a plain array of a type that no dual has."""
    x, fill = operand(x), operand(fill_value)
    shape = x.shape if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
    dtype = x.dtype if dtype is None else np.dtype(dtype)
    if dtype.char not in "fd":
        return np.full(shape, fill, dtype)
    result = promoted(np.zeros(shape, dtype), union(x, fill))
    result[...] = fill
    return result


@implements(np.copy)
def _copy(x: Any, order: str = "K") -> Any:
    return dual_array(x).copy()


@implements(np.copyto)
def _copyto(target: Any, source: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(target, DualArray):
        raise TypeError(
            "duals cannot be stored in a plain array: make it with np.zeros(n, like=x) or np.zeros_like(x), x being an "
            "array of duals, and write y = y + x rather than y += x where y is a plain array"
        )
    if where is True:
        target[...] = source
        return
    target[...] = np.where(where, operand(source), target)


@implements(np.fill_diagonal)
def _fill_diagonal(x: DualArray, value: Any) -> None:
    if x.ndim != 2:
        raise TypeError("fill_diagonal of duals takes a matrix")
    n = np.arange(min(x.shape))
    x[n, n] = value
