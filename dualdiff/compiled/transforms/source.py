"""The text of a driver: the function that evaluates an ``@njit`` function on duals and collects its derivatives.

That of the gradient of a costly function of one array, whose numbers it only reads, with 16 tangents per pass::

    def driver(a0):
        o0 = 0
        o1 = o0 + size(a0)
        if o1 > 32:
            return long(a0)
        x0 = reader(a0, 1, 16, 0)
        bad = False
        for start in range(0, o1 or 1, 16):
            y = f(seed(x0, start - o0))
            if start == 0:
                g0_0 = empty_gradient(y, x0)
            bad |= collect_gradient(g0_0, y, x0, start - o0)
        result = g0_0
        answer = result
        if bad:
            return again(key, answer, a0)
        return answer

The arguments are a0, a1, ...; those to differentiate by become x0, x1, ... (of level 1, with 16 tangents, not
strict), and their elements are numbered through: those of x0 begin at o0, those of x1 at o1, and here o1 is how many
there are. A pass seeds the 16 elements from ``start`` on, that is, gives each a lane, calls the clone of f, and
stores the tangents of its result in their places of g0_0. Long arrays are handed to ``long``, a driver with more
tangents per pass; where a tangent was NaN, ``again``, the strict driver, gives the answer.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from numba import types

from ..arrays.frozen import share_memory, shares_inside
from ..arrays.joining import outputs
from ..dual import elements, freezing
from ..dual.types import level_of_type
from . import collecting, seeding
from .readers import reader

HELPERS = {
    "as_flat": elements.as_flat,
    "frozen": freezing.frozen,
    "own": freezing.own,
    "outputs": outputs,
    "share_memory": share_memory,
    "shares_inside": shares_inside,
    "reader": reader,
    **{name: getattr(seeding, name) for name in ("stack", "lift", "lift_here", "lift_along", "seed", "size")},
    **{
        name: getattr(collecting, name)
        for name in (
            "value_of",
            "tangent_of",
            "empty_gradient",
            "collect_gradient",
            "empty_jacobian",
            "collect_jacobian",
            "collect_number",
            "empty_pair",
            "any_nan",
        )
    },
}
"""What the text calls."""


@dataclasses.dataclass(frozen=True)
class Given:
    """How f gets its arguments.

    ``readers`` are the arrays to differentiate by of which it only reads numbers. ``frozen``: it has been compiled for
    arguments that nobody may write to, so all passes share them; otherwise each pass gives it copies. Of those
    ``copied`` the function that is called makes copies itself, so that these can be made for duals.
    """

    readers: tuple[int, ...] = ()
    frozen: bool = True
    copied: tuple[int, ...] = ()

    def checks(self, names: Sequence[str], argtypes: Sequence[types.Type]) -> list[str]:
        """Lines that raise where one argument shares memory with another, and f may write to it: it gets copies."""
        if self.frozen and not self.copied:
            return []
        return checks_of_overlap(names, argtypes)

    def text(self, name: str, ty: types.Type) -> str:
        """The text for an argument that it is not differentiated by."""
        if not isinstance(ty, freezing.HOLDERS):
            return name
        return f"frozen({name})" if self.frozen else f"own({name})"

    def type(self, ty: types.Type) -> types.Type:
        """The type of that."""
        return freezing.frozen_type(ty) if self.frozen else freezing.own_type(ty)


def checks_of_overlap(names: Sequence[str], argtypes: Sequence[types.Type]) -> list[str]:
    """Lines that raise where arrays among the arguments, or in them, share memory."""
    given = [(name, t) for name, t in zip(names, argtypes, strict=True) if isinstance(t, freezing.HOLDERS)]
    message = "two of the arguments share memory, and the function writes to arguments: pass a copy of one of them"
    asked = [f"share_memory({a}, {b})" for (a, _), (b, _) in itertools.combinations(given, 2)]
    asked += [f"shares_inside({name})" for name, t in given if not isinstance(t, types.Array)]
    return [line for question in asked for line in (f"if {question}:", f"    raise ValueError({message!r})")]


class Text:
    """Writes the driver of a transform for one list of argument types.

    ``n`` tangents travel at a time. Unless ``strict``, the driver speculates (see ``DualType``): where it has
    made a NaN, its answer is that of ``again``. So it is where there are more than ``reach`` numbers to
    differentiate by; where there are more than ``short``, the answer is that of ``long``.
    """

    def __init__(
        self,
        argtypes: Sequence[types.Type],
        indices: Sequence[int],
        starred: bool,
        n: int,
        strict: bool,
        reach: int | None = None,
        short: int | None = None,
        given: Given = Given(),
    ) -> None:
        self.argtypes = argtypes
        self.names = [f"a{i}" for i in range(len(argtypes))]
        self.indices = list(indices)
        self.starred = starred
        self.n = n
        self.strict = strict
        self.reach = reach
        self.short = short
        self.given = given
        self.is_reader = [i in given.readers for i in indices]
        self.x = [self.names[i] for i in indices]
        self.is_array = [isinstance(argtypes[i], types.Array) for i in indices]
        self.level = 1 + max(map(level_of_type, argtypes))
        # what may hold duals; Numba warns of functions in tuples
        holders = [name for name, t in zip(self.names, argtypes, strict=True) if not isinstance(t, types.Dispatcher)]
        self.all_arguments = f"all_arguments = ({''.join(name + ', ' for name in holders)})"

    def call(self, replaced: Sequence[str]) -> str:
        """The call of f with other expressions for the arguments to differentiate by."""
        cells = [self.given.text(name, t) for name, t in zip(self.names, self.argtypes, strict=True)]
        for k, (i, expression) in enumerate(zip(self.indices, replaced, strict=True)):
            is_array = self.is_array[k] and not self.is_reader[k]
            cells[i] = f"frozen({expression})" if is_array and self.given.frozen else expression
        if self.starred:
            cells[-1] = "*" + cells[-1]
        return f"f({', '.join(cells)})"

    def lift(self, x: str, more: str = "", is_reader: bool = False) -> str:
        function = "reader" if is_reader else "lift_here" if more else "lift"
        return f"{function}({x}, {self.level}, {self.n}, {int(self.strict)}{more})"

    def chunked(
        self, kind: str, single: bool, with_value: bool, into: str = "", several: types.BaseTuple | None = None
    ) -> str:
        """gradient, jacobian, and hessian, of a tuple of gradients: passes over the arguments, n lanes at a time.

        ``into`` is where a gradient goes; ``several`` the type of f's result, if its parts are to have Jacobians of
        their own.
        """
        of_parts = [f"outputs(y[{p}])" for p in range(len(several.types))] if several else ["y"]
        named = "named_tuple" if isinstance(several, types.BaseNamedTuple) else ""
        k = range(len(self.x))
        parts = [f"y[{i}]" for i in k] if kind == "hessian" else of_parts
        found = {(p, i): f"g{p}_{i}" for p in range(len(parts)) for i in k}
        collect = "gradient" if kind == "gradient" else "jacobian"
        arrays = [i for i in k if self.is_array[i]]
        buffers = [i for i in arrays if not self.is_reader[i]]
        # a function that returns a number leaves nothing behind that may share memory with its argument
        local = buffers if kind == "gradient" else []
        lift = [f"x{i} = {self.lift(self.x[i], f', b{i}' if i in local else '', self.is_reader[i])}" for i in k]
        seeds = [f"seed(x{i}, start - o{i})" for i in buffers]
        call = self.call([f"x{i}" if i in buffers else f"seed(x{i}, start - o{i})" for i in k])
        gather = [
            f"bad |= collect_{collect}({g}, {parts[p]}, x{i}, start - o{i})"
            if i in arrays
            else f"{g} = collect_number({g}, {parts[p]}, x{i}, start - o{i})"
            for (p, i), g in found.items()
        ]
        # after f was called: what a frame has allocated that an exception leaves, Numba does not release
        made = [f"{g} = {into or f'empty_{collect}({parts[p]}, x{i})'}" for (p, i), g in found.items()]
        rows = [f"({''.join(found[p, i] + ', ' for i in k)})" for p in range(len(parts))]
        rows = [found[p, 0] for p in range(len(parts))] if single and kind != "hessian" else rows
        answer = f"{named}({''.join(row + ', ' for row in rows)})" if several or kind == "hessian" else rows[0]
        again = " or ".join(["bad", *(f"any_nan({g})" for (_, i), g in found.items() if i not in arrays)])
        values = "".join(f"value_of({part}, x0), " for part in parts)
        if self.reach is not None:
            again += f" or o{len(k)} > {self.reach}"
        hand_over = [f"if o{len(k)} > {self.short}:", f"    return long({', '.join(self.names)})"]
        return self.function(
            *self.given.checks(self.names, self.argtypes),
            "o0 = 0",
            *(f"o{i + 1} = o{i} + size({self.x[i]})" for i in k),
            *(hand_over if self.short is not None else []),
            *(f"b{i} = stack()" for i in local),
            *lift,
            "bad = False",
            f"for start in range(0, o{len(k)} or 1, {self.n}):",
            *("    " + line for line in ([] if self.given.frozen else lift)),
            *("    " + line for line in seeds),
            f"    y = outputs({call})" if kind == "jacobian" and not several else f"    y = {call}",
            "    if start == 0:",
            *("        " + line for line in made),
            *("    " + line for line in gather),
            *self.result(f"{named}({values})" if several else "value_of(y, x0)", answer, with_value, again),
        )

    def coloured(self) -> str:
        """The entries of a sparse Jacobian; the first arguments are ``colouring.Passes`` and where they go."""
        colours, weights, ends, targets, sources, rows, out = self.names[:7]
        x = self.x[0]
        return self.function(
            *self.given.checks(self.names[7:], self.argtypes[7:]),
            f"if {x}.size != {colours}.size:",
            f"    raise ValueError('the pattern does not fit the input: columns, elements:', {colours}.size, {x}.size)",
            f"x0 = room({x}, {self.level}, {self.n}, {int(self.strict)})",
            f"for p in range({ends}.size - 1):",
            f"    seed_colours(x0, {x}, {colours}, {weights}, p * {self.n})",
            f"    y = as_flat(outputs({self.call(['x0'])}))",
            f"    if y.size != {rows}:",
            f"        raise ValueError('the pattern does not fit the result: rows, elements:', {rows}, y.size)",
            "    if p == 0:",
            f"        result = empty_entries({out}, {sources}.size, y, x0)",
            f"    collect_entries(result, y, x0, {ends}[p], {ends}[p + 1], {targets}, {sources})",
            *(
                []
                if self.strict
                else ["if any_nan(result):", f"    return again(key, result, {', '.join(self.names)})"]
            ),
            "return result",
        )

    def derivative(self, with_value: bool) -> str:
        """derivative by one number."""
        return self.function(
            *self.given.checks(self.names, self.argtypes),
            f"x0 = {self.lift(self.x[0])}",
            f"y = {self.call(['seed(x0, 0)'])}",
            *self.result("value_of(y, x0)", "tangent_of(y, x0)", with_value),
        )

    def elementwise(self, with_value: bool) -> str:
        """derivative by each number of an array, by a ``loop`` over them."""
        x = self.x[0]
        arguments = ", ".join("numbers" if name == x else name for name in self.names)
        results = "values, derivatives" if with_value else "derivatives"
        again = "bad" if self.reach is None else f"bad or {x}.size > {self.reach}"
        return self.function(
            *self.given.checks(self.names, self.argtypes),
            self.all_arguments,
            f"numbers = as_flat({x})",
            f"values, derivatives = empty_pair({x}, all_arguments)",
            f"bad = loop((), {arguments}, {results})[0]",
            *self.result(f"values.reshape({x}.shape)", f"derivatives.reshape({x}.shape)", with_value, again),
        )

    def jvp(self, writes: bool) -> str:
        """jvp: the first half of the arguments are primals, the second their tangents."""
        n = len(self.names) // 2
        lifted = [
            f"lift_along({x}, {v}, all_arguments, {int(self.strict)})"
            for x, v in zip(self.names[:n], self.names[n:], strict=True)
        ]
        return self.function(
            *(checks_of_overlap(self.names[:n], self.argtypes[:n]) if writes else []),
            self.all_arguments,
            f"x0 = {lifted[0]}",
            f"y = f({', '.join(['x0', *lifted[1:]])})",
            *self.result("value_of(y, x0)", "tangent_of(y, x0)", True),
        )

    def result(self, value: str, derivative: str, with_value: bool, again: str = "any_nan(result)") -> list[str]:
        answer = f"{value}, result" if with_value else "result"
        instead = [f"if {again}:", f"    return again(key, answer, {', '.join(self.names)})"]
        return [f"result = {derivative}", f"answer = {answer}", *([] if self.strict else instead), "return answer"]

    def function(self, *lines: str) -> str:
        return f"def driver({', '.join(self.names)}):\n" + "".join(f"    {line}\n" for line in lines)
