"""Random programs about memory: buffers, views of views, and whoever may hold them, as far as Numba types them.

A program makes buffers, takes handles of them by slices, helpers, overloads, functions that come as arguments, lists,
tuples, named tuples, dicts, iterators and swaps, stores numbers through the handles, and returns a polynomial of what
the buffers hold at the end. Its derivative is known without this package: by a step into the complex plane, which
polynomials take without any error, in plain Python with buffers of complex numbers.
"""

from __future__ import annotations

import random
from collections import namedtuple
from typing import Any

import numpy as np
from numba import njit
from numba.extending import overload, register_jitable

SIZE = 4

Pair = namedtuple("Pair", "first second")


def tail(a):
    return a[1:]


def same(a):
    return a


def chosen(first, a, b):
    return a if first else b


def put(a, i, v):
    a[i] = v


def called(g, a):
    return g(a)


@njit
def deep(a, n):
    return a if n == 0 else deep(a[1:], n - 1)


def spread(a, v):
    for i in range(a.size):
        a[i] = a[i] + v


def front(a):
    return a[:2]


@overload(front)
def _front(a):
    return lambda a: a[:2]


def poured(a, v):
    a[0] = v


@overload(poured)
def _poured(a, v):
    def implementation(a, v):
        a[0] = v

    return implementation


@register_jitable
def turned(a):
    return a[::-1]


PLAIN = (tail, same, chosen, put, called, spread)
TAUGHT = (front, poured, turned, deep)

# a handle of another handle h: its text, how much shorter it is, and whether it is in C order if h is
HANDLES = (
    ("{h}[1:]", 1, True),
    ("{h}[::-1]", 0, False),
    ("tail({h})", 1, True),
    ("same({h})", 0, True),
    ("called(tail, {h})", 1, True),
    ("front({h})", None, True),
    ("turned({h})", 0, False),
    ("chosen(x[0] > 0.0, {h}, {g})", 0, False),
    ("next(iter([{h}]))", 0, True),
    ("({h}, 1.0)[0]", 0, True),
    ("[{h}][0]", 0, True),
    ("Pair({h}, 2.0).first", 0, True),
    ("np.asarray({h})", 0, True),
    ("np.atleast_1d({h})", 0, True),
    ("{h}.T", 0, True),
    ("{{1: {h}}}[1]", 0, True),
    ("deep({h}, 1)", 1, True),
)
NEW = ("np.zeros({n})", "np.ones({n})", "np.zeros_like({h})", "{h}.copy()", "{h} * 0.5", "np.full({n}, 0.25)")


class Writer:
    """Writes one program. Only handles of two numbers or more are kept, so that any of them has places 0 and 1."""

    def __init__(self, seed: int, writes: bool) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.handles: dict[str, tuple[int, bool]] = {"x": (SIZE, True)} if writes else {}
        self.buffers: list[str] = []

    def text(self) -> str:
        """The whole program."""
        for _ in range(2):
            self.buffer()
        for _ in range(self.random.randint(5, 9)):
            self.random.choice((self.handle, self.store, self.store, self.loop, self.swap, self.buffer))()
        terms = [f"{self.random.uniform(0.5, 1.5):.3f} * {b}[{i}]" for b in self.buffers for i in (0, 1)]
        terms += [f"{self.random.uniform(0.5, 1.5):.3f} * x[{i}] * {b}[0]" for i, b in enumerate(self.buffers[:SIZE])]
        return "def program(x):\n" + "".join(f"    {line}\n" for line in [*self.lines, f"return {' + '.join(terms)}"])

    def any(self) -> str:
        """The name of a handle."""
        return self.random.choice(list(self.handles))

    def number(self) -> str:
        """A polynomial of what is there."""
        a, b = self.any(), self.any()
        i, j, k = self.random.randint(0, 1), self.random.randint(0, 1), self.random.randrange(SIZE)
        forms = (
            f"x[{k}] * {self.random.uniform(0.2, 0.9):.3f} + 0.5 * {a}[{i}]",
            f"0.5 * {a}[{i}] * {b}[{j}] + x[{k}]",
            f"x[{k}] * x[{(k + 1) % SIZE}]",
        )
        return self.random.choice(forms)

    def buffer(self) -> None:
        """Make a new buffer."""
        name = f"b{len(self.buffers)}"
        h = self.any() if self.handles else "x"
        n = self.handles.get(h, (SIZE, True))[0]
        self.lines.append(f"{name} = {self.random.choice(NEW).format(n=n, h=h)}")
        self.handles[name] = (n, True)
        self.buffers.append(name)

    def handle(self) -> None:
        """Take a handle of a handle."""
        h = self.any()
        n, ordered = self.handles[h]
        text, shorter, keeps_order = self.random.choice(HANDLES)
        others = [g for g, known in self.handles.items() if known == (n, ordered)]
        left = 2 if shorter is None else n - shorter
        if left >= 2:
            name = f"h{len(self.lines)}"
            self.lines.append(f"{name} = {text.format(h=h, g=self.random.choice(others))}")
            self.handles[name] = (left, ordered and keeps_order)

    def store(self) -> None:
        """Store a number, or several, through a handle."""
        h, i = self.any(), self.random.randint(0, 1)
        forms = (
            f"{h}[{i}] = {self.number()}",
            f"{h}[{i}] += {self.number()}",
            f"put({h}, {i}, {self.number()})",
            f"poured({h}, {self.number()})",
            f"{h}[:] = {self.number()}",
            f"spread({h}, {self.number()})",
            f"{h}[1:].fill({self.number()})",
        )
        self.lines.append(self.random.choice(forms))

    def loop(self) -> None:
        """Store through the handles in a list, of one type."""
        h = self.any()
        alike = [g for g, known in self.handles.items() if known == self.handles[h]]
        g = self.random.choice(alike)
        holder = self.random.choice((f"[{h}, {g}]", f"({h}, {g})"))
        self.lines += [f"for y in {holder}:", f"    y[{self.random.randint(0, 1)}] += {self.number()}"]

    def swap(self) -> None:
        """Let two handles change places, once or in a loop."""
        h = self.any()
        alike = [g for g, known in self.handles.items() if known == self.handles[h] and g not in ("x", h)]
        if h != "x" and alike:
            g = self.random.choice(alike)
            times = self.random.randint(1, 3)
            self.lines += [f"for _ in range({times}):", f"    {h}, {g} = {g}, {h}", f"    {h}[0] = {self.number()}"]


def program(seed: int, writes: bool) -> str:
    """The text of a program; ``writes``: it may write to its argument, too."""
    return Writer(seed, writes).text()


def compiled(text: str) -> Any:
    """A program for Numba."""
    scope: dict[str, Any] = {"np": np, "Pair": Pair, **{f.__name__: f for f in TAUGHT}}
    scope.update({f.__name__: njit(f) for f in PLAIN})
    exec(text, scope)
    return njit(scope["program"])


class ComplexNumPy:
    """NumPy, with complex numbers in what it makes."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def zeros(self, n: int) -> Any:
        """Zeros."""
        return np.zeros(n, complex)

    def ones(self, n: int) -> Any:
        """Ones."""
        return np.ones(n, complex)

    def full(self, n: int, value: float) -> Any:
        """One value."""
        return np.full(n, value, complex)


def slopes(text: str, x: np.ndarray) -> np.ndarray:
    """The gradient of a program, by steps into the complex plane."""
    scope: dict[str, Any] = {"np": ComplexNumPy(), "Pair": Pair, **{f.__name__: f for f in (*PLAIN, *TAUGHT)}}
    exec(text.replace("x[0] > 0.0", "x[0].real > 0.0"), scope)
    step = 1e-30
    return np.array([scope["program"](x + 1j * step * e).imag / step for e in np.eye(x.size)])
