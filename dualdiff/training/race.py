"""Optimizers side by side on test functions of two variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import value_and_gradient
from .checks import as_count
from .least_squares import LevenbergMarquardt
from .optimizers import Adam, GradientDescent, Momentum, Optimizer, RMSprop
from .solvers import GaussNewton, LeastSquaresSolver, Newton, Solver, iterate


@dataclass(frozen=True)
class TestFunction:
    """A sum of squares of residuals of two variables, with its minima, where to start, and a window to look through."""

    __test__ = False  # for pytest: the name is the field's own

    name: str
    residuals: Callable[[Any], Any]
    minima: tuple[tuple[float, float], ...]
    start: tuple[float, float]
    window: tuple[tuple[float, float], tuple[float, float]]
    """The limits of both variables."""

    def __call__(self, x: Any) -> Any:
        """The value at x, an array whose first axis has length 2."""
        return sum(r**2 for r in self.residuals(x))

    def distance(self, x: np.ndarray) -> float:
        """How far x, of shape (2,), is from the nearest minimum."""
        return float(min(np.linalg.norm(x - np.array(minimum)) for minimum in self.minima))


def _rosenbrock(x: Any) -> Any:
    return [10 * (x[1] - x[0] ** 2), 1 - x[0]]


def _himmelblau(x: Any) -> Any:
    return [x[0] ** 2 + x[1] - 11, x[0] + x[1] ** 2 - 7]


def _beale(x: Any) -> Any:
    return [1.5 - x[0] + x[0] * x[1], 2.25 - x[0] + x[0] * x[1] ** 2, 2.625 - x[0] + x[0] * x[1] ** 3]


_HIMMELBLAU = (
    (3.0, 2.0),
    (-2.805118086952745, 3.131312518250573),
    (-3.779310253377747, -3.283185991286170),
    (3.584428340330492, -1.848126526964404),
)

TEST_FUNCTIONS = {
    function.name: function
    for function in (
        TestFunction("rosenbrock", _rosenbrock, ((1.0, 1.0),), (-1.2, 1.0), ((-2.0, 2.0), (-1.0, 3.0))),
        TestFunction("himmelblau", _himmelblau, _HIMMELBLAU, (-0.5, -0.5), ((-5.5, 5.5), (-5.5, 5.5))),
        TestFunction("beale", _beale, ((3.0, 0.5),), (1.0, 1.0), ((-0.5, 4.5), (-1.5, 1.5))),
    )
}
"""Rosenbrock 1960, Himmelblau 1972 and Beale 1958, by name."""

RACERS: dict[str, Any] = {
    "gradient descent": GradientDescent(1e-3),
    "momentum": Momentum(1e-3),
    "RMSprop": RMSprop(1e-2),
    "Adam": Adam(5e-2),
    "Newton": Newton(),
    "Gauss-Newton": GaussNewton(),
    "Levenberg-Marquardt": LevenbergMarquardt(),
}
"""Who runs, unless others are named."""

CLOSE = 1e-3
"""At this distance from a minimum it is reached."""


def descent_path(f: Callable[[Any], Any], start: Any, optimizer: Any, steps: int) -> np.ndarray:
    """The way of an optimizer down a function.

    Parameters
    ----------
    f : a function of an array of shape (n,) that returns one number; for the least-squares solvers, one that
        returns an array of residuals.
    start : where it starts, of shape (n,).
    optimizer : one of this package's.
    steps : how many steps it makes at most; it stops before where it has converged or left the finite numbers.

    Returns
    -------
    The points, of shape (at most steps + 1, n), the start among them.

    >>> import numpy as np
    >>> descent_path(lambda x: x[0] ** 2, [1.0], GradientDescent(0.25), 3).ravel()
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    theta = np.array(start, dtype=np.float64)
    as_count(steps, "steps")
    path = [theta]
    if isinstance(optimizer, Solver):
        for point, _, stopped in iterate(f, optimizer, theta, ()):
            if stopped is not None or len(path) > steps:
                break
            path.append(point.theta)
        return np.array(path)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be one of dualdiff.training, not {type(optimizer).__name__}")
    slope, state = value_and_gradient(f), optimizer.init(theta)
    for _ in range(steps):
        with np.errstate(all="ignore"):  # it may run away
            _, gradient = slope(theta)
        theta, state = optimizer.step(theta, gradient, state)
        if not np.isfinite(theta).all():
            break
        path.append(theta)
    return np.array(path)


@dataclass(frozen=True)
class Race:
    """The paths of optimizers on a test function."""

    function: TestFunction
    paths: dict[str, np.ndarray]

    def steps_to_goal(self, name: str) -> int | None:
        """After how many steps an optimizer comes close to a minimum to stay there; None if it does not."""
        far = [k for k, x in enumerate(self.paths[name]) if self.function.distance(x) > CLOSE]
        first = far[-1] + 1 if far else 0
        return first if first < len(self.paths[name]) else None

    @property
    def ranking(self) -> list[str]:
        """The optimizers, the first at a minimum first; those who do not get there by their value at the end."""

        def key(name: str) -> tuple[float, float]:
            steps = self.steps_to_goal(name)
            return (np.inf if steps is None else steps), float(self.function(self.paths[name][-1]))

        return sorted(self.paths, key=key)

    def __repr__(self) -> str:
        rows = [("optimizer", "steps", "value", "distance")]
        for name in self.ranking:
            end, steps = self.paths[name][-1], self.steps_to_goal(name)
            reached = "-" if steps is None else str(steps)
            rows.append((name, reached, f"{float(self.function(end)):.2e}", f"{self.function.distance(end):.2e}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in rows
        ]
        most = max(len(path) for path in self.paths.values()) - 1
        start = ", ".join(f"{x:g}" for x in self.function.start)
        head = f"{self.function.name} from ({start}), at most {most} steps; steps to within {CLOSE:g} of a minimum"
        return "\n".join([head, "", *lines])


def race(
    function: TestFunction | str = "rosenbrock", optimizers: dict[str, Any] | None = None, steps: int = 1000
) -> Race:
    """Let optimizers run from the same start.

    Parameters
    ----------
    function : a name in ``TEST_FUNCTIONS``, or a ``TestFunction``.
    optimizers : by the name to show; ``RACERS`` unless given.
    steps : how many each makes at most.

    Raises
    ------
    ValueError : there is no function of that name.

    >>> race("beale", steps=100).ranking[0]
    'Gauss-Newton'
    """
    if isinstance(function, str):
        if function not in TEST_FUNCTIONS:
            raise ValueError(f"there is no test function {function}: there are {', '.join(TEST_FUNCTIONS)}")
        function = TEST_FUNCTIONS[function]

    def minimised(optimizer: Any) -> Any:
        return function.residuals if isinstance(optimizer, LeastSquaresSolver) else function

    paths = {
        name: descent_path(minimised(optimizer), function.start, optimizer, steps)
        for name, optimizer in (RACERS if optimizers is None else optimizers).items()
    }
    return Race(function, paths)
