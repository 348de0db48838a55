"""Derivatives of solutions, by the implicit function theorem: of SciPy's root finders, minimisers and our own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from numba import njit

from dualdiff import derivative, gradient, hessian, implicit, jacobian, value_and_gradient, vmap

optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not there: pip install scipy")


def kepler(e: float, m: float) -> float:
    return optimize.brentq(lambda x: x - e * np.sin(x) - m, 0.0, 7.0, xtol=1e-15)


anomaly = implicit(kepler, lambda x, e, m: x - e * np.sin(x) - m)


def exact_anomaly(e: Any, m: Any) -> Any:
    return mp.findroot(lambda x: x - e * mp.sin(x) - m, 1.0)


def test_a_root_of_one_equation() -> None:
    assert anomaly(0.3, 1.2) == kepler(0.3, 1.2)
    with mp.workdps(40):
        by_e = [mp.diff(lambda e: exact_anomaly(e, mpf(1.2)), mpf(0.3), k) for k in (1, 2)]
        by_both = mp.diff(exact_anomaly, (mpf(0.3), mpf(1.2)), (1, 1))
    assert derivative(anomaly)(0.3, 1.2) == pytest.approx(float(by_e[0]), rel=1e-13)
    assert derivative(derivative(anomaly))(0.3, 1.2) == pytest.approx(float(by_e[1]), rel=1e-12)
    assert derivative(derivative(anomaly, 1))(0.3, 1.2) == pytest.approx(float(by_both), rel=1e-12)


def circle_and_line(p: Any) -> Any:
    return optimize.root(lambda x: residual(x, p), np.array([1.0, 1.0]), tol=1e-14).x


def residual(x: Any, p: Any) -> Any:
    return np.stack([x[0] ** 2 + x[1] ** 2 - p[0], x[0] - p[1] * x[1]])


def in_closed_form(p: Any) -> Any:
    y = np.sqrt(p[0] / (1 + p[1] ** 2))
    return np.stack([p[1] * y, y])


P = np.array([2.0, 0.5])


def test_a_system_of_equations() -> None:
    crossing = implicit(circle_and_line, residual)
    np.testing.assert_allclose(jacobian(crossing)(P), jacobian(in_closed_form)(P), rtol=1e-12)
    first = lambda p: crossing(p)[0]  # noqa: E731
    np.testing.assert_allclose(hessian(first)(P), hessian(lambda p: in_closed_form(p)[0])(P), rtol=1e-10)
    with_fsolve = implicit(lambda p: optimize.fsolve(residual, np.ones(2), args=(p,), xtol=1e-14), residual)
    np.testing.assert_allclose(jacobian(with_fsolve)(P), jacobian(in_closed_form)(P), rtol=1e-10)


def loss(x: Any, a: Any) -> Any:
    return np.sum((x - a) ** 2) + 0.1 * np.sum(x**4)


def minimum(a: Any) -> Any:
    fit = optimize.minimize(value_and_gradient(loss), np.zeros(2), args=(a,), jac=True, method="BFGS", tol=1e-12)
    return optimize.root(lambda x: gradient(loss)(x, a), fit.x, tol=1e-14).x


def test_a_minimum() -> None:
    argmin = implicit(minimum, gradient(loss))
    a = np.array([0.7, -1.2])
    x = argmin(a)
    np.testing.assert_allclose(jacobian(argmin)(a), np.diag(2 / (2 + 1.2 * x**2)), rtol=1e-10)


def test_a_compiled_residual_and_a_solver_in_numba() -> None:
    @njit
    def solver(a):
        x = 1.0
        for _ in range(30):
            x = 0.5 * (x + a / x)
        return x

    root = implicit(solver, njit(lambda x, a: x * x - a))
    assert derivative(root)(4.0) == 0.25
    np.testing.assert_allclose(vmap(derivative(root))(np.array([4.0, 9.0])), [1 / 4, 1 / 6], rtol=1e-14)


def test_arguments_that_are_no_numbers_are_handed_on() -> None:
    f = implicit(lambda a, method: a**2, lambda x, a, method: x - a**2 if method == "square" else x)
    assert derivative(f)(3.0, "square") == 6.0


def test_what_cannot_be_solved() -> None:
    with pytest.raises(ValueError, match="the residual has 3 elements, and the solution 2"):
        jacobian(implicit(lambda p: in_closed_form(p), lambda x, p: np.concatenate([residual(x, p), p[:1]])))(P)
    with pytest.raises(np.linalg.LinAlgError):
        jacobian(implicit(lambda p: 0 * p, lambda x, p: 0 * x + p * 0))(P)
