"""The functions of the rule table whose values take more than a line.

They are written for plain floats, once, and run by CPython and by Numba; their rules stand with
all others in rules.py.
"""

from __future__ import annotations

import math

import numpy as np

from .function import Function


@Function
def power_slope(x, p):
    """p x^(p - 1), by x the derivative of x^p; p - 1 is rounded nowhere."""
    # Cases:
    # 1. p whole: never through a logarithm, and in two parts, neither of them subnormal
    # 2. x^p in range: divided by x
    # 3. x = 0 or infinite: so is the power
    # 4. x^p near overflow or underflow: by halves
    if p == np.trunc(p) and np.absolute(p) < 2.0**52:
        k = p // 2
        return p * x**k * x ** (p - k - 1) if p != 0 or x == 0 else 0.0
    y = x**p
    if 1e-290 < y < 1e300:
        return p * y / x
    if x == 0 or x == np.inf:
        return p * x ** (p - 1)
    half = x ** (0.5 * p)
    return p * half / x * half


@Function
def power_log(x, p):
    """x^p log(x), by p the derivative of x^p; at x = 0 it is 0 where p > 0, else -inf."""
    if x == 0:
        return 0.0 if p > 0 else -np.inf
    y = x**p
    if 1e-290 < y < 1e300:
        return y * np.log(x)
    half = x ** (0.5 * p)
    return half * np.log(x) * half


# --- the cardinal sine ----------------------------------------------------------------------


@Function
def sinc_slope(n, x):
    """The n-th derivative of sinc(x) = sin(pi x)/(pi x)."""
    if np.absolute(np.pi * x) < n + 1:
        return _sinc_series(n, x)
    # x f = sin(pi x)/pi, differentiated j times: x f^(j) + j f^(j-1) = pi^(j-1) sin^(j)(pi x);
    # pi x only after the whole half-turns are taken off x, which is exact
    turns = np.rint(2 * x)
    t = np.pi * (x - 0.5 * turns)
    quarter = turns - 4 * np.floor(0.25 * turns)
    s, c = np.sin(t), np.cos(t)
    if quarter == 1:
        s, c = c, -s
    elif quarter == 2:
        s, c = -s, -c
    elif quarter == 3:
        s, c = -c, s
    f = s / (np.pi * x)
    scale = 1.0
    j = 1
    while j <= n:
        s, c = c, -s
        f = (scale * s - j * f) / x
        scale = scale * np.pi
        j += 1
    return f


def _sinc_series(n, x):
    # the sum over even m >= n of (-1)^(m/2) t^(m-n) / ((m + 1) (m - n)!) times pi^n, t = pi x
    t = np.pi * x
    m = n + n % 2
    term = t if n % 2 else 1 + 0 * t
    if m % 4:
        term = -term
    for _ in range(int(n)):
        term = term * np.pi
    total = term / (m + 1)
    previous = total + 1
    while total != previous:
        m += 2
        term = -(term * (t / (m - n))) * (t / (m - n - 1))
        previous = total
        total = total + term / (m + 1)
    return total


# --- the gamma function ---------------------------------------------------------------------


@Function
def gamma(x):
    """The gamma function; infinite at 0, NaN at the other poles."""
    if np.absolute(x) < 1e-300:
        return 1 / x
    if x > 171.6243769563027:
        return np.inf
    if x < 0 and x == np.floor(x):
        return np.nan
    return math.gamma(x)


@Function
def lgamma(x):
    """The logarithm of abs(gamma(x)); infinite at the poles."""
    if x > 2.559e305 or (x <= 0 and x == np.floor(x)):
        return np.inf
    return math.lgamma(x)


@Function
def digamma(x):
    """The derivative of lgamma."""
    return polygamma(0.0, x)


@Function
def polygamma(n, x):
    """The n-th derivative of digamma, n = 0, 1, 2, ...

    Recurrence to larger x, there the asymptotic series (Abramowitz and Stegun, 1964, 6.4.6 and
    6.4.11); for negative x the reflection formula 6.4.7.
    """
    odd = n % 2 == 1
    if x != x or n < 0 or n != np.floor(n):
        return np.nan
    if x > 0:
        return _polygamma(n, x)
    if x == np.floor(x):
        return np.inf if odd else (-np.copysign(np.inf, x) if x == 0 else np.nan)
    # The sum of (x + k)^-(n+1) over all integers k has period 1: minus its part with k < 0 at x,
    # plus that at r, and its part with k >= 0 at r
    r = x - np.rint(x)
    mirrored = _polygamma(n, 1 - x) - _polygamma(n, 1 - r)
    here = _polygamma(n, 1 + r) + (1 if odd else -1) * _factorial_over_power(n, r)
    return here + (-mirrored if odd else mirrored)


def _factorial_over_power(n, x):
    # n! / x^(n+1), by steps that do not overflow early
    result = 1 / x
    for j in range(1, int(n) + 1):
        result = result * j / x
    return result


# B(2k)/(2k)!, of the Euler-Maclaurin sum
_BERNOULLI = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160,
    -691 / 1307674368000, 1 / 74724249600, -3617 / 10670622842880000,
    43867 / 5109094217170944000, -174611 / 802857662698291200000,
)  # fmt: skip


def _polygamma(n, x):
    # for x > 0: (-1)^(n+1) times the sum of n!/(x + k)^(n+1) over k >= 0, the first terms
    # as they are, the others by Euler and Maclaurin: an integral, half a term, and corrections
    steps = int(np.ceil(12 + n - x)) if x < 12 + n else 0
    z = x + steps
    integral = _factorial_over_power(n - 1, z) if n > 0 else 0.0
    q = integral * n / z if n > 0 else 1 / z
    factor = q * (n + 1) / z
    correction = 0.0
    for k in range(len(_BERNOULLI)):
        correction += _BERNOULLI[k] * factor
        factor = factor * ((n + 2 * k + 2) / z) * ((n + 2 * k + 3) / z)
    total = correction + 0.5 * q + integral
    for k in range(steps - 1, -1, -1):
        total += _factorial_over_power(n, x + k)
    if n == 0:
        return np.log(z) - total
    return total if n % 2 == 1 else -total
