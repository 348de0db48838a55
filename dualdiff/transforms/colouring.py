"""Sparsity patterns, and the colouring of columns that lets a few tangents carry a sparse Jacobian.

Columns that share no row can travel in one tangent: each entry of their sum belongs to one of them (Curtis, Powell
and Reid 1974). To find few such groups is to colour a graph, whose nodes are the columns, with an edge between those
that share a row (Coleman and Moré 1983).
"""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np

MOST_STEPS = 10_000_000
"""The graph is built if that takes no more steps, a few seconds."""


class Pattern(NamedTuple):
    """Where a matrix of this ``shape`` may have entries: ``(rows[k], columns[k])`` for each k."""

    rows: np.ndarray
    columns: np.ndarray
    shape: tuple[int, int]


def as_pattern(pattern: Any) -> Pattern:
    """A pattern with its entries row by row, each once.

    Parameters
    ----------
    pattern : a sparse matrix or array of SciPy's, whose stored entries count, be they zero; an array, whose non-zero
        entries count; or a tuple ``(rows, columns, shape)``.

    Raises
    ------
    TypeError, ValueError : it is none of these, or has entries outside of its shape.
    """
    if hasattr(pattern, "tocoo"):
        coo = pattern.tocoo()
        pattern = (coo.row, coo.col, coo.shape)
    elif not isinstance(pattern, tuple):
        dense = np.asarray(pattern)
        if dense.ndim != 2 or dense.dtype.kind not in "biuf":
            raise TypeError(
                "the pattern must be a sparse matrix, an array of two dimensions, or a tuple (rows, columns, shape), "
                f"not {type(pattern).__name__} with {dense.ndim} dimensions of {dense.dtype}"
            )
        pattern = (*np.nonzero(dense), dense.shape)
    if len(pattern) != 3 or np.shape(pattern[2]) != (2,):
        raise TypeError("a pattern that is a tuple must be (rows, columns, shape)")
    rows, columns = (_as_indices(indices) for indices in pattern[:2])
    m, n = map(int, pattern[2])
    if rows.shape != columns.shape:
        raise ValueError(f"the pattern has {rows.size} row numbers and {columns.size} column numbers")
    if rows.size and not (0 <= rows.min() <= rows.max() < m and 0 <= columns.min() <= columns.max() < n):
        raise ValueError(
            f"the pattern has an entry outside of its shape {(m, n)}: rows {rows.min()} to {rows.max()}, "
            f"columns {columns.min()} to {columns.max()}"
        )
    rows, columns = np.divmod(np.unique(rows * n + columns), max(n, 1))
    return Pattern(rows, columns, (m, n))


def _as_indices(indices: Any) -> np.ndarray:
    array = np.asarray(indices)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(f"the numbers of rows and columns must be integers in one row, not {array.dtype}{array.shape}")
    return array.astype(np.int64)


def coloured(pattern: Pattern) -> np.ndarray:
    """The colour of each column, from 0 on: columns of one colour share no row. Empty columns have -1.

    Each column in turn gets the first colour that its rows leave. In their own order bands and blocks get as few
    colours as there can be, the most entries of a row; where they do not, the columns are taken in the order of
    incidence degree too: next the one with the most neighbours that have had their turn (Coleman and Moré 1983).
    """
    m, n = pattern.shape
    columns = _split(pattern.rows[np.argsort(pattern.columns, kind="stable")], pattern.columns, n)
    lengths = np.bincount(pattern.rows, minlength=m)
    colours = _greedy(columns, range(n), m)
    if max(colours, default=-1) >= lengths.max(initial=0) and np.sum(lengths**2) <= MOST_STEPS:
        others = _greedy(columns, _by_incidence(columns, _split(pattern.columns, pattern.rows, m)), m)
        colours = min(colours, others, key=max)
    return np.array(colours, dtype=np.intp)


def _split(sorted_cells: np.ndarray, groups: np.ndarray, n: int) -> list[list[int]]:
    """A list for each of n groups of its cells; they come group by group."""
    ends = np.cumsum(np.bincount(groups, minlength=n))
    return [cells.tolist() for cells in np.split(sorted_cells, ends)[:n]]


def _greedy(columns: list[list[int]], order: Any, m: int) -> list[int]:
    """Colours for columns, given as lists of rows, taken in this order."""
    taken = [0] * m  # for each row its colours, as bits
    colours = [-1] * len(columns)
    for j in order:
        seen = 0
        for i in columns[j]:
            seen |= taken[i]
        free = ~seen & (seen + 1)  # the lowest bit that is not set
        for i in columns[j]:
            taken[i] |= free
        colours[j] = free.bit_length() - 1 if columns[j] else -1
    return colours


def _by_incidence(columns: list[list[int]], rows: list[list[int]]) -> list[int]:
    """The columns in the order of incidence degree; among equals, those with more neighbours come first."""
    neighbours = [set[int]().union(*(rows[i] for i in cells)) for cells in columns]
    degrees = [0] * len(columns)
    waiting = [(0, -len(cells), j) for j, cells in enumerate(neighbours)]
    heapq.heapify(waiting)
    order: list[int] = []
    seen = [False] * len(columns)
    while waiting:
        _, _, j = heapq.heappop(waiting)
        if not seen[j]:
            seen[j] = True
            order.append(j)
            for k in neighbours[j]:
                if not seen[k]:
                    degrees[k] -= 1
                    heapq.heappush(waiting, (degrees[k], -len(neighbours[k]), k))
    return order


class Passes(NamedTuple):
    """How a number of tangents at a time carry the columns of a matrix, and where its entries are found in them.

    In pass p, column j is seeded with ``weights[j]`` in tangent ``colours[j] - p * lanes``, if there is one. Then, for
    k from ``ends[p]`` to ``ends[p + 1]``, entry ``targets[k]`` is tangent ``sources[k]`` of the ``rows`` results,
    whose tangents are numbered through. Where there is one pass ``targets`` is empty: entry k.
    """

    colours: np.ndarray
    weights: np.ndarray
    ends: np.ndarray
    targets: np.ndarray
    sources: np.ndarray
    rows: int


def passes(pattern: Pattern, colours: np.ndarray, lanes: int) -> Passes:
    """The passes that give the entries of a matrix, row by row."""
    pass_of, lane = np.divmod(colours[pattern.columns], lanes)
    order = np.argsort(pass_of, kind="stable")
    sources = (pattern.rows * lanes + lane)[order]
    ends = np.cumsum([0, *np.bincount(pass_of, minlength=1)])
    targets = order if ends.size > 2 else order[:0]
    return Passes(colours, np.ones(colours.size), ends, targets, sources, pattern.shape[0])
