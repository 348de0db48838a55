"""What users call: ``derivative``, ``gradient``, ``jacobian``, ``hessian``, ``jvp``, ``hvp``, ``sparse_jacobian`` and ``vmap``.

It decides by what f is which way runs: ``interpreted`` here, or ``compiled``. ``training``, ``plots`` and the commands
import it.
"""

from __future__ import annotations
