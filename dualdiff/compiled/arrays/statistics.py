"""NumPy's statistics of arrays of duals inside compiled code: quantiles, covariances, and those that leave out NaN.

Each computes its values in the order of Numba's own function, so that they have the same bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types

from ...generated import function_from
from ..dual.layout import new_array
from ..dual.types import is_number, level_of_type
from .loops import assign, copied, expanded, flat, is_dual_array, is_numeric
from .reductions import OVER_ROWS, median_of
from .teaching import compiled, implements, is_none

# --- without NaN ----------------------------------------------------------------------------


@compiled
def _without_nan(row):
    kept = copied(row)
    n = 0
    for i in range(row.size):
        if not np.isnan(row[i]):
            kept[n] = row[i]
            n += 1
    return kept[:n]


def _teach_without_nan(function: Any, over: Any) -> None:
    @implements(function)
    def typed(a):
        return (lambda a: over(_without_nan(flat(a)))) if is_dual_array(a) else None


for _function in (np.sum, np.prod, np.mean, np.var, np.std):
    _teach_without_nan(getattr(np, f"nan{_function.__name__}"), OVER_ROWS[_function])
_teach_without_nan(np.nanmedian, median_of)


def _teach_extremum_without_nan(function: Any, over: Any) -> None:
    @implements(function)
    def typed(a):
        if not is_dual_array(a):
            return None

        def of_known(a):
            row = flat(a)
            known = _without_nan(row)
            return over(known if known.size > 0 else row)  # where there is no number it is NaN

        return of_known


for _function in (np.max, np.min):
    _teach_extremum_without_nan(getattr(np, f"nan{_function.__name__}"), OVER_ROWS[_function])


# --- quantiles ------------------------------------------------------------------------------


@compiled
def _quantile(a, q, scale, skips_nan):
    """The quantile q/scale: between the two elements beside it, linearly, as Numba has it."""
    if not 0 <= q <= scale:
        raise ValueError("Percentiles must be in the range [0, 100]; quantiles in the range [0, 1]")
    ordered = np.sort(flat(copied(a)))
    n = ordered.size
    while n > 0 and np.isnan(ordered[n - 1]):  # they are last
        n -= 1
    if n == 0 or (n < ordered.size and not skips_nan):
        return np.nan * ordered[0] if ordered.size > 0 else np.nan
    percent = q * (100.0 / scale)
    rank = 1 + (n - 1) * np.true_divide(percent, 100.0)
    below = math.floor(rank)
    part = rank - below
    lower, upper = ordered[below - 1], ordered[min(below, n - 1)]
    return lower if part == 0 else lower * (1 - part) + upper * part


def _teach_quantile(function: Any, scale: float, skips_nan: bool) -> None:
    @implements(function)
    def typed(a, q):
        if not is_dual_array(a) or level_of_type(q):
            return None
        if is_number(q):
            return lambda a, q: _quantile(a, q, scale, skips_nan)
        result = types.TypeRef(a.dtype)

        def of_several(a, q):
            out = new_array(len(q), result)
            for i in range(len(q)):
                out[i] = _quantile(a, q[i], scale, skips_nan)
            return out

        return of_several


for _function, _scale in ((np.percentile, 100.0), (np.quantile, 1.0)):
    _teach_quantile(_function, _scale, False)
    _teach_quantile(getattr(np, f"nan{_function.__name__}"), _scale, True)


# --- covariances ----------------------------------------------------------------------------


@compiled
def _covariance(rows, ddof):
    centred = copied(rows)
    m, n = centred.shape
    for i in range(m):
        total = 0.0
        for j in range(n):
            total += centred[i, j]
        for j in range(n):
            centred[i, j] -= total / n
    c = np.dot(centred, centred.T)
    factor = np.true_divide(1, max(n - ddof, 0.0))
    for i in range(m):
        for j in range(m):
            c[i, j] *= factor
    return c


def _text_of_rows(name: str, ty: Any) -> str:
    """The text for the variables in an argument, a row each."""
    return f"expanded({name}, 0)" if ty.ndim == 1 else f"({name} if rowvar or {name}.shape[0] == 1 else {name}.T)"


@implements(np.cov)
def _cov(m, y=None, rowvar=True, bias=False, ddof=None):
    given = {"m": m} if is_none(y) else {"m": m, "y": y}
    arrays = list(given.values())
    if not all(isinstance(t, types.Array) and is_numeric(t) and t.ndim <= 2 for t in arrays):
        return None
    if not any(map(is_dual_array, arrays)):
        return None
    rows = [_text_of_rows(name, t) for name, t in given.items()]
    joined = rows[0] if len(rows) == 1 else f"np.concatenate(({', '.join(rows)}))"
    number = ".reshape(())" * (len(rows) == 1 and m.ndim == 1)
    text = f"return _covariance({joined}, {'1 - bias' if is_none(ddof) else 'ddof'}){number}"
    scope = {"np": np, "expanded": expanded, "_covariance": _covariance}
    return function_from(f"def on_arrays(m, y=None, rowvar=True, bias=False, ddof=None):\n    {text}", scope)


@implements(np.corrcoef)
def _corrcoef(x, y=None, rowvar=True):
    if _cov(x, y) is None:
        return None
    if is_none(y) and x.ndim == 1:

        def of_one(x, y=None, rowvar=True):
            c = np.cov(x)
            return c / c

        return of_one

    def of_several(x, y=None, rowvar=True):
        c = np.cov(x, y, rowvar)
        m = c.shape[0]
        deviations = [c[i, i] ** 0.5 for i in range(m)]
        for i in range(m):
            for j in range(m):
                r = c[i, j] / deviations[max(i, j)] / deviations[min(i, j)]
                c[i, j] = np.sign(r) if abs(r) > 1 else r
        return c

    return of_several


# --- counts ---------------------------------------------------------------------------------


@implements(np.bincount)
def _bincount(a, weights, minlength=0):
    if not is_dual_array(weights):
        return None
    result = types.TypeRef(weights.dtype)

    def of_weights(a, weights, minlength=0):
        if len(a) != len(weights):
            raise ValueError("bincount(): weights and list don't have the same length")
        n = minlength
        for k in a:
            if k < 0:
                raise ValueError("bincount(): first argument must be non-negative")
            n = max(n, k + 1)
        out = new_array(n, result)
        assign(out, 0.0)
        for i in range(len(a)):
            out[a[i]] += weights[i]
        return out

    return of_weights


@implements(np.unique)
def _unique(ar):
    if not is_dual_array(ar):
        return None

    def of_array(ar):
        ordered = np.sort(flat(copied(ar)))
        n = min(ordered.size, 1)
        for i in range(1, ordered.size):
            if ordered[i] != ordered[i - 1]:
                ordered[n] = ordered[i]
                n += 1
        return ordered[:n]

    return of_array
