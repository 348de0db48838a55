"""The function written around the clone: it seeds the arguments, calls f on duals, and collects the derivatives.

It imports ``compiled.pipeline`` and what is below; ``compiled.batches`` and ``transforms`` import it.
"""

from __future__ import annotations
