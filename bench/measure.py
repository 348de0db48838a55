"""The measuring core: contestants take turns, so that what disturbs the machine disturbs them all."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
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
    """``result`` tells what it computes, to be checked; ``seconds(n)`` how long n calls take."""

    result: Callable[[], Any]
    seconds: Callable[[int], float]


@dataclass(frozen=True)
class Timing:
    """Seconds per call and ratios to the limit: lower quartile, median, upper quartile over the rounds."""

    seconds: tuple[float, float, float]
    ratio: tuple[float, float, float]


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


def check(contestants: Mapping[Key, Contestant], tolerance: float = 1e-9) -> None:
    """Compare all results, relative to the largest number in them, with the first."""
    expected: Any = None
    for key, contestant in contestants.items():
        got = flat(contestant.result())
        if expected is None:
            expected = got
        if got.shape != expected.shape or not np.abs(got - expected).max() <= tolerance * np.abs(expected).max():
            raise AssertionError(f"{key} computes something else than {next(iter(contestants))}")


def measure(
    contestants: Mapping[Key, Contestant], limit: Callable[[Key], Key | None], rounds: int, seconds: float
) -> dict[Key, Timing]:
    """Time the contestants in turns, each for about ``seconds`` per round.

    ``limit`` names the contestant that another is compared with, round by round.
    """
    calls = {key: _calls(contestant, seconds) for key, contestant in contestants.items()}
    times: dict[Key, list[float]] = {key: [] for key in contestants}
    order = list(contestants)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            first = turn * 7 % len(order)
            for key in order[first:] + order[:first]:
                times[key].append(contestants[key].seconds(calls[key]) / calls[key])
    finally:
        if collecting:
            gc.enable()

    def quartiles(numbers: Any) -> tuple[float, float, float]:
        low, middle, high = np.quantile(numbers, [0.25, 0.5, 0.75])
        return float(low), float(middle), float(high)

    timings = {}
    for key, numbers in times.items():
        base = times.get(limit(key) or key, numbers)
        timings[key] = Timing(quartiles(numbers), quartiles(np.divide(numbers, base)))
    return timings


def _calls(contestant: Contestant, seconds: float) -> int:
    """How many calls take about ``seconds``; finding out warms up."""
    contestant.seconds(1)  # compiles
    n = 1
    while (taken := contestant.seconds(n)) < seconds / 2:
        n *= 2
    return max(1, round(n * seconds / taken))
