"""SciPy's finite differences of compiled functions: what its optimizers use where they are given no derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..functions import FUNCTIONS
from ..measure import PYTHON, Contestant, Key, from_python
from ..sparse import COLOURS, pattern
from ..workloads import Workload

NAME = "SciPy"
TOLERANCE = 1e-4
"""Half the digits: the rounding of the values, divided by the step."""

MOST_INPUTS = 1000
"""The derivative of a mean by each of more inputs is too small for that."""


def missing() -> str:
    return "" if find_spec("scipy") else "pip install scipy"


def enter(workload: Workload) -> dict[Key, Contestant]:
    args = workload.point()
    known = workload.kind in ("gradient", "jacobian", "sparse") and workload.function in FUNCTIONS
    if not known or workload.function == "example_of_two" or args[0].size > MOST_INPUTS:
        return {}
    differences = _of_entries if workload.kind == "sparse" else _differences
    contestant = from_python(differences(FUNCTIONS[workload.function]), args)
    return {Key(NAME, PYTHON, "2-point differences"): replace(contestant, tolerance=TOLERANCE)}


def _differences(f: Callable[..., Any]) -> Callable[..., Any]:
    from scipy.optimize import approx_fprime

    return lambda x, *others: approx_fprime(x, f, 1.4901161193847656e-08, *others)


def _of_entries(f: Callable[..., Any]) -> Callable[..., Any]:
    """What ``least_squares`` does with ``jac_sparsity``."""
    from scipy.optimize._numdiff import approx_derivative
    from scipy.sparse import csr_array

    def entries(x: np.ndarray) -> Any:
        return approx_derivative(f, x, "2-point", sparsity=(places, colours)).data

    rows, columns = pattern(500)
    places, colours = csr_array((np.ones(rows.size), (rows, columns))), np.arange(500) % COLOURS
    return entries
