"""``DualArray``, the batch of duals, and NumPy's functions on it, called from Python.

It imports ``dual``, ``rules``, ``calls`` and, when the first loop is compiled, ``compiled``; ``transforms`` imports it.
"""

from __future__ import annotations
