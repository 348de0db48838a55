"""Duals inside Numba's nopython mode. Importing it loads Numba, and teaches it what duals are.

Its folders, from the ground up: ``llvm``, ``dual``, ``arrays``, ``pipeline``, ``transforms``, ``batches``. It imports
``rules``, ``dual`` and ``calls``; ``arrays`` imports it for its loops, ``transforms`` for ``@njit`` functions.

Functions here that Numba compiles have no annotations: Numba compares the signature of an overload with that of its
implementation, and annotations count. A function that returns another is an overload: it is called with types, and
what it returns is compiled for them; None means that another overload, or Numba's own, is to be asked.
"""

from __future__ import annotations

from .arrays import composed as composed
from .arrays import frozen as frozen
from .arrays import joining as joining
from .arrays import linalg as linalg
from .arrays import reductions as reductions
from .arrays import selection as selection
from .arrays import statistics as statistics
from .arrays import ufuncs as ufuncs
from .dual import boxing as boxing
from .dual import overloads as overloads
from .dual import tuples as tuples
from .transforms import custom as custom
