"""The exceptions of dualdiff."""

from __future__ import annotations


class CompilationError(TypeError):
    """An ``@njit`` function cannot be compiled for duals.

    The first line names the user's line and the operation, the second what to write instead; the
    error that Numba gave is chained.
    """
