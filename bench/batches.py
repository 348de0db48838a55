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


@njit
def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit
def cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit
def combined(a, x, b, y, c, z):
    return a * x[0] + b * y[0] + c * z[0], a * x[1] + b * y[1] + c * z[1], a * x[2] + b * y[2] + c * z[2]


@njit
def residuals_by_hand(camera, point, weight, feature, by_camera, by_point, by_weight):
    """The two rows of the Jacobian.

    With [r] the matrix of the cross product by r: the rotation is R = c + s [r] + d r r^T, and the derivative of R a by
    r is -R [a] (1 - d [r] + e [r]^2) (Gallego and Yezzi 2015).
    """
    r = camera[0], camera[1], camera[2]
    a = point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]
    square = dot(r, r)
    c, s, d, e = 1.0, 1.0, 0.5, 1 / 6
    if square != 0.0:
        angle = np.sqrt(square)
        c, s = np.cos(angle), np.sin(angle) / angle
        d, e = (1 - c) / square, (1 - s) / square
    p = combined(c, a, s, cross(r, a), d * dot(r, a), r)
    near = 1 / p[2]
    x, y = p[0] * near, p[1] * near
    rr = x * x + y * y
    radial, slope = 1 + (camera[9] + camera[10] * rr) * rr, 2 * (camera[9] + 2 * camera[10] * rr)
    scale = weight * camera[6]
    mixed = slope * x * y
    for k in range(2):
        q, along, across = (x, radial + slope * x * x, mixed) if k == 0 else (y, mixed, radial + slope * y * y)
        pull = scale * near
        g = pull * along, pull * across, -pull * (x * along + y * across)
        m = combined(c, g, s, cross(g, r), d * dot(r, g), r)  # R^T g
        u = cross(a, m)
        v = cross(u, r)
        by_rotation = combined(1.0, u, -d, v, e, cross(v, r))
        for i in range(3):
            by_camera[k, i] = by_rotation[i]
            by_camera[k, 3 + i] = -m[i]
            by_point[k, i] = m[i]
        by_camera[k, 6] = weight * q * radial
        by_camera[k, 7], by_camera[k, 8] = (weight, 0.0) if k == 0 else (0.0, weight)
        by_camera[k, 9], by_camera[k, 10] = scale * q * rr, scale * q * rr * rr
        by_weight[k] = q * radial * camera[6] + camera[7 + k] - feature[k]


@njit
def all_residuals_by_hand(cameras, points, weights, features, out):
    by_camera, by_point, by_weight = out
    for i in range(weights.size):
        residuals_by_hand(cameras[i], points[i], weights[i], features[i], by_camera[i], by_point[i], by_weight[i])
    return out


@dataclass(frozen=True)
class Batch:
    """A function, the derivative that is wanted of it, by which arguments, and that by hand.

    What is by hand takes one sample, or all samples and then the arrays to write into, whose shapes per sample are
    ``shapes``.
    """

    function: Any
    transform: str
    argnums: Any
    by_hand: Any
    shapes: tuple[tuple[int, ...], ...] = ()


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
    "residuals": Batch(residuals, "jacobian", (0, 1, 2), all_residuals_by_hand, ((2, 11), (2, 3), (2,))),
}
