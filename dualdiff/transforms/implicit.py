"""Solutions of equations, by what the equations depend on: the implicit function theorem."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..rules.custom import CustomJvp, custom_derivative
from .dense import derivative, jacobian, jvp


def implicit(solver: Callable[..., Any], residual: Callable[..., Any]) -> Callable[..., Any]:
    """A solver whose solutions can be differentiated by its arguments.

    If residual(x, \\*args) = 0 at x = solver(\\*args), then dx = -(dr/dx)^-1 (dr/dargs) dargs: the steps of the solver
    do not matter, and it may compute as it likes, with plain numbers.

    >>> import numpy as np
    >>> from dualdiff import derivative, implicit
    >>> def newton(a):
    ...     x = 1.0
    ...     for _ in range(20):
    ...         x = 0.5 * (x + a / x)
    ...     return x
    >>> root = implicit(newton, lambda x, a: x * x - a)
    >>> float(derivative(root)(4.0))
    0.25

    Parameters
    ----------
    solver : a function of numbers and arrays that returns x, a number or an array.
    residual : a function of x and the same arguments, zero at the solution, with as many elements as x. For the minimum
        of a loss it is the gradient of the loss: ``gradient(loss)``.

    Returns a function with the arguments of the solver. Its derivatives, of any order, are those of the exact solution,
    taken at the point that the solver gives.

    Raises ValueError where the residual has not as many elements as x. Where dr/dx is singular, the solution has no
    derivative: what ``np.linalg.solve`` raises is raised.
    """

    @functools.wraps(solver)
    def solve(*args: Any) -> Any:
        return solver(*args)

    solution: CustomJvp = custom_derivative(solve)

    @solution.jvp
    def _(primals: Any, tangents: Any) -> Any:
        x = solution(*primals)
        moved = [i for i, t in enumerate(tangents) if t is not None]

        def of_arguments(*given: Any) -> Any:
            args = list(primals)
            for i, a in zip(moved, given, strict=True):
                args[i] = a
            return residual(x, *args)

        _, change = jvp(of_arguments, tuple(primals[i] for i in moved), tuple(tangents[i] for i in moved))
        if np.ndim(x) == 0:
            slope = derivative(lambda x: residual(x, *primals))(x)
            return x, -change / slope
        slopes = jacobian(lambda x: residual(x, *primals))(x)
        n = int(np.prod(np.shape(x)))
        if np.size(change) != n:
            raise ValueError(f"the residual has {np.size(change)} elements, and the solution {n}")
        step = np.linalg.solve(np.reshape(slopes, (n, n)), np.reshape(change, (n,)))
        return x, -np.reshape(step, np.shape(x))

    return solution
