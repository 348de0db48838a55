"""Elementary functions over plain arrays: a rule becomes a Numba loop, compiled at first use.

One pass over memory computes the value, the partial derivatives and all N tangents, in blocks that
stay in the first-level cache. A block is gathered into scratch rows, one per operand; small
compiled loops, one per function and partial derivative, write the further rows; what does not
depend on the function is compiled once per number of operands. So a new function costs two or
three loops of one line, whatever the layout, broadcasting or number of tangents of its operands.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..dual.levels import is_masked
from ..generated import function_from
from ..rules import chain
from ..rules.function import Function
from ..rules.table import RULES

BLOCK = 128
"""Numbers per block. All rows of the scratch and the memory that belongs to them stay in the first-level cache; rows of
512 numbers, 4 KiB each, would compete for the same places in it."""


def elementwise(
    function: Any,
    path: tuple[int, ...],
    values: Sequence[np.ndarray],
    tangents: Sequence[np.ndarray | None],
    alone: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """An elementary function of arrays, and its tangents.

    Parameters
    ----------
    function, path : the function, or with ``path = (i, j, ...)`` its mixed partial derivative by
        those arguments.
    values : aligned arrays of one float dtype, whose shapes S_i broadcast to S.
    tangents : for each argument an array of shape (N,) + S_i, or None for a constant.
    alone : whether the function is differentiated by one argument only.

    Returns the result, of shape S, and its tangents, of shape (N,) + S, in the memory order of the
    operands.
    """
    shape = np.broadcast(*values).shape if len(values) > 1 else values[0].shape
    dtype = values[0].dtype
    lanes = next((len(t) for t in tangents if t is not None), 0)
    rows, columns, tables, axes = _as_tables(shape, values, tangents)
    # one piece of memory: what is freed at once is more likely to be had again, which saves the kernel's page faults
    memory = np.empty((1 + lanes, rows * columns), dtype)
    y, dy = memory[0], memory[1:]
    if y.size:
        absent = np.empty((0, 1, 1), dtype)
        active = tuple(t is not None for t in tangents)
        loops = _loops(function, path, dtype.char, active, alone)
        dual = iter(tables[len(values) :])
        lifted = tuple(next(dual) if is_dual else absent for is_dual in active)
        layout = "C" if all(table.flags.c_contiguous for table in tables) else "A"
        _driver(len(values), dtype.char, layout)(loops, y, dy, rows, columns, tuple(tables[: len(values)]), lifted)
    if axes is None:
        return y.reshape(shape), dy.reshape((lanes, *shape))
    stored = tuple(shape[axis] for axis in axes)
    back = np.argsort(axes)
    return y.reshape(stored).transpose(back), dy.reshape((lanes, *stored)).transpose(0, *(back + 1))


def on_arrays(function: Function, *arrays: np.ndarray) -> Any:
    """A function of ours over plain arrays."""
    if any(map(is_masked, arrays)):
        raise TypeError(f"{function.__name__} does not take masked arrays: pass the data, or x.filled(...)")
    dtype = np.result_type(*arrays, *(np.float64 for a in arrays if a.dtype.kind in "biu"))
    if dtype.char not in "fd":
        raise TypeError(f"{function.__name__} takes arrays of float64 or float32, not {dtype}")
    y, _ = elementwise(function, (), [np.require(a, dtype, "A") for a in arrays], [None] * len(arrays))
    return y if y.ndim else y[()]


# --- operands as tables of rows and columns -------------------------------------------------


def _as_tables(
    shape: tuple[int, ...], values: Sequence[np.ndarray], tangents: Sequence[np.ndarray | None]
) -> tuple[int, int, list[np.ndarray], list[int] | None]:
    """The operands with their axes merged into rows and columns, shape (lanes, rows, columns).

    Along rows or columns an operand has size 1 where it is broadcast. Nothing is copied unless the
    operands need three loops or more. Returns also the order of the axes, None for C order.
    """
    duals = [t for t in tangents if t is not None]
    whole = all(v.size == 1 or (v.shape == shape and v.flags.c_contiguous) for v in values)
    if whole and all(t.flags.c_contiguous for t in duals):
        tables = [v.reshape(1, 1, -1) for v in values]
        tables += [t.reshape(len(t), 1, -1) if t.size else t.reshape(0, 1, 1) for t in duals]
        return 1, prod(shape), tables, None
    operands = [v.reshape((1,) * (1 + len(shape) - v.ndim) + v.shape) for v in values]
    operands += [t.reshape(t.shape[:1] + (1,) * (1 + len(shape) - t.ndim) + t.shape[1:]) for t in duals]
    axes = _memory_order(shape, operands)
    stored = [axis for axis in axes if shape[axis] != 1]
    dropped = [axis for axis in axes if shape[axis] == 1]
    operands = [a.transpose(0, *(1 + k for k in dropped + stored)) for a in operands]
    operands = [a.reshape(a.shape[:1] + a.shape[1 + len(dropped) :]) for a in operands]
    sizes = tuple(shape[axis] for axis in stored)
    split = max(len(sizes) - 1, 0)
    while split > 0 and all(_merges(a, split, sizes) for a in operands):
        split -= 1
    tables = [_table(a, sizes, split) for a in operands]
    return prod(sizes[:split]), prod(sizes[split:]), tables, None if axes == sorted(axes) else axes


def _memory_order(shape: tuple[int, ...], operands: Sequence[np.ndarray]) -> list[int]:
    """The axes by falling stride in the first operand that is not broadcast."""
    strides = next((a.strides[1:] for a in operands if a.shape[1:] == shape), ())
    axes = list(range(len(shape)))
    return sorted(axes, key=lambda axis: -abs(strides[axis])) if strides else axes


def _merges(array: np.ndarray, split: int, sizes: tuple[int, ...]) -> bool:
    """Whether one stride steps through the axes before and after ``split`` alike."""
    outer, inner = (0 if array.shape[k] == 1 else array.strides[k] for k in (split, split + 1))
    return outer == inner * sizes[split]


def _table(array: np.ndarray, sizes: tuple[int, ...], split: int) -> np.ndarray:
    parts = [(array.shape[1:][part], sizes[part]) for part in (slice(None, split), slice(split, None))]
    rows, columns = (own if prod(own) == 1 else full for own, full in parts)
    if array.shape[1:] != rows + columns:
        array = np.broadcast_to(array, array.shape[:1] + rows + columns)
    return array.reshape(len(array), prod(rows), prod(columns))


# --- compiled loops -------------------------------------------------------------------------

_building = threading.RLock()
_built: dict[Any, Any] = {}


def _once(build: Callable[..., Any]) -> Callable[..., Any]:
    """Build once for each set of arguments, also when several threads ask at the same time."""

    def lookup(*key: Any) -> Any:
        found = _built.get((build, *key))
        if found is None:
            with _building:
                found = _built.get((build, *key))
                if found is None:
                    found = _built[(build, *key)] = build(*key)
        return found

    return lookup


@_once
def _loops(function: Any, path: tuple[int, ...], char: str, active: tuple[bool, ...], alone: bool) -> np.ndarray:
    """The addresses of the loops for a function and its partial derivatives, 0 for a constant argument."""
    nin = len(active)
    loops = [_value_loop(function, path, nin, char)]
    alone = alone and RULES[function].alone is not RULES[function].partials
    loops += [_partial_loop(function, path, i, nin, char, alone) if on else None for i, on in enumerate(active)]
    return np.array([0 if loop is None else loop.address for loop in loops], np.intp)


@_once
def _value_loop(function: Any, path: tuple[int, ...], nin: int, char: str) -> Any:
    from ..compiled.dual import overloads

    return _loop(overloads.derived(function, path), nin, nin, nin, char)


@_once
def _partial_loop(function: Any, path: tuple[int, ...], i: int, nin: int, char: str, alone: bool) -> Any:
    from ..compiled.dual import overloads

    if path:
        return _loop(overloads.derived(function, (*path, i), alone), nin, nin, nin + 1 + i, char)
    partial = overloads.compiled_partial(RULES[function].partial(i, 1 if alone else nin))
    return _loop(partial, nin + 1, nin, nin + 1 + i, char)


_LOOP = """
def loop(address, n):
    scratch = carray(address, shape)
    for j in range((n + stride - 1) // stride * stride):
        scratch[target, j] = function({operands})
"""


def _loop(function: Any, arity: int, nin: int, target: int, char: str) -> Any:
    """A C function that applies ``function`` to the first rows of a scratch and writes row ``target``.

    It takes whole vectors, so that every number takes the same way through the same code.
    """
    from numba import carray, cfunc, types

    from ..compiled.llvm.vectorising import STRIDE, VectorisedCCompiler
    from ..compiled.numba_internals import from_dtype

    scope = {"carray": carray, "shape": (_height(nin), BLOCK), "target": target, "function": function, "stride": STRIDE}
    loop = function_from(_LOOP.format(operands=", ".join(f"scratch[{i}, j]" for i in range(arity))), scope)
    dtype = from_dtype(np.dtype(char))
    signature = types.void(types.CPointer(dtype), types.intp)
    return cfunc(signature, error_model="numpy", pipeline_class=VectorisedCCompiler)(loop)


def _height(nin: int) -> int:
    """Rows of the scratch: the operands, the result, the partial derivatives, a tangent."""
    return nin + 1 + nin + 1


@_once
def _driver(nin: int, char: str, layout: str) -> Any:
    """The part of every kernel that does not depend on the function; for contiguous operands LLVM vectorises it."""
    from numba import njit, types

    from ..compiled.numba_internals import from_dtype

    gather, accumulate, call = _parts(char, layout)
    dtype = from_dtype(np.dtype(char))
    operands = types.UniTuple(types.Array(dtype, 3, layout, readonly=True), nin)
    loops = types.Array(types.intp, 1, "C")
    height = _height(nin)

    @njit(
        types.void(loops, dtype[::1], dtype[:, ::1], types.intp, types.intp, operands, operands),
        nogil=True,
        error_model="numpy",
    )
    def drive(loops, y, dy, rows, columns, values, tangents):
        scratch = np.full((height, BLOCK), 0.5, y.dtype)  # also what lies beyond the last number is computed with
        spare = scratch[height - 1]
        width = min(columns, BLOCK)
        deep = BLOCK // width
        for row in range(0, rows, deep):
            h = min(deep, rows - row)
            for column in range(0, columns, width):
                w = min(width, columns - column)
                start = row * columns + column
                n = h * w
                for i in range(nin):
                    gather(scratch[i], values[i][0], row, column, h, w)
                call(loops[0], scratch, n)
                values_here, result = y[start : start + n], scratch[nin]
                for j in range(n):
                    values_here[j] = result[j]
                first = True
                for i in range(nin):
                    if loops[1 + i] == 0:
                        continue
                    call(loops[1 + i], scratch, n)
                    for k in range(len(dy)):
                        total = dy[k, start : start + n]
                        accumulate(total, scratch[nin + 1 + i], tangents[i][k], row, column, h, w, first, spare)
                    first = False

    return drive


@_once
def _parts(char: str, layout: str) -> tuple[Any, Any, Any]:
    """What the driver calls for each block. Small functions, so that LLVM vectorises their loops."""
    from llvmlite import ir
    from numba import njit, types
    from numba.extending import intrinsic

    from ..compiled.numba_internals import from_dtype

    dtype = from_dtype(np.dtype(char))
    table, line = (types.Array(dtype, ndim, layout, readonly=True) for ndim in (2, 1))
    scaled_array = njit(chain.scaled)

    # elements of slices are counted from 0: Numba knows that no index is negative

    @njit(types.void(dtype[::1], table, *(types.intp,) * 4), error_model="numpy")
    def gather(block, table, row, column, h, w):
        step = 0 if table.shape[0] == 1 else 1
        for r in range(h):
            at = (row + r) * step
            target = block[r * w : (r + 1) * w]
            if table.shape[1] == 1:
                for c in range(w):
                    target[c] = table[at, 0]
            else:
                source = table[at, column : column + w]
                for c in range(w):
                    target[c] = source[c]

    @njit(types.void(dtype[::1], dtype[::1], line, types.boolean), error_model="numpy")
    def add(total, partial, tangent, first):
        if first:
            for c in range(len(total)):
                total[c] = scaled_array(partial[c], tangent[c])
        else:
            for c in range(len(total)):
                total[c] += scaled_array(partial[c], tangent[c])

    @njit(types.void(dtype[::1], dtype[::1], table, *(types.intp,) * 4, types.boolean, dtype[::1]), error_model="numpy")
    def accumulate(total, partial, table, row, column, h, w, first, spare):
        if h == 1 and table.shape[1] > 1:
            add(total, partial, table[row if table.shape[0] > 1 else 0, column : column + w], first)
        else:
            gather(spare, table, row, column, h, w)
            add(total, partial, spare, first)

    @intrinsic
    def call(typing_context, address, scratch, n):
        def generate(context, builder, signature, args):
            address, scratch, n = args
            data = context.make_array(signature.args[1])(context, builder, scratch).data
            function = ir.FunctionType(ir.VoidType(), [data.type, n.type])
            builder.call(builder.inttoptr(address, function.as_pointer()), [data, n])
            return context.get_dummy_value()

        return types.void(address, scratch, n), generate

    return gather, accumulate, call
