"""Objects of jitclasses and structrefs as arguments: f reads them, and is refused where it writes to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import float64, int64, njit, types
from numba.experimental import jitclass, structref
from numba.extending import intrinsic, overload_method

from dualdiff import CompilationError, gradient, hessian, jacobian, vmap


@jitclass([("power", float64)])
class Inner:
    """A power."""

    def __init__(self, power):
        self.power = power


@jitclass([("weights", float64[:]), ("count", int64), ("scale", float64), ("inner", Inner.class_type.instance_type)])
class Model:
    """Weights, a count, and another object."""

    def __init__(self, weights):
        self.weights = weights
        self.count = 0
        self.scale = 2.0
        self.inner = Inner(3.0)

    def at(self, x):
        total = 0.0
        for i in range(x.size):
            total += self.weights[i] * x[i] ** self.inner.power
        return total * self.factor

    @property
    def factor(self):
        return self.scale * 0.5

    def counted(self):
        self.count += 1
        return self.count

    def raised(self, by):
        self.weights[0] += by
        return self.weights[0]


@structref.register
class StateType(types.StructRef):
    """Its type."""

    def preprocess_fields(self, fields):
        return tuple((name, types.unliteral(ty)) for name, ty in fields)


class State(structref.StructRefProxy):
    """Weights and a count."""

    def __new__(cls, weights, count):
        return structref.StructRefProxy.__new__(cls, weights, count)

    @property
    def count(self):
        return count_of(self)


structref.define_proxy(State, StateType, ["weights", "count"])


@njit
def count_of(state):
    return state.count


@overload_method(StateType, "at")
def _at(self, x):
    return lambda self, x: (self.weights * x * x).sum()


@overload_method(StateType, "counted")
def _counted(self):
    def counted(self):
        self.count += 1
        return self.count

    return counted


def model() -> Any:
    return Model(np.arange(1.0, 21.0))


def state() -> Any:
    return State(np.arange(1.0, 21.0), 0)


@njit
def through_a_method(x, model):
    return model.at(x)


@njit
def by_fields(x, model):
    out = np.zeros(x.size)
    for i in range(x.size):
        out[i] = model.weights[i] * x[i]
    return out * model.scale


@njit
def helper(x, model):
    return model.weights[2] * x[0] * x[1]


@njit
def through_a_helper(x, model):
    return helper(x, model)


@njit
def makes_one(x):
    made = Model(np.ones(3))
    made.scale = 3.0
    made.counted()
    return made.scale * made.count * (x * made.weights[0]).sum()


X = np.linspace(0.5, 2.0, 20)
CHUNKS = [1, 3, None]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_f_reads_an_object(chunk: int | None) -> None:
    weights = np.arange(1.0, 21.0)
    np.testing.assert_allclose(gradient(through_a_method, chunk=chunk)(X, model()), 3 * weights * X**2, rtol=1e-14)
    np.testing.assert_array_equal(jacobian(by_fields, chunk=chunk)(X, model()), np.diag(2 * weights))
    np.testing.assert_array_equal(gradient(through_a_method, chunk=chunk)(X, state()), 2 * weights * X)
    np.testing.assert_array_equal(gradient(through_a_helper, chunk=chunk)(X, state())[:3], [3 * X[1], 3 * X[0], 0])
    np.testing.assert_array_equal(gradient(makes_one, chunk=chunk)(X), np.full(20, 3.0))


def test_in_second_derivatives_and_batches() -> None:
    weights = np.arange(1.0, 21.0)
    np.testing.assert_allclose(hessian(through_a_method)(X, model()), np.diag(6 * weights * X), rtol=1e-14)
    np.testing.assert_array_equal(hessian(through_a_method)(X, state()), np.diag(2 * weights))
    found = vmap(gradient(through_a_method), in_axes=(0, None))(np.stack([X, 2 * X]), state())
    np.testing.assert_array_equal(found, [2 * weights * X, 4 * weights * X])


@njit
def sets_a_field(x, model):
    model.count += 1
    return model.count * x.sum()


@njit
def sets_an_element(x, model):
    model.weights[0] += 1.0
    return (model.weights * x).sum()


@njit
def sets_through_a_view(x, model):
    for part in (model.weights[2:5], model.weights[:1]):
        part[0] = 7.0
    return (model.weights * x).sum()


@njit
def by_a_method(x, model):
    return model.counted() * x.sum()


@njit
def increment(model):
    model.count += 1


@njit
def by_a_helper(x, model):
    increment(model)
    return model.count * x.sum()


@njit
def in_a_tuple(x, models):
    models[0].count += 1
    return models[0].count * x.sum()


WRITERS = [sets_a_field, sets_an_element, sets_through_a_view, by_a_method, by_a_helper]


@pytest.mark.parametrize("make", [model, state], ids=["jitclass", "structref"])
@pytest.mark.parametrize("f", WRITERS, ids=lambda f: f.__name__)
def test_f_that_writes_to_an_object_is_refused(f: Any, make: Any) -> None:
    given = make()
    for transformed in (gradient(f), gradient(f, chunk=1), hessian(f)):
        with pytest.raises(CompilationError, match=r"test_objects.py:\d+: .*\n.*every pass must see the same object"):
            transformed(X, given)
    assert given.count == 0


def test_also_in_tuples_in_methods_that_write_arrays_and_in_batches() -> None:
    with pytest.raises(CompilationError, match="every pass must see the same object"):
        gradient(in_a_tuple)(X, (model(), model()))
    with pytest.raises(CompilationError, match="every pass must see the same object"):
        gradient(njit(lambda x, m: m.raised(1.0) * x.sum()))(X, model())
    with pytest.raises(CompilationError, match="every pass must see the same object"):
        vmap(sets_a_field, in_axes=(0, None))(np.stack([X, X]), model())


# --- what users teach Numba -----------------------------------------------------------------


@jitclass([("held", float64[:])])
class Holder:
    """An array."""

    def __init__(self):
        self.held = np.zeros(3)

    def copy(self):
        return self.held


@njit
def writes_into_what_is_held(x):
    holder = Holder()
    w = holder.copy()
    w[0] = x[0] * x[1]
    return holder.held[0] + w[0]


def test_a_method_copy_need_not_make_one() -> None:
    x = np.array([2.0, 3.0])
    assert writes_into_what_is_held(x) == 12.0
    with pytest.raises(CompilationError, match=r"test_objects.py:\d+: w\[0\] = x\[0\] \* x\[1\]"):
        gradient(writes_into_what_is_held)(x)


@intrinsic
def same(typingctx, array):
    """The array itself, of a type that may be written to."""

    def codegen(context, builder, sig, args):
        context.nrt.incref(builder, sig.args[0], args[0])
        return args[0]

    return types.Array(array.dtype, array.ndim, "C")(array), codegen


@njit
def writes_through_an_intrinsic(x, c):
    view = same(c)
    view[0] += 1.0
    return c[0] * (x * x).sum()


@pytest.mark.parametrize("chunk", CHUNKS)
def test_what_an_intrinsic_writes_no_other_pass_sees(chunk: int | None) -> None:
    c = np.ones(3)
    np.testing.assert_array_equal(gradient(writes_through_an_intrinsic, chunk=chunk)(X, c), 4 * X)
    np.testing.assert_array_equal(c, 1)
