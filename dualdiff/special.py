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
from collections.abc import Iterator
from typing import Any

import numpy as np

from .generated import function_from
from .rules import stable
from .rules.c_functions import C_TYPES, address_of_capsule, name_of_capsule
from .rules.custom import Several, custom_derivative
from .rules.scipy_special import definitions, functions, several
from .rules.table import polygamma

_OTHER_NAMES = {"digamma": "psi", "jn": "jv"}
_COMPILED = {"zeta": stable.zeta, "lambertw": stable.lambertw}
"""What SciPy offers to compiled code only for complex numbers, or not at all."""
_HELPERS = {"elliprd": (None, None, None)}
"""What partial derivatives are made of, beside functions that have some."""

_SIGNATURE = re.compile(r"(double|void) \((.*?)(?:, int __pyx_skip_dispatch)?(?:, (struct \w+ \*\w*))?\)$")


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    import scipy.special as scipy_special  # who asks for one of its functions has it

    here = sys.modules[__name__]
    known = {**functions(custom_derivative, here, polygamma), **_HELPERS}
    parts: dict[str, Any] = several(custom_derivative, here)
    made: Any
    if name in parts:
        made = Several(getattr(scipy_special, name), parts[name])
        for k, part in enumerate(made.parts):
            part.compiled = _one_of_several(name, made.nin, len(made.parts), k)
    elif name in known and hasattr(scipy_special, name):
        made = custom_derivative(
            definitions(scipy_special).get(name, getattr(scipy_special, name)), partials=known[name]
        )
        made.__name__ = made.__qualname__ = name
        made.compiled = _COMPILED.get(name) or _c_function(name)
    else:
        raise AttributeError(f"dualdiff.special has no {name}: {', '.join(__dir__())}")
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    import scipy.special as scipy_special  # older ones lack some

    here = sys.modules[__name__]
    known = {*functions(custom_derivative, here, polygamma), *several(custom_derivative, here)}
    return sorted(name for name in known if hasattr(scipy_special, name))


def _c_function(name: str) -> Any:
    """The function of real numbers that SciPy offers to compiled code; None if there is none."""
    found = {}
    for kinds, options, address in _offered(name, "double"):
        if all(kind in C_TYPES for kind in kinds):
            found[kinds] = options, address
    if not found:
        return None
    kinds = min(found, key=lambda kinds: sum(kind != "double" for kind in kinds))
    options, address = found[kinds]
    types = [C_TYPES[kind] for kind in kinds]
    if not options:
        return ctypes.CFUNCTYPE(ctypes.c_double, *types)(address)
    # Cython hands on optional arguments by an address, which is null where there are none
    called = ctypes.CFUNCTYPE(ctypes.c_double, *types, ctypes.c_int, ctypes.c_ssize_t)(address)
    return function_from("def called(n, x):\n    return c_function(n, x, 0, 0)\n", {"c_function": called})


def _one_of_several(name: str, nin: int, nout: int, place: int) -> Any:
    """A function for compiled code that calls one of SciPy's with several results, for one of them."""
    for kinds, _, address in _offered(name, "void"):
        if kinds == ("double",) * nin + ("double *",) * nout:
            called = ctypes.CFUNCTYPE(None, *(ctypes.c_double,) * nin, *(ctypes.c_void_p,) * nout)(address)
            listed = ", ".join("abc"[:nin])
            places = ", ".join(f"results[{k}:].ctypes" for k in range(nout))
            text = (
                f"def one({listed}):\n    results = np.empty({nout})\n"
                f"    c_function({listed}, {places})\n    return results[{place}]\n"
            )
            return function_from(text, {"np": np, "c_function": called})
    return None


def _offered(name: str, returned: str) -> Iterator[tuple[tuple[str, ...], bool, int]]:
    """For each C function of this name its parameters' types, whether it has optional ones, and its address."""
    import scipy.special.cython_special as offered

    for key, capsule in offered.__pyx_capi__.items():
        if re.fullmatch(rf"(__pyx_fuse(_\d+)+)?{_OTHER_NAMES.get(name, name)}", key):
            text = name_of_capsule(capsule)
            signature = _SIGNATURE.match(text.decode())
            if signature and signature[1] == returned:
                yield tuple(signature[2].split(", ")), signature[3] is not None, address_of_capsule(capsule, text)
