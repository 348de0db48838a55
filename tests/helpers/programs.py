"""Random numerical programs: the text of functions such as people write for ``@njit``.

A program is ``def program(x)``, from an array of ``SIZE`` numbers to a number. It loops, branches,
returns early, accumulates, and stores into buffers, views, lists and tuples of its own and of the
helpers below. Its numbers stay of moderate size and clear of kinks and poles, so that its derivative
is well-conditioned and every way to compute it must agree.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit

from dualdiff import DualArray

SIZE = 4


# --- helpers that programs call -------------------------------------------------------------


def mix(u, v):
    return 0.5 * u - 0.25 * u * v


def both(u, v):
    return np.sin(u + v), 0.5 * v


def scaled(a, u):
    out = np.zeros(a.size)
    for i in range(a.size):
        out[i] = 0.5 * a[i] * u
    return out


def running(a):
    out = np.empty_like(a)
    s = 0
    for i, u in enumerate(a):
        s += 0.5 * u
        out[i] = s
    return out


def store(out, u):
    for i in range(out.size):
        out[i] += 0.25 * u


def position(a, level):
    for i in range(a.size):
        if a[i] > level:
            return i
    return 0


def total(a):
    s = 0.0
    for u in a:
        s += u
    return s


HELPERS = (mix, both, scaled, running, store, position, total)


# --- the grammar ----------------------------------------------------------------------------


class Writer:
    """Writes one program: the lines so far, and the names that later lines may use."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.depth = 1
        self.made = 0
        self.numbers: list[str] = []
        self.arrays = ["x"]  # of SIZE numbers
        self.indices: list[str] = []  # of loops around

    def write(self, statements: int) -> str:
        self.number()
        for _ in range(statements):
            self.random.choice(STATEMENTS)(self)
        terms = [f"{name} * {k + 1}.0" for k, name in enumerate(self.numbers)]
        terms += [f"total({name})" for name in self.arrays[1:]]
        self.line(f"return {' + '.join(terms)}")
        return "def program(x):\n" + "".join(f"    {line}\n" for line in self.lines)

    # --- words

    def line(self, text: str) -> None:
        self.lines.append("    " * (self.depth - 1) + text)

    def name(self, letter: str) -> str:
        self.made += 1
        return f"{letter}{self.made}"

    def constant(self) -> str:
        return self.random.choice(["0.5", "1.25", "2", "0.75", "3.0", "1"])

    def index(self) -> str:
        return self.random.choice([*self.indices, str(self.random.randrange(SIZE)), "-1"])

    def array(self) -> str:
        return self.random.choice(self.arrays)

    def buffer(self) -> str:
        """An array that may be written to."""
        if len(self.arrays) == 1:
            self.filled()
        return self.random.choice(self.arrays[1:])

    def atom(self) -> str:
        kind = self.random.random()
        if kind < 0.15:
            return self.constant()
        if kind < 0.55 and self.numbers:
            return self.random.choice(self.numbers)
        return f"{self.array()}[{self.index()}]"

    def expression(self, depth: int = 2) -> str:
        """A number of moderate size."""
        if depth == 0:
            return self.atom()
        u, v = self.expression(depth - 1), self.atom()
        form = self.random.choice(FORMS)
        return form.format(u=u, v=v, c=self.constant())

    def condition(self) -> str:
        u = f"{self.array()}[{self.index()}]"
        return self.random.choice(
            [f"{u} > 0.7123", f"{u} < 0.3456", f"{u} * {u} > 0.4321", f"abs({u}) <= 0.8765 or {self.atom()} > 0.5432"]
        )

    # --- statements

    def number(self) -> None:
        name = self.name("u")
        self.line(f"{name} = {self.expression()}")
        self.numbers.append(name)

    def block(self, opening: str, write: Callable[[], None], index: str | None = None) -> None:
        """A compound statement; names that it makes are not seen after it."""
        self.line(opening)
        self.depth += 1
        seen = list(self.numbers), list(self.arrays), list(self.indices)
        if index is not None:
            self.indices.append(index)
        write()
        self.numbers, self.arrays, self.indices = seen
        self.depth -= 1

    def accumulate(self, name: str) -> None:
        operator = self.random.choice(["+=", "-="])
        self.line(f"{name} {operator} 0.5 * {self.expression(1)}")

    def store_somewhere(self) -> None:
        self.line(f"{self.buffer()}[{self.index()}] {self.random.choice(['=', '+=', '-='])} {self.expression(1)}")

    def sum_by_index(self) -> None:
        s, i = self.name("s"), self.name("i")
        self.line(f"{s} = {self.random.choice(['0', '0.0'])}")
        self.block(f"for {i} in range({SIZE}):", lambda: self.accumulate(s), i)
        self.numbers.append(s)

    def sum_by_zip(self) -> None:
        s, u, v = self.name("s"), self.name("u"), self.name("v")
        self.line(f"{s} = {self.random.choice(['0', '0.0', '1'])}")
        opening = f"for {u}, {v} in zip({self.array()}, {self.array()}):"
        self.block(opening, lambda: self.line(f"{s} += {u} * np.cos({v})"))
        self.numbers.append(s)

    def sum_with_exits(self) -> None:
        s, i = self.name("s"), self.name("i")
        self.line(f"{s} = 0")

        def body() -> None:
            self.block(f"if {self.condition()}:", lambda: self.line(self.random.choice(["break", "continue"])))
            self.accumulate(s)

        self.block(f"for {i} in range({SIZE}):", body, i)
        self.numbers.append(s)

    def until(self) -> None:
        s, k = self.name("s"), self.name("k")
        self.line(f"{s}, {k} = {self.atom()}, 0")

        def body() -> None:
            self.line(f"{s} += 0.3 + np.tanh({self.atom()}) ** 2")
            self.line(f"{k} += 1")

        self.block(f"while {s} < 2.3456 and {k} < 5:", body)
        self.numbers.append(s)

    def branch(self) -> None:
        name = self.random.choice(self.numbers)
        self.block(f"if {self.condition()}:", lambda: self.line(f"{name} = {self.expression()}"))
        if self.random.random() < 0.6:
            self.block("else:", self.store_somewhere if len(self.arrays) > 1 else lambda: self.accumulate(name))

    def early_return(self) -> None:
        self.block(f"if {self.condition()}:", lambda: self.block(
            f"if {self.condition()}:", lambda: self.line(f"return {self.expression()}")
        ))  # fmt: skip

    def filled(self) -> None:
        name, i = self.name("b"), self.name("i")
        made = self.random.choice(
            [f"np.zeros({SIZE})", f"np.ones({SIZE})", f"np.full({SIZE}, 0.5)", "np.zeros_like(x)",
             f"np.zeros(({SIZE},), dtype=np.float64)", "np.ones(x.shape)", "np.zeros(x.size)"]
        )  # fmt: skip
        self.line(f"{name} = {made}")
        self.arrays.append(name)
        if self.random.random() < 0.8:
            self.block(f"for {i} in range({SIZE}):", lambda: self.line(f"{name}[{i}] = {self.expression(1)}"), i)

    def arithmetic(self) -> None:
        name = self.name("a")
        function = self.random.choice(["np.sin", "np.tanh", "np.exp", "np.arctan"])
        form = self.random.choice(
            ["{f}({a}) * 0.5 - {b}", "0.5 * {a} + {f}(-{b})", "{a} * {u} / (2.0 + {f}({b}) ** 2)"]
        )
        self.line(f"{name} = " + form.format(f=function, a=f"np.cos({self.array()})", b=self.array(), u=self.atom()))
        self.arrays.append(name)

    def view(self) -> None:
        name, buffer = self.name("w"), self.buffer()
        self.line(f"{name} = {buffer}[{self.random.choice(['1:3', ':2', '2:', '::2'])}]")
        self.line(
            self.random.choice(
                [f"{name}[1] = {self.expression(1)}", f"{name} += {self.atom()}", f"{name}[:] = 0.5 * {self.atom()}",
                 f"store({name}, {self.atom()})", f"{name} *= np.sin({self.atom()})"]
            )
        )  # fmt: skip

    def alias(self) -> None:
        name = self.name("b")
        self.line(f"{name} = {self.buffer()}")
        self.line(f"{name}[{self.index()}] += {self.expression(1)}")

    def table(self) -> None:
        m, i, j, s = self.name("m"), self.name("i"), self.name("j"), self.name("s")
        self.line(f"{m} = {self.random.choice(['np.zeros', 'np.ones'])}((2, 3))")
        self.block(f"for {i} in range(2):", lambda: self.block(
            f"for {j} in range(3):", lambda: self.line(f"{m}[{i}, {j}] = {self.expression(1)}"), j), i
        )  # fmt: skip
        row = self.random.choice([f"{m}[1]", f"{m}[:, 2]", f"{m}.T[1]", f"{m}.reshape(6)[2:5]"])
        self.line(f"{s} = {row}")
        self.line(f"{s}[0] += {self.atom()}")
        self.line(f"{s} = total({m}[0]) + {m}[1, 2] * {m}[0, 1]")
        self.numbers.append(s)

    def list_of_numbers(self) -> None:
        name, s, i, u = self.name("l"), self.name("s"), self.name("i"), self.name("u")
        self.line(f"{name} = [{self.expression(1)}, {self.atom()}]")
        self.line(f"{name}.append({self.expression(1)})")
        self.line(f"{s} = 0.0")
        self.block(f"for {i}, {u} in enumerate({name}):", lambda: self.line(f"{s} += {u} * ({i} + 1)"))
        self.numbers.append(s)

    def tuple_of_numbers(self) -> None:
        t, u, v = self.name("t"), self.name("u"), self.name("v")
        self.line(f"{u}, {v} = both({self.atom()}, {self.expression(1)})")
        self.line(f"{t} = ({u}, {v}, {self.constant()})")
        self.line(f"{u} = {t}[0] * {t}[2] + {t}[1]")
        self.numbers.append(u)

    def permuted(self) -> None:
        place, i, s = self.name("n"), self.name("i"), self.name("s")
        self.line(f"{place} = np.zeros({SIZE}, np.int64)")
        self.block(f"for {i} in range({SIZE}):", lambda: self.line(f"{place}[{i}] = (3 * {i} + 1) % {SIZE}"))
        self.line(f"{s} = 0.0")
        term = f"{self.array()}[{place}[{i}]] * ({i} + 1)"
        self.block(f"for {i} in range({SIZE}):", lambda: self.line(f"{s} += {term}"))
        self.numbers.append(s)

    def counted(self) -> None:
        count, i, u = self.name("n"), self.name("i"), self.name("u")
        self.line(f"{count} = np.zeros(3, np.int64)")
        self.block(
            f"for {i} in range({SIZE}):",
            lambda: self.line(f"{count}[min(math.floor(abs({self.array()}[{i}]) * 1.2345), 2)] += 1"),
        )
        self.line(f"{u} = {count}[0] * {self.atom()} - {count}[1]")
        self.numbers.append(u)

    def weights(self) -> None:
        w, u = self.name("w"), self.name("u")
        self.line(f"{w} = np.ones({SIZE})")
        self.line(f"{w}[{self.random.randrange(SIZE)}] = {self.constant()}")
        self.line(f"{u} = total({w} * {self.array()})")
        self.numbers.append(u)

    def helper(self) -> None:
        kind = self.random.choice(["mix", "scaled", "running", "store", "position"])
        if kind == "mix":
            name = self.name("u")
            self.line(f"{name} = mix({self.atom()}, {self.expression(1)})")
            self.numbers.append(name)
        elif kind == "store":
            self.line(f"store({self.buffer()}, {self.expression(1)})")
        elif kind == "position":
            name = self.name("u")
            array = self.array()
            self.line(f"{name} = {array}[position({array}, 0.6543)] ** 2")
            self.numbers.append(name)
        else:
            name = self.name("b")
            array = self.array()
            self.line(f"{name} = " + (f"scaled({array}, {self.atom()})" if kind == "scaled" else f"running({array})"))
            self.arrays.append(name)


FORMS = (
    "np.sin({u})", "np.cos({u} * {v})", "np.tanh({u} - {v})", "np.exp(-{u} * {u})", "np.sqrt(1 + {u} ** 2)",
    "np.log(2.0 + {u} * {u})", "np.arctan({u}) * {v}", "{u} / (1.0 + {v} * {v})", "0.5 * {u} * {v}", "({u} + {v})",
    "({u} - {c} * {v})", "{c} * {u}", "np.maximum({u}, {v} - 7.5)", "(1.5 + np.sin({u})) ** 2.5", "np.hypot({u}, 1.0)",
)  # fmt: skip

STATEMENTS = (
    Writer.number, Writer.sum_by_index, Writer.sum_by_zip, Writer.sum_with_exits, Writer.until, Writer.branch,
    Writer.early_return, Writer.filled, Writer.arithmetic, Writer.view, Writer.alias, Writer.table,
    Writer.list_of_numbers, Writer.tuple_of_numbers, Writer.permuted, Writer.counted, Writer.weights, Writer.helper,
    Writer.helper, Writer.filled,
)  # fmt: skip


def program(seed: int, statements: int = 5) -> str:
    """The text of a program, the same for the same seed."""
    return Writer(seed).write(statements)


# --- to run them ----------------------------------------------------------------------------


class NumPyOf:
    """NumPy for a program that Python runs on duals: new arrays of floats hold what ``x`` holds.

    In compiled code dualdiff makes such buffers for duals; in Python a float array holds floats.
    """

    def __init__(self, x: Any) -> None:
        self._x = x

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def _like_x(self, made: Any) -> Any:
        if not isinstance(self._x, DualArray) or made.dtype.kind != "f":
            return made
        duals = np.zeros_like(self._x, shape=made.shape)
        duals[...] = made
        return duals

    def zeros(self, *args: Any, **kwargs: Any) -> Any:
        return self._like_x(np.zeros(*args, **kwargs))

    def ones(self, *args: Any, **kwargs: Any) -> Any:
        return self._like_x(np.ones(*args, **kwargs))

    def full(self, *args: Any, **kwargs: Any) -> Any:
        return self._like_x(np.full(*args, **kwargs))


def interpreted(text: str) -> Callable[[Any], Any]:
    """A program for Python."""
    code = compile(text, "<program>", "exec")

    def run(x: Any) -> Any:
        scope: dict[str, Any] = {"math": math, "np": NumPyOf(x)}
        for helper in HELPERS:
            scope[helper.__name__] = FunctionType(helper.__code__, scope)
        exec(code, scope)
        return scope["program"](x)

    return run


_COMPILED = {helper.__name__: njit(helper) for helper in HELPERS}


def compiled(text: str) -> Any:
    """A program as an ``@njit`` function."""
    scope: dict[str, Any] = {"math": math, "np": np, **_COMPILED}
    exec(compile(text, "<program>", "exec"), scope)
    return njit(scope["program"])
