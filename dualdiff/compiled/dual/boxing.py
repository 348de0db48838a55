"""Arrays of duals on their way between Python and compiled code.

In Python a ``DualArray`` keeps values and tangents apart; compiled code keeps the numbers of each
dual together. On the way in and out the numbers are copied from one order to the other, through a
plain array with one more axis: along it first the value, then the tangents (each, in nested duals,
with the numbers of its own in the same order).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.extending import NativeValue, box, unbox

from ...dual.levels import _array
from ...dual.nesting import level_of
from ...dual.number import Dual, _dual
from ...rules.function import NUMBA_TYPES
from ..numba_internals import arrayobj, cgutils
from .layout import make, packed, parts, unpacked
from .types import SCALARS, DualArrayType, DualType, is_dual


def type_of_dual_array(batch: Any) -> DualArrayType:
    """The Numba type of a ``DualArray`` from Python."""
    return DualArrayType(_kind(batch), batch.ndim, "C")


NUMBA_TYPES[Dual._array_class] = type_of_dual_array


def _kind(x: Any) -> DualType:
    level = level_of(x)
    inner = [part for part in (x.values, x.tangents) if level_of(part) > 0]
    lower = max(map(level_of, inner), default=0)
    base = (
        _kind(next(part for part in inner if level_of(part) == lower)) if inner else typeof(np.empty(0, x.dtype)).dtype
    )
    return DualType(level, base, len(x.tangents), SCALARS)


def _numbers(dual: DualType) -> tuple[types.Float, int]:
    """The type of the plain numbers in a dual, and how many there are."""
    leaf, count = _numbers(dual.base) if is_dual(dual.base) else (dual.base, 1)
    return leaf, count * (dual.n + 1)


def _kinds(dual: DualType) -> tuple[tuple[int, int], ...]:
    """Level and number of tangents, from the highest level down."""
    return ((dual.level, dual.n), *(_kinds(dual.base) if is_dual(dual.base) else ()))


def pack(x: Any, kinds: tuple[tuple[int, int], ...]) -> np.ndarray:
    """The numbers of a batch, those of each dual along a last axis."""
    if not kinds:
        return np.asarray(x)[..., np.newaxis]
    (level, n), lower = kinds[0], kinds[1:]
    if level_of(x) == level:
        cells = [*(x.tangents[k] for k in range(n)), x.values]
    else:
        cells = [*[np.zeros(np.shape(x))] * n, x]
    return np.concatenate([pack(cell, lower) for cell in cells], axis=-1)


def unpack(numbers: np.ndarray, kinds: tuple[tuple[int, int], ...]) -> Any:
    """The batch (or, of shape (), the dual) with these numbers."""
    if not kinds:
        return numbers[..., 0].copy() if numbers.ndim > 1 else numbers[0]
    (level, n), lower = kinds[0], kinds[1:]
    *tangents, value = (unpack(cell, lower) for cell in np.split(numbers, n + 1, axis=-1))
    if numbers.ndim == 1:
        return _dual(value, tuple(tangents), level)
    return _array(value, np.stack(tangents), level)


def _retyped(
    context: Any, builder: ir.IRBuilder, array: Any, target: Any, shape: Any, strides: Any, itemsize: int
) -> Any:
    """The memory of an array, seen as an array of another type."""
    result = arrayobj.make_array(target)(context, builder)
    arrayobj.populate_array(
        result,
        data=builder.bitcast(array.data, result.data.type),
        shape=shape,
        strides=strides,
        itemsize=context.get_constant(types.intp, itemsize),
        meminfo=array.meminfo,
        parent=array.parent,
    )
    return result._getvalue()


@unbox(DualArrayType)
def _unbox_dual_array(ty: DualArrayType, obj: Any, c: Any) -> NativeValue:
    leaf, count = _numbers(ty.dtype)
    plain = types.Array(leaf, ty.ndim + 1, "C")
    packing = c.pyapi.unserialize(c.pyapi.serialize_object(pack))
    kinds = c.pyapi.unserialize(c.pyapi.serialize_object(_kinds(ty.dtype)))
    numbers = c.pyapi.call_function_objargs(packing, [obj, kinds])
    c.pyapi.decref(packing)
    c.pyapi.decref(kinds)
    native = c.unbox(plain, numbers)
    c.pyapi.decref(numbers)
    array = arrayobj.make_array(plain)(c.context, c.builder, native.value)
    shape, strides = (cgutils.unpack_tuple(c.builder, t)[: ty.ndim] for t in (array.shape, array.strides))
    duals = _retyped(c.context, c.builder, array, ty, shape, strides, count * leaf.bitwidth // 8)
    return NativeValue(duals, is_error=native.is_error)


@box(DualArrayType)
def _box_dual_array(ty: DualArrayType, val: Any, c: Any) -> Any:
    leaf, count = _numbers(ty.dtype)
    plain = types.Array(leaf, ty.ndim + 1, "A")
    array = arrayobj.make_array(ty)(c.context, c.builder, val)
    itemsize = leaf.bitwidth // 8
    shape, strides = (
        [*cgutils.unpack_tuple(c.builder, t), c.context.get_constant(types.intp, last)]
        for t, last in ((array.shape, count), (array.strides, itemsize))
    )
    numbers = c.box(plain, _retyped(c.context, c.builder, array, plain, shape, strides, itemsize))
    unpacking = c.pyapi.unserialize(c.pyapi.serialize_object(unpack))
    kinds = c.pyapi.unserialize(c.pyapi.serialize_object(_kinds(ty.dtype)))
    batch = c.pyapi.call_function_objargs(unpacking, [numbers, kinds])
    for reference in (unpacking, kinds, numbers):
        c.pyapi.decref(reference)
    return batch


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
