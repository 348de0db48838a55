"""Duals inside Numba's nopython mode. Importing it loads Numba."""

from __future__ import annotations

from . import arrays as arrays
from . import reductions as reductions
from .dual import boxing as boundary
