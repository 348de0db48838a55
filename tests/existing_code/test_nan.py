"""NaN in gives NaN out, and gaps in the data that a function fills or leaves out lose no derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import derivative, gradient, hessian, jacobian, jvp, value_and_jacobian, vmap


@njit
def helper(x, n):
    return n * x


@njit
def in_place(x):
    y = x
    y *= round(x)
    return y


ROUNDED: dict[str, tuple[Callable[[float], float], float]] = {
    "round": (njit(lambda x: round(x) * x), 2.0),
    "floor": (njit(lambda x: math.floor(x) * x), 2.0),
    "int": (njit(lambda x: int(x) * x), 2.0),
    "ceil, from the right": (njit(lambda x: x * math.ceil(x)), 3.0),
    "trunc, below": (njit(lambda x: x / math.trunc(x)), 0.5),
    "np.multiply": (njit(lambda x: np.multiply(int(x), x)), 2.0),
    "in an expression": (njit(lambda x: 3.0 + int(x) * x * 0.5 - 1.0), 1.0),
    "in place": (in_place, 2.0),
    "in a helper": (njit(lambda x: helper(x, int(x))), 2.0),
    "np.round": (njit(lambda x: np.round(x) * x), 2.0),
    "np.around, by digits": (njit(lambda x: np.around(x, 1) * x), 2.3),
}
"""Functions, and their derivatives at 2.3."""


@pytest.mark.parametrize("name", ROUNDED)
def test_an_integer_rounded_from_nan_is_no_slope(name: str) -> None:
    f, slope = ROUNDED[name]
    x = np.array([2.3, math.nan, 2.3, 2.3])
    assert derivative(f)(2.3) == slope
    assert math.isnan(derivative(f)(math.nan))
    np.testing.assert_array_equal(vmap(derivative(f))(x), [slope, math.nan, slope, slope])


def test_also_in_gradients_and_second_derivatives() -> None:
    f = njit(lambda x: int(x[0]) * x[0] * x[1])
    np.testing.assert_array_equal(gradient(f)(np.array([2.3, 5.0])), [10.0, 4.6])
    np.testing.assert_array_equal(gradient(f)(np.array([math.nan, 5.0])), [math.nan, math.nan])
    np.testing.assert_array_equal(hessian(f)(np.array([2.3, 5.0])), [[0, 2], [2, 0]])
    assert np.isnan(hessian(f)(np.array([math.nan, 5.0]))[0, 1])


def test_integer_factors_of_duals_in_single_precision() -> None:
    f = njit(lambda x: len("four") * x)
    result = vmap(derivative(f))(np.full(3, 2.0, np.float32))
    np.testing.assert_array_equal(result, [4, 4, 4])


NAN_TO_NUM = {
    "values alone": lambda x: np.nan_to_num(x),
    "by nan": lambda x: np.nan_to_num(x, nan=5.0),
    "by all": lambda x: np.nan_to_num(x, nan=5.0, posinf=6.0, neginf=7.0),
}


@pytest.mark.parametrize("name", NAN_TO_NUM)
@pytest.mark.parametrize("compile", [njit, lambda f: f], ids=["@njit", "Python"])
def test_nan_to_num_of_a_number(name: str, compile: Any) -> None:
    f = NAN_TO_NUM[name]
    for x, slope in ((math.nan, 0.0), (math.inf, 0.0), (-math.inf, 0.0), (2.5, 1.0)):
        value, found = jvp(compile(f), (x,), (1.0,))
        assert (value, found) == (f(x), slope)


def test_nan_to_num_by_what_depends_on_the_parameters() -> None:
    gaps = np.array([1.0, math.nan, math.inf, -math.inf, 2.0])

    def filled(x):
        return np.nan_to_num(gaps * x[0], nan=x[1], posinf=x[0] * x[1], neginf=-3.0)

    def in_place(x):
        y = gaps * x[0]
        np.nan_to_num(y, copy=False, nan=x[1], posinf=x[0] * x[1], neginf=-3.0)
        return y

    x = np.array([2.0, 3.0])
    for f in (filled, in_place):
        value, slopes = value_and_jacobian(f)(x)
        np.testing.assert_array_equal(value, f(x))
        np.testing.assert_array_equal(slopes, [[1, 0], [0, 1], [3, 2], [0, 0], [2, 0]])


@pytest.mark.parametrize("compile", [njit, lambda f: f], ids=["@njit", "Python"])
def test_heaviside_at_the_step_depends_on_its_value_there(compile: Any) -> None:
    def f(x):
        return np.heaviside(x[0], x[1] * x[1])

    np.testing.assert_array_equal(gradient(compile(f))(np.array([0.0, 3.0])), [0, 6])
    np.testing.assert_array_equal(gradient(compile(f))(np.array([0.1, 3.0])), [0, 0])
    np.testing.assert_array_equal(jacobian(compile(lambda x: np.heaviside(x, 2.0 * x)))(np.zeros(2)), 2 * np.eye(2))
