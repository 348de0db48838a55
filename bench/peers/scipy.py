"""SciPy's finite differences of compiled functions: what its optimizers use where they are given no derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from ..functions import FUNCTIONS
from ..measure import PYTHON, Contestant, Key, from_python
from ..workloads import Workload

NAME = "SciPy"
TOLERANCE = 1e-4
"""Half the digits: the rounding of the values, divided by the step."""


def missing() -> str:
    return "" if find_spec("scipy") else "pip install scipy"


def enter(workload: Workload) -> dict[Key, Contestant]:
    args = workload.point()
    known = workload.kind in ("gradient", "jacobian") and workload.function in FUNCTIONS
    if not known or workload.function == "example_of_two":
        return {}
    contestant = from_python(_differences(FUNCTIONS[workload.function]), args)
    return {Key(NAME, PYTHON, "2-point differences"): replace(contestant, tolerance=TOLERANCE)}


def _differences(f: Callable[..., Any]) -> Callable[..., Any]:
    from scipy.optimize import approx_fprime

    return lambda x, *others: approx_fprime(x, f, 1.4901161193847656e-08, *others)
