"""Functions with derivatives of their author's, taught to Numba when it first meets them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import CellType, FunctionType
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

from ...generated import for_compiled_code, function_from
from ...rules.custom import CUSTOM, ENTERED, CustomFunction, CustomJvp, Missing, Several
from ...rules.function import NUMBA_TYPES
from ...rules.stable import where
from ..arrays.loops import applies, elementwise, values_of
from ..arrays.teaching import teach
from ..dual.arithmetic import Lanes, tangent_of_dual, value, weighted_sum, zeros_in
from ..dual.elements import fill, get_flat, put_flat
from ..dual.layout import make, new_array, parts
from ..dual.overloads import compiled_partial, type_of_function
from ..dual.types import CALLED, OPTIONS, DualType, TangentsType, is_array, is_dual, is_number, level_of_type
from ..numba_internals import Dispatcher, TypingError, cgutils, cpu_target
from ..pipeline.clone import clone


def _listed(n: int, text: str = "a{}") -> str:
    return ", ".join(text.format(i) for i in range(n))


def _element(ty: Any) -> Any:
    return ty.dtype if is_array(ty) else ty


def _active(argtypes: Sequence[Any]) -> list[int]:
    """The arguments that are duals of the highest level, or arrays of such."""
    level = max(level_of_type(t) for t in argtypes)
    return [i for i, t in enumerate(argtypes) if level_of_type(t) == level > 0]


# --- elementwise functions ------------------------------------------------------------------


@intrinsic
def _pushforward(typingctx: Any, y: Any, partials: Any, duals: Any) -> Any:
    """The dual with value ``y`` and tangents partials[0] * duals[0].tangents + ..., of two tuples."""
    ty = functools.reduce(DualType.joined, duals.types)
    ty = ty.with_base(y if isinstance(y, (types.Float, DualType)) else types.float64)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        factors = zip(partials.types, cgutils.unpack_tuple(builder, args[1]), strict=True)
        lanes = [
            Lanes(t, parts(context, builder, t, x).tangents)
            for t, x in zip(duals.types, cgutils.unpack_tuple(builder, args[2]), strict=True)
        ]
        terms = list(zip(factors, lanes, strict=True))
        result = context.cast(builder, args[0], y, ty.base)
        return make(context, builder, ty, result, weighted_sum(context, builder, ty, None, terms, zeros_in(ty)))

    return ty(y, partials, duals), codegen


def _partial(partial: Any, level: int) -> Any:
    if isinstance(partial, Missing):
        raise TypingError(partial.message)
    if isinstance(partial, Dispatcher):
        return clone(partial) if level else partial
    return compiled_partial(_closed(partial, level), level) if isinstance(partial, FunctionType) else partial


def _closed(partial: FunctionType, level: int) -> FunctionType:
    """A function of which those are compiled that it has from the function around it."""
    closure = partial.__closure__ or ()
    inner = [cell.cell_contents for cell in closure]
    if not any(isinstance(f, FunctionType) for f in inner):
        return partial
    cells = tuple(
        CellType(compiled_partial(_closed(f, level), level)) if isinstance(f, FunctionType) else cell
        for f, cell in zip(inner, closure, strict=True)
    )
    return FunctionType(partial.__code__, partial.__globals__, partial.__name__, partial.__defaults__, cells)


def _on_numbers(function: Any, definition: Any, argtypes: Sequence[Any]) -> Any:
    """What a function is of numbers of these types; ``definition`` is what it is of plain ones."""
    n = len(argtypes)
    if not all(is_dual(t) or is_number(t) for t in argtypes):
        return None
    active = _active(argtypes)
    if not active:
        text = f"def on_plain({_listed(n)}):\n    return definition({_listed(n)})\n"
        return None if definition is None else function_from(text, {"definition": definition})
    level = max(level_of_type(t.base if i in active else t) for i, t in enumerate(argtypes))
    rule = CUSTOM[function]
    scope = {f"by_{i}": _partial(rule.partial(i, len(active)), level) for i in active}
    lines = [f"v{i} = value(a{i})" if i in active else f"v{i} = a{i}" for i in range(n)]
    partials = "".join(f"by_{i}({_listed(n, 'v{}')}, y), " for i in active)
    duals = "".join(f"a{i}, " for i in active)
    lines += [f"y = function({_listed(n, 'v{}')})", f"return pushforward(y, ({partials}), ({duals}))"]
    text = f"def on_duals({_listed(n)}):\n" + "".join(f"    {line}\n" for line in lines)
    return function_from(text, {**scope, "value": value, "function": function, "pushforward": _pushforward})


@overload(where, jit_options=OPTIONS)
def _where(condition, x, y):
    return lambda condition, x, y: x if condition else y


def _teach_elementwise(function: Any) -> None:
    """Teach Numba a function with partial derivatives."""
    definition = None
    if isinstance(function, CustomFunction):
        given = function.definition if function.compiled is None else function.compiled
        definition = compiled_partial(given) if isinstance(given, FunctionType) else given
    n = function.nin
    scope = {"function": function, "definition": definition, "on_numbers": _on_numbers}
    text = f"def typed({_listed(n)}):\n    return on_numbers(function, definition, ({_listed(n)},))\n"
    overload(function, jit_options=OPTIONS)(function_from(text, scope))

    def on_arrays(typingctx: Any, *operands: Any) -> Any:
        if applies(*operands) or (definition is not None and any(isinstance(t, types.Array) for t in operands)):
            return elementwise(typingctx, function, operands)
        return None

    text = f"def whole(typingctx, {_listed(n)}):\n    return on_arrays(typingctx, {_listed(n)})\n"
    teach(function, function_from(text, {"on_arrays": on_arrays}))


def _teach_several(function: Several) -> None:
    """Teach Numba a function with several results."""
    listed = _listed(function.nin)
    scope = {f"part_{k}": part for k, part in enumerate(function.parts)}
    parts = ", ".join(f"{name}({listed})" for name in scope)
    implementation = function_from(f"def all_parts({listed}):\n    return {parts}\n", scope)
    text = f"def typed({listed}):\n    return implementation\n"
    overload(function, jit_options=OPTIONS)(function_from(text, {"implementation": implementation}))


# --- functions of arrays --------------------------------------------------------------------

primal = for_compiled_code("primal", "a, level")
along = for_compiled_code("along", "a, level, k")
is_zero = for_compiled_code("is_zero", "tangents")
with_zeros = for_compiled_code("with_zeros", "y, dual")
put_lane = for_compiled_code("put_lane", "result, k, d")
finished = for_compiled_code("finished", "result, y")


def _is_at(a: Any, level: Any) -> bool:
    return level_of_type(a) == level.literal_value


@overload(primal, jit_options=OPTIONS, prefer_literal=True)
def _primal(a, level):
    if not _is_at(a, level):
        return lambda a, level: a
    return (lambda a, level: values_of(a)) if is_array(a) else (lambda a, level: value(a))


@intrinsic
def _tangent(typingctx: Any, dual: Any, k: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return tangent_of_dual(context, builder, dual, args[0], args[1])

    return dual.base(dual, types.intp), codegen


@overload(along, jit_options=OPTIONS, prefer_literal=True)
def _along(a, level, k):
    """The tangent of an argument in one lane."""
    if not _is_at(a, level):
        if is_array(a):
            return lambda a, level, k: np.zeros(a.shape)
        return (lambda a, level, k: 0.0) if is_dual(a) or is_number(a) else (lambda a, level, k: None)
    if not is_array(a):
        return lambda a, level, k: _tangent(a, k)
    element = types.TypeRef(a.dtype.base)

    def of_array(a, level, k):
        out = new_array(a.shape, element)
        i = 0
        for cell in a.flat:
            put_flat(out, i, _tangent(cell, k))
            i += 1
        return out

    return of_array


@overload(is_zero, jit_options=OPTIONS)
def _is_zero(tangents):
    """Whether all tangents of a tuple are 0."""
    if any(level_of_type(t) for t in tangents.types):
        return lambda tangents: False
    cells = [
        f"(tangents[{i}] == 0).all()" if is_array(t) else f"tangents[{i}] == 0"
        for i, t in enumerate(tangents.types)
        if not isinstance(t, types.NoneType)
    ]
    return function_from(f"def on_tuple(tangents):\n    return {' and '.join(cells) or 'True'}\n", {})


@overload(with_zeros, jit_options=OPTIONS)
def _with_zeros(y, dual):
    """Room for a result with its tangents, which are zero yet."""
    cell = _element(y)
    kind = dual.instance_type.with_base(cell if isinstance(cell, types.Float) or is_dual(cell) else types.float64)
    element = types.TypeRef(kind)
    if is_array(y):

        def of_array(y, dual):
            out = new_array(y.shape, element)
            fill(out, y)
            return out

        return of_array
    if not (is_dual(y) or is_number(y)):
        raise TypingError("a function with a jvp of its own returns a number or an array in compiled code")

    def of_number(y, dual):
        out = new_array(1, element)
        out[0] = y
        return out

    return of_number


@intrinsic
def _with_lane(typingctx: Any, dual: Any, k: Any, number: Any) -> Any:
    """A dual with another tangent in one lane."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        old = parts(context, builder, dual, args[0])
        tangent = context.cast(builder, args[2], number, dual.base)
        if isinstance(dual.tangents, TangentsType):
            tangents = builder.insert_element(old.tangents, tangent, builder.trunc(args[1], ir.IntType(32)))
        else:
            place = cgutils.alloca_once_value(builder, old.tangents)
            builder.store(tangent, cgutils.gep(builder, place, 0, args[1]))
            tangents = builder.load(place)
        return make(context, builder, dual, old.value, tangents)

    return dual(dual, types.intp, number), codegen


@overload(put_lane, jit_options=OPTIONS)
def _put_lane(result, k, d):
    """Store the tangents of a result in one lane."""
    if not is_array(d):
        return lambda result, k, d: put_flat(result, 0, _with_lane(get_flat(result, 0), k, d))

    def of_array(result, k, d):
        if d.shape != result.shape:
            raise ValueError("a jvp returned a tangent of another shape than the value")
        i = 0
        for cell in d.flat:
            put_flat(result, i, _with_lane(get_flat(result, i), k, cell))
            i += 1

    return of_array


@overload(finished, jit_options=OPTIONS)
def _finished(result, y):
    return (lambda result, y: result) if is_array(y) else (lambda result, y: result[0])


def _along_directions(function: CustomJvp, argtypes: Sequence[Any]) -> Any:
    """What a function with a jvp is of arguments of these types."""
    n = len(argtypes)
    active = _active(argtypes)
    if not active:
        text = f"def on_plain({_listed(n)}):\n    return definition({_listed(n)})\n"
        return function_from(text, {"definition": _dispatcher(function.definition)})
    if function.rule is None:
        raise TypingError(f"{function.__name__} has no derivative yet: enter it by @{function.__name__}.jvp")
    kinds = [_element(argtypes[i]) for i in active]
    dual = functools.reduce(DualType.joined, kinds).whole
    below = any(level_of_type(t.base) for t in kinds) or any(
        level_of_type(t) for i, t in enumerate(argtypes) if i not in active
    )
    # a rule's own arithmetic raises nothing: it divides by zero where a slope is infinite
    rule = _dispatcher(getattr(function.rule, "py_func", function.rule), "numpy")
    scope = {
        **{"rule": clone(rule) if below else rule, "dual": types.TypeRef(dual), "primal": primal, "along": along},
        **{"is_zero": is_zero, "with_zeros": with_zeros, "put_lane": put_lane, "finished": finished},
    }
    primals = _listed(n, f"primal(a{{}}, {dual.level})")
    lines = [
        f"primals = ({primals},)",
        f"tangents = ({_listed(n, f'along(a{{}}, {dual.level}, 0)')},)",
        "y, d = rule(primals, tangents)",
        "result = with_zeros(y, dual)",
        "if not is_zero(tangents):",
        "    put_lane(result, 0, d)",
        f"for k in range(1, {dual.n}):",
        f"    tangents = ({_listed(n, f'along(a{{}}, {dual.level}, k)')},)",
        "    if not is_zero(tangents):",
        "        put_lane(result, k, rule(primals, tangents)[1])",
        "return finished(result, y)",
    ]
    text = f"def on_duals({_listed(n)}):\n" + "".join(f"    {line}\n" for line in lines)
    return function_from(text, scope)


@functools.cache
def _dispatcher(function: Any, error_model: str = "python") -> Any:
    return function if isinstance(function, Dispatcher) else njit(error_model=error_model)(function)


def _teach_jvp(function: CustomJvp) -> None:
    definition = _dispatcher(function.definition).py_func
    n = definition.__code__.co_argcount
    text = f"def typed({_listed(n)}):\n    return along_directions(function, ({_listed(n)},))\n"
    overload(function, jit_options=CALLED)(
        function_from(text, {"function": function, "along_directions": _along_directions})
    )


# --- when Numba meets them ------------------------------------------------------------------

_taught: set[Any] = set()


def _once(teach_it: Callable[[Any], None]) -> Callable[[Any], Any]:
    def type_of(function: Any) -> Any:
        if function not in _taught:
            _taught.add(function)
            teach_it(function)
        return type_of_function(function)

    return type_of


NUMBA_TYPES[CustomFunction] = _once(_teach_elementwise)
NUMBA_TYPES[Several] = _once(_teach_several)
NUMBA_TYPES[CustomJvp] = _once(_teach_jvp)


def _entered(function: Any) -> None:
    if isinstance(function, np.ufunc):
        _teach_elementwise(function)
        cpu_target.typing_context.refresh()


for _function in CUSTOM:
    _entered(_function)
ENTERED.append(_entered)
