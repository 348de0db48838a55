"""Functions that are written as text, and functions that only Numba calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ORIGIN = "<dualdiff "
"""How the file name of a generated function begins."""


def function_from(text: str, scope: Mapping[str, Any]) -> Any:
    """The function that a text defines; ``scope`` has what it refers to.

    Numba has no loop over a tuple of several types and no calls with a variable number of arguments: what depends on
    the number of arguments is written out.
    """
    name = text.partition("def ")[2].partition("(")[0]
    names = dict(scope)
    exec(compile(text, f"{ORIGIN}{name}>", "exec"), names)
    return names[name]


def for_compiled_code(name: str, parameters: str) -> Any:
    """A function that Numba knows by its overloads alone; Python's calls raise a TypeError."""
    return function_from(f"def {name}({parameters}):\n    raise TypeError('{name} is for compiled code')\n", {})
