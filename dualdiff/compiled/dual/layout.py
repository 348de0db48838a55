"""Duals in memory and in registers: their layouts, their parts, conversions, and arrays of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, lower_cast, models, overload_classmethod, register_model

from ..numba_internals import arrayobj, cgutils
from .types import DualArrayType, DualType, TangentsType, array_of


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
