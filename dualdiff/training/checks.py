"""Hyperparameters, checked: what is wrong is said with the name of the class and of the field."""

from __future__ import annotations

import math
import operator
from typing import Any


def _number(owner: Any, name: str) -> float:
    value = getattr(owner, name)
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{type(owner).__name__}: {name} must be a number, not {value!r}")
    return float(value)


def check_positive(owner: Any, *names: str) -> None:
    """Raise a ValueError unless these fields are positive and finite."""
    for name in names:
        if not 0 < _number(owner, name) < math.inf:
            raise ValueError(f"{type(owner).__name__}: {name} must be positive, not {getattr(owner, name)!r}")


def check_fraction(owner: Any, name: str, below: float = 1.0) -> None:
    """Raise a ValueError unless this field is at least 0 and less than ``below``."""
    if not 0 <= _number(owner, name) < below:
        raise ValueError(
            f"{type(owner).__name__}: {name} must be at least 0 and less than {below:g}, not {getattr(owner, name)!r}"
        )


def as_count(value: Any, name: str, least: int = 1) -> int:
    """An integer argument that is at least ``least``."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) < least:
        raise ValueError(f"{name} must be an integer, at least {least}, not {value!r}")
    return operator.index(value)
