"""Methods that need more than a gradient, which forward mode makes cheap for few parameters.

A solver's ``step`` takes a function that evaluates what is minimised, with its derivatives, at flat
parameters; the point where it stands; and what it remembers. It returns the next point, what to
remember, and, if it has come to an end, why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import hessian, value_and_gradient, value_and_jacobian
from .checks import check_fraction, check_positive

SMALL_STEP = "converged: the step is small"
NOTHING_TO_GAIN = "converged: a step would change the loss by less than its rounding"
NO_DECREASE = "no step in the direction lowers the loss"
STILL_FINITE = "the loss is finite nowhere along the step"
NOT_FINITE_AT_START = "the loss or its derivatives are not finite at the start"

SUFFICIENT = 1e-4
"""The part of the decrease promised by the slope that a step has to bring (Armijo 1966)."""

TOO_FLAT_TO_TELL = 1e-10
"""Relative differences of the loss that may be rounding: its terms may be that much larger than their sum."""

HALVINGS = 50
"""How often a step is halved at most."""


def norm(x: np.ndarray) -> float:
    """The Euclidean norm of an array of one axis, which NumPy's function takes several times as long for."""
    return math.sqrt(x @ x)


class Point(NamedTuple):
    """A real function at a point, with n parameters."""

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    hessian: np.ndarray

    @property
    def is_finite(self) -> bool:
        """Whether the function and its derivatives are finite."""
        return math.isfinite(self.value) and bool(np.isfinite(self.gradient).all() and np.isfinite(self.hessian).all())


class Residuals(NamedTuple):
    """m residuals at a point, and their Jacobian of shape (m, n)."""

    theta: np.ndarray
    residuals: np.ndarray
    jacobian: np.ndarray

    @property
    def value(self) -> float:
        """The sum of squares."""
        return float(self.residuals @ self.residuals)

    @property
    def is_finite(self) -> bool:
        """Whether the residuals and their derivatives are finite."""
        return math.isfinite(self.value) and bool(np.isfinite(self.jacobian).all())


Evaluate = Callable[[np.ndarray], Any]
"""Gives a ``Point``, or ``Residuals`` for the solvers of least-squares problems."""


@dataclass(frozen=True)
class Solver:
    """What Newton's method and the solvers of least-squares problems share."""

    def evaluation(self, function: Callable[..., Any], data: tuple[Any, ...]) -> Evaluate:
        """What evaluates ``function(theta, *data)`` with the derivatives that this solver needs."""
        raise NotImplementedError

    def step(self, evaluate: Evaluate, at: Any, state: Any) -> tuple[Any, Any, str | None]:
        """The next point and state, and why it is the last, if it is; what is passed is not written to."""
        raise NotImplementedError


@dataclass(frozen=True)
class LeastSquaresSolver(Solver):
    """A solver that minimises the sum of squares of the residuals that the function returns."""

    def evaluation(self, function: Callable[..., Any], data: tuple[Any, ...]) -> Evaluate:
        """What evaluates residuals and their Jacobian."""
        derivative = value_and_jacobian(function)

        def evaluate(theta: np.ndarray) -> Residuals:
            with np.errstate(all="ignore"):  # who calls this looks at the result
                residuals, jacobian = derivative(theta, *data)
            if np.ndim(residuals) == 0:
                raise ValueError("least squares need an array of residuals, not their sum of squares")
            return Residuals(theta, np.ravel(residuals), jacobian.reshape(-1, theta.size))

        return evaluate


def iterate(
    function: Callable[..., Any], solver: Solver, theta: np.ndarray, data: tuple[Any, ...], state: Any = None
) -> Iterator[tuple[Any, Any, str | None]]:
    """Point and state after each step; and at the end, once more, with the reason."""
    evaluate = solver.evaluation(function, data)
    at = evaluate(theta)
    if not at.is_finite:
        yield at, state, NOT_FINITE_AT_START
        return
    while True:
        at, state, reason = solver.step(evaluate, at, state)
        yield at, state, None
        if reason is not None:
            yield at, state, reason


# --- along a line -----------------------------------------------------------------------------


def along(
    evaluate: Evaluate, at: Any, direction: np.ndarray, promised: float, rate: float, tolerance: float
) -> tuple[Any, str | None]:
    """The point after a step in a direction of descent, halved until the loss is lower.

    ``promised`` is the slope of the loss in the direction, negated. Near a minimum the loss is flat to
    rounding, so that it cannot judge a step: there the step is taken whole.
    """
    small = norm(direction) <= tolerance * (norm(at.theta) + tolerance)
    nothing_to_gain = promised <= tolerance**2 * abs(at.value)
    too_flat_to_tell = promised <= TOO_FLAT_TO_TELL * abs(at.value)
    finite = False
    for _ in range(HALVINGS):
        there = evaluate(at.theta + rate * direction)
        finite |= there.is_finite
        if there.is_finite and (small or too_flat_to_tell or there.value <= at.value - SUFFICIENT * rate * promised):
            return there, SMALL_STEP if small else NOTHING_TO_GAIN if nothing_to_gain else None
        rate /= 2
    return at, NO_DECREASE if finite else STILL_FINITE


@dataclass(frozen=True)
class Newton(Solver):
    """Newton's method: theta <- theta - eta H^-1 grad, H the Hessian.

    Where H is not positive definite, its eigenvalues are replaced by their absolute values, so that each
    step goes down (Nocedal and Wright 2006, section 3.4); a step that does not lower the loss is halved
    (section 3.1).

    ``learning_rate`` is eta for the whole step; ``tolerance`` is relative: iterations end when a step is
    shorter than that part of the parameters.

    >>> import numpy as np
    >>> solver = Newton()
    >>> evaluate = solver.evaluation(lambda x: x[0] ** 2 + 10 * (x[1] - 1) ** 2, ())
    >>> at, state, reason = solver.step(evaluate, evaluate(np.array([3.0, 4.0])), None)
    >>> at.theta
    array([0., 1.])
    """

    learning_rate: float = 1.0
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        check_positive(self, "learning_rate")
        check_fraction(self, "tolerance")

    def evaluation(self, function: Callable[..., Any], data: tuple[Any, ...]) -> Evaluate:
        """What evaluates a real function with its gradient and Hessian."""
        slope, curvature = value_and_gradient(function), hessian(function)

        def evaluate(theta: np.ndarray) -> Point:
            with np.errstate(all="ignore"):  # who calls this looks at the result
                value, gradient = slope(theta, *data)
                return Point(theta, float(value), gradient, curvature(theta, *data))

        return evaluate

    def step(self, evaluate: Evaluate, at: Point, state: None) -> tuple[Point, None, str | None]:
        """A step from ``at``. There is nothing to remember."""
        eigenvalues, axes = np.linalg.eigh(at.hessian)
        size = np.abs(eigenvalues)
        if not size.any():
            return at, state, "the Hessian is zero: there is no Newton step"
        if not at.gradient.any():
            return at, state, SMALL_STEP
        size = np.maximum(size, size.max() * at.theta.size * np.finfo(float).eps)
        direction = -axes @ ((axes.T @ at.gradient) / size)
        there, reason = along(
            evaluate, at, direction, float(-at.gradient @ direction), self.learning_rate, self.tolerance
        )
        return there, state, reason


@dataclass(frozen=True)
class GaussNewton(LeastSquaresSolver):
    """Gauss-Newton for a sum of squared residuals r: theta <- theta - eta J^+ r, J their Jacobian (Gauss 1809).

    The step solves the linear least-squares problem of least norm, by the singular values of J; one that
    does not lower the sum of squares is halved (Bjorck 1996, section 9.2).

    ``learning_rate`` and ``tolerance`` are as for ``Newton``; iterations also end when a step would change
    the residuals by less than ``tolerance`` times their norm (Bates and Watts 1981).

    >>> import numpy as np
    >>> solver = GaussNewton()
    >>> evaluate = solver.evaluation(lambda x: np.array([1.0, 2.0]) * x - 3.0, ())
    >>> at, state, reason = solver.step(evaluate, evaluate(np.zeros(2)), None)
    >>> print(at.theta.round(12))
    [3.  1.5]
    """

    learning_rate: float = 1.0
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        check_positive(self, "learning_rate")
        check_fraction(self, "tolerance")

    def step(self, evaluate: Evaluate, at: Residuals, state: None) -> tuple[Residuals, None, str | None]:
        """A step from ``at``. There is nothing to remember."""
        direction = np.linalg.lstsq(at.jacobian, -at.residuals, rcond=None)[0]
        promised = 2 * float(np.sum((at.jacobian @ direction) ** 2))
        there, reason = along(evaluate, at, direction, promised, self.learning_rate, self.tolerance)
        return there, state, reason
