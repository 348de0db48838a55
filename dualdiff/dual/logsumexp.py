"""``logsumexp``, the one function of arrays here that NumPy does not have."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rules.function import AlsoCompiled
from .levels import as_dual_array
from .number import Dual


@AlsoCompiled
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The logarithm of the sum of exponentials, log(sum(exp(x))), without overflow.

    Parameters
    ----------
    x : an array, array of duals, or list of numbers or duals.
    axis : the axis or axes to sum over; all if None.
    keepdims : whether these axes stay, with length 1.

    Its derivative is softmax(x) = exp(x - logsumexp(x)). The largest element is taken out before
    exponentiating (Blanchard, Higham and Higham 2021).

    >>> float(logsumexp([1000.0, 1000.0]))
    1000.6931471805599
    """
    x = as_dual_array(x)
    if isinstance(x, Dual._array_class):  # asked as NumPy asks for its own functions
        return x.__array_function__(logsumexp, (type(x),), (x, axis, keepdims), {})
    x = np.asarray(x, float) if x.dtype.kind in "biu" else x
    largest = shift(x, axis)
    with np.errstate(all="ignore"):
        total = np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else np.squeeze(total, axis=axis)[()]


def shift(x: np.ndarray, axis: Any) -> np.ndarray:
    """The largest elements, where they are finite, else 0."""
    largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, x.dtype.type(0))
