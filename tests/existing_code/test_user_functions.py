"""Existing ``@njit`` code runs on duals as it stands: what users do with their own functions."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from numba import njit, prange

from dualdiff import CompilationError, derivative, gradient, jacobian

from ..helpers.squares import (
    WEIGHTS,
    X,
    from_text,
    mapped,
    square,
    square_of_a_float,
)

# --- further arguments ----------------------------------------------------------------------


def test_a_number_taken_from_an_argument_of_floats_may_become_a_dual() -> None:
    @njit
    def f(x, weights):
        s = weights[0]
        for i in range(x.size):
            s += x[i] * weights[i]
        return s

    np.testing.assert_array_equal(gradient(f)(X, WEIGHTS), WEIGHTS)
    np.testing.assert_array_equal(gradient(njit(lambda x: f(x, WEIGHTS)))(X), WEIGHTS)


def test_a_loop_that_starts_from_an_argument_of_floats() -> None:
    @njit
    def euler(rate, y0, steps):
        y = y0
        for _ in range(steps):
            y = y + 0.1 * rate * y
        return y

    slopes = derivative(euler)(2.0, WEIGHTS, 3)
    np.testing.assert_allclose(slopes, 3 * 0.1 * 1.2**2 * WEIGHTS, rtol=1e-14)

    @njit
    def guarded_step(rate, y0):
        if rate > 100.0:
            return y0
        return y0 * rate

    weights = WEIGHTS.copy()
    np.testing.assert_array_equal(derivative(guarded_step)(2.0, weights), WEIGHTS)
    np.testing.assert_array_equal(derivative(guarded_step)(200.0, weights), np.zeros(4))
    np.testing.assert_array_equal(weights, WEIGHTS)


def test_an_argument_that_is_written_to_is_not_replaced() -> None:
    @njit
    def fill(out, u):
        out[0] = u

    @njit
    def f(x, weights):
        y = weights
        fill(y, 7.0)
        if x[0] > 100.0:
            y = x * x
        return weights[0] * x[0] + y.size

    with pytest.raises(CompilationError, match=r"Cannot unify.*\n.*copy"):
        gradient(f)(X, WEIGHTS.copy())


def test_a_function_may_be_an_argument() -> None:
    np.testing.assert_allclose(jacobian(mapped, argnums=1)(square, X), np.diag(2 * X))


def test_an_omitted_buffer_is_made_for_duals() -> None:
    @njit
    def f(x, out=None):
        if out is None:
            out = np.zeros(x.size)
        for i in range(x.size):
            out[i] = x[i] * x[i]
        return out.sum()

    np.testing.assert_array_equal(gradient(f)(X), 2 * X)


# --- what is raised -------------------------------------------------------------------------


PICKY = """
def f(x):
    assert x[1] < 100, "x[1] is too large"
    if x[0] > 100:
        raise ValueError("x[0] is too large")
    return x[0] * x[1]
"""


def test_exceptions_come_through_and_the_next_call_is_right() -> None:
    slope = gradient(njit(from_text(PICKY)))
    for bad, error in ((np.array([200.0, 1.0]), ValueError), (np.array([1.0, 200.0]), AssertionError)):
        with pytest.raises(error, match="is too large"):
            slope(bad)
        np.testing.assert_array_equal(slope(np.array([2.0, 3.0])), [3.0, 2.0])


# --- the user's own functions ---------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaPerformanceWarning")
@pytest.mark.parametrize("option", ["fastmath", "parallel", "boundscheck", "nogil", "forceinline"])
def test_options_of_the_function_are_not_in_the_way(option: str) -> None:
    @njit(**{option: True})
    def f(x):
        out = np.zeros(x.size)
        for i in prange(x.size):
            out[i] = x[i] * x[i]
        return out.sum()

    np.testing.assert_array_equal(gradient(f)(X), 2 * X)


def test_a_function_with_an_explicit_signature() -> None:
    assert derivative(square_of_a_float)(3.0) == 6.0


def test_the_users_dispatchers_are_not_touched() -> None:
    @njit
    def helper(u):
        return u * u

    @njit
    def f(x):
        s = 0
        for u in x:
            s += helper(u)
        return s

    f(X)
    before = [(list(d.overloads), d.targetoptions.copy(), d.py_func) for d in (f, helper)]
    gradient(f)(X)
    assert [(list(d.overloads), d.targetoptions, d.py_func) for d in (f, helper)] == before
    assert f(X) == np.sum(X * X)


def test_a_function_that_was_never_called_stays_uncompiled() -> None:
    f = njit(lambda x: x[0] * x[1])
    gradient(f)(X)
    assert not f.overloads


CACHED = """
from numba import njit

@njit(cache=True)
def helper(u):
    return u * u

@njit(cache=True)
def f(x):
    s = 0.0
    for u in x:
        s += helper(u)
    return s
"""


def test_cached_functions_are_differentiated_and_their_cache_is_not_touched(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "cached_functions_of_a_user.py").write_text(CACHED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    import cached_functions_of_a_user as module

    module.f(X)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nb*")}
    assert before
    np.testing.assert_array_equal(gradient(module.f)(X), 2 * X)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nb*")} == before


# --- recursive functions --------------------------------------------------------------------


@njit("float64(float64, int64)")
def annotated_power(x, n):
    if n == 0:
        return 1.0
    return x * annotated_power(x, n - 1)


@njit
def inferred_power(x, n):
    if n == 1:
        return x
    return x * inferred_power(x, n - 1)


@pytest.mark.parametrize("f", [annotated_power, inferred_power])
def test_a_recursive_function_itself(f: Any) -> None:
    x = np.array([1.0, 1.3, 2.0])
    assert derivative(f)(1.3, 5) == pytest.approx(5 * 1.3**4, rel=1e-15)
    np.testing.assert_allclose(derivative(f)(x, 5), 5 * x**4, rtol=1e-15)
    assert derivative(derivative(f))(1.3, 5) == pytest.approx(20 * 1.3**3, rel=1e-15)
