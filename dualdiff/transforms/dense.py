"""Derivatives of functions: each transform takes a function and returns one with the same parameters.

An ``@njit`` function is differentiated compiled, and what is returned can be called from ``@njit``
code; any other function is run by Python on ``Dual`` numbers and ``DualArray`` batches. Which of the
two is decided by what f is. f must be pure: it is called once per pass, and each pass sees a fresh
copy of the arguments to differentiate by.

Common to all: integers count as floats, float32 in gives float32 out, the arguments are never
written to, and the result does not depend on ``chunk``, to the bit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..calls.arguments import as_argnums, as_callable, as_chunk, as_input
from ..rules.function import AlsoCompiled
from .interpreted import (
    interpreted_derivative,
    interpreted_hessian,
    interpreted_jvp,
    interpreted_returning,
    interpreted_transform,
)


def derivative(f: Callable[..., Any], argnum: int = 0, *, out_argnum: int | None = None) -> Callable[..., Any]:
    """The derivative of a function of one number.

    Parameters
    ----------
    f : a function of a real number (argument ``argnum``) and any further arguments, which are constants.
    argnum : which argument to differentiate by.
    out_argnum : for a function that returns nothing and writes its result into an array that it is
        given: which argument that is. The array that is passed there is copied, not written to.

    Returns
    -------
    A function with the parameters of f. At a number x it returns what f returns, of the same
    structure (number, array, tuple, list, dict), with the derivative in the place of each number.
    At an array x, f is taken elementwise and the result has the shape of x.

    Raises
    ------
    TypeError : f is no function or returns None, or x is not real.
    ValueError : there is no such argument; or x is an array and the result of f is not of its shape.
    CompilationError : f is an ``@njit`` function that cannot be compiled for duals.

    >>> import numpy as np
    >>> float(derivative(np.tanh)(0.0))
    1.0
    """
    return _derivative(_returning(f, out_argnum, "derivative"), argnum, with_value=False)


def value_and_derivative(
    f: Callable[..., Any], argnum: int = 0, *, out_argnum: int | None = None
) -> Callable[..., Any]:
    """Like ``derivative``, but the function returned gives ``(value, derivative)`` from one evaluation."""
    return _derivative(_returning(f, out_argnum, "derivative"), argnum, with_value=True)


def gradient(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, chunk: int | None = None) -> Callable[..., Any]:
    """The gradient of a function that returns one number.

    Parameters
    ----------
    f : a function of an array (argument ``argnums``) and any further arguments, which are constants.
    argnums : which argument to differentiate by; with a tuple of them the result is a tuple, and
        numbers are allowed beside arrays.
    chunk : how many parameters each pass differentiates by, one tangent for each; by default the
        library chooses. Compiled code takes at most 128 at a time.

    Returns
    -------
    A function with the parameters of f that returns an array of the shape of the argument.

    Raises
    ------
    TypeError : f is no function or returns None, or the argument is not real.
    ValueError : f does not return a number, the argument is a single number, or a bad ``argnums`` or ``chunk``.
    CompilationError : f is an ``@njit`` function that cannot be compiled for duals.

    >>> import numpy as np
    >>> gradient(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return _chunked("gradient", f, argnums, chunk, with_value=False)


def value_and_gradient(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, chunk: int | None = None
) -> Callable[..., Any]:
    """Like ``gradient``, but the function returned gives ``(value, gradient)`` without a further evaluation.

    It is what ``scipy.optimize.minimize(value_and_gradient(f), x0, jac=True)`` expects.
    """
    return _chunked("gradient", f, argnums, chunk, with_value=True)


def jacobian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    chunk: int | None = None,
    *,
    out_argnum: int | None = None,
) -> Callable[..., Any]:
    """The Jacobian of a function of an array.

    Parameters
    ----------
    f, argnums, chunk : as for ``gradient``, except that f may return an array of any shape, or a list or
        tuple that makes one; or a tuple, or in Python a dict, of arrays and numbers of different shapes.
    out_argnum : for a function that returns nothing and writes its result into an array that it is
        given, as the right-hand sides of differential equations do: which argument that is. The
        array that is passed there is copied, not written to.

    Returns
    -------
    A function with the parameters of f that returns an array of shape ``output.shape + x.shape``:
    ``J[i, j]`` is the derivative of output i by parameter j. For a tuple or a dict it returns such an array for
    each part, in the same structure.

    Raises
    ------
    TypeError, ValueError, CompilationError : as ``gradient`` does.
    MemoryError : the result would not fit into memory.

    >>> import numpy as np
    >>> jacobian(lambda x: x[0] * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [2., 1.]])
    """
    return _chunked("jacobian", _returning(f, out_argnum, "jacobian"), argnums, chunk, with_value=False)


def value_and_jacobian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    chunk: int | None = None,
    *,
    out_argnum: int | None = None,
) -> Callable[..., Any]:
    """Like ``jacobian``, but the function returned gives ``(value, jacobian)`` without a further evaluation."""
    return _chunked("jacobian", _returning(f, out_argnum, "jacobian"), argnums, chunk, with_value=True)


def hessian(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The Hessian of a function that returns one number, as the Jacobian of its gradient.

    Parameters
    ----------
    f, argnums : as for ``gradient``.

    Returns
    -------
    A function with the parameters of f that returns an array of shape ``x.shape + x.shape``; with a
    tuple of arguments, a tuple of tuples of such blocks.

    Raises
    ------
    TypeError, ValueError, MemoryError, CompilationError : as ``gradient`` and ``jacobian`` do.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    if not isinstance(argnums, (tuple, list)):
        return jacobian(gradient(f, argnums), argnums)
    return _chunked("hessian", gradient(f, argnums), argnums, None, with_value=False)


class _Jvp(AlsoCompiled):
    @property
    def _numba_type_(self) -> Any:
        from ..compiled.transforms.dense import type_of_jvp

        return type_of_jvp(self)


@_Jvp
def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, out_argnum: int | None = None
) -> tuple[Any, Any]:
    """The value of f and its derivative along a direction (Jacobian-vector product), in one evaluation.

    Parameters
    ----------
    f : a function of numbers and arrays.
    primals : its arguments.
    tangents : the direction: for each argument an array of the same shape. Nothing is broadcast.
    out_argnum : as for ``jacobian``; what the tangents have there does not count.

    Returns
    -------
    (value, tangent), each with the structure of what f returns.

    In ``@njit`` code it takes ``@njit`` functions, as ``jvp(f, (x,), (v,))``.

    Raises
    ------
    TypeError : f is no function or returns None, or an argument is not real.
    ValueError : numbers or shapes of primals and tangents differ.
    CompilationError : f is an ``@njit`` function that cannot be compiled for duals.

    >>> import numpy as np
    >>> value, tangent = jvp(lambda x: x**2, (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    >>> tangent
    array([ 2., 40.])
    """
    as_callable(f, "jvp")
    f = _returning(f, out_argnum, "jvp")
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("jvp expects a tuple of arguments and a tuple of tangents: jvp(f, (x,), (v,))")
    if len(primals) != len(tangents) or not primals:
        raise ValueError(
            f"jvp expects one tangent for each argument: {len(primals)} arguments, {len(tangents)} tangents"
        )
    xs = [as_input(x, f"argument {i}") for i, x in enumerate(primals)]
    vs = [as_input(v, f"tangent {i}") for i, v in enumerate(tangents)]
    for i, (x, v) in enumerate(zip(xs, vs, strict=True)):
        if np.shape(x) != np.shape(v):
            raise ValueError(
                f"argument {i} has shape {np.shape(x)} and its tangent has shape {np.shape(v)}: they must be equal"
            )
    f = _unvectorized(f)
    if _is_compiled(f):
        from ..compiled.transforms.dense import compiled_jvp

        return compiled_jvp(f, len(xs))(*xs, *vs)
    return interpreted_jvp(f, xs, vs)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The product of the Hessian of f with a direction, without the Hessian.

    Parameters
    ----------
    f : a function of arrays that returns one number.
    primals, tangents : its arguments and a direction, as for ``jvp``.

    Returns
    -------
    For each argument, an array of its shape; for a single argument the array itself.

    Raises
    ------
    TypeError, ValueError, CompilationError : as ``gradient`` and ``jvp`` do.

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    if not isinstance(primals, (tuple, list)):
        raise TypeError("hvp expects a tuple of arguments and a tuple of tangents: hvp(f, (x,), (v,))")
    products = jvp(gradient(f, tuple(range(len(primals)))), primals, tangents)[1]
    return products[0] if len(primals) == 1 else products


# --- which way ------------------------------------------------------------------------------


def _is_compiled(f: Any) -> bool:
    if "numba" not in sys.modules:  # nothing can be compiled yet
        return False
    from ..compiled.transforms.driver import is_compiled

    return is_compiled(f)


def _unvectorized(f: Any) -> Any:
    """The ``@njit`` function that does what a ``@vectorize`` function does; other functions as they are."""
    if "numba" not in sys.modules:
        return f
    from ..compiled.pipeline.vectorized import as_dispatcher

    return as_dispatcher(f)


def _returning(f: Any, out_argnum: int | None, transform: str) -> Any:
    """``f``, or, if it writes its result into an argument, a function that returns it."""
    if out_argnum is None:
        return f
    as_callable(f, transform)
    out = as_argnums(out_argnum, "out_argnum")
    if isinstance(out, tuple):
        raise TypeError(f"out_argnum must be an int, not {out_argnum!r}")
    if _is_compiled(f):
        from ..compiled.transforms.dense import returning

        return returning(f, out)
    return interpreted_returning(f, out)


def _derivative(f: Any, argnum: Any, with_value: bool) -> Any:
    as_callable(f, "derivative")
    i = as_argnums(argnum, "argnum")
    if isinstance(i, tuple):
        raise TypeError("derivative is by one argument: use gradient or jacobian with a tuple of argnums")
    f = _unvectorized(f)
    if _is_compiled(f):
        from ..compiled.batches.elementwise import compiled_derivative

        return compiled_derivative(f, i, with_value)
    return interpreted_derivative(f, i, with_value)


def _chunked(kind: str, f: Any, argnums: Any, chunk: Any, with_value: bool) -> Any:
    as_callable(f, kind)
    argnums = as_argnums(argnums)
    chunk = as_chunk(chunk)
    f = _unvectorized(f)
    if _is_compiled(f):
        from ..compiled.transforms.dense import compiled_transform

        return compiled_transform(f, kind, argnums, chunk, with_value)
    if kind == "hessian":
        return interpreted_hessian(f, argnums)
    return interpreted_transform(kind, f, argnums, chunk, with_value)
