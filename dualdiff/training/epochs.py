"""One pass over the data in mini-batches: shuffle, gather, differentiate, step.

``epoch_of`` gives it as one function. Python runs that with NumPy's functions on whole arrays; for an
``@njit`` objective the same text is compiled as a whole, with loops in their place. In its steps nothing is
allocated but what the objective itself allocates.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import value_and_gradient as value_and_gradient_of
from ..kept import kept_by_first
from .optimizers import Optimizer, advance
from .parameters import is_compiled

NOT_FINITE = -1
"""What an epoch returns in place of the number of steps if the loss or the parameters were not finite."""


def shuffle(order: Any, rng: Any) -> None:
    """Shuffle the integers in place (Fisher and Yates 1938, Durstenfeld 1964).

    Not NumPy's shuffle: compiled, that takes five times as long.
    """
    for k in range(order.size - 1, 0, -1):
        j = int(rng.random() * (k + 1))
        order[k], order[j] = order[j], order[k]


def _gather_rows(rows: Any, order: Any, start: Any, stop: Any, out: Any) -> None:
    for part, batch in zip(rows, out, strict=True):
        np.take(part, order[start:stop], axis=0, out=batch[: stop - start])


def _gather_in_loops(rows: Any, order: Any, start: Any, stop: Any, out: Any) -> None:
    # a number of each cache line first: so little per row that the processor waits for the memory of many at once
    (X, y), (X_batch, y_batch) = rows, out
    for i in range(stop - start):
        k = order[start + i]
        for j in range(0, X.shape[1], 8):
            X_batch[i, j] = X[k, j]
        X_batch[i, X.shape[1] - 1] = X[k, X.shape[1] - 1]
        y_batch[i, 0] = y[k, 0]
    for i in range(stop - start):
        k = order[start + i]
        for j in range(X.shape[1]):
            X_batch[i, j] = X[k, j]
        for j in range(y.shape[1]):
            y_batch[i, j] = y[k, j]


def _copy(x: Any, out: Any) -> None:
    out[...] = x


def _copy_in_loops(x: Any, out: Any) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j]


def _all_finite(theta: Any) -> Any:
    return np.isfinite(theta).all()


def _all_finite_in_a_loop(theta: Any) -> Any:
    finite = True
    for i in range(theta.size):
        finite &= np.isfinite(theta[i])
    return finite


def _epoch(value_and_gradient: Any, gather: Any, copy: Any, shuffle: Any, advance: Any, all_finite: Any) -> Any:
    """An epoch, put together from these functions; ``value_and_gradient`` may write into its first argument.

    Its arguments: an array of the flat parameters, row 0, and the moments, the other rows; another for the
    last good ones; the number of steps made; the data, once as the objective takes them and once as rows;
    buffers for a batch, likewise; the order of the samples; a random generator; and the numbers that the
    update and the schedule take. The first two are written to. Returns the mean of the batches' losses and
    the number of steps made.
    """

    def epoch(  # type: ignore[no-untyped-def]
        memory, good, count, data, rows, batch, batch_rows, order, rng, numbers, rates
    ):
        theta, moments = memory[0], memory[1:]
        X, y = data
        X_batch, y_batch = batch
        n, size = order.size, len(X_batch)
        gradient = np.empty_like(theta)
        if size < n:
            for i in range(n):
                order[i] = i
            shuffle(order, rng)
        total = 0.0
        for start in range(0, n, size):
            stop = min(start + size, n)
            if size < n:
                gather(rows, order, start, stop, batch_rows)
                X_part, y_part = X_batch[: stop - start], y_batch[: stop - start]
                value, gradient = value_and_gradient(gradient, theta, X_part, y_part)
            else:
                value, gradient = value_and_gradient(gradient, theta, X, y)
            if np.isfinite(value):
                copy(memory, good)
                count = advance(theta, gradient, moments, count, numbers, rates)
            if not (np.isfinite(value) and all_finite(theta)):
                copy(good, memory)
                return total, NOT_FINITE
            total += value * (stop - start) / n
        return total, count

    return epoch


def epoch_of(objective: Any, optimizer: Optimizer, chunk: int | None) -> Callable[..., Any]:
    """The epoch of an objective: a function of flat parameters, X and y."""
    return _epoch_of(objective, type(optimizer).update, type(optimizer.schedule).formula, chunk)


@kept_by_first
def _epoch_of(objective: Any, update: Callable[..., None], formula: Callable[..., Any], chunk: int | None) -> Any:
    if not is_compiled(objective):
        derivative = value_and_gradient_of(objective, chunk=chunk)

        def quietly(_: Any, *args: Any) -> Any:
            with np.errstate(all="ignore"):  # the epoch looks at the result
                return derivative(*args)

        step = functools.partial(advance, update, formula)
        return _epoch(quietly, _gather_rows, _copy, shuffle, step, _all_finite)

    from numba import njit

    from ..compiled.llvm.linking import WholeCompiler
    from ..compiled.transforms.gradient_into import gradient_into

    options = {"nogil": True, "error_model": "numpy"}
    update_one, rate = njit(**options)(update), njit(**options)(formula)

    def advance_in_a_loop(theta, gradient, moments, count, numbers, rates):  # type: ignore[no-untyped-def]
        eta = rate(float(count), *rates)
        for i in range(theta.size):
            update_one(i, theta, gradient, moments, eta, float(count + 1), *numbers)
        return count + 1

    parts = (_gather_in_loops, _copy_in_loops, shuffle, advance_in_a_loop, _all_finite_in_a_loop)
    epoch = _epoch(gradient_into(objective, chunk), *(njit(**options)(part) for part in parts))
    return njit(**options, pipeline_class=WholeCompiler)(epoch)  # with Numba's own it would never be garbage
