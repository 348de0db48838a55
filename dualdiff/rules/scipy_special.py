"""The partial derivatives of SciPy's special functions, which are ufuncs of its own.

SciPy is not imported here: whoever calls such a function has it. None stands for an argument by which there is no
closed form, as by the order of a Bessel function: that is refused. The formulas are those of the Digital Library of
Mathematical Functions (dlmf.nist.gov); where the usual one cancels, another is taken, as said.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import stable
from .stable import where

Partials = tuple[Callable[..., Any] | None, ...]


def partials_of(function: np.ufunc, custom: Callable[..., Any]) -> Partials | None:
    """The partial derivatives of a ufunc of SciPy's; None if it is no such function, or has none here.

    ``custom`` makes a function with partial derivatives of one without, for a formula that needs it.
    """
    special = sys.modules.get("scipy.special")
    name = getattr(function, "__name__", "")
    if special is None or function.nout != 1 or _found(name) is not function:
        return None
    return _table(custom).get(name)


def parts_of(function: np.ufunc, custom: Callable[..., Any]) -> tuple[Callable[..., Any], ...] | None:
    """The functions, with partial derivatives, that a ufunc of SciPy's with several results is made of."""
    name = getattr(function, "__name__", "")
    if "scipy.special" not in sys.modules or function.nout == 1 or _found(name) is not function:
        return None
    return several(custom, sys.modules["scipy.special"]).get(name)


def _found(name: str) -> Any:
    """SciPy's ufunc of this name; some are called by functions of nearly the same name."""
    special: Any = sys.modules["scipy.special"]
    return getattr(special, name, None) or getattr(special._ufuncs, name, None)


ELSEWHERE = ("lambertw", "spherical_jn", "spherical_yn", "spherical_in", "spherical_kn")
"""Functions of SciPy's that do not take duals, for which ``dualdiff.special`` has others that do."""


def definitions(sp: Any) -> dict[str, Callable[..., Any]]:
    """What stands for those functions of SciPy's that are none of NumPy's ufuncs, as it has them."""
    return {
        "zeta": lambda x, q: sp.zeta(x, q),
        "lambertw": lambda x: np.real(sp.lambertw(np.where(np.asarray(x) >= -1 / np.e, x, np.nan))),
        "spherical_jn": lambda n, x: sp.spherical_jn(n, x),
        "spherical_yn": lambda n, x: sp.spherical_yn(n, x),
        "spherical_in": lambda n, x: sp.spherical_in(n, x),
        "spherical_kn": lambda n, x: sp.spherical_kn(n, x),
    }


@functools.cache
def several(custom: Callable[..., Any], sp: Any) -> dict[str, tuple[Callable[..., Any], ...]]:
    """The functions that SciPy's ufuncs with several results are made of, by the names of those."""
    special: Any = sys.modules["scipy.special"]

    def part(name: str, place: int, *partials: Callable[..., Any] | None) -> Any:
        ufunc = getattr(special, name)

        def one(*args: Any) -> Any:
            return ufunc(*args)[place]

        one.__name__ = one.__qualname__ = f"{name}[{place}]"
        one.nin = ufunc.nin  # type: ignore[attr-defined]
        return custom(one, partials=partials)

    def over(x: Any) -> Any:  # sinh(x) / x
        near = where(np.abs(x) < 0.5, x, 0.5)
        far = where(np.abs(x) < 0.5, 0.5, x)
        return where(np.abs(x) < 0.5, sp.hyp0f1(1.5, near * near / 4), np.sinh(far) / far)

    airy_a: Any = part("airy", 0, lambda x, y: airy_da(x))
    airy_da: Any = part("airy", 1, lambda x, y: x * airy_a(x))
    airy_b: Any = part("airy", 2, lambda x, y: airy_db(x))
    airy_db: Any = part("airy", 3, lambda x, y: x * airy_b(x))
    sn: Any = part("ellipj", 0, lambda u, m, y: cn(u, m) * dn(u, m), None)
    cn: Any = part("ellipj", 1, lambda u, m, y: -sn(u, m) * dn(u, m), None)
    dn: Any = part("ellipj", 2, lambda u, m, y: -m * sn(u, m) * cn(u, m), None)
    amplitude: Any = part("ellipj", 3, lambda u, m, y: dn(u, m), None)
    half_pi = np.pi / 2
    return {
        "airy": (airy_a, airy_da, airy_b, airy_db),
        "ellipj": (sn, cn, dn, amplitude),
        "fresnel": (
            part("fresnel", 0, lambda x, y: np.sin(half_pi * x * x)),
            part("fresnel", 1, lambda x, y: np.cos(half_pi * x * x)),
        ),
        "sici": (part("sici", 0, lambda x, y: np.sinc(x / np.pi)), part("sici", 1, lambda x, y: np.cos(x) / x)),
        "shichi": (part("shichi", 0, lambda x, y: over(x)), part("shichi", 1, lambda x, y: np.cosh(x) / x)),
    }


@functools.cache
def _table(custom: Callable[..., Any]) -> dict[str, Partials]:
    """Those of SciPy's ufuncs, of which polygamma is none: psi and its derivatives."""
    special: Any = sys.modules["scipy.special"]
    polygamma: Any = custom(
        lambda n, x: special.polygamma(np.asarray(n, dtype=np.int64), x),
        partials=(None, lambda n, x, y: polygamma(n + 1, x)),
    )
    known = functions(custom, special, polygamma)
    real: Any = custom(
        lambda a, b: np.real(special.wofz(a + 1j * b)),
        partials=(
            lambda a, b, y: stable.wofz_slope(a, b, y, imag(a, b))[0],
            lambda a, b, y: -stable.wofz_slope(a, b, y, imag(a, b))[1],
        ),
    )
    imag: Any = custom(
        lambda a, b: np.imag(special.wofz(a + 1j * b)),
        partials=(
            lambda a, b, y: stable.wofz_slope(a, b, real(a, b), y)[1],
            lambda a, b, y: stable.wofz_slope(a, b, real(a, b), y)[0],
        ),
    )

    def voigt_slope(x: Any, width: Any, gamma: Any) -> tuple[Any, Any]:
        a, b = x / width, gamma / width
        return stable.wofz_slope(a, b, real(a, b), imag(a, b))

    def by_width(x: Any, width: Any, gamma: Any, y: Any) -> Any:
        by_a, by_b = voigt_slope(x, width, gamma)
        return -y / width + (gamma * by_b - x * by_a) / (width * width * width * np.sqrt(np.pi))

    root_two = np.sqrt(2)
    return {
        **known,
        "_zeta": known["zeta"],
        "_riemann_zeta": known["zetac"],
        "voigt_profile": (
            lambda x, s, g, y: voigt_slope(x, root_two * s, g)[0] / (2 * s * s * np.sqrt(np.pi)),
            lambda x, s, g, y: root_two * by_width(x, root_two * s, g, y),
            lambda x, s, g, y: -voigt_slope(x, root_two * s, g)[1] / (2 * s * s * np.sqrt(np.pi)),
        ),
    }


@functools.cache
def functions(custom: Callable[..., Any], sp: Any, polygamma: Callable[..., Any]) -> dict[str, Partials]:
    """The partial derivatives by the names of the functions, made of the functions of ``sp``."""
    two_over_root_pi = stable.TWO_OVER_ROOT_PI
    scaled, elliptic_d_by_m = stable.scaled_bessel_slope, stable.elliptic_d_by_m  # cells, which compiled code follows
    step, by_order = stable.psi_step, stable.gammainc_by_a
    zeta_by_s = stable.zeta_by_s
    by_first, by_second = stable.betainc_by_a, stable.betainc_by_b
    root_two_pi = np.sqrt(2 * np.pi)
    degree = np.pi / 180

    def normal(x: Any) -> Any:
        return np.exp(-x * x / 2) / root_two_pi

    def gamma_density(a: Any, x: Any) -> Any:
        return np.exp(sp.xlogy(a - 1, x) - x - sp.gammaln(a))

    def beta_density(a: Any, b: Any, x: Any) -> Any:
        return np.exp(sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b))

    def t_density(v: Any, t: Any) -> Any:
        return np.exp(-sp.betaln(v / 2, 0.5) - (v + 1) / 2 * np.log1p(t * t / v)) / np.sqrt(v)

    def trigamma(x: Any) -> Any:
        return polygamma(1, x)

    def no_order(partial: Callable[..., Any]) -> Partials:
        return (None, partial)

    # D(m) = (K(m) - E(m)) / m, which is R_D(0, 1 - m, 1) / 3 and does not cancel at 0 (DLMF 19.25.1)
    legendre_d = custom(
        lambda m: sp.elliprd(0.0, 1.0 - m, 1.0) / 3,
        partials=(
            lambda m, y: where(
                np.abs(m) < 0.5,
                legendre_d_slope(m),
                (sp.ellipk(m) - (2 - m) * y) / where(np.abs(m) < 0.5, 1.0, 2 * m * (1 - m)),
            ),
        ),
    )

    def legendre_d_slope(m: Any) -> Any:
        return 3 * np.pi / 32 * sp.hyp2f1(1.5, 2.5, 3.0, near(m))

    # D(phi, m) = (F - E) / m: s^3 R_D(c^2, 1 - m s^2, 1) / 3 of the angle within a half turn, and whole ones
    def incomplete(phi: Any, m: Any) -> Any:
        turns = np.rint(phi / np.pi)
        s = np.sin(phi - turns * np.pi)
        rest = s * s * s * sp.elliprd(1 - s * s, 1 - m * s * s, 1.0) / 3
        return rest + where(turns == 0, 0.0, 2 * turns * sp.elliprd(0.0, 1 - m, 1.0) / 3)

    incomplete_d = custom(
        incomplete,
        partials=(
            lambda phi, m, y: np.sin(phi) ** 2 / np.sqrt(1 - m * np.sin(phi) ** 2),
            lambda phi, m, y: elliptic_d_by_m(phi, m, sp.ellipkinc(phi, m), y, legendre_d_slope(m)),
        ),
    )

    def log1p_ratio_slope(u: Any) -> Any:  # of log1p(u) / u
        far = where(np.abs(u) < 0.5, 1.0, u)
        return where(
            np.abs(u) < 0.5, -sp.hyp2f1(2.0, 2.0, 3.0, -near(u)) / 2, (1 / (1 + far) - np.log1p(far) / far) / far
        )

    def near(u: Any) -> Any:
        return where(np.abs(u) < 0.5, u, 0.0)

    def exprel_slope(z: Any) -> Any:
        return sp.hyp1f1(2.0, 3.0, z) / 2

    def psi_step(a: Any, b: Any) -> Any:
        return step(sp.psi, a, b)

    def gammainc_by_a(a: Any, x: Any) -> Any:
        return by_order(sp.xlogy, sp.gammaln, sp.psi, a, x)

    def betainc_by_a(a: Any, b: Any, x: Any) -> Any:
        return by_first(sp.betaln, sp.psi, a, b, x)

    def betainc_by_b(a: Any, b: Any, x: Any) -> Any:
        return by_second(sp.betaln, sp.psi, a, b, x)

    def stdtr_by_v(v: Any, t: Any) -> Any:
        # by the incomplete beta function of t^2 / (v + t^2), or of v / (v + t^2), whichever is small
        square = t * t
        total = v + square
        z = where(square < v, square, v) / total
        a, b = where(square < v, 0.5, v / 2), where(square < v, v / 2, 0.5)
        of_order = where(square < v, betainc_by_b(a, b, z), -betainc_by_a(a, b, z)) / 2
        return where(t == 0, 0.0, np.copysign(0.5, t) * (of_order - beta_density(a, b, z) * square / (total * total)))

    def struve_rest(v: Any, x: Any) -> Any:
        return np.power(x / 2, v) / (np.sqrt(np.pi) * sp.gamma(v + 1.5))

    def spherical(of: Any, n: Any, x: Any, sign: float) -> Any:
        lower = where(n > 0, n * of(np.maximum(n - 1, 0), x), 0.0)
        return (lower - sign * (n + 1) * of(n + 1, x)) / (2 * n + 1)

    def lower(n: Any, value: Any) -> Any:
        return where(n == 0, 0.0, value)  # the derivative of a polynomial of degree 0

    return {
        # error functions
        "erf": (lambda x, y: two_over_root_pi * np.exp(-x * x),),
        "erfc": (lambda x, y: -two_over_root_pi * np.exp(-x * x),),
        "erfi": (lambda x, y: two_over_root_pi * np.exp(x * x),),
        "erfcx": (stable.erfcx_slope,),
        "erfinv": (lambda x, y: np.exp(y * y) / two_over_root_pi,),
        "erfcinv": (lambda x, y: -np.exp(y * y) / two_over_root_pi,),
        "dawsn": (stable.dawsn_slope,),
        "ndtr": (lambda x, y: normal(x),),
        "ndtri": (lambda p, y: 1 / normal(y),),
        "log_ndtr": (
            lambda x, y: where(
                x > 0, normal(x) / sp.ndtr(x), np.sqrt(2 / np.pi) / sp.erfcx(-where(x > 0, 0.0, x) / np.sqrt(2))
            ),
        ),
        "owens_t": (
            lambda h, a, y: -normal(h) * sp.erf(a * h / np.sqrt(2)) / 2,
            lambda h, a, y: np.exp(-h * h * (1 + a * a) / 2) / (2 * np.pi * (1 + a * a)),
        ),
        # gamma and beta
        "gamma": (lambda x, y: y * sp.psi(x),),
        "rgamma": (lambda x, y: -y * sp.psi(x),),
        "gammaln": (lambda x, y: sp.psi(x),),
        "loggamma": (lambda x, y: sp.psi(x),),
        "psi": (lambda x, y: trigamma(x),),
        "digamma": (lambda x, y: trigamma(x),),
        "beta": (lambda a, b, y: -y * psi_step(a, b), lambda a, b, y: -y * psi_step(b, a)),
        "betaln": (lambda a, b, y: -psi_step(a, b), lambda a, b, y: -psi_step(b, a)),
        "binom": (
            lambda n, k, y: y * psi_step(n - k + 1, k),
            lambda n, k, y: y * (sp.psi(n - k + 1) - sp.psi(k + 1)),
        ),
        "poch": (lambda a, m, y: y * psi_step(a, m), lambda a, m, y: y * sp.psi(a + m)),
        "gammainc": (lambda a, x, y: gammainc_by_a(a, x), lambda a, x, y: gamma_density(a, x)),
        "gammaincc": (lambda a, x, y: -gammainc_by_a(a, x), lambda a, x, y: -gamma_density(a, x)),
        "gammaincinv": (
            lambda a, p, y: -gammainc_by_a(a, y) / gamma_density(a, y),
            lambda a, p, y: 1 / gamma_density(a, y),
        ),
        "gammainccinv": (
            lambda a, p, y: -gammainc_by_a(a, y) / gamma_density(a, y),
            lambda a, p, y: -1 / gamma_density(a, y),
        ),
        "betainc": (
            lambda a, b, x, y: betainc_by_a(a, b, x),
            lambda a, b, x, y: betainc_by_b(a, b, x),
            lambda a, b, x, y: beta_density(a, b, x),
        ),
        "betaincc": (
            lambda a, b, x, y: -betainc_by_a(a, b, x),
            lambda a, b, x, y: -betainc_by_b(a, b, x),
            lambda a, b, x, y: -beta_density(a, b, x),
        ),
        "betaincinv": (
            lambda a, b, p, y: -betainc_by_a(a, b, y) / beta_density(a, b, y),
            lambda a, b, p, y: -betainc_by_b(a, b, y) / beta_density(a, b, y),
            lambda a, b, p, y: 1 / beta_density(a, b, y),
        ),
        "betainccinv": (
            lambda a, b, p, y: -betainc_by_a(a, b, y) / beta_density(a, b, y),
            lambda a, b, p, y: -betainc_by_b(a, b, y) / beta_density(a, b, y),
            lambda a, b, p, y: -1 / beta_density(a, b, y),
        ),
        "stdtr": (lambda v, t, y: stdtr_by_v(v, t), lambda v, t, y: t_density(v, t)),
        "stdtrit": (
            lambda v, p, y: -stdtr_by_v(v, y) / t_density(v, y),
            lambda v, p, y: 1 / t_density(v, y),
        ),
        "chdtr": (
            lambda v, x, y: gammainc_by_a(v / 2, x / 2) / 2,
            lambda v, x, y: gamma_density(v / 2, x / 2) / 2,
        ),
        "chdtrc": (
            lambda v, x, y: -gammainc_by_a(v / 2, x / 2) / 2,
            lambda v, x, y: -gamma_density(v / 2, x / 2) / 2,
        ),
        "chdtri": (
            lambda v, p, y: -gammainc_by_a(v / 2, y / 2) / gamma_density(v / 2, y / 2),
            lambda v, p, y: -2 / gamma_density(v / 2, y / 2),
        ),
        "gdtr": (
            lambda a, b, x, y: x * gamma_density(b, a * x),
            lambda a, b, x, y: gammainc_by_a(b, a * x),
            lambda a, b, x, y: a * gamma_density(b, a * x),
        ),
        "fdtr": (
            lambda n, d, x, y: (
                betainc_by_a(n / 2, d / 2, n * x / (n * x + d)) / 2
                + beta_density(n / 2, d / 2, n * x / (n * x + d)) * x * d / ((n * x + d) * (n * x + d))
            ),
            lambda n, d, x, y: (
                betainc_by_b(n / 2, d / 2, n * x / (n * x + d)) / 2
                - beta_density(n / 2, d / 2, n * x / (n * x + d)) * x * n / ((n * x + d) * (n * x + d))
            ),
            lambda n, d, x, y: beta_density(n / 2, d / 2, n * x / (n * x + d)) * n * d / ((n * x + d) * (n * x + d)),
        ),
        "pdtr": no_order(lambda k, m, y: -np.exp(sp.xlogy(np.floor(k), m) - m - sp.gammaln(np.floor(k) + 1))),
        "pdtrc": no_order(lambda k, m, y: np.exp(sp.xlogy(np.floor(k), m) - m - sp.gammaln(np.floor(k) + 1))),
        # zeta functions and Lambert's
        "zeta": (lambda x, q, y: zeta_by_s(x, q), lambda x, q, y: -x * sp.zeta(x + 1, q)),
        "zetac": (lambda x, y: zeta_by_s(x, 1.0),),
        "wrightomega": (lambda x, y: y / (1 + y),),
        "lambertw": (lambda x, y: np.exp(-y) / (1 + y),),
        # logarithms, entropies, and what statistics is made of
        "expit": (lambda x, y: y * sp.expit(-x),),
        "logit": (lambda x, y: 1 / (x * (1 - x)),),
        "log_expit": (lambda x, y: sp.expit(-x),),
        "xlogy": (lambda x, y, z: np.log(y), lambda x, y, z: x / y),
        "xlog1py": (lambda x, y, z: np.log1p(y), lambda x, y, z: x / (1 + y)),
        "entr": (lambda x, y: -np.log(x) - 1,),
        "rel_entr": (lambda x, y, z: np.log(x / y) + 1, lambda x, y, z: -x / y),
        "kl_div": (lambda x, y, z: np.log(x / y), lambda x, y, z: 1 - x / y),
        "pseudo_huber": (
            lambda d, r, y: r * r * r * r / (np.hypot(d, r) * (d + np.hypot(d, r)) ** 2),
            lambda d, r, y: r * d / np.hypot(d, r),
        ),
        "boxcox": (
            lambda x, p, y: np.power(x, p - 1),
            lambda x, p, y: np.log(x) ** 2 * exprel_slope(p * np.log(x)),
        ),
        "boxcox1p": (
            lambda x, p, y: np.power(1 + x, p - 1),
            lambda x, p, y: np.log1p(x) ** 2 * exprel_slope(p * np.log1p(x)),
        ),
        "inv_boxcox": (lambda y, p, x: np.power(x, 1 - p), lambda y, p, x: x * y * y * log1p_ratio_slope(p * y)),
        "inv_boxcox1p": (
            lambda y, p, x: np.power(1 + x, 1 - p),
            lambda y, p, x: (1 + x) * y * y * log1p_ratio_slope(p * y),
        ),
        "exprel": (lambda x, y: exprel_slope(x),),
        "spence": (
            lambda x, y: where(
                np.abs(x - 1) < 0.5,
                -sp.hyp2f1(1.0, 1.0, 2.0, near(1 - x)),
                np.log(x) / where(np.abs(x - 1) < 0.5, 1.0, 1 - x),
            ),
        ),
        "powm1": (lambda x, p, y: p * np.power(x, p - 1), lambda x, p, y: (y + 1) * np.log(x)),
        "cosm1": (lambda x, y: -np.sin(x),),
        "expm1": (lambda x, y: np.exp(x),),
        "log1p": (lambda x, y: 1 / (1 + x),),
        "cbrt": (lambda x, y: 1 / (3 * y * y),),
        "exp2": (lambda x, y: np.log(2) * y,),
        "exp10": (lambda x, y: np.log(10) * y,),
        "sindg": (lambda x, y: degree * sp.cosdg(x),),
        "cosdg": (lambda x, y: -degree * sp.sindg(x),),
        "tandg": (lambda x, y: degree * (1 + y * y),),
        # Bessel functions, by x (DLMF 10.6.1, 10.29.1)
        "j0": (lambda x, y: -sp.j1(x),),
        "j1": (lambda x, y: (sp.j0(x) - sp.jv(2, x)) / 2,),
        "jv": no_order(lambda v, x, y: (sp.jv(v - 1, x) - sp.jv(v + 1, x)) / 2),
        "jn": no_order(lambda v, x, y: (sp.jv(v - 1, x) - sp.jv(v + 1, x)) / 2),
        "y0": (lambda x, y: -sp.y1(x),),
        "y1": (lambda x, y: (sp.y0(x) - sp.yv(2, x)) / 2,),
        "yn": no_order(lambda v, x, y: (sp.yv(v - 1, x) - sp.yv(v + 1, x)) / 2),
        "yv": no_order(lambda v, x, y: (sp.yv(v - 1, x) - sp.yv(v + 1, x)) / 2),
        "i0": (lambda x, y: sp.i1(x),),
        "i1": (lambda x, y: (sp.i0(x) + sp.iv(2, x)) / 2,),
        "iv": no_order(lambda v, x, y: (sp.iv(v - 1, x) + sp.iv(v + 1, x)) / 2),
        "i0e": (lambda x, y: scaled(0.0, x, y, sp.i1e(x) - np.copysign(1.0, x) * y, 1.0),),
        "i1e": (lambda x, y: scaled(1.0, x, y, (sp.i0e(x) + sp.ive(2, x)) / 2 - np.copysign(1.0, x) * y, 1.0),),
        "ive": no_order(
            lambda v, x, y: scaled(v, x, y, (sp.ive(v - 1, x) + sp.ive(v + 1, x)) / 2 - np.copysign(1.0, x) * y, 1.0)
        ),
        "k0": (lambda x, y: -sp.k1(x),),
        "k1": (lambda x, y: -(sp.k0(x) + sp.kv(2, x)) / 2,),
        "kn": no_order(lambda v, x, y: -(sp.kv(v - 1, x) + sp.kv(v + 1, x)) / 2),
        "kv": no_order(lambda v, x, y: -(sp.kv(v - 1, x) + sp.kv(v + 1, x)) / 2),
        "k0e": (lambda x, y: scaled(0.0, x, y, y - sp.k1e(x), -1.0),),
        "k1e": (lambda x, y: scaled(1.0, x, y, y - (sp.k0e(x) + sp.kve(2, x)) / 2, -1.0),),
        "kve": no_order(lambda v, x, y: scaled(v, x, y, y - (sp.kve(v - 1, x) + sp.kve(v + 1, x)) / 2, -1.0)),
        "spherical_jn": no_order(lambda n, x, y: spherical(sp.spherical_jn, n, x, 1.0)),
        "spherical_yn": no_order(lambda n, x, y: spherical(sp.spherical_yn, n, x, 1.0)),
        "spherical_in": no_order(lambda n, x, y: spherical(sp.spherical_in, n, x, -1.0)),
        "spherical_kn": no_order(lambda n, x, y: -spherical(sp.spherical_kn, n, x, -1.0)),
        "struve": no_order(lambda v, x, y: (sp.struve(v - 1, x) - sp.struve(v + 1, x) + struve_rest(v, x)) / 2),
        "modstruve": no_order(
            lambda v, x, y: (sp.modstruve(v - 1, x) + sp.modstruve(v + 1, x) + struve_rest(v, x)) / 2
        ),
        # exponential integrals
        "expi": (lambda x, y: np.exp(x) / x,),
        "exp1": (lambda x, y: -np.exp(-x) / x,),
        "expn": no_order(
            lambda n, x, y: where(n == 0, -np.exp(-x) * (1 + x) / (x * x), -sp.expn(np.maximum(n - 1, 0), x))
        ),
        # elliptic integrals
        "ellipk": (lambda m, y: (y - legendre_d(m)) / (2 * (1 - m)),),
        "ellipkm1": (
            lambda p, y: (
                where(p < 0.5, (p * y - sp.ellipe(1 - p)) / where(p < 0.5, 1 - p, 1.0), legendre_d(1 - p) - y) / (2 * p)
            ),
        ),
        "ellipe": (lambda m, y: -legendre_d(m) / 2,),
        "ellipkinc": (
            lambda phi, m, y: 1 / np.sqrt(1 - m * np.sin(phi) ** 2),
            lambda phi, m, y: (
                (y - incomplete_d(phi, m)) / (2 * (1 - m))
                - np.sin(2 * phi) / (4 * (1 - m) * np.sqrt(1 - m * np.sin(phi) ** 2))
            ),
        ),
        "ellipeinc": (
            lambda phi, m, y: np.sqrt(1 - m * np.sin(phi) ** 2),
            lambda phi, m, y: -incomplete_d(phi, m) / 2,
        ),
        # hypergeometric functions and orthogonal polynomials, by x
        "hyp0f1": no_order(lambda b, x, y: sp.hyp0f1(b + 1, x) / b),
        "hyperu": (None, None, lambda a, b, x, y: -a * sp.hyperu(a + 1, b + 1, x)),
        "hyp1f1": (None, None, lambda a, b, x, y: a / b * sp.hyp1f1(a + 1, b + 1, x)),
        "hyp2f1": (None, None, None, lambda a, b, c, x, y: a * b / c * sp.hyp2f1(a + 1, b + 1, c + 1, x)),
        "eval_legendre": no_order(lambda n, x, y: lower(n, sp.eval_gegenbauer(n - 1, 1.5, x))),
        "eval_chebyt": no_order(lambda n, x, y: lower(n, n * sp.eval_chebyu(n - 1, x))),
        "eval_chebyu": no_order(lambda n, x, y: lower(n, 2 * sp.eval_gegenbauer(n - 1, 2.0, x))),
        "eval_gegenbauer": (None, None, lambda n, a, x, y: lower(n, 2 * a * sp.eval_gegenbauer(n - 1, a + 1, x))),
        "eval_hermite": no_order(lambda n, x, y: lower(n, 2 * n * sp.eval_hermite(np.maximum(n - 1, 0), x))),
        "eval_hermitenorm": no_order(lambda n, x, y: lower(n, n * sp.eval_hermitenorm(np.maximum(n - 1, 0), x))),
        "eval_laguerre": no_order(lambda n, x, y: lower(n, -sp.eval_genlaguerre(n - 1, 1.0, x))),
        "eval_genlaguerre": (None, None, lambda n, a, x, y: lower(n, -sp.eval_genlaguerre(n - 1, a + 1, x))),
        "eval_jacobi": (
            *(None, None, None),
            lambda n, a, b, x, y: lower(n, (n + a + b + 1) / 2 * sp.eval_jacobi(n - 1, a + 1, b + 1, x)),
        ),
    }
