"""Kinks, poles and other special points: what each derivative is there, on scalar duals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import derivative, gradient, hessian, jacobian
from dualdiff.dual.number import Dual, apply
from dualdiff.rules.table import FLAT, RULES, digamma, erf, erfc, gamma, lgamma, logistic, polygamma, softplus, xlogy

inf, nan = math.inf, math.nan

pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")  # NumPy's, of the values


def derivatives(f: Callable[..., Any], *point: float) -> tuple[float, ...]:
    """The partial derivatives of f, a function of one or more numbers."""
    directions = np.eye(len(point)).tolist()
    result = f(*(Dual(np.float64(x), seed) for x, seed in zip(point, directions, strict=True)))
    return tuple(map(float, result.tangents))


def second_derivative(f: Callable[[Any], Any], x: float) -> float:
    """The second derivative of a function of one number."""
    result = f(Dual(Dual(np.float64(x), 1.0), (Dual(1.0, 0.0),)))
    return float(result.tangents[0].tangents[0])


def case(name: str, f: Callable[..., Any], point: Any, expected: Any) -> Any:
    """A line of a table: a name, a function, a point, the derivatives there."""
    points = point if isinstance(point, tuple) else (point,)
    return pytest.param(f, points, expected if isinstance(expected, tuple) else (expected,), id=f"{name} at {point}")


def signed(x: float) -> tuple[float, float]:
    """x and its sign bit: 0.0 and -0.0 are different, all NaNs are the same."""
    return (nan, 0.0) if x != x else (x, math.copysign(1, x))


@pytest.mark.parametrize(
    ("f", "point", "expected"),
    [
        case("abs", abs, 0.0, 1),
        case("abs", abs, -0.0, -1),
        case("np.fabs", np.fabs, -0.0, -1),
        case("maximum", np.maximum, (2.0, 2.0), (0.5, 0.5)),
        case("minimum", np.minimum, (2.0, 2.0), (0.5, 0.5)),
        case("fmax", np.fmax, (2.0, 2.0), (0.5, 0.5)),
        case("fmin", np.fmin, (2.0, 2.0), (0.5, 0.5)),
        case("maximum", np.maximum, (3.0, 2.0), (1, 0)),
        case("minimum", np.minimum, (3.0, 2.0), (0, 1)),
        case("maximum of zeros", np.maximum, (0.0, -0.0), (0.5, 0.5)),
        case("maximum of infinities", np.maximum, (inf, inf), (0.5, 0.5)),
        case("maximum", np.maximum, (nan, 2.0), (nan, nan)),
        case("maximum", np.maximum, (2.0, nan), (nan, nan)),
        case("minimum", np.minimum, (nan, 2.0), (nan, nan)),
        case("fmax", np.fmax, (nan, 2.0), (0, 1)),
        case("fmax", np.fmax, (2.0, nan), (1, 0)),
        case("fmin", np.fmin, (nan, 2.0), (0, 1)),
        case("fmin", np.fmin, (2.0, nan), (1, 0)),
        case("fmax", np.fmax, (nan, nan), (nan, nan)),
        case("maximum with a constant", lambda x: np.maximum(x, 2.0), 2.0, 0.5),
        case("clip", lambda x: np.minimum(np.maximum(x, 0.0), 1.0), 0.0, 0.5),
        case("clip", lambda x: np.minimum(np.maximum(x, 0.0), 1.0), 1.0, 0.5),
        case("clip", lambda x: np.minimum(np.maximum(x, 0.0), 1.0), 0.5, 1),
        case("clip", lambda x: np.minimum(np.maximum(x, 0.0), 1.0), 2.0, 0),
        case("remainder", lambda x, y: x % y, (7.5, 2.0), (1, -3)),
        case("remainder", lambda x, y: x % y, (-7.5, 2.0), (1, 4)),
        case("remainder", lambda x, y: x % y, (6.0, 2.0), (1, -3)),
        case("remainder", lambda x, y: x % y, (-6.0, 2.0), (1, 3)),
        case("remainder", lambda x, y: x % y, (np.nextafter(3.0, 0.0), 1.0), (1, -2)),
        case("fmod", np.fmod, (7.5, 2.0), (1, -3)),
        case("fmod", np.fmod, (-7.5, 2.0), (1, 3)),
        case("fmod", np.fmod, (-6.0, 2.0), (1, 3)),
        case("fmod", np.fmod, (np.nextafter(3.0, 0.0), 1.0), (1, -2)),
        case("copysign", np.copysign, (3.0, -1.0), (-1, 0)),
        case("copysign", np.copysign, (-0.0, 1.0), (-1, 0)),
        case("copysign", np.copysign, (0.0, -0.0), (-1, 0)),
        case("heaviside", np.heaviside, (0.0, 0.3), (0, 1)),
        case("heaviside", np.heaviside, (-0.0, 0.3), (0, 1)),
        case("heaviside", np.heaviside, (5e-324, 0.3), (0, 0)),
        case("heaviside", np.heaviside, (-2.0, 0.3), (0, 0)),
        case("nextafter", np.nextafter, (0.0, 1.0), (1, 0)),
        case("sqrt", np.sqrt, 0.0, inf),
        case("sqrt", np.sqrt, -1.0, nan),
        case("cbrt", np.cbrt, 0.0, inf),
        case("cbrt", np.cbrt, -0.0, inf),
        case("arcsin", np.arcsin, 1.0, inf),
        case("arcsin", np.arcsin, -1.0, inf),
        case("arccos", np.arccos, 1.0, -inf),
        case("arcsin", np.arcsin, 1.5, nan),
        case("arccosh", np.arccosh, 1.0, inf),
        case("arccosh", np.arccosh, 0.5, nan),
        case("arctanh", np.arctanh, 1.0, inf),
        case("arctanh", np.arctanh, -1.0, inf),
        case("arctanh", np.arctanh, 1.5, nan),
        case("hypot", np.hypot, (0.0, 0.0), (0, 0)),
        case("hypot", np.hypot, (3.0, 0.0), (1, 0)),
        case("arctan2", np.arctan2, (0.0, 0.0), (nan, nan)),
        case("arctan2", np.arctan2, (0.0, -2.0), (-0.5, -0.0)),
        case("select", lambda x: np.log(x) if x > 0 else 0 * x, 0.0, 0),
        case("log", np.log, 0.0, inf),
        case("log", np.log, -0.0, inf),
        case("log", np.log, -1.0, nan),
        case("log2", np.log2, 0.0, inf),
        case("log10", np.log10, -1.0, nan),
        case("log1p", np.log1p, -1.0, inf),
        case("log1p", np.log1p, -2.0, nan),
        case("a exp(-b)", lambda a, b: a * np.exp(-b), (1.0, -1000.0), (inf, -inf)),
        case("x log(x)", lambda x: x * np.log(x), 0.0, nan),
        case("xlogy", xlogy, (0.0, 0.0), (-inf, 0)),
        case("xlogy", xlogy, (0.0, 2.0), (np.log(2.0), 0)),
        case("1/x", lambda x: 1 / x, 0.0, -inf),
        case("reciprocal", np.reciprocal, -0.0, -inf),
        case("exp", np.exp, 1000.0, inf),
        case("exp", np.exp, -inf, 0),
        case("tanh", np.tanh, inf, 0),
        case("arctan", np.arctan, -inf, 0),
        case("logistic", logistic, -1000.0, 0),
        case("softplus", softplus, 1000.0, 1),
        case("softplus", softplus, -inf, 0),
        case("logaddexp", np.logaddexp, (-inf, 1.0), (0, 1)),
        case("logaddexp", np.logaddexp, (1e308, -1e308), (1, 0)),
        case("erf", erf, inf, 0),
        case("erfc", erfc, -inf, 0),
        case("gamma", gamma, 200.0, inf),
        case("gamma", gamma, -1.0, nan),
        case("gamma", gamma, 0.0, -inf),
        case("lgamma", lgamma, 0.0, -inf),
        case("lgamma", lgamma, -2.0, nan),
        case("digamma", digamma, -2.0, inf),
        case("polygamma of order 1/2", lambda x: polygamma(0.5, x), 1.0, nan),
        case("sinc", lambda x: apply(np.sinc, np.sinc, x), 0.0, 0),
    ],
)
def test_derivative(f: Callable[..., Any], point: tuple[float, ...], expected: tuple[float, ...]) -> None:
    computed = derivatives(f, *point)
    for x, y in zip(computed, expected, strict=True):
        assert x == y or (x != x and y != y), f"{computed}, not {expected}"


# --- powers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [lambda x, p: x**p, np.power, np.float_power], ids=["**", "power", "float_power"])
@pytest.mark.parametrize(
    ("x", "p", "first", "second"),
    [
        (0.0, 0, 0, 0),
        (0.0, 0.0, 0, 0),
        (5e-324, 0.0, 0, 0),
        (2.0, 0.0, 0, 0),
        (0.0, 1.0, 1, 0),
        (0.0, 1, 1, 0),
        (0.0, 2, 0, 2),
        (0.0, 3.0, 0, 0),
        (-2.0, 3, 12, -12),
        (-2.0, 2.0, -4, 2),
        (-2.0, -1, -0.25, -0.25),
        (0.0, 1.5, 0, inf),
        (0.0, 0.5, inf, -inf),
        (0.0, -1, -inf, inf),
        (-0.0, -1, -inf, -inf),
        (0.0, -2, -inf, inf),
        (-0.0, -2, inf, inf),
        (0.0, -0.5, -inf, inf),
        (-2.0, 0.5, nan, nan),
    ],
)
def test_power_with_a_constant_exponent(power: Any, x: float, p: float, first: float, second: float) -> None:
    (computed,) = derivatives(lambda x: power(x, p), x)
    assert signed(computed + 0) == signed(first + 0.0)
    assert signed(second_derivative(lambda x: power(x, p), x) + 0) == signed(second + 0.0)


@pytest.mark.parametrize("power", [lambda x, p: x**p, np.power, np.float_power], ids=["**", "power", "float_power"])
@pytest.mark.parametrize(
    ("x", "p", "by_base", "by_exponent"),
    [
        (0.0, 1.5, 0, 0),
        (0.0, 1.0, 1, 0),
        (0.0, 0.5, inf, 0),
        (0.0, 0.0, nan, -inf),
        (0.0, -0.5, -inf, -inf),
        (5e-324, 0.0, 0, math.log(5e-324)),
        (2.0, 0.0, 0, math.log(2.0)),
        (-2.0, 3.0, 12, nan),
        (1.0, 7.0, 7, 0),
    ],
)
def test_power_when_both_vary(power: Any, x: float, p: float, by_base: float, by_exponent: float) -> None:
    computed = derivatives(power, x, p)
    assert [signed(d + 0) for d in computed] == [signed(by_base + 0.0), signed(by_exponent + 0.0)]


@pytest.mark.parametrize("power", [lambda: Dual(-2.0, 1.0) ** 0.5, lambda: (-2.0) ** Dual(0.5, 1.0)])
def test_a_power_that_python_makes_complex_is_nan(power: Any) -> None:
    assert math.isnan(power().value)
    assert math.isnan(power().tangents[0])


@pytest.mark.parametrize("number", [1j, np.complex128(1j), np.complex64(1)])
def test_complex_numbers_are_refused(number: Any) -> None:
    for operation in (lambda x: x + number, lambda x: number * x, lambda x: np.power(x, number)):
        with pytest.raises(TypeError, match="complex"):
            operation(Dual(2.0, 1.0))


def test_a_dual_counts_as_a_number() -> None:
    assert np.isscalar(Dual(2.0, 1.0))


@pytest.mark.parametrize(("p", "expected"), [(2.0, 0), (0.5, 0), (0.0, -inf), (-1.0, -inf)])
def test_power_of_zero_by_its_exponent(p: float, expected: float) -> None:
    assert derivatives(lambda p: 0.0**p, p) == (expected,)


def test_power_of_a_negative_number_with_an_exponent_that_does_not_vary() -> None:
    x = Dual(-2.0, (1.0, 0.0))
    p = Dual(3.0, (0.0, 1.0))
    assert (x**p).tangents[0] == 12
    assert math.isnan((x**p).tangents[1])


@pytest.mark.parametrize("x", [0.0, 1e-3, -7.0])
def test_a_whole_power_is_used_up_by_its_derivatives(x: float) -> None:
    y: Any = np.float64(x)
    for _ in range(4):
        y = Dual(y, 1.0) if not isinstance(y, Dual) else Dual(y, Dual(1.0, 0.0))
    fourth = _highest_tangent(y**3)
    assert fourth == 0


def _highest_tangent(y: Any) -> Any:
    while isinstance(y, Dual):
        y = y.tangents[0]
    return y


# --- derivatives that are zero --------------------------------------------------------------


@pytest.mark.parametrize("function", sorted(FLAT, key=lambda f: str(f.__name__)), ids=lambda f: f.__name__)
@pytest.mark.parametrize("x", [0.0, -0.0, 1.0, 2.5, -3.0, inf])
@pytest.mark.parametrize("tangent", [1.0, inf, nan])
def test_flat_functions_have_derivative_zero(function: Any, x: float, tangent: float) -> None:
    arguments = [Dual(x, tangent), 2.0][: function.nin]
    result = apply(function, function, *arguments)
    assert result.tangents == (0.0,)
    np.testing.assert_equal(float(result.value), float(function(x, *arguments[1:])))


@pytest.mark.parametrize(
    "compare", [lambda a, b: a < b, lambda a, b: a == b, lambda a, b: a >= b, np.less, np.not_equal]
)
def test_comparisons_look_at_the_value(compare: Any) -> None:
    for a, b in ((1.0, 2.0), (2.0, 2.0), (3.0, 2.0), (nan, 2.0)):
        for dual in (Dual(a, 5.0), Dual(a, nan)):
            assert compare(dual, b) == compare(a, b)
            assert compare(b, dual) == compare(b, a)
            assert compare(dual, Dual(b, -1.0)) == compare(a, b)
            assert not isinstance(compare(dual, b), Dual)


@pytest.mark.parametrize("predicate", [np.isnan, np.isinf, np.isfinite, np.signbit])
def test_predicates_look_at_the_value(predicate: Any) -> None:
    for x in (1.0, -0.0, inf, nan):
        assert predicate(Dual(x, nan)) == predicate(x)


def test_bool_and_hash_look_at_the_value() -> None:
    for x in (0.0, -0.0, 1.5, inf):
        assert bool(Dual(x, nan)) == bool(x)
        assert hash(Dual(x, nan)) == hash(x)
    assert {Dual(1.0, 2.0): "one"}[1.0] == "one"


@pytest.mark.parametrize("method", [round, math.floor, math.ceil, math.trunc])
def test_rounding_gives_what_the_value_gives(method: Callable[[Any], Any]) -> None:
    assert method(Dual(2.5, 1.0)) == method(2.5)
    assert type(method(Dual(2.5, 1.0))) is int


def test_builtin_max_and_min_return_an_operand() -> None:
    # Python compares and offers no hook for a tie: the average is np.maximum's, and that of compiled code
    a, b = Dual(2.0, (1.0, 0.0)), Dual(2.0, (0.0, 1.0))
    assert max(a, b) is a
    assert min(a, b) is a
    assert max(Dual(1.0, 0.0), b) is b


# --- zero tangents --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x"),
    [
        pytest.param(np.sqrt, 0.0, id="sqrt"),
        pytest.param(np.log, 0.0, id="log"),
        pytest.param(np.log, -1.0, id="log of a negative number"),
        pytest.param(np.arcsin, 1.0, id="arcsin"),
        pytest.param(np.cbrt, 0.0, id="cbrt"),
        pytest.param(lambda x: 1 / x, 0.0, id="1/x"),
        pytest.param(lambda x: x * inf, 0.0, id="0 inf"),
        pytest.param(lambda x: np.exp(x) / np.exp(x), 1000.0, id="inf/inf"),
        pytest.param(lambda x: x**0.5, 0.0, id="power"),
        pytest.param(lambda x: np.arctan2(x, x), 0.0, id="arctan2"),
        pytest.param(gamma, -1.0, id="gamma"),
        pytest.param(lambda x: np.maximum(x, nan), 0.0, id="maximum"),
    ],
)
def test_zero_tangents_stay_zero(f: Callable[[Any], Any], x: float) -> None:
    result = f(Dual(np.float64(x), (0.0, 1.0, -0.0)))
    assert result.tangents[0] == 0
    assert result.tangents[2] == 0
    assert result.tangents[1] != 0
    # and on duals of duals, in whichever of the two the zero is
    outer = f(Dual(Dual(np.float64(x), 1.0), (Dual(0.0, 0.0),)))
    assert outer.tangents[0].value == 0
    assert outer.tangents[0].tangents == (0.0,)
    inner = f(Dual(Dual(np.float64(x), 0.0), (Dual(1.0, 0.0),)))
    assert inner.value.tangents == (0.0,)
    assert inner.tangents[0].tangents == (0.0,)


def test_a_tangent_that_is_not_zero_meets_an_undefined_partial() -> None:
    assert math.isnan(np.arctan2(Dual(0.0, 1.0), Dual(0.0, 1.0)).tangents[0])
    assert math.isnan(Dual(-2.0, 1.0).__pow__(0.5).tangents[0])


# --- second derivatives ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        pytest.param(lambda x: abs(x) ** 2, 0.0, 2, id="abs(x)**2"),
        pytest.param(lambda x: abs(x) * abs(x), -0.0, 2, id="abs(x)*abs(x)"),
        pytest.param(lambda x: x**1.0, 0.0, 0, id="x**1.0"),
        pytest.param(lambda x: xlogy(x, x + 1), 0.0, 2, id="xlogy(x, x + 1)"),
        pytest.param(lambda x: np.copysign(x, 1.0), -2.0, 0, id="copysign"),
        pytest.param(lambda x: x % 2.0, 4.0, 0, id="remainder"),
        pytest.param(np.sqrt, 0.0, -inf, id="sqrt"),
        pytest.param(lambda x: apply(np.sinc, np.sinc, x), 0.0, -(np.pi**2) / 3, id="sinc"),
        pytest.param(np.tanh, 1e-17, -2e-17, id="tanh"),
        pytest.param(np.arctanh, 1e-17, 2e-17, id="arctanh"),
    ],
)
def test_second_derivative(f: Callable[[Any], Any], x: float, expected: float) -> None:
    assert second_derivative(f, x) == pytest.approx(expected, rel=1e-15, abs=0)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0, 2.5])
def test_mixed_derivative_of_a_power_at_every_exponent(p: float) -> None:
    # the rule must not lose the exponent's tangent where the exponent has a case of its own
    x = 1.5
    expected = x ** (p - 1) * (1 + p * math.log(x))
    by_exponent_then_base = Dual(Dual(x, 0.0), (Dual(1.0, 0.0),)) ** Dual(p, 1.0)
    assert by_exponent_then_base.tangents[0].tangents[0] == pytest.approx(expected, rel=1e-15)
    by_base_then_exponent = Dual(x, 1.0) ** Dual(Dual(p, 0.0), (Dual(1.0, 0.0),))
    assert by_base_then_exponent.tangents[0].tangents[0] == pytest.approx(expected, rel=1e-15)


# --- NaN ------------------------------------------------------------------------------------

LINEAR = {"negative", "positive", "absolute", "fabs", "deg2rad", "rad2deg", "degrees", "radians"}
NONLINEAR = [f for f, rule in RULES.items() if len(rule.partials) == 1 and f.__name__ not in LINEAR]
NONLINEAR += [np.power, np.hypot, np.arctan2, np.logaddexp, np.logaddexp2, np.maximum, np.minimum]


@pytest.mark.parametrize("function", NONLINEAR, ids=lambda f: f.__name__)
def test_nan_in_gives_nan_out(function: Any) -> None:
    result = apply(function, function, *[Dual(nan, 1.0), 2.0][: len(RULES[function].partials)])
    assert math.isnan(result.value)
    assert math.isnan(result.tangents[0])


# --- no silent zeros ------------------------------------------------------------------------


def derivatives_at_0(f: Any, order: int) -> list[float]:
    found = []
    for _ in range(order):
        f = derivative(f)
        found.append(float(f(0.0)))
    return found


@pytest.mark.parametrize("power", [lambda x: x**4.0, lambda x: x**4, lambda x: np.power(x, 4.0), lambda x: x * x**3])
def test_whole_powers_at_0_have_derivatives_of_any_order(power: Any) -> None:
    assert derivatives_at_0(power, 6) == [0.0, 0.0, 0.0, 24.0, 0.0, 0.0]
    assert derivatives_at_0(njit(power), 4) == [0.0, 0.0, 0.0, 24.0]


def test_broken_powers_at_0_end_in_infinity() -> None:
    assert derivatives_at_0(lambda x: x**2.5, 3) == [0.0, 0.0, np.inf]


@pytest.mark.parametrize("compiled", [False, True], ids=["python", "compiled"])
@pytest.mark.parametrize(
    "norm",
    [
        lambda x: np.linalg.norm(x),
        lambda x: np.sqrt(np.sum(x * x)),
        lambda x: np.hypot(x[0], x[1]),
        lambda x: np.std(x),
    ],
    ids=["norm", "sqrt", "hypot", "std"],
)
def test_a_curvature_at_a_kink_is_never_0_without_a_word(norm: Any, compiled: bool) -> None:
    length = njit(norm) if compiled else norm
    bump = njit(lambda x: np.exp(-(length(x) ** 2))) if compiled else lambda x: np.exp(-(length(x) ** 2))
    np.testing.assert_array_equal(gradient(bump)(np.zeros(2)), [0.0, 0.0])
    assert np.isnan(np.diag(hessian(bump)(np.zeros(2)))).all()
    assert np.isfinite(hessian(bump)(np.array([0.3, 0.4]))).all()


AT = np.array([0.1, 0.7, 0.8, 0.35])


def test_histograms_have_the_derivatives_of_their_weights_edges_and_density() -> None:
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    counts = jacobian(lambda w: np.histogram(AT, bins=2, range=(0, 1), weights=w)[0])(weights)
    np.testing.assert_array_equal(counts, [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    edges = jacobian(lambda a: np.histogram(a, bins=2)[1])(AT)
    np.testing.assert_allclose(edges, [[1, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 1, 0]], atol=1e-15)
    # two of four numbers in each half of a width b - a:  density 1/2 / ((b - a) / 2)
    density = jacobian(lambda a: np.histogram(a, bins=2, density=True)[0])(AT)
    np.testing.assert_allclose(density, [[1 / 0.49, 0, -1 / 0.49, 0]] * 2, rtol=1e-13, atol=1e-15)
