"""Elementary functions for which NumPy has no ufunc, called as if it had."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

_NUMBERS = {float, int, np.float64}

NUMBA_TYPES: dict[type, Callable[[Any], Any]] = {}
"""For a class of ours, what tells the Numba type of an object; ``compiled`` enters it."""


class KnownToNumba:
    """An object that ``@njit`` code may meet, as a global or as an argument."""

    __slots__ = ()

    # What loads ``compiled``, which takes a while; the package says it.
    load: ClassVar[Callable[[], Any]]

    @property
    def _numba_type_(self) -> Any:
        """What Numba asks for when it meets this object."""
        KnownToNumba.load()
        return next(NUMBA_TYPES[c] for c in type(self).__mro__ if c in NUMBA_TYPES)(self)


class Function(KnownToNumba):
    """An elementary function of real numbers: an entry of the rule table that is not a NumPy ufunc.

    It takes numbers, arrays (elementwise, with broadcasting) and duals, from Python and inside
    ``@njit`` code. Its value is what ``definition`` computes on plain floats.
    """

    # How to run over arrays and over numbers of other packages; the floors above say it.
    on_arrays: ClassVar[Callable[..., Any]]
    on_foreign: ClassVar[Callable[..., Any]]

    def __init__(self, definition: Callable[..., Any]) -> None:
        self.definition = definition
        self.__name__ = definition.__name__
        self.__qualname__ = definition.__qualname__
        self.__module__ = "dualdiff"
        self.__doc__ = definition.__doc__
        self.__wrapped__ = definition  # gives inspect.signature and help() the parameters
        self.nin = definition.__code__.co_argcount
        self.nout = 1

    def __call__(self, *args: Any) -> Any:
        if len(args) != self.nin:
            raise TypeError(f"{self.__name__} takes {self.nin} arguments, {len(args)} were given")
        if all(type(a) in _NUMBERS for a in args):
            with np.errstate(all="ignore"):
                return np.float64(self.definition(*map(np.float64, args)))
        for arg in args:
            override = getattr(type(arg), "__array_ufunc__", None)
            if override is not None and not isinstance(arg, (np.ndarray, np.generic)):
                return override(arg, self, "__call__", *args)
        if all(isinstance(a, (bool, int, float, np.generic, np.ndarray, list, tuple)) for a in args):
            return Function.on_arrays(self, *map(np.asanyarray, args))
        return Function.on_foreign(self, *args)

    def __repr__(self) -> str:
        return f"<function dualdiff.{self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__


class AlsoCompiled(KnownToNumba):
    """A Python function that can be called inside ``@njit`` code, too."""

    def __init__(self, definition: Callable[..., Any]) -> None:
        functools.update_wrapper(self, definition)
        self._definition = definition

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._definition(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<function dualdiff.{self._definition.__name__}>"

    def __reduce__(self) -> str:
        return self._definition.__name__
