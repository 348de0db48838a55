"""``DualArray``, the array of duals, and NumPy's functions on it, called from Python.

It imports ``dual``, ``rules``, ``calls`` and, when the first loop is compiled, ``compiled``; ``transforms`` imports it.
"""

from __future__ import annotations

from .registry import LOADERS


def _load() -> None:
    from . import composed as composed
    from . import creation as creation
    from . import linalg as linalg
    from . import linear as linear
    from . import reductions as reductions
    from . import statistics as statistics
    from . import ufuncs as ufuncs


LOADERS.append(_load)
