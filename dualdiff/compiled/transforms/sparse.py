"""Sparse Jacobians of ``@njit`` functions: a driver whose passes over colours of columns are given as arrays."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from ...generated import for_compiled_code, function_from
from ...kept import kept_by_first
from ..arrays.joining import ndim_of
from ..dual.arithmetic import is_at_level, result_base, splat
from ..dual.elements import BORROWING, get_flat, put_flat
from ..dual.layout import TANGENTS, make, new_array, packed
from ..dual.types import OPTIONS, TangentsType, array_of, is_number
from ..numba_internals import arrayobj, cgutils
from ..pipeline.diagnostics import readable
from .dense import DEFAULT_LANES, MOST_LANES, CompiledTransform
from .driver import are_several, described
from .seeding import dual_type
from .signatures import compiled_like, parameters, with_leading
from .source import Text

room = for_compiled_code("room", "x, level, n, strict")
seed_colours = for_compiled_code("seed_colours", "duals, x, colours, weights, start")
empty_entries = for_compiled_code("empty_entries", "out, n, y, x")
collect_entries = for_compiled_code("collect_entries", "entries, y, x, first, last, targets, sources")


@overload(room, jit_options=OPTIONS, prefer_literal=True)
def _room(x, level, n, strict):
    if not isinstance(n, types.IntegerLiteral):
        return None  # Numba asks again, with literals
    element = types.TypeRef(dual_type(x, level, n.literal_value, bool(strict.literal_value)))
    return lambda x, level, n, strict: new_array(x.shape, element)


@intrinsic
def _with_tangent(typingctx, x, lane, weight, duals):
    """The dual of ``x`` with one tangent, in a lane; none if there is no such lane."""
    ty = duals.dtype

    def codegen(context, builder, sig, args):
        lane = args[1]
        weight = context.cast(builder, args[2], types.float64, ty.base)
        zero = context.cast(builder, ir.Constant(ir.DoubleType(), 0.0), types.float64, ty.base)
        if isinstance(ty.tangents, TangentsType):
            numbers = ir.Constant(ir.VectorType(lane.type, ty.n), list(range(ty.n)))
            here = builder.icmp_signed("==", splat(builder, lane, ty.n), numbers)
            tangents = builder.select(here, splat(builder, weight, ty.n), splat(builder, zero, ty.n))
        else:
            cells = (builder.select(builder.icmp_signed("==", lane, lane.type(k)), weight, zero) for k in range(ty.n))
            tangents = packed(context, builder, ty, list(cells))
        return make(context, builder, ty, context.cast(builder, args[0], x, ty.base), tangents)

    return ty(x, types.intp, types.float64, duals), codegen


@overload(seed_colours, jit_options=BORROWING)
def _seed_colours(duals, x, colours, weights, start):
    if x.layout == "C":

        def on_contiguous(duals, x, colours, weights, start):
            for i in range(x.size):
                put_flat(duals, i, _with_tangent(get_flat(x, i), colours[i] - start, weights[i], duals))

        return on_contiguous

    def on_array(duals, x, colours, weights, start):
        i = 0
        for number in x.flat:
            put_flat(duals, i, _with_tangent(number, colours[i] - start, weights[i], duals))
            i += 1

    return on_array


@overload(empty_entries, jit_options=OPTIONS)
def _empty_entries(out, n, y, x):
    if not isinstance(out, types.Array):
        element = types.TypeRef(result_base(y, x))
        return lambda out, n, y, x: new_array(n, element)

    def given(out, n, y, x):
        if out.size != n:
            raise ValueError("out must have a number for each entry of the pattern: entries, numbers:", n, out.size)
        return out

    return given


@intrinsic
def _tangent_number(typingctx, duals, i):
    """Tangent ``i`` of those in a contiguous array of duals."""
    ty = duals.dtype.base

    def codegen(context, builder, sig, args):
        array = arrayobj.make_array(duals)(context, builder, args[0])
        n = args[1].type(duals.dtype.n)
        dual = builder.gep(array.data, [builder.udiv(args[1], n)])
        first = cgutils.gep_inbounds(builder, dual, 0, TANGENTS)
        first = builder.bitcast(first, context.get_data_type(ty).as_pointer())
        return context.unpack_value(builder, ty, builder.gep(first, [builder.urem(args[1], n)]))

    return ty(duals, types.intp), codegen


@overload(collect_entries, jit_options=BORROWING)
def _collect_entries(entries, y, x, first, last, targets, sources):
    if is_at_level(y.dtype, x):

        def of_duals(entries, y, x, first, last, targets, sources):
            if targets.size == 0:
                for k in range(first, last):
                    put_flat(entries, k, _tangent_number(y, sources[k]))
            else:
                for k in range(first, last):
                    put_flat(entries, targets[k], _tangent_number(y, sources[k]))

        return of_duals

    def of_constants(entries, y, x, first, last, targets, sources):
        for k in range(first, last):
            put_flat(entries, k if targets.size == 0 else targets[k], 0.0)

    return of_constants


PASSES = ("_colours", "_weights", "_ends", "_targets", "_sources", "_rows", "_out")
"""The parameters in front of those of f: the fields of ``colouring.Passes``, and where the entries go, or None."""


class CompiledEntries(CompiledTransform):
    """The entries of a sparse Jacobian, called with the passes to make, and then as f is."""

    leading = len(PASSES)

    def __repr__(self) -> str:
        return f"<sparse jacobian of {self.__name__}>"

    def __reduce__(self) -> Any:
        raise TypeError("a sparse Jacobian is pickled by its function and its pattern")

    @property
    def request(self) -> tuple[Any, ...]:
        return *super().request, "sparse"

    def scope(self, argtypes: Sequence[types.Type], strict: bool) -> dict[str, Any]:
        helpers = ("room", "seed_colours", "empty_entries", "collect_entries")
        return {**super().scope(argtypes, strict), **{name: globals()[name] for name in helpers}}

    def text(self, argtypes: Sequence[types.Type], strict: bool, wide: bool | None = None) -> str:
        lanes = self._lanes(argtypes, strict, False)
        given = self.given(argtypes, lanes, strict)
        self._referred = {"f": self.clone_for(given)}
        return Text(argtypes, self.indices, self._starred, lanes, strict, given=given).coloured()

    def _lanes(self, argtypes: Sequence[types.Type], strict: bool, wide: bool) -> int:
        return self._chunk or 1  # the passes are made for so many

    _only_read: list[int] = []  # noqa: RUF012 (a lane is for all elements of a colour)

    def result_type(self, argtypes: Sequence[types.Type], n: int, strict: bool) -> types.Type:
        result = super().result_type(argtypes, n, strict)
        if are_several(result):
            raise ValueError(
                f"sparse_jacobian expects that {self.__name__} returns one array, not {described(result)} of different "
                f"shapes"
            )
        if ndim_of(result) == 0:
            raise ValueError(
                f"sparse_jacobian expects that {self.__name__} returns an array, not a number: "
                f"perhaps you want gradient({self.__name__})"
            )
        out = argtypes[self.leading - 1]
        x = argtypes[self.indices[0]]
        if isinstance(out, types.Array) and is_number(x.dtype):
            needed = array_of(x.dtype if isinstance(x.dtype, types.Float) else types.float64, 1)
            if out != needed:
                raise TypeError(f"out must be {readable(needed)}, not {readable(out)}")
        return result


@kept_by_first
def compiled_entries(f: Any, argnum: int, lanes: int) -> CompiledEntries:
    """The entries of the sparse Jacobian of an ``@njit`` function, so many tangents per pass."""
    return CompiledEntries("jacobian", with_leading(f, PASSES), argnum, lanes, with_value=False)


def with_passes(entries: CompiledEntries, passes: Sequence[Any]) -> Any:
    """The entries as a function with the parameters of f, for ``@njit`` code."""
    own, passed = parameters(inspect.signature(entries.py_func), entries.leading)
    scope: dict[str, Any] = {"_entries": entries, **dict(zip(PASSES, (*passes, None), strict=True))}
    text = f"def entry({', '.join(own)}):\n    return _entries({', '.join(PASSES)}, {passed})\n"
    return compiled_like(function_from(text, scope), entries)


def type_of_function(f: Any) -> types.Type:
    """The Numba type of an object that stands for an ``@njit`` function."""
    return types.Dispatcher(f)


def lanes_for(colours: int, chunk: int | None) -> int:
    """The tangents per pass: a power of two unless the chunk is given, LLVM has no other vectors."""
    return min(chunk or DEFAULT_LANES, MOST_LANES, 1 << max(colours - 1, 0).bit_length())
