"""Learning rates that change with the number of steps made.

The formula of each schedule is a plain function of numbers, which Python runs and which is compiled
for ``fit`` as it stands. ``t`` counts the steps made so far: 0 at the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

from .checks import check_fraction, check_positive


def _constant(t: Any, rate: Any) -> Any:
    return rate


def _step(t: Any, rate: Any, factor: Any, every: Any) -> Any:
    return rate * factor ** (t // every)


def _cosine(t: Any, rate: Any, steps: Any, last: Any) -> Any:
    return last + (rate - last) * (1 + math.cos(math.pi * min(t, steps) / steps)) / 2


@dataclass(frozen=True)
class Schedule:
    """What the schedules share: calling one with the number of steps made gives the learning rate."""

    formula: ClassVar[Callable[..., Any]]

    def __call__(self, t: float) -> float:
        """The learning rate after t steps."""
        return float(type(self).formula(float(t), *self.numbers))

    @property
    def numbers(self) -> tuple[float, ...]:
        """The fields, as the formula takes them."""
        return tuple(map(float, astuple(self)))


@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate at every step. A plain number stands for it.

    >>> Constant(0.1)(1000)
    0.1
    """

    rate: float
    formula = staticmethod(_constant)

    def __post_init__(self) -> None:
        check_positive(self, "rate")


@dataclass(frozen=True)
class StepDecay(Schedule):
    """The learning rate is multiplied by ``factor`` after every so many steps.

    >>> schedule = StepDecay(1.0, factor=0.5, every=100)
    >>> [schedule(t) for t in (0, 99, 100, 250)]
    [1.0, 1.0, 0.5, 0.25]
    """

    rate: float
    factor: float
    every: int
    formula = staticmethod(_step)

    def __post_init__(self) -> None:
        check_positive(self, "rate", "factor", "every")


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """The learning rate falls from ``rate`` to ``last`` along half a cosine in ``steps`` steps, and stays there.

    Loshchilov and Hutter, SGDR, 2017, equation 5, without restarts.

    >>> schedule = CosineDecay(1.0, steps=100)
    >>> [round(schedule(t), 3) for t in (0, 25, 50, 100, 200)]
    [1.0, 0.854, 0.5, 0.0, 0.0]
    """

    rate: float
    steps: int
    last: float = 0.0
    formula = staticmethod(_cosine)

    def __post_init__(self) -> None:
        check_positive(self, "rate", "steps")
        check_fraction(self, "last", self.rate)


def as_schedule(rate: float | Schedule) -> Schedule:
    """A schedule; a number is a constant one."""
    return rate if isinstance(rate, Schedule) else Constant(rate)
