"""NumPy's statistics of arrays of duals: quantiles, covariances, and those that leave out NaN.

Each is written out for its tangents; its value is what NumPy's own function computes, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dual.levels import operand, plain
from ..dual.nesting import level_of
from .composed import composed
from .linear import dual_array, merged_last
from .registry import implements

# --- without NaN ----------------------------------------------------------------------------


def _known(x: Any) -> Any:
    return ~np.isnan(plain(x))


@composed(np.nanprod)
def _nanprod(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.prod(np.where(_known(x), x, 1.0), axis=axis, keepdims=keepdims)


@composed(np.nanvar)
def _nanvar(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims, where=_known(x))


@composed(np.nanstd)
def _nanstd(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    return np.std(x, axis=axis, ddof=ddof, keepdims=keepdims, where=_known(x))


def _extreme_without_nan(function: Any, over: Any, least: float) -> None:
    @composed(function)
    def extreme(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        result = over(np.where(_known(x), x, least), axis=axis, keepdims=keepdims)
        return np.where(np.any(_known(x), axis=axis, keepdims=keepdims), result, np.nan)


_extreme_without_nan(np.nanmax, np.max, -np.inf)
_extreme_without_nan(np.nanmin, np.min, np.inf)


# --- quantiles ------------------------------------------------------------------------------


def _teach_quantile(function: Any, scale: float, skips_nan: bool) -> None:
    @composed(function)
    def quantile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
        if method != "linear":
            raise TypeError(f"{function.__name__} of duals with method {method!r} is not supported: only 'linear' is")
        q = operand(q)
        if q.ndim:
            each = [quantile(x, part, axis, keepdims=keepdims) for part in q.reshape(-1)]
            return np.stack(each).reshape(q.shape + np.shape(each[0]))
        rows = np.sort(merged_last(dual_array(x), axis), axis=-1)  # NaN comes last
        known = np.sum(_known(rows), axis=-1, keepdims=True)
        rank = q / scale * (known - 1)
        below = np.floor(plain(rank)).astype(int)
        lower, upper = (
            np.take_along_axis(rows, np.clip(k, 0, np.maximum(known - 1, 0)), -1) for k in (below, below + 1)
        )
        result = np.where(rank == below, lower, lower * (1 - (rank - below)) + upper * (rank - below))
        missing = known == 0 if skips_nan else known < rows.shape[-1]
        result = np.where(missing, np.nan, result)[..., 0]
        return np.reshape(result, np.sum(plain(x), axis=axis, keepdims=True).shape) if keepdims else result


for _function, _scale in ((np.percentile, 100.0), (np.quantile, 1.0)):
    _teach_quantile(_function, _scale, False)
    _teach_quantile(getattr(np, f"nan{_function.__name__}"), _scale, True)


@composed(np.nanmedian)
def _nanmedian(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.nanquantile(x, 0.5, axis=axis, keepdims=keepdims)


# --- covariances ----------------------------------------------------------------------------


def _variables(m: Any, rowvar: bool) -> Any:
    """The variables, a row each."""
    m = operand(m)
    if m.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    return m.reshape(1, -1) if m.ndim < 2 else m if rowvar or m.shape[0] == 1 else m.T


@composed(np.cov)
def _cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None) -> Any:
    rows = _variables(m, rowvar)
    if y is not None:
        rows = np.concatenate([rows, _variables(y, rowvar)])
    centred = rows - np.mean(rows, axis=1, keepdims=True)
    count = rows.shape[1] - (1 - bias if ddof is None else ddof)
    c = centred @ centred.T / max(count, 0)
    return c[0, 0] if c.shape == (1, 1) else c


@composed(np.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    c = _cov(x, y, rowvar)
    if not np.ndim(c):
        return c / c
    deviations = np.sqrt(np.diagonal(c))
    return c / deviations[:, None] / deviations


# --- histograms -----------------------------------------------------------------------------


@composed(np.histogram)
def _histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """The counts are constant but where a number moves from bin to bin; weights, edges and density have derivatives."""
    if isinstance(bins, str):
        raise TypeError(f"histogram of duals with bins={bins!r} is not supported: give their number, or the edges")
    a = np.ravel(operand(a))
    if np.ndim(bins):
        edges = operand(bins)
    else:
        low, high = (np.min(a), np.max(a)) if range is None else range
        half = 0.5 if plain(low) == plain(high) else 0.0
        edges = np.linspace(low - half, high + half, int(bins) + 1)
    known = plain(edges)
    counts = np.histogram(plain(a), known, weights=None if weights is None else plain(weights))[0]
    if weights is not None and level_of(weights) > 0:
        place = np.searchsorted(known, plain(a), side="right") - 1
        place = np.where(plain(a) == known[-1], len(known) - 2, place)
        inside = (place >= 0) & (place < len(known) - 1)
        counts = np.bincount(place[inside], np.ravel(operand(weights))[inside], minlength=len(known) - 1)
    if density:
        counts = counts / (np.diff(edges) * np.sum(counts))
    return counts, edges


# --- sequences ------------------------------------------------------------------------------


@composed(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    given = [to_begin, np.diff(np.ravel(operand(ary))), to_end]
    return np.concatenate([np.ravel(operand(part)) for part in given if part is not None])


@composed(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * np.pi) -> Any:
    return dual_array(p) + 0.0  # what is added does not depend on p


def _rearranged(function: Any, order: Callable[..., Any]) -> None:
    @implements(function)
    def on_batch(x: Any, *args: Any, axis: int = -1) -> Any:
        x = dual_array(x)
        return np.take_along_axis(x, order(plain(x), *args, axis=axis), axis)


_rearranged(np.partition, np.argpartition)


@implements(np.unique)
def _unique(ar: Any) -> Any:
    row = np.ravel(dual_array(ar))
    return row[np.unique(plain(row), return_index=True)[1]]
