"""What is measured: contestants, which peers enter, and the times that they took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numba import njit


class Key(NamedTuple):
    """Who a contestant is: the peer, where its loop of calls runs, and which of the peer's settings it uses."""

    peer: str
    where: str
    variant: str


PYTHON = "Python"
"""Each call is made from Python: the cost of one call counts."""

COMPILED = "compiled"
"""The loop of calls is compiled too."""

PROCESS = "process"
"""Each call is a fresh process."""


@dataclass(frozen=True)
class Contestant:
    """``result`` tells what it computes, to be checked; ``seconds(n)`` how long n calls take.

    ``tolerance``: how far the result may be from the others', relative to the largest number in it.
    """

    result: Callable[[], Any]
    seconds: Callable[[int], float]
    tolerance: float = 1e-9


@dataclass(frozen=True)
class Timing:
    """Seconds per call and ratios to the limit: lower quartile, median, upper quartile over the rounds.

    There are no ratios where nobody wrote the derivative by hand.
    """

    seconds: tuple[float, float, float]
    ratio: tuple[float, float, float] | None
    rounds: int = 0


def from_python(f: Callable[..., Any], args: Sequence[Any]) -> Contestant:
    """A contestant that is called from Python."""

    def seconds(n: int) -> float:
        start = perf_counter()
        for _ in repeat(None, n):
            f(*args)
        return perf_counter() - start

    return Contestant(lambda: f(*args), seconds)


def into_given_arrays(f: Callable[..., Any], args: Sequence[Any]) -> Callable[..., Any]:
    """The function that writes its results into the same arrays each time."""
    out = f(*args)
    return lambda *args: f(*args, out=out)


def in_compiled_code(f: Any, args: Sequence[Any]) -> Contestant:
    """A contestant that is called from an ``@njit`` loop."""
    single = isinstance(args[0], float)
    loop = _loop_over_numbers if single else _loop_over_array
    buffer = tuple(map(np.array, args))

    def seconds(n: int) -> float:
        start = perf_counter()
        loop(f, *buffer, n)
        return perf_counter() - start

    return Contestant(lambda: f(*args), seconds)


# the arguments are written to in each turn, so that no call can be moved out of the loop


@njit
def _loop_over_array(f, x, n):
    total = 0.0
    for i in range(n):
        k = i % x.size
        x[k] = min(x[k], 1e300)
        total += f(x).flat[k]
    return total


@njit
def _loop_over_numbers(f, x, y, n):
    total = 0.0
    for _ in range(n):
        x[()] = min(x[()], 1e300)
        y[()] = min(y[()], 1e300)
        by_x, by_y = f(x[()], y[()])
        total += by_x + by_y
    return total


def flat(result: Any) -> np.ndarray:
    """The numbers of a result, in one row."""
    cells = result if isinstance(result, tuple) else (result,)
    return np.concatenate([np.ravel(np.asarray(cell, dtype=np.float64)) for cell in cells])
