"""``np.i0`` with its derivatives, for which NumPy has no functions: the modified Bessel functions of higher orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from .custom import custom_derivative


def _ratio(n: int, x: Any) -> Any:
    """I_n(x) / x^n of numbers and arrays, to a few ulp; its derivative is x I_(n+1)(x) / x^(n+1) (DLMF 10.29.4).

    Up to 30 by the power series, whose terms have one sign (DLMF 10.25.2); beyond by the expansion in 1/x (10.40.1).
    """
    x = np.abs(np.asarray(x, dtype=np.float64))
    near, far = np.minimum(x, 30.0), np.clip(x, 30.0, 1000.0)
    term = np.full_like(near, 0.5**n / np.prod(np.arange(1.0, n + 1)))
    series = term.copy()
    for k in range(1, 60):
        term = term * (near / 2) ** 2 / (k * (k + n))
        series += term
    term = np.ones_like(far)
    tail = term.copy()
    for k in range(1, 25):
        term = term * ((2 * k - 1) ** 2 - 4 * n * n) / (8 * k * far)
        tail += term
    with np.errstate(over="ignore"):
        half = np.exp(far / 2)
        large = half / np.sqrt(2 * np.pi * far) * tail / far**n * half
    return np.where(x > 30, large, series)[()]


ratio: Any = custom_derivative(_ratio, partials=(None, lambda n, x, y: x * ratio(n + 1, x)))
i0: Any = custom_derivative(lambda x: np.i0(x)[()], partials=(lambda x, y: x * ratio(1, x),))
