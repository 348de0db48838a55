"""Nesting levels: nested derivatives must not confuse their tangents.

d/dx (x d/dy (x + y)) has two kinds of tangents. Every kind has a level; to a dual of a higher level one of a lower
level is a constant. A transform takes a level above every dual it can meet: those of its arguments, those of
transforms that are running (in any thread: their duals may be captured by f), and those made by hand.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_lock = threading.Lock()
_running: list[int] = []
_highest_made = 0


@contextmanager
def fresh_level(*arguments: Any) -> Iterator[int]:
    """A level above all duals among ``arguments`` and all levels in use, taken while it is used."""
    with _lock:
        level = 1 + max(_highest_made, *_running, *map(level_of, arguments), 0)
        _running.append(level)
    try:
        yield level
    finally:
        with _lock:
            _running.remove(level)


def level_of(value: Any) -> int:
    """The level of a dual or batch of duals; the highest in a container; 0 for other values."""
    if isinstance(value, (tuple, list)):
        return max(map(level_of, value), default=0)
    if isinstance(value, dict):
        return max(map(level_of, value.values()), default=0)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return max(map(level_of, value.flat), default=0)
    return getattr(value, "_level", 0)


def note_made(level: int) -> None:
    """Remember that a dual of this level was made by hand, and may be met anywhere."""
    global _highest_made
    if level > _highest_made:
        with _lock:
            _highest_made = max(_highest_made, level)


def unlike_tangents(numbers: Iterable[int]) -> ValueError:
    """The error for duals of one level with different numbers of tangents."""
    return ValueError(f"duals with different numbers of tangents met: {' and '.join(map(str, sorted(numbers)))}")
