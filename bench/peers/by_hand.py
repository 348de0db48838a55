"""Derivatives written by hand, compiled by Numba without fastmath: the limit."""

from __future__ import annotations

from dualdiff import vmap

from ..batches import BATCHES
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


def enter(workload: Workload) -> dict[Key, Contestant]:
    if workload.kind == "start":
        return process_contestant(NAME, "@njit", START) | process_contestant("NumPy", "import", "import numpy")
    args = workload.point()
    if workload.kind == "solve":
        solver, function, jacobian = SOLVERS[workload.function]
        return {Key(NAME, COMPILED, ""): in_compiled_code(solver(function, jacobian), args)}
    if workload.kind == "batch":
        one = BATCHES[workload.function].by_hand
        if one is None:
            return {}
        f = into_given_arrays(vmap(one, threads=1), args)
        return {Key(NAME, PYTHON, ""): from_python(f, args)}
    if workload.kind == "epoch":
        return {Key(NAME, PYTHON, ""): from_python(epoch(loss_gradient), args)}
    only = {"hessian": ackley_hessian, "sparse": brusselator_entries}
    f = only.get(workload.kind, BY_HAND[workload.function])
    contestants = {Key(NAME, PYTHON, ""): from_python(f, args)}
    if workload.kind not in only and not workload.sweep:
        contestants[Key(NAME, COMPILED, "")] = in_compiled_code(f, args)
    return contestants
