"""What is told to LLVM: how code is linked and vectorised, vector functions, and code that is kept on disk.

It imports Numba, and of the package no more than ``rules``, for the names of functions; every other folder of
``compiled`` may import it.
"""

from __future__ import annotations
