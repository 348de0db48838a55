"""Reductions that NumPy does not have, inside compiled code: on plain arrays and on arrays of duals."""

# Numba compares the signatures of an overload and its implementation, annotations included:
# functions that it compiles have none here.

from __future__ import annotations

import numpy as np
from numba.core import types

from ...dual.logsumexp import logsumexp
from ..dual.layout import new_array
from ..dual.types import is_dual
from .loops import flat, is_numeric, line, shape_with, shape_without
from .reductions import bare, checked_axis, compiled, implements, is_none


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
