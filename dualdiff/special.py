"""SciPy's special functions, with their derivatives, in ``@njit`` code and in Python.

``special.j0(x)`` is ``scipy.special.j0(x)``: in Python it is that ufunc, in compiled code the C function that SciPy
offers in ``scipy.special.cython_special``. SciPy is imported when the first of them is asked for.

>>> from numba import njit
>>> from dualdiff import derivative, special
>>> f = njit(lambda x: x * special.j0(x))
>>> print(f"{derivative(f)(1.0):.12f}")
0.325147100813
"""

from __future__ import annotations

import ctypes
import re
import sys
from typing import Any

from .rules.custom import CustomFunction, custom_derivative
from .rules.scipy_special import functions
from .rules.table import polygamma

_C_TYPES: dict[str, Any] = {
    "double": ctypes.c_double,
    "long": ctypes.c_long,
    "int": ctypes.c_int,
    "Py_ssize_t": ctypes.c_ssize_t,
}
_OTHER_NAMES = {"digamma": "psi", "jn": "jv"}
_HELPERS = {"elliprd": (None, None, None)}
"""What partial derivatives are made of, beside functions that have some."""

_SIGNATURE = re.compile(r"double \((.*?)(?:, int __pyx_skip_dispatch)?\)$")


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    import scipy.special as scipy_special  # who asks for one of its functions has it

    known = {**functions(custom_derivative, sys.modules[__name__], polygamma), **_HELPERS}
    ufunc = getattr(scipy_special, name, None)
    if name not in known or ufunc is None:
        raise AttributeError(f"dualdiff.special has no {name}: {', '.join(sorted(known))}")
    made: CustomFunction = custom_derivative(ufunc, partials=known[name])
    made.compiled = _c_function(name)
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted(functions(custom_derivative, sys.modules[__name__], polygamma))


def _c_function(name: str) -> Any:
    """The function of real numbers that SciPy offers to compiled code; None if there is none."""
    import scipy.special.cython_special as offered

    found = {}
    for key, capsule in offered.__pyx_capi__.items():
        if re.fullmatch(rf"(__pyx_fuse(_\d+)+)?{_OTHER_NAMES.get(name, name)}", key):
            text = _name_of(capsule)
            signature = _SIGNATURE.match(text.decode())
            kinds = signature[1].split(", ") if signature else ["?"]
            if all(kind in _C_TYPES for kind in kinds):
                found[tuple(kinds)] = _address_of(capsule, text)
    if not found:
        return None
    kinds = min(found, key=lambda kinds: sum(kind != "double" for kind in kinds))
    return ctypes.CFUNCTYPE(ctypes.c_double, *(_C_TYPES[kind] for kind in kinds))(found[kinds])


_name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
_address_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
