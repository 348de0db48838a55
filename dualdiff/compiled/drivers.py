"""Derivatives of ``@njit`` functions: a driver is written for the arguments of f and compiled as one function."""

from __future__ import annotations

import functools
import inspect
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import jit, njit, typeof
from numba.core import types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher, OmittedArg
from numba.core.errors import NumbaError
from numba.core.registry import CPUDispatcher
from numba.extending import overload

from ..errors import CompilationError
from ..inputs import as_input, is_masked
from . import boundary as boundary  # boxes batches
from . import cache, seeding
from .batch_text import Argument, Loop, Rows
from .callback import CALLBACKS, callback, can_be_passed
from .clone import EntryCompiler, InlinedCloneCompiler, clone
from .cost import is_costly
from .effects import writes_to_arguments
from .explain import explained, readable
from .outputs import ndim_of
from .results import is_structure
from .text import Text, function_from
from .types import CALLED, OPTIONS, is_dual, is_number, level_of

DEFAULT_LANES = 16
"""Tangents per pass over arrays that are not long, and wherever the length is not known beforehand."""

WIDE_LANES = {"gradient": 64, "jacobian": 32}
"""Tangents per pass over long arrays. Measured with 16 to 1000 parameters: every pass computes the values again, which
speaks for many lanes where values are costly; spilled registers, caches that duals no longer fit in, and idle lanes in
the last pass speak for few. With 64 lanes a gradient of exponentials and cosines costs 0.6 of one with 16 for 100
parameters, 0.4 for 1000; one of products 1.1 and 0.85. A function of many results also writes that many duals, so its
Jacobian has fewer. Other lengths than powers of two take twice as long: LLVM has no such vectors."""

LONG = {True: 2 * DEFAULT_LANES, False: 16 * DEFAULT_LANES}
"""Arrays with more parameters are long, for costly functions and for others."""

NESTED_LANES = 4
"""The same over arrays of duals, where an operation is written out for every pair of tangents."""

MOST_LANES = 128
"""A longer chunk is taken in passes of so many: LLVM's compile time and the registers set the limit."""


def is_compiled(f: Any) -> bool:
    """Whether ``f`` is an ``@njit`` function or a derivative of one."""
    return isinstance(f, Dispatcher)


def _stub(parameters: Sequence[str], write: Callable[[Sequence[types.Type]], Any]) -> Any:
    """A function for compiled code whose text is written, by ``write``, for the argument types that it meets."""
    scope: dict[str, Any] = {"write": write}
    listed = ", ".join(parameters)
    exec(f"def stub({listed}):\n    raise TypeError('for compiled code')\n", scope)
    exec(f"def typed({listed}):\n    return write(({''.join(p + ', ' for p in parameters)}))\n", scope)
    overload(scope["stub"], jit_options=OPTIONS)(scope["typed"])
    return scope["stub"]


# --- dispatchers ----------------------------------------------------------------------------


def compiled_entry(function: Any, argtypes: tuple[types.Type, ...], name: str, nogil: bool) -> Any:
    """The result of compiling a function that Python calls.

    Its ``name`` is that of its code, too: no other may have it, in any process that loads the code from disk.
    """
    function.__qualname__, function.__module__ = name, "dualdiff"
    options = {"nopython": True, "nogil": nogil, "error_model": "numpy"}
    dispatcher = CPUDispatcher(function, locals={}, targetoptions=options, pipeline_class=EntryCompiler)
    dispatcher.compile(argtypes)
    return dispatcher.overloads[argtypes]


class Driver(CPUDispatcher):
    """A dispatcher for a function whose body is written for the argument types that it meets.

    Arguments from Python are checked and converted before anything is compiled for them, by
    ``prepared``. A call whose arguments need no conversion costs nothing beside Numba's dispatch.

    What Python calls is compiled apart from what compiled code calls, its overloads: where speculation
    fails, the first comes back to Python, and has the strict driver compiled only then.
    """

    _f: Any
    _clone: Any

    def __init__(self, entry: Callable[..., Any]) -> None:
        options = {"nopython": True, "error_model": "numpy"}
        super().__init__(entry, locals={}, targetoptions=options, pipeline_class=EntryCompiler)
        self.entries: dict[tuple[types.Type, ...], Any] = {}
        self._wide: set[tuple[types.Type, ...]] = set()
        self._outgrown: list[Any] = []  # another thread may be running them
        self._strict_entries: dict[tuple[types.Type, ...], Any] = {}
        self._through_python: Any = None

    def prepared(self, values: list[Any]) -> list[Any]:
        """The arguments, checked and converted."""
        raise NotImplementedError

    def check(self, argtypes: Sequence[types.Type], wide: bool) -> None:
        """Compile f itself, and check its result, so that errors are told in terms of f."""
        raise NotImplementedError

    def text(self, argtypes: Sequence[types.Type], strict: bool, wide: bool | None = None) -> str:
        """The text of the driver for arguments of these types.

        ``wide``: whether it is for long arrays; None if it cannot be replaced by another that is.
        """
        raise NotImplementedError

    def is_wide(self, values: Sequence[Any]) -> bool:
        """Whether these arguments are better served by a wide driver."""
        return False

    @property
    def request(self) -> tuple[Any, ...]:
        """f, and what is asked of it, by content."""
        raise NotImplementedError

    @property
    def _nogil(self) -> bool:
        # f may rely on the GIL: its author decides
        return bool(self._f.targetoptions.get("nogil", False))

    def stub(self, names: Sequence[str]) -> Any:
        """What compiled code calls: the driver, speculating unless there are duals already."""
        listed = ", ".join(names)
        scope: dict[str, Any] = {"strict": _stub(names, self._written)}
        exec(f"def again(answer, {listed}):\n    return strict({listed})\n", scope)
        self._again = njit(**CALLED)(scope["again"])
        return _stub(names, lambda argtypes: self._written(argtypes, None if _is_strict(argtypes) else self._again))

    def _written(self, argtypes: Sequence[types.Type], again: Any = None, wide: bool | None = None) -> Any:
        """The driver for these types; strict, unless told what gives the answer where speculation fails."""
        return function_from(self.text(argtypes, again is None, wide), {"f": self._clone, "again": again})

    def typeof_pyval(self, val: Any) -> types.Type:
        try:
            return super().typeof_pyval(val)
        except NumbaError:
            if is_masked(val):  # Numba would remember its type as that of all arrays like its data
                raise TypeError("a masked array is not supported: pass its data, or x.filled(...)") from None
            return types.pyobject  # what Numba cannot type may be converted: a big-endian array, a list of numbers

    def add_overload(self, cres: Any) -> None:
        self.overloads[tuple(cres.signature.args)] = cres  # Python's calls find the entries

    def _compile_for_args(self, *args: Any, **kwargs: Any) -> Any:
        # Numba calls this for types that it has no code for, and then what this returns, with args
        prepared = self._converted(args)
        argtypes = tuple(map(type_of, prepared))
        with global_compiler_lock:
            if argtypes not in self.entries:
                self._enter(argtypes, self.is_wide(prepared))
        if all(p is a for p, a in zip(prepared, args, strict=True)):
            return self.entries[argtypes].entry_point
        if self._through_python is None:
            self._through_python = _object_mode(self._call_converted, len(args))
        return self._through_python

    def _enter(self, argtypes: tuple[types.Type, ...], wide: bool) -> None:
        """From now on, calls with arguments of these types are served by the wide driver, or by the other."""
        entry = self._obtained(argtypes, wide)
        self._outgrown.append(self.entries.get(argtypes))
        self.entries[argtypes] = entry
        if wide:
            self._wide.add(argtypes)
        self._clear()
        for types_, known in self.entries.items():
            self._insert([t._code for t in types_], known.entry_point, False)

    def _obtained(self, argtypes: tuple[types.Type, ...], wide: bool) -> Any:
        """The entry for these types: compiled, or what an earlier process has compiled."""
        place = cache.directory()
        key = cache.key_of(*self.request, argtypes, wide) if place is not None else None
        name = key or uuid.uuid4().hex
        CALLBACKS[name] = functools.partial(self._call_again, argtypes)
        found = cache.load(place, key) if place is not None and key is not None else None
        if found is not None:
            return found
        self.check(argtypes, wide)
        if _is_strict(argtypes):
            again = None
        elif all(map(can_be_passed, argtypes)):
            again = callback(name, len(argtypes))
        else:
            again = self._again
        replaceable = again not in (None, self._again)
        driver = self._written(argtypes, again, wide if wide or replaceable else None)
        entry = compiled_entry(driver, argtypes, f"driver_{name}", self._nogil)
        if place is not None and key is not None:
            cache.save(place, key, entry)
        return entry

    def _call_again(self, argtypes: tuple[types.Type, ...], *args: Any) -> Any:
        """The answer of a driver that is compiled when first it is needed: the wide one, or the strict one."""
        with global_compiler_lock:
            if self.is_wide(args) and argtypes not in self._wide:
                self._enter(argtypes, wide=True)
                entry = self.entries[argtypes]
            else:
                if argtypes not in self._strict_entries:
                    name = f"strict_driver_{uuid.uuid4().hex}"
                    self._strict_entries[argtypes] = compiled_entry(
                        self._written(argtypes), argtypes, name, self._nogil
                    )
                entry = self._strict_entries[argtypes]
        return entry.entry_point(*args)

    def _call_converted(self, *args: Any) -> Any:
        prepared = self._converted(args)
        return self(*(a.value if isinstance(a, OmittedArg) else a for a in prepared))

    def _converted(self, args: tuple[Any, ...]) -> list[Any]:
        return self.prepared(list(args))


def _is_strict(argtypes: Sequence[types.Type]) -> bool:
    # a derivative inside a derivative does not speculate: it would be compiled four times
    return any(level_of(t) > 0 for t in argtypes)


def _object_mode(function: Callable[..., Any], n: int) -> Any:
    """What Numba's dispatch can call to get back to Python: ``function``, in object mode."""
    listed = ", ".join(f"a{i}" for i in range(n))
    scope: dict[str, Any] = {"function": function}
    exec(f"def back({listed}):\n    return function({listed})\n", scope)
    signature = (types.pyobject,) * n
    dispatcher = jit(forceobj=True, looplift=False)(scope["back"])
    dispatcher.compile(signature)
    return dispatcher.overloads[signature].entry_point


class CompiledTransform(Driver):
    """A derivative of an ``@njit`` function, called as the function itself is, from Python and from ``@njit`` code."""

    def __init__(self, kind: str, f: Any, argnums: int | tuple[int, ...], chunk: int | None, with_value: bool) -> None:
        self._request = (kind, f, argnums, chunk, with_value)
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
        self._clone = clone(f, InlinedCloneCompiler)
        super().__init__(self._entry(parameters))

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.__name__}>"

    @property
    def request(self) -> tuple[Any, ...]:
        return self._f, self.kind, self._argnums, self._chunk, self._with_value

    def __reduce__(self) -> Any:
        return compiled_transform, self._request

    def _index(self, argnum: int) -> int:
        fixed = len(self.names) - self._starred
        if not -fixed <= argnum < fixed:
            name = self._f.__name__
            raise ValueError(
                f"{name} has {fixed} arguments, so there is no argument number {argnum} to differentiate by"
            )
        return argnum % fixed

    def _entry(self, parameters: Sequence[inspect.Parameter]) -> Any:
        """A function with the parameters, defaults, name and docstring of f."""
        stub = self.stub([f"a{i}" for i in range(len(parameters))])
        listed = ", ".join(str(p.replace(default=p.empty, annotation=p.empty)) for p in parameters)
        scope: dict[str, Any] = {"_stub": stub}
        exec(f"def entry({listed}):\n    return _stub({', '.join(self.names)})\n", scope)
        entry: Any = functools.update_wrapper(scope["entry"], self._f.py_func, updated=())
        entry.__defaults__ = self._f.py_func.__defaults__
        return entry

    def text(self, argtypes: Sequence[types.Type], strict: bool, wide: bool | None = None) -> str:
        lanes = self._lanes(argtypes, strict, bool(wide))
        reach = self._reach if wide is False else None
        text = Text(argtypes, self.indices, self._starred, lanes, strict, reach)
        if self.kind == "derivative":
            by_array = isinstance(argtypes[self.indices[0]], types.Array)
            return text.elementwise(self._with_value) if by_array else text.derivative(self._with_value)
        return text.chunked(
            self.kind,
            single=not isinstance(self._argnums, tuple),
            with_value=self._with_value,
            fresh=writes_to_arguments(self._f.py_func, self.indices),
        )

    @functools.cached_property
    def _reach(self) -> int | None:
        """How many parameters the driver takes that is not wide; None if there is no other."""
        chosen = self.kind in WIDE_LANES and self._chunk is None
        return LONG[is_costly(self._f.py_func)] if chosen else None

    def is_wide(self, values: Sequence[Any]) -> bool:
        return self._reach is not None and sum(np.size(values[i]) for i in self.indices) > self._reach

    def _lanes(self, argtypes: Sequence[types.Type], strict: bool, wide: bool) -> int:
        if self.kind == "derivative" or (strict and not _is_strict(argtypes)):
            return 1  # strict because speculation failed: rare, so compiled as small as can be
        most = WIDE_LANES[self.kind] if wide else DEFAULT_LANES
        most = self._chunk or (NESTED_LANES if _is_strict(argtypes) else most)
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
        if ndim == 0 and self.kind != "derivative" and not isinstance(self._argnums, tuple):
            raise ValueError(
                f"{self.kind} expects an array for {self.names[i]}, not a number: "
                f"perhaps you want derivative({self.__name__})"
            )

    def check(self, argtypes: Sequence[types.Type], wide: bool) -> None:
        shown = [typeof(t.value) if isinstance(t, types.Omitted) else t for t in argtypes]
        strict = _is_strict(shown)
        result = self._result(shown, self._lanes(shown, strict, wide), strict)
        is_array = isinstance(shown[self.indices[0]], types.Array)
        if self.kind == "derivative" and is_array and not (is_dual(result) or is_number(result)):
            raise ValueError(
                f"derivative by an array expects that {self.__name__} maps a number to a number, "
                f"not to {readable(result)}: perhaps you want jacobian({self.__name__})"
            )

    def _result(self, argtypes: Sequence[types.Type], n: int, strict: bool) -> types.Type:
        """Compile f for duals with n tangents, and check the type of what it returns."""
        everything = types.BaseTuple.from_types([t for t in argtypes if not isinstance(t, types.Dispatcher)])
        lifted = list(argtypes)
        for i in self.indices:
            x = argtypes[i]
            x = x.dtype if self.kind == "derivative" and isinstance(x, types.Array) else x
            lifted[i] = seeding.lifted_type(x, everything, n, strict)
        if self._starred:
            lifted[-1:] = lifted[-1].types
        result = compile_clone(self._clone, lifted, self.__name__)
        check_result(self.kind, self.__name__, result)
        return result

    # --- of samples -------------------------------------------------------------------------

    def lanes_for(self, size: int) -> int:
        """The tangents per pass for samples with so many parameters, a power of two unless the chunk is given."""
        wide = self._reach is not None and size > self._reach
        most = self._chunk or (WIDE_LANES[self.kind] if wide else DEFAULT_LANES)
        return min(most, 1 << max(size - 1, 0).bit_length(), MOST_LANES)

    def rows(self, arguments: Sequence[Argument], n: int, strict: bool) -> Loop:
        """The loop over samples of arrays, with n tangents per pass."""
        y = self._result([a.type for a in arguments], n, strict)
        fresh = writes_to_arguments(self._f.py_func, self.indices)
        loop = Rows(self.kind, self._clone, arguments, y, n, strict, fresh)
        return loop.written(not isinstance(self._argnums, tuple), self._with_value)


class CompiledJvp(Driver):
    """The value and the derivative along a direction of an ``@njit`` function: called with primals, then tangents."""

    def __init__(self, f: Any, n: int) -> None:
        self._f = f
        self._n = n
        self._clone = clone(f, InlinedCloneCompiler)
        names = [f"a{i}" for i in range(2 * n)]
        listed = ", ".join(names)
        scope: dict[str, Any] = {"_stub": self.stub(names)}
        exec(f"def jvp({listed}):\n    return _stub({listed})\n", scope)
        super().__init__(scope["jvp"])

    @property
    def request(self) -> tuple[Any, ...]:
        return self._f, "jvp"

    def text(self, argtypes: Sequence[types.Type], strict: bool, wide: bool | None = None) -> str:
        return Text(argtypes, (), False, 1, strict).jvp()

    def prepared(self, values: list[Any]) -> list[Any]:
        return values  # jvp has checked them

    def check(self, argtypes: Sequence[types.Type], wide: bool) -> None:
        everything = types.BaseTuple.from_types([t for t in argtypes if not isinstance(t, types.Dispatcher)])
        strict = _is_strict(argtypes)
        pairs = zip(argtypes[: self._n], argtypes[self._n :], strict=True)
        lifted = [seeding.lifted_along_type(x, v, everything, strict) for x, v in pairs]
        check_result("jvp", self._f.__name__, compile_clone(self._clone, lifted, self._f.__name__))


@functools.cache
def compiled_transform(kind: str, f: Any, argnums: Any, chunk: int | None, with_value: bool) -> CompiledTransform:
    """The derivative of an ``@njit`` function; one object, and so one compilation, for the same request."""
    return CompiledTransform(kind, f, argnums, chunk, with_value)


@functools.cache
def compiled_jvp(f: Any, n: int) -> CompiledJvp:
    """The jvp of an ``@njit`` function of n arguments."""
    return CompiledJvp(f, n)


@functools.cache
def returning(f: Any, out: int) -> Any:
    """An ``@njit`` function that returns what ``f`` writes into its argument number ``out``."""
    signature = inspect.signature(f.py_func)
    names = list(signature.parameters)
    if not -len(names) <= out < len(names):
        raise ValueError(f"{f.__name__} has {len(names)} arguments, so out_argnum cannot be {out}")
    listed = ", ".join(str(p.replace(default=p.empty, annotation=p.empty)) for p in signature.parameters.values())
    passed = ", ".join("_result" if i == out % len(names) else name for i, name in enumerate(names))
    scope: dict[str, Any] = {"_f": f}
    exec(f"def entry({listed}):\n    _result = {names[out]}.copy()\n    _f({passed})\n    return _result\n", scope)
    entry: Any = functools.update_wrapper(scope["entry"], f.py_func, updated=())
    entry.__defaults__ = f.py_func.__defaults__
    return njit(entry)


def type_of(value: Any) -> types.Type:
    """The Numba type of an argument."""
    try:
        return typeof(value)
    except (ValueError, NumbaError) as error:
        raise TypeError(f"an argument is of a type that Numba does not compile: {type(value).__name__}") from error


def check_result(kind: str, name: str, result: types.Type) -> None:
    """Raise if a derivative of this kind is not of results of this type."""
    if kind == "gradient" and not (is_dual(result) or is_number(result)):
        raise ValueError(
            f"gradient expects that {name} returns a number, not {readable(result)}: perhaps you want jacobian({name})"
        )
    if kind == "jacobian" and ndim_of(result) is None:
        raise ValueError(
            f"jacobian expects that {name} returns an array, a number, or tuples or lists that make an array, "
            f"not {readable(result)}"
        )
    if not is_structure(result):
        raise ValueError(
            f"{kind} expects that {name} returns numbers, arrays, or tuples or lists of them, not {readable(result)}"
        )


def compile_clone(function: Any, argtypes: Sequence[types.Type], name: str) -> types.Type:
    """Compile a clone for duals and tell the type of its result."""
    try:
        function.compile(tuple(argtypes))
    except (MemoryError, Warning):  # a warning is raised where the user wants it to be an error
        raise
    except Exception as error:  # Numba's own functions raise anything at types that they do not know
        raise CompilationError(explained(error, function.py_func)) from error
    result = function.overloads[tuple(argtypes)].signature.return_type
    if isinstance(result, types.NoneType):
        raise TypeError(f"{name} returned None: it must return the value to differentiate")
    if isinstance(result, types.Optional):
        raise TypeError(f"{name} may return None: it must always return the value to differentiate")
    return result
