"""Existing ``@njit`` code runs on duals as it stands: functions that it calls, however they are reached."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import derivative, gradient

from ..helpers.squares import (
    WEIGHTS,
    assert_squares,
    mapped,
    square,
    square_of_a_float,
    store_at,
    store_squares,
    ways,
)

SQUARES, squares = ways()


@njit
def squared(x):
    out = np.zeros(x.size)
    for i in range(x.size):
        out[i] = square(x[i])
    return out


@njit
def same(x):
    return x


@njit
def blank(n):
    return np.zeros(n)


@njit
def halves(x):
    return x[:2], x[2:]


@njit
def power(u, n):
    return 1.0 if n == 0 else u * power(u, n - 1)


@squares
def helper_of_the_module(x):
    return squared(x)


@squares
def helper_with_an_explicit_signature(x):
    out = np.empty(4)
    for i in range(4):
        out[i] = square_of_a_float(x[i])
    return out


@squares
def helper_as_an_argument_of_another(x):
    return mapped(square, x)


@squares
def helper_as_a_local_name(x):
    function = squared
    return function(x)


@squares
def helper_that_fills_an_argument(x):
    out = np.empty(4)
    store_squares(x, out)
    return out


@squares
def helper_that_fills_a_view(x):
    out = np.empty((2, 4))
    store_squares(x, out[1])
    return out[1]


@squares
def helper_called_by_keyword(x):
    out = np.empty(4)
    store_squares(out=out, x=x)
    return out


@squares
def helper_that_stores_one_element(x):
    out = np.zeros(4)
    for i in range(4):
        store_at(out, i, x[i] * x[i])
    return out


@squares
def helper_that_returns_its_argument(x):
    out = np.zeros(4)
    alias = same(out)
    for i in range(4):
        alias[i] = x[i] * x[i]
    return out


@squares
def helper_that_makes_the_buffer(x):
    out = blank(4)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def helper_that_returns_views(x):
    out = np.zeros(4)
    low, high = halves(out)
    for i in range(2):
        low[i] = x[i] * x[i]
        high[i] = x[i + 2] * x[i + 2]
    return out


@squares
def helper_that_is_recursive(x):
    out = np.zeros(4)
    for i in range(4):
        out[i] = power(x[i], 2)
    return out


@squares
def helper_written_inside(x):
    def inner(u):
        return u * u

    out = np.zeros(4)
    for i in range(4):
        out[i] = inner(x[i])
    return out


@squares
def helper_with_starred_arguments(x):
    pair = (x, x)
    return product(*pair)


@njit
def product(a, b):
    out = np.zeros(a.size)
    for i in range(a.size):
        out[i] = a[i] * b[i]
    return out


def closure(function, weights):
    @squares
    def helper_and_array_of_a_closure(x):
        out = np.zeros(4)
        for i in range(4):
            out[i] = function(x[i]) * weights[i] / weights[i]
        return out


closure(square, WEIGHTS)


@squares
def helper_as_a_default_argument(x, function=square):
    out = np.zeros(4)
    for i in range(4):
        out[i] = function(x[i])
    return out


@pytest.mark.parametrize("name", SQUARES)
def test_existing_code_is_differentiated_as_it_stands(name: str) -> None:
    assert_squares(SQUARES[name])


module = ModuleType("module")
module.square = square
FUNCTIONS = (square, njit(lambda u: 2.0 * u))
EVEN, ODD = np.array([0, 2]), np.array([1, 3])


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaExperimentalFeatureWarning")
def test_helpers_are_reached_as_attributes_of_modules_and_in_tuples() -> None:
    of_module = njit(lambda u: module.square(u) * u)
    of_tuple = njit(lambda u: FUNCTIONS[0](u) * FUNCTIONS[1](u))
    before = dict(square.overloads)
    assert derivative(of_module)(2.0) == 12.0
    assert derivative(of_tuple)(2.0) == 24.0
    assert square.overloads == before


def test_constant_arrays_of_indices() -> None:
    f = njit(lambda x: (x[EVEN] * x[ODD]).sum())
    np.testing.assert_array_equal(gradient(f)(np.array([1.0, 2.0, 3.0, 4.0])), [2.0, 1.0, 4.0, 3.0])


def doubled_calls(depth: int) -> Any:
    """Helpers each of which calls the next one twice."""
    f = njit(lambda u: u * u)
    for _ in range(depth):
        f = twice(f)
    return f


def twice(inner: Any) -> Any:
    return njit(lambda u: 0.5 * inner(u) + 0.25 * inner(u))


def test_what_is_known_of_helpers_is_found_out_once() -> None:
    depth = 12  # 2^12 ways lead to the last of them
    f = twice_stored(doubled_calls(depth))
    np.testing.assert_allclose(gradient(f)(np.array([3.0])), [6.0 * 0.75**depth], rtol=1e-13)


def twice_stored(inner: Any) -> Any:
    @njit
    def f(x):
        w = np.zeros(1)
        w[0] = inner(x[0])
        return w[0]

    return f
