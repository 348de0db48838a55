"""dualdiff itself, with its default chunk and with others."""

from __future__ import annotations

import dualdiff

from ..batches import BATCHES
from ..functions import FUNCTIONS, brusselator
from ..measure import COMPILED, PYTHON, Contestant, Key, from_python, in_compiled_code, into_given_arrays
from ..processes import process_contestant
from ..sgd import epoch, loss
from ..solvers import SOLVERS
from ..sparse import pattern
from ..workloads import Workload

NAME = "dualdiff"
CHUNKS = (1, 4, 8, 16, 32)

INTERPRETED = """
import numpy as np
from dualdiff import gradient
gradient(lambda x: np.log(x[0]) + x[0] * x[1] - np.sin(x[1]))(np.array([2.0, 5.0]))
"""

COMPILED_START = """
import numpy as np
from numba import njit
from dualdiff import gradient
@njit
def f(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)
gradient(f, argnums=(0, 1))(2.0, 5.0)
"""


def missing() -> str:
    return ""


def enter(workload: Workload) -> dict[Key, Contestant]:
    if workload.kind == "start":
        scripts = {"import": "import dualdiff", "interpreted": INTERPRETED, "compiled": COMPILED_START}
        return {k: c for variant, text in scripts.items() for k, c in process_contestant(NAME, variant, text).items()}
    args = workload.point()
    if workload.kind == "solve":
        solver, function, _ = SOLVERS[workload.function]
        solve = solver(function, dualdiff.jacobian(function))
        return {Key(NAME, COMPILED, "default"): in_compiled_code(solve, args)}
    if workload.kind == "batch":
        batch = BATCHES[workload.function]
        g = getattr(dualdiff, batch.transform)(batch.function, batch.argnums)
        contestants = {}
        for threads, variant in ((1, "one thread"), (2, "two threads")):
            f = dualdiff.vmap(g, threads=threads)
            contestants[Key(NAME, PYTHON, variant)] = from_python(into_given_arrays(f, args), args)
        contestants[Key(NAME, PYTHON, "new arrays")] = from_python(dualdiff.vmap(g, threads=1), args)
        return contestants
    single = {
        "hessian": lambda: dualdiff.hessian(FUNCTIONS[workload.function]),
        "sparse": lambda: dualdiff.sparse_jacobian(brusselator, (*pattern(args[0].size), (args[0].size,) * 2)).data,
        "epoch": lambda: epoch(dualdiff.gradient(loss)),
    }
    if workload.kind in single:
        return {Key(NAME, PYTHON, "default"): from_python(single[workload.kind](), args)}
    argnums = (0, 1) if workload.function == "example_of_two" else 0
    contestants = {}
    for chunk in (None, *CHUNKS) if workload.chunked else (None,):
        f = getattr(dualdiff, workload.kind)(FUNCTIONS[workload.function], argnums, chunk)
        variant = "default" if chunk is None else f"chunk {chunk}"
        contestants[Key(NAME, PYTHON, variant)] = from_python(f, args)
        if not workload.sweep:
            contestants[Key(NAME, COMPILED, variant)] = in_compiled_code(f, args)
    return contestants
