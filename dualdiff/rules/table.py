"""The rule table: the partial derivatives of every elementary function.

A rule is written once and run in three ways: by CPython on numbers, by Numba on scalars, and by
Numba on each element of a batch; on duals it gives the next order. That is why a rule body keeps
to a small grammar: assignments and one return, arithmetic, comparisons, ``a if c else b``, and
functions that are in the table themselves.

To add a function, add its rule here and its row in tests/points.py.

A partial derivative receives the arguments of the function and its result, so that nothing is
computed twice. Above each rule stands its expansion, f(x + h) ~= y + f'(x) h. Where a formula is
not the textbook's, the textbook's loses digits somewhere; the accuracy of each rule is tested
over its whole domain, at first and second order. Formulas that have to stay accurate when they
are differentiated again are functions with a rule of their own (``sech2``, ``gauss``, ...), which
are defined in special.py.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .function import Function as Function
from .special import (
    arcsin_slope,
    cosine,
    gauss,
    hyp1,
    logistic2,
    logistic2_slope,
    logistic_slope,
    omsq,
    power_log,
    power_slope,
    quotient_slope,
    sech2,
    sinc_slope,
    sqrt_slope,
    turn,
    turn_slope,
)  # fmt: skip
from .special import digamma as digamma
from .special import erf as erf
from .special import erfc as erfc
from .special import gamma as gamma
from .special import lgamma as lgamma
from .special import logistic as logistic
from .special import polygamma as polygamma
from .special import softplus as softplus
from .special import xlogy as xlogy

Partial = Callable[..., Any]


class Rule(NamedTuple):
    """The partial derivatives of one elementary function, one per argument."""

    function: Any
    partials: tuple[Partial, ...]
    alone: tuple[Partial, ...]

    def partial(self, i: int, active: int) -> Partial:
        """The partial derivative by argument ``i`` when ``active`` of the arguments are duals."""
        return self.alone[i] if active == 1 else self.partials[i]


RULES: dict[Any, Rule] = {}
"""Differentiable functions, by the NumPy ufunc or the ``Function``."""

FLAT: set[Any] = set()
"""Functions whose derivative is zero everywhere, jumps included. Their result is a dual."""

VALUE_ONLY: set[Any] = set()
"""Comparisons and predicates: they look at values alone and their result is no dual."""


def rule(function: Any, *partials: Partial, alone: tuple[Partial, ...] | None = None) -> Any:
    """Enter the partial derivatives of ``function`` in the table; as a decorator, the only one.

    ``alone`` are the partial derivatives when the other arguments are constants, where they
    differ: a constant exponent 0 makes x**0 a constant, an exponent that varies does not.
    """
    if not partials:
        return lambda partial: rule(function, partial) and partial
    RULES[function] = Rule(function, partials, alone or partials)
    return RULES[function]


def flat(*functions: Any) -> None:
    """Enter functions whose derivative is zero everywhere."""
    FLAT.update(functions)


def value_only(*functions: Any) -> None:
    """Enter functions that only look at values."""
    VALUE_ONLY.update(functions)


# --- arithmetic -----------------------------------------------------------------------------

# (a + h) + (b + k) = y + h + k
rule(np.add, lambda a, b, y: 1, lambda a, b, y: 1)

# (a + h) - (b + k) = y + h - k
rule(np.subtract, lambda a, b, y: 1, lambda a, b, y: -1)

# (a + h) (b + k) ~= y + b h + a k
rule(np.multiply, lambda a, b, y: b, lambda a, b, y: a)


def _quotient_slope_by_denominator(a, b, y):
    # -2 a/b^3;  a tiny y has lost digits, a larger numerator restores them
    restored = 0 < np.absolute(y) < 1e-290 and np.absolute(b) < 1
    return (-2 * quotient_slope(a * 2.0**200, b) / b) / 2.0**200 if restored else -2 * y / b


# (a + h)/(b + k)^2 ~= y + 1/b^2 h - 2 a/b^3 k
rule(quotient_slope, lambda a, b, y: 1 / b / b, _quotient_slope_by_denominator)

# (a + h) / (b + k) ~= y + 1/b h - a/b^2 k
rule(np.divide, lambda a, b, y: 1 / b, lambda a, b, y: -quotient_slope(a, b))

# fmod(a + h, b + k) = y + h - trunc(a/b) k, and remainder the same with floor;
# a/b rounded may be the next whole number, (a - y)/b is near one
rule(np.fmod, lambda a, b, y: 1, lambda a, b, y: -np.rint((a - y) / b))
rule(np.remainder, lambda a, b, y: 1, lambda a, b, y: -np.rint((a - y) / b))

rule(np.negative, lambda x, y: -1)
rule(np.positive, lambda x, y: 1)

# 1/(x + h) ~= y - y^2 h
rule(np.reciprocal, lambda x, y: -(y * y))

# (x + h)^2 ~= y + 2 x h
rule(np.square, lambda x, y: 2 * x)

# abs(x + h) = y + sign(x) h, with the sign bit at 0
rule(np.absolute, lambda x, y: np.copysign(1.0, x))
rule(np.fabs, lambda x, y: np.copysign(1.0, x))

# copysign(a + h, b) = y + sign(a) sign(b) h
rule(
    np.copysign,
    lambda a, b, y: np.copysign(1.0, a) * np.copysign(1.0, b),
    lambda a, b, y: 0,
)

# ldexp(x + h, n) = y + 2^n h
rule(np.ldexp, lambda x, n, y: np.ldexp(1.0, n), lambda x, n, y: 0)

rule(np.deg2rad, lambda x, y: np.pi / 180)
rule(np.radians, lambda x, y: np.pi / 180)
rule(np.rad2deg, lambda x, y: 180 / np.pi)
rule(np.degrees, lambda x, y: 180 / np.pi)


# --- powers and roots -----------------------------------------------------------------------


def _is_extreme(y):
    # whether y = x^p has lost digits, or may have, to underflow or overflow: x^(p/2), twice, has not
    return np.absolute(y) <= 1e-290 or np.absolute(y) >= 1e300


def _power_by_base_alone(x, p, y):
    # a constant exponent 0 makes 1 at x = 0 too; a varying one makes 0/0
    return p if p == 0 and x == 0 else power_slope(x, p)


for _power in (np.power, np.float_power):
    # (x + h)^(p + k) ~= y + p x^(p-1) h + y log(x) k
    rule(
        _power,
        lambda x, p, y: power_slope(x, p),
        lambda x, p, y: power_log(x, p),
        alone=(_power_by_base_alone, lambda x, p, y: power_log(x, p)),
    )


def _power_slope_by_base(x, p, y):
    # p (p - 1) x^(p-2).  Cases:
    # 1. p whole: as it stands, and 0 once p is used up
    # 2. y in range: y/x saves a power
    # 3. otherwise by halves h = x^(p/2) / x, with the sign of x^p
    extreme = _is_extreme(y) and p != 0
    h = np.power(np.absolute(x), 0.5 * p) / x if extreme else 1.0
    sign = np.copysign(1.0, x) * np.copysign(1.0, y) * np.copysign(1.0, p)
    whole = p == np.trunc(p) and 0 < np.absolute(p) < 2.0**52
    by_steps = p * power_slope(x, p - 1) if whole or x == 0 else (p - 1) * y / x
    return sign * (p * (p - 1) * h) * h if extreme and x != 0 else by_steps


def _power_slope_by_base_alone(x, p, y):
    return p - 1 if p == 1 and x == 0 else _power_slope_by_base(x, p, y)


def _power_by_both(x, p, y):
    # x^(p-1) (1 + p log(x)), a product, which is never inf - inf
    z = np.power(x, p)
    half = np.power(x, 0.5 * p) if _is_extreme(z) else 1.0
    slope = 1 + p * np.log(x)
    lowered = np.power(x, p - 1) if x == 0 else 1.0
    at_zero = slope * lowered if lowered != 0 else lowered
    return at_zero if x == 0 else slope * (half if _is_extreme(z) else z) / x * half


def _power_log_by_exponent(x, p, y):
    # x^p log(x)^2
    z = np.power(x, p)
    half = np.power(x, 0.5 * p) if _is_extreme(z) else 1.0
    at_zero = 0.0 if p > 0 else np.inf
    return at_zero if x == 0 else np.log(x) * np.log(x) * half * (half if _is_extreme(z) else z)


rule(
    power_slope,
    _power_slope_by_base,
    _power_by_both,
    alone=(_power_slope_by_base_alone, _power_by_both),
)
rule(power_log, _power_by_both, _power_log_by_exponent)

# d(1/(2 sqrt(x))) = -y/(2 x):  x is exact, while 1/y^3 carries the error of sqrt three times
rule(sqrt_slope, lambda x, y: -(0.5 * y / x))

# sqrt(x + h) ~= y + h/(2 y)
rule(np.sqrt, lambda x, y: sqrt_slope(x))

# cbrt(x + h) ~= y + h/(3 y^2)
rule(np.cbrt, lambda x, y: 1 / (3 * (y * y)))

# hyp1(x + h) ~= y + x/y h
rule(hyp1, lambda x, y: x / y)


def _cosine_by_second(a, b, y):
    # a b/r^3 is (a/r) (b/r^2) or (b/r) (a/r^2): the one that does not overflow early
    return -(y * turn(a, b) if np.absolute(a) > np.absolute(b) else cosine(b, a) * turn(b, a))


# With c = cosine(a, b), s = cosine(b, a) and r = hypot(a, b):  dc = s^2/r da - c s/r db.
# c^2 + s^2 = 1 must not be used to write s^2 as 1 - c^2, which cancels.
rule(cosine, lambda a, b, y: cosine(b, a) * turn(a, b), _cosine_by_second)

# hypot(a + h, b + k) ~= y + a/y h + b/y k;  0 at the origin, the least-norm subgradient
rule(np.hypot, lambda a, b, y: cosine(a, b), lambda a, b, y: cosine(b, a))


# --- exponentials and logarithms ------------------------------------------------------------

# exp(x + h) ~= y + y h
rule(np.exp, lambda x, y: y)

# exp2(x + h) ~= y + log(2) y h
rule(np.exp2, lambda x, y: np.log(2.0) * y)

# expm1(x + h) ~= y + exp(x) h;  not y + 1, which cancels for x < 0
rule(np.expm1, lambda x, y: np.exp(x))

# log(x + h) ~= y + h/x;  +inf at 0, and NaN as the value is for x < 0
rule(np.log, lambda x, y: 1 / np.absolute(x) if x >= 0 else y)
rule(np.log2, lambda x, y: 1 / np.log(2.0) / np.absolute(x) if x >= 0 else y)
rule(np.log10, lambda x, y: 1 / np.log(10.0) / np.absolute(x) if x >= 0 else y)

# log1p(x + h) ~= y + h/(1 + x)
rule(np.log1p, lambda x, y: 1 / (1 + x) if x >= -1 else y)

# with s = logistic(x):  s'' = s' (1 - 2 s) = -s' tanh(x/2)
rule(logistic_slope, lambda x, y: -(y * np.tanh(0.5 * x)))

# logistic(x + h) ~= y + e/(1 + e)^2 h;  not y (1 - y), which cancels for large x
rule(logistic, lambda x, y: logistic_slope(x))

# softplus(x + h) ~= y + logistic(x) h
rule(softplus, lambda x, y: logistic(x))


def _logaddexp_by_first(a, b, y):
    # logaddexp(a + h, b + k) ~= y + s h + (1 - s) k, s = logistic(a - b);
    # a - b is rounded, by r, and for large a and b that counts
    d = a - b
    z = d - a
    r = (a - (d - z)) - (b + z)
    s = logistic(d)
    return s + logistic_slope(d) * r if np.absolute(d) < np.inf else s


rule(
    np.logaddexp,
    _logaddexp_by_first,
    lambda a, b, y: _logaddexp_by_first(b, a, y),
)

# the same in base 2
rule(logistic2, lambda x, y: np.log(2.0) * logistic2_slope(x))
rule(logistic2_slope, lambda x, y: -(np.log(2.0) * y * np.tanh(0.5 * np.log(2.0) * x)))


def _logaddexp2_by_first(a, b, y):
    # as logaddexp, in base 2
    d = a - b
    z = d - a
    r = (a - (d - z)) - (b + z)
    s = logistic2(d)
    return s + np.log(2.0) * logistic2_slope(d) * r if np.absolute(d) < np.inf else s


rule(
    np.logaddexp2,
    _logaddexp2_by_first,
    lambda a, b, y: _logaddexp2_by_first(b, a, y),
)

# xlogy(x + h, y + k) ~= z + log(y) h + x/y k
rule(xlogy, lambda x, y, z: np.log(y), lambda x, y, z: x / y if x != 0 or y != 0 else 0 * x)


# --- trigonometric functions ----------------------------------------------------------------

rule(np.sin, lambda x, y: np.cos(x))
rule(np.cos, lambda x, y: -np.sin(x))

# tan(x + h) ~= y + (1 + y^2) h
rule(np.tan, lambda x, y: 1 + y * y)

# 1 - (x + h)^2 ~= y - 2 x h
rule(omsq, lambda x, y: -2 * x)

# d(1 - x^2)^(-1/2) = x (1 - x^2)^(-3/2)
rule(arcsin_slope, lambda x, y: x / (omsq(x) * np.sqrt(omsq(x))))

# arcsin(x + h) ~= y + h/sqrt(1 - x^2)
rule(np.arcsin, lambda x, y: arcsin_slope(x))
rule(np.arccos, lambda x, y: -arcsin_slope(x))

# arctan(x + h) ~= y + h/(1 + x^2)
rule(np.arctan, lambda x, y: turn(x, 1.0))


def _turn_by_first(a, b, y):
    # -2 (b/r^2) (a/r^2);  a tiny argument beside one that is not has no part in r: scaled,
    # so that the factor is not subnormal
    s = 2.0**200 if np.absolute(a) < 1e-250 and np.absolute(b) > 1e-150 else 1.0
    t = 2.0**200 if np.absolute(b) < 1e-250 and np.absolute(a) > 1e-150 else 1.0
    return -2 * (turn(a, t * b) if t > 1 else y) * turn(b, s * a) / (s * t)


# With u = b/r^2, t = a/r^2 and d = t^2 - u^2:  du = -2 u t da + d db,
# dd = 2 t (2 u^2 - d) da - 2 u (2 t^2 + d) db.
rule(turn, _turn_by_first, lambda a, b, y: turn_slope(a, b))
rule(
    turn_slope,
    lambda a, b, y: 2 * turn(b, a) * (2 * turn(a, b) * turn(a, b) - y),
    lambda a, b, y: -2 * turn(a, b) * (2 * turn(b, a) * turn(b, a) + y),
)

# arctan2(a + h, b + k) ~= y + b/r^2 h - a/r^2 k
rule(np.arctan2, lambda a, b, y: turn(a, b), lambda a, b, y: -turn(b, a))


# --- hyperbolic functions -------------------------------------------------------------------

rule(np.sinh, lambda x, y: np.cosh(x))
rule(np.cosh, lambda x, y: np.sinh(x))

# sech(x + h)^2 ~= y - 2 tanh(x) y h
rule(sech2, lambda x, y: -2 * np.tanh(x) * y)

# tanh(x + h) ~= y + sech(x)^2 h;  not 1 - y^2, which cancels for large x
rule(np.tanh, lambda x, y: sech2(x))

# arcsinh(x + h) ~= y + h/sqrt(1 + x^2)
rule(np.arcsinh, lambda x, y: 1 / hyp1(x))

# arccosh(x + h) ~= y + h/sqrt(x^2 - 1), by factors, which neither cancel nor overflow
rule(np.arccosh, lambda x, y: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)))

# arctanh(x + h) ~= y + h/(1 - x^2);  NaN as the value is for abs(x) > 1
rule(np.arctanh, lambda x, y: 1 / omsq(x) if np.absolute(x) <= 1 else y)


# --- error and gamma functions --------------------------------------------------------------

# gauss(c + k, x + h) ~= y + gauss(1, x) k + gauss(-2 x c, x) h;  for large x it is 0, and x c must not overflow
rule(
    gauss,
    lambda c, x, y: gauss(1.0, x),
    lambda c, x, y: gauss(-2 * np.minimum(np.maximum(x, -40.0), 40.0) * c, x),
)

# erf(x + h) ~= y + 2/sqrt(pi) exp(-x^2) h
rule(erf, lambda x, y: gauss(2 / np.sqrt(np.pi), x))
rule(erfc, lambda x, y: gauss(-2 / np.sqrt(np.pi), x))

# gamma(x + h) ~= y + y digamma(x) h, and so on
rule(gamma, lambda x, y: y * digamma(x))
rule(lgamma, lambda x, y: digamma(x))
rule(digamma, lambda x, y: polygamma(1.0, x))
rule(polygamma, lambda n, x, y: np.nan, lambda n, x, y: polygamma(n + 1, x))

# sinc is no ufunc but a function of NumPy's that is written in Python
rule(np.sinc, lambda x, y: sinc_slope(1.0, x))
rule(sinc_slope, lambda n, x, y: np.nan, lambda n, x, y: sinc_slope(n + 1, x))


# --- piecewise functions --------------------------------------------------------------------


def _maximum_by_first(a, b, y):
    # at a tie the average; NaN where maximum propagates one
    return 1.0 if a > b else (0.0 if a < b else (0.5 if a == b else np.nan))


def _fmax_by_first(a, b, y):
    # as maximum, but a NaN is ignored unless both are
    known = 0.5 if a == b else (1.0 if b != b else 0.0)
    return 1.0 if a > b else (0.0 if a < b else (known if y == y else np.nan))


rule(np.maximum, _maximum_by_first, lambda a, b, y: _maximum_by_first(b, a, y))
rule(np.minimum, lambda a, b, y: _maximum_by_first(b, a, y), _maximum_by_first)
rule(np.fmax, _fmax_by_first, lambda a, b, y: _fmax_by_first(b, a, y))
rule(
    np.fmin,
    lambda a, b, y: _fmax_by_first(-a, -b, y),
    lambda a, b, y: _fmax_by_first(-b, -a, y),
)

# heaviside(0, h) = h; at the step itself the derivative by x is 0, as of sign
rule(np.heaviside, lambda x, h, y: 0, lambda x, h, y: 1 if x == 0 else 0)

# nextafter(x, b) = x + a spacing, which is constant but for steps
rule(np.nextafter, lambda a, b, y: 1, lambda a, b, y: 0)

flat(np.sign, np.floor, np.ceil, np.trunc, np.rint, np.floor_divide, np.spacing)

value_only(
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.isnan, np.isinf, np.isfinite, np.signbit,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
)  # fmt: skip


# --- other spellings ------------------------------------------------------------------------

SPELLINGS: dict[Any, Any] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.divide,
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
    operator.pow: np.power,
    operator.neg: np.negative,
    operator.pos: np.positive,
    operator.abs: np.absolute,
    operator.lt: np.less,
    operator.le: np.less_equal,
    operator.gt: np.greater,
    operator.ge: np.greater_equal,
    operator.eq: np.equal,
    operator.ne: np.not_equal,
    abs: np.absolute,
    pow: np.power,
    math.pow: np.power,
    math.asin: np.arcsin,
    math.acos: np.arccos,
    math.atan: np.arctan,
    math.atan2: np.arctan2,
    math.asinh: np.arcsinh,
    math.acosh: np.arccosh,
    math.atanh: np.arctanh,
    math.erf: erf,
    math.erfc: erfc,
    math.gamma: gamma,
    math.lgamma: lgamma,
}
"""Other names of functions in the table."""

for _name in (
    "fabs", "copysign", "ldexp", "fmod", "sqrt", "cbrt", "hypot", "exp", "exp2", "expm1", "log", "log2", "log10",
    "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "degrees", "radians", "isnan", "isinf", "isfinite",
):  # fmt: skip
    if hasattr(math, _name):  # cbrt and exp2 came with Python 3.11
        SPELLINGS[getattr(math, _name)] = getattr(np, _name)


def canonical(function: Any) -> Any:
    """The key under which ``function`` stands in the table: its NumPy ufunc or ``Function``."""
    return SPELLINGS.get(function, function)
