"""Sparse Jacobians of ``@njit`` functions: a driver whose passes over colours of columns are given as arrays."""

# Numba compares the signatures of an overload and its implementation, annotations included:
# functions that it compiles have none here.

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

from numba import njit
from numba.core import types
from numba.extending import intrinsic, overload
from numba.np import arrayobj

from .arithmetic import is_at_level, result_base
from .explain import readable
from .effects import writes_to_arguments
from .results import _put
from .seeding import BORROWING, for_compiled_code, put_flat, set_tangent
from .text import Text
from .transforms import DEFAULT_LANES, MOST_LANES, CompiledTransform
from .outputs import ndim_of
from .types import OPTIONS, array_of, is_number, new_array

seed_colours = for_compiled_code("seed_colours", "x, colours, weights, start")
empty_entries = for_compiled_code("empty_entries", "out, n, y, x")
collect_entries = for_compiled_code("collect_entries", "entries, y, x, first, last, targets, sources")


@overload(seed_colours, jit_options=BORROWING)
def _seed_colours(x, colours, weights, start):
    n = x.dtype.n

    def on_array(x, colours, weights, start):
        for i in range(x.size):
            lane = colours[i] - start
            if 0 <= lane < n:
                set_tangent(x, i, lane, weights[i])
            elif -n <= lane < 0:  # as the last pass left it
                set_tangent(x, i, lane + n, 0.0)

    return on_array


@overload(empty_entries, jit_options=OPTIONS)
def _empty_entries(out, n, y, x):
    if not isinstance(out, types.Array):
        element = types.TypeRef(result_base(y, x))
        return lambda out, n, y, x: new_array(n, element)

    def given(out, n, y, x):
        if out.size != n:
            raise ValueError("out must have one number for each entry of the pattern; it has, and they are:", out.size, n)
        return out

    return given


@intrinsic
def _number_at(typingctx, duals, i):
    """Number ``i`` of those in a contiguous array of duals: each is a value and its tangents."""
    ty = duals.dtype.base

    def codegen(context, builder, sig, args):
        array = arrayobj.make_array(duals)(context, builder, args[0])
        first = builder.bitcast(array.data, context.get_data_type(ty).as_pointer())
        return context.unpack_value(builder, ty, builder.gep(first, [args[1]]))

    return ty(duals, types.intp), codegen


@overload(collect_entries, jit_options=BORROWING)
def _collect_entries(entries, y, x, first, last, targets, sources):
    if is_at_level(y.dtype, x):

        def of_duals(entries, y, x, first, last, targets, sources):
            found = False
            for k in range(first, last):
                found |= _put(entries, targets[k], _number_at(y, sources[k]))
            return found

        return of_duals

    def of_constants(entries, y, x, first, last, targets, sources):
        for k in range(first, last):
            put_flat(entries, targets[k], 0.0)
        return False

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
        return {name: globals()[name] for name in ("seed_colours", "empty_entries", "collect_entries")}

    def text(self, argtypes: Sequence[types.Type], strict: bool, wide: bool | None = None) -> str:
        text = Text(argtypes, self.indices, self._starred, self._lanes(argtypes, strict, False), strict)
        return text.coloured(fresh=writes_to_arguments(self._f.py_func, self.indices))

    def _lanes(self, argtypes: Sequence[types.Type], strict: bool, wide: bool) -> int:
        return self._chunk or 1  # the passes are made for so many

    def _result(self, argtypes: Sequence[types.Type], n: int, strict: bool) -> types.Type:
        result = super()._result(argtypes, n, strict)
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


@functools.cache
def compiled_entries(f: Any, argnum: int, lanes: int) -> CompiledEntries:
    """The entries of the sparse Jacobian of an ``@njit`` function, so many tangents per pass."""
    return CompiledEntries("jacobian", _after_passes(f), argnum, lanes, with_value=False)


def _after_passes(f: Any) -> Any:
    """``f`` with parameters for the passes, which it does not use, in front of its own."""
    parameters = list(inspect.signature(f.py_func).parameters.values())
    listed = ", ".join([*PASSES, *(str(p.replace(default=p.empty, annotation=p.empty)) for p in parameters)])
    passed = ", ".join("*" * (p.kind is p.VAR_POSITIONAL) + p.name for p in parameters)
    scope: dict[str, Any] = {"_f": f}
    exec(f"def entry({listed}):\n    return _f({passed})\n", scope)
    entry: Any = functools.update_wrapper(scope["entry"], f.py_func, updated=())
    del entry.__wrapped__  # its parameters are others
    entry.__defaults__ = f.py_func.__defaults__
    return njit(entry)


def lanes_for(colours: int, chunk: int | None) -> int:
    """The tangents per pass: a power of two unless the chunk is given, LLVM has no other vectors."""
    return min(chunk or DEFAULT_LANES, MOST_LANES, 1 << max(colours - 1, 0).bit_length())
