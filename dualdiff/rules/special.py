"""The functions of the rule table that NumPy does not have, as they are computed.

They are written once, for plain floats, and run by CPython and by Numba; their rules stand with
all others in rules.py. A comment says why where a formula is not the textbook's.
"""

from __future__ import annotations

import math

import numpy as np

from .function import Function

# --- arithmetic ----------------------------------------------------------------------------------


@Function
def quotient_slope(a, b):
    """a/b^2 without overflow."""
    # a/b/b; but where a/b is tiny it has lost digits, and there b^2 is in range
    y = a / b
    tiny = 0 < np.absolute(y) < 1e-290
    return (a if tiny else y) / (b * b if tiny else b)


# --- powers and roots ----------------------------------------------------------------------------


@Function
def power_slope(x, p):
    """p x^(p - 1), by x the derivative of x^p; p - 1 is rounded nowhere."""
    # Cases:
    # 1. p whole: never through a logarithm, and in two parts, neither of them subnormal
    # 2. x^p in range: divided by x
    # 3. x = 0 or infinite: so is the power
    # 4. x^p near overflow or underflow: by halves
    if p == np.trunc(p) and np.absolute(p) < 2.0**52:
        k = np.floor(p / 2)
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


@Function
def sqrt_slope(x):
    """1/(2 sqrt(x))."""
    return 0.5 / np.sqrt(x)


@Function
def hyp1(x):
    """sqrt(1 + x^2) without overflow."""
    return np.sqrt(1 + x * x) if np.absolute(x) < 1e150 else np.absolute(x)


def _scale(a, b):
    # what a and b are multiplied by before they are squared
    larger = np.absolute(a) if np.absolute(a) > np.absolute(b) else np.absolute(b)
    return 2.0**600 if larger < 1e-140 else (2.0**-600 if larger > 1e140 else 1.0)


@Function
def cosine(a, b):
    """a / hypot(a, b), the cosine of the angle of (a, b); 0 at the origin."""
    s = _scale(a, b)
    r = np.sqrt((s * a) * (s * a) + (s * b) * (s * b))
    return (a if s < 1 else s * a) / (r if r != 0 else 1.0) * (s if s < 1 else 1.0)


@Function
def turn(a, b):
    """b / (a^2 + b^2) without overflow: the derivative of the angle arctan2(a, b) by a."""
    s = _scale(a, b)
    square = (s * a) * (s * a) + (s * b) * (s * b)
    return (b if s < 1 else s * b) / square * s * (s if s < 1 else 1.0)


@Function
def turn_slope(a, b):
    """(a^2 - b^2) / (a^2 + b^2)^2 without overflow and cancellation."""
    s = _scale(a, b)
    square = (s * a) * (s * a) + (s * b) * (s * b)
    return ((s * a - s * b) / square) * ((s * a + s * b) / square) * s * s


# --- exponentials and logarithms -----------------------------------------------------------------


@Function
def logistic_slope(x):
    """The derivative of the logistic function: e/(1 + e)^2 with e = exp(-abs(x))."""
    e = np.exp(-np.absolute(x))
    return e / ((1 + e) * (1 + e))


@Function
def logistic(x):
    """The logistic function 1/(1 + exp(-x)), without overflow."""
    e = np.exp(-np.absolute(x))
    return (1 if x >= 0 else e) / (1 + e)


@Function
def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return np.log1p(np.exp(-np.absolute(x))) + (x if x > 0 else 0.0)


@Function
def logistic2(x):
    """1/(1 + 2^-x), without overflow."""
    e = np.exp2(-np.absolute(x))
    return (1 if x >= 0 else e) / (1 + e)


@Function
def logistic2_slope(x):
    """The derivative of ``logistic2`` divided by log(2)."""
    e = np.exp2(-np.absolute(x))
    return e / ((1 + e) * (1 + e))


@Function
def xlogy(x, y):
    """x log(y), and 0 where x is 0 and y is not NaN."""
    return 0 * x if x == 0 and y == y else x * np.log(y)


# --- trigonometric and hyperbolic functions ------------------------------------------------------


@Function
def omsq(x):
    """1 - x^2 as (1 - x)(1 + x), which does not cancel near 1."""
    return (1 - x) * (1 + x)


@Function
def arcsin_slope(x):
    """1/sqrt(1 - x^2)."""
    return 1 / np.sqrt((1 - x) * (1 + x))


@Function
def sech2(x):
    """1/cosh(x)^2 as 4 e/(1 + e)^2 with e = exp(-2 abs(x))."""
    e = np.exp(-2 * np.absolute(x))
    return 4 * e / ((1 + e) * (1 + e))


# --- the error function --------------------------------------------------------------------------


def square_rest(x):
    """What rounding takes from x^2: x^2 is x * x plus this."""
    h = np.rint(64 * x) / 64  # h^2 is exact for abs(x) < 64, in float32 too
    return (h * h - x * x) + (x - h) * (x + h)


@Function
def gauss(c, x):
    """c exp(-x^2); exp would amplify the rounding of x^2."""
    a = 40.0 if np.absolute(x) > 40 else x
    # exp(-x^2/2), twice: exp(-x^2) may be subnormal and have lost digits
    e = np.exp(-0.5 * (a * a))
    return (c * (1 - square_rest(a)) * e) * e


@Function
def erf(x):
    """The error function 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return math.erf(x)


@Function
def erfc(x):
    """The complementary error function 1 - erf(x)."""
    return math.erfc(x)


# --- the cardinal sine ---------------------------------------------------------------------------


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


# --- the gamma function --------------------------------------------------------------------------


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
