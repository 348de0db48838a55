"""The transforms of ``@njit`` functions: drivers for each, and how many tangents they take at a time."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit, typeof, types

from ...calls.arguments import as_input
from ...dual.nesting import level_of as level_of_value
from ...generated import function_from
from ...kept import kept_by_first
from ..dual.freezing import HOLDERS, frozen_type
from ..dual.types import OPTIONS, ReaderType, is_dual, is_number
from ..numba_internals import NumbaError, OmittedArg, TypingError
from ..pipeline.clone import DUALS_INTO_FLOATS, CloneCompiler, InlinedCloneCompiler, clone
from ..pipeline.cost import is_bounds_checked, is_costly, is_recursive
from ..pipeline.diagnostics import readable
from ..pipeline.mutation import only_reads_numbers
from . import seeding
from .driver import Driver, Stub, StubType, are_several, check_result, compile_clone, is_strict
from .source import Given, Text

DEFAULT_LANES = 16
"""Tangents per pass over arrays that are not long."""

WIDE_LANES = {"gradient": 64, "jacobian": 32, "hessian": 32}
"""Tangents per pass over long arrays. Measured with 16 to 1000 parameters: every pass computes the values again, which
speaks for many lanes where values are costly; spilled registers, caches that duals no longer fit in, and idle lanes in
the last pass speak for few. With 64 lanes a gradient of exponentials and cosines costs 0.45 of one with 16 for 100
parameters, 0.35 for 1000; one of products 0.95 and 0.75. A function of many results also writes that many duals, so its
Jacobian has fewer. Other lengths than powers of two take twice as long: LLVM has no such vectors."""

LONG = {True: 2 * DEFAULT_LANES, False: 8 * DEFAULT_LANES}
"""Arrays with more parameters are long, for costly functions and for others. For Python's calls the driver is replaced
when a long array comes; where compiled code calls the derivative of a costly function, the driver has code for both."""

NESTED_LANES = 4
"""The same over arrays of duals, where an operation is written out for every pair of tangents."""

MOST_LANES = 128
"""A longer chunk is taken in passes of so many: LLVM's compile time and the registers set the limit."""


def _clone_of(f: Any) -> Any:
    """The clone of f that a driver calls: inlined, but for a recursive function, which calls the clone itself."""
    return clone(f, CloneCompiler if is_recursive(f.py_func) else InlinedCloneCompiler)


def _shown(argtypes: Sequence[types.Type]) -> list[types.Type]:
    """The types of arguments as f sees them: defaults are there, and numbers are not known beforehand."""
    return [typeof(t.value) if isinstance(t, types.Omitted) else types.unliteral(t) for t in argtypes]


class CompiledTransform(Driver):
    """A derivative of an ``@njit`` function, called as the function itself is, from Python and from ``@njit`` code."""

    leading = 0
    """How many parameters are in front of those of f."""

    def __init__(self, kind: str, f: Any, argnums: int | tuple[int, ...], chunk: int | None, with_value: bool) -> None:
        self.kind = kind
        self._f = f
        self._argnums = argnums
        self._chunk = chunk
        self._with_value = with_value
        parameters = list(inspect.signature(f.py_func).parameters.values())
        self.names = [p.name for p in parameters]
        self._starred = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.indices = [self._index(i) for i in (argnums if isinstance(argnums, tuple) else (argnums,))]
        if len(set(self.indices)) < len(self.indices):
            raise ValueError(f"argnums names an argument of {f.__name__} twice: {argnums}")
        self.clone = _clone_of(f)
        self._clones: dict[tuple[int, ...], Any] = {(): self.clone}  # by the arguments that they copy
        self._given: dict[Any, Given] = {}
        self._referred: dict[str, Any] = {}  # what the text that was written last refers to
        super().__init__(self._entry(parameters))

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.__name__}>"

    @property
    def request(self) -> tuple[Any, ...]:
        return self._f, self.kind, self._argnums, self._chunk, self._with_value

    def __reduce__(self) -> Any:
        return compiled_transform, self.request

    def _index(self, argnum: int) -> int:
        fixed = len(self.names) - self._starred - self.leading
        if not -fixed <= argnum < fixed:
            name = self._f.__name__
            raise ValueError(
                f"{name} has {fixed} arguments, so there is no argument number {argnum} to differentiate by"
            )
        return self.leading + argnum % fixed

    def _entry(self, parameters: Sequence[inspect.Parameter]) -> Any:
        """A function with the parameters, defaults, name and docstring of f."""
        stub = self.stub([f"a{i}" for i in range(len(parameters))])
        listed = ", ".join(str(p.replace(default=p.empty, annotation=p.empty)) for p in parameters)
        text = f"def entry({listed}):\n    return _stub({', '.join(self.names)})\n"
        entry: Any = functools.update_wrapper(function_from(text, {"_stub": stub}), self._f.py_func, updated=())
        entry.__defaults__ = self._f.py_func.__defaults__
        return entry

    def text(self, argtypes: Sequence[types.Type], strict: bool, wide: bool | None = None) -> str:
        lanes = self._lanes(argtypes, strict, bool(wide))
        reach = self._reach if wide is False else None
        short = LONG[True] if wide is None and not strict and self._reach == LONG[True] else None
        given = self.given(argtypes, lanes, strict)
        self._referred = {"f": self.clone_for(given)}
        return self.passes(Text(argtypes, self.indices, self._starred, lanes, strict, reach, short, given))

    def passes(self, text: Text) -> str:
        """The text of passes over the arguments."""
        single = not isinstance(self._argnums, tuple)
        y = self.result_type(text.argtypes, text.n, text.strict) if self.kind == "jacobian" else None
        several = y if y is not None and are_several(y) else None
        if isinstance(several, types.BaseNamedTuple):
            self._referred["named_tuple"] = several.instance_class
        return text.chunked(self.kind, single, self._with_value, several=several)

    def scope(self, argtypes: Sequence[types.Type], strict: bool) -> dict[str, Any]:
        return self._referred

    @functools.cached_property
    def _reach(self) -> int | None:
        """How many parameters the driver takes that is not wide; None if there is no other."""
        chosen = self.kind in WIDE_LANES and self._chunk is None
        return LONG[is_costly(self._f.py_func)] if chosen else None

    def is_wide(self, values: Sequence[Any]) -> bool:
        xs = [values[i] for i in self.indices]
        return self._reach is not None and not level_of_value(xs) and sum(map(np.size, xs)) > self._reach

    def _lanes(self, argtypes: Sequence[types.Type], strict: bool, wide: bool) -> int:
        if strict and not is_strict(argtypes):
            return 1  # strict because speculation failed: rare, so compiled as small as can be
        most = WIDE_LANES[self.kind] if wide else DEFAULT_LANES
        most = self._chunk or (NESTED_LANES if is_strict(argtypes) else most)
        if not any(isinstance(argtypes[i], types.Array) for i in self.indices):
            most = min(most, len(self.indices))
        return min(most, MOST_LANES)

    def prepared(self, values: list[Any]) -> list[Any]:
        for i in self.indices:
            x = values[i].value if isinstance(values[i], OmittedArg) else values[i]
            values[i] = as_input(x, self.names[i])
            self.check_ndim(i, np.ndim(values[i]))
        return values

    def check_ndim(self, i: int, ndim: int) -> None:
        """Raise if argument i may not have so many dimensions."""
        if ndim == 0 and not isinstance(self._argnums, tuple):
            raise ValueError(
                f"{self.kind} expects an array for {self.names[i]}, not a number: "
                f"perhaps you want derivative({self.__name__})"
            )

    def check(self, argtypes: Sequence[types.Type], wide: bool) -> None:
        shown = _shown(argtypes)
        strict = is_strict(shown)
        for i in self.indices:
            x = shown[i].dtype if isinstance(shown[i], types.Array) else shown[i]
            if not (is_dual(x) or is_number(x)):
                kind, name = readable(shown[i]), self.names[i]
                raise TypeError(f"{name} must be a real number or an array of them, not of Numba's type {kind}")
            self.check_ndim(i, getattr(shown[i], "ndim", 0))
        self.result_type(shown, self._lanes(shown, strict, wide), strict)

    def result_type(self, argtypes: Sequence[types.Type], n: int, strict: bool) -> types.Type:
        """Compile f for duals with n tangents, and check the type of what it returns."""
        given = self.given(argtypes, n, strict)
        result = compile_clone(self.clone_for(given), self._lifted(argtypes, n, strict, given), self.__name__)
        check_result(self.kind, self.__name__, result)
        return result

    def _lifted(self, argtypes: Sequence[types.Type], n: int, strict: bool, given: Given) -> list[types.Type]:
        """The types of the arguments that f is called with."""
        all_arguments = types.BaseTuple.from_types([t for t in argtypes if not isinstance(t, types.Dispatcher)])
        lifted = [given.type(t) for t in argtypes]
        for i in self.indices:
            dual = seeding.lifted_type(argtypes[i], all_arguments, n, strict)
            lifted[i] = ReaderType(dual.dtype, argtypes[i]) if i in given.readers else given.type(dual)
        return lifted

    def given(self, argtypes: Sequence[types.Type], n: int, strict: bool) -> Given:
        """How f gets its arguments: the first way that Numba's types allow."""
        shown = _shown(argtypes)
        asked = (tuple(shown), n, strict)
        if asked not in self._given:
            self._given[asked] = self._first_given(shown, n, strict)
        return self._given[asked]

    def _first_given(self, argtypes: Sequence[types.Type], n: int, strict: bool) -> Given:
        read = tuple(i for i in self._only_read if isinstance(argtypes[i], types.Array))
        ways = [Given(r, frozen) for r in ([read, ()] if read else [()]) for frozen in (True, False)]
        places = () if self._starred else self.others(argtypes)
        told = ""
        for way in (*ways, *(dataclasses.replace(way, copied=places) for way in ways if places)):
            if way.copied and DUALS_INTO_FLOATS not in told:
                break
            try:
                compile_clone(self.clone_for(way), self._lifted(argtypes, n, strict, way), self.__name__)
            except (TypeError, ValueError, NumbaError) as error:
                told = told if way.copied else str(error)
                continue  # f writes to an argument, or an index is an array, or the next ways fail, too, and tell why
            return way
        return ways[-1]

    def others(self, argtypes: Sequence[types.Type]) -> tuple[int, ...]:
        """The arrays that f is not differentiated by."""
        given = enumerate(argtypes)
        return tuple(i for i, t in given if isinstance(t, types.Array) and i >= self.leading and i not in self.indices)

    def clone_for(self, given: Given) -> Any:
        """What is called with arguments that are given so."""
        if given.copied not in self._clones:
            self._clones[given.copied] = _clone_of(with_copies(self._f, given.copied))
        return self._clones[given.copied]

    @functools.cached_property
    def _only_read(self) -> list[int]:
        if is_bounds_checked(self._f):  # readers do not check theirs
            return []
        return [i for i in self.indices if only_reads_numbers(self._f.py_func, i)]

    def lanes_for(self, size: int) -> int:
        """The tangents per pass for samples with so many parameters, a power of two unless the chunk is given."""
        wide = self._reach is not None and size > self._reach
        most = self._chunk or (WIDE_LANES[self.kind] if wide else DEFAULT_LANES)
        return min(most, 1 << max(size - 1, 0).bit_length(), MOST_LANES)


class CompiledJvp(Driver):
    """The value and the derivative along a direction of an ``@njit`` function: called with primals, then tangents."""

    def __init__(self, f: Any, n: int) -> None:
        self._f = f
        self._n = n
        self.clone = _clone_of(f)
        names = [f"a{i}" for i in range(2 * n)]
        listed = ", ".join(names)
        text = f"def jvp({listed}):\n    return _stub({listed})\n"
        super().__init__(function_from(text, {"_stub": self.stub(names)}))

    @property
    def request(self) -> tuple[Any, ...]:
        return self._f, "jvp"

    def text(self, argtypes: Sequence[types.Type], strict: bool, wide: bool | None = None) -> str:
        return Text(argtypes, (), False, 1, strict).jvp(self._writes(argtypes, strict))

    def _writes(self, argtypes: Sequence[types.Type], strict: bool) -> bool:
        """Whether f may write to an argument, if it has several that can be written to."""
        lifted = self._lifted(argtypes, strict)
        if sum(isinstance(t, HOLDERS) for t in lifted) < 2 and not any(isinstance(t, types.BaseTuple) for t in lifted):
            return False
        try:
            compile_clone(self.clone, list(map(frozen_type, lifted)), self._f.__name__)
        except (TypeError, ValueError, NumbaError):
            return True
        return False

    def _lifted(self, argtypes: Sequence[types.Type], strict: bool) -> list[types.Type]:
        all_arguments = types.BaseTuple.from_types([t for t in argtypes if not isinstance(t, types.Dispatcher)])
        pairs = zip(argtypes[: self._n], argtypes[self._n :], strict=True)
        return [seeding.lifted_along_type(x, v, all_arguments, strict) for x, v in pairs]

    def prepared(self, values: list[Any]) -> list[Any]:
        return values  # jvp has checked them

    def check(self, argtypes: Sequence[types.Type], wide: bool) -> None:
        lifted = self._lifted(argtypes, is_strict(argtypes))
        check_result("jvp", self._f.__name__, compile_clone(self.clone, lifted, self._f.__name__))


@kept_by_first
def compiled_transform(f: Any, kind: str, argnums: Any, chunk: int | None, with_value: bool) -> CompiledTransform:
    """The derivative of an ``@njit`` function; one object, and so one compilation, for the same request."""
    return CompiledTransform(kind, f, argnums, chunk, with_value)


@kept_by_first
def compiled_jvp(f: Any, n: int) -> CompiledJvp:
    """The jvp of an ``@njit`` function of n arguments."""
    return CompiledJvp(f, n)


class JvpStub(Stub):
    """``jvp`` in compiled code; what is written for an f is kept by that f."""

    name = "jvp"
    names = ("f", "primals", "tangents")

    def function_for(self, argtypes: tuple[types.Type, ...]) -> Any:
        f, *rest = argtypes
        tuples = len(rest) == 2 and all(isinstance(t, types.BaseTuple) for t in rest)
        if not isinstance(f, types.Dispatcher) or not tuples or len(rest[0].types) != len(rest[1].types):
            raise TypingError(
                "jvp expects an @njit function, a tuple of arguments and one of tangents: jvp(f, (x,), (v,))"
            )
        return _jvp_of(f.dispatcher, *rest)


@kept_by_first
def _jvp_of(f: Any, primals: types.Type, tangents: types.Type) -> Any:
    """``jvp`` for compiled code, of one f and for arguments of these types."""
    numbers = range(len(primals.types))
    checks = "".join(
        f"    if primals[{i}].shape != tangents[{i}].shape:\n"
        f"        raise ValueError('argument {i} and its tangent must have the same shape')\n"
        for i in numbers
        if isinstance(primals.types[i], types.Array)
    )
    listed = ", ".join([f"primals[{i}]" for i in numbers] + [f"tangents[{i}]" for i in numbers])
    text = f"def called(f, primals, tangents):\n{checks}    return driver({listed})\n"
    return njit(**OPTIONS)(function_from(text, {"driver": compiled_jvp(f, len(numbers))}))


JVP = JvpStub()


def type_of_jvp(_: Any) -> StubType:
    """The Numba type of ``jvp`` met as a global in ``@njit`` code."""
    return StubType(JVP)


@kept_by_first
def returning(f: Any, out: int) -> Any:
    """An ``@njit`` function that returns what ``f`` writes into its argument number ``out``."""
    names = list(inspect.signature(f.py_func).parameters)
    if not -len(names) <= out < len(names):
        raise ValueError(f"{f.__name__} has {len(names)} arguments, so out_argnum cannot be {out}")
    return _entry_with_copies(f, (out % len(names),), "    _f({passed})\n    return {copies}\n")


@kept_by_first
def with_copies(f: Any, places: tuple[int, ...]) -> Any:
    """An ``@njit`` function that is ``f`` on copies of these arguments, which are arrays."""
    return _entry_with_copies(f, places, "    return _f({passed})\n")


def _entry_with_copies(f: Any, places: tuple[int, ...], body: str) -> Any:
    parameters = inspect.signature(f.py_func).parameters
    names = list(parameters)
    listed = ", ".join(str(p.replace(default=p.empty, annotation=p.empty)) for p in parameters.values())
    passed = ", ".join(f"_copy_{i}" if i in places else name for i, name in enumerate(names))
    made = "".join(f"    _copy_{i} = {names[i]}.copy()\n" for i in places)
    text = body.format(passed=passed, copies=", ".join(f"_copy_{i}" for i in places))
    entry: Any = functools.update_wrapper(
        function_from(f"def entry({listed}):\n{made}{text}", {"_f": f}), f.py_func, updated=()
    )
    entry.__defaults__ = f.py_func.__defaults__
    return njit(entry)
