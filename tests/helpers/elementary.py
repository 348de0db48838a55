"""The elementary functions of the table, with arguments to call them with."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualdiff.rules.table import RULES

from .dual_arrays import rng_of


def arity(function: Any) -> int:
    return len(RULES[function].partials) if function in RULES else function.nin


def name_of(function: Any) -> str:
    return str(function.__name__)


INTEGER_ARGUMENT = {"ldexp", "polygamma"}


PATTERNS = {1: ["d"], 2: ["dd", "dn", "nd"]}


def arguments(function: Any, size: int = 7) -> list[np.ndarray]:
    rng = rng_of(name_of(function))
    low, high = DOMAIN.get(name_of(function), (-2.0, 2.0))
    return [rng.uniform(low, high, size) for _ in range(arity(function))]


# where a function is not defined on all of (-2, 2)
DOMAIN = {
    "log": (0.1, 3.0),
    "log2": (0.1, 3.0),
    "log10": (0.1, 3.0),
    "log1p": (-0.8, 2.0),
    "sqrt": (0.1, 3.0),
    "arcsin": (-0.9, 0.9),
    "arccos": (-0.9, 0.9),
    "arctanh": (-0.9, 0.9),
    "arccosh": (1.2, 3.0),
    "power": (0.2, 2.0),
    "float_power": (0.2, 2.0),
    "xlogy": (0.2, 2.0),
}
