"""Expressions of several operations, which compiled code differentiates by their operands at once."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from llvmlite import binding as llvm
from numba import njit

from dualdiff import gradient, hessian, jacobian, value_and_gradient, value_and_jacobian, vmap
from dualdiff.rules.table import RULES

HAS_FMA = bool(llvm.get_host_cpu_features().get("fma", False))


@njit
def plus(x, c):
    return x + c * (x / 3)


@njit
def plus_turned(x, c):
    return (x / 3) * c + x


@njit
def minus(x, c):
    return x - (x / 3) * c


@njit
def minus_from(x, c):
    return c * (x / 3) - x


@njit
def in_place(x, c):
    total = x
    total += c * (x / 3)
    return total


@pytest.mark.skipif(not HAS_FMA, reason="this processor has no fused multiply-add")
@pytest.mark.parametrize(
    ("f", "signs"),
    [(plus, (1, 1)), (plus_turned, (1, 1)), (minus, (1, -1)), (minus_from, (-1, 1)), (in_place, (1, 1))],
)
def test_a_sum_with_a_product_is_rounded_once(f, signs) -> None:
    g = gradient(f, argnums=(0,))
    third = Fraction(1 / 3)
    differ = 0
    for k in range(1, 40):
        c = 3 + k * 2.0**-9 + 2.0**-50
        exact = signs[0] + signs[1] * Fraction(c) * third
        assert g(1.0, c)[0] == float(exact)
        differ += float(exact) != signs[0] + signs[1] * (c * (1 / 3))
    assert differ > 0  # otherwise these numbers show nothing


@njit
def plus_square(x, c):
    third = x / 3
    return x / c + third * third


@njit
def plus_square_of_an_element(x, c):
    y = np.array([x / 3])
    total = x / c
    total += y[0] * y[0]
    return total


@njit
def plus_power(x, c):
    return x / c + (x / 3) ** 2


@njit
def minus_power(x, c):
    return x / c - (x / 3) ** 2


@pytest.mark.skipif(not HAS_FMA, reason="this processor has no fused multiply-add")
@pytest.mark.parametrize(
    ("f", "sign"), [(plus_square, 1), (plus_square_of_an_element, 1), (plus_power, 1), (minus_power, -1)]
)
def test_a_sum_with_a_square_is_rounded_once(f, sign) -> None:
    g = gradient(f, argnums=(0,))
    third = Fraction(1 / 3)
    differ = 0
    for k in range(1, 40):
        x = 1 + k * 2.0**-9
        c = -sign * 4.5 / x  # the slope nearly vanishes, and shows what was rounded
        exact = Fraction(1 / c) + sign * Fraction(2 * (x / 3)) * third
        assert g(x, c)[0] == float(exact)
        differ += float(exact) != 1 / c + sign * 2 * (x / 3) * (1 / 3)
    assert differ > 0


@njit
def element_changed_between(x):
    y = x.copy()
    before = y[0]
    y[0] = x[1] * x[2]
    return x[1] + before * y[0]


@njit
def index_changed_between(x):
    i = 0
    before = x[i]
    i += 1
    return x[2] + before * x[i]


@njit
def square_used_twice(x):
    square = x[0] * x[0]
    cube = x[1] ** 3
    return (x[2] + square) * (x[2] - cube) + square / cube


@njit
def mixed(x):
    total = 0.0
    for i in range(x.size - 1):
        total += x[i] * x[i + 1]
        square = x[i] * x[i]
        total = square * 2.5 - total - 3 * x[i + 1]
        total = total * x[i] - square / (1 + square * x[i])
    return total


@pytest.mark.parametrize("n", [2, 3, 17, 40, 70])
def test_no_bit_depends_on_the_chunk(n: int) -> None:
    x = np.random.default_rng(n).uniform(0.5, 1.5, n)
    expected = gradient(mixed, chunk=1)(x)
    for chunk in (2, 8, 16, 32, 64, 100, None):
        value, slope = value_and_gradient(mixed, chunk=chunk)(x)
        assert value == mixed(x)
        np.testing.assert_array_equal(slope, expected)
    np.testing.assert_allclose(expected, gradient(mixed.py_func)(x), rtol=1e-11, atol=1e-11)


def test_second_derivatives_and_batches_are_those_of_the_interpreted_function() -> None:
    x = np.random.default_rng(1).uniform(0.5, 1.5, 6)
    np.testing.assert_allclose(hessian(mixed)(x), hessian(mixed.py_func)(x), rtol=1e-12, atol=1e-12)

    @njit
    def of_three(a, b, c):
        return a + b * c - c * a * 2 - (b * b - a)

    samples = tuple(np.random.default_rng(2).normal(size=(3, 50)))
    a, b, c = samples
    got = vmap(gradient(of_three, argnums=(0, 1, 2)))(*samples)
    np.testing.assert_allclose(got, (2 - 2 * c, c - 2 * b, b - 2 * a), rtol=1e-14, atol=1e-15)


@njit
def changed_between(x):
    a = x[0]
    product = a * x[1]
    a = x[2]
    return a + product


@njit
def used_twice(x):
    product = x[0] * x[1]
    total = x[2] + product
    return total * product


@njit
def in_a_branch(x):
    product = x[0] * x[1]
    if x[2] > 0:
        return x[2] + product
    return x[2] - product


@njit
def twice_the_same(x):
    return x[0] * x[1] + x[0] * x[1]


@njit
def carried_round(x):
    product = x[0] * x[0]
    total = x[1]
    for i in range(3):
        total = total + product
        product = x[i] * total
    return total


@pytest.mark.parametrize(
    "f",
    [
        *(changed_between, used_twice, in_a_branch, twice_the_same, carried_round),
        *(element_changed_between, index_changed_between, square_used_twice),
    ],
)
def test_products_that_are_changed_or_used_otherwise(f) -> None:
    x = np.array([1.25, -0.5, 2.0])
    np.testing.assert_allclose(gradient(f)(x), gradient(f.py_func)(x), rtol=1e-15)
    assert value_and_gradient(f)(x)[0] == f(x)


def test_integers_and_floats_beside_duals() -> None:
    @njit
    def f(x, n):
        return np.array([x[0] + n * x[1], n - x[0] * 3, x[0] * n - 2 * x[1], n * 2 + x[1]])

    got = jacobian(f)(np.array([2.0, 3.0]), 4)
    np.testing.assert_array_equal(got, [[1, 4], [-3, 0], [4, -2], [0, 1]])


def test_single_precision_stays_single() -> None:
    @njit
    def f(x):
        return x[0] + x[1] * x[0]

    got = gradient(f)(np.array([2.0, 3.0], dtype=np.float32))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, [4, 2])


def test_a_parameter_without_influence_stays_zero_beside_infinity() -> None:
    @njit
    def f(x):
        return x[1] + np.inf * (x[0] * 0.0 + 1.0) * x[1]

    got = gradient(f)(np.array([1.0, 2.0, 3.0]))
    assert got[2] == 0.0
    assert got[1] == np.inf


def test_every_elementary_function_within_an_expression() -> None:
    names = [f.__name__ for f in RULES if isinstance(f, np.ufunc)]
    inside = {"arccosh": "1.2 + x[0]", "arctanh": "x[0] / 3"}
    cells = [
        f"2.5 * np.{name}({inside.get(name, '0.5 * x[0]')}) - x[1] * x[0]"
        if getattr(np, name).nin == 1
        else f"1.5 - 2.5 * np.{name}(0.5 * x[0], x[1] + 1) * x[1] + np.{name}(x[0], 0.75) * np.{name}(1.25, x[1] * 3)"
        for name in names
        if name != "ldexp"
    ]
    scope: dict[str, Any] = {"np": np}
    exec(f"def f(x):\n    return np.array([{', '.join(cells)}])\n", scope)
    x = np.array([0.625, 0.375])
    compiled = njit(scope["f"])
    value, slopes = value_and_jacobian(compiled)(x)
    np.testing.assert_array_equal(value, compiled(x))
    np.testing.assert_allclose(slopes, jacobian(scope["f"])(x), rtol=1e-14, atol=1e-15)


@njit
def long_sum(x):
    total = (
        x[0] * x[1] + x[2] * x[3] + x[4] * x[5] + x[6] * x[7] + x[8] * x[9] + x[10] * x[11] + x[12] * x[13]
        + x[14] * x[15] + x[16] * x[17] + x[18] * x[19] + x[0] / x[19] - (x[1] - x[18]) ** 3
    )  # fmt: skip
    return total * 0.5 - np.exp(-total / (1 + total * total))


def test_an_expression_of_many_operands_is_taken_in_parts() -> None:
    x = np.random.default_rng(3).uniform(0.5, 1.5, 20)
    value, slope = value_and_gradient(long_sum)(x)
    assert value == long_sum(x)
    np.testing.assert_allclose(slope, gradient(long_sum.py_func)(x), rtol=1e-13)


@njit
def inner_slope_of_zero(x):
    return np.sqrt(np.abs(x[0] * 0.0 * x[1])) + x[2] * x[0]


def test_a_slope_of_zero_inside_stops_an_infinite_one_outside() -> None:
    x = np.array([2.0, 3.0, 0.0])
    with np.errstate(divide="ignore"):
        expected = gradient(inner_slope_of_zero.py_func)(x)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(gradient(inner_slope_of_zero)(x), expected)
    np.testing.assert_array_equal(gradient(inner_slope_of_zero, chunk=1)(x), expected)


@njit
def converted_when_copied(x, n):
    total = n
    power = total**2
    for k in range(2):
        total = total * x[k] - total / 4
    return total**2 + power * x[0] ** 2


def test_an_integer_that_becomes_a_dual_keeps_the_value_of_the_plain_function() -> None:
    x = np.array([1.5, -0.75])
    for n in (3, 2**31 - 1):
        value, slope = value_and_gradient(converted_when_copied)(x, n)
        assert value == converted_when_copied(x, n)
        np.testing.assert_allclose(slope, gradient(converted_when_copied.py_func)(x, float(n)), rtol=1e-15)
