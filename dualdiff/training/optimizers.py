"""First-order optimizers: one step from a gradient to better parameters.

The update of each optimizer is written once, as a function of an index and of flat arrays that it
writes to. Python runs it with the index ``slice(None)``, on all parameters at once; compiled, it runs
in a loop over integers. Every operation in it is rounded correctly, so both give the same bits.

Arguments of an update: ``i`` the index; ``theta`` the parameters and ``gradient``, of shape (n,);
``moments``, of shape (moments, n); ``eta`` the learning rate and ``t`` the number of this step,
from 1 on; then the optimizer's other fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .checks import check_fraction, check_positive
from .parameters import Layout, Parameters
from .schedules import Schedule, as_schedule


class State(NamedTuple):
    """What an optimizer remembers from step to step."""

    steps: int
    """How many steps it has made."""

    moments: np.ndarray
    """Its running means of gradients, of shape (moments, parameters)."""


def _descend(i: Any, theta: Any, gradient: Any, moments: Any, eta: Any, t: Any) -> None:
    # theta <- theta - eta g
    theta[i] -= eta * gradient[i]


def _roll(i: Any, theta: Any, gradient: Any, moments: Any, eta: Any, t: Any, beta: Any) -> None:
    # m <- beta m - g;  theta <- theta + eta m
    m = moments[0]
    m[i] = beta * m[i] - gradient[i]
    theta[i] += eta * m[i]


def _scale(i: Any, theta: Any, gradient: Any, moments: Any, eta: Any, t: Any, beta: Any, epsilon: Any) -> None:
    # v <- beta v + (1 - beta) g^2;  theta <- theta - eta g / sqrt(v + epsilon)
    v = moments[0]
    v[i] = beta * v[i] + (1 - beta) * (gradient[i] * gradient[i])
    theta[i] -= eta * gradient[i] / np.sqrt(v[i] + epsilon)


def _adapt(
    i: Any, theta: Any, gradient: Any, moments: Any, eta: Any, t: Any, beta1: Any, beta2: Any, epsilon: Any
) -> None:
    # m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2
    # theta <- theta - eta m' / (sqrt(v') + epsilon),  m' = m / (1 - beta1^t),  v' = v / (1 - beta2^t)
    m, v = moments[0], moments[1]
    m[i] = beta1 * m[i] + (1 - beta1) * gradient[i]
    v[i] = beta2 * v[i] + (1 - beta2) * (gradient[i] * gradient[i])
    theta[i] -= eta * (m[i] / (1 - beta1**t)) / (np.sqrt(v[i] / (1 - beta2**t)) + epsilon)


def advance(
    update: Callable[..., None],
    formula: Callable[..., Any],
    theta: np.ndarray,
    gradient: np.ndarray,
    moments: np.ndarray,
    count: int,
    numbers: tuple[float, ...],
    rates: tuple[float, ...],
) -> int:
    """Make a step in place by an optimizer's update and a schedule's formula, after ``count`` others, and count it."""
    with np.errstate(all="ignore"):  # who calls this looks at the result
        update(slice(None), theta, gradient, moments, formula(float(count), *rates), float(count + 1), *numbers)
    return count + 1


@dataclass(frozen=True)
class Optimizer:
    """What the first-order optimizers share.

    ``learning_rate`` is a positive number or a schedule. Parameters are an array of any shape, or a tuple of
    arrays and numbers; gradients have the same structure.
    """

    learning_rate: float | Schedule
    update: ClassVar[Callable[..., None]]
    moments: ClassVar[int]
    """How many numbers it remembers for each parameter."""

    def __post_init__(self) -> None:
        if not isinstance(self.learning_rate, Schedule):
            check_positive(self, "learning_rate")

    @property
    def schedule(self) -> Schedule:
        """The learning rate by the number of steps made."""
        return as_schedule(self.learning_rate)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The fields after the learning rate, as the update takes them."""
        return tuple(float(getattr(self, field.name)) for field in fields(self)[1:])

    def init(self, params: Parameters) -> State:
        """The state before the first step."""
        return State(0, np.zeros((self.moments, Layout.of(params).size)))

    def step(self, params: Parameters, gradient: Parameters, state: State) -> tuple[Parameters, State]:
        """New parameters and a new state; what is passed is not written to.

        Raises
        ------
        ValueError : the gradient has another structure than the parameters, or the state is another optimizer's.
        """
        layout = Layout.of(params)
        if Layout.of(gradient) != layout:
            raise ValueError(f"the gradient has shapes {Layout.of(gradient)}, the parameters have {layout}")
        self.check_state(state, layout.size)
        theta, moments = layout.flat(params), state.moments.copy()
        how, numbers = (type(self).update, type(self.schedule).formula), (self.numbers, self.schedule.numbers)
        steps = advance(*how, theta, layout.flat(gradient), moments, state.steps, *numbers)
        return layout.unflat(theta), State(steps, moments)

    def check_state(self, state: Any, size: int) -> None:
        """Raise a ValueError unless the state is one of this optimizer for so many parameters."""
        if not isinstance(state, State) or state.moments.shape != (self.moments, size):
            raise ValueError(f"this is not the state of {type(self).__name__} for {size} parameters")


@dataclass(frozen=True)
class GradientDescent(Optimizer):
    """Gradient descent: theta <- theta - eta grad (Cauchy 1847).

    >>> import numpy as np
    >>> optimizer = GradientDescent(learning_rate=0.1)
    >>> theta = np.array([1.0, 2.0])
    >>> theta, state = optimizer.step(theta, 2 * theta, optimizer.init(theta))
    >>> theta
    array([0.8, 1.6])
    """

    update = staticmethod(_descend)
    moments = 0


@dataclass(frozen=True)
class Momentum(Optimizer):
    """A heavy ball (Polyak 1964): m <- beta m - grad, theta <- theta + eta m.

    >>> import numpy as np
    >>> optimizer = Momentum(learning_rate=0.1, beta=0.5)
    >>> theta = np.array([1.0])
    >>> state = optimizer.init(theta)
    >>> for _ in range(2):
    ...     theta, state = optimizer.step(theta, 2 * theta, state)
    >>> print(theta.round(12))
    [0.54]
    """

    beta: float = 0.9
    update = staticmethod(_roll)
    moments = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction(self, "beta")


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """A step for each parameter's own scale (Tieleman and Hinton 2012).

    v <- beta v + (1 - beta) grad^2, theta <- theta - eta grad / sqrt(v + epsilon). PyTorch adds its epsilon
    to the root instead.

    >>> import numpy as np
    >>> optimizer = RMSprop(learning_rate=0.1, beta=0.75)
    >>> theta = np.array([1.0, 100.0])
    >>> theta, state = optimizer.step(theta, 2 * theta, optimizer.init(theta))
    >>> print(theta.round(6))
    [ 0.8 99.8]
    """

    beta: float = 0.9
    epsilon: float = 1e-10
    update = staticmethod(_scale)
    moments = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction(self, "beta")
        check_positive(self, "epsilon")


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adaptive moments with bias correction (Kingma and Ba 2015, algorithm 1).

    >>> import numpy as np
    >>> optimizer = Adam(learning_rate=0.1)
    >>> theta = np.array([1.0, 100.0])
    >>> theta, state = optimizer.step(theta, 2 * theta, optimizer.init(theta))
    >>> print(theta.round(6))
    [ 0.9 99.9]
    """

    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    update = staticmethod(_adapt)
    moments = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction(self, "beta1")
        check_fraction(self, "beta2")
        check_positive(self, "epsilon")
