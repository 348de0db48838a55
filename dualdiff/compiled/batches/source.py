"""The text of a batch: the loop over samples of a function or a derivative, for the types of its arguments.

Where f maps numbers to numbers, the loop is one that LLVM vectorises, a block: every number of a sample is a dual
with a lane of its own, and the vector unit takes several samples at a time. That of a derivative by the first of two
numbers, the second being the same for all samples::

    def loop(n, p0, q0, c1):
        bad = False
        for i in range(n * STRIDE):
            y = f(sample(load(p0, i), 1, 1, 0, 0), c1)
            bad |= store(q0, i, tangent_in(y, 1, 0))
        return bad, divided_by_zero()

p0 points to the numbers of the samples, q0 to the results; a sample becomes a dual of level 1 with 1 tangent, seeded
in lane 0, not strict. The loop is compiled as a function of its own, whose pointers LLVM is told not to overlap;
around it stands ::

    def over_samples(shapes, a0, a1, r0):
        n = len(a0)
        done = n - n % STRIDE
        bad, zero = block(done // STRIDE, pointer(a0), pointer(r0), a1)
        if done < n:
            t0 = filled_up(a0, done, STRIDE)
            u0 = room(r0, STRIDE * (r0.size // n))
            worse, nought = block(1, pointer(t0), pointer(u0), a1)
            bad, zero = bad | worse, zero | nought
            copy_rest(r0, u0, done * (r0.size // n))
        if zero:
            raise ZeroDivisionError('division by zero')
        return bad, -1, shapes

so that the rest of the samples goes the same way, in memory of its own: all samples have the same bits wherever they
stand. A loop that stopped at a division by zero would not be vectorised: this one notes it and goes on. Otherwise,
where samples are arrays, each is differentiated as by itself, with one buffer of duals for all; the lines of its loop
are those of a driver (``compiled.transforms.source``).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

from numba import types

from ...calls.trees import flat, mapped
from ...generated import function_from
from ..arrays.frozen import share_memory, shares_inside
from ..arrays.joining import ndim_of, outputs
from ..dual.elements import base_type, put_flat
from ..dual.freezing import HOLDERS, frozen, frozen_type, own
from ..dual.types import is_dual, is_number
from ..llvm.noting import divided_by_zero
from ..llvm.vectorising import STRIDE
from ..transforms import collecting, seeding
from ..transforms.driver import are_several
from ..transforms.readers import reader
from ..transforms.source import Given
from . import samples
from .rows import row_at, row_type
from .samples import block

HELPERS = {
    "outputs": outputs,
    **{name: getattr(samples, name) for name in ("copy_rest", "filled_up", "load", "pointer", "put")},
    **{name: getattr(samples, name) for name in ("revalue", "room", "row", "sample", "store")},
    **{name: getattr(samples, name) for name in ("tangent_in", "value_in")},
    "row_at": row_at,
    "divided_by_zero": divided_by_zero,
    "reader": reader,
    **{name: getattr(seeding, name) for name in ("lift", "lift_here", "seed", "size", "stack")},
    "put_flat": put_flat,
    "frozen": frozen,
    "own": own,
    "share_memory": share_memory,
    "shares_inside": shares_inside,
    **{name: getattr(collecting, name) for name in ("any_nan", "collect_gradient", "collect_jacobian")},
    "collect_number": collecting.collect_number,
}
"""What the text of a loop calls."""


@dataclasses.dataclass(frozen=True)
class Argument:
    """An argument of a batch: its type for one sample, if there is one for each, and whether to differentiate by it.

    ``starred``: it is the tuple of all that f takes as *args. ``length``: of a short array that becomes a row.
    """

    type: types.Type
    batched: bool
    active: bool
    starred: bool = False
    length: int | None = None

    @property
    def is_row(self) -> bool:
        """Whether it is an array of which f takes elements by constant indices, as far as it is known."""
        return self.length is not None

    def lifted(self, level: int, n: int, lane: int, strict: bool) -> types.Type:
        """The type that f gets it as, its derivatives being in the lanes from ``lane`` on."""
        if self.length is not None:
            return row_type(self.type.dtype, self.length, level, n, lane if self.active else None, strict)
        return samples.sample_type(self.type, level, n, lane, strict) if self.active else frozen_type(self.type)

    @property
    def holds_arrays(self) -> bool:
        """Whether f could write to it."""
        return isinstance(self.type, HOLDERS)


@dataclasses.dataclass(frozen=True)
class Output:
    """An array of results: the type of its numbers, and the shape of the part that is one sample's.

    That is made of lengths, of the shape of an argument, ("argument", i), and of the shape of array j that f returns,
    ("result", j), which is known when f was called.
    """

    type: types.Type
    shape: tuple[Any, ...] = ()

    def shape_of(self, arguments: Sequence[Any], found: Sequence[Any]) -> tuple[int, ...]:
        """The shape for one sample, from the shapes of its arguments and of the arrays that f has returned."""
        known = {"argument": arguments, "result": found}
        parts = [known[part[0]][part[1]] if isinstance(part, tuple) else (part,) for part in self.shape]
        return tuple(itertools.chain.from_iterable(parts))


@dataclasses.dataclass(frozen=True)
class Loop:
    """The text of a loop over samples, with the results that it writes, a tree of tuples.

    It is a function of the shapes of the arrays that f returns, the arguments and the results. It returns whether
    speculation has failed, the sample at which it stopped because f returned arrays of other shapes, or -1, and those.
    """

    text: str
    scope: dict[str, Any]
    results: Any
    ndims: tuple[int, ...] = ()  # of the arrays that f returns, whose shapes only a call tells
    step: int = 1  # samples that are evaluated together

    def function(self) -> Any:
        """The loop as a Python function, to be compiled."""
        return function_from(self.text, {**HELPERS, **self.scope})


def _over_samples(n_arguments: int, n_results: int, lines: Sequence[str]) -> str:
    arguments = [f"a{i}" for i in range(n_arguments)]
    return _function("over_samples", ["shapes", *arguments, *(f"r{k}" for k in range(n_results))], lines)


def _function(name: str, parameters: Sequence[str], lines: Sequence[str]) -> str:
    return f"def {name}({', '.join(parameters)}):\n" + "".join(f"    {line}\n" for line in lines)


def number_type(y: types.Type) -> types.Type:
    """The type of the numbers in an array, or in tuples and lists of numbers and arrays."""
    if isinstance(y, types.BaseTuple):
        numbers = [number_type(t) for t in y.types]
        return next((t for t in numbers if is_dual(t)), types.float64)
    return number_type(y.dtype) if isinstance(y, (types.Array, types.List, types.ListType)) else y


# --- loops over numbers ---------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a result of f that is no tuple: its text, and its type."""

    text: str
    type: types.Type


def _parts(y: types.Type, text: str = "y") -> Any:
    """The tree of the parts of a result of this type."""
    if isinstance(y, types.BaseTuple):
        return tuple(_parts(t, f"{text}[{i}]") for i, t in enumerate(y.types))
    return Part(text, y)


def is_of_numbers(y: types.Type, kind: str) -> bool:
    """Whether a result is a number, or tuples of numbers; for a Jacobian they must make an array."""
    parts = [part.type for part in flat(_parts(y))]
    fits = kind != "jacobian" or len(parts) == math.prod(_shape_of(y))
    return fits and all(is_dual(part) or is_number(part) for part in parts)


def _shape_of(y: types.Type) -> tuple[int, ...]:
    """The shape of the array that tuples of numbers make."""
    return (len(y.types), *(_shape_of(y.types[0]) if y.types else ())) if isinstance(y, types.BaseTuple) else ()


def _number_type(y: types.Type, level: int) -> types.Type:
    """The type of the values and the tangents of a number that f returns, at a level."""
    return y.base if is_dual(y) and y.level == level else y


def lanes_of(arguments: Sequence[Argument]) -> list[int]:
    """The lane of the first number in each argument, and at the end the number of lanes."""
    widths = [(a.length or 1) if a.active else 0 for a in arguments]
    return list(itertools.accumulate(widths, initial=0))


class ScalarSamples:
    """Writes the loop over samples of numbers and rows.

    ``kind`` is that of the transform, or "value" for the values of f alone; ``indices`` are those of the arguments to
    differentiate by, in the order of the results; ``y`` is the type of the result of f.
    """

    def __init__(
        self,
        kind: str,
        f: Any,
        arguments: Sequence[Argument],
        indices: Sequence[int],
        y: types.Type,
        level: int,
        strict: bool,
    ) -> None:
        self.kind = kind
        self.f = f
        self.arguments = arguments
        self.indices = indices
        self.y = y
        self.level = level
        self.strict = strict
        self.lanes = lanes_of(arguments)

    def written(self, single: bool, with_value: bool) -> Loop:
        stores: list[list[str]] = []  # for each result, what makes its numbers
        is_wanted = with_value or self.kind == "value"
        found = self._results(_parts(self.y), ["value_in({}, LEVEL)"], stores) if is_wanted else None
        tree = _parts(self.y)
        rows = [self._derivatives(part, stores) for part in (tree if self.kind == "hessian" else [tree])]
        derivative = rows[0][0] if single and rows[0] else tuple(rows) if self.kind == "hessian" else rows[0]
        results = found if self.kind == "value" else (found, derivative) if with_value else derivative
        scope = {"block": block(self._block(stores)), "STRIDE": STRIDE}
        return Loop(self._loop(len(stores)), scope, results, step=STRIDE)

    def _derivatives(self, tree: Any, stores: list[Any]) -> tuple[Any, ...]:
        """The derivatives of parts of the result by each argument."""
        found = []
        for i in self.indices:
            a = self.arguments[i]
            read = [f"tangent_in({{}}, LEVEL, {self.lanes[i] + k})" for k in range(a.length or 1)]
            found.append(self._results(tree, read, stores, base_type(a.type), a.length))
        return tuple(found)

    def _results(
        self,
        tree: Any,
        read: Sequence[str],
        stores: list[Any],
        ty: types.Type | None = None,
        length: int | None = None,
    ) -> Any:
        """What is read of parts of the result: for a Jacobian one array of all, otherwise one for each."""
        by_x = () if length is None else (length,)
        parts = list(flat(tree))
        if self.kind == "jacobian":
            numbers = {_number_type(part.type, self.level) for part in parts}
            common = numbers.pop() if len(numbers) == 1 else types.float64
            stores.append([text.format(part.text) for part in parts for text in read])
            return Output(ty or _as_float(common), _shape_of(self.y) + by_x)
        made = []
        for part in parts:
            stores.append([text.format(part.text) for text in read])
            own = _number_type(part.type, self.level)
            made.append(Output(ty or (own if self.kind == "value" else _as_float(own)), by_x))
        return mapped(tree, iter(made))

    def _block(self, stores: Sequence[Sequence[str]]) -> Any:
        """The loop itself, over contiguous memory."""
        n = len(self.arguments)
        places = [f"p{i}" for i in range(n) if self.arguments[i].batched]
        constants = [f"c{i}" for i in range(n) if not self.arguments[i].batched]
        called = ", ".join(self._argument(i) for i in range(n))
        body = [f"y = f({called})"]
        for k, cells in enumerate(stores):
            for j, cell in enumerate(cells):
                at = "i" if len(cells) == 1 else f"{len(cells)} * i + {j}"
                bad = "bad |= " if "tangent_in" in cell else ""
                body.append(f"{bad}store(q{k}, {at}, {cell})")
        parameters = ["n", *places, *(f"q{k}" for k in range(len(stores))), *constants]
        begin, end = ["bad = False", "for i in range(n * STRIDE):"], "return bad, divided_by_zero()"
        lines = [*begin, *("    " + line for line in body), end]
        scope = {**HELPERS, "f": self.f, "STRIDE": STRIDE}
        text = _function("loop", parameters, lines).replace("LEVEL", str(self.level))
        return function_from(text, scope)

    def _argument(self, i: int) -> str:
        argument = self.arguments[i]
        if argument.length is not None:
            lane = self.lanes[i] if argument.active else -1
            return f"row_at(p{i}, i, {argument.length}, LEVEL, {self.lanes[-1]}, {lane}, {int(self.strict)})"
        number = f"load(p{i}, i)" if argument.batched else f"frozen(c{i})" if argument.holds_arrays else f"c{i}"
        if not argument.active:
            return "*" + number if argument.starred else number
        return f"sample({number}, LEVEL, {self.lanes[-1]}, {self.lanes[i]}, {int(self.strict)})"

    def _loop(self, n_results: int) -> str:
        """The loop over whole strides, and over the rest, filled up to a stride, in memory of its own."""
        batched = [i for i, argument in enumerate(self.arguments) if argument.batched]
        constants = [f"a{i}" for i, argument in enumerate(self.arguments) if not argument.batched]
        k = range(n_results)

        def call(n: str, inputs: str, outputs: str) -> str:
            places = [f"pointer({inputs}{i})" for i in batched] + [f"pointer({outputs}{i})" for i in k]
            return f"block({', '.join([n, *places, *constants])})"

        rest = [
            *(f"t{i} = filled_up(a{i}, done, STRIDE)" for i in batched),
            *(f"u{i} = room(r{i}, STRIDE * (r{i}.size // n))" for i in k),
            f"worse, nought = {call('1', 't', 'u')}",
            "bad, zero = bad | worse, zero | nought",
            *(f"copy_rest(r{i}, u{i}, done * (r{i}.size // n))" for i in k),
        ]
        lines = [
            f"n = len(a{batched[0]})",
            "done = n - n % STRIDE",
            f"bad, zero = {call('done // STRIDE', 'a', 'r')}",
            "if done < n:",
            *("    " + line for line in rest),
            "if zero:",
            "    raise ZeroDivisionError('division by zero')",
            "return bad, -1, shapes",
        ]
        return _over_samples(len(self.arguments), n_results, lines)


def _as_float(ty: types.Type) -> types.Type:
    return ty if isinstance(ty, types.Float) or is_dual(ty) else types.float64


# --- loops over rows ------------------------------------------------------------------------


class ArraySamples:
    """Writes the loop over samples of arrays, for passes as in text.py: with buffers of duals for all samples.

    ``n`` is the number of tangents per pass, ``given`` how f gets its arguments.
    """

    def __init__(
        self,
        kind: str,
        f: Any,
        arguments: Sequence[Argument],
        indices: Sequence[int],
        y: types.Type,
        n: int,
        strict: bool,
        given: Given,
    ) -> None:
        self.kind = kind
        self.f = f
        self.arguments = arguments
        self.y = y
        self.n = n
        self.strict = strict
        self.indices = indices
        self.given = given
        self.several = kind == "jacobian" and are_several(y)

    def written(self, single: bool, with_value: bool) -> Loop:
        by = [self.arguments[i].type for i in self.indices]
        of_x = [(("argument", i),) if isinstance(x, types.Array) else () for i, x in zip(self.indices, by, strict=True)]
        parts = self._parts_of_y()
        arrays = [part for part in parts if ndim_of(part.type)]
        whole = [(("result", arrays.index(part)),) if part in arrays else () for part in parts]
        values = tuple(Output(_as_float(_number_type(number_type(self.y), 1)), w) for w in whole)
        rows = tuple(tuple(Output(base_type(x), w + s) for x, s in zip(by, of_x, strict=True)) for w in whole)
        by_part: Any = tuple(row[0] for row in rows) if single and self.kind != "hessian" else rows
        derivative = by_part if self.several or self.kind == "hessian" else by_part[0]
        value = values if self.several else values[0]
        tree = (value, derivative) if with_value else derivative
        first = len(list(flat(value))) if with_value else 0
        text = _over_samples(len(self.arguments), len(list(flat(tree))), self._lines(parts, first))
        return Loop(text, {"f": self.f}, tree, tuple(ndim for part in arrays if (ndim := ndim_of(part.type))))

    def _parts_of_y(self) -> list[Part]:
        """What has derivatives of its own: the gradients of a Hessian, each of several results, or the whole result."""
        if self.kind == "hessian":
            return [Part(f"y[{p}]", t) for p, t in enumerate(self.y.types)]
        if self.several:
            return [Part(f"outputs(y[{p}])", t) for p, t in enumerate(self.y.types)]
        return [Part("y", self.y)]

    def _lines(self, parts: Sequence[Part], first: int) -> list[str]:
        k = range(len(self.indices))
        x = [self._sample(i) for i in self.indices]
        is_array = [isinstance(self.arguments[i].type, types.Array) for i in self.indices]
        arrays = [j for j in k if is_array[j]]
        readers = [j for j in k if self.indices[j] in self.given.readers]
        buffers = [j for j in arrays if j not in readers]
        numbers = [j for j in k if not is_array[j]]
        batched = next(i for i, argument in enumerate(self.arguments) if argument.batched)
        sizes = [f"o{j + 1} = o{j} + {f'size(x{j})' if is_array[j] else 1}" for j in k]
        how = f"1, {self.n}, {int(self.strict)}"
        made = {j: f"x{j} = lift_here({x[j]}, {how}, b{j})" for j in buffers}
        made.update((j, f"x{j} = reader({x[j]}, {how})") for j in readers)
        given = [self._sample(i) for i in range(len(self.arguments))]
        cells = [self.given.text(sample, a.type) for sample, a in zip(given, self.arguments, strict=True)]
        for j, i in zip(k, self.indices, strict=True):
            number = f"x{j}" if j in readers else f"lift({x[j]}, {how})"
            buffer = f"frozen(x{j})" if self.given.frozen else f"x{j}"
            cells[i] = buffer if j in buffers else f"seed({number}, start - o{j})"
        is_one_array = self.kind == "jacobian" and ndim_of(self.y)  # which outputs() makes of it
        lines = [
            f"n = len(a{batched})",
            "bad = False",
            "if n == 0:",
            "    return bad, -1, shapes",
            "i = 0",
            *(f"b{j} = stack()" for j in buffers),
            *made.values(),
            "o0 = 0",
            *sizes,
            "for i in range(n):",
            *(f"    {line}" for line in self.given.checks(given, [a.type for a in self.arguments])),
            *(f"    {made[j] if not self.given.frozen or j in readers else f'revalue(x{j}, {x[j]})'}" for j in arrays),
            f"    for start in range(0, o{len(k)} or 1, {self.n}):",
            *(f"        {made[j]}" for j in buffers if not self.given.frozen),
            *(f"        seed(x{j}, start - o{j})" for j in buffers),
            f"        y = {'outputs' if is_one_array else ''}(f({', '.join(cells)}))",
        ]
        shapes = "".join(f"{part.text}.shape, " for part in parts if ndim_of(part.type))
        if shapes:
            lines += [f"        if start == 0 and ({shapes}) != shapes:", f"            return bad, i, ({shapes})"]
        if first:
            lines += ["        if start == 0:"]
            values = [part.text for part in parts] if self.several else ["y"]
            lines += [f"            put(r{r}, i, {value}, {self._like()})" for r, value in enumerate(values)]
        collected = list(enumerate(itertools.product(parts, k), first))
        for r, (part, j) in collected:
            kind = "jacobian" if ndim_of(part.type) else "gradient"
            if is_array[j]:
                lines.append(f"        bad |= collect_{kind}(row(r{r}, i), {part.text}, x{j}, start - o{j})")
            else:
                kept = "" if kind == "jacobian" else f"r{r}[i] = "
                lines.append(f"        {kept}collect_number(row(r{r}, i), {part.text}, {self._like()}, start - o{j})")
        lines += [f"    seed(x{j}, start + {self.n} - o{j})" for j in buffers if self.given.frozen]
        lines += [f"    bad |= any_nan(row(r{r}, i))" for r, (_, j) in collected if j in numbers]
        return [*lines, "return bad, -1, shapes"]

    def _like(self) -> str:
        """A lifted argument, of the kind of all."""
        return next(f"x{j}" for j, i in enumerate(self.indices) if isinstance(self.arguments[i].type, types.Array))

    def _sample(self, i: int) -> str:
        return f"row(a{i}, i)" if self.arguments[i].batched else f"a{i}"


# --- other loops ----------------------------------------------------------------------------


class Calls:
    """Writes the loop that calls a function for each sample, and keeps what it returns."""

    def __init__(self, g: Any, arguments: Sequence[Argument], y: types.Type, given: Given | None) -> None:
        self.g = g
        self.arguments = arguments
        self.y = y
        self.given = given

    def written(self) -> Loop:
        tree = _parts(self.y)
        parts = list(flat(tree))
        outputs: list[Output] = []
        ndims: list[int] = []
        shapes: list[str] = []
        puts: list[str] = []
        for k, part in enumerate(parts):
            is_list = isinstance(part.type, (types.List, types.ListType))
            text = f"outputs({part.text})" if is_list else part.text
            ndim = ndim_of(part.type)
            outputs.append(Output(number_type(part.type), (("result", len(shapes)),) if ndim else ()))
            if ndim:
                ndims.append(ndim)
                shapes.append(f"{text}.shape")
            puts.append(f"    put(r{k}, i, {text}, {text})")
        samples = [f"row(a{i}, i)" if a.batched else f"a{i}" for i, a in enumerate(self.arguments)]
        text = self.given.text if self.given else lambda sample, _: sample
        cells = [text(sample, a.type) for sample, a in zip(samples, self.arguments, strict=True)]
        batched = next(i for i, argument in enumerate(self.arguments) if argument.batched)
        found = f"({''.join(shape + ', ' for shape in shapes)})"
        check = [f"    if {found} != shapes:", f"        return False, i, {found}"] if shapes else []
        apart = self.given.checks(samples, [a.type for a in self.arguments]) if self.given else []
        lines = [f"for i in range(len(a{batched})):", *(f"    {line}" for line in apart)]
        lines += [f"    y = g({', '.join(cells)})", *check, *puts]
        text = _over_samples(len(self.arguments), len(parts), [*lines, "return False, -1, shapes"])
        return Loop(text, {"g": self.g}, mapped(tree, iter(outputs)), tuple(ndims))
