"""Duals inside Numba's nopython mode. Importing it loads Numba."""

from __future__ import annotations

from .arrays import logsumexp as reductions
from .arrays import ufuncs as arrays
from .dual import boxing as boundary
