"""Derivatives of ``@njit`` functions: a driver is written for the arguments of f and compiled as one function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import jit, njit, typeof
from numba.core import types
from numba.core.dispatcher import Dispatcher, OmittedArg
from numba.core.errors import NumbaError
from numba.core.registry import CPUDispatcher
from numba.extending import overload

from ..errors import CompilationError
from ..inputs import as_input
from . import boundary as boundary  # boxes batches
from . import cache, seeding
from .clone import CloneCompiler, clone
from .effects import writes_to_arguments
from .explain import explained, readable
from .outputs import ndim_of, outputs
from .types import OPTIONS, is_dual, is_number, level_of

DEFAULT_LANES = 16
"""Tangents per pass over an array, measured from 16 to 1000 parameters. Every pass computes the values
again, which speaks for many lanes; spilled registers and idle lanes in the last pass speak for few. 16
is best or nearly so for cheap f and any n; a costly f of hundreds of parameters gains from chunk=64."""

NESTED_LANES = 4
"""The same over arrays of duals, where an operation is written out for every pair of tangents."""

MOST_LANES = 128
"""A longer chunk is taken in passes of so many: LLVM's compile time and the registers set the limit."""

HELPERS = {
    name: getattr(seeding, name)
    for name in (
        "lift",
        "lift_along",
        "seed",
        "size",
        "value_of",
        "tangent_of",
        "empty_gradient",
        "empty_early",
        "collect_gradient",
        "empty_jacobian",
        "collect_jacobian",
        "empty_pair",
        "any_nan",
    )
} | {"outputs": outputs}


def is_compiled(f: Any) -> bool:
    """Whether ``f`` is an ``@njit`` function or a derivative of one."""
    return isinstance(f, Dispatcher)


# --- the text of a driver -------------------------------------------------------------------
#
# The arguments are called a0, a1, ... in it; those to differentiate by are lifted to duals x0, x1, ...
# Their elements are numbered through: those of x1 begin at o1.


class Text:
    """Writes the driver of a transform for one list of argument types.

    ``n`` tangents travel at a time. Unless ``strict``, the driver speculates (see ``DualType``): it ends by
    calling ``strict`` where it has made a NaN.
    """

    def __init__(
        self, argtypes: Sequence[types.Type], indices: Sequence[int], starred: bool, n: int, strict: bool
    ) -> None:
        self.names = [f"a{i}" for i in range(len(argtypes))]
        self.indices = list(indices)
        self.starred = starred
        self.n = n
        self.strict = strict
        self.x = [self.names[i] for i in indices]
        self.is_array = [isinstance(argtypes[i], types.Array) for i in indices]
        self.plain = not any(level_of(t) for t in argtypes)
        self.level = 1 + max(map(level_of, argtypes))
        # what may hold duals; Numba warns of functions in tuples
        holders = [name for name, t in zip(self.names, argtypes, strict=True) if not isinstance(t, types.Dispatcher)]
        self.everything = f"everything = ({''.join(name + ', ' for name in holders)})"

    def call(self, replaced: Sequence[str]) -> str:
        """The call of f with other expressions for the arguments to differentiate by."""
        cells = list(self.names)
        for i, expression in zip(self.indices, replaced, strict=True):
            cells[i] = expression
        if self.starred:
            cells[-1] = "*" + cells[-1]
        return f"f({', '.join(cells)})"

    def lift(self, x: str) -> str:
        return f"lift({x}, {self.level}, {self.n}, {int(self.strict)})"

    def chunked(self, collect: str, single: bool, with_value: bool, fresh: bool) -> str:
        """gradient and jacobian: passes over the arguments, n lanes at a time."""
        k = range(len(self.x))
        arrays = [i for i in k if self.is_array[i]]
        lift = [f"x{i} = {self.lift(self.x[i])}" for i in k]
        seeds = [f"seed(x{i}, start - o{i})" for i in arrays]
        call = self.call([f"x{i}" if i in arrays else f"seed(x{i}, start - o{i})" for i in k])
        gather = [f"{'' if i in arrays else f'g{i} = '}collect_{collect}(g{i}, y, x{i}, start - o{i})" for i in k]
        early = collect == "gradient" and self.plain  # its type is known before f is called
        results = "g0" if single else f"({''.join(f'g{i}, ' for i in k)})"
        return self.function(
            *lift,
            "o0 = 0",
            *(f"o{i + 1} = o{i} + size({self.x[i]})" for i in k),
            *(f"g{i} = empty_early(x{i})" for i in k if early),
            f"for start in range(0, max(o{len(k)}, 1), {self.n}):",
            *("    " + line for line in (lift if fresh else [])),
            *("    " + line for line in seeds),
            f"    y = outputs({call})" if collect != "gradient" else f"    y = {call}",
            *([] if early else ["    if start == 0:", *(f"        g{i} = empty_{collect}(y, x{i})" for i in k)]),
            *("    " + line for line in gather),
            *self.result("value_of(y, x0)", results, with_value),
        )

    def derivative(self, with_value: bool) -> str:
        """derivative by one number."""
        return self.function(
            f"x0 = {self.lift(self.x[0])}",
            f"y = {self.call(['seed(x0, 0)'])}",
            *self.result("value_of(y, x0)", "tangent_of(y, x0)", with_value),
        )

    def elementwise(self, with_value: bool) -> str:
        """derivative by each number of an array."""
        x = self.x[0]
        return self.function(
            self.everything,
            f"values, derivatives = empty_pair({x}, everything)",
            "i = 0",
            f"for number in {x}.flat:",
            f"    x0 = {self.lift('number')}",
            f"    y = {self.call(['seed(x0, 0)'])}",
            "    values[i] = value_of(y, x0)",
            "    derivatives[i] = tangent_of(y, x0)",
            "    i += 1",
            *self.result(f"values.reshape({x}.shape)", f"derivatives.reshape({x}.shape)", with_value),
        )

    def jvp(self) -> str:
        """jvp: the first half of the arguments are primals, the second their tangents."""
        n = len(self.names) // 2
        lifted = [
            f"lift_along({x}, {v}, everything, {int(self.strict)})"
            for x, v in zip(self.names[:n], self.names[n:], strict=True)
        ]
        return self.function(
            self.everything,
            f"x0 = {lifted[0]}",
            f"y = f({', '.join(['x0', *lifted[1:]])})",
            *self.result("value_of(y, x0)", "tangent_of(y, x0)", True),
        )

    def result(self, value: str, derivative: str, with_value: bool) -> list[str]:
        again = [] if self.strict else ["if any_nan(result):", f"    return strict({', '.join(self.names)})"]
        return [f"result = {derivative}", *again, f"return {value}, result" if with_value else "return result"]

    def function(self, *lines: str) -> str:
        return f"def driver({', '.join(self.names)}):\n" + "".join(f"    {line}\n" for line in lines)


def _function_from(text: str, scope: dict[str, Any]) -> Any:
    exec(compile(text, "<dualdiff driver>", "exec"), scope)
    return scope["driver"]


def _stub(parameters: Sequence[str], write: Callable[[Sequence[types.Type]], Any]) -> Any:
    """A function for compiled code whose text is written, by ``write``, for the argument types that it meets."""
    scope: dict[str, Any] = {"write": write}
    listed = ", ".join(parameters)
    exec(f"def stub({listed}):\n    raise TypeError('for compiled code')\n", scope)
    exec(f"def typed({listed}):\n    return write(({''.join(p + ', ' for p in parameters)}))\n", scope)
    overload(scope["stub"], jit_options=OPTIONS)(scope["typed"])
    return scope["stub"]


# --- dispatchers ----------------------------------------------------------------------------


class Driver(CPUDispatcher):
    """A dispatcher for a function whose body is written for the argument types that it meets.

    Arguments from Python are checked and converted before anything is compiled for them, by
    ``prepared``. A call whose arguments need no conversion costs nothing beside Numba's dispatch.
    """

    def __init__(self, entry: Callable[..., Any]) -> None:
        options = {"nopython": True, "nogil": True, "error_model": "numpy"}
        super().__init__(entry, locals={}, targetoptions=options, pipeline_class=CloneCompiler)
        self._through_python: Any = None

    def prepared(self, values: list[Any]) -> list[Any]:
        """The arguments, checked and converted."""
        raise NotImplementedError

    def check(self, argtypes: Sequence[types.Type]) -> None:
        """Compile f itself, and check its result, so that errors are told in terms of f."""
        raise NotImplementedError

    def stub(self, names: Sequence[str], write: Callable[[Sequence[types.Type], bool], Any]) -> Any:
        """What the entry calls: the driver that ``write`` writes, speculating unless there are duals already."""
        self._strict = _stub(names, lambda argtypes: write(argtypes, True))
        return _stub(names, lambda argtypes: write(argtypes, _is_strict(argtypes)))

    def typeof_pyval(self, val: Any) -> types.Type:
        try:
            return super().typeof_pyval(val)
        except NumbaError:  # what Numba cannot type may be converted: a big-endian array, a list of numbers
            return types.pyobject

    def _compile_for_args(self, *args: Any, **kwargs: Any) -> Any:
        # Numba calls this for types that it has no code for, and then what this returns, with args
        prepared = self._converted(args)
        argtypes = tuple(map(_type_of, prepared))
        if argtypes not in self.overloads:
            self._obtain(argtypes)
        if all(p is a for p, a in zip(prepared, args, strict=True)):
            return self.overloads[argtypes].entry_point
        if self._through_python is None:
            self._through_python = _object_mode(self._call_converted, len(args))
        return self._through_python

    def _obtain(self, argtypes: tuple[types.Type, ...]) -> None:
        """Compile for these types, or take what an earlier process has compiled."""
        place = cache.directory()
        key = cache.key_of(*self.request, argtypes) if place is not None else None
        found = cache.load(place, key) if place is not None and key is not None else None
        if found is not None:
            self.add_overload(found)
            self.targetctx.insert_user_function(found.entry_point, found.fndesc, [found.library])
            return
        self.check(argtypes)
        self.compile(argtypes)
        if place is not None and key is not None:
            cache.save(place, key, self.overloads[argtypes])

    @property
    def request(self) -> tuple[Any, ...]:
        """f, and what is asked of it, by content."""
        raise NotImplementedError

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
        self._kind = kind
        self._f = f
        self._argnums = argnums
        self._chunk = chunk
        self._with_value = with_value
        parameters = list(inspect.signature(f.py_func).parameters.values())
        self._names = [p.name for p in parameters]
        self._starred = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self._indices = [self._index(i) for i in (argnums if isinstance(argnums, tuple) else (argnums,))]
        self._clone = clone(f, inlined=True)
        super().__init__(self._entry(parameters))

    def __repr__(self) -> str:
        return f"<{self._kind} of {self.__name__}>"

    @property
    def request(self) -> tuple[Any, ...]:
        return self._f, self._kind, self._argnums, self._chunk, self._with_value

    def __reduce__(self) -> Any:
        return compiled_transform, self._request

    def _index(self, argnum: int) -> int:
        fixed = len(self._names) - self._starred
        if not -fixed <= argnum < fixed:
            name = self._f.__name__
            raise ValueError(
                f"{name} has {fixed} arguments, so there is no argument number {argnum} to differentiate by"
            )
        return argnum % fixed

    def _entry(self, parameters: Sequence[inspect.Parameter]) -> Any:
        """A function with the parameters, defaults, name and docstring of f."""
        stub = self.stub([f"a{i}" for i in range(len(parameters))], self._write)
        listed = ", ".join(str(p.replace(default=p.empty, annotation=p.empty)) for p in parameters)
        scope: dict[str, Any] = {"_stub": stub}
        exec(f"def entry({listed}):\n    return _stub({', '.join(self._names)})\n", scope)
        entry: Any = functools.update_wrapper(scope["entry"], self._f.py_func, updated=())
        entry.__defaults__ = self._f.py_func.__defaults__
        return entry

    def _write(self, argtypes: Sequence[types.Type], strict: bool) -> Any:
        """The driver for arguments of these types."""
        text = Text(argtypes, self._indices, self._starred, self._lanes(argtypes, strict), strict)
        if self._kind == "derivative":
            by_array = isinstance(argtypes[self._indices[0]], types.Array)
            written = text.elementwise(self._with_value) if by_array else text.derivative(self._with_value)
        else:
            written = text.chunked(
                self._kind,
                single=not isinstance(self._argnums, tuple),
                with_value=self._with_value,
                fresh=writes_to_arguments(self._f.py_func, self._indices),
            )
        return _function_from(written, {**HELPERS, "f": self._clone, "strict": self._strict})

    def _lanes(self, argtypes: Sequence[types.Type], strict: bool) -> int:
        if self._kind == "derivative" or (strict and not _is_strict(argtypes)):
            return 1  # strict because speculation failed: rare, so compiled as small as can be
        most = self._chunk or (NESTED_LANES if _is_strict(argtypes) else DEFAULT_LANES)
        if not any(isinstance(argtypes[i], types.Array) for i in self._indices):
            most = min(most, len(self._indices))
        return min(most, MOST_LANES)

    def prepared(self, values: list[Any]) -> list[Any]:
        for i in self._indices:
            x = values[i].value if isinstance(values[i], OmittedArg) else values[i]
            values[i] = as_input(x, self._names[i])
            if np.ndim(values[i]) == 0 and self._kind != "derivative" and not isinstance(self._argnums, tuple):
                raise ValueError(
                    f"{self._kind} expects an array for {self._names[i]}, not a number: "
                    f"perhaps you want derivative({self.__name__})"
                )
        return values

    def check(self, argtypes: Sequence[types.Type]) -> None:
        shown = [typeof(t.value) if isinstance(t, types.Omitted) else t for t in argtypes]
        everything = types.BaseTuple.from_types([t for t in shown if not isinstance(t, types.Dispatcher)])
        lifted = list(shown)
        strict = _is_strict(shown)
        n = self._lanes(shown, strict)
        for i in self._indices:
            x = shown[i].dtype if self._kind == "derivative" and isinstance(shown[i], types.Array) else shown[i]
            lifted[i] = seeding.lifted_type(x, everything, n, strict)
        if self._starred:
            lifted[-1:] = lifted[-1].types
        result = compile_clone(self._clone, lifted, self.__name__)
        name = self.__name__
        is_scalar = is_dual(result) or is_number(result)
        if self._kind == "gradient" and not is_scalar:
            raise ValueError(
                f"gradient expects that {name} returns a number, not {readable(result)}: "
                f"perhaps you want jacobian({name})"
            )
        if self._kind == "derivative":
            _check_structure(self._kind, name, result)
        if self._kind == "jacobian" and ndim_of(result) is None:
            raise ValueError(
                f"jacobian expects that {name} returns an array, a number, or tuples or lists that make an array, "
                f"not {readable(result)}"
            )
        if self._kind == "derivative" and isinstance(shown[self._indices[0]], types.Array) and not is_scalar:
            raise ValueError(
                f"derivative by an array expects that {name} maps a number to a number, not to {readable(result)}: "
                f"perhaps you want jacobian({name})"
            )


class CompiledJvp(Driver):
    """The value and the derivative along a direction of an ``@njit`` function: called with primals, then tangents."""

    def __init__(self, f: Any, n: int) -> None:
        self._f = f
        self._n = n
        self._clone = clone(f, inlined=True)
        names = [f"a{i}" for i in range(2 * n)]
        listed = ", ".join(names)
        scope: dict[str, Any] = {"_stub": self.stub(names, self._write)}
        exec(f"def jvp({listed}):\n    return _stub({listed})\n", scope)
        super().__init__(scope["jvp"])

    @property
    def request(self) -> tuple[Any, ...]:
        return self._f, "jvp"

    def _write(self, argtypes: Sequence[types.Type], strict: bool) -> Any:
        text = Text(argtypes, (), False, 1, strict)
        return _function_from(text.jvp(), {**HELPERS, "f": self._clone, "strict": self._strict})

    def prepared(self, values: list[Any]) -> list[Any]:
        return values  # jvp has checked them

    def check(self, argtypes: Sequence[types.Type]) -> None:
        everything = types.BaseTuple.from_types([t for t in argtypes if not isinstance(t, types.Dispatcher)])
        strict = _is_strict(argtypes)
        pairs = zip(argtypes[: self._n], argtypes[self._n :], strict=True)
        lifted = [seeding.lifted_along_type(x, v, everything, strict) for x, v in pairs]
        _check_structure("jvp", self._f.__name__, compile_clone(self._clone, lifted, self._f.__name__))


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


def _type_of(value: Any) -> types.Type:
    try:
        return typeof(value)
    except (ValueError, NumbaError) as error:
        raise TypeError(f"an argument is of a type that Numba does not compile: {type(value).__name__}") from error


def _check_structure(kind: str, name: str, result: types.Type) -> None:
    if not seeding.is_structure(result):
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
