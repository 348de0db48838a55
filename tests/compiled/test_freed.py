"""Derivatives of functions that are garbage are garbage."""

from __future__ import annotations

import functools
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

import dualdiff as dd
from dualdiff.training import Adam, fit

X = np.array([1.0, 2.0])
XS = np.ones((5, 2))


def function(k: float) -> Any:
    @njit
    def helper(a, b):
        return a * b * k

    @njit
    def f(x):
        return helper(x[0], x[1]) + x[0]

    return f


def elementwise(k: float) -> Any:
    @njit
    def f(x):
        return x * x * k

    return f


def model(k: float) -> Any:
    @njit
    def f(params, X):
        return X @ params * k

    return f


def called_by_compiled_code(f: Any) -> Any:
    gradient = dd.gradient(f)

    @njit
    def g(x):
        return gradient(x)

    return g(X)


def jvp_in_compiled_code(f: Any) -> Any:
    @njit
    def g(x, v):
        return dd.jvp(f, (x,), (v,))

    return g(X, X)


def as_argument(f: Any) -> Any:
    @njit
    def g(f, x):
        return f(x) * x[1]

    return dd.gradient(g, argnums=1)(f, X)


def through_nan(f: Any) -> Any:
    return dd.gradient(f)(np.array([np.nan, np.inf]))


def trained(f: Any) -> Any:
    @njit
    def loss(prediction, y):
        return np.mean((prediction - y) ** 2)

    return fit(f, loss, np.zeros(2), (XS, np.ones(5)), Adam(0.1), epochs=1)


KINDS: dict[str, tuple[Callable[[float], Any], Callable[[Any], Any]]] = {
    "gradient": (function, lambda f: dd.gradient(f)(X)),
    "gradient at NaN": (function, through_nan),
    "jacobian": (function, lambda f: dd.jacobian(f)(X)),
    "hessian": (function, lambda f: dd.hessian(f)(X)),
    "long arrays": (function, lambda f: dd.gradient(f)(np.ones(500))),
    "derivative": (elementwise, lambda f: dd.derivative(f)(1.5)),
    "derivative by an array": (elementwise, lambda f: dd.derivative(f)(X)),
    "second derivative": (elementwise, lambda f: dd.derivative(dd.derivative(f))(1.5)),
    "jvp": (function, lambda f: dd.jvp(f, (X,), (X,))),
    "vmap": (elementwise, lambda f: dd.vmap(f)(X)),
    "vmap of a gradient": (function, lambda f: dd.vmap(dd.gradient(f))(XS)),
    "vmap of a Hessian": (function, lambda f: dd.vmap(dd.hessian(f))(XS)),
    "sparse Jacobian": (elementwise, lambda f: dd.sparse_jacobian(f, pattern=np.eye(2))(X)),
    "in compiled code": (function, called_by_compiled_code),
    "jvp in compiled code": (function, jvp_in_compiled_code),
    "f as an argument": (function, as_argument),
    "training": (model, trained),
}


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_go_with_the_function(kind: str) -> None:
    make, use = KINDS[kind]
    f = make(1.5)
    use(f)
    gone = weakref.ref(f.py_func)
    del f
    for _ in range(3):
        gc.collect()
    assert gone() is None


def test_what_compiled_code_calls_back_with_is_not_freed_before_it() -> None:
    @njit
    def f(x, y):
        return np.sqrt(x[0]) * x[1] + y[0]

    g = dd.gradient(f)
    y = np.array([1.0])
    np.testing.assert_allclose(g(np.array([4.0, 3.0]), y), [0.75, 2.0], rtol=1e-15)
    for k in range(3):  # new functions take the place of what was freed
        dd.gradient(function(k + 0.5))(X)
        gc.collect()
    np.testing.assert_array_equal(g(np.array([np.nan, 3.0]), y), [np.nan, np.nan])  # an array goes back to Python
    np.testing.assert_array_equal(g(np.array([0.0, 0.0]), y), [np.nan, 0.0])


def test_what_is_kept_is_not_copied_with_attributes() -> None:
    @njit
    def f(x):
        return x[0] * x[1]

    dd.gradient(f)(X)

    @functools.wraps(f.py_func)
    def g(x):
        return x[0] * x[1] * 10.0

    np.testing.assert_array_equal(dd.gradient(njit(g))(X), [20.0, 10.0])
    np.testing.assert_array_equal(dd.gradient(f)(X), [2.0, 1.0])
    again = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(dd.gradient(again)(X), [2.0, 1.0])


def test_attributes_of_another_compiled_function_are_refused() -> None:
    @njit
    def f(x):
        return x[0] * x[1]

    @functools.wraps(f)
    def g(x):
        return x[0] * x[1] * 10.0

    h = njit(g)

    @njit
    def calling(x):
        return h(x) + x[0]

    for differentiated in (lambda: dd.gradient(h), lambda: dd.gradient(calling)(X), lambda: dd.vmap(calling)(XS)):
        with pytest.raises(TypeError, match=r"^f has .* @functools\.wraps\(f\.py_func\)$"):
            differentiated()


def test_one_object_for_one_request() -> None:
    f = function(2.5)
    assert dd.gradient(f) is dd.gradient(f)
    assert dd.gradient(f) is not dd.gradient(f, argnums=(0,))


# --- exceptions -----------------------------------------------------------------------------


@njit
def refused(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i]
    if total > 0:
        raise ValueError("refused")
    return total


@njit
def all_refused(x):
    return x * refused(x)


LEFT = {
    "gradient": lambda: dd.gradient(refused)(X),
    "gradient of many": lambda: dd.gradient(refused)(np.ones(300)),
    "value and gradient": lambda: dd.value_and_gradient(refused)(X),
    "Jacobian": lambda: dd.jacobian(all_refused)(X),
    "Hessian": lambda: dd.hessian(refused)(X),
    "jvp": lambda: dd.jvp(refused, (X,), (X,)),
    "sparse Jacobian": lambda: dd.sparse_jacobian(all_refused, np.eye(2))(X),
    "batch": lambda: dd.vmap(dd.gradient(refused))(XS),
    "batch of Hessians": lambda: dd.vmap(dd.hessian(refused))(XS),
}


@pytest.mark.parametrize("name", LEFT)
def test_an_exception_in_f_leaves_nothing_allocated(name: str) -> None:
    call = LEFT[name]
    _nrt_python.memsys_enable_stats()
    try:
        alive = []
        for _ in range(3):
            for _ in range(5):
                with pytest.raises(ValueError, match="refused"):
                    call()
            stats = rtsys.get_allocation_stats()
            alive.append((stats.alloc - stats.free, stats.mi_alloc - stats.mi_free))
    finally:
        _nrt_python.memsys_disable_stats()
    assert alive[2] == alive[1]
