"""Duals inside Numba's nopython mode. Importing it loads Numba, and teaches it what duals are.

Its folders, from the ground up: ``llvm``, ``dual``, ``arrays``, ``pipeline``, ``transforms``, ``batches``. It imports
``rules``, ``dual`` and ``calls``; ``arrays`` imports it for its loops, ``transforms`` for ``@njit`` functions.
"""

from __future__ import annotations

from .arrays import composed as composed
from .arrays import joining as joining
from .arrays import linalg as linalg
from .arrays import reductions as reductions
from .arrays import selection as selection
from .arrays import statistics as statistics
from .arrays import ufuncs as ufuncs
from .dual import boxing as boxing
from .dual import overloads as overloads
from .dual import tuples as tuples
