"""Loops over samples: of a function, of a derivative, and of a derivative by each number of an array.

It imports ``compiled.transforms`` and what is below; ``transforms`` imports it.
"""

from __future__ import annotations
