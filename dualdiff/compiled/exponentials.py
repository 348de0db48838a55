"""exp and tanh without branches and tables, for LLVM to inline into loops over samples, and to vectorise there.

A call of a vector function spills all that is in the processor's registers, and shares nothing with other calls. These
share: tanh(x) and its derivative 1/cosh(x)^2 are both made of exp(-2 abs(x)), which LLVM then computes once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

from llvmlite import ir

DOUBLE = ir.DoubleType()
BITS = ir.IntType(64)

SHIFT = 1.5 * 2.0**52
"""Added to a number below 2^51 it rounds to a whole one, whose bits are then the lowest."""

BIAS = 1023
"""Of the exponents of floating-point numbers; they have 52 bits on their right."""

LOG2_LOW = 2.3190468138462996e-17  # log(2) - math.log(2)

# (expm1(r) - r)/r^2 for abs(r) <= log(2)/2, the best approximation of this degree: 2^-62 is its error times r^2
COEFFICIENTS = (
    0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326112, 0.001388888888888373,
    0.0001984126987490126, 2.4801587325605324e-05, 2.7557255297969643e-06, 2.755727357010214e-07,
    2.5105259538448494e-08, 2.0914717341716378e-09,
)  # fmt: skip


class Writer:
    """Writes arithmetic on double precision numbers."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a * b + c, rounded once."""
        return self.builder.fma(a, b, c)

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
        return self.builder.bitcast(self.builder.shl(bits, BITS(52)), DOUBLE)

    def parts(self, x: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
        """``p, s, t`` with exp(x) = (1 + p) s t: p = expm1(r) for the rest r of x, s and t powers of two."""
        b = self.builder
        for compare, end in ((">", 710.0), ("<", -746.0)):  # there exp is infinite, and 0; a NaN stays
            x = b.select(b.fcmp_ordered(compare, x, DOUBLE(end)), DOUBLE(end), x)
        k = self.whole(b.fmul(x, DOUBLE(1 / math.log(2))))
        r = self.fma(k, DOUBLE(-math.log(2)), x)
        r = self.fma(k, DOUBLE(-LOG2_LOW), r)
        p = self.fma(b.fmul(r, r), self.polynomial(COEFFICIENTS, r), r)
        half = self.whole(b.fmul(k, DOUBLE(0.5)))  # 2^k itself may be infinite or subnormal
        return p, self.power_of_two(half), self.power_of_two(b.fsub(k, half))


def _exp(write: Writer, x: ir.Value) -> ir.Value:
    p, s, t = write.parts(x)
    return write.builder.fmul(write.fma(p, s, s), t)


def _tanh(write: Writer, x: ir.Value) -> ir.Value:
    # with e = expm1(-2 abs(x)) it is -e/(2 + e), and has the sign of x
    b = write.builder
    size = b.call(b.module.declare_intrinsic("llvm.fabs", [DOUBLE]), [x])
    p, s, t = write.parts(b.fmul(size, DOUBLE(-2.0)))
    s = b.fmul(s, t)
    e = write.fma(p, s, b.fsub(s, DOUBLE(1.0)))
    y = b.fdiv(b.fneg(e), b.fadd(e, DOUBLE(2.0)))
    copysign = b.module.declare_intrinsic("llvm.copysign", [DOUBLE], ir.FunctionType(DOUBLE, [DOUBLE, DOUBLE]))
    return b.call(copysign, [y, x])


INLINED: dict[str, Callable[[Writer, ir.Value], ir.Value]] = {"exp": _exp, "tanh": _tanh}
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
