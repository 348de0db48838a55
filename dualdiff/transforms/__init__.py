"""What users call: derivatives of every kind, ``jvp`` and ``hvp``, sparse Jacobians, and ``vmap``.

It decides by what f is which way runs: ``interpreted`` here, or ``compiled``. ``training``, ``plots`` and the commands
import it.
"""

from __future__ import annotations
