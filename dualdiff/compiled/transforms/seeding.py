"""What a compiled driver does with the arguments: it makes duals of them, and seeds those.

Each name below is a function for compiled code. An argument that is differentiated is an array,
whose duals live in a buffer that all passes share, or a number, whose dual is made anew. The
elements of all such arguments are numbered through; ``start`` is the number, counted from this
argument's first element, of the element that lane 0 seeds, so it may be negative.
"""

from __future__ import annotations

import functools
import itertools

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from ...generated import for_compiled_code
from ..dual.arithmetic import splat
from ..dual.elements import BORROWING, base_type, fill, within
from ..dual.layout import ALIGNMENT, TANGENTS, constant, make, new_array, packed, parts
from ..dual.types import LANES, OPTIONS, SCALARS, DualType, TangentsType, array_of, is_array, is_dual, level_of_type
from ..numba_internals import arrayobj, cgutils


def dual_type(x: types.Type, all_arguments: types.Type, n: int, strict: bool) -> DualType:
    """The type of the duals of argument ``x`` of a function called with ``all_arguments``, or of a known level."""
    known = isinstance(all_arguments, types.IntegerLiteral)
    level = all_arguments.literal_value if known else 1 + level_of_type(all_arguments)
    return DualType(level, base_type(x), n, LANES if n > 1 else SCALARS, strict)


def lifted_type(x: types.Type, all_arguments: types.Type, n: int, strict: bool) -> types.Type:
    """The type of ``lift(x, all_arguments, n, strict)``."""
    dual = dual_type(x, all_arguments, n, strict)
    return array_of(dual, x.ndim) if isinstance(x, types.Array) else dual


def dual_type_along(x: types.Type, direction: types.Type, all_arguments: types.Type, strict: bool) -> DualType:
    """The type of the duals of argument ``x`` along a direction, which may hold duals of a lower level."""
    ty = dual_type(x, all_arguments, 1, strict)
    direction = base_type(direction)
    return ty if level_of_type(direction) <= level_of_type(ty.base) else ty.with_base(direction)


def lifted_along_type(x: types.Type, direction: types.Type, all_arguments: types.Type, strict: bool) -> types.Type:
    """The type of ``lift_along(x, direction, all_arguments, strict)``."""
    dual = dual_type_along(x, direction, all_arguments, strict)
    return array_of(dual, x.ndim) if isinstance(x, types.Array) else dual


size = for_compiled_code("size", "x")
lift = for_compiled_code("lift", "x, all_arguments, n, strict")
lift_here = for_compiled_code("lift_here", "x, all_arguments, n, strict, buffer")
lift_along = for_compiled_code("lift_along", "x, direction, all_arguments, strict")
seed = for_compiled_code("seed", "x, start")


@overload(size, jit_options=OPTIONS)
def _size(x):
    if is_array(x):
        return lambda x: x.size
    return lambda x: 1


# --- arguments ------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def _constant_dual(typingctx, x, all_arguments, n, strict):
    ty = dual_type(x, all_arguments, n.literal_value, bool(strict.literal_value))

    def codegen(context, builder, sig, args):
        return constant(context, builder, ty, context.cast(builder, args[0], x, ty.base))

    return ty(x, all_arguments, n, strict), codegen


LOCAL_BYTES = 1 << 15
"""Duals of so much memory may live on the stack: an allocation costs as much as some ten operations."""


@intrinsic
def stack(typingctx):
    """Memory of the calling function, which it has until it returns."""

    def codegen(context, builder, sig, args):
        with builder.goto_entry_block():
            buffer = builder.alloca(ir.ArrayType(ir.IntType(8), LOCAL_BYTES))
        buffer.align = 64
        return builder.bitcast(buffer, cgutils.voidptr_t)

    return types.voidptr(), codegen


@intrinsic
def _new_array_in(typingctx, shape, element, buffer):
    """As ``new_array``, in a buffer from ``stack`` if it fits in there."""
    ty = array_of(element.instance_type, len(shape.types))

    def codegen(context, builder, sig, args):
        def number(n):
            return context.get_constant(types.intp, n)

        itemsize = arrayobj.get_itemsize(context, ty)
        cells = cgutils.unpack_tuple(builder, args[0])
        count = functools.reduce(builder.mul, cells, number(1))
        result = cgutils.alloca_once(builder, context.get_value_type(ty))
        with builder.if_else(builder.icmp_unsigned("<=", count, number(LOCAL_BYTES // itemsize))) as (here, elsewhere):
            with here:
                array = arrayobj.make_array(ty)(context, builder)
                steps = itertools.accumulate(reversed(cells[1:]), builder.mul, initial=number(itemsize))
                arrayobj.populate_array(
                    array,
                    data=builder.bitcast(args[2], array.data.type),
                    shape=cells,
                    strides=list(steps)[::-1][: len(cells)],
                    itemsize=number(itemsize),
                    meminfo=None,
                )
                builder.store(array._getvalue(), result)
            with elsewhere:
                builder.store(arrayobj._empty_nd_impl(context, builder, ty, cells)._getvalue(), result)
        return builder.load(result)

    return ty(shape, element, buffer), codegen


@overload(lift, jit_options=OPTIONS, prefer_literal=True)
def _lift(x, all_arguments, n, strict):
    if not isinstance(n, types.IntegerLiteral):
        return None  # Numba asks again, with literals
    lanes, is_strict = n.literal_value, strict.literal_value
    if not isinstance(x, types.Array):
        level = all_arguments.literal_value
        return lambda x, all_arguments, n, strict: _constant_dual(x, level, lanes, is_strict)

    element = types.TypeRef(dual_type(x, all_arguments, lanes, bool(is_strict)))

    def on_array(x, all_arguments, n, strict):
        duals = new_array(x.shape, element)
        fill(duals, x)
        return duals

    return on_array


@overload(lift_here, jit_options=OPTIONS, prefer_literal=True)
def _lift_here(x, all_arguments, n, strict, buffer):
    if not isinstance(n, types.IntegerLiteral):
        return None
    element = types.TypeRef(dual_type(x, all_arguments, n.literal_value, bool(strict.literal_value)))

    def on_array(x, all_arguments, n, strict, buffer):
        duals = _new_array_in(x.shape, element, buffer)
        fill(duals, x)
        return duals

    return on_array


@intrinsic(prefer_literal=True)
def _along(typingctx, x, direction, all_arguments, strict):
    ty = dual_type_along(x, direction, all_arguments, bool(strict.literal_value))

    def codegen(context, builder, sig, args):
        v = context.cast(builder, args[0], x, ty.base)
        t = context.cast(builder, args[1], direction, ty.base)
        return make(context, builder, ty, v, packed(context, builder, ty, [t]))

    return ty(x, direction, all_arguments, strict), codegen


@overload(lift_along, jit_options=OPTIONS, prefer_literal=True)
def _lift_along(x, direction, all_arguments, strict):
    if not isinstance(strict, types.IntegerLiteral):
        return None
    is_strict = strict.literal_value
    if not isinstance(x, types.Array):
        return lambda x, direction, all_arguments, strict: _along(x, direction, all_arguments, is_strict)

    element = types.TypeRef(dual_type_along(x, direction, all_arguments, bool(is_strict)))

    def on_array(x, direction, all_arguments, strict):
        duals = new_array(x.shape, element)
        flat = duals.reshape(duals.size)
        i = 0
        for number, step in zip(x.flat, direction.flat):  # noqa: B905 (Numba has no strict zip)
            flat[i] = _along(number, step, all_arguments, is_strict)
            i += 1
        return duals

    return on_array


# --- seeds ----------------------------------------------------------------------------------


@intrinsic
def _set_tangent(typingctx, duals, i, lane, number):
    """Store one tangent of element ``i`` of a contiguous array of duals."""
    ty = duals.dtype

    def codegen(context, builder, sig, args):
        array = arrayobj.make_array(duals)(context, builder, args[0])
        element = builder.gep(array.data, [args[1]])
        first = cgutils.gep_inbounds(builder, element, 0, TANGENTS)
        first = builder.bitcast(first, context.get_data_type(ty.base).as_pointer())
        place = builder.gep(first, [args[2]])
        context.pack_value(builder, ty.base, context.cast(builder, args[3], number, ty.base), place)
        return context.get_dummy_value()

    return types.void(duals, types.intp, types.intp, number), codegen


def _unit_vector(context, builder, dual, lane, block):
    """The address of a vector of tangents that are 1 in a lane, 0 in the others.

    It is cut out of a constant: ``block`` numbers, as many as there are from one aligned place to the next, of which
    one is 1, among zeros on both sides; and that for each place of the 1.
    """
    number = context.get_value_type(dual.base)
    name = f"dualdiff.units.{dual.base}.{dual.n}"
    table = builder.module.globals.get(name)
    if table is None:
        zeros = ir.Constant(ir.ArrayType(number, dual.n), None)
        blocks = [ir.Constant(ir.ArrayType(number, block), [float(i == k) for i in range(block)]) for k in range(block)]
        rows = [ir.Constant.literal_struct([zeros, row, zeros]) for row in blocks]
        table = cgutils.global_constant(builder.module, name, ir.Constant(ir.ArrayType(rows[0].type, block), rows))
        table.align = ALIGNMENT

    def bound(value):
        return ir.Constant(lane.type, value)

    lane = builder.select(builder.icmp_signed("<", lane, bound(0)), bound(-1), lane)
    lane = builder.select(builder.icmp_signed("<", lane, bound(dual.n)), lane, bound(dual.n))
    row = builder.and_(lane, bound(block - 1))
    first = builder.sub(bound(dual.n), builder.sub(lane, row))
    start = builder.add(builder.mul(row, bound(2 * dual.n + block)), first)
    place = builder.gep(builder.bitcast(table, number.as_pointer()), [start])
    return builder.bitcast(place, context.get_value_type(dual.tangents).as_pointer())


def unit(context, builder, dual, value, lane):
    """A dual with tangent 1 in a lane, 0 in the others; none if there is no such lane."""
    zero, one = (
        context.cast(builder, ir.Constant(ir.DoubleType(), number), types.float64, dual.base) for number in (0.0, 1.0)
    )
    is_vector = isinstance(dual.tangents, TangentsType)
    block = 8 * ALIGNMENT // dual.base.bitwidth if is_vector else 0
    if is_vector and dual.n > block and dual.n % block == 0:
        tangents = builder.load(_unit_vector(context, builder, dual, lane, block), align=ALIGNMENT)
    elif is_vector:
        places = ir.Constant(ir.VectorType(lane.type, dual.n), [ir.Constant(lane.type, k) for k in range(dual.n)])
        is_there = builder.icmp_signed("==", splat(builder, lane, dual.n), places)
        tangents = builder.select(is_there, splat(builder, one, dual.n), splat(builder, zero, dual.n))
    else:
        is_there = [builder.icmp_signed("==", lane, ir.Constant(lane.type, k)) for k in range(dual.n)]
        tangents = packed(context, builder, dual, [builder.select(here, one, zero) for here in is_there])
    return make(context, builder, dual, value, tangents)


@intrinsic
def _unit(typingctx, dual, lane):
    def codegen(context, builder, sig, args):
        return unit(context, builder, dual, parts(context, builder, dual, args[0]).value, args[1])

    return dual(dual, types.intp), codegen


@overload(seed, jit_options=BORROWING)
def _seed(x, start):
    if is_dual(x):
        return lambda x, start: _unit(x, -start)
    if not isinstance(x, types.Array):
        return None
    n = x.dtype.n

    def on_array(x, start):
        # the last pass's seeds are cleared one by one: the buffer may be far larger
        for i in range(within(start - n, x.size), within(start, x.size)):
            _set_tangent(x, i, i - start + n, 0.0)
        for i in range(within(start, x.size), within(start + n, x.size)):
            _set_tangent(x, i, i - start, 1.0)

    return on_array
