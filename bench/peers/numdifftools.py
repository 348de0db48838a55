"""numdifftools: finite differences of several steps, extrapolated."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

from ..functions import FUNCTIONS
from ..measure import PYTHON, Contestant, Key, from_python
from ..workloads import Workload

NAME = "numdifftools"
MOST_INPUTS = 100
TOLERANCE = 1e-6


def missing() -> str:
    return "" if find_spec("numdifftools") else "pip install numdifftools"


def enter(workload: Workload) -> dict[Key, Contestant]:
    args = workload.point()
    if workload.kind not in ("gradient", "hessian") or len(args) > 1 or args[0].size > MOST_INPUTS:
        return {}
    import numdifftools

    method = numdifftools.Gradient if workload.kind == "gradient" else numdifftools.Hessian
    contestant = from_python(method(FUNCTIONS[workload.function]), args)
    return {Key(NAME, PYTHON, "extrapolated"): replace(contestant, tolerance=TOLERANCE)}
