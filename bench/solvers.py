"""Solvers that need a Jacobian at every step, compiled as a whole: with one by hand, or with one of dualdiff's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit


def newton(f: Any, jacobian: Any) -> Any:
    """A root of a system of equations from a starting point on."""

    @njit
    def solve(x):
        x = x.copy()
        for _ in range(50):
            step = np.linalg.solve(jacobian(x), f(x))
            x -= step
            if np.max(np.abs(step)) < 1e-10:
                break
        return x

    return solve


def rosenbrock2(f: Any, jacobian: Any) -> Any:
    """The state of y' = f(y) at t = 40, from that at 0: the method ROS2 (Verwer et al. 1999) with growing steps."""

    @njit
    def integrate(y):
        gamma = 1.0 - 1.0 / np.sqrt(2.0)
        y, t, h, n = y.copy(), 0.0, 1e-5, y.size
        while t < 40.0:
            h = min(1.05 * h, 40.0 - t)
            w = np.eye(n) - gamma * h * jacobian(y)
            k1 = np.linalg.solve(w, f(y))
            k2 = np.linalg.solve(w, f(y + h * k1) - 2.0 * k1)
            y += 1.5 * h * k1 + 0.5 * h * k2
            t += h
        return y

    return integrate


# --- Broyden's tridiagonal system -------------------------------------------------------------


@njit
def broyden(x):
    out = np.empty_like(x)
    for i in range(x.size):
        left = x[i - 1] if i > 0 else 0.0
        right = x[i + 1] if i < x.size - 1 else 0.0
        out[i] = (3 - 2 * x[i]) * x[i] - left - 2 * right + 1
    return out


@njit
def broyden_jacobian(x):
    out = np.zeros((x.size, x.size))
    for i in range(x.size):
        out[i, i] = 3 - 4 * x[i]
        if i > 0:
            out[i, i - 1] = -1.0
        if i < x.size - 1:
            out[i, i + 1] = -2.0
    return out


# --- Robertson's reaction ---------------------------------------------------------------------


@njit
def robertson(y):
    out = np.empty_like(y)
    out[0] = -0.04 * y[0] + 1e4 * y[1] * y[2]
    out[2] = 3e7 * y[1] ** 2
    out[1] = -out[0] - out[2]
    return out


@njit
def robertson_jacobian(y):
    return np.array(
        [
            [-0.04, 1e4 * y[2], 1e4 * y[1]],
            [0.04, -1e4 * y[2] - 6e7 * y[1], -1e4 * y[1]],
            [0.0, 6e7 * y[1], 0.0],
        ]
    )


SOLVERS: dict[str, tuple[Callable[[Any, Any], Any], Any, Any]] = {
    "newton": (newton, broyden, broyden_jacobian),
    "rosenbrock2": (rosenbrock2, robertson, robertson_jacobian),
}
"""The solver, the function, and its Jacobian by hand."""
