"""Nonlinear least squares: the method of Levenberg and Marquardt, and a function that fits residuals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .checks import as_count, check_fraction, check_positive
from .parameters import Layout, Parameters, of_flat
from .solvers import TOO_FLAT_TO_TELL, Evaluate, LeastSquaresSolver, Residuals, iterate, norm

SMALL_REDUCTION = "converged: the sum of squares can hardly be reduced"
SMALL_REGION = "converged: the trust region is small"
ORTHOGONAL = "converged: the residuals are orthogonal to the columns of the Jacobian"
NO_RESIDUALS = "converged: the residuals are zero"


class Region(NamedTuple):
    """A trust region: ``norm(scale * step) <= radius``."""

    radius: float
    scale: np.ndarray


@dataclass(frozen=True)
class LevenbergMarquardt(LeastSquaresSolver):
    """The method of Levenberg (1944) and Marquardt (1963), as More (1978) puts it.

    Each step minimises the linearised sum of squares within a trust region, an ellipsoid whose axes
    follow the largest norms so far of the Jacobian's columns; the ratio of the actual to the predicted
    reduction tells whether the step is taken and how large the next region is.

    Parameters
    ----------
    factor : the first radius, as a multiple of the scaled norm of the parameters.
    reduction_tolerance : iterations end when the sum of squares is predicted to fall by less than this part
        of it, and does nothing else;
    step_tolerance : when the region is smaller than this part of the parameters;
    angle_tolerance : or when the cosine of the angle between the residuals and each column of the Jacobian is
        at most this.

    >>> import numpy as np
    >>> solver = LevenbergMarquardt()
    >>> evaluate = solver.evaluation(lambda x: np.array([1.0, 2.0]) * x - 3.0, ())
    >>> at, region, reason = solver.step(evaluate, evaluate(np.ones(2)), None)
    >>> print(at.theta.round(12), region.scale)
    [3.  1.5] [1. 2.]
    """

    factor: float = 100.0
    reduction_tolerance: float = 1e-18
    step_tolerance: float = 1e-12
    angle_tolerance: float = 1e-15

    def __post_init__(self) -> None:
        check_positive(self, "factor")
        for name in ("reduction_tolerance", "step_tolerance", "angle_tolerance"):
            check_fraction(self, name)

    def step(self, evaluate: Evaluate, at: Residuals, state: Region | None) -> tuple[Residuals, Region, str | None]:
        """A step from ``at``, in the region ``state``; None before the first."""
        columns = np.linalg.norm(at.jacobian, axis=0)
        region = self._region(at.theta, columns, state)
        height = norm(at.residuals)
        if height == 0.0:
            return at, region, NO_RESIDUALS
        cosines = np.abs(at.jacobian.T @ (at.residuals / height)) / np.where(columns > 0, columns, 1.0)
        if cosines.max() <= self.angle_tolerance:
            return at, region, ORTHOGONAL

        scaled, lagrange = _within(at.jacobian / region.scale, at.residuals, region.radius)
        length = norm(scaled)
        there = evaluate(at.theta + scaled / region.scale)
        # relative to the sum of squares: what the step brought, and what the linear model said
        linear = (norm(at.jacobian @ (scaled / region.scale)) / height) ** 2
        damping = lagrange * length**2 / height**2
        actual = 1 - there.value / height**2 if there.is_finite and there.value < 100 * height**2 else -1.0
        predicted = linear + 2 * damping
        ratio = actual / predicted if predicted > 0 else 0.0
        if max(abs(actual), predicted) <= TOO_FLAT_TO_TELL:
            ratio = 1.0  # rounding hides which is lower: the linear model knows better

        if ratio <= 0.25:
            slope = -(linear + damping)
            shrink = 0.5 if actual >= 0 else max(0.1, 0.5 * slope / (slope + 0.5 * actual))
            radius = shrink * min(region.radius, 10 * length)
        else:
            radius = 2 * length if lagrange == 0 or ratio >= 0.75 else region.radius
        region = Region(radius, region.scale)
        if ratio >= 1e-4:
            at = there
        if max(abs(actual), predicted) <= TOO_FLAT_TO_TELL and predicted <= self.reduction_tolerance:
            return at, region, SMALL_REDUCTION
        if radius <= self.step_tolerance * norm(region.scale * at.theta):
            return at, region, SMALL_REGION
        return at, region, None

    def _region(self, theta: np.ndarray, columns: np.ndarray, before: Region | None) -> Region:
        if before is not None:
            if not isinstance(before, Region):
                raise ValueError("this is not the state of LevenbergMarquardt")
            return Region(before.radius, np.maximum(before.scale, columns))
        scale = np.where(columns > 0, columns, 1.0)
        return Region(self.factor * (norm(scale * theta) or 1.0), scale)


def _within(jacobian: np.ndarray, residuals: np.ndarray, radius: float) -> tuple[np.ndarray, float]:
    """The step p that minimises ``norm(J p + r)`` within the radius, to a tenth of it, and its multiplier.

    By the singular values s of J, p = -V s/(s^2 + m) U'r. The multiplier m is found by Newton's method on
    1/norm(p), which is nearly linear in m, between bounds (More 1978, section 5).
    """
    left, s, right = np.linalg.svd(jacobian, full_matrices=False)
    b = left.T @ residuals

    def step(multiplier: float) -> tuple[np.ndarray, float]:
        p = s * b / (s**2 + multiplier)
        return p, norm(p)

    full_rank = len(s) == jacobian.shape[1] and s[-1] > s[0] * max(jacobian.shape) * np.finfo(float).eps
    low, high = 0.0, norm(s * b) / radius
    if full_rank:
        p, length = step(0.0)
        if length <= 1.1 * radius:
            return -right.T @ p, 0.0
    multiplier = 1e-3 * high
    for _ in range(50):
        p, length = step(multiplier)
        if abs(length - radius) <= 0.1 * radius:
            break
        low, high = (multiplier, high) if length > radius else (low, multiplier)
        slope = -float(np.sum(p**2 / (s**2 + multiplier))) / length
        multiplier -= (length / radius) * (length - radius) / slope
        if not low < multiplier < high:
            multiplier = max(1e-3 * high, (low * high) ** 0.5)
    return -right.T @ p, multiplier


@dataclass(frozen=True)
class LeastSquares:
    """What ``least_squares`` gives: the parameters, and the residuals and their Jacobian, of shape (m, n), there.

    ``history`` is the sum of squares after each iteration; ``reason`` says why there is no other.
    """

    params: Parameters
    residuals: np.ndarray
    jacobian: np.ndarray
    history: np.ndarray
    reason: str

    @property
    def covariance(self) -> np.ndarray:
        """The covariance of the parameters, (n, n): s^2 (J'J)^-1 with s^2 the sum of squares over m - n.

        Raises
        ------
        ValueError : there are no more residuals than parameters.
        """
        m, n = self.jacobian.shape
        if m <= n:
            raise ValueError(f"{m} residuals tell nothing of the error of {n} parameters")
        inverse = np.linalg.pinv(self.jacobian)
        return inverse @ inverse.T * (float(self.residuals @ self.residuals) / (m - n))

    @property
    def standard_errors(self) -> np.ndarray:
        """The standard deviations of the parameters."""
        return np.sqrt(np.diag(self.covariance))

    def __repr__(self) -> str:
        total = float(self.residuals @ self.residuals)
        return f"LeastSquares(sum of squares={total:.6g}, reason={self.reason!r}, params={self.params!r})"


def least_squares(
    residuals: Callable[..., Any],
    params: Parameters,
    data: tuple[Any, ...] = (),
    solver: LeastSquaresSolver | None = None,
    *,
    iterations: int = 200,
) -> LeastSquares:
    """Minimise the sum of the squares of ``residuals(params, *data)``.

    Parameters
    ----------
    residuals : a function that returns an array; an ``@njit`` function is differentiated compiled.
    params : where to start: an array, or a tuple of arrays and numbers.
    data : further arguments of the function.
    solver : ``LevenbergMarquardt()`` unless given, or ``GaussNewton()``.
    iterations : how many there are at most.

    Raises
    ------
    TypeError : the solver is none of the two.
    ValueError : the function returns one number.

    >>> import numpy as np
    >>> t = np.linspace(0, 1, 20)
    >>> def decay(p, t, y):
    ...     return p[0] * np.exp(-p[1] * t) - y
    >>> result = least_squares(decay, np.array([1.0, 1.0]), (t, 2.5 * np.exp(-1.3 * t)))
    >>> print(result.params.round(9))
    [2.5 1.3]
    """
    solver = LevenbergMarquardt() if solver is None else solver
    if not isinstance(solver, LeastSquaresSolver):
        raise TypeError(f"solver must be LevenbergMarquardt() or GaussNewton(), not {type(solver).__name__}")
    layout = Layout.of(params)
    function = of_flat(residuals, layout, len(data))
    most = as_count(iterations, "iterations")
    history: list[float] = []
    reason = "all iterations are done"
    for at, _, stopped in iterate(function, solver, layout.flat(params), data):
        if stopped is not None:
            reason = stopped
            break
        history.append(at.value)
        if len(history) == most:
            break
    return LeastSquares(layout.unflat(at.theta), at.residuals, at.jacobian, np.array(history), reason)
