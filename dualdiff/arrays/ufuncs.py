"""NumPy's elementwise functions on arrays of duals, by look-up in the rule table."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dual.levels import _array, aligned, as_dual_array, cast, made, operand, plain, promoted, top, union, zeros
from ..dual.nesting import level_of
from ..dual.number import Dual, no_rule
from ..rules.custom import CUSTOM, is_custom, parts
from ..rules.function import Function
from ..rules.table import FLAT, RULES, VALUE_ONLY
from . import kernels
from .dual_array import DualArray
from .registry import FUNCTIONS

COMPOSED: dict[Any, Callable[..., Any]] = {}
"""Ufuncs that are no elementary functions but made of some."""

METHODS: dict[Any, Callable[..., Any]] = {}
"""Methods of ufuncs, such as (np.add, "reduce")."""


def ufunc(function: Any, method: str, *inputs: Any, out: Any = None, where: Any = True, **kwargs: Any) -> Any:
    """What NumPy calls for a ufunc of duals; ``function`` may also be a ``Function``."""
    if method == "__call__":
        if kwargs:
            raise TypeError(f"{function.__name__} of duals does not take {', '.join(kwargs)}")
        result = elementary(function, *inputs)
    elif method == "outer":
        a, b = map(operand, inputs)
        result = function(a.reshape(a.shape + (1,) * b.ndim), b, **kwargs)
    elif (function, method) in METHODS:
        if where is not True:
            kwargs["where"], where = where, True
        result = METHODS[function, method](*inputs, **kwargs)
    elif method in GENERAL and function.nin == 2 and out is None and where is True:
        return GENERAL[method](function, *inputs, **kwargs)
    else:
        raise TypeError(f"{function.__name__}.{method} is not supported for duals")
    return result if out is None and where is True else _stored(result, out, where)


FUNCTIONS.update({np.ufunc: ufunc, Function: kernels.on_arrays})


def _bare(x: Any) -> Any:
    """The value alone, of all levels; Python numbers stay what they are, weak in NumPy's type promotion."""
    while isinstance(x, Dual):
        x = x._value
    return x if isinstance(x, (bool, int, float, np.generic)) else plain(x)


def of_one_type(*inputs: Any) -> list[Any]:
    """The inputs as DualArrays and plain arrays of the float type that NumPy gives their result."""
    dtype = np.result_type(*map(_bare, inputs))
    if dtype.char not in "fd":
        raise TypeError(f"duals hold float64 or float32 and do not mix with {dtype}")
    return [cast(operand(x), dtype) for x in inputs]


def elementary(function: Any, *inputs: Any) -> Any:
    """A function of the rule table, on duals and all that mixes with them."""
    if function in COMPOSED:
        return COMPOSED[function](*inputs)
    if function in RULES:
        operands = [as_dual_array(x) for x in inputs]
        top(*operands)  # raises where numbers of tangents differ
        alone = sum(isinstance(x, DualArray) for x in operands) == 1
        result = _apply(function, (), of_one_type(*inputs), alone)
    elif function in FLAT:
        flat = np.asarray(function(*map(_bare, inputs)))
        result = promoted(flat, union(*(as_dual_array(x) for x in inputs)))
    elif function in VALUE_ONLY:
        return function(*map(_bare, inputs))
    elif is_custom(function):
        result = _custom(function, *inputs)
    elif isinstance(function, np.ufunc) and set(function.types[0]) == {*"O->"}:
        return _of_python(function, *inputs)
    else:
        made_of = parts(function)
        if made_of is None:
            raise no_rule(function)
        return tuple(part(*inputs) for part in made_of)
    return result if result.ndim else result[()]


def _of_python(function: np.ufunc, *inputs: Any) -> Any:
    """What ``np.frompyfunc`` has made of a Python function, which takes one dual after the other."""
    results = function(*(_objects(x) for x in inputs))
    return tuple(map(operand, results)) if function.nout > 1 else operand(results)


def _objects(x: Any) -> Any:
    x = operand(x)
    x = x.astype(np.float64) if isinstance(x, DualArray) else x  # NumPy hands out Python's numbers
    numbers = np.empty(x.shape, dtype=object)
    for place in np.ndindex(x.shape):
        numbers[place] = x[place]
    return numbers


def _apply(function: Any, path: tuple[int, ...], operands: list[Any], alone: bool) -> Any:
    """The mixed partial derivative of ``function`` along ``path``, on operands of one type."""
    level = max(map(level_of, operands))
    duals = [level > 0 and level_of(x) == level for x in operands]
    values = [x._values if dual else x for x, dual in zip(operands, duals, strict=True)]
    tangents = [x._tangents if dual else None for x, dual in zip(operands, duals, strict=True)]
    if not any(map(level_of, values)):
        y, dy = kernels.elementwise(function, path, values, tangents, alone)
        return _array(y, dy, level) if level else y
    y = _apply(function, path, values, alone)
    terms = [
        scaled_array(_apply(function, (*path, i), values, alone), aligned(t, y.ndim))
        for i, t in enumerate(tangents)
        if t is not None
    ]
    return _array(y, terms[0] if len(terms) == 1 else terms[0] + terms[1], level)


def _custom(function: Any, *inputs: Any) -> Any:
    """A function with partial derivatives, on operands some of which are arrays of duals."""
    operands = [as_dual_array(x) if level_of(x) else x for x in inputs]
    level = max(map(level_of, operands))
    duals = [level_of(x) == level for x in operands]
    values = [x._values if dual else x for x, dual in zip(operands, duals, strict=True)]
    y = operand(function(*values))
    shape = np.broadcast_shapes(*(np.shape(v) for v in values))
    if np.shape(y) != shape:
        raise ValueError(
            f"{function.__name__} has partial derivatives, so it is elementwise: of arrays of shape {shape} "
            f"it returned one of shape {np.shape(y)}"
        )
    rule = CUSTOM[function]
    total: Any = None
    with np.errstate(all="ignore"):
        for i, x in enumerate(operands):
            if duals[i]:
                partial = operand(rule.partial(i, sum(duals))(*values, y))
                partial = partial if partial.ndim == y.ndim else partial + zeros(y.shape, y)
                term = scaled_array(partial, aligned(x._tangents, y.ndim))
                total = term if total is None else total + term
    return _array(y, total, level)


def scaled_array(partial: Any, tangents: Any, crossed: bool = False) -> Any:
    """Partial derivatives, shape S, times tangents, shape (N,) + S, 0 where a tangent is exactly 0.

    On arrays of a lower level it is the derivative of that product, in which a zero among the tangents
    of either counts: in the terms with those of the partial derivative (``crossed``) a 0 on both sides.
    """
    level = max(level_of(partial), level_of(tangents))
    if level == 0:
        with np.errstate(all="ignore"):
            zero = (tangents == 0) | (partial == 0) if crossed else tangents == 0
            return np.where(zero, tangents.dtype.type(0), partial * tangents)
    ndim = max(partial.ndim, tangents.ndim)
    p, dp = (partial._values, partial._tangents) if level_of(partial) == level else (partial, None)
    t, dt = (tangents._values, tangents._tangents) if level_of(tangents) == level else (tangents, None)
    parts = [] if dp is None else [scaled_array(aligned(dp, ndim), t, crossed=True)]
    parts += [] if dt is None else [scaled_array(p, aligned(dt, ndim), crossed)]
    return _array(scaled_array(p, t, crossed), parts[0] if len(parts) == 1 else parts[0] + parts[1], level)


def _stored(result: Any, out: Any, where: Any) -> Any:
    """``result`` written to the ``out`` of a ufunc, where ``where`` is true."""
    if isinstance(out, tuple):
        if len(out) > 1:
            raise TypeError("out is not supported for functions with several results")
        (out,) = out
    if out is None:
        return np.where(where, result, 0.0)
    np.copyto(out, result, where=where)
    return out


def _divmod(a: Any, b: Any) -> Any:
    return np.floor_divide(a, b), np.remainder(a, b)


def _ldexp(x: Any, exponent: Any) -> Any:
    x, exponent = operand(x), operand(exponent)
    if isinstance(exponent, DualArray):
        raise TypeError("the second argument of ldexp is an integer")
    ndim = max(x.ndim, exponent.ndim)
    values = np.ldexp(x._values, exponent)
    with np.errstate(all="ignore"):
        return made(values, np.ldexp(aligned(x._tangents, ndim), exponent), x._level)


def _modf(x: Any) -> Any:
    whole = np.trunc(x)
    return x - whole, whole


COMPOSED.update({np.divmod: _divmod, np.ldexp: _ldexp, np.modf: _modf, np.conjugate: np.positive})


# --- reductions of ufuncs -------------------------------------------------------------------


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=0, **options: function(x, axis=axis, **options)


def _accumulation(ufunc: Any) -> Callable[..., Any]:
    def accumulate(x: Any, axis: int = 0) -> Any:
        x = np.moveaxis(operand(x), axis, 0)
        total = list(x[:1])
        for row in x[1:]:
            total.append(ufunc(total[-1], row))
        return np.moveaxis(np.stack(total), 0, axis) if total else x.copy()

    return accumulate


def _folded(ufunc: Any, x: Any, axis: Any = 0, keepdims: bool = False, initial: Any = None) -> Any:
    if not isinstance(axis, int):
        raise TypeError(f"{ufunc.__name__}.reduce of duals takes one axis")
    x = operand(x)
    rows = np.moveaxis(x, axis, 0)
    start = initial if initial is not None else rows[0] if len(rows) else ufunc.identity
    if start is None:
        raise ValueError(f"{ufunc.__name__} has no result for no numbers")
    total = start
    for row in rows if initial is not None else rows[1:]:
        total = ufunc(total, row)
    return np.expand_dims(operand(total), axis) if keepdims else total


def _reduced_at(ufunc: Any, x: Any, indices: Any, axis: int = 0) -> Any:
    rows = np.moveaxis(operand(x), axis, 0)
    bounds = [*np.asarray(indices).tolist(), len(rows)]
    pieces = [rows[i:j] if i < j else rows[i : i + 1] for i, j in itertools.pairwise(bounds)]
    return np.moveaxis(np.stack([operand(_folded(ufunc, piece)) for piece in pieces]), 0, axis)


def _at(ufunc: Any, a: Any, indices: Any, b: Any) -> None:
    """One element after the other, as NumPy: an index may stand there several times."""
    places = np.broadcast_arrays(*(indices if isinstance(indices, tuple) else (indices,)))
    numbers = np.broadcast_to(operand(b), (*places[0].shape, *np.shape(a)[len(places) :]))
    for k in np.ndindex(places[0].shape):
        place = tuple(int(p[k]) for p in places)
        a[place] = ufunc(a[place], numbers[k])


GENERAL: dict[str, Callable[..., Any]] = {
    "reduce": _folded,
    "accumulate": lambda ufunc, x, axis=0: _accumulation(ufunc)(x, axis),
    "reduceat": _reduced_at,
    "at": _at,
}
"""The methods of any ufunc of two arguments, one row after the other."""

METHODS.update(
    {
        (np.add, "reduce"): _reduction(np.sum),
        (np.multiply, "reduce"): _reduction(np.prod),
        (np.maximum, "reduce"): _reduction(np.max),
        (np.minimum, "reduce"): _reduction(np.min),
        (np.logical_and, "reduce"): _reduction(np.all),
        (np.logical_or, "reduce"): _reduction(np.any),
        (np.add, "accumulate"): _reduction(np.cumsum),
        (np.multiply, "accumulate"): _reduction(np.cumprod),
        (np.maximum, "accumulate"): _accumulation(np.maximum),
        (np.minimum, "accumulate"): _accumulation(np.minimum),
    }
)
