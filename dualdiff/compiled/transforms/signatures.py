"""Compiled functions around ``@njit`` functions, which keep their names, docstrings and defaults."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

from numba import njit

from ...generated import function_from


def parameters(signature: inspect.Signature, leading: int = 0) -> tuple[list[str], str]:
    """The parameters of a function from a place on, as written in a definition and in a call."""
    own = list(signature.parameters.values())[leading:]
    listed = [str(p.replace(default=p.empty, annotation=p.empty)) for p in own]
    return listed, ", ".join("*" * (p.kind is p.VAR_POSITIONAL) + p.name for p in own)


def compiled_like(entry: Any, f: Any) -> Any:
    """A generated function, compiled, with the name, the docstring and the defaults of another."""
    functools.update_wrapper(entry, f.py_func, updated=())
    del entry.__wrapped__  # its parameters are others
    entry.__defaults__ = f.py_func.__defaults__
    return njit(nogil=bool(f.targetoptions.get("nogil", False)))(entry)


def with_leading(f: Any, names: Sequence[str]) -> Any:
    """``f`` with parameters that it does not use in front of its own."""
    own, passed = parameters(inspect.signature(f.py_func))
    text = f"def entry({', '.join([*names, *own])}):\n    return _f({passed})\n"
    return compiled_like(function_from(text, {"_f": f}), f)
