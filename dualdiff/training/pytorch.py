"""Reverse mode by PyTorch, for functions that are written with NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

_RENAMED = {"power": "pow", "float_power": "pow", "fabs": "abs", "logistic": "sigmoid", "amax": "max", "amin": "min"}
"""Functions that PyTorch calls otherwise than NumPy and dualdiff."""


class Taped(NDArrayOperatorsMixin):
    """A tensor that NumPy's functions take: each is passed on to PyTorch's function of that name."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor
        self.shape = tuple(tensor.shape)
        self.ndim = tensor.ndim
        self.size = tensor.numel()

    def __array_ufunc__(self, function: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise TypeError(f"PyTorch has no {function.__name__}.{method}")
        for out in kwargs.pop("out", ()):  # total += x: a number is replaced, not written to
            if out.ndim:
                raise TypeError("an array on PyTorch's tape cannot be written to: write y = y + x for y += x")
        return _call(function.__name__, args, kwargs, numbers=True)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _call(function.__name__, args, kwargs)

    def __getitem__(self, index: Any) -> Taped:
        return Taped(self.tensor[index])

    def __len__(self) -> int:
        return len(self.tensor)

    def __iter__(self) -> Iterator[Taped]:
        return map(Taped, self.tensor)

    def __bool__(self) -> bool:
        return bool(self.tensor)

    def sum(self) -> Taped:
        """The sum of all elements."""
        return Taped(self.tensor.sum())

    def mean(self) -> Taped:
        """Their mean."""
        return Taped(self.tensor.mean())

    def dot(self, other: Any) -> Any:
        """The product with a vector or a matrix."""
        return self @ other


def _call(name: str, args: Any, kwargs: Any, numbers: bool = False) -> Any:
    import torch

    name = _RENAMED.get(name, name)
    function = getattr(torch, name, None) or getattr(torch.special, name, None)
    if function is None:
        raise TypeError(f"PyTorch has no function {name}")

    def tensor(x: Any) -> Any:
        if isinstance(x, Taped):
            return x.tensor
        if isinstance(x, (list, tuple)) and any(isinstance(part, Taped) for part in x):
            return type(x)(map(tensor, x))
        if isinstance(x, (np.ndarray, list)) or (numbers and isinstance(x, (int, float, np.generic))):
            return torch.as_tensor(x, dtype=torch.float64)
        return x

    return Taped(function(*map(tensor, args), **{key: tensor(x) for key, x in kwargs.items()}))


def reverse_gradient(f: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """The gradient of f by PyTorch's reverse mode.

    Raises
    ------
    ImportError : PyTorch is missing.
    """
    import torch

    def gradient(x: np.ndarray) -> np.ndarray:
        leaf: Any = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = f(Taped(leaf))
        if not isinstance(value, Taped):  # a constant
            return np.zeros_like(x)
        value.tensor.backward()
        result: np.ndarray = leaf.grad.numpy()
        return result

    return gradient
