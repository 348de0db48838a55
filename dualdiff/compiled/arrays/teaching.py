"""How Numba is taught what NumPy's functions do on arrays of duals."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numba import njit, types
from numba.extending import overload, overload_method

from ...generated import for_compiled_code
from ..dual.arithmetic import value
from ..dual.types import CALLED, DualArrayType, is_dual
from ..numba_internals import cpu_target, infer, infer_global, make_intrinsic_template
from .loops import is_dual_array, values_of

compiled = njit(**CALLED)

TAUGHT: set[Any] = set()
"""The functions that are taught."""


def teach(function: Any, definition: Callable[..., Any], prefer_literal: bool = False) -> None:
    """Make ``definition``, which is that of an intrinsic, one of the meanings of ``function`` in compiled code.

    For the target "cpu", so that it is asked before NumPy's own, which may fail on what it does not know.
    """
    name = getattr(function, "__name__", str(function))
    options = {"target": "cpu"}
    base: Any = make_intrinsic_template(function, definition, name, prefer_literal=prefer_literal, kwargs=options)
    parameters = list(inspect.signature(definition).parameters)[1:]

    class Template(base):
        def generic(self, args: Any, kws: Any) -> Any:
            # NumPy's function may have more arguments, such as an array for the result: those calls are Numba's
            fits = len(args) + len(kws) == len(parameters) and all(keyword in parameters for keyword in kws)
            # Numba sometimes gives the arguments as a list, which it then cannot look up
            return super().generic(tuple(args), kws) if fits else None

    infer(Template)
    infer_global(function, types.Function(Template))
    TAUGHT.add(function)


def implements(*functions: Any, method: str = "", prefer_literal: bool = False) -> Callable[[Any], Any]:
    """Enter the decorated overload for these NumPy functions, and for a method of arrays of duals.

    For the target "cpu", so that it is asked before Numba's own, which fails only after it has been compiled.
    """

    def enter(typed: Any) -> Any:
        TAUGHT.update(functions)
        for function in functions:
            overload(function, jit_options=CALLED, target="cpu", prefer_literal=prefer_literal)(typed)
        if method:
            overload_method(DualArrayType, method, jit_options=CALLED, prefer_literal=prefer_literal)(typed)
        return typed

    return enter


def is_none(ty: Any) -> bool:
    """Whether it is the type of an argument that is None, or not given and None by default."""
    return ty is None or isinstance(ty, types.NoneType) or (isinstance(ty, types.Omitted) and ty.value is None)


def common(*elements: Any) -> types.TypeRef:
    """The type of an array for elements of several types."""
    return types.TypeRef(cpu_target.typing_context.unify_types(*elements))


@compiled
def checked_axis(axis, ndim):
    """The axis, counted from the first."""
    if axis < -ndim or axis >= ndim:
        raise ValueError("axis is out of bounds for array")
    return axis + ndim if axis < 0 else axis


bare = for_compiled_code("bare", "x")
"""The plain numbers in an argument, without tangents of any level."""


@overload(bare, jit_options=CALLED)
def _bare(x):
    if is_dual_array(x):
        return lambda x: bare(values_of(x))  # Fortran-ordered if x is
    if is_dual(x):
        return lambda x: bare(value(x))
    return lambda x: x
