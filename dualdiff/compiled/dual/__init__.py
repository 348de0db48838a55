"""The number inside Numba: its types, its memory, its arithmetic, and its way from and to Python.

It imports ``rules``, ``dual`` and ``compiled.llvm``; every folder of ``compiled`` above it may import it.
"""

from __future__ import annotations
