"""NumPy's functions on arrays of duals, inside ``@njit`` code.

It imports ``compiled.dual``; ``compiled.pipeline`` and what is above import it.
"""

from __future__ import annotations
