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

Partials = tuple[Callable[..., Any] | None, ...]


def partials_of(function: np.ufunc, custom: Callable[..., Any]) -> Partials | None:
    """The partial derivatives of a ufunc of SciPy's; None if it is no such function, or has none here.

    ``custom`` makes a function with partial derivatives of one without, for a formula that needs it.
    """
    special = sys.modules.get("scipy.special")
    name = getattr(function, "__name__", "")
    if special is None or function.nout != 1 or getattr(special, name, None) is not function:
        return None
    return _table(custom).get(name)


@functools.cache
def _table(custom: Callable[..., Any]) -> dict[str, Partials]:
    """Those of SciPy's ufuncs, of which polygamma is none: psi and its derivatives."""
    special: Any = sys.modules["scipy.special"]
    polygamma: Any = custom(
        lambda n, x: special.polygamma(np.asarray(n, dtype=np.int64), x),
        partials=(None, lambda n, x, y: polygamma(n + 1, x)),
    )
    return functions(custom, special, polygamma)


@functools.cache
def functions(custom: Callable[..., Any], sp: Any, polygamma: Callable[..., Any]) -> dict[str, Partials]:
    """The partial derivatives by the names of the functions, made of the functions of ``sp``."""
    two_over_root_pi = 2 / np.sqrt(np.pi)
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
        partials=(lambda m, y: (sp.ellipk(m) - (2 - m) * y) / (2 * m * (1 - m)),),
    )

    def lower(n: Any, value: Any) -> Any:
        return np.where(n == 0, 0.0, value)  # the derivative of a polynomial of degree 0

    return {
        # error functions
        "erf": (lambda x, y: two_over_root_pi * np.exp(-x * x),),
        "erfc": (lambda x, y: -two_over_root_pi * np.exp(-x * x),),
        "erfi": (lambda x, y: two_over_root_pi * np.exp(x * x),),
        "erfcx": (lambda x, y: 2 * x * y - two_over_root_pi,),
        "erfinv": (lambda x, y: np.exp(y * y) / two_over_root_pi,),
        "erfcinv": (lambda x, y: -np.exp(y * y) / two_over_root_pi,),
        "dawsn": (lambda x, y: 1 - 2 * x * y,),
        "ndtr": (lambda x, y: normal(x),),
        "ndtri": (lambda p, y: 1 / normal(y),),
        "log_ndtr": (lambda x, y: np.sqrt(2 / np.pi) / sp.erfcx(-x / np.sqrt(2)),),
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
        "beta": (lambda a, b, y: y * (sp.psi(a) - sp.psi(a + b)), lambda a, b, y: y * (sp.psi(b) - sp.psi(a + b))),
        "betaln": (lambda a, b, y: sp.psi(a) - sp.psi(a + b), lambda a, b, y: sp.psi(b) - sp.psi(a + b)),
        "binom": (
            lambda n, k, y: y * (sp.psi(n + 1) - sp.psi(n - k + 1)),
            lambda n, k, y: y * (sp.psi(n - k + 1) - sp.psi(k + 1)),
        ),
        "poch": (lambda a, m, y: y * (sp.psi(a + m) - sp.psi(a)), lambda a, m, y: y * sp.psi(a + m)),
        "gammainc": no_order(lambda a, x, y: gamma_density(a, x)),
        "gammaincc": no_order(lambda a, x, y: -gamma_density(a, x)),
        "gammaincinv": no_order(lambda a, p, y: 1 / gamma_density(a, y)),
        "gammainccinv": no_order(lambda a, p, y: -1 / gamma_density(a, y)),
        "betainc": (None, None, lambda a, b, x, y: beta_density(a, b, x)),
        "betaincc": (None, None, lambda a, b, x, y: -beta_density(a, b, x)),
        "betaincinv": (None, None, lambda a, b, p, y: 1 / beta_density(a, b, y)),
        "betainccinv": (None, None, lambda a, b, p, y: -1 / beta_density(a, b, y)),
        "stdtr": no_order(lambda v, t, y: t_density(v, t)),
        "stdtrit": no_order(lambda v, p, y: 1 / t_density(v, y)),
        "chdtr": no_order(lambda v, x, y: gamma_density(v / 2, x / 2) / 2),
        "chdtrc": no_order(lambda v, x, y: -gamma_density(v / 2, x / 2) / 2),
        "chdtri": no_order(lambda v, p, y: -2 / gamma_density(v / 2, y / 2)),
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
            lambda d, r, y: r * r / d * (1 / (1 + np.hypot(1, r / d))) * 2 - r * r / (d * np.hypot(1, r / d)),
            lambda d, r, y: r / np.hypot(1, r / d),
        ),
        "boxcox": (
            lambda x, p, y: np.power(x, p - 1),
            lambda x, p, y: np.where(
                p == 0, np.log(x) ** 2 / 2, (np.power(x, p) * (p * np.log(x) - 1) + 1) / np.where(p == 0, 1.0, p * p)
            ),
        ),
        "boxcox1p": (lambda x, p, y: np.power(1 + x, p - 1), None),
        "inv_boxcox": (lambda y, p, x: np.power(x, 1 - p), None),
        "exprel": (lambda x, y: np.where(x == 0, 0.5, (np.exp(x) - y) / np.where(x == 0, 1.0, x)),),
        "spence": (lambda x, y: np.where(x == 1, -1.0, np.log(x) / np.where(x == 1, 1.0, 1 - x)),),
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
        "i0e": (lambda x, y: sp.i1e(x) - np.sign(x) * y,),
        "i1e": (lambda x, y: (sp.i0e(x) + sp.ive(2, x)) / 2 - np.sign(x) * y,),
        "ive": no_order(lambda v, x, y: (sp.ive(v - 1, x) + sp.ive(v + 1, x)) / 2 - np.sign(x) * y),
        "k0": (lambda x, y: -sp.k1(x),),
        "k1": (lambda x, y: -(sp.k0(x) + sp.kv(2, x)) / 2,),
        "kn": no_order(lambda v, x, y: -(sp.kv(v - 1, x) + sp.kv(v + 1, x)) / 2),
        "kv": no_order(lambda v, x, y: -(sp.kv(v - 1, x) + sp.kv(v + 1, x)) / 2),
        "k0e": (lambda x, y: y - sp.k1e(x),),
        "k1e": (lambda x, y: y - (sp.k0e(x) + sp.kve(2, x)) / 2,),
        "kve": no_order(lambda v, x, y: y - (sp.kve(v - 1, x) + sp.kve(v + 1, x)) / 2),
        # exponential integrals
        "expi": (lambda x, y: np.exp(x) / x,),
        "exp1": (lambda x, y: -np.exp(-x) / x,),
        "expn": no_order(
            lambda n, x, y: np.where(n == 0, -np.exp(-x) * (1 + x) / (x * x), -sp.expn(np.maximum(n - 1, 0), x))
        ),
        # elliptic integrals
        "ellipk": (lambda m, y: (y - legendre_d(m)) / (2 * (1 - m)),),
        "ellipkm1": (lambda p, y: -(y - legendre_d(1 - p)) / (2 * p),),
        "ellipe": (lambda m, y: -legendre_d(m) / 2,),
        "ellipkinc": (
            lambda phi, m, y: 1 / np.sqrt(1 - m * np.sin(phi) ** 2),
            lambda phi, m, y: (
                (sp.ellipeinc(phi, m) - (1 - m) * y) / (2 * m * (1 - m))
                - np.sin(2 * phi) / (4 * (1 - m) * np.sqrt(1 - m * np.sin(phi) ** 2))
            ),
        ),
        "ellipeinc": (
            lambda phi, m, y: np.sqrt(1 - m * np.sin(phi) ** 2),
            lambda phi, m, y: (y - sp.ellipkinc(phi, m)) / (2 * m),
        ),
        # hypergeometric functions and orthogonal polynomials, by x
        "hyp0f1": no_order(lambda b, x, y: sp.hyp0f1(b + 1, x) / b),
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
