"""Transforms of Python functions, which Python runs on ``Dual`` numbers and ``DualArray`` batches."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from ..arrays.dual_array import DualArray
from ..calls.arguments import as_input, check_memory, one_sample
from ..calls.trees import as_results
from ..dual.levels import as_dual_array, lift, plain, zeros
from ..dual.nesting import fresh_level, level_of
from ..dual.number import _dual
from ..dual.refusals import objects_refused
from .uniform import Witness

DEFAULT_CHUNK = 64
"""Tangents per pass: enough that a pass over them costs more than the interpreter."""


def interpreted_derivative(f: Any, i: int, with_value: bool) -> Callable[..., Any]:
    """The derivative of f by argument i, a number or, elementwise, an array."""

    def transformed(*args: Any, **kwargs: Any) -> Any:
        args, (x,) = _checked(f, args, kwargs, (i,))
        with fresh_level(x, args, kwargs) as level:
            ones = np.ones((1, *np.shape(x)), dtype=_dtype(x))
            y = _evaluated(f, _replaced(args, (i,), [_lifted(x, ones, level)]), kwargs)
            if np.ndim(x) > 0:
                y = _elementwise(y, x, f, level)
            y = _batches(y, f)
            slope = _structured(y, lambda part: _as_dtype(_tangents(part, level, 1)[0], x))
            return (_structured(y, lambda part: _value(part, level)), slope) if with_value else slope

    transform: Any = functools.update_wrapper(transformed, f, updated=())
    transform.at_once = functools.partial(_on_numbers, f, (i,), itemgetter(0), with_value)
    return transform


def interpreted_transform(
    kind: str, f: Any, argnums: int | tuple[int, ...], chunk: int | None, with_value: bool
) -> Callable[..., Any]:
    """The transform ``kind``, "gradient" or "jacobian", of f."""
    indices = argnums if isinstance(argnums, tuple) else (argnums,)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        args, xs = _checked(f, args, kwargs, indices)
        if not isinstance(argnums, tuple) and np.ndim(xs[0]) == 0:
            raise ValueError(f"{kind} expects an array, not a number: perhaps you want derivative({_name(f)})")
        value, columns, form = _passes(kind, f, args, kwargs, indices, xs, chunk or DEFAULT_CHUNK)
        sizes = np.cumsum([np.size(x) for x in xs])[:-1]

        def derivatives(columns: Any, shape: tuple[int, ...]) -> Any:
            blocks = [
                _as_dtype(_number_or_array(np.moveaxis(block, 0, -1).reshape(shape + np.shape(x))), x)
                for block, x in zip(np.split(columns, sizes), xs, strict=True)
            ]
            return tuple(blocks) if isinstance(argnums, tuple) else blocks[0]

        if form is None:
            result = derivatives(columns, np.shape(value))
        else:
            result = _in_form(form, columns.T, lambda rows, shape: derivatives(rows.T, shape))
            value = _in_form(form, as_dual_array(value), lambda part, shape: _number_or_array(part.reshape(shape)))
        return (value, result) if with_value else result

    transform: Any = functools.update_wrapper(transformed, f, updated=())
    transform.is_gradient = kind == "gradient"
    if transform.is_gradient and isinstance(argnums, tuple):
        transform.at_once = functools.partial(_on_numbers, f, argnums, tuple, with_value)
    return transform


def interpreted_hessian(gradients: Any, argnums: tuple[int, ...]) -> Callable[..., Any]:
    """The derivatives, by each of the arguments, of a function that returns a gradient for each of them."""

    def joined(*args: Any, **kwargs: Any) -> Any:
        return np.concatenate([as_dual_array(part).reshape(-1) for part in gradients(*args, **kwargs)])

    joined = functools.update_wrapper(joined, gradients, updated=())
    joined.is_gradient = True  # type: ignore[attr-defined]
    rows = interpreted_transform("jacobian", joined, argnums, None, with_value=False)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        args, xs = _checked(gradients, args, kwargs, argnums)
        shapes = [np.shape(x) for x in xs]
        ends = np.cumsum([np.size(x) for x in xs])[:-1]
        by_argument = [np.split(as_dual_array(block), ends) for block in rows(*args, **kwargs)]
        return tuple(
            tuple(
                _number_or_array(column[i].reshape(shape + of_x))
                for column, of_x in zip(by_argument, shapes, strict=True)
            )
            for i, shape in enumerate(shapes)
        )

    return functools.update_wrapper(transformed, gradients, updated=())


def interpreted_entries(f: Any, i: int, lanes: int) -> Callable[..., Any]:
    """The entries of a sparse Jacobian by argument i, called with ``Passes``, an array or None, and then as f is."""

    def entries(*args: Any, **kwargs: Any) -> Any:
        colours, weights, ends, targets, sources, rows, out, *own = args
        args, (x,) = _checked(f, tuple(own), kwargs, (i,))
        if np.ndim(x) == 0:
            raise ValueError(f"sparse_jacobian expects an array, not a number: perhaps you want derivative({_name(f)})")
        if np.size(x) != colours.size:
            raise ValueError(f"the pattern does not fit the input: {colours.size} columns, {np.size(x)} elements")
        found = []
        with fresh_level(x, args, kwargs) as level:
            for p in range(ends.size - 1):
                here = colours == np.arange(p * lanes, (p + 1) * lanes)[:, np.newaxis]
                seeds = np.where(here, weights, 0.0).astype(_dtype(x)).reshape((lanes, *np.shape(x)))
                duals = _lifted(x, seeds, level)
                y = _evaluated(f, _replaced(args, (i,), [duals]), kwargs)
                if _form_of(y) is not None:
                    raise ValueError(
                        f"sparse_jacobian expects that {_name(f)} returns one array, not a {type(y).__name__} of "
                        f"{len(y)} of different shapes"
                    )
                y = _batch(y, f)
                if np.ndim(y) == 0:
                    raise ValueError(
                        f"sparse_jacobian expects that {_name(f)} returns an array, not a number: "
                        f"perhaps you want gradient({_name(f)})"
                    )
                if np.size(y) != rows:
                    raise ValueError(f"the pattern does not fit the result: {rows} rows, {np.size(y)} elements")
                row, lane = np.divmod(sources[ends[p] : ends[p + 1]], lanes)
                found.append(_tangents(y, level, lanes).reshape(lanes, rows)[lane, row])
        result = np.concatenate(found)
        result = _as_dtype(result[np.argsort(targets)] if targets.size else result, x)
        if out is None:
            return result
        (array,) = as_results(out, result)
        array[...] = result
        return array

    return entries


def interpreted_jvp(f: Any, xs: Sequence[Any], vs: Sequence[Any]) -> tuple[Any, Any]:
    """The value of f at ``xs`` and its derivative in the direction ``vs``."""
    with fresh_level(*xs, *vs) as level:
        lanes = [_in_one_lane(v) for v in vs]
        y = _batches(_evaluated(f, [_lifted(x, t, level) for x, t in zip(xs, lanes, strict=True)], {}), f)
        return _structured(y, lambda part: _value(part, level)), _structured(
            y, lambda part: _tangents(part, level, 1)[0]
        )


def interpreted_returning(f: Any, out: int) -> Callable[..., Any]:
    """For f that writes its result into argument ``out``, a function that returns it."""

    @functools.wraps(f, updated=())
    def returned(*args: Any, **kwargs: Any) -> Any:
        args, (given,) = _checked(f, args, kwargs, (out,))
        others = [a for i, a in enumerate(args) if i != out % len(args)]
        buffer = given.copy()
        if level_of(others) > 0:
            buffer = zeros(np.shape(given), max((as_dual_array(a) for a in others if level_of(a) > 0), key=level_of))
            buffer[...] = given
        f(*_replaced(args, (out,), [buffer]), **kwargs)
        return buffer

    return returned


# --- samples --------------------------------------------------------------------------------


def on_samples(g: Any, arguments: Sequence[Any], batched: Sequence[bool], n: int) -> Any:
    """The results of g for n samples, stacked; ``batched`` arguments have the axis of samples in front."""
    whole = _at_once(g, arguments, batched) if hasattr(g, "at_once") else None

    def result(i: int) -> Any:
        return g(*(x[i] if is_batched else x for x, is_batched in zip(arguments, batched, strict=True)))

    if whole is not None and all(_agree(result(i), _structured(whole, itemgetter(i))) for i in {0, n // 2, n - 1} if n):
        return whole
    if n == 0:
        arguments = [one_sample(x) if is_batched else x for x, is_batched in zip(arguments, batched, strict=True)]
        return _structured(_stacked([result(0)]), lambda part: part[:0])
    return _stacked([result(i) for i in range(n)])


def _on_numbers(f: Any, indices: Sequence[int], result: Callable[[Any], Any], with_value: bool, *args: Any) -> Any:
    """The derivatives of f by numbers, for all samples at once: ``args`` are numbers, or arrays with one for each."""
    args, xs = _checked(f, args, {}, indices)
    shape = np.broadcast_shapes(*map(np.shape, args))
    units = np.eye(len(xs))
    with fresh_level(args) as level:
        seeds = [np.multiply.outer(unit, np.ones(np.shape(x), _dtype(x))) for unit, x in zip(units, xs, strict=True)]
        duals = [_lifted(x, t, level) for x, t in zip(xs, seeds, strict=True)]
        witness = Witness()
        y = _evaluated(f, [witness.samples(x) for x in _replaced(args, indices, duals)], {})
        y = _batches(_structured(y, witness.numbers), f)
        if not witness.alike:
            raise TypeError(f"{_name(f)} does not treat all samples alike")
        y = _structured(y, lambda part: np.broadcast_to(part, shape))

        def slope(k: int) -> Any:
            return _structured(y, lambda part: _as_dtype(_tangents(part, level, len(xs))[k], xs[k]))

        slopes = result([slope(k) for k in range(len(xs))])
        return (_structured(y, lambda part: _value(part, level)), slopes) if with_value else slopes


def _at_once(g: Any, arguments: Sequence[Any], batched: Sequence[bool]) -> Any:
    """The results for all samples of numbers, from one evaluation; None if g does not treat them alike."""
    if any(np.ndim(x) != is_batched for x, is_batched in zip(arguments, batched, strict=True)):
        return None
    try:
        return g.at_once(*arguments)
    except (TypeError, ValueError):  # it is called for each sample then, and raises what it has to raise
        return None


def _agree(single: Any, of_batch: Any) -> bool:
    """Whether two results are equal up to rounding."""
    if isinstance(single, (tuple, list)):
        return len(single) == len(of_batch) and all(map(_agree, single, of_batch))
    return np.shape(single) == np.shape(of_batch) and bool(
        np.allclose(plain(single), plain(of_batch), rtol=1e-9, atol=0, equal_nan=True)
    )


def _stacked(results: list[Any]) -> Any:
    first = results[0]
    if isinstance(first, (tuple, list)):
        return tuple(_stacked(list(cells)) for cells in zip(*results, strict=True))
    if isinstance(first, dict):
        return {key: _stacked([r[key] for r in results]) for key in first}
    return np.stack([as_dual_array(r) for r in results])


# --- passes ---------------------------------------------------------------------------------


def _passes(
    kind: str,
    f: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    indices: Sequence[int],
    xs: Sequence[Any],
    chunk: int,
) -> tuple[Any, Any, Any]:
    """The value of f, its derivatives by all elements of ``xs``, along the first axis, and the form of its result.

    The form is None for an array; of tuples and dicts of several the parts come one after the other, in one axis.
    """
    n = sum(np.size(x) for x in xs)
    if kind == "jacobian" and getattr(f, "is_gradient", False):
        check_memory(n * n * 8, f"Hessian by {n} parameters")
    value: Any = None
    columns = []
    with fresh_level(xs, args, kwargs) as level:
        for start in range(0, max(n, 1), chunk):
            lanes = min(chunk, n - start)
            duals = [_lifted(x, seeds, level) for x, seeds in zip(xs, _seeds(xs, start, lanes), strict=True)]
            result = _evaluated(f, _replaced(args, indices, duals), kwargs)
            if kind == "gradient" and isinstance(result, (tuple, dict)):
                raise ValueError(
                    f"gradient expects that {_name(f)} returns a number, not a {type(result).__name__} of "
                    f"{len(result)}: return the number alone, or take jacobian({_name(f)}) if all of it is to be "
                    f"differentiated"
                )
            form = _form_of(result)
            y = _batch(result, f) if form is None else _end_to_end(result, f)
            if kind == "gradient" and np.shape(y) != ():
                only = np.shape(y) == (1,) and n == 1
                raise ValueError(
                    f"gradient expects that {_name(f)} returns a number, not an array of shape {np.shape(y)}: "
                    f"perhaps you want {'x[0] in it' if only else f'jacobian({_name(f)})'}"
                )
            if start == 0:
                value = _value(y, level)
                check_memory(np.size(value) * n * 8, f"{kind} of {_name(f)}")
            elif np.shape(y) != np.shape(value):
                raise ValueError(
                    f"{_name(f)} returned shape {np.shape(value)} in the first pass and {np.shape(y)} in a later one"
                )
            columns.append(_tangents(y, level, lanes))
    return value, np.concatenate(columns), form


def _form_of(y: Any) -> Any:
    """The shapes in the places of the parts of a result; None if it is, or makes, one array."""
    return None if _shape_of(y) is not None else _structured(y, lambda part: Shape(np.shape(part)))


class Shape(NamedTuple):
    """The shape of a part of a result."""

    of: tuple[int, ...]


def _shape_of(y: Any) -> tuple[int, ...] | None:
    """The shape of the array that a result makes; None if it makes none."""
    if isinstance(y, dict):
        return None
    if not isinstance(y, (tuple, list)):
        return np.shape(y)
    inner = set(map(_shape_of, y)) or {()}
    first = inner.pop()
    return None if inner or first is None else (len(y), *first)


def _end_to_end(y: Any, f: Any) -> Any:
    parts: list[Any] = []
    _structured(y, lambda part: parts.append(_batch(part, f).reshape(-1)))
    return np.concatenate(parts)


def _in_form(form: Any, rows: Any, made: Callable[[Any, tuple[int, ...]], Any]) -> Any:
    """The structure of a result, with what is ``made`` of the rows of each part in its place."""
    at = 0

    def taken(shape: Shape) -> Any:
        nonlocal at
        size = math.prod(shape.of)
        at += size
        return made(rows[at - size : at], shape.of)

    return _structured(form, taken, Shape)


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
    try:
        y = f(*args, **kwargs)
    except SystemError as error:
        # C code that has gone on after a dual refused to become a float: what it refused with says more
        if isinstance(error.__cause__, TypeError):
            raise error.__cause__ from None
        raise
    except TypeError as error:
        # np.array([[x[0], 1.0], ...]) is NumPy's own array of objects: it never asks a Dual
        if any(text in str(error) for text in ("dtype('O')", "input types", "_object_", "loop of ufunc")):
            raise objects_refused(error) from error
        raise
    except Exception as error:
        if type(error).__module__ == "_minpack":  # of SciPy's, in place of what f's result refused with
            raise objects_refused(error) from error
        raise
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
    if len({i % len(args) for i in indices}) < len(indices):
        raise ValueError(f"argnums must name each argument of {_name(f)} once, not {tuple(indices)}")
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
    return as_dual_array(x) if isinstance(x, (list, tuple, np.ndarray)) and level_of(x) > 0 else x


def _name(f: Any) -> str:
    return getattr(f, "__name__", type(f).__name__)


# --- reading results ------------------------------------------------------------------------


def _batch(y: Any, f: Any) -> Any:
    """A number, an array, or lists of them that f returned, as a batch or a plain array."""
    y = as_dual_array(y)
    if y.dtype.kind not in "biuf":
        raise TypeError(f"{_name(f)} returned {y.dtype}: derivatives are of real numbers")
    return y


def _batches(y: Any, f: Any) -> Any:
    """What f returned, with batches and plain arrays in the place of numbers."""
    return _structured(y, lambda part: _batch(part, f))


def _structured(y: Any, read: Callable[[Any], Any], leaf: type | tuple[()] = ()) -> Any:
    """``read`` applied to every number and array in the result of f, or to every ``leaf``."""
    if isinstance(y, tuple) and not isinstance(y, leaf):
        cells = [_structured(cell, read, leaf) for cell in y]
        return type(y)(*cells) if hasattr(y, "_fields") else tuple(cells)
    if isinstance(y, list):
        return [_structured(cell, read, leaf) for cell in y]
    if isinstance(y, dict):
        return {key: _structured(cell, read, leaf) for key, cell in y.items()}
    return read(y)


def _value(y: Any, level: int) -> Any:
    """The value of a result at a level; a dual of a lower level is a constant."""
    return _number_or_array(y.values if level_of(y) == level else y)


def _number_or_array(x: Any) -> Any:
    """An array of shape () as the number in it."""
    return x if x.ndim else x[()]


def _tangents(y: Any, level: int, lanes: int) -> Any:
    """The tangents of a result at a level, along the first axis; zeros for a constant."""
    return y.tangents if level_of(y) == level else np.zeros((lanes, *y.shape))


def _elementwise(y: Any, x: Any, f: Any, level: int) -> Any:
    y = as_dual_array(y)
    if np.shape(y) == () and level_of(y) < level:  # a constant
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
