"""Nested derivatives in compiled code never confuse their directions."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import derivative, gradient, hessian, hvp, jacobian, jvp

X = np.array([0.5, -1.25, 2.0])


@njit
def shifted(y, x):
    return x + y


@njit
def first(y, x):
    return x


@njit
def product(y, x):
    return x * y


slope_of_shifted = derivative(shifted)
slope_of_first = derivative(first)
slope_of_product = derivative(product)


@njit
def x_times_slope_of_the_sum(x):
    return x * slope_of_shifted(1.0, x)


@njit
def slope_of_a_constant(x):
    return slope_of_first(1.0, x)


@njit
def slope_at_x_of_the_product(x):
    return slope_of_product(x, x)


CONFUSING = [
    pytest.param(x_times_slope_of_the_sum, 1.0, id="D(x -> x D(y -> x + y)(1)) is 1"),
    pytest.param(slope_of_a_constant, 0.0, id="D(x -> D(y -> x)(1)) is 0"),
    pytest.param(slope_at_x_of_the_product, 1.0, id="D(x -> D(y -> x y)(x)) is 1"),
]


@pytest.mark.parametrize(("f", "expected"), CONFUSING)
def test_an_inner_derivative_does_not_see_the_outer_direction(f: Any, expected: float) -> None:
    assert derivative(f)(1.0) == expected


@pytest.mark.parametrize(("f", "expected"), CONFUSING)
def test_from_python_over_a_compiled_inner_derivative(f: Any, expected: float) -> None:
    assert derivative(lambda x: f(x))(1.0) == expected


@pytest.mark.parametrize(("f", "expected"), CONFUSING)
def test_in_python_altogether(f: Any, expected: float) -> None:
    inner = {"slope_of_shifted": shifted, "slope_of_first": first, "slope_of_product": product}
    (name,) = set(f.py_func.__code__.co_names) & set(inner)
    slope = derivative(inner[name].py_func)
    scope = {name: slope}
    assert derivative(type(f.py_func)(f.py_func.__code__, scope))(1.0) == expected


def test_a_dual_of_python_in_a_closure_is_a_constant_to_a_compiled_derivative() -> None:
    assert derivative(lambda x: x * slope_of_shifted(1.0, x))(1.0) == 1.0
    assert derivative(lambda x: slope_of_product(2.0, x) * x)(3.0) == 6.0


def test_derivatives_of_three_levels() -> None:
    @njit
    def f(x):
        return math.sin(x) * x**2

    third = derivative(derivative(derivative(f)))
    x = 0.7
    expected = 6 * math.cos(x) - 6 * x * math.sin(x) - x**2 * math.cos(x)
    assert third(x) == pytest.approx(expected, rel=1e-13)


def test_the_derivative_of_a_function_that_uses_a_derivative() -> None:
    @njit
    def f(x):
        return x**3

    slope = derivative(f)

    @njit
    def step(x):
        return x - f(x) / slope(x)  # 2 x / 3

    assert derivative(step)(1.5) == pytest.approx(2 / 3, rel=1e-14)


def test_a_recursion_of_derivatives_by_hand() -> None:
    # each level differentiates the level below by its own variable: d/dx x y, d/dy (d/dx x y) = 1
    @njit
    def inner(x, y):
        return x * x * y * y

    by_x = derivative(inner, 0)

    @njit
    def middle(y, x):
        return by_x(x, y) * y  # 2 x y^3

    by_y = derivative(middle, 0)

    @njit
    def outer(x):
        return by_y(x, x) * x  # 6 x^4

    assert derivative(outer)(1.25) == pytest.approx(24 * 1.25**3, rel=1e-14)


# --- arrays ---------------------------------------------------------------------------------

MATRIX = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0], [4.0, -2.0, 1.5]])


@njit
def bilinear(x, y, a):
    s = 0.0
    for i in range(x.size):
        for j in range(x.size):
            s += y[i] * a[i, j] * x[j]
    return s


gradient_by_y = gradient(bilinear, argnums=1)
gradient_by_x = gradient(bilinear, argnums=0)


def test_the_jacobian_of_the_gradient_of_a_bilinear_form_is_its_matrix() -> None:
    np.testing.assert_array_equal(jacobian(njit(lambda x: gradient_by_y(x, X, MATRIX)))(X), MATRIX)
    np.testing.assert_array_equal(jacobian(njit(lambda y: gradient_by_x(X, y, MATRIX)))(X), MATRIX.T)
    np.testing.assert_array_equal(jacobian(gradient_by_y, argnums=0)(X, X, MATRIX), MATRIX)


def test_at_the_same_point_the_two_directions_stay_apart() -> None:
    # x -> gradient by y of y.A.x, taken at y = x, is A x: the inner direction is not the outer one
    np.testing.assert_array_equal(jacobian(njit(lambda x: gradient_by_y(x, x, MATRIX)))(X), MATRIX)


@njit
def rosenbrock(x):
    s = 0
    for i in range(x.size - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return s


def rosenbrock_hessian(x: np.ndarray) -> np.ndarray:
    h = np.zeros((x.size, x.size))
    for i in range(x.size - 1):
        h[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        h[i, i + 1] = h[i + 1, i] = -400 * x[i]
        h[i + 1, i + 1] += 200
    return h


SECOND = {
    "hessian": lambda: hessian(rosenbrock)(X),
    "jacobian of gradient": lambda: jacobian(gradient(rosenbrock))(X),
    "jacobian of gradient in chunks": lambda: jacobian(gradient(rosenbrock, chunk=2), chunk=1)(X),
    "jacobian of a function that takes the gradient": lambda: jacobian(njit(lambda x: slope_of_rosenbrock(x)))(X),
    "hessian-vector products": lambda: np.array([hvp(rosenbrock, (X,), (e,)) for e in np.eye(3)]),
    "jvp of the gradient": lambda: np.array([jvp(gradient(rosenbrock), (X,), (e,))[1] for e in np.eye(3)]),
    "python over compiled": lambda: jacobian(lambda x: slope_of_rosenbrock(x))(X),
    "python": lambda: hessian(rosenbrock.py_func)(X),
}
slope_of_rosenbrock = gradient(rosenbrock)


@pytest.mark.parametrize("way", SECOND)
def test_second_derivatives_agree(way: str) -> None:
    np.testing.assert_allclose(SECOND[way](), rosenbrock_hessian(X), rtol=1e-13, atol=1e-12)


# --- the order of compilation ---------------------------------------------------------------

PROGRAM = """
import sys
import numpy as np
from numba import njit
from dualdiff import derivative, gradient, hessian, jacobian

@njit
def f(x):
    s = 0.0
    for i in range(x.size):
        s += np.sin(x[i]) * x[0] ** 3 + np.exp(-x[i])
    return s

@njit
def g(x):
    return np.tanh(x) * x**2

slope = derivative(g)
x = np.array([0.5, -1.25, 2.0])
results = {
    "gradient": lambda: gradient(f)(x),
    "hessian": lambda: hessian(f)(x),
    "derivative": lambda: derivative(g)(0.7),
    "second": lambda: derivative(njit(lambda x: x * slope(x)))(0.7),
}
found = {name: np.asarray(results[name]()).tobytes().hex() for name in sys.argv[1:]}
print(sorted(found.items()))
"""


def test_the_result_does_not_depend_on_what_was_compiled_first() -> None:
    names = ["gradient", "hessian", "derivative", "second"]
    orders = [names, names[::-1]]
    outputs = {
        subprocess.run([sys.executable, "-c", PROGRAM, *order], capture_output=True, text=True, check=True).stdout
        for order in orders
    }
    assert len(outputs) == 1
    assert all(name in next(iter(outputs)) for name in names)


def test_a_derivative_of_a_compiled_one_is_compiled_once() -> None:
    inner = gradient(product, argnums=(0, 1))
    outer = jacobian(lambda y, x: inner(y, x)[0], argnums=(0, 1))
    for y in (1.0, 2.0, 3.0):
        assert outer(y, 5.0) == (0.0, 1.0)
        assert len(inner.entries) == 1
