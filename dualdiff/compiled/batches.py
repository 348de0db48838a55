"""Batches: one compiled loop over samples for each function or derivative and the types of its arguments."""

from __future__ import annotations

import functools
import math
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba.core import types
from numba.core.compiler_lock import global_compiler_lock
from numba.np.numpy_support import as_dtype

from ..inputs import as_input, check_memory
from ..threads import spread
from ..trees import as_results, flat, mapped
from .batch_text import HELPERS, Argument, Calls, Loop, Numbers, is_of_numbers, number_type
from .clone import LoopCloneCompiler, clone
from .drivers import CompiledJvp, CompiledTransform, check_result, compile_clone, compiled_entry, type_of
from .samples import STRIDE, sample_type
from .types import is_number

PIECE = 1 << 18
"""Bytes of an argument that is not contiguous, or not of floats, which are copied at a time."""


class Kernel:
    """A compiled loop over samples, with the strict one for where speculation has failed."""

    def __init__(self, write: Callable[[bool], Loop], arguments: Sequence[Argument]) -> None:
        self._write = write
        self._arguments = arguments
        self.loop = write(False)
        self._entry = self._compiled(self.loop)
        self._strict_entry: Any = None

    def shapes(self, arguments: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
        """The shapes of the arrays that f returns for the first sample."""
        unlike = tuple((-1,) * ndim for ndim in self.loop.ndims)
        nowhere = [np.empty((0,) * ty.ndim, as_dtype(ty.dtype)) for ty in self._types(self.loop)[1 + len(arguments) :]]
        return self._entry(unlike, *arguments, *nowhere)[2]

    def run(self, shapes: Any, arguments: Sequence[Any], results: Sequence[np.ndarray]) -> tuple[int, Any]:
        """Evaluate all samples; return the one at which f has returned arrays of other shapes, or -1, and those."""
        failed, at, found = self._entry(shapes, *arguments, *results)
        if failed:
            with global_compiler_lock:
                if self._strict_entry is None:
                    self._strict_entry = self._compiled(self._write(True))
            _, at, found = self._strict_entry(shapes, *arguments, *results)
        return at, found

    def _compiled(self, loop: Loop) -> Any:
        scope = {**HELPERS, **loop.scope}
        exec(compile(loop.text, "<dualdiff batch>", "exec"), scope)
        name = f"batch_{uuid.uuid4().hex}"
        return compiled_entry(scope["kernel"], tuple(self._types(loop)), name, nogil=True).entry_point

    def _types(self, loop: Loop) -> list[types.Type]:
        lengths = [(0,) * getattr(a.type, "ndim", 0) for a in self._arguments]
        found = [(0,) * ndim for ndim in loop.ndims]
        arguments = [
            types.Array(number_type(a.type), len(of_one) + 1, "C") if a.batched else a.type
            for a, of_one in zip(self._arguments, lengths, strict=True)
        ]
        results = [
            types.Array(output.type, 1 + len(output.shape_of(lengths, found)), "C") for output in flat(loop.results)
        ]
        return [types.Tuple([types.UniTuple(types.intp, ndim) for ndim in loop.ndims]), *arguments, *results]


class Batch:
    """A function or a derivative over samples."""

    def __init__(self, g: Any) -> None:
        self._g = g
        self._kernels: dict[Any, Kernel] = {}
        self._indices: list[int] = g.indices if isinstance(g, CompiledTransform) else []

    def evaluated(self, given: Sequence[Any], batched: Sequence[bool], n: int, threads: int, out: Any = None) -> Any:
        """The results for n samples: arguments have the axis of samples in front where they are ``batched``."""
        arguments = self._prepared(list(given), batched)
        described = tuple(
            Argument(type_of_sample(x, i in self._indices) if is_batched else type_of(x), is_batched, i in self._indices)
            for i, (x, is_batched) in enumerate(zip(arguments, batched, strict=True))
        )
        of_samples = [np.shape(x)[a.batched :] for x, a in zip(arguments, described, strict=True)]
        kernel = self._kernel(described, sum(math.prod(of_samples[i]) for i in self._indices))
        dtypes = [as_dtype(number_type(a.type)) if a.batched else None for a in described]

        def part(start: int, stop: int) -> list[Any]:
            return [
                x if dtype is None else np.require(x[start:stop], dtype, "CA")
                for x, dtype in zip(arguments, dtypes, strict=True)
            ]

        found = kernel.shapes(part(0, 1)) if n and kernel.loop.ndims else tuple((0,) * d for d in kernel.loop.ndims)
        outputs = flat(kernel.loop.results)
        needed = [  # their shapes and types, without the memory
            np.broadcast_to(np.empty((), as_dtype(output.type)), (n, *output.shape_of(of_samples, found)))
            for output in outputs
        ]
        check_memory(sum(like.size * like.itemsize for like in needed), f"result for {n} samples")
        wanted = [None] * len(needed) if out is None else as_results(out, mapped(kernel.loop.results, iter(needed)))
        results = [
            r if r is not None and _can_be_filled(r, arguments) else np.empty(like.shape, like.dtype)
            for r, like in zip(wanted, needed, strict=True)
        ]

        def run(start: int, stop: int) -> None:
            for first in range(start, stop, length):
                last = min(first + length, stop)
                at, shapes = kernel.run(found, part(first, last), [r[first:last] for r in results])
                if at >= 0:
                    raise ValueError(
                        f"{self._g.__name__} returned arrays of shapes {found} for the first sample, "
                        f"and {shapes} for sample {first + at}"
                    )

        length = self._piece(arguments, dtypes, n)
        spread(run, n, threads, STRIDE)
        for r, result in zip(wanted, results, strict=True):
            if r is not None and r is not result:
                r[...] = result
        return out if out is not None else mapped(kernel.loop.results, iter(results))

    def _prepared(self, arguments: list[Any], batched: Sequence[bool]) -> list[Any]:
        if any(i >= len(arguments) for i in self._indices):
            raise ValueError(
                f"{self._g.__name__} was called with {len(arguments)} arguments, so there is no argument number "
                f"{max(self._indices)} to differentiate by"
            )
        for i, x in enumerate(arguments):
            if not batched[i]:
                active = i in self._indices
                arguments[i] = as_input(x, self._g.names[i]) if active else np.ascontiguousarray(x) if np.ndim(x) else x
        if isinstance(self._g, CompiledTransform):
            for i in self._indices:
                self._g.check_ndim(i, np.ndim(arguments[i]) - batched[i])
        return arguments

    def _piece(self, arguments: Sequence[Any], dtypes: Sequence[Any], n: int) -> int:
        """How many samples are passed at a time: all of a part, unless arguments have to be copied."""
        length = max(n, 1)
        for x, dtype in zip(arguments, dtypes, strict=True):
            if dtype is not None and not (x.flags.c_contiguous and x.flags.aligned and x.dtype == dtype):
                size = math.prod(x.shape[1:]) * dtype.itemsize
                length = min(length, max(PIECE // max(size, 1) // STRIDE, 1) * STRIDE)
        return length

    def _kernel(self, arguments: tuple[Argument, ...], size: int) -> Kernel:
        """The loop for arguments of these types, with ``size`` parameters in a sample."""
        n = self._g.lanes_for(size) if self._indices else 1
        with global_compiler_lock:
            if (arguments, n) not in self._kernels:
                self._kernels[arguments, n] = Kernel(functools.partial(self._written, arguments, n), arguments)
            return self._kernels[arguments, n]

    def _written(self, arguments: tuple[Argument, ...], n: int, strict: bool) -> Loop:
        argtypes = [a.type for a in arguments]
        if all(is_number(a.type) for a in arguments if a.batched or a.active) and not isinstance(self._g, CompiledJvp):
            kind, f, single, with_value = self._request()
            looped = clone(f, LoopCloneCompiler)
            lanes = [i for i, a in enumerate(arguments) if a.active]
            lifted = [
                sample_type(a.type, 1, len(lanes), lanes.index(i), strict) if a.active else a.type
                for i, a in enumerate(arguments)
            ]
            y = compile_clone(looped, lifted, f.__name__)
            check_result(kind, f.__name__, y)
            if is_of_numbers(y):
                return Numbers(kind, looped, arguments, y, 1, strict).written(single, with_value)
        elif self._indices and any(isinstance(argtypes[i], types.Array) for i in self._indices) and self._g.kind != "derivative":
            return self._g.rows(arguments, 1 if strict else n, strict)
        y = compile_clone(clone(self._g), argtypes, self._g.__name__)
        return Calls(self._g, arguments, y).written()

    def _request(self) -> tuple[str, Any, bool, bool]:
        if isinstance(self._g, CompiledTransform):
            f, kind, argnums, _, with_value = self._g.request
            return kind, f, not isinstance(argnums, tuple), with_value
        return "value", self._g, True, False


def type_of_sample(x: np.ndarray, active: bool) -> types.Type:
    """The Numba type of one sample in an array of them; integers to differentiate by are floats."""
    dtype = x.dtype.newbyteorder("=")
    if active and dtype.kind in "iu":
        dtype = np.dtype(np.float64)
    if active and dtype.char not in "fd":
        raise TypeError(
            f"an argument has dtype {x.dtype}: derivatives are taken by float64 or float32 (integers become float64)"
        )
    number = type_of(np.empty(1, dtype)).dtype
    return types.Array(number, x.ndim - 1, "C") if x.ndim > 1 else number


def _can_be_filled(r: np.ndarray, arguments: Sequence[Any]) -> bool:
    """Whether the loop can write to an array while it reads the arguments."""
    return r.flags.carray and not any(isinstance(x, np.ndarray) and np.may_share_memory(r, x) for x in arguments)


@functools.cache
def batch(g: Any) -> Batch:
    """The loops of a function or a derivative; one object, and so one compilation, for all that ask."""
    return Batch(g)
