"""The Numba type of a dual number: its layouts in memory, conversions, and the chain rule in LLVM."""

from __future__ import annotations

import functools
import hashlib
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.core.typeconv import Conversion
from numba.extending import (
    NativeValue,
    box,
    intrinsic,
    lower_cast,
    models,
    overload_classmethod,
    register_model,
    unbox,
)
from numba.np import arrayobj

from ..dual import Dual, _restored
from ..rules import RULES

LANES = "lanes"
"""The tangents are one LLVM vector: one evaluation uses SIMD across tangents."""

SCALARS = "scalars"
"""The tangents are N separate values: a loop over samples can use SIMD across samples."""

OPTIONS = {"forceinline": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""How everything here is compiled: without inlining, and with Python's division errors, LLVM does not vectorise."""


@functools.cache
def _rules_digest() -> str:
    # part of the type's name, so that code which Numba has cached for older rules is not found
    digest = hashlib.sha256()
    for rule in RULES.values():
        for partial in rule.partials + rule.alone:
            code = partial.__code__
            digest.update(repr((code.co_code, code.co_consts, code.co_names)).encode())
    return digest.hexdigest()[:8]


class TangentsType(types.Type):
    """N tangents of a floating point type as one LLVM vector."""

    def __init__(self, base: types.Float, n: int) -> None:
        self.base = base
        self.n = n
        super().__init__(name=f"Tangents({base}, {n})")


class DualType(types.Type):
    """The type of a dual number: its nesting level, the type of its value, N, and the layout of its tangents.

    Strict duals keep zero tangents zero at every operation. That costs two vector instructions where
    there was one, so drivers speculate: duals that are not strict make NaN of zero times infinity. NaN
    never vanishes again from a sum of products, so where none is left the result is the strict one;
    where one is, the driver runs again with strict duals.
    """

    def __init__(self, level: int, base: types.Type, n: int, layout: str, strict: bool = True) -> None:
        self.level = level
        self.base = base
        self.n = n
        self.layout = layout
        self.strict = strict
        kind = f"{layout}, strict" if strict else layout
        super().__init__(name=f"Dual(level={level}, {base}, N={n}, {kind}, rules={_rules_digest()})")

    @property
    def tangents(self) -> types.Type:
        if self.layout == LANES and isinstance(self.base, types.Float):
            return TangentsType(self.base, self.n)
        return types.UniTuple(self.base, self.n)

    def with_base(self, base: types.Type) -> DualType:
        """The same kind of dual over another type of value."""
        return DualType(self.level, base, self.n, self.layout, self.strict)

    def unify(self, typingctx: Any, other: types.Type) -> types.Type | None:
        if isinstance(other, DualType) and other.level > self.level:
            return other.unify(typingctx, self)
        if isinstance(other, DualType) and other.level == self.level:
            if (other.n, other.layout, other.strict) != (self.n, self.layout, self.strict):
                return None
            other = other.base
        if is_number(other) or isinstance(other, DualType):
            base = typingctx.unify_pairs(
                self.base, types.float64 if isinstance(other, (types.Integer, types.Boolean)) else other
            )
            return None if base is None else self.with_base(base)
        return None

    def can_convert_from(self, typingctx: Any, other: types.Type) -> Conversion | None:
        if isinstance(other, (types.Integer, types.Float, types.Boolean)):
            return Conversion.safe
        if isinstance(other, DualType) and self.unify(typingctx, other) == self:
            return Conversion.safe
        if isinstance(other, DualType) and other == self.with_base(other.base):
            return typingctx.can_convert(other.base, self.base)
        return None


class DualArrayType(types.Array):
    """The type of an array of duals: a class of its own, so that methods can be taught to it, and boxing."""

    def __init__(self, dual: DualType, ndim: int, layout: str, readonly: bool = False) -> None:
        super().__init__(
            dual, ndim, layout, readonly=readonly, name=f"DualArray({dual}, {ndim}d, {layout}{', readonly' * readonly})"
        )

    def copy(self, dtype: Any = None, ndim: Any = None, layout: Any = None, readonly: Any = None) -> types.Array:
        return array_of(
            self.dtype if dtype is None else dtype,
            self.ndim if ndim is None else ndim,
            self.layout if layout is None else layout,
            not self.mutable if readonly is None else readonly,
        )

    def unify(self, typingctx: Any, other: types.Type) -> types.Type | None:
        if not isinstance(other, types.Array) or (other.ndim, other.dtype) != (self.ndim, self.dtype):
            return None
        layout = self.layout if self.layout == other.layout else "A"
        return DualArrayType(self.dtype, self.ndim, layout, not (self.mutable and other.mutable))


def array_of(dtype: types.Type, ndim: int, layout: str = "C", readonly: bool = False) -> types.Array:
    """The type of an array of duals or of plain numbers."""
    if is_dual(dtype):
        return DualArrayType(dtype, ndim, layout, readonly)
    return types.Array(dtype, ndim, layout, readonly=readonly)


def is_dual(ty: Any) -> bool:
    """Whether a Numba type is that of a dual."""
    return isinstance(ty, DualType)


def is_number(ty: Any) -> bool:
    """Whether a Numba type is that of a plain real number."""
    return isinstance(ty, (types.Integer, types.Float, types.Boolean, types.IntegerLiteral, types.BooleanLiteral))


def level_of(ty: Any) -> int:
    """The highest level of the duals in values of a Numba type."""
    if isinstance(ty, DualType):
        return ty.level
    if isinstance(ty, types.BaseTuple):
        return max(map(level_of, ty.types), default=0)
    return (
        level_of(ty.dtype) if isinstance(ty, (types.Array, types.List, types.Optional)) and hasattr(ty, "dtype") else 0
    )


# --- layouts --------------------------------------------------------------------------------


@register_model(TangentsType)
class TangentsModel(models.PrimitiveModel):
    """A vector in registers, plain numbers in memory."""

    def __init__(self, dmm: Any, fe_type: TangentsType) -> None:
        self._element = dmm.lookup(fe_type.base).get_value_type()
        self._n = fe_type.n
        super().__init__(dmm, fe_type, ir.VectorType(self._element, fe_type.n))

    # In memory N plain numbers, aligned like one: elements of arrays have N + 1. LLVM's vectors of
    # another length than a power of two are padded there, and are written out.

    def _is_plain(self) -> bool:
        return self._n & (self._n - 1) == 0

    def get_data_type(self) -> ir.Type:
        return self.get_value_type() if self._is_plain() else ir.ArrayType(self._element, self._n)

    def as_data(self, builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
        if self._is_plain():
            return value
        data = ir.Constant(self.get_data_type(), ir.Undefined)
        for k in range(self._n):
            data = builder.insert_value(data, builder.extract_element(value, _int32(k)), k)
        return data

    def from_data(self, builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
        if self._is_plain():
            return value
        vector = ir.Constant(self.get_value_type(), ir.Undefined)
        for k in range(self._n):
            vector = builder.insert_element(vector, builder.extract_value(value, k), _int32(k))
        return vector

    def load_from_data_pointer(self, builder: ir.IRBuilder, ptr: ir.Value, align: int | None = None) -> ir.Value:
        return builder.load(builder.bitcast(ptr, self.get_value_type().as_pointer()), align=align or 4)


@register_model(DualType)
class DualModel(models.StructModel):
    """A value and tangents, without padding."""

    _data_type: Any

    def __init__(self, dmm: Any, fe_type: DualType) -> None:
        super().__init__(dmm, fe_type, [("value", fe_type.base), ("tangents", fe_type.tangents)])
        self._packed = isinstance(fe_type.tangents, TangentsType)

    def get_data_type(self) -> ir.Type:
        if self._data_type is None:
            self._data_type = ir.LiteralStructType([t.get_data_type() for t in self._models], packed=self._packed)
        return self._data_type


register_model(DualArrayType)(models.ArrayModel)


def _int32(k: int) -> ir.Constant:
    return ir.Constant(ir.IntType(32), k)


def parts(context: Any, builder: ir.IRBuilder, ty: DualType, dual: ir.Value) -> Any:
    """The struct with the fields ``value`` and ``tangents`` of a dual."""
    return cgutils.create_struct_proxy(ty)(context, builder, value=dual)


def make(context: Any, builder: ir.IRBuilder, ty: DualType, value: ir.Value, tangents: ir.Value) -> ir.Value:
    """A dual from its value and the LLVM value of its tangents."""
    proxy = cgutils.create_struct_proxy(ty)(context, builder)
    proxy.value = value
    proxy.tangents = tangents
    return proxy._getvalue()


def unpacked(builder: ir.IRBuilder, ty: DualType, tangents: ir.Value) -> list[ir.Value]:
    """The N tangents as separate LLVM values."""
    if isinstance(ty.tangents, TangentsType):
        return [builder.extract_element(tangents, _int32(k)) for k in range(ty.n)]
    return [builder.extract_value(tangents, k) for k in range(ty.n)]


def packed(context: Any, builder: ir.IRBuilder, ty: DualType, tangents: list[ir.Value]) -> ir.Value:
    """The LLVM value of N tangents."""
    whole = ir.Constant(context.get_value_type(ty.tangents), ir.Undefined)
    for k, tangent in enumerate(tangents):
        if isinstance(ty.tangents, TangentsType):
            whole = builder.insert_element(whole, tangent, _int32(k))
        else:
            whole = builder.insert_value(whole, tangent, k)
    return whole


def constant(context: Any, builder: ir.IRBuilder, ty: DualType, value: ir.Value) -> ir.Value:
    """A dual with zero tangents."""
    return make(context, builder, ty, value, ir.Constant(context.get_value_type(ty.tangents), None))


# --- conversions ----------------------------------------------------------------------------


@lower_cast(types.Integer, DualType)
@lower_cast(types.Float, DualType)
@lower_cast(types.Boolean, DualType)
@lower_cast(types.IntegerLiteral, DualType)
@lower_cast(types.BooleanLiteral, DualType)
def _number_to_dual(context: Any, builder: Any, fromty: Any, toty: DualType, val: Any) -> Any:
    return constant(context, builder, toty, context.cast(builder, val, fromty, toty.base))


@lower_cast(DualType, DualType)
def _dual_to_dual(context: Any, builder: Any, fromty: DualType, toty: DualType, val: Any) -> Any:
    if fromty == toty:
        return val
    if fromty.level < toty.level:
        return constant(context, builder, toty, context.cast(builder, val, fromty, toty.base))
    dual = parts(context, builder, fromty, val)
    tangents = [context.cast(builder, t, fromty.base, toty.base) for t in unpacked(builder, fromty, dual.tangents)]
    value = context.cast(builder, dual.value, fromty.base, toty.base)
    return make(context, builder, toty, value, packed(context, builder, toty, tangents))


@lower_cast(types.Array, DualArrayType)
@lower_cast(DualArrayType, DualArrayType)
def _array_to_array(context: Any, builder: Any, fromty: Any, toty: Any, val: Any) -> Any:
    return val


@unbox(DualType)
def _unbox_dual(ty: DualType, obj: Any, c: Any) -> NativeValue:
    """A ``Dual`` from Python."""
    failed = cgutils.alloca_once_value(c.builder, cgutils.false_bit)

    def number(python: Any) -> Any:
        native = c.unbox(ty.base, python)
        c.builder.store(c.builder.or_(c.builder.load(failed), native.is_error), failed)
        return native.value

    value_object = c.pyapi.object_getattr_string(obj, "_value")
    tangents_object = c.pyapi.object_getattr_string(obj, "_tangents")
    value = number(value_object)
    tangents = [number(c.pyapi.tuple_getitem(tangents_object, k)) for k in range(ty.n)]
    c.pyapi.decref(value_object)
    c.pyapi.decref(tangents_object)
    dual = make(c.context, c.builder, ty, value, packed(c.context, c.builder, ty, tangents))
    return NativeValue(dual, is_error=c.builder.load(failed))


@box(DualType)
def _box_dual(ty: DualType, val: Any, c: Any) -> Any:
    """A ``Dual`` for Python."""
    dual = parts(c.context, c.builder, ty, val)
    tangents = [c.box(ty.base, t) for t in unpacked(c.builder, ty, dual.tangents)]
    make_dual = c.pyapi.unserialize(c.pyapi.serialize_object(_restored))
    arguments = [
        c.box(ty.base, dual.value),
        c.pyapi.tuple_pack(tangents),
        c.pyapi.long_from_longlong(ir.Constant(ir.IntType(64), ty.level)),
    ]
    result = c.pyapi.call_function_objargs(make_dual, arguments)
    for reference in (*tangents, *arguments, make_dual):
        c.pyapi.decref(reference)
    return result


def type_of_dual(dual: Dual) -> DualType:
    """The Numba type of a ``Dual`` from Python."""
    from numba import typeof

    def base_type(x: Any) -> types.Type:
        if isinstance(x, Dual):
            return type_of_dual(x)
        if not isinstance(x, (float, np.floating)):
            raise TypeError(f"Numba compiles duals over floats, not over {type(x).__name__}")
        return typeof(x)

    base = base_type(dual.value)
    for tangent in dual.tangents:
        base = max(base, base_type(tangent), key=level_of)
    return DualType(dual._level, base, len(dual.tangents), SCALARS)


# --- the chain rule in LLVM -----------------------------------------------------------------


@functools.cache
def _has_fma() -> bool:
    if config.CPU_NAME or config.CPU_FEATURES is not None:
        return "+fma" in (config.CPU_FEATURES or "")
    return bool(llvm.get_host_cpu_features().get("fma", False))


def _splat(builder: ir.IRBuilder, scalar: ir.Value, n: int) -> ir.Value:
    vector = ir.VectorType(scalar.type, n)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, _int32(0))
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
        tangents = _lanes(context, builder, ty, old.tangents if old else None, terms, zeros)
        return make(context, builder, ty, value, tangents)
    exact = isinstance(partial[0], types.Integer)  # a constant of the rule, and finite
    p, t = (context.cast(builder, value, kind, ty) for kind, value in (partial, tangent))
    return _fused(builder, total, p, t, NEITHER if exact else zeros)


def _fused(builder: ir.IRBuilder, total: Any, p: ir.Value, t: ir.Value, zeros: int) -> ir.Value:
    """``total`` + p * t on numbers or vectors."""
    nothing = ir.Constant(t.type, None)
    if total is None:
        longer, shorter = builder.fmul(p, t), nothing
    elif _has_fma():
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
    if level_of(ty) < level:
        return (ty, number), None
    dual = parts(context, builder, ty, number)
    return (ty.base, dual.value), Lanes(ty, dual.tangents)


def _crossed(term: Any, zeros: int) -> int:
    # the tangents of a partial derivative are tangents themselves
    return BOTH if zeros and isinstance(term[0], Lanes) else zeros


def _lanes(context: Any, builder: ir.IRBuilder, ty: DualType, total: Any, terms: list[Any], zeros: int) -> ir.Value:
    """The tangents of a dual: ``total`` plus, over the terms, partial * tangent, lane by lane.

    In each term one factor is a number, the other is lanes of the same kind.
    """
    if (
        terms
        and isinstance(ty.tangents, TangentsType)
        and all(side.dual.base == ty.base for term in terms for side in term if isinstance(side, Lanes))
    ):
        for term in terms:
            exact = isinstance(term[0][0], types.Integer)
            p, t = (
                side.tangents
                if isinstance(side, Lanes)
                else _splat(builder, context.cast(builder, side[1], side[0], ty.base), ty.n)
                for side in term
            )
            total = _fused(builder, total, p, t, NEITHER if exact else _crossed(term, zeros))
        return total
    if not terms:
        return total if total is not None else ir.Constant(context.get_value_type(ty.tangents), None)
    lanes = [None] * ty.n if total is None else unpacked(builder, ty, total)
    for term in terms:
        columns = [
            [(side.dual.base, t) for t in unpacked(builder, *side)] if isinstance(side, Lanes) else [side] * ty.n
            for side in term
        ]
        lanes = [
            _added(context, builder, ty.base, lane, partial, tangent, _crossed(term, zeros))
            for lane, partial, tangent in zip(lanes, *columns, strict=True)
        ]
    return packed(context, builder, ty, lanes)


@overload_classmethod(DualArrayType, "_allocate")
def _allocate(cls, size, align):
    """Where Numba's array functions get their memory, as for arrays of its own."""
    return lambda cls, size, align: arrayobj.intrin_alloc(size, align)


@intrinsic
def new_array(typingctx: Any, shape: Any, element: Any) -> Any:
    """An uninitialised contiguous array; ``element`` is the type of its elements, as a TypeRef."""
    extents = (shape,) if isinstance(shape, types.Integer) else shape.types
    ty = array_of(element.instance_type, len(extents))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        cells = [args[0]] if isinstance(shape, types.Integer) else cgutils.unpack_tuple(builder, args[0])
        sizes = [context.cast(builder, cell, t, types.intp) for cell, t in zip(cells, extents, strict=True)]
        return arrayobj._empty_nd_impl(context, builder, ty, sizes)._getvalue()

    return ty(shape, element), codegen


def _float_base(ty: types.Type) -> types.Type:
    return ty if isinstance(ty, (types.Float, DualType)) else types.float64


@intrinsic
def pushforward(typingctx: Any, y: Any, partial: Any, dual: Any) -> Any:
    """The dual with value ``y`` and tangents partial * dual.tangents."""
    ty = dual.with_base(_float_base(y))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        terms = [((partial, args[1]), Lanes(dual, parts(context, builder, dual, args[2]).tangents))]
        result = context.cast(builder, args[0], y, ty.base)
        return make(
            context, builder, ty, result, _lanes(context, builder, ty, None, terms, TANGENT if ty.strict else NEITHER)
        )

    return ty(y, partial, dual), codegen


@intrinsic
def pushforward2(typingctx: Any, y: Any, partial_a: Any, a: Any, partial_b: Any, b: Any) -> Any:
    """The dual with value ``y`` and tangents partial_a * a.tangents + partial_b * b.tangents."""
    if a.n != b.n:
        return None
    ty = a.with_base(_float_base(y))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        terms = [
            ((partial_a, args[1]), Lanes(a, parts(context, builder, a, args[2]).tangents)),
            ((partial_b, args[3]), Lanes(b, parts(context, builder, b, args[4]).tangents)),
        ]
        result = context.cast(builder, args[0], y, ty.base)
        return make(
            context, builder, ty, result, _lanes(context, builder, ty, None, terms, TANGENT if ty.strict else NEITHER)
        )

    return ty(y, partial_a, a, partial_b, b), codegen


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
    return x.dtype if isinstance(x, types.Array) else x


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
    ty = DualType(1 + max(level_of(x), level_of(other)), base, 1, SCALARS)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = context.cast(builder, ir.Constant(ir.DoubleType(), 1.0), types.float64, base)
        return make(context, builder, ty, context.cast(builder, args[0], x, base), packed(context, builder, ty, [one]))

    return ty(x, other), codegen
