"""A derivative beside finite differences: for derivatives that somebody has written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..rules.custom import CUSTOM, Missing
from .dense import jacobian

_STEPS = 10
_SMALLER = 1.4
"""Each step is this much smaller than the one before (Ridders 1982, Adv. Eng. Software 4, 75)."""


def check_derivative(f: Callable[..., Any], *args: Any, rtol: float = 1e-6) -> None:
    """Compare the first derivatives of a function with extrapolated finite differences, and say where they part.

    >>> import numpy as np
    >>> from dualdiff import check_derivative, custom_derivative
    >>> @custom_derivative(partials=(lambda x, y: -np.sin(x),))
    ... def cosine(x):
    ...     return np.cos(x)
    >>> check_derivative(cosine, 0.7)

    Parameters
    ----------
    f : a function of numbers and arrays that returns a number or an array.
    args : where to compare: away from kinks, and from the ends of the domain of f.
    rtol : how far they may be apart, relative to the larger one; what the differences are known to is added.

    Raises AssertionError with the argument, the element, and both numbers where they differ; by integers, and by
    arguments that have no partial derivative, f is not differentiated.
    """
    rule = CUSTOM.get(f)
    indices = tuple(
        i
        for i, x in enumerate(args)
        if np.asarray(x).dtype.kind == "f" and not (rule and isinstance(rule.partials[i], Missing))
    )
    if not indices:
        raise TypeError("check_derivative expects a float, or an array of floats, to differentiate by")
    found = jacobian(f, argnums=indices)(*args)
    for i, slopes in zip(indices, found, strict=True):
        x = np.array(args[i], dtype=np.float64)

        def at(moved: np.ndarray, i: int = i) -> np.ndarray:
            return np.asarray(f(*args[:i], moved[()] if moved.ndim == 0 else moved, *args[i + 1 :]), dtype=np.float64)

        rows = np.asarray(slopes).reshape(-1, x.size)
        for j in range(x.size):
            expected, error = _difference(at, x, j)
            for k, (slope, number, off) in enumerate(zip(rows[:, j], expected, error, strict=True)):
                if not abs(slope - number) <= rtol * max(abs(slope), abs(number)) + 10 * off + 1e-12:
                    element = "" if x.ndim == 0 else f", element {tuple(map(int, np.unravel_index(j, x.shape)))}"
                    result = "" if len(expected) == 1 else f" of element {k} of the result"
                    name = getattr(f, "__name__", repr(f))
                    raise AssertionError(
                        f"{name}: the derivative{result} by argument {i}{element} is {slope}, "
                        f"finite differences give {number} +- {off:.1g}"
                    )


def _difference(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, j: int) -> tuple[np.ndarray, np.ndarray]:
    """The derivative by element j, extrapolated from central differences, and what it is known to."""

    def central(h: float) -> np.ndarray:
        above, below = x.copy(), x.copy()
        above.flat[j] += h
        below.flat[j] -= h
        return (f(above) - f(below)).reshape(-1) / (above.flat[j] - below.flat[j])

    h = 0.05 * max(abs(float(x.flat[j])), 0.1)
    row = [central(h)]
    best, error = row[0], np.full(row[0].shape, np.inf)
    for _ in range(1, _STEPS):
        h /= _SMALLER
        new = [central(h)]
        factor = 1.0
        for old in row:
            factor *= _SMALLER**2
            new.append((factor * new[-1] - old) / (factor - 1))
            off = np.maximum(np.abs(new[-1] - new[-2]), np.abs(new[-1] - old))
            best = np.where(off <= error, new[-1], best)
            error = np.fmin(off, error)
        row = new
    return best, error
