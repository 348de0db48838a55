"""SciPy's special functions, on duals: first and second derivatives beside mpmath's."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from dualdiff import derivative, gradient, hessian, jacobian, special
from dualdiff.rules.custom import custom_derivative

sp = pytest.importorskip("scipy.special", reason="SciPy is not there: pip install scipy")

from dualdiff.rules.scipy_special import _table, several  # noqa: E402 (it asks for SciPy)

SCIPY = tuple(map(int, version("scipy").split(".")[:2]))

pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")

TABLE = _table(custom_derivative)


def wofz(z: Any) -> Any:
    return mp.exp(-z * z) * mp.erfc(-1j * z)


EXACT: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(mp, name)
        for name in ("erf", "erfc", "erfi", "erfinv", "gamma", "rgamma", "beta", "expm1", "log1p")
    },
    **{name: getattr(mp, name) for name in ("erf", "erfc", "erfi", "erfinv", "gamma", "rgamma", "beta", "expm1")},
    **{name: getattr(mp, name) for name in ("log1p", "digamma", "cbrt", "ellipk", "ellipe")},
    **{name: getattr(mp, name) for name in ("hyp0f1", "hyp1f1", "hyp2f1")},
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "erfcinv": lambda p: mp.erfinv(1 - p),
    "dawsn": lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
    "ndtr": mp.ncdf,
    "ndtri": lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1),
    "log_ndtr": lambda x: mp.log(mp.ncdf(x)),
    "owens_t": lambda h, a: mp.quad(lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a]) / (2 * mp.pi),
    "voigt_profile": lambda x, s, g: mp.re(wofz((x + 1j * g) / (s * mp.sqrt(2)))) / (s * mp.sqrt(2 * mp.pi)),
    "zeta": mp.zeta,
    "_zeta": mp.zeta,
    "zetac": lambda x: mp.zeta(x) - 1,
    "_riemann_zeta": mp.zeta,
    "lambertw": mp.lambertw,
    "wrightomega": lambda x: mp.lambertw(mp.exp(x)),
    "gdtr": lambda a, b, x: mp.gammainc(b, 0, a * x, regularized=True),
    "fdtr": lambda n, d, x: mp.betainc(n / 2, d / 2, 0, n * x / (n * x + d), regularized=True),
    "pdtr": lambda k, m: mp.gammainc(k + 1, m, regularized=True),
    "pdtrc": lambda k, m: mp.gammainc(k + 1, 0, m, regularized=True),
    "powm1": lambda x, p: x**p - 1,
    "hyperu": mp.hyperu,
    "struve": mp.struveh,
    "modstruve": mp.struvel,
    "spherical_jn": lambda n, x: mp.sqrt(mp.pi / (2 * x)) * mp.besselj(n + 0.5, x),
    "spherical_yn": lambda n, x: mp.sqrt(mp.pi / (2 * x)) * mp.bessely(n + 0.5, x),
    "spherical_in": lambda n, x: mp.sqrt(mp.pi / (2 * x)) * mp.besseli(n + 0.5, x),
    "spherical_kn": lambda n, x: mp.sqrt(mp.pi / (2 * x)) * mp.besselk(n + 0.5, x),
    "gammaln": mp.loggamma,
    "loggamma": mp.loggamma,
    "psi": mp.digamma,
    "betaln": lambda a, b: mp.log(mp.beta(a, b)),
    "binom": mp.binomial,
    "poch": mp.rf,
    "gammainc": lambda a, x: mp.gammainc(a, 0, x, regularized=True),
    "gammaincc": lambda a, x: mp.gammainc(a, x, regularized=True),
    "betainc": lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
    "betaincc": lambda a, b, x: 1 - mp.betainc(a, b, 0, x, regularized=True),
    "stdtr": lambda v, t: (
        mpf(1) / 2 + t / (mp.sqrt(v) * mp.beta(v / 2, mpf(1) / 2)) * mp.hyp2f1(0.5, (v + 1) / 2, 1.5, -t * t / v)
    ),
    "chdtr": lambda v, x: mp.gammainc(v / 2, 0, x / 2, regularized=True),
    "chdtrc": lambda v, x: mp.gammainc(v / 2, x / 2, regularized=True),
    "expit": lambda x: 1 / (1 + mp.exp(-x)),
    "logit": lambda x: mp.log(x / (1 - x)),
    "log_expit": lambda x: -mp.log(1 + mp.exp(-x)),
    "xlogy": lambda x, y: x * mp.log(y),
    "xlog1py": lambda x, y: x * mp.log1p(y),
    "entr": lambda x: -x * mp.log(x),
    "rel_entr": lambda x, y: x * mp.log(x / y),
    "kl_div": lambda x, y: x * mp.log(x / y) - x + y,
    "pseudo_huber": lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1),
    "boxcox": lambda x, p: (x**p - 1) / p,
    "boxcox1p": lambda x, p: ((1 + x) ** p - 1) / p,
    "inv_boxcox": lambda y, p: (p * y + 1) ** (1 / p),
    "inv_boxcox1p": lambda y, p: (p * y + 1) ** (1 / p) - 1,
    "exprel": lambda x: mp.hyp1f1(1, 2, x),
    "spence": lambda x: mp.polylog(2, 1 - x),
    "cosm1": lambda x: mp.cos(x) - 1,
    "exp2": lambda x: mpf(2) ** x,
    "exp10": lambda x: mpf(10) ** x,
    "sindg": lambda x: mp.sin(mp.radians(x)),
    "cosdg": lambda x: mp.cos(mp.radians(x)),
    "tandg": lambda x: mp.tan(mp.radians(x)),
    "j0": lambda x: mp.besselj(0, x),
    "j1": lambda x: mp.besselj(1, x),
    "jv": mp.besselj,
    "jn": mp.besselj,
    "y0": lambda x: mp.bessely(0, x),
    "y1": lambda x: mp.bessely(1, x),
    "yn": mp.bessely,
    "yv": mp.bessely,
    "i0": lambda x: mp.besseli(0, x),
    "i1": lambda x: mp.besseli(1, x),
    "iv": mp.besseli,
    "i0e": lambda x: mp.exp(-abs(x)) * mp.besseli(0, x),
    "i1e": lambda x: mp.exp(-abs(x)) * mp.besseli(1, x),
    "ive": lambda v, x: mp.exp(-abs(x)) * mp.besseli(v, x),
    "k0": lambda x: mp.besselk(0, x),
    "k1": lambda x: mp.besselk(1, x),
    "kn": mp.besselk,
    "kv": mp.besselk,
    "k0e": lambda x: mp.exp(x) * mp.besselk(0, x),
    "k1e": lambda x: mp.exp(x) * mp.besselk(1, x),
    "kve": lambda v, x: mp.exp(x) * mp.besselk(v, x),
    "expi": mp.ei,
    "exp1": mp.e1,
    "expn": mp.expint,
    "ellipkm1": lambda p: mp.ellipk(1 - p),
    "ellipkinc": mp.ellipf,
    "ellipeinc": mp.ellipe,
    "eval_legendre": mp.legendre,
    "eval_chebyt": mp.chebyt,
    "eval_chebyu": mp.chebyu,
    "eval_gegenbauer": mp.gegenbauer,
    "eval_hermite": mp.hermite,
    "eval_hermitenorm": lambda n, x: mp.hermite(n, x / mp.sqrt(2)) / mp.sqrt(2) ** n,
    "eval_laguerre": lambda n, x: mp.laguerre(n, 0, x),
    "eval_genlaguerre": mp.laguerre,
    "eval_jacobi": mp.jacobi,
}
"""What SciPy computes, in mpmath."""

INVERSES = {"gammaincinv": "gammainc", "gammainccinv": "gammaincc", "betaincinv": "betainc", "betainccinv": "betaincc"}
INVERSES |= {"stdtrit": "stdtr", "chdtri": "chdtrc"}

WHOLE = {name for name in TABLE if name.startswith("eval_")} | {"expn", "kn", "yn", "jn"}
WHOLE |= {name for name in TABLE if name.startswith("spherical_")}
"""Those whose first argument is an integer."""

POINTS: dict[int, list[tuple[float, ...]]] = {
    1: [(0.3,), (0.62,)],
    2: [(2.0, 0.4), (3.0, 0.7)],
    3: [(2.0, 1.5, 0.3)],
    4: [(1.5, 0.7, 2.2, 0.3), (3.0, 1.5, 0.5, 0.3)],
}


NOT_BY_IT = r"not to be differentiated by its argument|not supported for the input types|computes with plain numbers"


def test_every_function_has_a_formula() -> None:
    assert set(TABLE) == {*EXACT, *INVERSES}


def called(name: str) -> Any:
    """SciPy's ufunc, which one of its functions may call inside, or what ``dualdiff.special`` has."""
    function = getattr(sp, name, None) or getattr(sp._ufuncs, name, None)
    if function is None:
        pytest.skip(f"this SciPy has no {name}")
    return function if isinstance(function, np.ufunc) else getattr(special, name)


def exact(name: str, point: tuple[Any, ...], i: int) -> tuple[float, float]:
    """The first and second derivative by argument i."""
    with mp.workdps(40):
        if name in INVERSES:

            def whole(*args: Any) -> Any:
                *fixed, p = args
                return mp.findroot(lambda y: EXACT[INVERSES[name]](*fixed, y) - p, float(getattr(sp, name)(*point)))
        else:
            whole = EXACT[name]
        numbers = [mpf(x) for x in point]
        f = lambda x: whole(*numbers[:i], x, *numbers[i + 1 :])  # noqa: E731
        return tuple(float(mp.re(mp.diff(f, numbers[i], order))) for order in (1, 2))  # type: ignore[return-value]


@pytest.mark.parametrize("name", sorted(TABLE))
def test_derivatives(name: str) -> None:
    if name == "stdtrit" and SCIPY < (1, 12):
        pytest.skip("values of older SciPys are off by 1e-9")
    function = called(name)
    points = POINTS[function.nin]
    if name in WHOLE:
        points = [(n, *rest) for n in (0, 1, 3) for _, *rest in points]  # type: ignore[misc]
    for point in points:
        for i, partial in enumerate(TABLE[name]):

            def f(x: Any, point: Any = point, i: int = i) -> Any:
                return function(*point[:i], x, *point[i + 1 :])

            if partial is None:
                with pytest.raises(TypeError, match=NOT_BY_IT):
                    derivative(f)(float(point[i]))
                continue
            first, second = exact(name, point, i)
            found = float(derivative(f)(point[i])), float(derivative(derivative(f))(point[i]))
            assert found[0] == pytest.approx(first, rel=5e-14, abs=1e-15)
            if not (name == "expn" and point[0] == 0):  # whose derivative has no rule
                assert found[1] == pytest.approx(second, rel=5e-13, abs=1e-14)
            row = np.array([point[i], point[i]])
            np.testing.assert_allclose(jacobian(f)(row), np.diag([found[0]] * 2), rtol=1e-14)


EDGES: list[tuple[str, tuple[float, ...]]] = [
    *((name, (x,)) for name in ("erfcx", "dawsn") for x in (0.0, 2.0, 7.0, 40.0, 1e7)),
    *((name, (x,)) for name in ("i0e", "k0e", "i1e", "k1e") for x in (30.0, 31.0, 1e3, 1e7)),
    *((name, (v, x)) for name in ("ive", "kve") for v in (0.5, 7.0) for x in (49.0, 1e3)),
    *(("exprel", (x,)) for x in (-30.0, -1e-9, 0.0, 1e-3, 8.0)),
    *(("spence", (x,)) for x in (1e-9, 0.5, 1.0, 1.0000001, 1.5, 60.0)),
    *((name, (2.0, p)) for name in ("boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p") for p in (1e-9, 1e-3, 7.0)),
    *((name, (m,)) for name in ("ellipk", "ellipe") for m in (-40.0, -1e-9, 0.0, 0.5, 0.999)),
    *((name, (phi, m)) for name in ("ellipkinc", "ellipeinc") for phi in (0.5, 2.0, 12.0) for m in (0.0, 1e-9, 0.7)),
    *(("ellipkm1", (p,)) for p in (1e-9, 0.5, 0.999)),
    *(("log_ndtr", (x,)) for x in (-1e4, -2.5, 0.0, 8.0)),
    *((name, (a, b)) for name in ("betaln", "poch") for a in (3.0, 1e6) for b in (1e-9, 0.5, 2.0)),
    *((name, (a, x)) for name in ("gammainc", "gammaincc") for a in (0.01, 1.0, 40.0) for x in (1e-6, 1.5, 7.0, 40.0)),
    *(("betainc", (a, b, x)) for a in (0.05, 1.0, 40.0) for b in (0.5, 30.0) for x in (1e-6, 0.3, 0.9)),
    *(("stdtr", (v, t)) for v in (0.5, 12.0, 1e3) for t in (-2.5, 1e-9, 3.0)),
    *(("voigt_profile", (x, 0.7, g)) for x in (0.3, 20.0, 1e5) for g in (0.5, 9.0)),
    *(("zeta", (s, q)) for s in (1.001, 2.0, 30.0) for q in (0.1, 1.0, 50.0)),
    *(("lambertw", (x,)) for x in (-0.36, -1e-9, 1e-9, 1.0, 1e9)),
    *(("gammaln", (x,)) for x in (1e-9, 1.0, 1e9)),
    *(("inv_boxcox", (y, 0.5)) for y in (-1e-3, 1e-3, 40.0)),
]
"""Where the textbook's formula cancels, or divides 0 by 0."""


@pytest.mark.parametrize(("name", "point"), EDGES)
def test_where_the_usual_formula_cancels(name: str, point: tuple[float, ...]) -> None:
    for i, partial in enumerate(TABLE[name]):
        if partial is None:
            continue

        def f(x: Any, i: int = i) -> Any:
            return called(name)(*point[:i], x, *point[i + 1 :])

        first, second = exact(name, point, i)
        found = float(derivative(f)(point[i])), float(derivative(derivative(f))(point[i]))
        # mpmath's differences carry about 1e-20 of a value
        assert found[0] == pytest.approx(first, rel=1e-11, abs=1e-18)
        assert found[1] == pytest.approx(second, rel=2e-10, abs=1e-16)


@pytest.mark.parametrize("name", sorted(several(custom_derivative, sp)))
def test_functions_with_several_results(name: str) -> None:
    of_mpmath: dict[str, list[Callable[..., Any]]] = {
        "airy": [mp.airyai, lambda x: mp.airyai(x, derivative=1), mp.airybi, lambda x: mp.airybi(x, derivative=1)],
        "sici": [mp.si, mp.ci],
        "shichi": [mp.shi, mp.chi],
        "fresnel": [mp.fresnels, mp.fresnelc],
        "ellipj": [
            *(lambda u, k=k: mp.ellipfun(k, u, m=mpf(0.4)) for k in ("sn", "cn", "dn")),
            lambda u: mp.asin(mp.ellipfun("sn", u, m=mpf(0.4))),
        ],
    }
    for x in (0.3, 0.5, 1.4):
        rest = (0.4,) if name == "ellipj" else ()
        for k, exactly in enumerate(of_mpmath[name]):

            def f(x: Any, k: int = k, rest: Any = rest) -> Any:
                return getattr(sp, name)(x, *rest)[k]

            with mp.workdps(40):
                first, second = (float(mp.diff(exactly, mpf(x), order)) for order in (1, 2))
            assert derivative(f)(x) == pytest.approx(first, rel=1e-14)
            assert derivative(derivative(f))(x) == pytest.approx(second, rel=1e-13)
            row = np.array([x, x])
            np.testing.assert_allclose(jacobian(f)(row), np.diag([first] * 2), rtol=1e-14)


def test_at_the_ends_and_far_out() -> None:
    assert derivative(lambda x: sp.expit(x))(40.0) == pytest.approx(np.exp(-40.0), rel=1e-15)
    assert derivative(lambda x: sp.log_ndtr(x))(-1e4) == pytest.approx(1e4, rel=1e-7)
    assert derivative(lambda x: sp.j1(x))(0.0) == 0.5
    assert derivative(lambda m: sp.ellipk(m))(0.0) == pytest.approx(np.pi / 8, rel=1e-15)
    assert derivative(lambda m: sp.ellipe(m))(0.0) == pytest.approx(-np.pi / 8, rel=1e-15)
    assert derivative(lambda x: sp.exprel(x))(0.0) == 0.5
    assert derivative(lambda x: sp.eval_legendre(4, x))(1.0) == pytest.approx(10.0)
    assert np.isnan(derivative(lambda x: sp.erfinv(x))(2.0))


def test_in_a_model() -> None:
    t = np.linspace(0.1, 2.0, 7)

    def loss(p: Any) -> Any:
        return np.sum((sp.erf(p[0] * t) * sp.k0(p[1] + t) - 0.1) ** 2)

    p = np.array([0.7, 0.4])
    step = 1e-5
    for i in range(2):
        e = step * np.eye(2)[i]
        numeric = (loss(p + e) - loss(p - e)) / (2 * step)
        assert gradient(loss)(p)[i] == pytest.approx(numeric, rel=1e-7)
    assert hessian(loss)(p) == pytest.approx(hessian(loss)(p).T)
