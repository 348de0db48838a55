"""num-dual: dual numbers of Rust, one operation of Python at a time."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..functions import FUNCTIONS
from ..measure import PYTHON, Contestant, Key, from_python
from ..processes import process_contestant
from ..workloads import Workload

NAME = "num-dual"
MOST_INPUTS = 1000

START = """
import numpy as np
from num_dual import gradient
gradient(lambda x: np.log(x[0]) + x[0] * x[1] - np.sin(x[1]), [2.0, 5.0])
"""


def missing() -> str:
    return "" if find_spec("num_dual") else "pip install num-dual"


def enter(workload: Workload) -> dict[Key, Contestant]:
    if workload.kind == "start":
        return process_contestant(NAME, "", START)
    args = workload.point()
    known = workload.kind in ("gradient", "hessian") and workload.function in ("example", "rosenbrock", "ackley")
    if not known or args[0].size > MOST_INPUTS:
        return {}
    return {Key(NAME, PYTHON, "forward"): from_python(_derivative(workload), [args[0].tolist()])}


def _derivative(workload: Workload) -> Callable[..., Any]:
    import num_dual

    f = FUNCTIONS[workload.function].py_func
    of_list = lambda x: f(np.array(x, dtype=object))  # noqa: E731
    if workload.kind == "gradient":
        return lambda x: num_dual.gradient(of_list, x)[1]
    return lambda x: num_dual.hessian(of_list, x)[2]
