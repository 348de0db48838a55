"""What is told to LLVM: how code is linked and vectorised, vector functions, and code that is kept on disk.

It imports Numba and nothing of the package; every other folder of ``compiled`` may import it.
"""

from __future__ import annotations
