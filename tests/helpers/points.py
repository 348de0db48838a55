"""One row per elementary function: a textbook formula, its domain, where it is hard, its limits.

The formula is SymPy's, which differentiates it; mpmath evaluates the result. Rows are in the order
of the rule table.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mpmath import mp

from dualdiff.rules import table as rules

SIZE = 300
"""Points in a group."""

LARGEST = float(np.finfo(np.float64).max)
TINIEST = 5e-324

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Row:
    """What is known of one elementary function.

    ``formula`` is in x, or in a and b. ``slopes`` are formulas of the partial derivatives where
    those that follow from ``formula`` cancel beyond reach. ``limits`` are the largest errors, in
    ulps, of first and second partial derivatives; None where there is none to measure.
    """

    function: Any
    formula: str
    limits: tuple[float, float | None]
    domain: tuple[Interval, ...] = ((-LARGEST, LARGEST),)
    second_domain: Interval = (-LARGEST, LARGEST)
    branch: tuple[float, ...] = ()  # where the function has a branch point, pole, zero or kink
    edges: tuple[Interval, ...] = ()  # where f or a derivative nears overflow or underflow
    slopes: tuple[str, ...] = ()
    typical: Interval = (-3.0, 3.0)
    more: Callable[[np.random.Generator], Iterable[tuple[float, ...]]] | None = None
    only_more: bool = False
    by: tuple[int, ...] | None = None  # the arguments to differentiate by, if not all
    # Near a zero of a derivative no floating-point formula has digits right: there errors count
    # in ulps of this magnitude, by the path of the derivative: (0,) first, (0, 0) second, ...
    magnitudes: dict[tuple[int, ...], Callable[..., Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The function's name, which test ids show."""
        return str(self.function.__name__)

    @property
    def arity(self) -> int:
        """The number of arguments."""
        return len(rules.RULES[self.function].partials)

    def contains(self, x: float) -> bool:
        """Whether x is in the domain."""
        return any(low <= x <= high for low, high in self.domain)

    def points(self) -> list[tuple[float, ...]]:
        """All points at which the rule is measured, the same on every call."""
        random = np.random.default_rng(zlib.crc32(self.name.encode()))
        groups = () if self.only_more else (self._one if self.arity == 1 else self._two)(random)
        points = [tuple(map(float, point)) for group in groups for point in group]
        return points if self.more is None else [*points, *self.more(random)]

    def _inside(self, draw: Callable[[int], np.ndarray]) -> np.ndarray:
        kept = np.empty(0)
        while len(kept) < SIZE:
            drawn = draw(4 * SIZE)
            kept = np.append(kept, drawn[[self.contains(x) for x in drawn]])
        return kept[:SIZE]

    def _one(self, random: np.random.Generator) -> Iterator[Any]:
        yield zip(self._inside(lambda n: random.uniform(*self.typical, n)), strict=True)
        yield zip(self._inside(lambda n: exponents(random, n)), strict=True)
        for low, high in self.edges:
            yield zip(self._inside(lambda n, low=low, high=high: random.uniform(low, high, n)), strict=True)
        for p in self.branch:
            yield ((x,) for x in around(random, p) if self.contains(x))

    def _two(self, random: np.random.Generator) -> Iterator[Any]:
        def pairs(draw: Callable[[], tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[float, float]]:
            count = 0
            while count < SIZE:
                for a, b in zip(*draw(), strict=True):
                    low, high = self.second_domain
                    if self.contains(a) and low <= b <= high and a != b and count < SIZE:
                        count += 1
                        yield a, b

        yield pairs(lambda: (random.uniform(*self.typical, SIZE), random.uniform(*self.typical, SIZE)))
        yield pairs(lambda: (exponents(random, SIZE), exponents(random, SIZE)))

        def near() -> tuple[np.ndarray, np.ndarray]:
            a = exponents(random, SIZE)
            away = 2.0 ** random.uniform(-52, 3, SIZE) * random.choice([-1, 1], SIZE)
            return a, np.clip(a * (1 + away), -LARGEST, LARGEST)

        with np.errstate(all="ignore"):
            yield pairs(near)


def exponents(random: np.random.Generator, n: int) -> np.ndarray:
    """Numbers of both signs, log-uniform over all exponents, subnormals included."""
    scale = random.integers(-1074, 1024, n)
    return np.ldexp(random.choice([-1.0, 1.0], n) * random.uniform(1, 2, n), scale)


def around(random: np.random.Generator, p: float) -> Iterator[float]:
    """Numbers that approach p from both sides."""
    yield from (np.nextafter(p, np.inf), np.nextafter(p, -np.inf))
    unit = p if p else 1.0
    for k in (*range(1, 53), *random.uniform(1, 52, SIZE // 2 - 52)):
        yield from (p + unit * 2.0**-k, p - unit * 2.0**-k)


def powers(random: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Bases and exponents whose power is anywhere in range, and exponents near whole numbers."""
    for _ in range(SIZE):
        yield random.uniform(0.01, 3), random.uniform(-3, 3)
    for x, p in zip(np.absolute(exponents(random, 2 * SIZE)), exponents(random, 2 * SIZE), strict=True):
        if abs(p) < 1e17:
            yield float(x), float(p)
    for x in np.absolute(exponents(random, SIZE)):
        yield float(x), random.uniform(-745, 709) / math.log(x)
    for _ in range(SIZE):
        x = 1 + random.choice([-1, 1]) * 2.0 ** random.uniform(-52, 0)
        if x > 0 and x != 1:
            yield x, random.uniform(-745, 709) / math.log(x)
    for _ in range(SIZE):
        edge = random.choice([-745, -708, -667, 690, 709])
        x = 2.0 ** random.uniform(-1074, 1024)
        yield x, (edge + random.uniform(-4, 0)) / math.log(x)
    for _ in range(SIZE):
        x, whole = random.uniform(-9, 9), float(random.integers(-9, 10))
        yield x, whole
        yield abs(x), whole + random.choice([-1, 1]) * 2.0 ** random.uniform(-52, -1)


def whole_exponents(random: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Second arguments that are whole numbers."""
    for x in exponents(random, SIZE):
        yield float(x), int(random.integers(-1000, 1000))


def polygammas(random: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Orders 0 to 3 at typical arguments, of both signs, and over all exponents."""
    every = exponents(random, 2 * SIZE)
    for x in (*random.uniform(-3, 3, SIZE), *random.uniform(0, 40, SIZE), *every[every > -9]):
        yield float(random.integers(0, 4)), float(x)


def below(bound: float, magnitude: Callable[..., Any] = lambda *_: 1) -> Callable[..., Any]:
    """The magnitude of a derivative whose zeros are at x < bound."""
    return lambda *point: magnitude(*point) if point[-1] < bound else 0


def envelope(order: int) -> Callable[[Any], Any]:
    """The magnitude of the derivatives of sinc where they oscillate."""
    return lambda x: 3 ** (order - 1) / abs(x) if abs(x) > 0.6 else 0


POSITIVE = ((TINIEST, LARGEST),)
POLES = (-1.0, -2.0)
POWER_MAGNITUDES = {path: lambda x, p: abs(x) ** (p - 1) for path in ((0, 1), (1, 0))}
MINIMUM = 1.4616321449683622  # of gamma

ROWS = (
    Row(np.add, "a + b", (0, 0)),
    Row(np.subtract, "a - b", (0, 0)),
    Row(np.multiply, "a*b", (0, 0)),
    Row(np.divide, "a/b", (2, 4)),
    Row(np.fmod, "a - b*sign(a/b)*floor(Abs(a/b))", (2, None), slopes=("1", "-sign(a/b)*floor(Abs(a/b))")),
    Row(np.remainder, "a - b*floor(a/b)", (2, None), slopes=("1", "-floor(a/b)")),
    Row(np.negative, "-x", (0, 0)),
    Row(np.positive, "x", (0, 0)),
    Row(np.reciprocal, "1/x", (2, 4), edges=((1e-160, 1e-150), (1e150, 1e170))),
    Row(np.square, "x*x", (0, 0)),
    Row(np.absolute, "Abs(x)", (0, 0)),
    Row(np.fabs, "Abs(x)", (0, 0)),
    Row(np.copysign, "Abs(a)*sign(b)", (0, 0)),
    Row(np.ldexp, "a*2**b", (0, 0), more=whole_exponents, only_more=True, by=(0,)),
    Row(np.radians, "x*pi/180", (1, 0)),
    Row(np.degrees, "x*180/pi", (1, 0)),
    Row(np.deg2rad, "x*pi/180", (1, 0)),
    Row(np.rad2deg, "x*180/pi", (1, 0)),
    Row(np.power, "a**b", (3, 6), more=powers, only_more=True, magnitudes=POWER_MAGNITUDES),
    Row(np.float_power, "a**b", (3, 6), more=powers, only_more=True, magnitudes=POWER_MAGNITUDES),
    Row(np.sqrt, "sqrt(x)", (1.5, 4), domain=POSITIVE),
    Row(np.cbrt, "sign(x)*Abs(x)**Rational(1, 3)", (8, 16)),
    Row(np.hypot, "sqrt(a*a + b*b)", (3, 6)),
    Row(np.exp, "exp(x)", (1, 4), edges=((700, 709.782), (-745, -700))),
    Row(np.exp2, "2**x", (2, 4), edges=((1010, 1024), (-1075, -1010))),
    Row(np.expm1, "exp(x) - 1", (1, 4), edges=((700, 709.782), (-745, -700))),
    Row(np.log, "log(x)", (1, 4), domain=POSITIVE, branch=(1.0,)),
    Row(np.log2, "log(x)/log(2)", (2, 4), domain=POSITIVE, branch=(1.0,)),
    Row(np.log10, "log(x)/log(10)", (2, 4), domain=POSITIVE, branch=(1.0,)),
    Row(np.log1p, "log(1 + x)", (2, 4), domain=((-1 + 2.0**-53, LARGEST),), branch=(-1.0,)),
    Row(rules.logistic, "1/(1 + exp(-x))", (4, 6), edges=((-745, -700), (690, 750))),
    Row(rules.softplus, "log(1 + exp(x))", (3, 6), slopes=("1/(1 + exp(-x))",), edges=((-745, -700), (690, 750))),
    Row(np.logaddexp, "log(exp(a) + exp(b))", (4, 6), slopes=("1/(1 + exp(b - a))", "1/(1 + exp(a - b))")),
    Row(np.logaddexp2, "log(2**a + 2**b)/log(2)", (4, 6), slopes=("1/(1 + 2**(b - a))", "1/(1 + 2**(a - b))")),
    Row(rules.xlogy, "a*log(b)", (2, 4), second_domain=POSITIVE[0]),
    Row(np.sin, "sin(x)", (1, 4)),
    Row(np.cos, "cos(x)", (1, 4)),
    Row(np.tan, "tan(x)", (2, 4), branch=(np.pi / 2, 11.0)),
    Row(np.arcsin, "asin(x)", (3, 6), domain=((-1, 1),), branch=(1.0, -1.0)),
    Row(np.arccos, "acos(x)", (3, 6), domain=((-1, 1),), branch=(1.0, -1.0)),
    Row(np.arctan, "atan(x)", (3, 6), edges=((1e145, 1e160),)),
    Row(np.arctan2, "atan2(a, b)", (3, 6)),
    Row(np.sinh, "sinh(x)", (2, 4), edges=((700, 710.4),)),
    Row(np.cosh, "cosh(x)", (2, 4), edges=((700, 710.4),)),
    Row(np.tanh, "tanh(x)", (4, 6), slopes=("1/cosh(x)**2",), edges=((330, 380), (15, 25))),
    Row(np.arcsinh, "asinh(x)", (3, 6), edges=((1e145, 1e160),)),
    Row(np.arccosh, "acosh(x)", (4, 6), domain=((1, LARGEST),), branch=(1.0,), typical=(1, 7)),
    Row(np.arctanh, "atanh(x)", (3, 6), domain=((-1, 1),), branch=(1.0, -1.0)),
    Row(rules.erf, "erf(x)", (4, 6), edges=((25.5, 27.4), (5, 7))),
    Row(rules.erfc, "erfc(x)", (4, 6), edges=((25.5, 27.4), (5, 7))),
    Row(
        rules.gamma, "gamma(x)", (16, 64), domain=((-170, 172),), edges=((165, 171.7),), branch=(MINIMUM, *POLES),
        magnitudes={(0,): below(2, lambda x: mp.gamma(x) * mp.log(2 + abs(x)))},
    ),
    Row(
        rules.lgamma, "loggamma(x)", (16, 64), domain=((-300, LARGEST),), edges=((-300, -3),), branch=(MINIMUM, *POLES),
        slopes=("polygamma(0, x)",), magnitudes={(0,): below(2)},
    ),
    Row(
        rules.digamma, "polygamma(0, x)", (16, 64), domain=((-300, LARGEST),), edges=((-300, -3),), branch=POLES,
        magnitudes={(0, 0): below(0)},
    ),
    Row(
        rules.polygamma, "polygamma(a, b)", (64, None), more=polygammas, only_more=True, by=(1,),
        magnitudes={(1,): below(0)},
    ),
    Row(
        np.sinc, "sin(pi*x)/(pi*x)", (8, 16), edges=((-40, 40),), branch=(1.0, 2.0, 1.4302966531242027),
        magnitudes={(0,): envelope(1), (0, 0): envelope(2)},
    ),
    Row(np.maximum, "Piecewise((a, a > b), (b, True))", (0, 0)),
    Row(np.minimum, "Piecewise((a, a < b), (b, True))", (0, 0)),
    Row(np.fmax, "Piecewise((a, a > b), (b, True))", (0, 0)),
    Row(np.fmin, "Piecewise((a, a < b), (b, True))", (0, 0)),
    Row(np.heaviside, "Piecewise((0, a < 0), (1, True))", (0, None), slopes=("0", "0")),
    Row(np.nextafter, "a", (0, 0), slopes=("1", "0")),
)  # fmt: skip

HELPERS = frozenset(
    {
        "arcsin_slope", "cosine", "gauss", "hyp1", "logistic2", "logistic2_slope", "logistic_slope",
        "power_log", "power_slope", "quotient_slope", "sqrt_slope", "omsq", "sech2", "sinc_slope", "turn", "turn_slope",
    }
)  # fmt: skip
"""Functions that only rules call: their derivatives are second derivatives of the rows."""
