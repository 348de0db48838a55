"""NumPy's reductions and the functions that join, sort and select, on arrays of duals inside compiled code.

Each computes its values in the order of Numba's own function, so that they have the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from ...dual.logsumexp import log_softmax, logsumexp, softmax
from ...rules.special import cosine
from ..dual.layout import new_array
from ..dual.types import is_dual
from .loops import (
    copied,
    flat,
    is_dual_array,
    is_numeric,
    line,
    shape_with,
    shape_without,
    slab,
)
from .teaching import bare, checked_axis, compiled, implements, is_none

# --- reductions: of one row, in the order of memory -----------------------------------------


@compiled
def _sum(row):
    total = 0.0
    for i in range(row.size):
        total += row[i]
    return total


@compiled
def _prod(row):
    # by the product rule, element by element: never product/element, which fails at 0
    total = 1.0
    for i in range(row.size):
        total *= row[i]
    return total


@compiled
def _mean(row):
    return _sum(row) / row.size


@compiled
def _var(row):
    mean = _mean(row)
    total = 0.0
    for i in range(row.size):
        deviation = row[i] - mean
        total += deviation * deviation
    return total / row.size


@compiled
def _std(row):
    return _var(row) ** 0.5


@compiled
def _max(row):
    if row.size == 0:
        raise ValueError("zero-size array to reduction operation maximum which has no identity")
    most = row[0]
    for i in range(1, row.size):
        most = np.maximum(most, row[i])
    return most


@compiled
def _min(row):
    if row.size == 0:
        raise ValueError("zero-size array to reduction operation minimum which has no identity")
    least = row[0]
    for i in range(1, row.size):
        least = np.minimum(least, row[i])
    return least


@compiled
def _ptp(row):
    return _max(row) - _min(row)


@compiled
def median_of(row):
    """The median of one row: NaN if it is empty or has a NaN."""
    ordered = np.sort(row)
    n = row.size
    if n == 0:
        return np.nan
    if np.isnan(ordered[n - 1]):
        return ordered[n - 1]
    return ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2


def _teach_reduction(over: Any, *functions: Any, method: str) -> None:
    @implements(*functions, method=method)
    def typed(a, axis=None):
        if not is_dual_array(a):
            return None
        if is_none(axis):
            return lambda a, axis=None: over(flat(a))
        if a.ndim == 1:

            def of_vector(a, axis=None):
                checked_axis(axis, 1)
                return over(flat(a))

            return of_vector
        result = types.TypeRef(a.dtype)

        def along(a, axis=None):
            axis = checked_axis(axis, a.ndim)
            out = new_array(shape_without(a, axis), result)
            cells = flat(out)
            for i in range(cells.size):
                cells[i] = over(line(a, axis, i))
            return out

        return along


OVER_ROWS = {
    np.sum: _sum,
    np.prod: _prod,
    np.mean: _mean,
    np.var: _var,
    np.std: _std,
    np.max: _max,
    np.min: _min,
    np.ptp: _ptp,
}
"""The reductions that are methods, too, of one row."""

for _function, _over in OVER_ROWS.items():
    _teach_reduction(_over, _function, method=_function.__name__)
_teach_reduction(median_of, np.median, method="")


# --- running sums and differences -----------------------------------------------------------


@implements(np.cumsum, method="cumsum")
def _cumsum(a):
    if not is_dual_array(a):
        return None

    def running(a):
        out = flat(copied(a))
        for i in range(1, out.size):
            out[i] = out[i - 1] + out[i]
        return out

    return running


@implements(np.cumprod, method="cumprod")
def _cumprod(a):
    if not is_dual_array(a):
        return None

    def running(a):
        out = flat(copied(a))
        for i in range(1, out.size):
            out[i] = out[i - 1] * out[i]
        return out

    return running


@implements(np.diff)
def _diff(a, n=1):
    if not is_dual_array(a):
        return None

    def repeated(a, n=1):
        if n < 0:
            raise ValueError("order must be non-negative")
        axis = a.ndim - 1
        out = copied(a)
        for _ in range(n):
            m = max(out.shape[axis] - 1, 0)
            out = slab(out, axis, out.shape[axis] - m, m) - slab(out, axis, 0, m)
        return out

    return repeated


@compiled
def _logsumexp(row):
    largest = -np.inf
    for i in range(row.size):
        largest = max(largest, bare(row[i]))
    shift = largest if np.isfinite(largest) else 0.0
    total = 0.0
    for i in range(row.size):
        total += np.exp(row[i] - shift)
    return np.log(total) + shift


@compiled
def _along(x, axis, out):
    cells = flat(out)
    for i in range(cells.size):
        cells[i] = _logsumexp(line(x, axis, i))
    return out


@implements(logsumexp, prefer_literal=True)
def _of_arrays(x, axis=None, keepdims=False):
    keepdims = getattr(keepdims, "literal_value", getattr(keepdims, "value", keepdims))
    if not is_numeric(x) or not isinstance(keepdims, bool):
        return None
    if not isinstance(x, types.Array):
        return lambda x, axis=None, keepdims=False: x + 0.0
    if not keepdims and (is_none(axis) or x.ndim == 1):
        return lambda x, axis=None, keepdims=False: _logsumexp(flat(x))
    if is_none(axis):
        return None
    result = types.TypeRef(x.dtype if is_dual(x.dtype) else types.float64)

    if keepdims:

        def with_the_axis(x, axis=None, keepdims=False):
            axis = checked_axis(axis, x.ndim)
            return _along(x, axis, new_array(shape_with(x, axis, 1), result))

        return with_the_axis

    def without_the_axis(x, axis=None, keepdims=False):
        axis = checked_axis(axis, x.ndim)
        return _along(x, axis, new_array(shape_without(x, axis), result))

    return without_the_axis


@implements(log_softmax)
def _log_softmax(x, axis=None):
    if not isinstance(x, types.Array) or not is_numeric(x):
        return None
    if is_none(axis) or x.ndim == 1:

        def on_all(x, axis=None):
            z = x - logsumexp(bare(x))
            return z - logsumexp(z)

        return on_all

    def along(x, axis=None):
        z = x - logsumexp(bare(x), axis, True)
        return z - logsumexp(z, axis, True)

    return along


@implements(softmax)
def _softmax(x, axis=None):
    if not isinstance(x, types.Array) or not is_numeric(x):
        return None
    return lambda x, axis=None: np.exp(log_softmax(x, axis))


@compiled
def undefined(row):
    """0, whose derivatives are NaN: at a kink the direction of a vector is 0, but how it changes is undefined."""
    total = 0.0
    for i in range(row.size):
        total += cosine(row[i], row[i])
    return total
