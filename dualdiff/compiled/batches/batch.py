"""Batches: one compiled loop over samples for each function or derivative and the types of its arguments."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import types

from ...calls.arguments import as_input, check_memory, one_sample
from ...calls.threads import spread
from ...calls.trees import Like, as_results, flat, mapped
from ...kept import kept_by_first
from ..dual.types import is_number
from ..llvm import cache
from ..numba_internals import NumbaError, as_dtype, global_compiler_lock
from ..pipeline.clone import LoopCloneCompiler, clone
from ..pipeline.cost import must_stop
from ..transforms.dense import CompiledJvp, CompiledTransform
from ..transforms.driver import Driver, check_result, compile_clone, compiled_entry, type_of
from ..transforms.source import Given
from .rows import LONGEST
from .source import Argument, ArraySamples, Calls, Loop, ScalarSamples, is_of_numbers, lanes_of, number_type

PIECE = 1 << 18
"""Bytes of an argument that is not contiguous, or not of floats, which are copied at a time."""


class CompiledLoop:
    """A compiled loop over samples, with the strict one for where speculation has failed."""

    def __init__(self, write: Callable[[bool], Loop], arguments: Sequence[Argument], request: Sequence[Any]) -> None:
        self._write = write
        self.arguments = arguments
        self._code, self.loop = self._obtained(request)
        self._entry = self._code.entry_point
        self._strict_entry: Any = None

    def _obtained(self, request: Sequence[Any]) -> tuple[Any, Loop]:
        """The code and the loop that it is of, without its text: compiled, or what an earlier process has compiled."""
        kept = cache.Entry(*request)
        found = kept.load()
        if found is not None:
            return found
        loop = self._write(False)
        code, loop = self._compiled(loop, kept.name), dataclasses.replace(loop, text="", scope={})
        kept.save(code, loop)
        return code, loop

    def assembly(self) -> str:
        """The machine code, to look at."""
        return str(self._code.library.get_asm_str())

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
                    self._strict_entry = self._compiled(self._write(True), uuid.uuid4().hex).entry_point
            _, at, found = self._strict_entry(shapes, *arguments, *results)
        return at, found

    def _compiled(self, loop: Loop, name: str) -> Any:
        return compiled_entry(loop.function(), tuple(self._types(loop)), f"batch_{name}", nogil=True)

    def _types(self, loop: Loop) -> list[types.Type]:
        lengths = [(0,) * getattr(a.type, "ndim", 0) for a in self.arguments]
        found = [(0,) * ndim for ndim in loop.ndims]
        arguments = [
            types.Array(number_type(a.type), len(of_one) + 1, "C") if a.batched else a.type
            for a, of_one in zip(self.arguments, lengths, strict=True)
        ]
        results = [
            types.Array(output.type, 1 + len(output.shape_of(lengths, found)), "C") for output in flat(loop.results)
        ]
        return [types.Tuple([types.UniTuple(types.intp, ndim) for ndim in loop.ndims]), *arguments, *results]


def _is_direct(x: np.ndarray, dtype: np.dtype) -> bool:
    """Whether compiled code can read an array as it is."""
    return x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned


class Plan:
    """A loop for samples of known shapes: the types and shapes of its results, and how it gets its arguments.

    ``shapes`` is None if they depend on the shapes of arrays that f returns.
    """

    def __init__(self, compiled: CompiledLoop, of_samples: Sequence[tuple[int, ...]]) -> None:
        self.compiled = compiled
        self.loop = compiled.loop
        self.types = [as_dtype(output.type) for output in flat(self.loop.results)]
        self._of_samples = of_samples
        self.shapes = None if self.loop.ndims else self.result_shapes(())
        self._copied = [as_dtype(number_type(a.type)) if a.batched else None for a in compiled.arguments]

    def result_shapes(self, found: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """The shapes of the results of one sample, from those of the arrays that f returns."""
        return [output.shape_of(self._of_samples, found) for output in flat(self.loop.results)]

    def part(self, arguments: Sequence[Any], start: int, stop: int) -> list[Any]:
        """The arguments for some of the samples, as the loop takes them."""
        return [
            x if dtype is None else x[start:stop] if _is_direct(x, dtype) else np.require(x[start:stop], dtype, "CA")
            for x, dtype in zip(arguments, self._copied, strict=True)
        ]

    def piece(self, arguments: Sequence[Any], n: int) -> int:
        """How many samples are passed at a time: as many as there are, unless arguments have to be copied."""
        for x, dtype in zip(arguments, self._copied, strict=True):
            if dtype is not None and not _is_direct(x, dtype):
                size = math.prod(x.shape[1:]) * dtype.itemsize
                step = self.loop.step
                n = min(n, max(PIECE // max(size, 1) // step, 1) * step)
        return max(n, 1)


class Batch:
    """A function or a derivative over samples."""

    def __init__(self, g: Any) -> None:
        self._g = g
        self._loops: dict[Any, CompiledLoop] = {}
        self._plans: dict[Any, Plan] = {}
        self._indices: list[int] = g.indices if isinstance(g, CompiledTransform) else []

    def evaluated(self, given: Sequence[Any], batched: Sequence[bool], n: int, threads: int, out: Any = None) -> Any:
        """The results for n samples: arguments have the axis of samples in front where they are ``batched``."""
        arguments = self._prepared(list(given), batched)
        plan = self._plan(arguments, batched)
        shapes = plan.shapes
        found: tuple[tuple[int, ...], ...] = ()
        if shapes is None:  # f returns arrays
            one = arguments if n else [one_sample(x) if b else x for x, b in zip(arguments, batched, strict=True)]
            found = plan.compiled.shapes(plan.part(one, 0, 1))
            shapes = plan.result_shapes(found)
        check_memory(n * sum(math.prod(s) * d.itemsize for s, d in zip(shapes, plan.types, strict=True)), "batch")
        wanted: Sequence[Any] = [None] * len(shapes)
        if out is not None:
            like = (Like((n, *s), d) for s, d in zip(shapes, plan.types, strict=True))
            wanted = as_results(out, mapped(plan.loop.results, like))
        results = [
            r if r is not None and _can_be_filled(r, arguments) else np.empty((n, *shape), dtype)
            for r, shape, dtype in zip(wanted, shapes, plan.types, strict=True)
        ]

        def run(start: int, stop: int) -> None:
            for first in range(start, stop, length):
                last = min(first + length, stop)
                part = plan.part(arguments, first, last)
                at, unlike = plan.compiled.run(found, part, [r[first:last] for r in results])
                if at >= 0:
                    raise ValueError(
                        f"{self._g.__name__} returned arrays of shapes {found} for the first sample, "
                        f"and {unlike} for sample {first + at}"
                    )

        length = plan.piece(arguments, n)
        spread(run, n, threads, plan.loop.step)
        for r, result in zip(wanted, results, strict=True):
            if r is not None and r is not result:
                r[...] = result
        return mapped(plan.loop.results, iter(results)) if out is None else out

    def _prepared(self, arguments: list[Any], batched: Sequence[bool]) -> list[Any]:
        """The arguments with those checked that are the same for all samples, or to differentiate by."""
        if any(i >= len(arguments) for i in self._indices):
            raise ValueError(
                f"{self._g.__name__} was called with {len(arguments)} arguments, so there is no argument number "
                f"{max(self._indices)} to differentiate by"
            )
        for i, x in enumerate(arguments):
            if not batched[i]:
                if i in self._indices:
                    arguments[i] = as_input(x, self._g.names[i])
                elif isinstance(x, np.ndarray) and x.ndim:
                    arguments[i] = np.ascontiguousarray(x)
        for i in self._indices:
            self._g.check_ndim(i, np.ndim(arguments[i]) - batched[i])
        return arguments

    def _check_number(self, arguments: Sequence[Any]) -> None:
        """Raise if it is not called with so many arguments."""
        try:
            inspect.signature(self._g).bind(*arguments)
        except TypeError as error:
            raise TypeError(f"{self._g.__name__} is called with {len(arguments)} arguments: {error}") from None

    def _plan(self, arguments: Sequence[Any], batched: Sequence[bool]) -> Plan:
        """What is known of a call beforehand, from the types of its arguments and the shapes for one sample."""
        known = tuple(
            (x.dtype, x.shape[is_batched:], is_batched) if isinstance(x, np.ndarray) else type_of(x)
            for x, is_batched in zip(arguments, batched, strict=True)
        )
        if known not in self._plans:
            self._check_number(arguments)
            active = [i in self._indices for i in range(len(arguments))]
            of_samples = [getattr(x, "shape", ())[b:] for x, b in zip(arguments, batched, strict=True)]
            lengths = [_row_length(s) if b else None for s, b in zip(of_samples, batched, strict=True)]
            described = tuple(
                Argument(type_of_sample(x, a) if b else type_of(x), b, a, length=length)
                for x, b, a, length in zip(arguments, batched, active, lengths, strict=True)
            )
            size = sum(math.prod(of_samples[i]) for i in self._indices)
            self._plans[known] = Plan(self._loop(described, size), of_samples)
        return self._plans[known]

    def _loop(self, arguments: tuple[Argument, ...], size: int) -> CompiledLoop:
        """The loop for arguments of these types, with ``size`` parameters in a sample."""
        n = self._g.lanes_for(size) if self._indices else 1
        with global_compiler_lock:
            if (arguments, n) not in self._loops:
                of_f = self._g.request if isinstance(self._g, Driver) else (self._g, "value")
                request = (*of_f, "batch", arguments, n)
                write = functools.partial(self._written, arguments, n)
                self._loops[arguments, n] = CompiledLoop(write, arguments, request)
            return self._loops[arguments, n]

    def _written(self, arguments: tuple[Argument, ...], n: int, strict: bool) -> Loop:
        argtypes = [a.type for a in arguments]
        loop = self._across_samples(arguments, strict)
        if loop is not None:
            return loop
        if any(isinstance(argtypes[i], types.Array) for i in self._indices) and self._g.kind != "derivative":
            return self._rows(arguments, 1 if strict else n, strict)
        called = clone(self._g)
        given = None if isinstance(self._g, Driver) else self._given(argtypes)  # a derivative gives f what it needs
        lifted = [given.type(t) for t in argtypes] if given else argtypes
        y = compile_clone(called, folded(called, lifted), self._g.__name__)
        check_result("vmap", self._g.__name__, y)
        return Calls(called if given else self._g, arguments, y, given).written()

    def _given(self, argtypes: Sequence[types.Type]) -> Given:
        """How a function gets its arguments, none of which it is differentiated by."""
        called, given = clone(self._g), Given()
        try:
            compile_clone(called, folded(called, [given.type(t) for t in argtypes]), self._g.__name__)
        except (TypeError, NumbaError):
            return Given(frozen=False)
        return given

    def _rows(self, arguments: Sequence[Argument], n: int, strict: bool) -> Loop:
        """The loop over samples of arrays, with n tangents per pass."""
        kind, _, single, with_value = self._request()
        argtypes = [a.type for a in arguments]
        y, given = self._g.result_type(argtypes, n, strict), self._g.given(argtypes, n, strict)
        loop = ArraySamples(kind, self._g.clone_for(given), arguments, self._indices, y, n, strict, given)
        return loop.written(single, with_value)

    def _across_samples(self, arguments: Sequence[Argument], strict: bool) -> Loop | None:
        """The loop that takes several samples at a time; None if f needs arrays, or makes any."""
        if isinstance(self._g, CompiledJvp) or not all(
            is_number(a.type) or a.is_row for a in arguments if a.batched or a.active
        ):
            return None
        kind, f, single, with_value = self._request()
        if must_stop(f):
            return None  # no loop that can stop is vectorised
        looped = clone(f, LoopCloneCompiler)
        *lanes, n = lanes_of(arguments)
        try:
            lifted = [a.lifted(1, n, lane, strict) for a, lane in zip(arguments, lanes, strict=True)]
            y = compile_clone(looped, folded(looped, lifted), f.__name__)
            check_result("vmap" if kind == "value" else kind, f.__name__, y)
        except (TypeError, ValueError, NumbaError):
            if any(a.is_row or a.holds_arrays for a in arguments):
                return None  # f wants more of it than its elements, or writes to it
            raise
        if not is_of_numbers(y, kind):
            return None
        return ScalarSamples(kind, looped, arguments, self._indices, y, 1, strict).written(single, with_value)

    def _request(self) -> tuple[str, Any, bool, bool]:
        if isinstance(self._g, CompiledTransform):
            f, kind, argnums, _, with_value = self._g.request
            return kind, f, not isinstance(argnums, tuple), with_value
        return "value", self._g, True, False


def _row_length(shape: tuple[int, ...]) -> int | None:
    """The length of a sample's array that may become a row of numbers."""
    return shape[0] if len(shape) == 1 and 0 < shape[0] <= LONGEST else None


def folded(f: Any, argtypes: Sequence[types.Type]) -> Sequence[types.Type]:
    """The types of all parameters of f, when it is called with arguments of these: with defaults, and *args packed."""
    return f.fold_argument_types(tuple(argtypes), {})[1]


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


@kept_by_first
def batch(g: Any) -> Batch:
    """The loops of a function or a derivative; one object, and so one compilation, for all that ask."""
    return Batch(g)
