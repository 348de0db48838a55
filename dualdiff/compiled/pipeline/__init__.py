"""How a user's function is compiled for duals: the clone, its memory, its expressions, and what errors mean.

It imports ``compiled.dual``, ``compiled.arrays`` and ``compiled.llvm``; ``compiled.transforms`` and
``compiled.batches`` import it.
"""

from __future__ import annotations
