"""The table of what is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .batches import normal_numbers, observations, options
from .sgd import regression


@dataclass(frozen=True)
class Goal:
    """What dualdiff's default shall cost at most: ``times`` a peer's cost in the same place, or ``seconds``."""

    times: float = 0.0
    peer: str = ""
    seconds: float = 0.0
    variant: str = "default"

    def __str__(self) -> str:
        return f"{self.times:g} x {self.peer}" if self.peer else f"{self.seconds:g} s"


@dataclass(frozen=True)
class Workload:
    """One derivative at one point.

    ``kind``: gradient, jacobian or hessian; sparse, where only those entries of a Jacobian are wanted that are not
    zero; epoch, where one of training is timed; batch, where it is of many samples; solve, where a compiled solver
    uses a Jacobian at every step; or start, where what is timed is a fresh process up to its first result.
    ``chunked``: whether it is measured for several chunks. ``sweep`` and ``size``: which point of which curve it is,
    if it is one.
    """

    name: str
    title: str
    kind: str
    function: str
    point: Callable[[], tuple[Any, ...]]
    goals: tuple[Goal, ...] = ()
    chunked: bool = False
    sweep: str = ""
    size: int = 0


def _points(n: int) -> Callable[[], tuple[Any, ...]]:
    return lambda: (np.random.default_rng(0).uniform(0.5, 1.5, n),)


CERES = Goal(1, "ceres::Jet")
CERES_BATCH = Goal(1, "ceres::Jet", variant="one thread")
SIZES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)


def _times(m: int) -> Callable[[], tuple[Any, ...]]:
    return lambda: (np.array([2.0, 0.3, 0.5, 1.5]), np.linspace(0, 5, m))


def _sweeps() -> Iterator[Workload]:
    for n in SIZES:
        name, title = "gradient-by-inputs", f"gradient of Ackley, n = {n}"
        yield Workload(f"{name}-{n}", title, "gradient", "ackley", _points(n), sweep=name, size=n)
    for m in SIZES:
        name, title = "jacobian-by-outputs", f"Jacobian of a exp(-b t) + c sin(d t) at {m} times, 4 parameters"
        yield Workload(f"{name}-{m}", title, "jacobian", "decay", _times(m), sweep=name, size=m)


def _workloads() -> list[Workload]:
    title = "gradient of log(x1) + x1*x2 - sin(x2), "
    goals: tuple[Goal, ...] = (Goal(1.5, "by hand"), CERES)
    rows = [
        Workload("example", title + "f(x)", "gradient", "example", lambda: (np.array([2.0, 5.0]),), goals),
        Workload("example-of-two", title + "f(x1, x2)", "gradient", "example_of_two", lambda: (2.0, 5.0), goals),
    ]
    for function in ("rosenbrock", "ackley"):
        for n in (16, 100, 1000):
            goals = (Goal(seconds=1e-6), CERES) if (function, n) == ("rosenbrock", 16) else (CERES,)
            title = f"gradient of {function.capitalize()}, n = {n}"
            rows.append(Workload(f"{function}-{n}", title, "gradient", function, _points(n), goals, chunked=True))
    title = "dense Jacobian of the Brusselator, 500 states"
    rows.append(Workload("brusselator", title, "jacobian", "brusselator", _points(500), (CERES,), chunked=True))
    title = "the entries of the same that are not zero, 6 colours"
    rows.append(Workload("brusselator-sparse", title, "sparse", "brusselator", _points(500), (CERES,)))
    for n, goal in ((10, CERES), (50, Goal(1 / 1.8, "ceres::Jet"))):
        title = f"Hessian of Ackley, n = {n}"
        rows.append(Workload(f"hessian-{n}", title, "hessian", "ackley", _points(n), (goal,)))
    goals = (Goal(1.5, "by hand"),)
    title = "Newton's method on Broyden's tridiagonal system, 20 unknowns, all compiled"
    rows.append(Workload("newton", title, "solve", "newton", lambda: (np.full(20, -1.0),), goals))
    title = "ROS2 on Robertson's stiff reaction, t = 40, all compiled"
    rows.append(Workload("rosenbrock2", title, "solve", "rosenbrock2", lambda: (np.array([1.0, 0.0, 0.0]),), goals))
    million = ", a million samples"
    goals = (Goal(1.3, "by hand", variant="one thread"), Goal(1 / 1.5, "PyTorch", variant="one thread"))
    rows += [
        Workload("waves", "sin(x) exp(-x^2/2) + tanh(3x)/(1+x^2)" + million, "batch", "waves", normal_numbers, goals),
        Workload("options", "Black-Scholes price and 5 Greeks" + million, "batch", "call_price", options, goals),
    ]
    goals = (Goal(1.15, "by hand", variant="one thread"),)
    title = "polynomial of degree 8" + million
    rows.append(Workload("polynomial", title, "batch", "polynomial", normal_numbers, goals))
    title = "bundle adjustment, 31843 blocks of 2 x 15"
    goals = (Goal(2, "by hand", variant="one thread"), CERES_BATCH)
    rows.append(Workload("bundle", title, "batch", "residuals", observations, goals))
    title = "one epoch of mini-batch gradient descent, 100 000 x 10, batches of 100"
    goals = (Goal(1.5, "by hand"), Goal(1, "JAX"))
    rows.append(Workload("sgd", title, "epoch", "loss", regression, goals))
    title = "process start to the first derivative, 2 variables"
    goals = (Goal(seconds=0.6, variant="interpreted"),)
    rows.append(Workload("start", title, "start", "example", lambda: (), goals))
    return [*rows, *_sweeps()]


WORKLOADS = {workload.name: workload for workload in _workloads()}
