"""The numbers of all samples in the place of one number, for functions that treat all samples alike.

What is done with ``Samples`` is done with each of them alone: elementwise functions, arithmetic, comparisons, and
``np.where`` and ``np.clip``. All else is refused: what looks at several samples, as a sum does, and what would need one
of them, as ``if`` does. So a function that gets through has done with each sample what it does with a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Witness:
    """Whether all samples have been treated alike; a refusal counts even if the function has caught it."""

    def __init__(self) -> None:
        self.alike = True

    def refuse(self, what: str) -> NoReturn:
        """Raise a TypeError, and remember it."""
        self.alike = False
        raise TypeError(f"samples are not treated alike: {what}")

    def samples(self, numbers: Any) -> Any:
        """Arrays with a number for each sample, in the place of numbers; numbers stay."""
        return Samples(self, numbers) if np.ndim(numbers) else numbers

    def numbers(self, result: Any) -> Any:
        """What stands in the place of a number."""
        if isinstance(result, Samples):
            return result._numbers
        if np.ndim(result) or isinstance(result, np.ndarray):
            self.refuse("an array instead of a number")
        return result


class Samples(NDArrayOperatorsMixin):
    """The numbers of all samples, an array or a DualArray of one dimension, in the place of one number."""

    __slots__ = ("_numbers", "_witness")

    def __init__(self, witness: Witness, numbers: Any) -> None:
        self._witness = witness
        self._numbers = numbers

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs or getattr(function, "signature", None):
            self._witness.refuse(f"{function.__name__}.{method}")
        return self._of_numbers(function, inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in ELEMENTWISE or kwargs or len(args) != 3:
            self._witness.refuse(function.__name__)
        return self._of_numbers(function, args)

    def _of_numbers(self, function: Callable[..., Any], inputs: Any) -> Any:
        result = function(*map(self._witness.numbers, inputs))
        if isinstance(result, tuple):
            return tuple(map(self._witness.samples, result))
        return self._witness.samples(result)

    def __bool__(self) -> bool:
        self._witness.refuse("a branch")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what NumPy asks for
            raise AttributeError(name)
        self._witness.refuse(f"the attribute {name}")

    def __repr__(self) -> str:
        return f"Samples({self._numbers!r})"


ELEMENTWISE = {np.where, np.clip}
"""Functions of three numbers that NumPy does not have as ufuncs."""
