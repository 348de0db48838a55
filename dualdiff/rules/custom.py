"""Derivatives that the author of a function has written: rules of one's own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, ClassVar

import numpy as np

from .c_functions import callable_of, number_of_arguments
from .function import Function, KnownToNumba
from .scipy_special import partials_of, parts_of
from .table import FLAT, RULES, VALUE_ONLY, Rule, canonical

Partials = Sequence[Callable[..., Any] | None]

CUSTOM: dict[Any, Rule] = {}
"""The rules that users have entered, by their functions; each is written in Python, for numbers and arrays."""

ENTERED: list[Callable[[Any], None]] = []
"""What is told of each function in that table: ``compiled`` teaches it to Numba."""


class CustomFunction(Function):
    """An elementwise function with partial derivatives of its author's.

    It takes numbers, arrays and duals from Python; and inside ``@njit`` code, as far as Numba compiles it.
    """

    compiled: Any = None
    """What computes the value in compiled code, if it is not the definition."""

    def __init__(self, definition: Callable[..., Any], nin: int) -> None:
        self.definition = definition
        name = getattr(definition, "__name__", repr(definition))
        functools.update_wrapper(self, definition, updated=())
        self.__name__ = self.__qualname__ = name
        self.nin = nin
        self.nout = 1

    def __call__(self, *args: Any) -> Any:
        if len(args) != self.nin:
            raise TypeError(f"{self.__name__} takes {self.nin} arguments, {len(args)} were given")
        for arg in args:
            override = getattr(type(arg), "__array_ufunc__", None)
            if override is not None and not isinstance(arg, (np.ndarray, np.generic)):
                return override(arg, self, "__call__", *args)
        if isinstance(self.definition, (FunctionType, np.ufunc)) or all(np.ndim(x) == 0 for x in args):
            return self.definition(*args)
        return np.vectorize(self.definition, otypes=[np.float64])(*args)

    def __repr__(self) -> str:
        return f"<function {self.__module__}.{self.__name__}, with derivatives of its own>"

    def __reduce__(self) -> str:
        return self.__qualname__


class Several(KnownToNumba):
    """A ufunc of SciPy's with several results, in ``@njit`` code, too: there it is its parts, one after the other."""

    def __init__(self, function: np.ufunc, parts: Sequence[CustomFunction]) -> None:
        functools.update_wrapper(self, function, assigned=("__doc__",), updated=())
        self.__name__ = self.__qualname__ = function.__name__
        self.definition = function
        self.parts = tuple(parts)
        self.nin = function.nin

    def __call__(self, *args: Any) -> Any:
        return self.definition(*args)

    def __repr__(self) -> str:
        return f"<function dualdiff.special.{self.__name__}>"

    def __reduce__(self) -> str:
        return self.__qualname__


class CustomJvp(KnownToNumba):
    """A function of numbers and arrays whose derivative along a direction its author has written."""

    __name__: str
    __qualname__: str

    on_duals: ClassVar[Callable[..., Any]]
    """How to call it with duals among the arguments; None if there are none."""

    def __init__(self, definition: Callable[..., Any]) -> None:
        functools.update_wrapper(self, definition, updated=())
        self.definition = definition
        self.rule: Callable[..., Any] | None = None

    def jvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Enter the derivative: ``rule(primals, tangents)`` returns the value and its tangent.

        Both are tuples with one entry for each argument. A tangent has the shape of its argument; it is zero for
        a number or an array that is constant, and None for what is neither.
        """
        self.rule = rule
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = CustomJvp.on_duals(self, args, kwargs)
        return self.definition(*args, **kwargs) if result is None else result[0]

    def __repr__(self) -> str:
        return f"<function {self.__module__}.{self.__name__}, with a derivative of its own>"

    def __reduce__(self) -> str:
        return self.__qualname__


def custom_derivative(function: Any = None, *, partials: Partials | None = None) -> Any:
    """Give a function a derivative of your own.

    With ``partials`` it is an elementwise function of numbers and arrays. There is one partial derivative for each
    argument, called with the arguments and the result; None stands for an argument that the function is not to be
    differentiated by, which is an error and never 0:

    >>> import numpy as np
    >>> from dualdiff import custom_derivative, derivative
    >>> @custom_derivative(partials=(lambda x, n, y: n * x ** (n - 1), None))
    ... def power(x, n):
    ...     return x**n
    >>> float(derivative(power)(3.0, 2))
    6.0

    Without, it is any function of numbers and arrays, and ``function.jvp`` enters its derivative along a direction:

    >>> @custom_derivative
    ... def total(x):
    ...     return float(np.sum(np.asarray(x) ** 2))
    >>> @total.jvp
    ... def _(primals, tangents):
    ...     (x,), (v,) = primals, tangents
    ...     return total(x), np.sum(2 * x * v)

    Parameters
    ----------
    function : a Python function, an ``@njit`` function, a function of ctypes or cffi, a ``scipy.LowLevelCallable``, or
        a ufunc of another package.
        A Python function of the first kind is called with whole arrays, as a ufunc is; the others number by number.
    partials : functions of the arguments and the result, each written in arithmetic and functions that have
        derivatives themselves: the second derivative is the derivative of the partials.

    Returns the function, to be called as before: by Python; in ``@njit`` code if it, and its derivative, can be
    compiled.

    Raises TypeError where it is differentiated by an argument without a partial derivative.
    """
    if function is None:
        return functools.partial(custom_derivative, partials=partials)
    function = callable_of(function)
    if not callable(function):
        raise TypeError(f"custom_derivative expects a function, not {type(function).__name__}")
    if partials is None:
        return CustomJvp(function)
    made = CustomFunction(function, len(partials))
    _check_number(function, partials)
    _enter(made, partials)
    return made


def register_rule(function: Any, *partials: Callable[..., Any] | None) -> None:
    """Give a ufunc of another package partial derivatives, as ``custom_derivative`` does, and leave it where it is.

    >>> import scipy.special
    >>> from dualdiff import derivative, register_rule
    >>> register_rule(scipy.special.ber, lambda x, y: scipy.special.berp(x))
    >>> print(f"{derivative(lambda x: scipy.special.ber(x))(1.0):.12f}")
    -0.062445752179

    Parameters
    ----------
    function : a ufunc, which NumPy asks its arguments about.
    partials : as for ``custom_derivative``.

    Raises TypeError for other functions: give those to ``custom_derivative``, and call what it returns. Raises
    ValueError for a function that has a rule already.
    """
    if not isinstance(function, np.ufunc):
        raise TypeError(
            f"register_rule expects a ufunc, not {type(function).__name__}: write "
            f"f = custom_derivative(f, partials=...) and call that"
        )
    if canonical(function) in {*RULES, *FLAT, *VALUE_ONLY} or is_custom(function):
        raise ValueError(f"{function.__name__} has a rule already")
    _check_number(function, partials)
    _enter(function, partials)


def rule_of(function: Any) -> Rule | None:
    """The rule of a function, ours or a user's."""
    return RULES.get(function) or (CUSTOM[function] if is_custom(function) else None)


def is_custom(function: Any) -> bool:
    """Whether a function has a rule of a user's, or is one of SciPy's, whose rules are entered when they are met."""
    if function in CUSTOM:
        return True
    partials = partials_of(function, custom_derivative) if isinstance(function, np.ufunc) else None
    if partials is not None:
        _enter(function, partials)
    return partials is not None


def parts(function: Any) -> tuple[Callable[..., Any], ...] | None:
    """The functions that a ufunc of SciPy's with several results is made of; None if it is no such ufunc."""
    return parts_of(function, custom_derivative) if isinstance(function, np.ufunc) else None


def _enter(function: Any, partials: Partials) -> None:
    known = tuple(p or _missing(function.__name__, i) for i, p in enumerate(partials))
    CUSTOM[function] = Rule(function, known, known)
    for tell in ENTERED:
        tell(function)


def _check_number(function: Any, partials: Partials) -> None:
    wanted = getattr(function, "nin", None) or number_of_arguments(function)
    if wanted is None:
        try:
            wanted = len(inspect.signature(function).parameters)
        except (TypeError, ValueError):  # it does not tell
            return
    if wanted != len(partials):
        raise ValueError(
            f"{getattr(function, '__name__', function)} takes {wanted} arguments, {len(partials)} partial derivatives "
            f"were given: None stands for an argument that it is not to be differentiated by"
        )


class Missing:
    """In the place of a partial derivative that does not exist."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, *args: Any) -> Any:
        """Refuse."""
        raise TypeError(self.message)


def _missing(name: str, i: int) -> Missing:
    return Missing(f"{name} is not to be differentiated by its argument number {i}: its partial derivative is None")
