"""Loops over samples: what a compiled batch does with each, and how LLVM is told that it may vectorise the loop.

Numbers of samples are read and written through pointers to contiguous memory. Those that a block gets never refer to
the same memory, and it takes samples by the ``STRIDE``: so LLVM needs no check and no remainder, every sample takes the
same way through the same code, and its result depends neither on its place nor on the number of samples.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from ...generated import for_compiled_code
from ..dual.arithmetic import value_at
from ..dual.elements import BORROWING, base_type, get_flat, put_flat
from ..dual.layout import VALUE, make, new_array, packed, parts, unpacked
from ..dual.types import OPTIONS, SCALARS, DualType
from ..llvm.linking import Apart
from ..llvm.noting import LoopItself
from ..llvm.vectorising import LowerVectorised
from ..numba_internals import arrayobj, cgutils, register_pass
from ..pipeline.clone import Clone, CloneCompiler, LoopCloneCompiler


class Block(LoopItself, Apart):
    """Writes functions whose pointers to numbers never refer to the same memory."""

    def setup_function(self, fndesc: Any) -> None:
        super().setup_function(fndesc)
        # vectors that are kept on the stack during a call shall not lie across lines of the cache
        set.add(self.function.attributes, '"stackrealign"')  # llvmlite knows no attributes of this kind
        first = 2  # the pointers to the result and to an exception come first
        for ty, place in zip(fndesc.argtypes, self.function.args[first:], strict=False):
            if not isinstance(ty, (types.CPointer, types.Number)):
                break
            if isinstance(ty, types.CPointer):
                place.add_attribute("noalias")


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerBlock(LowerVectorised):
    """Lowers a loop over samples, and vectorises it."""

    _name = "dualdiff_lower_block"

    @property
    def lowering_class(self) -> Any:
        return Block


class BlockCompiler(CloneCompiler):
    """The pipeline of loops over samples."""

    lowering_pass = LowerBlock

    @property
    def callees(self) -> Any:
        return LoopCloneCompiler


def block(function: Any) -> Any:
    """A loop over samples, for compiled code."""
    return Clone(function, BlockCompiler)


@intrinsic
def pointer(typingctx, array):
    """Where the numbers of a contiguous array are."""

    def codegen(context, builder, sig, args):
        return arrayobj.make_array(array)(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def load(typingctx, place, i):
    """Number ``i`` from a place."""

    def codegen(context, builder, sig, args):
        return context.unpack_value(builder, place.dtype, builder.gep(args[0], [args[1]]))

    return place.dtype(place, i), codegen


def sample_type(x: types.Type, level: int, n: int, lane: int, strict: bool) -> DualType:
    """The type of ``sample(x, level, n, lane, strict)``."""
    return DualType(level, base_type(x), n, SCALARS, strict, (lane,) if n > 1 else None)


@intrinsic(prefer_literal=True)
def sample(typingctx, x, level, n, lane, strict):
    """The dual of one parameter of n, whose derivatives are in one lane; the others are absent."""
    ty = sample_type(x, level.literal_value, n.literal_value, lane.literal_value, bool(strict.literal_value))

    def codegen(context, builder, sig, args):
        return dual_of(context, builder, ty, x, args[0])

    return ty(x, level, n, lane, strict), codegen


def dual_of(context: Any, builder: Any, ty: DualType, x: types.Type, number: Any) -> Any:
    """In LLVM, a number as the dual with derivative 1 in its only lane."""
    value = context.cast(builder, number, x, ty.base)
    one = context.cast(builder, ir.Constant(ir.DoubleType(), 1.0), types.float64, ty.base)
    return make(context, builder, ty, value, packed(context, builder, ty, [one]))


@intrinsic(prefer_literal=True)
def value_in(typingctx, y, level):
    """The value of a result at a level."""
    if isinstance(y, DualType) and y.level == level.literal_value:
        return y.base(y, level), lambda context, builder, sig, args: parts(context, builder, y, args[0]).value
    return y(y, level), lambda context, builder, sig, args: args[0]


@intrinsic(prefer_literal=True)
def tangent_in(typingctx, y, level, lane):
    """The tangent of a result in one lane: zero if it is absent."""
    if not (isinstance(y, DualType) and y.level == level.literal_value):
        ty = base_type(y)
        return ty(y, level, lane), lambda context, builder, sig, args: ir.Constant(context.get_value_type(ty), None)

    def codegen(context, builder, sig, args):
        tangents = unpacked(builder, y, parts(context, builder, y, args[0]).tangents)
        found = dict(zip(y.active, tangents, strict=True))
        return found.get(lane.literal_value, ir.Constant(context.get_value_type(y.base), None))

    return y.base(y, level, lane), codegen


@intrinsic
def store(typingctx, place, i, number):
    """Write number ``i`` to a place, and tell whether it is NaN."""

    def codegen(context, builder, sig, args):
        value = context.cast(builder, args[2], number, place.dtype)
        context.pack_value(builder, place.dtype, value, builder.gep(args[0], [args[1]]))
        if not isinstance(place.dtype, types.Float):
            return context.get_constant(types.boolean, False)
        return builder.fcmp_unordered("uno", value, value)

    return types.boolean(place, i, number), codegen


@intrinsic
def row(typingctx, array, i):
    """Sample ``i`` of a contiguous array, as a view that keeps nothing alive: a number or an array."""
    if array.ndim == 1:
        return array.dtype(array, i), lambda context, builder, sig, args: arrayobj.load_item(
            context, builder, array, builder.gep(arrayobj.make_array(array)(context, builder, args[0]).data, [args[1]])
        )
    view = array.copy(ndim=array.ndim - 1)

    def codegen(context, builder, sig, args):
        whole = arrayobj.make_array(array)(context, builder, args[0])
        shape, strides = cgutils.unpack_tuple(builder, whole.shape), cgutils.unpack_tuple(builder, whole.strides)
        part = arrayobj.make_array(view)(context, builder)
        arrayobj.populate_array(
            part,
            data=cgutils.pointer_add(builder, whole.data, builder.mul(args[1], strides[0]), part.data.type),
            shape=shape[1:],
            strides=strides[1:],
            itemsize=whole.itemsize,
            meminfo=None,
        )
        return part._getvalue()

    return view(array, i), codegen


filled_up = for_compiled_code("filled_up", "a, done, n")
room = for_compiled_code("room", "result, n")
copy_rest = for_compiled_code("copy_rest", "result, rest, done")
revalue = for_compiled_code("revalue", "duals, x")
put = for_compiled_code("put", "result, i, y, x")


@intrinsic
def _set_value(typingctx, duals, i, number):
    """Store the value of element ``i`` of a contiguous array of duals."""
    ty = duals.dtype

    def codegen(context, builder, sig, args):
        array = arrayobj.make_array(duals)(context, builder, args[0])
        place = cgutils.gep_inbounds(builder, builder.gep(array.data, [args[1]]), 0, VALUE)
        context.pack_value(builder, ty.base, context.cast(builder, args[2], number, ty.base), place)
        return context.get_dummy_value()

    return types.void(duals, types.intp, number), codegen


@overload(revalue, jit_options=BORROWING)
def _revalue(duals, x):
    """Give the duals of a buffer the values ``x``, a contiguous array; the seeds stay."""

    def on_array(duals, x):
        for i in range(x.size):
            _set_value(duals, i, get_flat(x, i))

    return on_array


@overload(put, jit_options=BORROWING)
def _put(result, i, y, x):
    """Store the values of ``y``, a result of sample ``i``, at the level of the lifted argument ``x``."""
    if not isinstance(y, types.Array):
        return lambda result, i, y, x: put_flat(result, i, value_at(y, x))

    def on_array(result, i, y, x):
        j = i * y.size
        for cell in y.flat:
            put_flat(result, j, value_at(cell, x))
            j += 1

    return on_array


@overload(filled_up, jit_options=OPTIONS)
def _filled_up(a, done, n):
    """The samples from ``done`` on, and then the last again, n in all."""
    element = types.TypeRef(a.dtype)

    def on_array(a, done, n):
        width = a.size // len(a)
        full = new_array(n * width, element)
        for j in range(n):
            for k in range(width):
                put_flat(full, j * width + k, get_flat(a, min(done + j, len(a) - 1) * width + k))
        return full

    return on_array


@overload(room, jit_options=OPTIONS)
def _room(result, n):
    """Room for n numbers of those in an array of results."""
    element = types.TypeRef(result.dtype)
    return lambda result, n: new_array(n, element)


@overload(copy_rest, jit_options=BORROWING)
def _copy_rest(result, rest, done):
    """Copy what fits into an array of results from element ``done`` on."""

    def on_arrays(result, rest, done):
        for j in range(result.size - done):
            put_flat(result, done + j, get_flat(rest, j))

    return on_arrays
