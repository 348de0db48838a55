"""The chain rule in LLVM: duals from values, partial derivatives and tangents; and what is read off duals again."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..numba_internals import cgutils, config
from .layout import constant, int32, make, packed, parts, unpacked
from .types import SCALARS, DualType, TangentsType, is_array, is_dual, level_of_type


@functools.cache
def has_fma() -> bool:
    """Whether code is compiled for a processor with fused multiply-adds."""
    if config.CPU_NAME or config.CPU_FEATURES is not None:
        return "+fma" in (config.CPU_FEATURES or "")
    return bool(llvm.get_host_cpu_features().get("fma", False))


def splat(builder: ir.IRBuilder, scalar: ir.Value, n: int) -> ir.Value:
    """A vector of n times the same number."""
    vector = ir.VectorType(scalar.type, n)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, int32(0))
    return builder.shuffle_vector(
        first, ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), n), [0] * n)
    )


def _fma(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    # llvmlite's own fma takes no vectors
    ty = a.type
    element = "f32" if (ty.element if isinstance(ty, ir.VectorType) else ty) == ir.FloatType() else "f64"
    name = f"llvm.fma.v{ty.count}{element}" if isinstance(ty, ir.VectorType) else f"llvm.fma.{element}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ty, [ty] * 3), name)
    return builder.call(function, [a, b, c])


Typed = tuple[types.Type, ir.Value]
"""A value in LLVM and its Numba type."""


class Lanes(NamedTuple):
    """The tangents of a dual in LLVM, and the Numba type of the dual."""

    dual: DualType
    tangents: ir.Value


# Which factors of a product make it exactly 0 when they are exactly 0: see dual.scaled.
NEITHER, TANGENT, BOTH = range(3)


def zeros_in(ty: DualType) -> int:
    """Which factors make products exactly 0 for duals of a type over floats."""
    return TANGENT if ty.strict else NEITHER


def _added(
    context: Any, builder: ir.IRBuilder, ty: types.Type, total: Any, partial: Typed, tangent: Typed, zeros: int
) -> Any:
    """``total`` + partial * tangent, of type ``ty``; see ``dual.scaled`` for the product of duals.

    ``total`` may be None. Tangents are contracted to fused multiply-adds where the machine has them;
    values never are.
    """
    if isinstance(ty, DualType):
        sides = [_split(context, builder, ty.level, *side) for side in (partial, tangent)]
        (p_value, p_tangents), (t_value, t_tangents) = sides
        old = parts(context, builder, ty, total) if total is not None else None
        value = _added(context, builder, ty.base, old.value if old else None, p_value, t_value, zeros)
        terms = [(p_value, t_tangents)] * (t_tangents is not None) + [(p_tangents, t_value)] * (p_tangents is not None)
        zeros = zeros if ty.strict else NEITHER
        tangents = weighted_sum(context, builder, ty, Lanes(ty, old.tangents) if old else None, terms, zeros)
        return make(context, builder, ty, value, tangents)
    exact = isinstance(partial[0], types.Integer)  # a constant of the rule, and finite
    p, t = (context.cast(builder, value, kind, ty) for kind, value in (partial, tangent))
    return multiply_add(builder, total, p, t, NEITHER if exact else zeros)


def multiply_add(builder: ir.IRBuilder, total: Any, p: ir.Value, t: ir.Value, zeros: int) -> ir.Value:
    """``total`` + p * t on numbers or vectors."""
    nothing = ir.Constant(t.type, None)
    if total is None:
        longer, shorter = builder.fmul(p, t), nothing
    elif has_fma():
        longer, shorter = _fma(builder, p, t, total), total
    else:
        longer, shorter = builder.fadd(total, builder.fmul(p, t)), total
    if zeros == NEITHER:
        return longer
    is_zero = builder.fcmp_ordered("==", t, nothing)
    if zeros == BOTH:
        is_zero = builder.or_(is_zero, builder.fcmp_ordered("==", p, nothing))
    return builder.select(is_zero, shorter, longer)


def _split(context: Any, builder: ir.IRBuilder, level: int, ty: types.Type, number: ir.Value) -> tuple[Typed, Any]:
    """The value and the tangents (or None) of a number, at a level."""
    if level_of_type(ty) < level:
        return (ty, number), None
    dual = parts(context, builder, ty, number)
    return (ty.base, dual.value), Lanes(ty, dual.tangents)


def _crossed(term: Any, zeros: int) -> int:
    # the tangents of a partial derivative are tangents themselves
    return BOTH if zeros and isinstance(term[0], Lanes) else zeros


def weighted_sum(
    context: Any, builder: ir.IRBuilder, ty: DualType, total: Any, terms: list[Any], zeros: int
) -> ir.Value:
    """The tangents of a dual: ``total`` plus, over the terms, partial * tangent, lane by lane.

    In each term one factor is a number, the other is lanes of the same kind, some of which may be absent, as they
    may in ``total``, lanes too.
    """
    if (
        terms
        and isinstance(ty.tangents, TangentsType)
        and all(side.dual.base == ty.base for term in terms for side in term if isinstance(side, Lanes))
    ):
        total = total.tangents if total is not None else None
        for term in terms:
            exact = isinstance(term[0][0], types.Integer)
            p, t = (
                side.tangents
                if isinstance(side, Lanes)
                else splat(builder, context.cast(builder, side[1], side[0], ty.base), ty.n)
                for side in term
            )
            total = multiply_add(builder, total, p, t, NEITHER if exact else _crossed(term, zeros))
        return total
    if not terms:
        return total.tangents if total is not None else ir.Constant(context.get_value_type(ty.tangents), None)
    lanes: dict[int, Any] = dict.fromkeys(ty.active)
    if total is not None:
        lanes.update((k, t) for k, (_, t) in _by_lane(builder, *total).items())
    for term in terms:
        ps, ts = (
            _by_lane(builder, *side) if isinstance(side, Lanes) else dict.fromkeys(ty.active, side) for side in term
        )
        for k in (k for k in ty.active if k in ps and k in ts):
            lanes[k] = _added(context, builder, ty.base, lanes[k], ps[k], ts[k], _crossed(term, zeros))
    zero = ir.Constant(context.get_value_type(ty.base), None)
    return packed(context, builder, ty, [zero if t is None else t for t in lanes.values()])


def _by_lane(builder: ir.IRBuilder, ty: DualType, tangents: ir.Value) -> dict[int, Typed]:
    return {k: (ty.base, t) for k, t in zip(ty.active, unpacked(builder, ty, tangents), strict=True)}


# --- for compiled code ----------------------------------------------------------------------


def _float_base(ty: types.Type) -> types.Type:
    return ty if isinstance(ty, (types.Float, DualType)) else types.float64


@intrinsic
def pushforward(typingctx: Any, y: Any, partial: Any, dual: Any) -> Any:
    """The dual with value ``y`` and tangents partial * dual.tangents."""
    ty = dual.with_base(_float_base(y))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        terms = [((partial, args[1]), Lanes(dual, parts(context, builder, dual, args[2]).tangents))]
        result = context.cast(builder, args[0], y, ty.base)
        return make(context, builder, ty, result, weighted_sum(context, builder, ty, None, terms, zeros_in(ty)))

    return ty(y, partial, dual), codegen


@intrinsic
def pushforward2(typingctx: Any, y: Any, partial_a: Any, a: Any, partial_b: Any, b: Any) -> Any:
    """The dual with value ``y`` and tangents partial_a * a.tangents + partial_b * b.tangents."""
    if a.n != b.n:
        return None
    ty = a.joined(b).with_base(_float_base(y))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        terms = [
            ((partial_a, args[1]), Lanes(a, parts(context, builder, a, args[2]).tangents)),
            ((partial_b, args[3]), Lanes(b, parts(context, builder, b, args[4]).tangents)),
        ]
        result = context.cast(builder, args[0], y, ty.base)
        return make(context, builder, ty, result, weighted_sum(context, builder, ty, None, terms, zeros_in(ty)))

    return ty(y, partial_a, a, partial_b, b), codegen


@intrinsic
def square_rest(typingctx: Any, x: Any) -> Any:
    """What rounding takes from x^2, by one fused multiply-add."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _fma(builder, args[0], args[0], builder.fneg(builder.fmul(args[0], args[0])))

    return x(x), codegen


@intrinsic
def value(typingctx: Any, x: Any) -> Any:
    """The value of a dual, one level down; a plain number as it is."""
    if isinstance(x, DualType):
        return x.base(x), lambda context, builder, sig, args: parts(context, builder, x, args[0]).value
    return x(x), lambda context, builder, sig, args: args[0]


def tangent_of_dual(context: Any, builder: ir.IRBuilder, ty: DualType, dual: ir.Value, k: ir.Value) -> ir.Value:
    """Tangent ``k`` of a dual, ``k`` known at run time."""
    tangents = parts(context, builder, ty, dual).tangents
    if isinstance(ty.tangents, TangentsType):
        return builder.extract_element(tangents, k)
    return builder.load(cgutils.gep(builder, cgutils.alloca_once_value(builder, tangents), 0, k))


def kind_of(x: types.Type) -> DualType:
    """The type of dual in a lifted argument."""
    return x.dtype if is_array(x) else x


def is_at_level(y: types.Type, x: types.Type) -> bool:
    """Whether ``y`` has tangents of the kind of ``x``; a dual of a lower level is a constant."""
    return is_dual(y) and y.level == kind_of(x).level


def result_base(y: types.Type, x: types.Type) -> types.Type:
    """The type of derivatives of ``y`` by ``x``: float32 for float32, duals where ``y`` has duals below its level."""
    element = y.dtype if isinstance(y, (types.Array, types.List)) else y
    if is_at_level(element, x) and is_dual(element.base):
        return element.base
    return kind_of(x).base


@intrinsic
def tangent_at(typingctx: Any, y: Any, x: Any, k: Any) -> Any:
    """Tangent ``k`` of ``y`` at the level of ``x``, as a number of the result."""
    ty = result_base(y, x)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if not is_at_level(y, x):
            return ir.Constant(context.get_value_type(ty), None)
        return context.cast(builder, tangent_of_dual(context, builder, y, args[0], args[2]), y.base, ty)

    return ty(y, x, types.intp), codegen


@intrinsic
def value_at(typingctx: Any, y: Any, x: Any) -> Any:
    """The value of ``y`` at the level of ``x``."""
    if is_at_level(y, x):
        return y.base(y, x), lambda context, builder, sig, args: parts(context, builder, y, args[0]).value
    return y(y, x), lambda context, builder, sig, args: args[0]


@intrinsic
def constant_like(typingctx: Any, y: Any, dual: Any) -> Any:
    """The dual with value ``y`` and zero tangents, of the kind of ``dual``."""
    ty = dual.with_base(_float_base(y))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return constant(context, builder, ty, context.cast(builder, args[0], y, ty.base))

    return ty(y, dual), codegen


@intrinsic
def seeded(typingctx: Any, x: Any, other: Any) -> Any:
    """The dual x + eps with one tangent, at a level above ``x`` and ``other``."""
    base = _float_base(x)
    ty = DualType(1 + max(level_of_type(x), level_of_type(other)), base, 1, SCALARS)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = context.cast(builder, ir.Constant(ir.DoubleType(), 1.0), types.float64, base)
        return make(context, builder, ty, context.cast(builder, args[0], x, base), packed(context, builder, ty, [one]))

    return ty(x, other), codegen
