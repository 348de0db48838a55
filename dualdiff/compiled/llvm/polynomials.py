"""exp, log, tanh and erf without branches and tables, for LLVM to inline into loops over samples and vectorise there.

A call of a vector function spills all that is in the processor's registers, and shares nothing with other calls. These
share: tanh(x) and its derivative 1/cosh(x)^2 are both made of exp(-2 abs(x)), erf(x) and its derivative of exp(-x^2/2),
which LLVM then computes once. Their polynomials are the best approximations (Remez 1934) of their degrees.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from llvmlite import ir

DOUBLE = ir.DoubleType()
BITS = ir.IntType(64)

FRACTION = 52
"""Bits of a double-precision number that are right of those of its exponent."""

BIAS = 1023
"""What is added to the exponents of numbers, so that none is negative."""

SHIFT = 1.5 * 2.0**FRACTION
"""Added to a number below 2^51 it rounds to a whole one, whose bits are then the lowest."""

LOG2_HIGH, LOG2_LOW = 0.6931471803691238, 1.9082149292705877e-10
"""Their sum is log(2); products of the first with whole numbers up to 2048 are exact."""

# (expm1(r) - r)/r^2 for abs(r) <= log(2)/2
EXPONENTIAL = (
    0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326112, 0.001388888888888373,
    0.0001984126987490126, 2.4801587325605324e-05, 2.7557255297969643e-06, 2.755727357010214e-07,
    2.5105259538448494e-08, 2.0914717341716378e-09,
)  # fmt: skip

# (log((1 + s)/(1 - s))/s - 2)/s^2 in s^2, for s^2 <= 0.02945, where 1 + s = sqrt(2) (1 - s)
LOGARITHM = (
    0.666666666666667, 0.3999999999989889, 0.28571428626253836, 0.22222211089379496, 0.1818289243253687,
    0.15331611722055008, 0.14617807153417325,
)  # fmt: skip

# erf(x)/x - 1 in x^2, for abs(x) <= 1
ERROR = (
    0.12837916709551256, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777, 0.0052239776071164225,
    -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-05, 1.6447424703317362e-06,
    -1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10,
)  # fmt: skip

# exp(x^2) erfc(x) in (x - 3)/(x + 3), for 1 <= x <= 6
COMPLEMENT = (
    0.17900115118138996, -0.32623356004303716, 0.24560380171233195, -0.15011593650078744, 0.07166583719774874,
    -0.024392499318273194, 0.004269136347508256, 0.0007077464443901538, -0.0005970623517093284,
    4.525472635483354e-05, 6.406182073530546e-05, -1.284889451252353e-05, -8.008021319412685e-06,
    2.023603179641757e-06, 1.2801900862962662e-06,
)  # fmt: skip


def _bits(number: float) -> int:
    """The bits of a double-precision number."""
    return int(np.float64(number).view(np.uint64))


class Writer:
    """Writes arithmetic on double-precision numbers."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a * b + c, rounded once."""
        return self.builder.fma(a, b, c)

    def absolute(self, x: ir.Value) -> ir.Value:
        """abs(x)."""
        return self.builder.call(self.builder.module.declare_intrinsic("llvm.fabs", [DOUBLE]), [x])

    def with_sign(self, y: ir.Value, x: ir.Value) -> ir.Value:
        """The absolute value of y with the sign of x."""
        kind = ir.FunctionType(DOUBLE, [DOUBLE, DOUBLE])
        return self.builder.call(self.builder.module.declare_intrinsic("llvm.copysign", [DOUBLE], kind), [y, x])

    def where(self, x: ir.Value, compare: str, limit: float, yes: ir.Value, no: ir.Value) -> ir.Value:
        """``yes`` where the comparison of x with the limit holds, else ``no``, so too where x is NaN."""
        return self.builder.select(self.builder.fcmp_ordered(compare, x, DOUBLE(limit)), yes, no)

    def polynomial(self, coefficients: Sequence[float], x: ir.Value) -> ir.Value:
        """c[0] + c[1] x + c[2] x^2 + ..., by halves (Estrin 1960): Horner's scheme would wait for each product."""
        terms = [DOUBLE(c) for c in coefficients]
        while len(terms) > 1:
            pairs = [terms[i : i + 2] for i in range(0, len(terms), 2)]
            terms = [self.fma(pair[1], x, pair[0]) if len(pair) == 2 else pair[0] for pair in pairs]
            x = self.builder.fmul(x, x)
        return terms[0]

    def whole(self, x: ir.Value) -> ir.Value:
        """The nearest whole number."""
        return self.builder.fsub(self.builder.fadd(x, DOUBLE(SHIFT)), DOUBLE(SHIFT))

    def power_of_two(self, k: ir.Value) -> ir.Value:
        """2^k of a whole number k from -1022 to 1023."""
        bits = self.builder.bitcast(self.builder.fadd(k, DOUBLE(SHIFT + BIAS)), BITS)
        return self.builder.bitcast(self.builder.shl(bits, BITS(FRACTION)), DOUBLE)

    def exponential(self, x: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
        """``p, s, t`` with exp(x) = (1 + p) s t: p = expm1(r) for the rest r of x, s and t powers of two."""
        b = self.builder
        for compare, end in ((">", 710.0), ("<", -746.0)):  # there exp is infinite, and 0
            x = self.where(x, compare, end, DOUBLE(end), x)
        k = self.whole(b.fmul(x, DOUBLE(1 / math.log(2))))
        r = self.fma(k, DOUBLE(-LOG2_HIGH), x)
        r = self.fma(k, DOUBLE(-LOG2_LOW), r)
        p = self.fma(b.fmul(r, r), self.polynomial(EXPONENTIAL, r), r)
        half = self.whole(b.fmul(k, DOUBLE(0.5)))  # 2^k itself may be infinite or subnormal
        return p, self.power_of_two(half), self.power_of_two(b.fsub(k, half))


def _exp(write: Writer, x: ir.Value) -> ir.Value:
    p, s, t = write.exponential(x)
    return write.builder.fmul(write.fma(p, s, s), t)


def _log(write: Writer, x: ir.Value) -> ir.Value:
    # x = 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2), and s = f/(2 + f): log(1 + f) = log((1 + s)/(1 - s))
    b = write.builder
    least = 2.0**-1022
    exponent_of_one = write.where(x, "<", least, DOUBLE(2.0**FRACTION + BIAS + 54), DOUBLE(2.0**FRACTION + BIAS))
    normal = b.bitcast(write.where(x, "<", least, b.fmul(x, DOUBLE(2.0**54)), x), BITS)
    one, root, magic = map(_bits, (1.0, math.sqrt(0.5), 2.0**FRACTION))
    exponent = b.lshr(b.add(normal, BITS(one - root)), BITS(FRACTION))
    k = b.fsub(b.bitcast(b.or_(exponent, BITS(magic)), DOUBLE), exponent_of_one)
    bits = b.add(b.sub(normal, b.shl(exponent, BITS(FRACTION))), BITS(one))
    f = b.fsub(b.bitcast(bits, DOUBLE), DOUBLE(1.0))
    s = b.fdiv(f, b.fadd(f, DOUBLE(2.0)))
    z = b.fmul(s, s)
    half_square = b.fmul(b.fmul(f, f), DOUBLE(0.5))
    # log(1 + f) = f - f^2/2 + s (f^2/2 + R): what is rounded is small beside f
    rest = b.fmul(s, write.fma(z, write.polynomial(LOGARITHM, z), half_square))
    rest = b.fsub(write.fma(k, DOUBLE(LOG2_LOW), rest), half_square)
    y = write.fma(k, DOUBLE(LOG2_HIGH), b.fadd(f, rest))
    beyond = write.where(x, "==", 0.0, DOUBLE(-math.inf), write.where(x, ">", 0.0, x, DOUBLE(math.nan)))
    return write.where(x, ">", 0.0, write.where(x, "<", math.inf, y, beyond), beyond)


def _tanh(write: Writer, x: ir.Value) -> ir.Value:
    # with e = expm1(-2 abs(x)) it is -e/(2 + e), and has the sign of x
    b = write.builder
    p, s, t = write.exponential(b.fmul(write.absolute(x), DOUBLE(-2.0)))
    s = b.fmul(s, t)
    e = write.fma(p, s, b.fsub(s, DOUBLE(1.0)))
    return write.with_sign(b.fdiv(b.fneg(e), b.fadd(e, DOUBLE(2.0))), x)


def _erf(write: Writer, x: ir.Value) -> ir.Value:
    # the exponential is that of special.gauss, to the letter
    b = write.builder
    size = write.absolute(x)
    a = write.where(size, ">", 40.0, DOUBLE(40.0), x)
    e = _exp(write, b.fmul(b.fmul(a, a), DOUBLE(-0.5)))
    near = write.fma(x, write.polynomial(ERROR, b.fmul(x, x)), x)
    end = write.where(size, ">", 6.0, DOUBLE(6.0), size)  # from there it is 1
    s = b.fdiv(b.fsub(end, DOUBLE(3.0)), b.fadd(end, DOUBLE(3.0)))
    complement = b.fmul(b.fmul(e, e), write.polynomial(COMPLEMENT, s))
    return write.where(size, "<", 1.0, near, write.with_sign(b.fsub(DOUBLE(1.0), complement), x))


INLINED: dict[str, Callable[[Writer, ir.Value], ir.Value]] = {"exp": _exp, "log": _log, "tanh": _tanh, "erf": _erf}
"""How these functions are written."""


@functools.cache
def inlined(prefix: str) -> str:
    """The LLVM code of a module that defines these functions, for LLVM to take what is needed, with prefixed names."""
    module = ir.Module()
    for name, written in INLINED.items():
        function = ir.Function(module, ir.FunctionType(DOUBLE, [DOUBLE]), prefix + name)
        function.linkage = "linkonce_odr"
        function.attributes.add("alwaysinline")
        builder = ir.IRBuilder(function.append_basic_block())
        builder.ret(written(Writer(builder), function.args[0]))
    return str(module)
