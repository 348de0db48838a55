"""The benchmark's functions on whole arrays, for packages that bring their own NumPy.

``formulas(m, erf)`` writes them with the functions of module ``m``: ``numpy``, ``jax.numpy``, ``torch``,
``autograd.numpy``. They are the same functions as in functions.py and batches.py, without loops over numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .functions import A, B, C


def example(m: Any, x: Any) -> Any:
    return m.log(x[0]) + x[0] * x[1] - m.sin(x[1])


def example_of_two(m: Any, x1: Any, x2: Any) -> Any:
    return m.log(x1) + x1 * x2 - m.sin(x2)


def rosenbrock(m: Any, x: Any) -> Any:
    return m.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


def ackley(m: Any, x: Any) -> Any:
    return A + math.e - A * m.exp(-B * m.sqrt(m.mean(x * x))) - m.exp(m.mean(m.cos(C * x)))


def brusselator(m: Any, x: Any) -> Any:
    u, v = x[0::2], x[1::2]
    k = (u.shape[0] + 1) ** 2 / 50
    one = m.ones_like(u[:1])
    reaction = u * u * v

    def diffusion(w: Any, end: float) -> Any:
        padded = m.concatenate([end * one, w, end * one])
        return k * (padded[:-2] - 2 * w + padded[2:])

    rates = [1 + reaction - 4 * u + diffusion(u, 1.0), 3 * u - reaction + diffusion(v, 3.0)]
    return m.stack(rates, 1).reshape(-1)


def decay(m: Any, p: Any, t: Any) -> Any:
    return p[0] * m.exp(-p[1] * t) + p[2] * m.sin(p[3] * t)


def waves(m: Any, x: Any) -> Any:
    return m.sin(x) * m.exp(-x * x / 2) + m.tanh(3 * x) / (1 + x * x)


def polynomial(m: Any, x: Any) -> Any:
    return 1 + x * (0.5 + x * (0.25 + x * (0.125 + x * (0.06 + x * (0.03 + x * (0.015 + x * (0.007 + x * 0.003)))))))


def call_price(m: Any, erf: Any, s: Any, k: Any, t: Any, r: Any, sigma: Any) -> Any:
    def normal_cdf(x: Any) -> Any:
        return 0.5 * (1 + erf(x * 0.7071067811865476))

    spread = sigma * m.sqrt(t)
    d1 = (m.log(s / k) + (r + 0.5 * sigma * sigma) * t) / spread
    return s * normal_cdf(d1) - k * m.exp(-r * t) * normal_cdf(d1 - spread)


def residuals(m: Any, camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    """One observation of the bundle adjustment; no rotation is zero in the benchmark's data."""
    a0, a1, a2 = point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]
    r0, r1, r2 = camera[0], camera[1], camera[2]
    angle = m.sqrt(r0 * r0 + r1 * r1 + r2 * r2)
    c, s = m.cos(angle), m.sin(angle)
    u0, u1, u2 = r0 / angle, r1 / angle, r2 / angle
    along = (u0 * a0 + u1 * a1 + u2 * a2) * (1 - c)
    p0 = a0 * c + (u1 * a2 - u2 * a1) * s + u0 * along
    p1 = a1 * c + (u2 * a0 - u0 * a2) * s + u1 * along
    p2 = a2 * c + (u0 * a1 - u1 * a0) * s + u2 * along
    x, y = p0 / p2, p1 / p2
    rr = x * x + y * y
    radial = 1 + camera[9] * rr + camera[10] * rr * rr
    seen = [x * radial * camera[6] + camera[7], y * radial * camera[6] + camera[8]]
    return weight * (m.stack(seen) - feature)


def formulas(m: Any, erf: Any = None) -> dict[str, Callable[..., Any]]:
    """The functions by name."""

    def bound(f: Callable[..., Any], *first: Any) -> Callable[..., Any]:
        return lambda *args: f(*first, *args)

    plain = (example, example_of_two, rosenbrock, ackley, brusselator, decay, waves, polynomial, residuals)
    return {**{f.__name__: bound(f, m) for f in plain}, "call_price": bound(call_price, m, erf)}
