"""Recipes: objects and functions of SciPy's that compute with plain numbers, given their derivatives in a few lines.

Each test is a page of its own: what to write, and what it gives, beside an exact result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mpmath import mp

from dualdiff import custom_derivative, derivative, gradient, hessian, implicit, jacobian, special

pytest.importorskip("scipy", reason="SciPy is not there: pip install scipy")

import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse
import scipy.sparse.linalg
import scipy.special as sp
import scipy.stats

KNOTS = np.linspace(0.0, 3.0, 13)


# --- curves ---------------------------------------------------------------------------------


def curve(spline: Any) -> Callable[..., Any]:
    """A spline that knows its own derivative, to any order."""
    return custom_derivative(lambda x: spline(x), partials=(lambda x, y: curve(spline.derivative())(x),))


@pytest.mark.parametrize(
    "spline",
    [
        scipy.interpolate.CubicSpline(KNOTS, np.exp(KNOTS)),
        scipy.interpolate.PchipInterpolator(KNOTS, np.exp(KNOTS)),
        scipy.interpolate.Akima1DInterpolator(KNOTS, np.exp(KNOTS)),
        scipy.interpolate.make_interp_spline(KNOTS, np.exp(KNOTS), k=5),
        scipy.interpolate.UnivariateSpline(KNOTS, np.exp(KNOTS), s=0),
    ],
    ids=lambda spline: type(spline).__name__,
)
def test_splines(spline: Any) -> None:
    f = curve(spline)
    assert f(1.1) == spline(1.1)
    assert derivative(lambda x: f(x * x))(1.1) == pytest.approx(2.2 * spline.derivative()(1.21), rel=1e-14)
    assert derivative(derivative(f))(1.1) == pytest.approx(spline.derivative(2)(1.1), rel=1e-13)
    x = np.array([0.3, 1.7])
    np.testing.assert_allclose(jacobian(f)(x), np.diag(spline.derivative()(x)), rtol=1e-14)


@pytest.mark.skipif(
    "nu" not in inspect.signature(scipy.interpolate.RegularGridInterpolator.__call__).parameters,
    reason="tables have derivatives from SciPy 1.13 on",
)
def test_a_table_of_two_variables() -> None:
    a, b = np.linspace(0.0, 1.0, 9), np.linspace(0.0, 2.0, 11)
    table = scipy.interpolate.RegularGridInterpolator((a, b), np.exp(a[:, None]) * np.sin(b), method="cubic")

    def partial_of(order: tuple[int, int]) -> Callable[..., Any]:
        return custom_derivative(
            lambda x, y: table((x, y), nu=order),
            partials=(
                lambda x, y, z: partial_of((order[0] + 1, order[1]))(x, y),
                lambda x, y, z: partial_of((order[0], order[1] + 1))(x, y),
            ),
        )

    f = partial_of((0, 0))
    p = np.array([0.4, 1.3])
    exact = np.exp(0.4) * np.array([np.sin(1.3), np.cos(1.3)])
    np.testing.assert_allclose(gradient(lambda p: f(p[0], p[1]))(p), exact, rtol=2e-3)
    np.testing.assert_allclose(gradient(lambda p: f(p[0], p[1]))(p), [table(p, nu=n)[0] for n in ((1, 0), (0, 1))])
    second = [[table(p, nu=n)[0] for n in row] for row in (((2, 0), (1, 1)), ((1, 1), (0, 2)))]
    np.testing.assert_allclose(hessian(lambda p: f(p[0], p[1]))(p), second, rtol=1e-12)


# --- what is linear -------------------------------------------------------------------------


def linear(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function that is linear: it is its own derivative."""
    f = custom_derivative(function)
    f.jvp(lambda primals, tangents: (f(*primals), f(*tangents)))
    return f


def _linear_functions() -> dict[str, Callable[[Any], Any]]:
    matrix = scipy.sparse.diags([[1.0] * 5, [4.0] * 6, [-2.0] * 5], [-1, 0, 1], format="csc")
    dense = matrix.toarray() @ matrix.toarray().T
    cholesky = scipy.linalg.cho_factor(dense)
    lu = scipy.linalg.lu_factor(dense)
    response = 1 / (1 + np.arange(4.0))
    return {
        "a sparse matrix": lambda x: matrix @ x,
        "spsolve": lambda b: scipy.sparse.linalg.spsolve(matrix, b),
        "splu": scipy.sparse.linalg.splu(matrix).solve,
        "cho_solve": lambda b: scipy.linalg.cho_solve(cholesky, b),
        "lu_solve": lambda b: scipy.linalg.lu_solve(lu, b),
        "a filter by FFT": lambda x: np.fft.irfft(response * np.fft.rfft(x), n=len(x)),
        "scipy.fft": lambda x: scipy.fft.dct(x),
        "lfilter": lambda x: scipy.signal.lfilter([0.2, 0.3], [1.0, -0.5], x),
        "savgol_filter": lambda x: scipy.signal.savgol_filter(x, 5, 2),
        "gaussian_filter": lambda x: scipy.ndimage.gaussian_filter(x, 1.0),
        "cumulative_trapezoid": lambda x: scipy.integrate.cumulative_trapezoid(x, dx=0.1),
        "simpson": lambda x: scipy.integrate.simpson(x, dx=0.1),
        "block_diag": lambda x: scipy.linalg.block_diag(x, 2 * x),
    }


@pytest.mark.parametrize("name", _linear_functions())
def test_linear_functions(name: str) -> None:
    function = _linear_functions()[name]
    f = linear(function)
    x = np.array([0.3, -1.0, 2.0, 0.5, 0.7, -0.2])
    matrix = np.stack([function(e) for e in np.eye(6)], axis=-1)
    np.testing.assert_array_equal(f(x), function(x))
    np.testing.assert_allclose(jacobian(lambda x: f(x * x))(x), matrix * (2 * x), rtol=1e-12, atol=1e-14)
    expected = np.tensordot(np.ones(matrix.shape[:-1]), matrix, matrix.ndim - 1) * 2
    np.testing.assert_allclose(hessian(lambda x: np.sum(f(x * x)))(x), np.diag(expected), rtol=1e-11, atol=1e-13)


def test_a_sparse_system_by_its_entries() -> None:
    rows, columns = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 2, 2])

    def matrix(entries: Any) -> Any:
        return scipy.sparse.csc_matrix((entries, (rows, columns)), shape=(3, 3))

    @custom_derivative
    def solution(entries: Any, b: Any) -> Any:
        return scipy.sparse.linalg.spsolve(matrix(entries), b)

    @solution.jvp
    def _(primals: Any, tangents: Any) -> Any:
        (entries, b), (dentries, db) = primals, tangents
        x = solution(entries, b)
        return x, solution(entries, db - np.stack([np.sum((dentries * x[columns])[rows == i]) for i in range(3)]))

    entries, b = np.array([2.0, 1.0, 3.0, -1.0, 4.0]), np.array([1.0, 2.0, 3.0])

    def dense(entries: Any, b: Any) -> Any:
        a = np.zeros((3, 3), like=entries)
        a[rows, columns] = entries
        return np.linalg.solve(a, b)

    for argnum in (0, 1):
        found, expected = jacobian(solution, argnum)(entries, b), jacobian(dense, argnum)(entries, b)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    second = hessian(lambda e: np.sum(solution(e, b)))(entries)
    np.testing.assert_allclose(second, hessian(lambda e: np.sum(dense(e, b)))(entries), rtol=1e-10, atol=1e-14)


# --- functions of matrices ------------------------------------------------------------------


def of_matrix(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """expm, sqrtm, logm and others: f([[A, E], [0, A]]) has f(A) and its derivative along E in its upper row."""
    f = custom_derivative(function)

    @f.jvp
    def _(primals: Any, tangents: Any) -> Any:
        (a,), (e,) = primals, tangents
        n = len(a)
        whole = f(np.block([[a, e], [np.zeros_like(a), a]]))
        return whole[:n, :n], whole[:n, n:]

    return f


@pytest.mark.parametrize("name", ["expm", "sqrtm", "logm", "sinm", "cosm"])
def test_functions_of_matrices(name: str) -> None:
    f = of_matrix(lambda a: np.real(getattr(scipy.linalg, name)(a)))
    a, b = np.array([[2.0, 0.3], [0.1, 1.5]]), np.array([[0.2, -0.1], [0.4, 0.3]])

    with mp.workdps(60):
        power = {"expm": mp.expm, "sqrtm": mp.sqrtm, "logm": mp.logm, "sinm": mp.sinm, "cosm": mp.cosm}[name]
        exactly = lambda t, i, j: mp.re(power(mp.matrix(a.tolist()) + t * mp.matrix(b.tolist()))[i, j])  # noqa: E731
        first, second = (
            [[float(mp.diff(lambda t: exactly(t, i, j), 0, n)) for j in range(2)] for i in range(2)]  # noqa: B023
            for n in (1, 2)
        )
    along = lambda t: f(a + t * b)  # noqa: E731
    np.testing.assert_allclose(derivative(along)(0.0), first, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(derivative(derivative(along))(0.0), second, rtol=1e-9, atol=1e-11)


# --- solvers and integrals ------------------------------------------------------------------


@pytest.mark.parametrize(
    "solver",
    [
        lambda a: scipy.optimize.brentq(lambda x: x * np.exp(x) - a, 0.0, 5.0, xtol=1e-15),
        lambda a: scipy.optimize.newton(lambda x: x * np.exp(x) - a, 1.0, tol=1e-14),
        lambda a: scipy.optimize.root_scalar(lambda x: x * np.exp(x) - a, bracket=(0.0, 5.0), xtol=1e-15).root,
        lambda a: scipy.optimize.fsolve(lambda x: x * np.exp(x) - a, 1.0, xtol=1e-14)[0],
        lambda a: scipy.optimize.root(lambda x: x * np.exp(x) - a, 1.0, tol=1e-14).x[0],
        lambda a: scipy.optimize.fixed_point(lambda x: np.log(a / x), 1.0, xtol=1e-15, maxiter=2000).item(),
    ],
    ids=["brentq", "newton", "root_scalar", "fsolve", "root", "fixed_point"],
)
def test_roots(solver: Callable[..., Any]) -> None:
    w = implicit(solver, lambda x, a: x * np.exp(x) - a)
    with mp.workdps(30):
        first, second = (float(mp.diff(mp.lambertw, 2.0, n)) for n in (1, 2))
    assert derivative(w)(2.0) == pytest.approx(first, rel=1e-12)
    assert derivative(derivative(w))(2.0) == pytest.approx(second, rel=1e-11)


def test_the_minimum_of_a_loss() -> None:
    t = np.linspace(0.0, 1.0, 6)

    def loss(p: Any, y: Any) -> Any:
        return np.sum((p[0] * np.exp(-p[1] * t) - y) ** 2)

    def fit(y: Any) -> Any:
        found = scipy.optimize.minimize(loss, [1.0, 1.0], (y,), jac=gradient(loss), method="BFGS", tol=1e-12)
        return scipy.optimize.root(lambda p: gradient(loss)(p, y), found.x, tol=1e-14).x

    y = 2.0 * np.exp(-1.5 * t)
    by_data = jacobian(implicit(fit, gradient(loss)))(y)
    model = jacobian(lambda p: p[0] * np.exp(-p[1] * t))(np.array([2.0, 1.5]))
    np.testing.assert_allclose(by_data, np.linalg.pinv(model), rtol=1e-8)  # where the residuals are zero


def test_an_integral_by_its_limits_and_parameters() -> None:
    def integrand(t: Any, p: Any) -> Any:
        return np.exp(-p * t) * np.sin(t)

    @custom_derivative
    def integral(a: Any, b: Any, p: Any) -> Any:
        return scipy.integrate.quad(integrand, a, b, args=(p,), epsabs=1e-14)[0]

    @integral.jvp
    def _(primals: Any, tangents: Any) -> Any:
        (a, b, p), (da, db, dp) = primals, tangents
        by_p = scipy.integrate.quad(lambda t: derivative(integrand, 1)(t, p), a, b, epsabs=1e-14)[0]
        return integral(a, b, p), integrand(b, p) * db - integrand(a, p) * da + by_p * dp

    exact = lambda a, b, p: mp.quad(lambda t: mp.exp(-p * t) * mp.sin(t), [a, b])  # noqa: E731
    with mp.workdps(30):
        expected = [float(mp.diff(exact, (0.1, 2.0, 0.5), n)) for n in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    for i in range(3):
        assert derivative(integral, i)(0.1, 2.0, 0.5) == pytest.approx(expected[i], rel=1e-11)


# --- distributions --------------------------------------------------------------------------

LOG_ROOT_TWO_PI = np.log(2 * np.pi) / 2

DENSITIES: dict[str, tuple[tuple[float, ...], Callable[..., Any], Callable[..., Any]]] = {
    # the parameters, the logarithm of the density, the distribution function
    "norm": (
        (0.3, 1.7),
        lambda x, loc, s: -(((x - loc) / s) ** 2) / 2 - np.log(s) - LOG_ROOT_TWO_PI,
        lambda x, loc, s: sp.ndtr((x - loc) / s),
    ),
    "t": (
        (4.0,),
        lambda x, v: -sp.betaln(v / 2, 0.5) - np.log(v) / 2 - (v + 1) / 2 * np.log1p(x * x / v),
        lambda x, v: sp.stdtr(v, x),
    ),
    "gamma": (
        (2.3,),
        lambda x, a: sp.xlogy(a - 1, x) - x - sp.gammaln(a),
        lambda x, a: sp.gammainc(a, x),
    ),
    "beta": (
        (2.0, 3.5),
        lambda x, a, b: sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b),
        lambda x, a, b: sp.betainc(a, b, x),
    ),
    "chi2": (
        (3.0,),
        lambda x, k: sp.xlogy(k / 2 - 1, x / 2) - x / 2 - sp.gammaln(k / 2) - np.log(2),
        lambda x, k: sp.chdtr(k, x),
    ),
    "expon": ((), lambda x: -x, lambda x: -np.expm1(-x)),
    "poisson": ((2.5,), lambda k, m: sp.xlogy(k, m) - m - sp.gammaln(k + 1), lambda k, m: sp.pdtr(k, m)),
    "f": (
        (3.0, 7.0),
        lambda x, n, d: (
            sp.xlogy(n / 2, n)
            + sp.xlogy(d / 2, d)
            + sp.xlogy(n / 2 - 1, x)
            - (n + d) / 2 * np.log(d + n * x)
            - sp.betaln(n / 2, d / 2)
        ),
        lambda x, n, d: sp.fdtr(n, d, x),
    ),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_and_distribution_functions(name: str) -> None:
    params, logpdf, cdf = DENSITIES[name]
    theirs = getattr(scipy.stats, name)
    x = 2.0 if name == "poisson" else 0.6
    log_density = theirs.logpmf if name == "poisson" else theirs.logpdf
    assert logpdf(x, *params) == pytest.approx(log_density(x, *params), rel=1e-13)
    assert cdf(x, *params) == pytest.approx(theirs.cdf(x, *params), rel=1e-13)
    if name != "poisson":
        assert derivative(lambda x: cdf(x, *params))(x) == pytest.approx(np.exp(log_density(x, *params)), rel=1e-12)
    for i in range(len(params)):
        for f, g in ((logpdf, log_density), (cdf, theirs.cdf)):
            at = lambda p, f=f, i=i: f(x, *params[:i], p, *params[i + 1 :])  # noqa: E731
            steps = [at(params[i] + k * 1e-3, f=g) for k in (-2, -1, 1, 2)]
            difference = (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / 12e-3
            assert derivative(at)(params[i]) == pytest.approx(difference, rel=1e-8, abs=1e-10)


def test_maximum_likelihood_with_its_errors() -> None:
    data = scipy.stats.gamma.rvs(2.3, scale=1.4, size=200, random_state=1)

    def loss(p: Any) -> Any:
        a, scale = np.exp(p[0]), np.exp(p[1])
        return -np.sum(DENSITIES["gamma"][1](data / scale, a) - p[1])

    found = scipy.optimize.minimize(loss, [0.0, 0.0], jac=gradient(loss), hess=hessian(loss), method="trust-exact")
    a, _, scale = scipy.stats.gamma.fit(data, floc=0)
    np.testing.assert_allclose(np.exp(found.x), [a, scale], rtol=1e-4)
    errors = np.sqrt(np.diag(np.linalg.inv(hessian(loss)(found.x))))
    trigamma = float(sp.polygamma(1, a))
    information = 200 * np.array([[a * a * trigamma, a], [a, a]])  # Fisher's, by log(a) and log(scale)
    np.testing.assert_allclose(errors, np.sqrt(np.diag(np.linalg.inv(information))), rtol=1e-3)


def test_softmax_and_mixtures() -> None:
    from dualdiff import logsumexp

    def loss(x: Any) -> Any:
        return x[0] - logsumexp(x)

    x = np.array([0.2, -1.0, 3.0])
    expected = np.array([1.0, 0.0, 0.0]) - sp.softmax(x)
    np.testing.assert_allclose(gradient(loss)(x), expected, rtol=1e-14)
    assert special.lambertw(1.0) == pytest.approx(sp.lambertw(1.0).real, rel=1e-15)
