"""``@vectorize`` functions in clones: their Python function, compiled for duals, number by number."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import overload

from ...generated import for_compiled_code, function_from
from ...kept import kept_by_first
from ..arrays.loops import elementwise, is_numeric
from ..arrays.teaching import teach
from ..dual.types import CALLED, is_dual, is_number
from ..numba_internals import DUFunc


def as_dispatcher(function: Any) -> Any:
    """A function that calls a vectorized one; others as they are."""
    return _calling(function) if isinstance(function, DUFunc) else function


def _name(function: Any) -> str:
    return function.__name__ if function.__name__.isidentifier() else "vectorized"  # <lambda>


@kept_by_first
def _calling(function: Any) -> Any:
    name, listed = _name(function), ", ".join(f"a{i}" for i in range(function.nin))
    text = f"def {name}({listed}):\n    return called({listed})\n"
    return njit(error_model="numpy")(function_from(text, {"called": function}))


@kept_by_first
def vectorized(function: Any) -> Any:
    """A function for compiled code that does what a vectorized one does; on duals, too."""
    n = function.nin
    names = [f"a{i}" for i in range(n)]
    listed = ", ".join(names)
    of_numbers = njit(error_model="numpy")(function._dispatcher.py_func)  # a ufunc divides by zero without raising
    called = for_compiled_code(_name(function), listed)
    calls = function_from(f"def on_numbers({listed}):\n    return of_numbers({listed})\n", {"of_numbers": of_numbers})

    def typed(*argtypes: Any) -> Any:
        return calls if all(is_dual(t) or is_number(t) for t in argtypes) else None

    def on_arrays(typingctx: Any, *argtypes: Any) -> Any:
        arrays = any(isinstance(t, types.Array) for t in argtypes) and all(map(is_numeric, argtypes))
        return elementwise(typingctx, called, argtypes) if arrays else None

    text = f"def typed({listed}):\n    return decide({listed})\n"
    overload(called, jit_options=CALLED)(function_from(text, {"decide": typed}))
    text = f"def whole(typingctx, {listed}):\n    return decide(typingctx, {listed})\n"
    teach(called, function_from(text, {"decide": on_arrays}))
    return called
