"""What the partial derivatives of special functions are made of where the usual formula cancels, or has none.

All is plain arithmetic with NumPy's elementary functions, so that it takes numbers, arrays and duals, in Python and in
compiled code, and has derivatives of any order itself. DLMF is the Digital Library of Mathematical Functions
(dlmf.nist.gov).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .function import AlsoCompiled


@AlsoCompiled
def where(condition: Any, x: Any, y: Any) -> Any:
    """``np.where``, which in compiled code makes a number of numbers."""
    return np.where(condition, x, y)


def lambertw(x: Any) -> Any:
    """The principal branch of Lambert's W of a real number, NaN below -1/e, by Halley's method."""
    if not x >= -1 / np.e:
        return np.nan
    if x == np.inf:
        return x
    if x < 1:
        p = np.sqrt(2 * max(np.e * x + 1, 0.0))
        w = -1 + p * (1 - p / 3 + 11 * p * p / 72)
    else:
        w = np.log1p(x) * (1 - np.log1p(np.log1p(x)) / (2 + np.log1p(x)))
    for _ in range(8):
        if w > -1:
            e = w - x * np.exp(-w)
            w = w - e / ((w + 1) - (w + 2) * e / (2 * w + 2))
    return w


TWO_OVER_ROOT_PI = 2 / np.sqrt(np.pi)


def erfcx_slope(x: Any, y: Any) -> Any:
    """The derivative of y = erfcx(x), 2 x y - 2/sqrt(pi); beyond 2 by its continued fraction (DLMF 7.9.1)."""
    far = np.maximum(x, 2.0)
    rest = far
    for k in range(80, 1, -1):
        rest = far + 0.5 * k / rest
    return where(x > 2.0, -y / rest, 2 * x * y - TWO_OVER_ROOT_PI)


def dawsn_slope(x: Any, y: Any) -> Any:
    """The derivative of y = dawsn(x), 1 - 2 x y; beyond 7 by its asymptotic expansion (DLMF 7.12)."""
    far = where(np.abs(x) > 7.0, x, 7.0)
    term = 0.5 / (far * far)
    total = term
    for n in range(1, 26):
        term = term * (2 * n + 1) / (2 * far * far)
        total = total + term
    return where(np.abs(x) > 7.0, -total, 1 - 2 * x * y)


def psi_step(psi: Any, a: Any, b: Any) -> Any:
    """psi(a + b) - psi(a), to a few ulp also where b is small beside a; for negative numbers, the difference."""
    positive = (a > 0) & (a + b > 0)
    low = where(positive, a, 1.0)
    step = where(positive, b, 0.0)
    total = 0.0 * low
    for k in range(10):
        total = total + step / ((low + k) * (low + k + step))
    low = low + 10
    high = low + step
    total = total + np.log1p(step / low) + step / (2 * low * high)
    # the expansion of psi in 1 / z^2 (DLMF 5.11.2), each power less that of the other
    difference = -step * (low + high) / (low * low * high * high)
    p, q, power = 1.0 / (low * low), 1.0 / (high * high), difference
    lowers = p
    for c in PSI_TAIL:
        total = total - c * power
        power = power * q + lowers * difference
        lowers = lowers * p
    return where(positive, total, psi(a + b) - psi(a))


PSI_TAIL = tuple(
    b / (2 * k) for k, b in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510), 1)
)


def scaled_bessel_slope(v: Any, x: Any, y: Any, near: Any, sign: float) -> Any:
    """The derivative of y = e^-x I_v(x), or with sign = -1 of e^x K_v(x), for x > 0, where that is small beside y.

    From 30 on, and v^2 on, by the expansion in 1/x (DLMF 10.40.1, 10.40.2); before that it is ``near``.
    """
    reach = np.maximum(30.0, v * v)
    far = np.maximum(np.abs(x), reach)
    term, slope = 1.0 + 0.0 * far, 0.0 * far
    total = term
    for k in range(1, 30):
        term = -sign * term * (4.0 * v * v - (2.0 * k - 1) ** 2) / (8.0 * k * far)
        total = total + term
        slope = slope - k * term / far
    return where(np.abs(x) > reach, y * (slope / total - 0.5 / far) * np.sign(x), near)


def elliptic_d_by_m(phi: Any, m: Any, first: Any, d: Any, whole: Any) -> Any:
    """The derivative by m of Legendre's D(phi, m) = (F - E) / m, given F, D and the derivative of D(pi/2, m).

    Near m = 0 it is the integral of sin^4 / (2 Delta^3), by Gauss's rule over what is left of whole half turns.
    """
    turns = np.rint(phi / np.pi)
    angle = phi - turns * np.pi
    near = np.abs(m) < 0.5
    small, large = where(near, m, 0.0), where(near, 0.5, m)
    total = 0.0 * (angle + small)
    for k in range(len(GAUSS_POINTS)):
        square = np.sin(angle * GAUSS_POINTS[k]) ** 2
        left = 1 - small * square
        total = total + GAUSS_WEIGHTS[k] * square * square / (2 * left * np.sqrt(left))
    root = np.sqrt(1 - large * np.sin(phi) ** 2)
    of_first = (first - d) / (2 * (1 - large)) - np.sin(2 * phi) / (4 * (1 - large) * root)
    return where(near, angle * total + 2 * turns * whole, (of_first - d / 2) / large)


_k = np.arange(1, 24)
_points, _vectors = np.linalg.eigh(np.diag(_k / np.sqrt(4.0 * _k * _k - 1), -1))
GAUSS_POINTS = (_points + 1) / 2
GAUSS_WEIGHTS = _vectors[0] ** 2
"""Gauss's rule for the integral from 0 to 1 (Golub and Welsch 1969)."""


def wofz_slope(a: Any, b: Any, real: Any, imag: Any) -> tuple[Any, Any]:
    """The derivative of Faddeeva's w(z), -2 z w + 2 i/sqrt(pi) at z = a + i b, as real and imaginary part.

    For abs(z) > 7 by its asymptotic expansion, in which nothing cancels (DLMF 7.12, 7.19); in the upper half plane.
    """
    far = (a * a + b * b > 49) & (b >= 0)
    c, d = where(far, a, 7.0), where(far, b, 0.0)
    size = (c * c + d * d) ** 2
    u, v = (c * c - d * d) / (2 * size), -2 * c * d / (2 * size)  # 1 / (2 z^2)
    p, q = u, v
    x, y = p, q
    for n in range(1, 26):
        k = 2 * n + 1
        p, q = k * (p * u - q * v), k * (p * v + q * u)
        x, y = x + p, y + q
    near_real = -2 * (a * real - b * imag)
    near_imag = TWO_OVER_ROOT_PI - 2 * (a * imag + b * real)
    return where(far, TWO_OVER_ROOT_PI * y, near_real), where(far, -TWO_OVER_ROOT_PI * x, near_imag)


def zeta(s: Any, q: Any) -> Any:
    """Hurwitz's zeta(s, q) for q > 0 and s > 1, NaN below (Euler and Maclaurin; DLMF 25.11.5)."""
    total = 0.0 * (s + q)
    for k in range(12):
        total = total + (q + k) ** (-s)
    w = q + 12
    power = w ** (-s)
    rising = s * power / w
    total = total + power * w / (s - 1) + power / 2
    for j in range(len(ZETA_TAIL)):
        total = total + ZETA_TAIL[j] * rising
        rising = rising * (s + (2 * j + 1)) / w * (s + (2 * j + 2)) / w
    return where((s > 1) & (q > 0), total, where((s == 1) & (q > 0), np.inf, np.nan))


def zeta_by_s(s: Any, q: Any) -> Any:
    """The derivative of that by s; for q = 1, Riemann's, for s > -5, too."""
    total = 0.0 * (s + q)
    for k in range(12):
        total = total - np.log(q + k) * (q + k) ** (-s)
    w = q + 12
    log = np.log(w)
    power = w ** (-s)
    total = total - power * (w / (s - 1)) * (log + 1 / (s - 1)) - power * log / 2
    rising, by_s = s * power / w, power / w - s * power / w * log
    for j in range(len(ZETA_TAIL)):
        total = total + ZETA_TAIL[j] * by_s
        for i in (2 * j + 1, 2 * j + 2):
            rising, by_s = rising * (s + i) / w, (by_s * (s + i) + rising) / w
    return where(s > -5, total, np.nan)


ZETA_TAIL = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600)
"""B_2j / (2j)!"""


# --- by the parameters of distributions: integrals of the density's derivative ----------------

_STEP = 1 / 16
_TAU = np.arange(-64, 62) * _STEP
NODES = np.exp(_TAU - np.exp(-_TAU))
WEIGHTS = NODES * (1 + np.exp(-_TAU)) * _STEP
"""The double exponential rule for a function that decays like exp(-u) from 0 on (Takahasi and Mori 1974)."""


def gammainc_by_a(xlogy: Any, gammaln: Any, psi: Any, a: Any, x: Any) -> Any:
    """The derivative of the regularised lower incomplete gamma function P(a, x) by a > 0.

    Up to 1.5 by the power series (DLMF 8.7.1); beyond, the integral of the density's derivative on the side of x with
    the smaller tail, over t = x exp(s u).
    """
    near = where(x > 1.5, 1.5, x)
    term, harmonic, total = 1.0 + 0.0 * near, 0.0 * near, np.log(near) - psi(a + 1)
    start = total
    for n in range(1, 30):
        term = term * near / (a + n)
        harmonic = harmonic + 1 / (a + n)
        total = total + term * (start - harmonic)
    series = np.exp(xlogy(a, near) - near - gammaln(a + 1)) * total
    far = np.maximum(x, 1.5)
    side = where(far < a, -1.0, 1.0)
    scale = side * 2 / (np.abs(a - far) + np.sqrt((a - far) * (a - far) + 2 * far))
    start = np.log(far) - psi(a)
    total = 0.0 * scale
    for k in range(len(NODES)):
        v = scale * NODES[k]
        total = total + WEIGHTS[k] * np.exp(a * v - far * np.expm1(v)) * (start + v)
    integral = -np.exp(xlogy(a, far) - far - gammaln(a)) * scale * total
    return where(x > 1.5, integral, where(x > 0, series, 0.0))


def betainc_by_a(betaln: Any, psi: Any, a: Any, b: Any, x: Any) -> Any:
    """The derivative of the regularised incomplete beta function I(a, b; x) by a > 0."""
    return _betainc_by(betaln, psi, a, b, x, 0)


def betainc_by_b(betaln: Any, psi: Any, a: Any, b: Any, x: Any) -> Any:
    """The derivative of the regularised incomplete beta function I(a, b; x) by b > 0."""
    return _betainc_by(betaln, psi, a, b, x, 1)


def _betainc_by(betaln: Any, psi: Any, a: Any, b: Any, x: Any, by: int) -> Any:
    # from the side with the smaller tail, in the logit of t, which is that of z less s u
    left = where(a < b, x * (a + b) < a + b / (b + 2), (1 - x) * (a + b) >= b + a / (a + 2))
    z, rest = where(left, x, 1 - x), where(left, 1 - x, x)
    p, q = where(left, a, b), where(left, b, a)
    slope = p - (a + b) * z
    scale = np.maximum(2 / (slope + np.sqrt(slope * slope + 2 * (a + b) * z * rest)), 1 / p)
    first = left == (by == 0)
    start = where(first, np.log(z) + psi_step(psi, p, q), np.log(rest) + psi_step(psi, q, p))
    one = where(first, 1.0, 0.0)
    total = 0.0 * scale
    for k in range(len(NODES)):
        v = scale * NODES[k]
        moved = np.log1p(z * np.expm1(-v))
        total = total + WEIGHTS[k] * np.exp(-p * v - (a + b) * moved) * (start - one * v - moved)
    density = np.exp(p * np.log(z) + q * np.log(rest) - betaln(a, b))
    return where((x > 0) & (x < 1), where(left, 1.0, -1.0) * density * scale * total, 0.0)
