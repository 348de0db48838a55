"""Functions of one sample that are evaluated for a million, with their derivatives by hand.

What is by hand returns the value and the derivatives of one sample, and runs in the same loop, on the same vector
functions: the limit is what the derivative costs. The identities that save work are used, also where they are less
accurate: tanh' = 1 - tanh^2, and s n(d1) = k exp(-rt) n(d2) for the price of an option.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit


@njit
def waves(x):
    return np.sin(x) * np.exp(-x * x / 2) + np.tanh(3 * x) / (1 + x * x)


@njit
def waves_by_hand(x):
    s, c, e, t = np.sin(x), np.cos(x), np.exp(-x * x / 2), np.tanh(3 * x)
    d = 1 / (1 + x * x)
    return s * e + t * d, (c - x * s) * e + (3 * (1 - t * t) - 2 * x * t * d) * d


@njit
def polynomial(x):
    return 1 + x * (0.5 + x * (0.25 + x * (0.125 + x * (0.06 + x * (0.03 + x * (0.015 + x * (0.007 + x * 0.003)))))))


@njit
def polynomial_by_hand(x):
    slope = 0.5 + x * (0.5 + x * (0.375 + x * (0.24 + x * (0.15 + x * (0.09 + x * (0.049 + x * 0.024))))))
    return polynomial(x), slope


@njit
def normal_cdf(x):
    return 0.5 * (1 + math.erf(x * 0.7071067811865476))


@njit
def call_price(s, k, t, r, sigma):
    """Black and Scholes 1973."""
    spread = sigma * np.sqrt(t)
    d1 = (np.log(s / k) + (r + 0.5 * sigma * sigma) * t) / spread
    return s * normal_cdf(d1) - k * np.exp(-r * t) * normal_cdf(d1 - spread)


@njit
def call_price_by_hand(s, k, t, r, sigma):
    root = np.sqrt(t)
    spread = sigma * root
    d1 = (np.log(s / k) + (r + 0.5 * sigma * sigma) * t) / spread
    n1, n2 = normal_cdf(d1), normal_cdf(d1 - spread)
    density = 0.3989422804014327 * np.exp(-0.5 * d1 * d1)
    discounted = k * np.exp(-r * t) * n2
    theta = s * density * sigma / (2 * root) + r * discounted
    return s * n1 - discounted, (n1, -discounted / k, theta, t * discounted, s * density * root)


@njit
def residuals(camera, point, weight, feature):
    """Bundle adjustment: rotation vector, centre, focal length, principal point, radial distortion of a camera."""
    a0, a1, a2 = point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]
    r0, r1, r2 = camera[0], camera[1], camera[2]
    square = r0 * r0 + r1 * r1 + r2 * r2
    if square != 0.0:
        angle = np.sqrt(square)
        c, s = np.cos(angle), np.sin(angle)
        u0, u1, u2 = r0 / angle, r1 / angle, r2 / angle
        along = (u0 * a0 + u1 * a1 + u2 * a2) * (1 - c)
        p0 = a0 * c + (u1 * a2 - u2 * a1) * s + u0 * along
        p1 = a1 * c + (u2 * a0 - u0 * a2) * s + u1 * along
        p2 = a2 * c + (u0 * a1 - u1 * a0) * s + u2 * along
    else:
        p0, p1, p2 = a0 + r1 * a2 - r2 * a1, a1 + r2 * a0 - r0 * a2, a2 + r0 * a1 - r1 * a0
    x, y = p0 / p2, p1 / p2
    rr = x * x + y * y
    radial = 1 + camera[9] * rr + camera[10] * rr * rr
    return (
        weight * (x * radial * camera[6] + camera[7] - feature[0]),
        weight * (y * radial * camera[6] + camera[8] - feature[1]),
    )


@dataclass(frozen=True)
class Batch:
    """A function, the derivative that is wanted of it, by which arguments, and that by hand if there is one."""

    function: Any
    transform: str
    argnums: Any
    by_hand: Any = None


def options() -> tuple[np.ndarray, ...]:
    """A million options."""
    rng = np.random.default_rng(0)
    ranges = [(80, 120), (80, 120), (0.1, 2), (0.01, 0.05), (0.1, 0.5)]
    return tuple(rng.uniform(low, high, 1_000_000) for low, high in ranges)


def observations() -> tuple[np.ndarray, ...]:
    """Cameras, points, weights and features of 31843 observations."""
    rng = np.random.default_rng(0)
    n = 31843
    cameras = np.concatenate(
        [
            0.3 * rng.normal(size=(n, 3)),
            rng.normal(size=(n, 3)),
            rng.uniform(500, 1500, (n, 1)),
            5 * rng.normal(size=(n, 2)),
            0.01 * rng.normal(size=(n, 2)),
        ],
        axis=1,
    )
    points = rng.normal(size=(n, 3)) + np.array([0.0, 0.0, 8.0])
    return cameras, points, rng.uniform(0.5, 1, n), 100 * rng.normal(size=(n, 2))


def normal_numbers() -> tuple[np.ndarray, ...]:
    """A million numbers."""
    return (np.random.default_rng(0).normal(size=1_000_000),)


BATCHES = {
    "waves": Batch(waves, "value_and_derivative", 0, waves_by_hand),
    "polynomial": Batch(polynomial, "value_and_derivative", 0, polynomial_by_hand),
    "call_price": Batch(call_price, "value_and_gradient", (0, 1, 2, 3, 4), call_price_by_hand),
    "residuals": Batch(residuals, "jacobian", (0, 1, 2)),
}
