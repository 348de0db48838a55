"""Derivatives written by hand, compiled by Numba without fastmath: the limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualdiff import vmap

from ..batches import BATCHES, Batch
from ..functions import BY_HAND, ackley_hessian, brusselator_entries
from ..measure import COMPILED, PYTHON, Contestant, Key, from_python, in_compiled_code, into_given_arrays
from ..processes import process_contestant
from ..sgd import epoch, loss_gradient
from ..solvers import SOLVERS
from ..workloads import Workload

NAME = "by hand"

START = """
from numba import njit
from numpy import cos, empty
@njit
def g(x1, x2):
    return 1 / x1 + x2, x1 - cos(x2)
g(2.0, 5.0)
"""


def missing() -> str:
    return ""


def _of_samples(batch: Batch, args: Sequence[np.ndarray]) -> Callable[..., Any]:
    if not batch.shapes:
        return into_given_arrays(vmap(batch.by_hand, threads=1), args)
    out = tuple(np.empty((len(args[0]), *shape)) for shape in batch.shapes)
    return lambda *args: batch.by_hand(*args, out)


def enter(workload: Workload) -> dict[Key, Contestant]:
    if workload.kind == "start":
        return process_contestant(NAME, "@njit", START) | process_contestant("NumPy", "import", "import numpy")
    args = workload.point()
    if workload.kind == "solve":
        solver, function, jacobian = SOLVERS[workload.function]
        return {Key(NAME, COMPILED, ""): in_compiled_code(solver(function, jacobian), args)}
    if workload.kind == "batch":
        return {Key(NAME, PYTHON, ""): from_python(_of_samples(BATCHES[workload.function], args), args)}
    if workload.kind == "epoch":
        return {Key(NAME, PYTHON, ""): from_python(epoch(loss_gradient), args)}
    only = {"hessian": ackley_hessian, "sparse": brusselator_entries}
    f = only.get(workload.kind, BY_HAND[workload.function])
    contestants = {Key(NAME, PYTHON, ""): from_python(f, args)}
    if workload.kind not in only and not workload.sweep:
        contestants[Key(NAME, COMPILED, "")] = in_compiled_code(f, args)
    return contestants
