"""``logsumexp`` and what is made of it: the functions of arrays here that NumPy does not have."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rules.function import AlsoCompiled
from .levels import as_dual_array, plain
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


@AlsoCompiled
def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of ``softmax``, x - logsumexp(x), without overflow and without loss where softmax is near 0.

    Parameters
    ----------
    x : an array, array of duals, or list of numbers or duals.
    axis : the axis or axes along which the exponentials sum to 1; all if None.

    Its derivative by x is the identity less softmax(x) in every row (Blanchard, Higham and Higham 2021).

    >>> print(log_softmax([0.0, 1000.0]))
    [-1000.     0.]
    """
    x = as_dual_array(x)
    x = x - logsumexp(plain(x), axis, keepdims=True)  # is nearly the result, and what it lacks is small
    return x - logsumexp(x, axis, keepdims=True)


@AlsoCompiled
def softmax(x: Any, axis: Any = None) -> Any:
    """Exponentials divided by their sum, exp(x) / sum(exp(x)), without overflow.

    Parameters
    ----------
    x : an array, array of duals, or list of numbers or duals.
    axis : the axis or axes along which they sum to 1; all if None.

    Its derivative is diag(y) - outer(y, y) with y = softmax(x) (Blanchard, Higham and Higham 2021).

    >>> print(softmax([1000.0, 1000.0]))
    [0.5 0.5]
    """
    return np.exp(log_softmax(x, axis))


def shift(x: np.ndarray, axis: Any) -> np.ndarray:
    """The largest elements, where they are finite, else 0."""
    largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, x.dtype.type(0))
