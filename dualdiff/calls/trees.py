"""Trees of tuples: what functions return, and what is known of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np


def flat(tree: Any) -> Iterator[Any]:
    """The leaves of a tree, from left to right."""
    if isinstance(tree, tuple):
        for part in tree:
            yield from flat(part)
    else:
        yield tree


def mapped(tree: Any, leaves: Iterator[Any]) -> Any:
    """The tree with other leaves."""
    return tuple(mapped(part, leaves) for part in tree) if isinstance(tree, tuple) else next(leaves)


class Like:
    """The shape and the type of an array."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape = shape
        self.dtype = dtype


def as_results(out: Any, needed: Any) -> list[np.ndarray]:
    """The arrays in ``out``, in which the caller wants results like those in ``needed``, a tree of arrays or ``Like``.

    Raises TypeError or ValueError where they are no such arrays.
    """
    if _shape(out) != _shape(needed):
        raise ValueError(f"out must be {_described(needed)}, as the result is, not {_described(out)}")
    arrays = list(flat(out))
    for array, like in zip(arrays, flat(needed), strict=True):
        if not isinstance(array, np.ndarray):
            raise TypeError(f"out must be made of arrays, not of {type(array).__name__}")
        if array.shape != like.shape or array.dtype != like.dtype:
            raise ValueError(
                f"out has shape {array.shape} and dtype {array.dtype}, the result {like.shape} and {like.dtype}"
            )
        if not array.flags.writeable:
            raise ValueError("out is read-only")
    if any(np.may_share_memory(a, b) and np.shares_memory(a, b) for a, b in itertools.combinations(arrays, 2)):
        raise ValueError("two of the arrays in out share memory")
    return arrays


def _shape(tree: Any) -> Any:
    return tuple(map(_shape, tree)) if isinstance(tree, tuple) else None


def _described(tree: Any) -> str:
    if isinstance(tree, tuple):
        return f"a tuple of {len(tree)}"
    return "an array" if isinstance(tree, (np.ndarray, Like)) else f"a {type(tree).__name__}"
