"""Derivatives of functions: each transform takes a function and returns one with the same parameters.

An ``@njit`` function is differentiated compiled, and what is returned can be called from ``@njit``
code; any other function is run by Python on ``Dual`` numbers and ``DualArray`` batches. Which of the
two is decided by what f is. f must be pure: it is called once per pass, and each pass sees a fresh
copy of the arguments to differentiate by.

Common to all: integers count as floats, float32 in gives float32 out, the arguments are never
written to, and the result does not depend on ``chunk``, to the bit.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .array import DualArray, as_batch, lift, zeros
from .dual import Dual, _dual, fresh_level, level_of
from .inputs import as_argnums, as_callable, as_chunk, as_input, check_memory

DEFAULT_CHUNK = 64
"""Tangents per pass of a Python function: enough that a pass over them costs more than the interpreter."""


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
        library chooses. Compiled code takes at most 32 at a time.

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
        tuple that makes one.
    out_argnum : for a function that returns nothing and writes its result into an array that it is
        given, as the right-hand sides of differential equations do: which argument that is. The
        array that is passed there is copied, not written to.

    Returns
    -------
    A function with the parameters of f that returns an array of shape ``output.shape + x.shape``:
    ``J[i, j]`` is the derivative of output i by parameter j.

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
    blocks = [[_single(jacobian(_single(gradient(f, (i,))), (j,))) for j in argnums] for i in argnums]

    @functools.wraps(f, updated=())
    def hessian_blocks(*args: Any, **kwargs: Any) -> Any:
        return tuple(tuple(block(*args, **kwargs) for block in row) for row in blocks)

    return hessian_blocks


def _single(f: Callable[..., Any]) -> Callable[..., Any]:
    return functools.wraps(f, updated=())(lambda *args, **kwargs: f(*args, **kwargs)[0])


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of f and its derivative along a direction (Jacobian-vector product), in one evaluation.

    Parameters
    ----------
    f : a function of numbers and arrays.
    primals : its arguments.
    tangents : the direction: for each argument an array of the same shape. Nothing is broadcast.

    Returns
    -------
    (value, tangent), each with the structure of what f returns.

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
    if _is_compiled(f):
        from .compiled.drivers import compiled_jvp

        return compiled_jvp(f, len(xs))(*xs, *vs)
    with fresh_level(*xs, *vs) as level:
        lanes = [_in_one_lane(v) for v in vs]
        y = _evaluated(f, [_lifted(x, t, level) for x, t in zip(xs, lanes, strict=True)], {})
        return _structured(y, lambda part: _value(part, level)), _structured(
            y, lambda part: _tangents(part, level, 1)[0]
        )


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
    from .compiled.drivers import is_compiled

    return is_compiled(f)


def _returning(f: Any, out_argnum: int | None, transform: str) -> Any:
    """``f``, or, if it writes its result into an argument, a function that returns it."""
    if out_argnum is None:
        return f
    as_callable(f, transform)
    out = as_argnums(out_argnum, "out_argnum")
    if isinstance(out, tuple):
        raise TypeError(f"out_argnum must be an int, not {out_argnum!r}")
    if _is_compiled(f):
        from .compiled.drivers import returning

        return returning(f, out)

    @functools.wraps(f, updated=())
    def returned(*args: Any, **kwargs: Any) -> Any:
        args, (given,) = _checked(f, args, kwargs, (out,))
        others = [a for i, a in enumerate(args) if i != out % len(args)]
        buffer = given.copy()
        if level_of(others) > 0:
            buffer = zeros(np.shape(given), max((as_batch(a) for a in others if level_of(a) > 0), key=level_of))
            buffer[...] = given
        f(*_replaced(args, (out,), [buffer]), **kwargs)
        return buffer

    return returned


def _derivative(f: Any, argnum: Any, with_value: bool) -> Any:
    as_callable(f, "derivative")
    i = as_argnums(argnum, "argnum")
    if isinstance(i, tuple):
        raise TypeError("derivative is by one argument: use gradient or jacobian with a tuple of argnums")
    if _is_compiled(f):
        from .compiled.drivers import compiled_transform

        return compiled_transform("derivative", f, i, None, with_value)

    @functools.wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        args, (x,) = _checked(f, args, kwargs, (i,))
        with fresh_level(x, args, kwargs) as level:
            ones = np.ones((1, *np.shape(x)), dtype=_dtype(x))
            y = _evaluated(f, _replaced(args, (i,), [_lifted(x, ones, level)]), kwargs)
            if np.ndim(x) > 0:
                y = _elementwise(y, x, f)
            slope = _structured(y, lambda part: _as_dtype(_tangents(part, level, 1)[0], x))
            return (_structured(y, lambda part: _value(part, level)), slope) if with_value else slope

    return transformed


def _chunked(kind: str, f: Any, argnums: Any, chunk: Any, with_value: bool) -> Any:
    as_callable(f, kind)
    argnums = as_argnums(argnums)
    chunk = as_chunk(chunk)
    if _is_compiled(f):
        from .compiled.drivers import compiled_transform

        return compiled_transform(kind, f, argnums, chunk, with_value)
    indices = argnums if isinstance(argnums, tuple) else (argnums,)

    @functools.wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        args, xs = _checked(f, args, kwargs, indices)
        if not isinstance(argnums, tuple) and np.ndim(xs[0]) == 0:
            raise ValueError(f"{kind} expects an array, not a number: perhaps you want derivative({_name(f)})")
        value, columns = _passes(kind, f, args, kwargs, indices, xs, chunk or DEFAULT_CHUNK)
        sizes = np.cumsum([np.size(x) for x in xs])[:-1]
        shape = np.shape(value)
        blocks = [
            _as_dtype(np.moveaxis(block, 0, -1).reshape(shape + np.shape(x)), x)
            for block, x in zip(np.split(columns, sizes), xs, strict=True)
        ]
        result = tuple(blocks) if isinstance(argnums, tuple) else blocks[0]
        return (value, result) if with_value else result

    return transformed


# --- passes of a Python function ------------------------------------------------------------


def _passes(
    kind: str,
    f: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    indices: Sequence[int],
    xs: Sequence[Any],
    chunk: int,
) -> tuple[Any, Any]:
    """The value of f, and its derivatives by all elements of ``xs``, along the first axis."""
    n = sum(np.size(x) for x in xs)
    value: Any = None
    columns = []
    with fresh_level(xs, args, kwargs) as level:
        for start in range(0, max(n, 1), chunk):
            lanes = min(chunk, n - start)
            duals = [_lifted(x, seeds, level) for x, seeds in zip(xs, _seeds(xs, start, lanes), strict=True)]
            y = as_batch(_evaluated(f, _replaced(args, indices, duals), kwargs))
            if kind == "gradient" and np.shape(y) != ():
                raise ValueError(
                    f"gradient expects that {_name(f)} returns a number, not an array of shape {np.shape(y)}: "
                    f"perhaps you want jacobian({_name(f)})"
                )
            if start == 0:
                value = _value(y, level)
                check_memory(np.size(value) * n * 8, f"{kind} of {_name(f)}")
            elif np.shape(y) != np.shape(value):
                raise ValueError(
                    f"{_name(f)} returned shape {np.shape(value)} in the first pass and {np.shape(y)} in a later one"
                )
            columns.append(_tangents(y, level, lanes))
    return value, np.concatenate(columns)


def _seeds(xs: Sequence[Any], start: int, lanes: int) -> Iterator[Any]:
    """For each of ``xs`` its tangents, when lane k is for element ``start + k`` of them all."""
    for x in xs:
        seeds = np.zeros((lanes, np.size(x)), dtype=_dtype(x))
        first = max(start, 0)
        elements = np.arange(first, min(start + lanes, np.size(x)))
        seeds[elements - start, elements] = 1
        yield seeds.reshape((lanes, *np.shape(x)))
        start -= np.size(x)


def _lifted(x: Any, tangents: Any, level: int) -> Any:
    """``x`` as a dual of a level; arrays are copied, for f may write to them."""
    if isinstance(x, (np.ndarray, DualArray)):
        return lift(x.copy(), tangents, level)
    return _dual(x, tuple(tangents), level)


def _in_one_lane(v: Any) -> Any:
    return v[np.newaxis] if isinstance(v, (np.ndarray, DualArray)) else (v,)


def _replaced(args: Sequence[Any], indices: Sequence[int], duals: Sequence[Any]) -> list[Any]:
    out = list(args)
    for i, dual in zip(indices, duals, strict=True):
        out[i] = dual
    return out


def _evaluated(f: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    y = f(*args, **kwargs)
    if y is None:
        raise TypeError(f"{_name(f)} returned None: it must return the value to differentiate")
    return y


def _checked(
    f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], indices: Sequence[int]
) -> tuple[tuple[Any, ...], list[Any]]:
    """The arguments, those to differentiate by made positional and checked."""
    missing = [i for i in indices if not -len(args) <= i < len(args)]
    if missing:
        args = _positional(f, args, kwargs, missing[0])
    return args, [as_input(_plain_batch(args[i]), f"argument {i} of {_name(f)}") for i in indices]


def _positional(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], index: int) -> tuple[Any, ...]:
    """The arguments with those given by keyword or default in their places; ``kwargs`` loses them."""
    import inspect  # slow to import, and rarely needed

    try:
        bound = inspect.signature(f).bind(*args, **kwargs)
    except ValueError:  # a builtin without a signature
        bound = None
    if bound is not None:
        bound.apply_defaults()
        if -len(bound.args) <= index < len(bound.args):
            kwargs.clear()
            kwargs.update(bound.kwargs)
            return bound.args
    raise ValueError(
        f"{_name(f)} was called with {len(args)} arguments, so there is no argument number {index} to differentiate by"
    )


def _plain_batch(x: Any) -> Any:
    """A list or object array of duals, from an outer derivative, as one batch."""
    return as_batch(x) if isinstance(x, (list, tuple, np.ndarray)) and level_of(x) > 0 else x


def _name(f: Any) -> str:
    return getattr(f, "__name__", type(f).__name__)


# --- reading results ------------------------------------------------------------------------


def _structured(y: Any, read: Callable[[Any], Any]) -> Any:
    """``read`` applied to every number and array in the result of f."""
    if isinstance(y, tuple):
        cells = [_structured(cell, read) for cell in y]
        return type(y)(*cells) if hasattr(y, "_fields") else tuple(cells)
    if isinstance(y, list):
        return [_structured(cell, read) for cell in y]
    if isinstance(y, dict):
        return {key: _structured(cell, read) for key, cell in y.items()}
    return read(as_batch(y))


def _value(y: Any, level: int) -> Any:
    """The value of a result at a level; a dual of a lower level is a constant."""
    if level_of(y) != level:
        return y
    return y.value if isinstance(y, Dual) else y.values


def _tangents(y: Any, level: int, lanes: int) -> Any:
    """The tangents of a result at a level, along the first axis; zeros for a constant."""
    if level_of(y) == level:
        return as_batch(y.tangents) if isinstance(y, Dual) else y.tangents
    return np.zeros((lanes, *np.shape(y)))


def _elementwise(y: Any, x: Any, f: Any) -> Any:
    y = as_batch(y)
    if np.shape(y) == ():
        y = np.broadcast_to(y, np.shape(x))
    if np.shape(y) != np.shape(x):
        raise ValueError(
            f"derivative by an array expects an elementwise function: {_name(f)} made shape {np.shape(y)} "
            f"of shape {np.shape(x)}; perhaps you want jacobian({_name(f)})"
        )
    return y


def _dtype(x: Any) -> Any:
    return np.float32 if getattr(x, "dtype", None) == np.float32 else np.float64


def _as_dtype(derivative: Any, x: Any) -> Any:
    """float32 for float32: other constants in f may have made it float64."""
    if _dtype(x) == np.float32 and isinstance(derivative, (np.ndarray, np.floating)):
        return derivative.astype(np.float32)
    return derivative
