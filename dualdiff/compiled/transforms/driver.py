"""Derivatives of ``@njit`` functions: a driver is written for the arguments of f and compiled as one function."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from numba import jit, njit, typeof, types
from numba.extending import models, register_model, typeof_impl

from ...dual.levels import is_masked
from ...errors import CompilationError
from ...generated import function_from
from ..arrays.joining import ndim_of
from ..dual.types import CALLED, OPTIONS, is_dual, is_number, level_of_type
from ..llvm import cache
from ..numba_internals import (
    CPUDispatcher,
    Dispatcher,
    NumbaError,
    OmittedArg,
    TypingError,
    WeakType,
    global_compiler_lock,
    lower_constant,
)
from ..pipeline.clone import REFUSALS, EntryCompiler
from ..pipeline.diagnostics import explained, readable
from .callback import callback, can_be_passed, offer
from .collecting import is_structure
from .source import HELPERS


def is_compiled(f: Any) -> bool:
    """Whether ``f`` is an ``@njit`` function or a derivative of one."""
    return isinstance(f, Dispatcher)


class Stub:
    """A function for compiled code, which is a function of its own for the argument types that it meets.

    An overload is the same, but Numba keeps those for good, and with them all that they refer to.
    """

    name = "derivative"
    names: tuple[str, ...] = ()
    """Of the parameters, if callers may use them."""

    def function_for(self, argtypes: tuple[types.Type, ...]) -> Any:
        """The dispatcher for these types, which something must hold: its type does not."""
        raise NotImplementedError


class WrittenStub(Stub):
    """One whose functions are written, as Python's, by ``write``."""

    def __init__(self, write: Callable[[Sequence[types.Type]], Any]) -> None:
        self._write = write
        self._functions: dict[tuple[types.Type, ...], Any] = {}

    def function_for(self, argtypes: tuple[types.Type, ...]) -> Any:
        if argtypes not in self._functions:
            self._functions[argtypes] = njit(**OPTIONS)(self._write(argtypes))
        return self._functions[argtypes]


class StubType(WeakType, types.Callable, types.Dummy):
    """The type of a stub."""

    def __init__(self, stub: Stub) -> None:
        self._store_object(stub)
        super().__init__(f"{stub.name}({id(stub)})")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        named = [kws[name] for name in self._get_object().names if name in kws]
        return self._function((*args, *named)).get_call_type(context, args, kws)

    def get_call_signatures(self) -> Any:
        return [], False

    def get_impl_key(self, sig: Any) -> Any:
        return self._function(sig.args).get_impl_key(sig)

    def _function(self, argtypes: tuple[types.Type, ...]) -> types.Type:
        return types.Dispatcher(self._get_object().function_for(argtypes))


register_model(StubType)(models.OpaqueModel)


@typeof_impl.register(Stub)
def _type_of_stub(stub: Any, _: Any) -> StubType:
    return StubType(stub)


@lower_constant(StubType)
def _constant_stub(context: Any, *_: Any) -> Any:
    return context.get_dummy_value()


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
    clone: Any

    def __init__(self, entry: Callable[..., Any]) -> None:
        options = {"nopython": True, "error_model": "numpy"}
        super().__init__(entry, locals={}, targetoptions=options, pipeline_class=EntryCompiler)
        self.entries: dict[tuple[types.Type, ...], Any] = {}
        self._wide: set[tuple[types.Type, ...]] = set()
        self._outgrown: list[Any] = []  # another thread may be running them
        self._strict_entries: dict[tuple[types.Type, ...], Any] = {}
        self._through_python: Any = None
        self._types_of: dict[str, tuple[types.Type, ...]] = {}  # by the names of what is compiled for them

    def prepared(self, values: list[Any]) -> list[Any]:
        """The arguments, checked and converted."""
        raise NotImplementedError

    def check(self, argtypes: Sequence[types.Type], wide: bool) -> None:
        """Compile f itself, and check its result, so that errors are told in terms of f."""
        raise NotImplementedError

    def text(self, argtypes: Sequence[types.Type], strict: bool, wide: bool | None = None) -> str:
        """The text of the driver for arguments of these types.

        ``wide``: whether it is for long arrays; None if it must serve both, as it cannot be replaced.
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

    def stub(self, names: Sequence[str]) -> Stub:
        """What compiled code calls: the driver, speculating unless there are duals already."""
        listed = ", ".join(names)
        scope = {"strict": WrittenStub(self._written), "wide": WrittenStub(self._written_wide)}
        again = function_from(f"def again(key, answer, {listed}):\n    return strict({listed})\n", scope)
        long = function_from(f"def long({listed}):\n    return wide({listed})\n", scope)
        self._again, self._long = njit(**CALLED)(again), njit(**CALLED)(long)
        return WrittenStub(self._for_compiled_code)

    def _for_compiled_code(self, argtypes: Sequence[types.Type]) -> Any:
        """The driver that compiled code calls with arguments of these types."""
        try:
            self.check(argtypes, wide=False)
        except (ValueError, TypeError) as error:
            REFUSALS[str(error)] = type(error)
            raise TypingError(str(error)) from None
        return self._written(argtypes, None if is_strict(argtypes) else self._again)

    def _written(
        self, argtypes: Sequence[types.Type], again: Any = None, wide: bool | None = None, key: str = ""
    ) -> Any:
        """The driver for these types; strict, unless told what gives the answer where speculation fails."""
        text = self.text(argtypes, again is None, wide)
        scope = {"f": self.clone, "again": again, "key": key, "long": self._long, **self.scope(argtypes, again is None)}
        return function_from(text, {**HELPERS, **scope})

    def _written_wide(self, argtypes: Sequence[types.Type]) -> Any:
        return self._written(argtypes, self._again, wide=True)

    def scope(self, argtypes: Sequence[types.Type], strict: bool) -> dict[str, Any]:
        """What else the text refers to, which has been written."""
        return {}

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
            return self.entries[argtypes]
        if self._through_python is None:
            self._through_python = object_mode(self._call_converted, len(args))
        return self._through_python

    def _enter(self, argtypes: tuple[types.Type, ...], wide: bool) -> None:
        """From now on, calls with arguments of these types are served by the wide driver, or by the other."""
        entry = self.wide_entry(argtypes) if wide else self.obtained(argtypes)
        self._outgrown.append(self.entries.get(argtypes))
        self.entries[argtypes] = entry
        if wide:
            self._wide.add(argtypes)
        self._clear()
        for types_, known in self.entries.items():
            self._insert([t._code for t in types_], known, False)

    def wide_entry(self, argtypes: tuple[types.Type, ...]) -> Any:
        """What Python calls for long arrays."""
        return self.obtained(argtypes, wide=True)

    def obtained(self, argtypes: tuple[types.Type, ...], wide: bool = False) -> Any:
        """A driver that Python calls: compiled, or what an earlier process has compiled."""
        kept = cache.Entry(*self.request, argtypes, wide)
        self._types_of[kept.name] = argtypes
        offer(kept.name, self)
        found = kept.load()
        if found is not None:
            return found[0].entry_point
        self.check(argtypes, wide)
        if is_strict(argtypes):
            again = None
        elif all(map(can_be_passed, argtypes)):
            again = callback(len(argtypes))
        else:
            again = self._again
        replaceable = again not in (None, self._again)
        driver = self._written(argtypes, again, wide if wide or replaceable else None, kept.name)
        entry = compiled_entry(driver, argtypes, f"driver_{kept.name}", self._nogil)
        kept.save(entry)
        return entry.entry_point

    def called_back(self, name: str, *args: Any) -> Any:
        """The answer of a driver that is compiled when first it is needed: the wide one, or the strict one."""
        argtypes = self._types_of[name]
        with global_compiler_lock:
            if self.is_wide(args) and argtypes not in self._wide:
                self._enter(argtypes, wide=True)
                entry = self.entries[argtypes]
            else:
                if argtypes not in self._strict_entries:
                    name = f"strict_driver_{uuid.uuid4().hex}"
                    driver = self._written(argtypes)
                    self._strict_entries[argtypes] = compiled_entry(driver, argtypes, name, self._nogil).entry_point
                entry = self._strict_entries[argtypes]
        return entry(*args)

    def _call_converted(self, *args: Any) -> Any:
        return self(*without_omitted(self._converted(args)))

    def _converted(self, args: tuple[Any, ...]) -> list[Any]:
        return self.prepared(list(args))


def without_omitted(args: Sequence[Any]) -> list[Any]:
    """The arguments of a call from Numba's dispatch, defaults included."""
    return [a.value if isinstance(a, OmittedArg) else a for a in args]


def is_strict(argtypes: Sequence[types.Type]) -> bool:
    """Whether there are duals in the arguments: then speculation does not pay, f would be compiled four times."""
    return any(level_of_type(t) > 0 for t in argtypes)


def object_mode(function: Callable[..., Any], n: int) -> Any:
    """What Numba's dispatch can call to get back to Python: ``function``, in object mode."""
    listed = ", ".join(f"a{i}" for i in range(n))
    back = function_from(f"def back({listed}):\n    return function({listed})\n", {"function": function})
    signature = (types.pyobject,) * n
    dispatcher = jit(forceobj=True, looplift=False)(back)
    dispatcher.compile(signature)
    return dispatcher.overloads[signature].entry_point


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
            f"gradient expects that {name} returns a number, not {described(result)}: perhaps you want jacobian({name})"
        )
    if kind == "jacobian" and ndim_of(result) is None and not are_several(result):
        raise ValueError(
            f"jacobian expects that {name} returns an array, a number, a tuple of them, or lists that make an array, "
            f"not {described(result)}"
        )
    if not is_structure(result):
        raise ValueError(
            f"{kind} expects that {name} returns numbers, arrays, or tuples or lists of them, not {described(result)}"
        )


def are_several(y: types.Type) -> bool:
    """Whether it is the type of a tuple of numbers and arrays that make no array together."""
    return isinstance(y, types.BaseTuple) and ndim_of(y) is None and None not in map(ndim_of, y.types)


def described(result: types.Type) -> str:
    """What a function returns, in words."""
    if isinstance(result, types.Array):
        if not (is_dual(result.dtype) or is_number(result.dtype)):
            return f"an array of {readable(result.dtype)}"
        return f"an array with {result.ndim} ax{'i' if result.ndim == 1 else 'e'}s"
    if isinstance(result, types.BaseTuple):
        return f"a tuple of {len(result.types)}"
    return readable(result)


def compile_clone(function: Any, argtypes: Sequence[types.Type], name: str) -> types.Type:
    """Compile a clone for duals and tell the type of its result."""
    try:
        function.compile(tuple(argtypes))
    except (MemoryError, Warning):  # a warning is raised where the user wants it to be an error
        raise
    except Exception as error:  # Numba's own functions raise anything at types that they do not know
        told = "\n".join(line.strip() for line in str(error).splitlines())  # Numba indents what it passes on
        for message, refusal in REFUSALS.items():
            if message in told:
                raise refusal(message) from error
        raise CompilationError(explained(error, function.py_func)) from error
    result = function.overloads[tuple(argtypes)].signature.return_type
    if isinstance(result, types.NoneType):
        raise TypeError(f"{name} returned None: it must return the value to differentiate")
    if isinstance(result, types.Optional):
        raise TypeError(f"{name} may return None: it must always return the value to differentiate")
    return result
