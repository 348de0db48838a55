"""Duals inside Numba's nopython mode. Importing it loads Numba."""

from __future__ import annotations

from . import arrays as arrays
from . import reductions as reductions
from .scalars import type_of_function as type_of_function
from .types import type_of_dual as type_of_dual
