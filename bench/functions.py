"""The functions that the benchmark differentiates, and their derivatives by hand, which are the limit."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# --- log(x1) + x1*x2 - sin(x2) ----------------------------------------------------------------


@njit
def example(x):
    return np.log(x[0]) + x[0] * x[1] - np.sin(x[1])


@njit
def example_gradient(x):
    g = np.empty_like(x)
    g[0] = 1 / x[0] + x[1]
    g[1] = x[0] - np.cos(x[1])
    return g


@njit
def example_of_two(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


@njit
def example_of_two_gradient(x1, x2):
    return 1 / x1 + x2, x1 - np.cos(x2)


# --- Rosenbrock: the sum over i of (1 - x_i)^2 + 100 (x_{i+1} - x_i^2)^2 ----------------------


@njit
def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += (1 - x[i]) ** 2 + 100 * (x[i + 1] - x[i] ** 2) ** 2
    return total


@njit
def rosenbrock_gradient(x):
    g = np.zeros_like(x)
    for i in range(x.size - 1):
        step = 200 * (x[i + 1] - x[i] ** 2)
        g[i] += -2 * (1 - x[i]) - 2 * x[i] * step
        g[i + 1] += step
    return g


# --- Ackley: a + e - a exp(-b sqrt(mean x^2)) - exp(mean cos(c x)), a = 20, b = 0.2, c = 2 pi --

A, B, C = 20.0, 0.2, 2 * math.pi


@njit
def ackley(x):
    squares = 0.0
    waves = 0.0
    for i in range(x.size):
        squares += x[i] * x[i]
        waves += np.cos(C * x[i])
    return A + math.e - A * np.exp(-B * np.sqrt(squares / x.size)) - np.exp(waves / x.size)


@njit
def ackley_gradient(x):
    n = x.size
    squares = 0.0
    waves = 0.0
    for i in range(n):
        squares += x[i] * x[i]
        waves += np.cos(C * x[i])
    root = np.sqrt(squares / n)
    radial = A * B * np.exp(-B * root) / (n * root)
    wave = C * np.exp(waves / n) / n
    g = np.empty_like(x)
    for i in range(n):
        g[i] = radial * x[i] + wave * np.sin(C * x[i])
    return g


@njit
def ackley_hessian(x):
    n = x.size
    squares = 0.0
    waves = 0.0
    for i in range(n):
        squares += x[i] * x[i]
        waves += np.cos(C * x[i])
    root = np.sqrt(squares / n)
    radial = A * B * np.exp(-B * root) / (n * root)
    bend = radial * (B + 1 / root) / (n * root)
    wave = C * np.exp(waves / n) / n
    h = np.empty((n, n))
    sines = np.sin(C * x)
    for i in range(n):
        for j in range(i + 1):
            h[i, j] = h[j, i] = -bend * x[i] * x[j] - wave * C / n * sines[i] * sines[j]
        h[i, i] += radial + wave * C * np.cos(C * x[i])
    return h


# --- a decaying and an oscillating part, at many times ----------------------------------------


@njit
def decay(p, t):
    out = np.empty_like(t)
    for i in range(t.size):
        out[i] = p[0] * np.exp(-p[1] * t[i]) + p[2] * np.sin(p[3] * t[i])
    return out


@njit
def decay_jacobian(p, t):
    out = np.empty((t.size, 4))
    for i in range(t.size):
        fading, phase = np.exp(-p[1] * t[i]), p[3] * t[i]
        out[i, 0] = fading
        out[i, 1] = -p[0] * t[i] * fading
        out[i, 2] = np.sin(phase)
        out[i, 3] = p[2] * t[i] * np.cos(phase)
    return out


# --- Brusselator in one dimension -------------------------------------------------------------
#
# u' = 1 + u^2 v - 4u + k u_xx and v' = 3u - u^2 v + k v_xx at N points, k = (N+1)^2 / 50, with u = 1
# and v = 3 at both ends; the state is (u_0, v_0, u_1, v_1, ...).


@njit
def brusselator(x):
    points = x.size // 2
    k = (points + 1) ** 2 / 50
    out = np.empty_like(x)
    for i in range(points):
        u, v = x[2 * i], x[2 * i + 1]
        u_left, v_left = (x[2 * i - 2], x[2 * i - 1]) if i > 0 else (1.0, 3.0)
        u_right, v_right = (x[2 * i + 2], x[2 * i + 3]) if i < points - 1 else (1.0, 3.0)
        reaction = u * u * v
        out[2 * i] = 1 + reaction - 4 * u + k * (u_left - 2 * u + u_right)
        out[2 * i + 1] = 3 * u - reaction + k * (v_left - 2 * v + v_right)
    return out


@njit
def brusselator_jacobian(x):
    points = x.size // 2
    k = (points + 1) ** 2 / 50
    jacobian = np.zeros((x.size, x.size))
    for i in range(points):
        u, v = x[2 * i], x[2 * i + 1]
        jacobian[2 * i, 2 * i] = 2 * u * v - 4 - 2 * k
        jacobian[2 * i, 2 * i + 1] = u * u
        jacobian[2 * i + 1, 2 * i] = 3 - 2 * u * v
        jacobian[2 * i + 1, 2 * i + 1] = -u * u - 2 * k
        for j in range(2):
            if i > 0:
                jacobian[2 * i + j, 2 * i - 2 + j] = k
            if i < points - 1:
                jacobian[2 * i + j, 2 * i + 2 + j] = k
    return jacobian


@njit
def brusselator_entries(x):
    """The entries of the Jacobian that are not zero, row by row."""
    points = x.size // 2
    k = (points + 1) ** 2 / 50
    out = np.empty(8 * points - 4)
    at = 0
    for i in range(points):
        u, v = x[2 * i], x[2 * i + 1]
        for j in range(2):
            if i > 0:
                out[at] = k
                at += 1
            if j == 0:
                out[at], out[at + 1] = 2 * u * v - 4 - 2 * k, u * u
            else:
                out[at], out[at + 1] = 3 - 2 * u * v, -u * u - 2 * k
            at += 2
            if i < points - 1:
                out[at] = k
                at += 1
    return out


FUNCTIONS = {f.__name__: f for f in (example, example_of_two, rosenbrock, ackley, decay, brusselator)}
BY_HAND = {
    "example": example_gradient,
    "example_of_two": example_of_two_gradient,
    "rosenbrock": rosenbrock_gradient,
    "ackley": ackley_gradient,
    "decay": decay_jacobian,
    "brusselator": brusselator_jacobian,
}
