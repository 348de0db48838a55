"""hyperjet: dual numbers of C++ with first and second derivatives, one operation of Python at a time."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..functions import FUNCTIONS
from ..measure import PYTHON, Contestant, Key, from_python
from ..workloads import Workload

NAME = "hyperjet"
MOST_INPUTS = 100


def missing() -> str:
    return "" if find_spec("hyperjet") else "pip install hyperjet"


def enter(workload: Workload) -> dict[Key, Contestant]:
    known = workload.kind in ("gradient", "hessian") and workload.function in ("example", "rosenbrock", "ackley")
    args = workload.point()
    if not known or args[0].size > MOST_INPUTS:
        return {}
    return {Key(NAME, PYTHON, "forward"): from_python(_derivative(workload), [args[0].tolist()])}


def _derivative(workload: Workload) -> Callable[..., Any]:
    import hyperjet

    f = FUNCTIONS[workload.function].py_func
    order = 1 if workload.kind == "gradient" else 2

    def derivative(x: list[float]) -> Any:
        y = f(np.array(hyperjet.variables(x, order), dtype=object))
        return y.g if order == 1 else y.hm()

    return derivative
