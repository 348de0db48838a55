"""Code that nobody here wrote, differentiated as it stands.

SciPy, statsmodels and numpy-financial publish formulas in plain NumPy, many of them together with
their derivatives: the distribution function and its density, a link function and its slope. Each
is differentiated unchanged and compared with what its authors published, or else with differences.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy import polynomial
from scipy import integrate, interpolate, optimize, signal, stats
from scipy.optimize._lsq.least_squares import IMPLEMENTED_LOSSES
from scipy.spatial import distance

from dualdiff import derivative, gradient, hessian, hvp, jacobian, jvp

npf = pytest.importorskip("numpy_financial")
copulas = pytest.importorskip("statsmodels.distributions.copula.transforms")
links = pytest.importorskip("statsmodels.genmod.families.links")
variances = pytest.importorskip("statsmodels.genmod.families.varfuncs")
norms = pytest.importorskip("statsmodels.robust.norms")


def slopes(f, points):
    """The derivatives of f at points, one at a time and, to the last digits the same, as a batch."""
    one_by_one = [derivative(f)(float(point)) for point in points]
    np.testing.assert_allclose(derivative(f)(np.array(points)), one_by_one, rtol=1e-13, atol=1e-15)
    return one_by_one


def central(f, x):
    h = 1e-5 * max(abs(x), 1e-3)
    return (f(x + h) - f(x - h)) / (2 * h)


# --- SciPy ------------------------------------------------------------------------------------


def test_rosenbrock(rng):
    x, direction = rng.normal(size=(2, 7))
    np.testing.assert_allclose(gradient(optimize.rosen)(x), optimize.rosen_der(x), rtol=1e-13)
    np.testing.assert_allclose(hessian(optimize.rosen)(x), optimize.rosen_hess(x), rtol=1e-13)
    product = hvp(optimize.rosen, (x,), (direction,))
    np.testing.assert_allclose(product, optimize.rosen_hess_prod(x, direction), rtol=1e-12)
    np.testing.assert_allclose(jacobian(optimize.rosen_der)(x), optimize.rosen_hess(x), rtol=1e-13)


# distribution: its shape parameters, and points inside its support
DISTRIBUTIONS = {
    "anglit": ((), (-0.6, 0.1, 0.7)),
    "arcsine": ((), (0.01, 0.5, 0.9)),
    "burr": ((10.5, 4.3), (0.8, 1.1, 3.0)),
    "cauchy": ((), (-30.0, -1.0, 0.0, 2.0)),
    "dweibull": ((2.07,), (-1.5, 0.3)),
    "fisk": ((3.1,), (0.2, 1.0, 7.0)),
    "foldcauchy": ((4.7,), (0.5, 4.0)),
    "genhalflogistic": ((0.77,), (0.1, 1.2)),
    "gumbel_r": ((), (-2.0, 0.0, 5.0)),
    "halfcauchy": ((), (0.1, 10.0)),
    "halflogistic": ((), (0.1, 10.0)),
    "hypsecant": ((), (-3.0, 0.0, 3.0)),
    "invweibull": ((10.6,), (0.9, 2.0)),
    "kappa3": ((1.5,), (0.5, 2.0)),
    "laplace": ((), (-1.0, 2.0)),
    "loglaplace": ((3.25,), (0.5, 2.0)),
    "loguniform": ((0.01, 1.25), (0.02, 1.0)),
    "mielke": ((10.4, 4.6), (0.5, 1.5)),
    "pareto": ((2.6,), (1.1, 9.0)),
    "powerlaw": ((0.66,), (0.01, 0.9)),
    "semicircular": ((), (-0.9, 0.0, 0.5)),
    "skewcauchy": ((0.5,), (-2.0, 2.0)),
    "truncweibull_min": ((2.5, 0.25, 1.75), (0.5, 1.5)),
    "weibull_max": ((2.9,), (-2.0, -0.1)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_density_is_the_slope_of_the_distribution_function(name):
    shapes, points = DISTRIBUTIONS[name]
    distribution = getattr(stats, name)
    ours = slopes(lambda x: distribution._cdf(x, *shapes), points)
    np.testing.assert_allclose(ours, distribution.pdf(points, *shapes), rtol=1e-11)


@pytest.mark.parametrize("loss", ["huber", "soft_l1", "cauchy", "arctan"])
def test_robust_losses_of_least_squares(loss):
    """SciPy's loss fills rho[0], and rho[1] with its derivative."""
    implementation = IMPLEMENTED_LOSSES[loss]

    def run(z, row):
        rho = np.empty((3, 1), dtype=object)
        implementation(np.array([z], dtype=object if row == 0 else float), rho, cost_only=row == 0)
        return rho[row, 0]

    for z in (0.25, 0.9, 3.0):
        assert derivative(lambda z: run(z, 0))(z) == pytest.approx(run(z, 1), rel=1e-13)


GRID = np.linspace(0.0, 1.0, 7)

OF_ARRAYS = {
    "trapezoid": lambda x: integrate.trapezoid(x, GRID),
    "simpson": lambda x: integrate.simpson(x, x=GRID),
    "cumulative trapezoid": lambda x: integrate.cumulative_trapezoid(x, GRID)[-2],
    "barycentric interpolation": lambda x: interpolate.BarycentricInterpolator(GRID, x)(0.33),
    "chebyshev": lambda x: distance.chebyshev(x, GRID + 1),
    "canberra": lambda x: distance.canberra(x, GRID + 1),
    "braycurtis": lambda x: distance.braycurtis(x, GRID + 1),
    "gauss pulse": lambda x: signal.gausspulse(x, fc=2).sum(),
    "chirp": lambda x: signal.chirp(x, 1, 1, 3).sum(),
}


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_functions_of_arrays(name, rng):
    f, x, h = OF_ARRAYS[name], rng.uniform(0.2, 0.9, 7), 1e-6
    differences = [(f(x + h * unit) - f(x - h * unit)) / (2 * h) for unit in np.eye(7)]
    np.testing.assert_allclose(gradient(f)(x), differences, rtol=1e-7, atol=1e-8)


# --- statsmodels ------------------------------------------------------------------------------

LINKS = [
    "Logit", "Log", "LogC", "CLogLog", "LogLog", "InversePower", "Sqrt", "InverseSquared", "Identity",
    "NegativeBinomial",
]  # fmt: skip


@pytest.mark.parametrize("name", LINKS)
def test_links(name):
    link, points, linear = getattr(links, name)(), [0.1, 0.3, 0.8], [0.4, 0.7, 1.9]
    if name == "NegativeBinomial":
        linear = [-0.4, -0.7, -1.9]
    np.testing.assert_allclose(slopes(link, points), [link.deriv(p) for p in points], rtol=1e-12)
    np.testing.assert_allclose(slopes(link.deriv, points), [link.deriv2(p) for p in points], rtol=1e-12)
    np.testing.assert_allclose(slopes(link.inverse, linear), [link.inverse_deriv(z) for z in linear], rtol=1e-12)


NORMS = ["LeastSquares", "HuberT", "RamsayE", "AndrewWave", "TrimmedMean", "TukeyBiweight", "TukeyQuartic", "StudentT"]


@pytest.mark.parametrize("name", NORMS)
def test_robust_norms(name):
    norm, points = getattr(norms, name)(), [-5.0, -1.1, 0.2, 1.9, 3.0]
    np.testing.assert_allclose(slopes(norm.rho, points), [norm.psi(z) for z in points], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slopes(norm.psi, points), [norm.psi_deriv(z) for z in points], rtol=1e-12, atol=1e-15)


COPULAS = {"TransfClayton": (2.5,), "TransfGumbel": (2.0,), "TransfIndep": ()}


@pytest.mark.parametrize("name", COPULAS)
def test_copula_generators(name):
    generator, shape, points = getattr(copulas, name)(), COPULAS[name], [0.1, 0.4, 0.9]
    for f, slope in [(generator.evaluate, generator.deriv), (generator.deriv, generator.deriv2)]:
        published = [slope(t, *shape) for t in points]
        np.testing.assert_allclose(slopes(lambda t, f=f: f(t, *shape), points), published, rtol=1e-12)


@pytest.mark.parametrize("variance", [variances.Binomial(), variances.NegativeBinomial()], ids=["binomial", "negative"])
def test_variance_functions(variance):
    points = [0.1, 0.4, 0.9]
    np.testing.assert_allclose(slopes(variance, points), [variance.deriv(p) for p in points], rtol=1e-12, atol=1e-15)


# --- numpy-financial --------------------------------------------------------------------------

LOAN = {
    "future value": (lambda rate: npf.fv(rate, 120, -100, -100), 0.004),
    "present value": (lambda rate: npf.pv(rate, 120, -100, 15692.93), 0.004),
    "payment": (lambda rate: npf.pmt(rate, 180, 200000), 0.006),
    "payment, of the loan": (lambda loan: npf.pmt(0.006, 180, loan), 200000.0),
    "number of periods": (lambda rate: npf.nper(rate, -150, 8000), 0.005),
    "interest part": (lambda rate: npf.ipmt(rate, 3, 12, 2500), 0.007),
    "principal part": (lambda rate: npf.ppmt(rate, 3, 12, 2500), 0.007),
    "net present value": (lambda rate: npf.npv(rate, [-40000, 5000, 8000, 12000, 30000]), 0.08),
    "interest rate, by iteration": (lambda loan: npf.rate(10, 0.0, loan, 10000), -3500.0),
    "modified internal rate": (lambda rate: npf.mirr([-4500, -800, 800, 800, 600, 3000], rate, 0.055), 0.08),
}


@pytest.mark.parametrize("name", LOAN)
def test_finance(name):
    f, x = LOAN[name]
    assert derivative(f)(x) == pytest.approx(central(f, x), rel=1e-6)


# --- NumPy's own polynomials ------------------------------------------------------------------

SERIES = ["Polynomial", "Chebyshev", "Legendre", "Hermite", "HermiteE", "Laguerre"]


@pytest.mark.parametrize("name", SERIES)
def test_polynomial_series(name, rng):
    series, points = getattr(polynomial, name)(rng.normal(size=6), domain=[0, 2]), np.linspace(0, 2, 5)
    np.testing.assert_allclose(slopes(series, points), series.deriv()(points), rtol=1e-11)
    value, tangent = jvp(series, (points,), (np.ones_like(points),))
    np.testing.assert_allclose(value, series(points), rtol=1e-15)
    np.testing.assert_allclose(tangent, series.deriv()(points), rtol=1e-11)
