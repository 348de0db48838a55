"""The sparsity of the Brusselator's Jacobian: where its entries are, and six groups of columns that share no row."""

from __future__ import annotations

import numpy as np

COLOURS = 6


def compressed_seeds(n: int) -> np.ndarray:
    """The direction of each colour: every sixth column."""
    return (np.arange(n) % COLOURS == np.arange(COLOURS)[:, np.newaxis]).astype(float)


def pattern(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the entries, row by row: the own point, and the own species at the neighbours."""
    rows, columns = np.indices((n, n))
    near = (rows // 2 == columns // 2) | (abs(rows - columns) == 2)
    return tuple(map(np.ascontiguousarray, np.nonzero(near)))


def entries(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The row and the colour of each entry."""
    rows, columns = pattern(n)
    return rows, columns % COLOURS
