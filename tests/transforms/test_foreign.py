"""Derivatives of numbers that other packages define: fractions, mpmath and SymPy."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy

from dualdiff import Dual
from dualdiff.expression import FUNCTIONS, Expression

EXAMPLE = Expression("log(x1) + x1*x2 - sin(x2)")


def slope(f, x):
    """The derivative of f at x; the tangent is the number one of x's own type."""
    return f(Dual(x, 0 * x + 1)).tangents[0]


def curvature(f, x):
    """The second derivative of f at x."""
    tangent = f(Dual(Dual(x, 0 * x + 1), Dual(0 * x + 1, 0 * x))).tangents[0]
    return tangent.tangents[0] if isinstance(tangent, Dual) else 0


# --- fractions: exact -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "first", "second"),
    [
        (lambda x: x**3 / (1 + x), Fraction(1, 2), Fraction(4, 9), Fraction(38, 27)),
        (lambda x: 1 / x, Fraction(-2, 3), Fraction(-9, 4), Fraction(-27, 4)),
        (lambda x: x**-2, Fraction(1, 3), Fraction(-54), Fraction(486)),
        (lambda x: (x - 1) * (x - 2) * (x - 3), Fraction(5, 2), Fraction(-1, 4), Fraction(3)),
        (lambda x: abs(x) * x, Fraction(-1, 7), Fraction(2, 7), Fraction(-2)),
        (lambda x: x % Fraction(1, 4), Fraction(9, 8), Fraction(1), Fraction(0)),
        (lambda x: -x if x > 0 else x, Fraction(3), Fraction(-1), Fraction(0)),
    ],
    ids=["quotient", "reciprocal", "negative power", "product", "abs", "remainder", "branch"],
)
def test_fractions_stay_exact(f, x, first, second):
    assert (slope(f, x), curvature(f, x)) == (first, second)
    assert isinstance(slope(f, x), (int, Fraction))


def test_steps_of_fractions_stay_exact():
    x = Dual(Fraction(5, 3), Fraction(1))
    for y in (x // 1 * x, np.floor(x) * x, round(x, 0) * x, x % 1 * x):
        assert all(isinstance(t, Fraction) for t in y.tangents)


def test_sum_of_a_thousand_fractions_is_exact():
    assert slope(lambda x: sum(x / k for k in range(1, 1000)), Fraction(1)) == sum(
        Fraction(1, k) for k in range(1, 1000)
    )


# --- mpmath: as many digits as are asked for --------------------------------------------------

MPMATH = [
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arctanh",
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "square", "reciprocal",
    "absolute", "negative", "erf", "erfc", "logistic", "softplus",
]  # fmt: skip


@pytest.mark.parametrize("name", [*MPMATH, "arccosh"])
def test_fifty_digits(name):
    function = FUNCTIONS[name]
    with mpmath.workdps(50):
        x = mpmath.mpf("1.37" if name == "arccosh" else "0.37")
        first, second = slope(function, x), curvature(function, x)
    with mpmath.workdps(120):
        # the table's function at many digits, differenced: that is right to about 60
        h = mpmath.mpf(10) ** -30

        def value(x):
            return Dual(x, 0 * x).__array_ufunc__(function, "__call__", Dual(x, 0 * x)).value

        expected = (value(x + h) - value(x - h)) / (2 * h)
        expected_second = (value(x + h) - 2 * value(x) + value(x - h)) / h**2
        assert abs(first - expected) < abs(expected) * mpmath.mpf(10) ** -47
        assert abs(second - expected_second) <= (1 + abs(expected_second)) * mpmath.mpf(10) ** -46


def test_whole_powers_in_mpmath():
    with mpmath.workdps(50):
        x = Dual(mpmath.mpf(3) / 7, (mpmath.mpf(1),))
        for n in (2, 3, -2):
            assert abs((x**n).tangents[0] - n * (mpmath.mpf(3) / 7) ** (n - 1)) < mpmath.mpf(10) ** -47


@pytest.mark.parametrize("name", ["hypot", "arctan2", "logaddexp", "power", "divide", "maximum"])
def test_fifty_digits_of_two_arguments(name):
    function = FUNCTIONS[name]
    with mpmath.workdps(50):
        a, b = mpmath.mpf("0.7"), mpmath.mpf("1.9")
        y = function(Dual(a, (mpmath.mpf(1), mpmath.mpf(0))), Dual(b, (mpmath.mpf(0), mpmath.mpf(1))))
    with mpmath.workdps(120):
        h = mpmath.mpf(10) ** -30

        def value(a, b):
            return function(Dual(a, 0 * a), b).value

        by_a = (value(a + h, b) - value(a - h, b)) / (2 * h)
        by_b = (value(a, b + h) - value(a, b - h)) / (2 * h)
        for tangent, expected in zip(y.tangents, (by_a, by_b), strict=True):
            assert abs(tangent - expected) <= (1 + abs(expected)) * mpmath.mpf(10) ** -47


def test_running_example_to_fifty_digits():
    with mpmath.workdps(50):
        x2 = mpmath.mpf(5)
        result = slope(lambda x2: EXAMPLE(mpmath.mpf, x1=mpmath.mpf(2), x2=x2), x2)
        assert abs(result - (2 - mpmath.cos(x2))) < mpmath.mpf(10) ** -48


# --- SymPy: the formula itself ----------------------------------------------------------------


def test_running_example_as_a_formula():
    x1, x2 = sympy.symbols("x1 x2", positive=True)
    formula = EXAMPLE(sympy.sympify, x1=x1, x2=x2)
    by_x1 = slope(lambda x: EXAMPLE(sympy.sympify, x1=x, x2=x2), x1)
    by_x2 = slope(lambda x: EXAMPLE(sympy.sympify, x1=x1, x2=x), x2)
    assert by_x1 == formula.diff(x1) == x2 + 1 / x1
    assert by_x2 == formula.diff(x2) == x1 - sympy.cos(x2)


FORMULAS = ["x**5", "x**x", "1/(1 + x**2)", "exp(-x*x)*sin(3*x)", "sqrt(1 + x)", "atan(x)/x", "erf(x)", "hypot(x, 2)"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_those_of_sympy(text):
    x = sympy.Symbol("x", positive=True)

    def f(x):
        return Expression(text)(sympy.sympify, x=x)

    for ours, theirs in [(slope(f, x), f(x).diff(x)), (curvature(f, x), f(x).diff(x, x))]:
        assert sympy.simplify(ours - theirs) == 0


# --- what is no number ------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["2", b"2", None, 2j, Decimal(2), object, [1.0], {}], ids=repr)
def test_other_values_are_refused(value):
    with pytest.raises(TypeError, match="real number"):
        Dual(value, 1.0)


@pytest.mark.parametrize("function", [np.exp, np.arcsin, np.sqrt])
def test_what_a_package_lacks_is_named(function):
    with pytest.raises(TypeError, match=function.__name__ + ".*Fraction"):
        function(Dual(Fraction(1, 2), Fraction(1)))
