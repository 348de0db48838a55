"""Loops over the elements of arrays of duals, and views of their values and tangents, written in LLVM.

A NumPy function on arrays costs one such loop, and no Numba function of its own: those take far longer to compile.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..dual.layout import TANGENTS, VALUE
from ..dual.types import array_of, is_dual, is_number
from ..numba_internals import (
    NumbaError,
    arrayobj,
    cgutils,
    impl_ret_borrowed,
    impl_ret_new_ref,
)


def is_dual_array(ty: Any) -> bool:
    """Whether it is the type of an array of duals."""
    return isinstance(ty, types.Array) and is_dual(ty.dtype)


def element(ty: Any) -> Any:
    """The type of the elements of an array; of a number that of itself."""
    return ty.dtype if isinstance(ty, types.Array) else ty


def is_numeric(ty: Any) -> bool:
    """Whether it is the type of a number or dual, or of an array of them."""
    return is_dual(element(ty)) or is_number(element(ty))


def applies(*operands: Any) -> bool:
    """Whether an elementwise function of these operands is one on arrays, with duals among them."""
    known = all(map(is_numeric, operands)) and any(isinstance(t, types.Array) for t in operands)
    return known and any(is_dual(element(t)) for t in operands)


def stores(out: Any, *operands: Any) -> bool:
    """Whether ``out`` may be an array for the result of an elementwise function, with duals in it or the operands."""
    if not (isinstance(out, types.Array) and out.mutable and applies(out, *operands)):
        return False
    return all(out.ndim >= t.ndim for t in operands if isinstance(t, types.Array))


# --- loops ----------------------------------------------------------------------------------


class Operand:
    """What a loop over ``ndim`` axes reads: an array, whose axes of length 1 are stretched, or a number."""

    def __init__(self, context: Any, builder: ir.IRBuilder, ty: types.Type, value: ir.Value, ndim: int) -> None:
        self.context, self.builder, self.type, self.value = context, builder, ty, value
        self.shape: list[ir.Value] = []
        if isinstance(ty, types.Array):
            array = arrayobj.make_array(ty)(context, builder, value)
            fill = ndim - ty.ndim
            self.data = array.data
            self.itemsize = array.itemsize
            self.shape = [_intp(context, 1)] * fill + cgutils.unpack_tuple(builder, array.shape)
            self.strides = [_intp(context, 0)] * fill + cgutils.unpack_tuple(builder, array.strides)

    def stretch(self, extents: Sequence[ir.Value]) -> None:
        """Let axes of length 1 stand for any length."""
        builder, zero = self.builder, _intp(self.context, 0)
        self.strides = [
            builder.select(builder.icmp_signed("==", n, extent), stride, zero)
            for n, extent, stride in zip(self.shape, extents, self.strides, strict=True)
        ]

    def pointer(self, indices: Sequence[ir.Value]) -> ir.Value:
        offset = _intp(self.context, 0)
        for index, stride in zip(indices, self.strides, strict=True):
            offset = self.builder.add(offset, self.builder.mul(index, stride))
        return cgutils.pointer_add(self.builder, self.data, offset)

    def load(self, indices: Sequence[ir.Value]) -> ir.Value:
        if not isinstance(self.type, types.Array):
            return self.value
        return arrayobj.load_item(self.context, self.builder, self.type, self.pointer(indices))

    def store(self, indices: Sequence[ir.Value], item: ir.Value) -> None:
        arrayobj.store_item(self.context, self.builder, self.type, item, self.pointer(indices))


def _intp(context: Any, n: int) -> ir.Constant:
    return context.get_constant(types.intp, n)


def _refuse(context: Any, builder: ir.IRBuilder, wrong: ir.Value, message: str) -> None:
    with builder.if_then(wrong, likely=False):
        context.call_conv.return_user_exc(builder, ValueError, (message,))


def _check_lengths(context: Any, builder: ir.IRBuilder, operand: Operand, extents: Any, message: str) -> None:
    for n, extent in zip(operand.shape, extents, strict=True):
        fits = builder.or_(builder.icmp_signed("==", n, extent), builder.icmp_signed("==", n, _intp(context, 1)))
        _refuse(context, builder, builder.not_(fits), message)


def _broadcast(context: Any, builder: ir.IRBuilder, operands: Sequence[Operand], ndim: int) -> list[ir.Value]:
    """The common shape; the operands are stretched to it."""
    arrays = [operand for operand in operands if operand.shape]
    extents = [_intp(context, 1)] * ndim
    for array in arrays:
        extents = [
            builder.select(builder.icmp_signed("==", extent, _intp(context, 1)), n, extent)
            for n, extent in zip(array.shape, extents, strict=True)
        ]
    for array in arrays:
        if len(arrays) > 1:
            _check_lengths(context, builder, array, extents, "operands could not be broadcast together")
        array.stretch(extents)
    return extents


def _stretch_to(context: Any, builder: ir.IRBuilder, operands: Sequence[Operand], out: Operand, message: str) -> None:
    """Stretch the operands to the shape of ``out``."""
    for array in operands:
        if array.shape:
            _check_lengths(context, builder, array, out.shape, message)
            array.stretch(out.shape)


def _in_one_axis(context: Any, builder: ir.IRBuilder, operands: Sequence[Operand], extents: Any) -> list[ir.Value]:
    """The lengths to loop over: where all arrays are contiguous and of one shape, that is one long axis."""
    arrays = [operand for operand in operands if isinstance(operand.type, types.Array)]
    ndim = len(extents)
    if ndim < 2 or any(array.type.layout != "C" or array.type.ndim != ndim for array in arrays):
        return list(extents)
    same = cgutils.true_bit
    total = _intp(context, 1)
    for axis, extent in enumerate(extents):
        total = builder.mul(total, extent)
        for array in arrays:
            same = builder.and_(same, builder.icmp_signed("==", array.shape[axis], extent))
    for array in arrays:
        array.strides[-1] = builder.select(same, array.itemsize, array.strides[-1])
    ones = [builder.select(same, _intp(context, 1), extent) for extent in extents[:-1]]
    return [*ones, builder.select(same, total, extents[-1])]


def _run(
    context: Any, builder: ir.IRBuilder, operands: Sequence[Operand], out: Operand, extents: Any, item: Any
) -> None:
    """Store ``item`` of the operands' elements in ``out``."""
    lengths = _in_one_axis(context, builder, [*operands, out], extents)
    with cgutils.loop_nest(builder, lengths, intp=context.get_value_type(types.intp)) as indices:
        out.store(indices, item([operand.load(indices) for operand in operands]))


def elementwise(typingctx: Any, function: Any, operands: Sequence[types.Type], out: Any = None) -> Any:
    """The definition of an intrinsic: ``function`` of each element of the arrays and numbers, as a new array.

    If there is a type ``out``, it is that of one more argument, an array that the result is stored in.
    """
    known = typingctx.resolve_value_type(function)
    try:
        inner = typingctx.resolve_function_type(known, tuple(map(element, operands)), {})
    except NumbaError:
        inner = None
    if inner is None or (out is not None and typingctx.can_convert(inner.return_type, out.dtype) is None):
        return None
    ndim = max(t.ndim for t in (*operands, out) if isinstance(t, types.Array))
    result = array_of(types.unliteral(inner.return_type), ndim) if out is None else out

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        call = context.get_function(known, inner)

        def item(elements: Any) -> Any:
            cast = [
                context.cast(builder, x, element(t), wanted)
                for x, t, wanted in zip(elements, sig.args, inner.args, strict=False)
            ]
            return context.cast(builder, call(builder, cast), inner.return_type, result.dtype)

        if out is None:
            return _new_array(context, builder, sig.args, args, result, item)
        *read, target = (Operand(context, builder, t, v, ndim) for t, v in zip(sig.args, args, strict=True))
        _stretch_to(context, builder, read, target, "operands could not be broadcast to the shape of out")
        _run(context, builder, read, target, target.shape, item)
        return impl_ret_borrowed(context, builder, out, args[-1])

    return result(*operands, *([] if out is None else [out])), codegen


def _new_array(context: Any, builder: ir.IRBuilder, tys: Any, values: Any, result: Any, item: Any) -> Any:
    operands = [Operand(context, builder, t, v, result.ndim) for t, v in zip(tys, values, strict=True)]
    extents = _broadcast(context, builder, operands, result.ndim)
    new = arrayobj._empty_nd_impl(context, builder, result, extents)._getvalue()
    _run(context, builder, operands, Operand(context, builder, result, new, result.ndim), extents, item)
    return impl_ret_new_ref(context, builder, result, new)


# --- copies and assignments -----------------------------------------------------------------


def _copy(context: Any, builder: ir.IRBuilder, ty: Any, array: ir.Value) -> ir.Value:
    return _new_array(context, builder, [ty], [array], array_of(ty.dtype, ty.ndim), lambda elements: elements[0])


def _turned(context: Any, builder: ir.IRBuilder, ty: Any, value: ir.Value, layout: str) -> tuple[types.Array, ir.Value]:
    """An array with the order of its axes reversed."""
    turned = array_of(ty.dtype, ty.ndim, layout)
    array = arrayobj.make_array(ty)(context, builder, value)
    shape, strides = (cgutils.unpack_tuple(builder, t)[::-1] for t in (array.shape, array.strides))
    return turned, _view(context, builder, turned, array, array.data, shape, strides)


@intrinsic
def copied(typingctx: Any, a: Any) -> Any:
    """A new contiguous array with the elements of another."""
    return array_of(a.dtype, a.ndim)(a), lambda context, builder, sig, args: _copy(context, builder, a, args[0])


@intrinsic
def assign(typingctx: Any, target: Any, source: Any) -> Any:
    """``target[...] = source``, where the two do not overlap unless they are the same."""
    if not (is_numeric(source) and target.mutable) or getattr(source, "ndim", 0) > target.ndim:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        out, read = (Operand(context, builder, t, v, target.ndim) for t, v in zip(sig.args, args, strict=True))
        _stretch_to(context, builder, [read], out, "could not broadcast the array to the target's shape")
        item = lambda elements: context.cast(builder, elements[0], element(source), target.dtype)  # noqa: E731
        _run(context, builder, [read], out, out.shape, item)
        return context.get_dummy_value()

    return types.void(target, source), codegen


@intrinsic
def accumulate(typingctx: Any, target: Any, source: Any) -> Any:
    """``target += source``, for arrays of one shape that do not overlap, or a number as source."""
    known = typingctx.resolve_value_type(operator.add)
    inner = typingctx.resolve_function_type(known, (target.dtype, element(source)), {})

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        out, read = (Operand(context, builder, t, v, target.ndim) for t, v in zip(sig.args, args, strict=True))
        add = context.get_function(known, inner)
        _run(context, builder, [out, read], out, out.shape, lambda elements: add(builder, elements))
        return context.get_dummy_value()

    return types.void(target, source), codegen


@intrinsic
def overlap(typingctx: Any, a: Any, b: Any) -> Any:
    """Whether two arrays may share memory."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        extents = []
        for ty, value in zip(sig.args, args, strict=True):
            array = arrayobj.make_array(ty)(context, builder, value)
            shape, strides = (cgutils.unpack_tuple(builder, t) for t in (array.shape, array.strides))
            extents += arrayobj.get_array_memory_extents(context, builder, ty, array, shape, strides, array.data)
        return arrayobj.extents_may_overlap(context, builder, *extents)

    return types.boolean(a, b), codegen


# --- views ----------------------------------------------------------------------------------


def _view(context: Any, builder: ir.IRBuilder, ty: Any, array: Any, data: Any, shape: Any, strides: Any) -> ir.Value:
    """Memory of ``array`` as an array of type ``ty``."""
    view = arrayobj.make_array(ty)(context, builder)
    arrayobj.populate_array(
        view,
        data=builder.bitcast(data, view.data.type),
        shape=shape,
        strides=strides,
        itemsize=_intp(context, arrayobj.get_itemsize(context, ty)),
        meminfo=array.meminfo,
        parent=array.parent,
    )
    return view._getvalue()


def _part_of(context: Any, builder: ir.IRBuilder, ty: Any, value: Any, *place: Any) -> tuple[types.Array, ir.Value]:
    """One of the numbers in every dual of an array, as a view."""
    array = arrayobj.make_array(ty)(context, builder, value)
    part = array_of(ty.dtype.base, ty.ndim, "A")
    data = cgutils.gep_inbounds(builder, array.data, 0, place[0])
    if len(place) > 1:  # tangents may be one vector, into which llvmlite does not step
        number = context.get_data_type(ty.dtype.base)
        data = builder.gep(builder.bitcast(data, number.as_pointer()), [place[1]])
    return part, _view(context, builder, part, array, data, array.shape, array.strides)


@intrinsic
def values_view(typingctx: Any, a: Any) -> Any:
    """The values of an array of duals, in place."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return impl_ret_borrowed(context, builder, *_part_of(context, builder, a, args[0], VALUE))

    return array_of(a.dtype.base, a.ndim, "A")(a), codegen


@intrinsic
def lane_view(typingctx: Any, a: Any, k: Any) -> Any:
    """Tangent ``k`` of every dual of an array, in place."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return impl_ret_borrowed(context, builder, *_part_of(context, builder, a, args[0], TANGENTS, args[1]))

    return array_of(a.dtype.base, a.ndim, "A")(a, types.intp), codegen


@intrinsic
def values_of(typingctx: Any, a: Any) -> Any:
    """The values of an array of duals, as a new array: C or Fortran-contiguous as BLAS would get them."""
    if a.layout != "F":
        return array_of(a.dtype.base, a.ndim)(a), lambda context, builder, sig, args: _copy(
            context, builder, *_part_of(context, builder, a, args[0], VALUE)
        )

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        view = _turned(context, builder, *_part_of(context, builder, a, args[0], VALUE), "A")
        return _turned(context, builder, array_of(a.dtype.base, a.ndim), _copy(context, builder, *view), "F")[1]

    return array_of(a.dtype.base, a.ndim, "F")(a), codegen


@intrinsic
def contiguous(typingctx: Any, a: Any) -> Any:
    """The array itself, or if it is not contiguous a copy."""
    if a.layout in "CF":
        return a(a), lambda context, builder, sig, args: impl_ret_borrowed(context, builder, a, args[0])
    return array_of(a.dtype, a.ndim)(a), lambda context, builder, sig, args: _copy(context, builder, a, args[0])


@intrinsic
def lane_of(typingctx: Any, a: Any, k: Any) -> Any:
    """Tangent ``k`` of every dual of an array, as a new array."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return _copy(context, builder, *_part_of(context, builder, a, args[0], TANGENTS, args[1]))

    return array_of(a.dtype.base, a.ndim)(a, types.intp), codegen


@intrinsic
def flat(typingctx: Any, a: Any) -> Any:
    """The elements of an array in one row; of a contiguous one a view in the order of memory."""
    ty = array_of(a.dtype, 1, readonly=not a.mutable)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        contiguous = a.layout in "CF"
        value = args[0] if contiguous else _copy(context, builder, a, args[0])
        array = arrayobj.make_array(a if contiguous else array_of(a.dtype, a.ndim))(context, builder, value)
        size = _intp(context, 1)
        for n in cgutils.unpack_tuple(builder, array.shape):
            size = builder.mul(size, n)
        view = _view(context, builder, ty, array, array.data, [size], [array.itemsize])
        return (impl_ret_borrowed if contiguous else impl_ret_new_ref)(context, builder, ty, view)

    return ty(a), codegen


@intrinsic
def line(typingctx: Any, a: Any, axis: Any, i: Any) -> Any:
    """Line ``i`` of those along an axis, which are counted in the order of the other axes."""
    ty = array_of(a.dtype, 1, "A", not a.mutable)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        value, axis, rest = args
        array = arrayobj.make_array(a)(context, builder, value)
        length, step, offset = _intp(context, 1), _intp(context, 0), _intp(context, 0)
        lengths = cgutils.unpack_tuple(builder, array.shape)
        for d, stride in reversed(list(enumerate(cgutils.unpack_tuple(builder, array.strides)))):
            along = builder.icmp_signed("==", axis, _intp(context, d))
            length = builder.select(along, lengths[d], length)
            step = builder.select(along, stride, step)
            extent = builder.select(along, _intp(context, 1), lengths[d])
            offset = builder.add(offset, builder.mul(builder.srem(rest, extent), stride))
            rest = builder.sdiv(rest, extent)
        data = cgutils.pointer_add(builder, array.data, offset)
        return impl_ret_borrowed(context, builder, ty, _view(context, builder, ty, array, data, [length], [step]))

    return ty(a, types.intp, types.intp), codegen


@intrinsic
def shape_without(typingctx: Any, a: Any, axis: Any) -> Any:
    """The shape of an array without one axis."""
    ty = types.UniTuple(types.intp, a.ndim - 1)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        shape = cgutils.unpack_tuple(builder, arrayobj.make_array(a)(context, builder, args[0]).shape)
        kept = [
            builder.select(builder.icmp_signed(">", args[1], _intp(context, d)), shape[d], shape[d + 1])
            for d in range(a.ndim - 1)
        ]
        return context.make_tuple(builder, ty, kept)

    return ty(a, types.intp), codegen


@intrinsic
def shape_with(typingctx: Any, a: Any, axis: Any, n: Any) -> Any:
    """The shape of an array with another length of one axis."""
    ty = types.UniTuple(types.intp, a.ndim)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        shape = cgutils.unpack_tuple(builder, arrayobj.make_array(a)(context, builder, args[0]).shape)
        changed = [
            builder.select(builder.icmp_signed("==", args[1], _intp(context, d)), args[2], length)
            for d, length in enumerate(shape)
        ]
        return context.make_tuple(builder, ty, changed)

    return ty(a, types.intp, types.intp), codegen


@intrinsic
def slab(typingctx: Any, a: Any, axis: Any, start: Any, n: Any) -> Any:
    """The part of an array from ``start``, ``n`` long, of one axis."""
    ty = array_of(a.dtype, a.ndim, "A", not a.mutable)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        value, axis, start, n = args
        array = arrayobj.make_array(a)(context, builder, value)
        offset, shape = _intp(context, 0), []
        strides = cgutils.unpack_tuple(builder, array.strides)
        for d, length in enumerate(cgutils.unpack_tuple(builder, array.shape)):
            along = builder.icmp_signed("==", axis, _intp(context, d))
            offset = builder.select(along, builder.mul(start, strides[d]), offset)
            shape.append(builder.select(along, n, length))
        data = cgutils.pointer_add(builder, array.data, offset)
        return impl_ret_borrowed(context, builder, ty, _view(context, builder, ty, array, data, shape, strides))

    return ty(a, types.intp, types.intp, types.intp), codegen


@intrinsic
def expanded(typingctx: Any, a: Any, axis: Any) -> Any:
    """The array with one more axis, of length 1, before ``axis``."""
    ty = array_of(a.dtype, a.ndim + 1, "A", not a.mutable)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        array = arrayobj.make_array(a)(context, builder, args[0])
        shape, strides = (
            [_inserted(context, builder, cells, new, args[1], d) for d in range(a.ndim + 1)]
            for cells, new in (
                (cgutils.unpack_tuple(builder, array.shape), 1),
                (cgutils.unpack_tuple(builder, array.strides), 0),
            )
        )
        return impl_ret_borrowed(context, builder, ty, _view(context, builder, ty, array, array.data, shape, strides))

    return ty(a, types.intp), codegen


def _inserted(context: Any, builder: ir.IRBuilder, cells: Any, new: int, axis: ir.Value, d: int) -> ir.Value:
    """Cell ``d`` of the cells with a new one before ``axis``."""
    item = _intp(context, new)
    if d > 0:
        item = builder.select(builder.icmp_signed("<", axis, _intp(context, d)), cells[d - 1], item)
    if d < len(cells):
        item = builder.select(builder.icmp_signed(">", axis, _intp(context, d)), cells[d], item)
    return item
