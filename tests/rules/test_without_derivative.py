"""Every function that gives no derivative is one that has none: its results are truth values, counts or steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dualdiff.rules.array_functions import of_kind
from dualdiff.rules.table import FLAT, VALUE_ONLY

X = np.random.default_rng(0).normal(size=(4, 4))
ROW = X[0]
SORTED = np.sort(ROW)


@pytest.mark.parametrize("function", sorted(FLAT, key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_a_flat_function_is_a_step_function(function: Any) -> None:
    random = np.random.default_rng(1)
    points = random.uniform(-9, 9, (function.nin, 10_000))
    near = points * (1 + random.choice([-1e-12, 1e-12], points.shape))
    same = function(*points) == function(*near)
    assert same.mean() > 0.999  # but for the steps themselves


@pytest.mark.parametrize("function", sorted(VALUE_ONLY, key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_a_predicate_gives_truth_values(function: Any) -> None:
    assert function(*(X,) * function.nin).dtype == bool


CALLS: dict[Any, Callable[[], Any]] = {
    np.lexsort: lambda: np.lexsort((ROW, ROW)),
    np.argpartition: lambda: np.argpartition(ROW, 2),
    np.searchsorted: lambda: np.searchsorted(SORTED, ROW),
    np.digitize: lambda: np.digitize(ROW, SORTED),
    np.allclose: lambda: np.allclose(ROW, ROW),
    np.isin: lambda: np.isin(ROW, SORTED[:2]),
    np.isclose: lambda: np.isclose(ROW, SORTED),
    np.array_equal: lambda: np.array_equal(ROW, ROW),
    np.array_equiv: lambda: np.array_equiv(ROW, ROW),
    np.shares_memory: lambda: np.shares_memory(ROW, X),
}
"""Of those that are not called with one array."""

OTHERS = {np.result_type: np.dtype, np.shape: tuple}
"""What gives neither numbers nor truth values."""


@pytest.mark.parametrize("function", sorted(of_kind("values"), key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_what_looks_at_values_alone_gives_indices_counts_or_truth_values(function: Any) -> None:
    result = CALLS.get(function, lambda: function(X))()
    if function in OTHERS:
        assert isinstance(result, OTHERS[function])
    elif function is np.imag:
        assert not np.any(result)  # of reals
    else:
        parts = result if isinstance(result, tuple) else (result,)
        assert all(np.asarray(part).dtype.kind in "biu" for part in parts)
