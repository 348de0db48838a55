"""Derivatives called from ``@njit`` code: solvers compiled as a whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from dualdiff import derivative, gradient, jacobian, jvp, value_and_gradient, value_and_jacobian, vmap


@njit
def circle_and_exponential(x: Any) -> Any:
    out = np.empty(2)
    out[0] = x[0] ** 2 + x[1] ** 2 - 4.0
    out[1] = math.exp(x[0]) + x[1] - 1.0
    return out


system = value_and_jacobian(circle_and_exponential)


@njit
def newton(x: Any, tolerance: float) -> Any:
    """A root of the system above."""
    for _ in range(50):
        residual, slope = system(x)
        step = np.linalg.solve(slope, residual)
        x = x - step
        if np.max(np.abs(step)) < tolerance:
            break
    return x


@njit
def robertson(y: Any) -> Any:
    """The stiff kinetics of Robertson (1966)."""
    dy = np.empty(3)
    dy[0] = -0.04 * y[0] + 1e4 * y[1] * y[2]
    dy[2] = 3e7 * y[1] ** 2
    dy[1] = -dy[0] - dy[2]
    return dy


stiff = jacobian(robertson)


@njit
def rosenbrock2(y: Any, t: float, end: float, h: float) -> Any:
    """ROS2 of Verwer et al. (1999), of second order and L-stable, with a growing step."""
    g = 1.0 + 1.0 / math.sqrt(2.0)
    while t < end:
        h = min(h, end - t)
        w = np.eye(y.size) - g * h * stiff(y)
        k1 = np.linalg.solve(w, robertson(y))
        k2 = np.linalg.solve(w, robertson(y + h * k1) - 2.0 * k1)
        y = y + 1.5 * h * k1 + 0.5 * h * k2
        t += h
        h *= 1.005
    return y


def test_newtons_method_for_a_system() -> None:
    root = newton(np.array([-1.5, 1.0]), 1e-12)
    np.testing.assert_allclose(circle_and_exponential(root), 0.0, atol=1e-12)
    np.testing.assert_allclose(root, [-1.816264, 0.837368], rtol=1e-6)


def test_an_implicit_integrator_for_a_stiff_problem() -> None:
    integrate = pytest.importorskip("scipy.integrate")
    start = np.array([1.0, 0.0, 0.0])
    exact = integrate.solve_ivp(
        lambda t, y: robertson(y), (0.0, 40.0), start, method="Radau", jac=lambda t, y: stiff(y), rtol=1e-10, atol=1e-14
    ).y[:, -1]
    np.testing.assert_allclose(rosenbrock2(start, 0.0, 40.0, 1e-5), exact, rtol=2e-5)


@njit
def kepler(e: Any, eccentricity: Any, anomaly: Any) -> Any:
    return e - eccentricity * math.sin(e) - anomaly


slope_of_kepler = derivative(kepler)


@njit
def eccentric_anomaly(eccentricity: Any, anomaly: Any) -> Any:
    e = anomaly
    for _ in range(30):
        e = e - kepler(e, eccentricity, anomaly) / slope_of_kepler(e, eccentricity, anomaly)
    return e


def test_a_solver_that_uses_a_derivative_is_itself_differentiated() -> None:
    # implicitly: de/dM = 1/(1 - eps cos e), de/deps = sin e/(1 - eps cos e)
    e = eccentric_anomaly(0.3, 1.0)
    by_eccentricity, by_anomaly = gradient(eccentric_anomaly, argnums=(0, 1))(0.3, 1.0)
    assert by_anomaly == pytest.approx(1 / (1 - 0.3 * math.cos(e)), rel=1e-13)
    assert by_eccentricity == pytest.approx(math.sin(e) / (1 - 0.3 * math.cos(e)), rel=1e-13)


@njit
def quartic(x: Any) -> Any:
    s = 0.0
    for i in range(x.size):
        s += (x[i] - i) ** 4 / (i + 1.0)
    return s


steepest = value_and_gradient(quartic)


@njit
def slope_length(x: Any) -> Any:
    value, slope = steepest(x)
    return value + np.sum(slope * slope)


def test_a_function_of_a_gradient_is_differentiated() -> None:
    x = np.array([0.5, 0.2, 3.0])
    i = np.arange(3.0)
    first = 4 * (x - i) ** 3 / (i + 1)
    second = 12 * (x - i) ** 2 / (i + 1)
    np.testing.assert_allclose(gradient(slope_length)(x), first + 2 * first * second, rtol=1e-13)


@njit
def sum_of_exponentials(x: Any) -> Any:
    s = 0.0
    for i in range(x.size):
        s += math.exp(-i * x[i])
    return s


@njit
def running_exponentials(x: Any) -> Any:
    out = np.empty_like(x)
    s = 0.0
    for i in range(x.size):
        s += math.exp(-i * x[i])
        out[i] = s
    return out


slopes, slopes_of_running = value_and_gradient(sum_of_exponentials), jacobian(running_exponentials)


@njit
def both_slopes(x: Any) -> Any:
    return slopes(x), slopes_of_running(x)


@pytest.mark.parametrize("n", [0, 1, 16, 32, 33, 64, 65, 200])
def test_short_and_long_arrays_of_costly_functions(n: int) -> None:
    x = np.linspace(0.01, 0.1, n)
    exponentials = [math.exp(-i * x[i]) for i in range(n)]
    exact = [-i * exponentials[i] for i in range(n)]
    (value, by_all), by_part = both_slopes(x)
    assert value == pytest.approx(math.fsum(exponentials), rel=1e-14)
    np.testing.assert_allclose(by_all, exact, rtol=1e-14)
    np.testing.assert_allclose(by_part, np.tril(np.tile(exact, (n, 1))), rtol=1e-14)


def test_an_infinite_slope_in_a_long_array() -> None:
    @njit
    def f(x: Any) -> Any:
        s = 0.0
        for i in range(x.size):
            s += math.exp(math.sqrt(x[i]))
        return s

    g = gradient(f)
    x = np.full(70, 4.0)
    x[65] = 0.0
    slope = njit(lambda x: g(x))(x)
    assert slope[65] == np.inf
    np.testing.assert_allclose(np.delete(slope, 65), math.exp(2.0) / 4, rtol=1e-15)


# --- directions -------------------------------------------------------------------------------


@njit
def waves_of(x):
    return np.sum(np.sin(x) * x)


@njit
def along(x, v):
    return jvp(waves_of, (x,), (v,))


def test_directional_derivatives_inside_compiled_code() -> None:
    xs = np.random.default_rng(3).normal(size=(5, 3))
    vs = xs[::-1].copy()
    values, tangents = vmap(along)(xs, vs)  # one compiled loop
    expected = (np.cos(xs) * xs + np.sin(xs)) * vs
    np.testing.assert_allclose(tangents, expected.sum(axis=1), rtol=1e-13)
    np.testing.assert_array_equal(values, [waves_of(x) for x in xs])
    assert along(xs[0], vs[0]) == jvp(waves_of, (xs[0],), (vs[0],))
    with pytest.raises(ValueError, match="argument 0 and its tangent"):
        along(xs[0], vs[0, :2])


def test_directional_derivatives_are_differentiated_in_turn() -> None:
    @njit
    def bent(t):
        _, slope = jvp(waves_of, (np.array([t, 2 * t]),), (np.array([1.0, 2.0]),))
        return slope

    second = [2 * np.cos(t) - t * np.sin(t) for t in (0.7, 1.4)]
    assert derivative(bent)(0.7) == pytest.approx(second[0] + 4 * second[1], rel=1e-13)


def test_jvp_inside_compiled_code_says_what_it_expects() -> None:
    @njit
    def wrong(x):
        return jvp(waves_of, x, x)

    with pytest.raises(TypingError, match=r"jvp expects an @njit function, a tuple of arguments"):
        wrong(np.ones(2))
