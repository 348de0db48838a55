"""Programs whose derivative is lost where a view is taken for new memory, or a store into an argument goes unseen.

Each is a way to write x0 x1 x2, through the construct that it is named after.
"""

# ruff: noqa: B007, B905, D101, E741, RUF005, SIM108 (code as users write it, and as Numba takes it)

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from numba import literal_unroll, njit, typed, types
from numba.experimental import jitclass, structref
from numba.extending import overload, register_jitable

from dualdiff import CompilationError, gradient, hessian, value_and_gradient, vmap

X = np.array([2.0, 3.0, 5.0])
PRODUCTS: dict[str, Any] = {}


def product(function: Any) -> Any:
    """Register a way to write x0 x1 x2."""
    PRODUCTS[function.__name__] = dispatcher = njit(function)
    return dispatcher


Pair = namedtuple("Pair", "a b")


@njit
def tail(a):
    return a[1:]


@njit
def ident(a):
    return a


@njit
def put(a, i, v):
    a[i] = v


@njit
def make(n):
    return np.zeros(n)


@njit
def work(x):
    return np.zeros(x.size)


@njit
def call(g, a):
    return g(a)


@njit
def pick(c, a, b):
    return a if c else b


def ov(a):
    raise NotImplementedError


@overload(ov)
def _ov(a):
    return lambda a: a.reshape(1, -1)[0]


def ovw(a, v):
    raise NotImplementedError


@overload(ovw)
def _ovw(a, v):

    def impl(a, v):
        a[0] = v

    return impl


@register_jitable
def rj(a):
    return a[::-1]


@njit
def gen(a):
    for i in range(2):
        yield a[i:]


@njit
def rec(a, n):
    return a if n == 0 else rec(a[1:], n - 1)


@njit
def even(a, n: int):
    return a if n == 0 else odd(a, n - 1)


@njit
def odd(a, n: int):
    return a if n == 0 else even(a, n - 1)


@product
def helper_makes(x):
    b = make(3)
    b[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def helper_works(x):
    b = work(x)
    b[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def helper_tail(x):
    b = np.zeros(3)
    tail(b)[0] = x[0] * x[1]
    return b[1] * x[2]


@product
def helper_put(x):
    b = np.zeros(3)
    put(b, 1, x[0] * x[1])
    return b[1] * x[2]


@product
def helper_put_view(x):
    b = np.zeros(3)
    put(b[1:], 0, x[0] * x[1])
    return b[1] * x[2]


@product
def func_arg(x):
    b = np.zeros(3)
    call(tail, b)[0] = x[0] * x[1]
    return b[1] * x[2]


@product
def pick_two(x):
    b = np.zeros(3)
    c = np.zeros(3)
    pick(x[0] > 0, b, c)[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def over(x):
    b = np.zeros(3)
    ov(b)[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def over_write(x):
    b = np.zeros(3)
    ovw(b, x[0] * x[1])
    return b[0] * x[2]


@product
def regjit(x):
    b = np.zeros(3)
    rj(b)[0] = x[0] * x[1]
    return b[2] * x[2]


@product
def tup(x):
    b = np.zeros(3)
    t = (b, 1)
    t[0][0] = x[0] * x[1]
    return b[0] * x[2]


@product
def tup2(x):
    b = np.zeros(3)
    c = np.zeros(3)
    t = (b, c)
    t[1][0] = x[0] * x[1]
    return c[0] * x[2]


@product
def named(x):
    b = np.zeros(3)
    t = Pair(b, 2.0)
    t.a[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def lst(x):
    b = np.zeros(3)
    l = [b]
    l[0][0] = x[0] * x[1]
    return b[0] * x[2]


@product
def lst_loop(x):
    b = np.zeros(3)
    c = np.zeros(3)
    for y in [b, c]:
        y[0] += x[0] * x[1]
    return c[0] * x[2]


@product
def lst_append(x):
    l = [np.zeros(3)]
    l.append(np.zeros(3))
    l[1][0] = x[0] * x[1]
    return l[1][0] * x[2]


@product
def lst_pop(x):
    b = np.zeros(3)
    l = [b]
    y = l.pop()
    y[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def tlist(x):
    b = np.zeros(3)
    l = typed.List()
    l.append(b)
    l[0][0] = x[0] * x[1]
    return b[0] * x[2]


@product
def dct(x):
    b = np.zeros(3)
    d = {1: b}
    d[1][0] = x[0] * x[1]
    return b[0] * x[2]


@product
def dct_get(x):
    b = np.zeros(3)
    d = {1: b}
    for k, v in d.items():
        v[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def nxt(x):
    b = np.zeros(3)
    y = next(iter([b]))
    y[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def enum(x):
    b = np.zeros((2, 3))
    for i, r in enumerate(b):
        r[0] = x[0] * x[1]
    return b[1, 0] * x[2]


@product
def zipped(x):
    b = np.zeros((2, 3))
    c = np.zeros((2, 3))
    for r, s in zip(b, c):
        s[0] = x[0] * x[1]
    return c[1, 0] * x[2]


@product
def generator(x):
    b = np.zeros(3)
    for y in gen(b):
        y[0] = x[0] * x[1]
    return b[1] * x[2]


@product
def closure(x):
    b = np.zeros(3)

    def inner(v):
        b[0] = v

    inner(x[0] * x[1])
    return b[0] * x[2]


@product
def recursive(x):
    b = np.zeros(3)
    rec(b, 2)[0] = x[0] * x[1]
    return b[2] * x[2]


@product
def mutual(x):
    b = np.zeros(3)
    even(b, 3)[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def swap(x):
    b = np.zeros(3)
    c = np.ones(3)
    for i in range(3):
        b, c = (c, b)
        b[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def view_of_view(x):
    b = np.zeros((2, 3))
    v = b.T[1:]
    v[0][1] = x[0] * x[1]
    return b[1, 1] * x[2]


@product
def ravel(x):
    b = np.zeros((2, 3))
    b.ravel()[4] = x[0] * x[1]
    return b[1, 1] * x[2]


@product
def flat(x):
    b = np.zeros((2, 3))
    b.flat[4] = x[0] * x[1]
    return b[1, 1] * x[2]


@product
def split(x):
    b = np.zeros(4)
    np.split(b, 2)[1][0] = x[0] * x[1]
    return b[2] * x[2]


@product
def asarr(x):
    b = np.zeros(3)
    np.asarray(b)[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def ascont(x):
    b = np.zeros(3)
    np.ascontiguousarray(b)[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def atleast(x):
    b = np.zeros(3)
    np.atleast_2d(b)[0, 0] = x[0] * x[1]
    return b[0] * x[2]


@product
def iadd(x):
    b = np.zeros(3)
    c = b
    c += x[0] * x[1]
    return b[0] * x[2]


@product
def iadd_arr(x):
    b = np.zeros(3)
    c = b[:]
    c += x * x[0]
    return b[1] * x[2]


@product
def out_arg(x):
    b = np.zeros(3)
    np.multiply(x, x[0], b)
    return b[1] * x[2]


@product
def fill(x):
    b = np.zeros(3)
    b[1:].fill(x[0] * x[1])
    return b[1] * x[2]


@product
def slice_set(x):
    b = np.zeros(3)
    b[:] = x * x[0]
    return b[1] * x[2]


@product
def phi(x):
    b = np.zeros(3)
    if x[0] > 0:
        y = b
    else:
        y = np.ones(3)
    y[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def wr_list(x):
    l = [np.zeros(3)]
    l.append(x)
    l[1][0] = l[1][0] * l[1][1]
    return x[0] * x[2]


@product
def wr_tuple(x):
    t = (np.zeros(2),) + (x,)
    t[1][0] = t[1][0] * t[1][1]
    return x[0] * x[2]


@product
def wr_dict(x):
    d = {1: x}
    d[1][0] *= d[1][1]
    return x[0] * x[2]


@product
def wr_flat(x):
    x.flat[0] = x[0] * x[1]
    return x[0] * x[2]


@product
def wr_ascont(x):
    y = np.ascontiguousarray(x)
    y[0] = x[0] * x[1]
    return x[0] * x[2]


@product
def wr_gen(x):
    for y in gen(x):
        y[0] = y[0] * y[1]
        break
    return x[0] * x[2]


@product
def wr_next(x):
    y = next(iter((x,)))
    y[0] *= y[1]
    return x[0] * x[2]


@product
def wr_over(x):
    ovw(x, x[0] * x[1])
    return x[0] * x[2]


@product
def wr_rec(x):
    y = rec(x, 0)
    y[0] *= y[1]
    return x[0] * x[2]


@product
def wr_named(x):
    t = Pair(x, 1)
    t.a[0] *= t.a[1]
    return x[0] * x[2]


@product
def wr_closure(x):

    def g():
        x[0] = x[0] * x[1]

    g()
    return x[0] * x[2]


@product
def wr_ravel(x):
    x.reshape(3, 1).ravel()[0] *= x[1]
    return x[0] * x[2]


@product
def wr_pick(x):
    y = pick(x[1] > -99, x, x)
    y[0] *= y[1]
    return x[0] * x[2]


@product
def wr_swapped(x):
    y = np.ones(3)
    z = x
    y, z = (z, y)
    y[0] *= y[1]
    return x[0] * x[2]


Spec = [("v", types.float64[:])]


@jitclass(Spec)
class Box:
    def __init__(self, v):
        self.v = v


@product
def jit_class(x):
    b = np.zeros(3)
    o = Box(b)
    o.v[0] = x[0] * x[1]
    return b[0] * x[2]


@structref.register
class SType(types.StructRef):
    def preprocess_fields(self, fields):
        return tuple(((n, types.unliteral(t)) for n, t in fields))


class S(structref.StructRefProxy):
    def __new__(cls, v):
        return structref.StructRefProxy.__new__(cls, v)


structref.define_proxy(S, SType, ["v"])


@product
def struct_ref(x):
    b = np.zeros(3)
    o = S(b)
    o.v[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def wr_struct(x):
    o = S(x)
    o.v[0] *= o.v[1]
    return x[0] * x[2]


@product
def wr_tlist(x):
    l = typed.List()
    l.append(x)
    l[0][0] *= l[0][1]
    return x[0] * x[2]


@product
def unroll(x):
    b = np.zeros(3)
    c = np.zeros((3, 1))
    for y in literal_unroll((b, c)):
        y[0] = x[0] * x[1]
    return b[0] * x[2]


@product
def comp(x):
    l = [np.zeros(3) for i in range(2)]
    l[1][0] = x[0] * x[1]
    return l[1][0] * x[2]


@product
def nest(x):
    l = [[0.0, 1.0], [2.0]]
    l[0][0] = x[0] * x[1]
    return l[0][0] * x[2]


@product
def sort_(x):
    b = np.empty(3)
    for i in range(3):
        b[i] = x[i]
    b.sort()
    return b[0] * b[1] * b[2]


@product
def lst_num(x):
    z = [0.0] * 3
    z[1] += x[0] * x[1]
    return z[1] * x[2]


@product
def set_tup(x):
    b = np.zeros(3)
    b[0], b[1] = (x[0], x[1])
    return b[0] * b[1] * x[2]


@product
def cp_then(x):
    b = np.zeros(3)
    c = b.copy()
    c[0] = x[0] * x[1]
    return (c[0] + b[0]) * x[2]


NOT_DIFFERENTIABLE = {"jit_class"}


@pytest.mark.parametrize("name", [name for name in PRODUCTS if name not in NOT_DIFFERENTIABLE])
def test_no_store_is_lost(name: str) -> None:
    f = PRODUCTS[name]
    value, slopes = value_and_gradient(f, chunk=1)(X.copy())
    assert value == f(X.copy())
    np.testing.assert_allclose(slopes, [15.0, 10.0, 6.0], rtol=1e-14)


WRITERS = [name for name in PRODUCTS if name.startswith("wr_")]


@pytest.mark.parametrize("name", WRITERS)
def test_batches_and_second_derivatives_of_what_writes_to_its_argument(name: str) -> None:
    samples = np.stack([X, X + 1])
    slopes = vmap(gradient(PRODUCTS[name]))(samples)
    np.testing.assert_allclose(slopes, [[15.0, 10.0, 6.0], [24.0, 18.0, 12.0]], rtol=1e-14)
    np.testing.assert_array_equal(vmap(PRODUCTS[name])(samples), [30.0, 72.0])
    np.testing.assert_array_equal(samples, [X, X + 1])


@pytest.mark.parametrize("name", ["wr_list", "func_arg"])
def test_second_derivatives(name: str) -> None:
    curvature = hessian(PRODUCTS[name])(X)
    np.testing.assert_allclose(curvature, [[0.0, 5.0, 3.0], [5.0, 0.0, 2.0], [3.0, 2.0, 0.0]], rtol=1e-14)


@pytest.mark.parametrize("name", sorted(NOT_DIFFERENTIABLE))
def test_what_cannot_hold_duals_is_refused_with_its_line(name: str) -> None:
    with pytest.raises(CompilationError, match=r"test_aliasing\.py:\d+: "):
        gradient(PRODUCTS[name])(X)


@njit
def scaled_by_weights(x, w):
    w[0] += 1.0
    return w[0] * x[1] + w[1] * x[2]


def test_an_argument_that_f_writes_to_is_left_alone_and_the_same_in_every_pass() -> None:
    weights = np.array([1.0, 4.0])
    for chunk in (1, 2, None):
        np.testing.assert_array_equal(gradient(scaled_by_weights, chunk=chunk)(X, weights), [0.0, 2.0, 4.0])
    np.testing.assert_array_equal(weights, [1.0, 4.0])


@njit
def keeps_in_a_box(x, w):
    box = Box(w)
    box.v[0] += 1.0
    return w[0] * x[1]


def test_an_array_that_becomes_the_field_of_a_jitclass_is_copied_for_each_pass() -> None:
    weights = np.zeros(2)
    np.testing.assert_array_equal(gradient(keeps_in_a_box, chunk=1)(X, weights), [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(weights, [0.0, 0.0])


@njit
def adds_to_a_list(x, numbers):
    numbers[0] += 1.0
    return numbers[0] * x[1]


def test_lists_are_copied_for_each_pass() -> None:
    numbers = typed.List([1.0])
    np.testing.assert_array_equal(gradient(adds_to_a_list, chunk=1)(X, numbers), [0.0, 2.0, 0.0])
    assert list(numbers) == [1.0]
