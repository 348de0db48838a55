"""What is measured: contestants, which peers enter, and the times that they took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic


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

    @property
    def cost(self) -> float:
        """What contestants in the same place are compared by: the ratio if there is one, for rounds differ."""
        return (self.ratio or self.seconds)[1]


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
    buffer = (np.array(args),) if single else args

    def seconds(n: int) -> float:
        start = perf_counter()
        loop(f, *buffer, n)
        return perf_counter() - start

    return Contestant(lambda: f(*args), seconds)


@intrinsic
def _in_memory(_, array):
    """Have the compiler believe that the elements are read and written here.

    An empty piece of assembly: no call is moved out of a loop, none is left out, and a result is really in memory.
    """

    def code(context, builder, signature, arguments):
        data = context.make_array(array)(context, builder, arguments[0]).data
        nothing = ir.FunctionType(ir.VoidType(), [data.type])
        builder.asm(nothing, "", "r,~{memory}", [data], side_effect=True)
        return context.get_dummy_value()

    return types.void(array), code


@njit
def _loop_over_array(f, x, n):
    for _ in range(n):
        _in_memory(x)
        _in_memory(f(x))


@njit
def _loop_over_numbers(f, x, n):
    out = np.empty_like(x)
    for _ in range(n):
        _in_memory(x)
        out[0], out[1] = f(x[0], x[1])
        _in_memory(out)


def flat(result: Any) -> np.ndarray:
    """The numbers of a result, in one row."""
    cells = result if isinstance(result, tuple) else (result,)
    return np.concatenate([np.ravel(np.asarray(cell, dtype=np.float64)) for cell in cells])
