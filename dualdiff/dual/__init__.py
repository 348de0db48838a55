"""The number that carries tangents: ``Dual``, nesting levels, and batches of duals level by level.

It imports ``rules``; ``calls``, ``compiled``, ``arrays`` and all above them import it.
"""

from __future__ import annotations
