"""From compiled code back to Python: for what is needed so seldom that compiling it beforehand does not pay."""

from __future__ import annotations

import functools
import weakref
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...generated import function_from
from ..dual.types import is_number
from ..numba_internals import cgutils

_CALLED: dict[str, weakref.WeakSet[Any]] = {}
"""Those that compiled code may call, by a name that is the same in every process that loads the code from disk.

Several derivatives may have the same code, and each may be garbage before the others."""


def offer(name: str, driver: Any) -> None:
    """From now on, as long as it lives, ``driver.called_back(name, ...)`` may be what compiled code calls by a name."""
    _CALLED.setdefault(name, weakref.WeakSet()).add(driver)
    weakref.finalize(driver, _forget, name)


def _forget(name: str) -> None:
    if not _CALLED.get(name, True):
        del _CALLED[name]


def can_be_passed(ty: types.Type) -> bool:
    """Whether Python gets an argument of this type as it got it first."""
    if isinstance(ty, types.BaseTuple):
        return not isinstance(ty, types.BaseNamedTuple) and all(map(can_be_passed, ty.types))
    if isinstance(ty, types.Array):
        return is_number(ty.dtype)
    return is_number(ty) or isinstance(ty, (types.NoneType, types.Omitted, types.Dispatcher))


@functools.cache
def callback(n: int) -> Any:
    """A function for compiled code: ``f(key, like, ...)``, with n more arguments, calls what was offered by that name.

    Its result has the type of ``like``. It is part of the code that calls it, whose environment it needs.
    """
    listed = "".join(f"a{i}, " for i in range(n))
    text = f"def called(typingctx, key, like, {listed}):\n    return call(key, like, ({listed}))\n"
    return intrinsic(function_from(text, {"call": _call}))


def _call_back(name: str, *args: Any) -> Any:
    return next(iter(_CALLED[name])).called_back(name, *args)


def _call(key: types.Type, like: types.Type, argtypes: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        python = context.get_python_api(builder)
        environment = context.get_env_manager(builder)
        gil = python.gil_ensure()
        name_of_module = context.insert_const_string(builder.module, __name__)
        # Numba's own way to import has changed its name
        import_module = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(python.pyobj, [python.cstring]), "PyImport_ImportModule"
        )
        module = builder.call(import_module, [name_of_module])
        function = python.object_getattr_string(module, "_call_back")
        objects = [python.from_native_value(types.unicode_type, args[0], environment)]
        for ty, value in zip(argtypes, args[2:], strict=True):
            if isinstance(ty, types.Omitted):
                objects.append(python.make_none())
            else:
                if context.enable_nrt:
                    context.nrt.incref(builder, ty, value)  # boxing takes one
                objects.append(python.from_native_value(ty, value, environment))
        answer = python.call_function_objargs(function, objects)
        for reference in (module, function, *objects):
            python.decref(reference)
        with cgutils.if_unlikely(builder, cgutils.is_null(builder, answer)):
            python.gil_release(gil)
            context.call_conv.return_exc(builder)
        native = python.to_native_value(like, answer)
        python.decref(answer)
        if native.cleanup is not None:
            native.cleanup()
        python.gil_release(gil)
        with cgutils.if_unlikely(builder, native.is_error):
            context.call_conv.return_exc(builder)
        return native.value

    return like(types.unicode_type, like, *argtypes), codegen
