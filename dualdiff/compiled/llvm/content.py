"""A digest of all that compiled code depends on, by content: two functions of one digest compile to the same code.

It follows a function through what Numba follows: the code, its constants, defaults and closure, its globals, attributes
of modules, functions that it calls by whatever name, with the options of each, named tuples and enumerations. What a
user has taught Numba (``@overload`` and the like) may stand behind any name, so all of it counts. What has no content
that a digest can stand for, as a pointer has none, raises an ``UndigestibleError``, and nothing is cached.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import types as python_types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numba import types

from ...generated import ORIGIN
from ...rules.custom import CUSTOM, CustomFunction, CustomJvp, Several
from ...rules.function import AlsoCompiled, Function
from ..numba_internals import Dispatcher, builtin_registry

VERSIONED = {"numba", "numpy", "llvmlite", "dualdiff"}
"""Packages whose content stands for itself by a version, or by a digest of its files, which the cache adds."""

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), np.generic, np.dtype)


class UndigestibleError(Exception):
    """A function refers to an object whose content no digest can stand for."""


def digest_of(*values: Any) -> bytes:
    """The digest of functions, classes, modules and constants."""
    content = Content()
    for value in (*values, *_taught()):
        content.add(value)
    return content.digest.digest()


def _is_versioned(value: Any) -> bool:
    if isinstance(value, python_types.FunctionType) and value.__code__.co_filename.startswith(ORIGIN):
        return True  # written here, of text that is in the source
    module = value.__name__ if isinstance(value, python_types.ModuleType) else getattr(value, "__module__", None)
    return module in _STANDARD or (module or "").partition(".")[0] in VERSIONED


_STANDARD = {"math", "cmath", "builtins", "operator", "_operator", "functools", "itertools", "random", "typing"}
"""Modules of Python itself, whose version the cache adds, too."""


def _is_known(value: Any) -> bool:
    """Whether a value is a function, in C or in another guise, of a package that stands for itself."""
    if isinstance(value, np.ufunc):
        return value not in CUSTOM and getattr(np, value.__name__, None) is value
    if isinstance(value, (Function, AlsoCompiled)):
        return value.__module__ == "dualdiff" or _is_versioned(value)
    return callable(value) and hasattr(value, "__name__") and not _is_ours(value) and _is_versioned(value)


def _is_ours(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "dualdiff"  # an object of ours has content


def _taught() -> Iterable[Any]:
    """What has been taught to Numba outside of the packages that stand for themselves, in the order of its names."""
    templates = (*builtin_registry.functions, *builtin_registry.attributes)
    functions = [getattr(t, "_overload_func", None) or getattr(t, "_definition_func", None) for t in templates]
    foreign = [f for f in functions if f is not None and not _is_versioned(f)]
    return sorted(foreign, key=lambda f: (str(f.__module__), f.__qualname__, f.__code__.co_firstlineno))


class Content:
    """Takes values one after the other into a digest, each once."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._seen: dict[Any, tuple[int, Any]] = {}  # by identity, the number of each, and the thing, to keep it alive

    def add(self, value: Any, names: frozenset[str] = frozenset()) -> None:
        """Take a value; of a module, what stands in it under one of these names."""
        if isinstance(value, _PLAIN) and not isinstance(value, enum.Enum):
            self._write(type(value).__name__, repr(value))
            return
        key = (id(value), names if isinstance(value, python_types.ModuleType) else None)
        if key in self._seen:
            self._write("again", str(self._seen[key][0]))
            return
        self._seen[key] = (len(self._seen), value)
        for kind, add in _KINDS:
            if isinstance(value, kind):
                add(self, value, names)
                return
        if dataclasses.is_dataclass(value) and _is_ours(value):  # what is asked for
            self._fields(value)
            return
        if not _is_known(value):
            raise UndigestibleError(f"{type(value).__module__}.{type(value).__qualname__}")
        self._write("known", str(getattr(value, "__module__", "")), value.__name__)

    def _write(self, *texts: str) -> None:
        for text in texts:
            encoded = text.encode("utf-8", "surrogatepass")
            self.digest.update(len(encoded).to_bytes(8, "little") + encoded)

    def _all(self, kind: str, values: Iterable[Any]) -> None:
        values = list(values)
        self._write(kind, str(len(values)))
        for value in values:
            self.add(value)

    def _set(self, value: Any, names: frozenset[str]) -> None:
        self._all(type(value).__name__, sorted(value, key=repr))

    def _dict(self, value: Any, names: frozenset[str]) -> None:
        self._all("dict", (part for pair in value.items() for part in pair))

    def _sequence(self, value: Any, names: frozenset[str]) -> None:
        if type(value) not in (tuple, list):
            self.add(type(value))
        self._all(type(value).__name__, value)

    def _array(self, value: np.ndarray, names: frozenset[str]) -> None:
        if value.dtype.hasobject or type(value) is not np.ndarray:
            raise UndigestibleError(f"an array of {value.dtype}")
        flags = value.flags
        about = (value.dtype, value.dtype.descr, value.shape, flags.c_contiguous, flags.f_contiguous, flags.writeable)
        self._write("array", repr(about))
        self.digest.update(value.tobytes())

    def _module(self, value: Any, names: frozenset[str]) -> None:
        self._write("module", value.__name__)
        if not _is_versioned(value):
            for name in sorted(names):
                if hasattr(value, name):
                    self._write("attribute", name)
                    self.add(getattr(value, name), names)

    def _dispatcher(self, value: Any, names: frozenset[str]) -> None:
        self._write("compiled", repr(sorted((name, _option(option)) for name, option in value.targetoptions.items())))
        self._write(repr(sorted((name, str(ty)) for name, ty in value.locals.items())))
        request = getattr(value, "request", None)  # of a derivative
        if request is not None:
            self._all("derivative", request)
        else:
            self.add(value.py_func)

    def _function(self, value: Any, names: frozenset[str]) -> None:
        if _is_versioned(value):
            self._write("known", value.__module__, value.__qualname__)
            return
        code = value.__code__
        used = _names(code)
        self._write("function")
        self._code(code, names)
        self._all("defaults", value.__defaults__ or ())
        self._dict(value.__kwdefaults__ or {}, names)
        for name, cell in zip(code.co_freevars, value.__closure__ or (), strict=True):
            self._write("closure", name)
            try:
                self.add(cell.cell_contents, used)
            except ValueError:  # not filled yet: it may hold anything later
                raise UndigestibleError(f"the variable {name} of the function around") from None
        for name in sorted(used & value.__globals__.keys()):
            self._write("global", name)
            self.add(value.__globals__[name], used)

    def _partial(self, value: Any, names: frozenset[str]) -> None:
        self._all("partial", (value.func, value.args, value.keywords))

    def _code(self, code: python_types.CodeType, names: frozenset[str]) -> None:
        parts = (code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags)
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
        lines = (code.co_firstlineno, tuple(code.co_lines()))  # which exceptions tell
        self._write("code", repr((*parts, *counts, *lines, getattr(code, "co_exceptiontable", b""))))
        self._all("constants", code.co_consts)

    def _class(self, value: type, names: frozenset[str]) -> None:
        self._write("class", value.__module__, value.__qualname__)
        if _is_versioned(value) or issubclass(value, BaseException):
            return
        if issubclass(value, enum.Enum):
            self._all("members", (part for m in value for part in (m.name, m.value)))
        elif issubclass(value, tuple) and hasattr(value, "_fields"):
            self._all("fields", (*value._fields, getattr(value, "_field_defaults", {})))
        else:
            raise UndigestibleError(f"the class {value.__qualname__}")

    def _custom_function(self, value: CustomFunction, names: frozenset[str]) -> None:
        self._all("custom", (value.definition, *CUSTOM[value].partials))

    def _several(self, value: Several, names: frozenset[str]) -> None:
        self._all("several", value.parts)

    def _custom_jvp(self, value: CustomJvp, names: frozenset[str]) -> None:
        self._all("custom jvp", (value.definition, value.rule))

    def _member(self, value: enum.Enum, names: frozenset[str]) -> None:
        self._write("member", value.name)
        self.add(type(value))

    def _type(self, value: types.Type, names: frozenset[str]) -> None:
        """A type of Numba's, of an argument: its name, and the content of classes and functions in it."""
        self._write("type", type(value).__name__)
        if isinstance(value, types.Dispatcher):  # its name has an address
            self.add(value.dispatcher)
            return
        self._write(str(value))
        if isinstance(value, types.BaseTuple):
            self._all("cells", value.types)
            self.add(getattr(value, "instance_class", None))
        elif isinstance(value, (types.Array, types.List, types.ListType, types.Optional)):
            self.add(getattr(value, "dtype", getattr(value, "type", None)))
        elif isinstance(value, types.EnumMember):
            self.add(value.instance_class)
        elif isinstance(value, types.Omitted):
            self.add(value.value)
        elif not isinstance(value, _TYPES_OF_THEIR_NAME) and not _is_ours(value):
            raise UndigestibleError(f"the type {value}")

    def _fields(self, value: Any) -> None:
        self._all(type(value).__name__, (getattr(value, field.name) for field in dataclasses.fields(value)))


_TYPES_OF_THEIR_NAME = (
    *(types.Number, types.Boolean, types.NoneType, types.UnicodeType, types.Literal, types.Record, types.TypeRef),
    *(types.NumberClass, types.DType, types.NPDatetime, types.NPTimedelta, types.UnicodeCharSeq, types.CharSeq),
)


def _option(option: Any) -> str:
    """An option of a dispatcher, in words that are the same in every process."""
    if isinstance(option, (set, frozenset)):
        return repr(sorted(map(repr, option)))
    if isinstance(option, _PLAIN):
        return repr(option)
    if isinstance(option, dict):
        return repr(sorted((name, _option(value)) for name, value in option.items()))
    if isinstance(option, type):
        return f"{option.__module__}.{option.__qualname__}"
    if hasattr(option, "__dict__"):
        return type(option).__name__ + _option(vars(option))
    raise UndigestibleError(f"the option {option!r}")


@functools.cache
def _names(code: python_types.CodeType) -> frozenset[str]:
    """The names that code may look up, by themselves or as attributes; ``getattr`` has them as constants."""
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, python_types.CodeType)]
    texts = {constant for constant in code.co_consts if isinstance(constant, str)}
    return frozenset(texts.union(code.co_names, *inner))


_KINDS: tuple[tuple[Any, Callable[[Content, Any, frozenset[str]], None]], ...] = (
    (CustomFunction, Content._custom_function),
    (Several, Content._several),
    (CustomJvp, Content._custom_jvp),
    (enum.Enum, Content._member),
    (types.Type, Content._type),
    ((tuple, list), Content._sequence),
    ((set, frozenset), Content._set),
    (dict, Content._dict),
    (np.ndarray, Content._array),
    (python_types.ModuleType, Content._module),
    (Dispatcher, Content._dispatcher),
    (python_types.FunctionType, Content._function),
    (functools.partial, Content._partial),
    (python_types.CodeType, Content._code),
    (type, Content._class),
)
