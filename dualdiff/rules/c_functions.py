"""C functions by their addresses: those of ctypes and cffi as they are, SciPy's in capsules as functions of ctypes."""

from __future__ import annotations

import ctypes
import re
import sys
from typing import Any

C_TYPES: dict[str, Any] = {
    "double": ctypes.c_double,
    "long": ctypes.c_long,
    "int": ctypes.c_int,
    "Py_ssize_t": ctypes.c_ssize_t,
}

name_of_capsule = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
address_of_capsule = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)

_SIGNATURE = re.compile(r"double \((.*?)(?:, int __pyx_skip_dispatch)?\)$")


def callable_of(function: Any) -> Any:
    """The C function in a ``scipy.LowLevelCallable``, as one of ctypes or cffi; anything else as it is.

    Raises TypeError for one that does not map real numbers and integers to a real number.
    """
    if type(function).__name__ != "LowLevelCallable":
        return function
    if callable(function.function):
        return function.function
    signature = _SIGNATURE.match(function.signature)
    kinds = signature[1].split(", ") if signature else ["?"]
    if not all(kind in C_TYPES for kind in kinds):
        raise TypeError(f"a C function of real numbers is wanted, not {function.signature}")
    capsule = tuple.__getitem__(function, 0)
    address = address_of_capsule(capsule, name_of_capsule(capsule))
    return ctypes.CFUNCTYPE(ctypes.c_double, *(C_TYPES[kind] for kind in kinds))(address)


def number_of_arguments(function: Any) -> int | None:
    """How many arguments a function of ctypes or cffi takes; None for another."""
    if getattr(function, "argtypes", None):
        return len(function.argtypes)
    if type(function).__module__ == "_cffi_backend":
        return len(sys.modules["_cffi_backend"].typeof(function).args)
    return None
