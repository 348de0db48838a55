"""The Numba type of a dual number: its layouts in memory, conversions, and the chain rule in LLVM."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
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

from ...dual.number import Dual, _dual
from ...rules.function import NUMBA_TYPES
from ...rules.table import RULES
from ..llvm.linking import CalledCompiler

LANES = "lanes"
"""The tangents are one LLVM vector: one evaluation uses SIMD across tangents."""

SCALARS = "scalars"
"""The tangents are N separate values: a loop over samples can use SIMD across samples."""

CALLED: dict[str, Any] = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "forceinline": False,  # Numba would hand on that of the caller
    "pipeline_class": CalledCompiler,
}
"""How everything here is compiled: with Python's division errors LLVM does not vectorise."""

OPTIONS = {**CALLED, "forceinline": True}
"""How small functions are compiled: without inlining LLVM does not vectorise either."""


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

    Of the N tangents only those in the ``active`` lanes are there; the others are exactly zero, and cost
    nothing. The lanes of a result are those of all operands together.
    """

    def __init__(
        self,
        level: int,
        base: types.Type,
        n: int,
        layout: str,
        strict: bool = True,
        active: tuple[int, ...] | None = None,
    ) -> None:
        self.level = level
        self.base = base
        self.n = n
        self.layout = layout
        self.strict = strict
        self.active = tuple(range(n)) if active is None else active
        kind = f"{layout}, strict" if strict else layout
        lanes = str(n) if active is None else f"{n} at {self.active}"
        super().__init__(name=f"Dual(level={level}, {base}, N={lanes}, {kind}, rules={_rules_digest()})")

    @property
    def tangents(self) -> types.Type:
        if self.layout == LANES and isinstance(self.base, types.Float):
            return TangentsType(self.base, self.n)
        return types.UniTuple(self.base, len(self.active))

    def with_base(self, base: types.Type) -> DualType:
        """The same kind of dual over another type of value."""
        return self._like(base, self.active)

    def joined(self, other: DualType) -> DualType:
        """The same kind of dual with the active lanes of another, too."""
        return self._like(self.base, tuple(sorted({*self.active, *other.active})))

    @property
    def whole(self) -> DualType:
        """The same kind of dual with all lanes, as arrays hold them."""
        return self._like(self.base, tuple(range(self.n)))

    def _like(self, base: types.Type, active: tuple[int, ...]) -> DualType:
        return DualType(self.level, base, self.n, self.layout, self.strict, active if len(active) < self.n else None)

    def unify(self, typingctx: Any, other: types.Type) -> types.Type | None:
        if isinstance(other, DualType) and other.level > self.level:
            return other.unify(typingctx, self)
        if isinstance(other, DualType) and other.level == self.level:
            if (other.n, other.layout, other.strict) != (self.n, self.layout, self.strict):
                return None
            if other.active != self.active:
                return self.joined(other).unify(typingctx, other.joined(self))
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
        if isinstance(other, DualType) and other.joined(self) == self.with_base(other.base):
            return typingctx.can_convert(other.base, self.base) if other.base != self.base else Conversion.safe
        return None


class DualArrayType(types.Array):
    """The type of an array of duals: a class of its own, so that methods can be taught to it, and boxing."""

    def __init__(self, dual: DualType, ndim: int, layout: str, readonly: bool = False) -> None:
        dual = dual.whole
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


class ViewType(types.Type):
    """The type of an array to differentiate by, for code that only reads its numbers: see views.py."""

    def __init__(self, dual: DualType, array: types.Array) -> None:
        self.dtype = dual.whole
        self.array = array
        self.ndim = array.ndim
        super().__init__(name=f"View({dual}, {array})")


def array_of(dtype: types.Type, ndim: int, layout: str = "C", readonly: bool = False) -> types.Array:
    """The type of an array of duals or of plain numbers."""
    if is_dual(dtype):
        return DualArrayType(dtype, ndim, layout, readonly)
    return types.Array(dtype, ndim, layout, readonly=readonly)


def is_dual(ty: Any) -> bool:
    """Whether a Numba type is that of a dual."""
    return isinstance(ty, DualType)


def is_array(ty: Any) -> bool:
    """Whether a Numba type is that of an array, or of what stands for one."""
    return isinstance(ty, (types.Array, ViewType))


def is_number(ty: Any) -> bool:
    """Whether a Numba type is that of a plain real number."""
    return isinstance(ty, (types.Integer, types.Float, types.Boolean, types.IntegerLiteral, types.BooleanLiteral))


def level_of(ty: Any) -> int:
    """The highest level of the duals in values of a Numba type."""
    if isinstance(ty, DualType):
        return ty.level
    if isinstance(ty, types.BaseTuple):
        return max(map(level_of, ty.types), default=0)
    holders = (types.Array, ViewType, types.List, types.Optional)
    return level_of(ty.dtype) if isinstance(ty, holders) and hasattr(ty, "dtype") else 0


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
            data = builder.insert_value(data, builder.extract_element(value, int32(k)), k)
        return data

    def from_data(self, builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
        if self._is_plain():
            return value
        vector = ir.Constant(self.get_value_type(), ir.Undefined)
        for k in range(self._n):
            vector = builder.insert_element(vector, builder.extract_value(value, k), int32(k))
        return vector

    def load_from_data_pointer(self, builder: ir.IRBuilder, ptr: ir.Value, align: int | None = None) -> ir.Value:
        return builder.load(builder.bitcast(ptr, self.get_value_type().as_pointer()), align=align or 4)


TANGENTS, VALUE = range(2)
"""The order of a dual's fields."""

ALIGNMENT = 64
"""Of arrays of duals, in bytes: a cache line and the longest vectors."""

ALIGNED = (16, 32, 64, 128)
"""The numbers of tangents for which each dual in an array is aligned so."""


@register_model(DualType)
class DualModel(models.StructModel):
    """Tangents and a value.

    In memory long vectors begin where the processor's do: loads and stores that cross a cache line cost two. Short
    ones are not worth the larger step from dual to dual.
    """

    _data_type: Any

    def __init__(self, dmm: Any, fe_type: DualType) -> None:
        super().__init__(dmm, fe_type, [("tangents", fe_type.tangents), ("value", fe_type.base)])
        self._packed = isinstance(fe_type.tangents, TangentsType)
        aligned = self._packed and fe_type.base == types.float64 and fe_type.n in ALIGNED
        self._padding = ALIGNMENT // 8 - 1 if aligned else 0

    def get_data_type(self) -> ir.Type:
        if self._data_type is None:
            cells = [t.get_data_type() for t in self._models]
            if self._padding:
                cells.append(ir.ArrayType(cells[VALUE], self._padding))
            self._data_type = ir.LiteralStructType(cells, packed=self._packed)
        return self._data_type


register_model(DualArrayType)(models.ArrayModel)


def int32(k: int) -> ir.Constant:
    """An index for LLVM."""
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
    """The tangents in the active lanes as separate LLVM values."""
    if isinstance(ty.tangents, TangentsType):
        return [builder.extract_element(tangents, int32(k)) for k in ty.active]
    return [builder.extract_value(tangents, k) for k in range(len(ty.active))]


def packed(context: Any, builder: ir.IRBuilder, ty: DualType, tangents: list[ir.Value]) -> ir.Value:
    """The LLVM value of the tangents in the active lanes."""
    whole = ir.Constant(context.get_value_type(ty.tangents), ir.Undefined)
    for k, tangent in enumerate(tangents):
        if isinstance(ty.tangents, TangentsType):
            whole = builder.insert_element(whole, tangent, int32(k))
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
    tangents = {
        k: context.cast(builder, t, fromty.base, toty.base)
        for k, t in zip(fromty.active, unpacked(builder, fromty, dual.tangents), strict=True)
    }
    zero = ir.Constant(context.get_value_type(toty.base), None)
    value = context.cast(builder, dual.value, fromty.base, toty.base)
    return make(
        context, builder, toty, value, packed(context, builder, toty, [tangents.get(k, zero) for k in toty.active])
    )


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
    make_dual = c.pyapi.unserialize(c.pyapi.serialize_object(_dual))
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


NUMBA_TYPES[Dual] = type_of_dual


# --- memory ---------------------------------------------------------------------------------


@overload_classmethod(DualArrayType, "_allocate")
def _allocate(cls, size, align):
    """Where Numba's array functions get their memory, as for arrays of its own."""
    alignment = np.uint32(ALIGNMENT)
    return lambda cls, size, align: arrayobj.intrin_alloc(size, alignment)


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
