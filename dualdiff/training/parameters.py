"""Parameters as one flat array, which is what derivatives are taken by and optimizers write to."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..calls.arguments import as_input
from ..generated import function_from
from ..kept import kept_by_first

Parameters = Any
"""An array, or a tuple of arrays and numbers."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The structure of parameters: the shapes of the arrays, in order, and whether they stand in a tuple."""

    shapes: tuple[Shape, ...]
    is_tuple: bool

    @classmethod
    def of(cls, params: Parameters) -> Layout:
        """The layout of these parameters.

        Raises
        ------
        TypeError : they are not real arrays or numbers.
        ValueError : there are none, or one is a single number outside of a tuple.
        """
        if isinstance(params, list) and any(isinstance(part, np.ndarray) for part in params):
            raise TypeError("params must be an array or a tuple of arrays and numbers, not a list of arrays")
        is_tuple = isinstance(params, tuple)
        parts = params if is_tuple else (params,)
        names = [f"params[{i}]" for i in range(len(parts))] if is_tuple else ["params"]
        shapes = tuple(np.shape(as_input(part, name)) for part, name in zip(parts, names, strict=True))
        if not is_tuple and shapes == ((),):
            raise ValueError("params must be an array or a tuple of arrays and numbers, not one number")
        if sum(map(math.prod, shapes)) == 0:
            raise ValueError("there are no parameters: params is empty")
        return cls(shapes, is_tuple)

    def __str__(self) -> str:
        return str(self.shapes if self.is_tuple else self.shapes[0])

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(map(math.prod, self.shapes))

    def flat(self, params: Parameters) -> np.ndarray:
        """A new array of float64, of shape (size,), that holds the parameters."""
        parts = params if self.is_tuple else (params,)
        return np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in parts])

    def unflat(self, theta: np.ndarray) -> Parameters:
        """The parameters in a flat array, as arrays and numbers of their own."""
        unpack = function_from(f"def unpack(theta):\n    return {self.text}\n", {})
        parts = unpack(np.array(theta))
        return parts if self.is_tuple else parts.copy()

    @property
    def text(self) -> str:
        """The parameters as an expression of the flat array ``theta``, for Python and for Numba."""
        parts, start = [], 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            parts.append(f"theta[{start}:{stop}]" + (f".reshape({shape})" if len(shape) > 1 else ""))
            parts[-1] = parts[-1] if shape else f"theta[{start}]"
            start = stop
        return f"({', '.join(parts)},)" if self.is_tuple else parts[0]


def is_compiled(*functions: Any) -> bool:
    """Whether these are ``@njit`` functions.

    Raises
    ------
    TypeError : one is no function, or some are compiled and others are not.
    """
    for f in functions:
        if not callable(f):
            raise TypeError(f"a function is expected, not {type(f).__name__}")
    if "numba" not in sys.modules:  # nothing can be compiled yet
        return False
    from ..compiled.transforms.driver import is_compiled

    compiled = [f for f in functions if is_compiled(f)]
    if compiled and len(compiled) < len(functions):
        plain = next(f for f in functions if f not in compiled)
        raise TypeError(f"{compiled[0].__name__} is an @njit function, {plain.__name__} is not: compile both or none")
    return bool(compiled)


@kept_by_first
def of_flat(f: Callable[..., Any], layout: Layout, count: int) -> Any:
    """``f(params, ...)`` as a function of the flat array and ``count`` further arguments, compiled if f is."""
    names = "".join(f", a{i}" for i in range(count))
    text = f"def of_flat(theta{names}):\n    return f({layout.text}{names})\n"
    return _compiled_as(function_from(text, {"f": f}), f)


@dataclass(frozen=True)
class PerSample:
    """A model written for one sample: ``function(params, x)`` with x one of X, a number or an array.

    The loss that goes with it takes one prediction and one label, and its mean over the samples is what is
    minimised. Compiled, that is the fastest way, for no array of predictions is made: with sums in loops, since
    ``np.dot`` of a few numbers takes six times as long.

    >>> import numpy as np
    >>> model = PerSample(lambda params, x: params[0] * x)
    >>> model(np.array([2.0]), np.array([1.0, 3.0]))
    array([2., 6.])
    """

    function: Callable[[Parameters, Any], Any]

    def __call__(self, params: Parameters, X: Any) -> np.ndarray:
        """The predictions for all samples."""
        return np.array([self.function(params, x) for x in X])


def objective(
    model: Callable[..., Any], loss: Callable[..., Any], penalty: Callable[..., Any] | None, layout: Layout
) -> Any:
    """What ``fit`` minimises, as a function of the flat array, X and y; compiled if model and loss are."""
    if isinstance(model, PerSample):
        return _objective(model.function, True, loss, penalty, layout)
    return _objective(model, False, loss, penalty, layout)


@kept_by_first
def _objective(
    model: Callable[..., Any],
    per_sample: bool,
    loss: Callable[..., Any],
    penalty: Callable[..., Any] | None,
    layout: Layout,
) -> Any:
    value = "loss(model(params, X), y)"
    lines = [f"params = {layout.text}"]
    if per_sample:
        lines += ["total = 0.0", "for i in range(len(y)):", "    total += loss(model(params, X[i]), y[i])"]
        value = "total / len(y)"
    lines.append(f"return {value} + penalty(params)" if penalty else f"return {value}")
    text = "def objective(theta, X, y):\n" + "".join(f"    {line}\n" for line in lines)
    scope = {"loss": loss, "model": model, "penalty": penalty}
    return _compiled_as(function_from(text, scope), *(f for f in scope.values() if f))


def _compiled_as(function: Any, *parts: Callable[..., Any]) -> Any:
    """A generated function, named after the functions that it calls, and compiled if they are."""
    names = [getattr(part, "__name__", type(part).__name__) for part in parts[:2]]
    function.__name__ = function.__qualname__ = " of ".join(names)
    if not is_compiled(*parts):
        return function
    from numba import njit

    return njit(function)
