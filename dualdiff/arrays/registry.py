"""The table of NumPy's functions on arrays of duals."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[Any, Any] = {}
"""NumPy functions on batches, by the NumPy function. What calls a ufunc of batches stands under ``np.ufunc``, what
calls a function of ours over plain arrays under ``Function``."""

CREATION: dict[Any, Callable[..., Any]] = {}
"""What creates an array, by NumPy's function: it gets the array that the new one is to be like, then the arguments."""

LOADERS: list[Callable[[], None]] = []
"""What loads the files that enter functions; the folder says it. Who imports the package does not wait for them."""


@functools.cache
def implementations() -> dict[Any, Any]:
    """``FUNCTIONS``, filled."""
    for load in LOADERS:
        load()
    return FUNCTIONS


def implements(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the decorated function as what these NumPy functions do on arrays of duals."""

    def enter(implementation: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update(dict.fromkeys(functions, implementation))
        return implementation

    return enter
