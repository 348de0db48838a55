"""Memory and threads: nothing leaks, nothing is shared, nothing is written to."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

import dualdiff
from dualdiff import gradient, jacobian, jvp, value_and_jacobian
from dualdiff.training import Adam, PerSample, fit

X = np.array([2.0, 5.0, 0.5])


def buffered(x: Any) -> Any:
    work = np.zeros(x.size)
    rows = [x[0], x[1] * 2.0]
    for i in range(x.size):
        work[i] = np.sin(x[i]) * rows[i % 2]
    view = work[::-1]
    return view * x


def energy(x: Any) -> Any:
    total = 0.0
    for y in buffered_compiled(x):
        total += y * y
    return total


buffered_compiled = njit(buffered)
energy_compiled = njit(energy)
squares = njit(lambda x: x * x)


@pytest.fixture
def counted() -> Iterator[None]:
    """Numba counts its allocations."""
    _nrt_python.memsys_enable_stats()
    yield
    _nrt_python.memsys_disable_stats()


def prediction(params: Any, x: Any) -> Any:
    weights, offset = params
    return np.tanh(weights[0] * x + weights[1]) + offset


def squared(p: Any, y: Any) -> Any:
    return (p - y) ** 2


def test_a_compiled_epoch_allocates_nothing_in_its_steps(counted: None) -> None:
    model, loss = PerSample(njit(prediction)), njit(squared)
    x = np.linspace(-1, 1, 200)
    start = (np.array([0.5, 0.1]), 0.0)

    def allocated(batch_size: int) -> int:
        before = rtsys.get_allocation_stats()
        fit(model, loss, start, (x, np.sin(x)), Adam(0.01), batch_size, epochs=5)
        after = rtsys.get_allocation_stats()
        return after.alloc - before.alloc

    allocated(200)
    assert allocated(100) == allocated(50) == allocated(1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: gradient(energy_compiled)(X),
        lambda: value_and_jacobian(buffered_compiled)(X),
        lambda: jacobian(buffered_compiled)([2, 5, 1]),
        lambda: jvp(buffered_compiled, (X,), (X,)),
        lambda: squares(dualdiff.DualArray(X, np.ones((1, 3)))),
    ],
    ids=["gradient", "value_and_jacobian", "of_a_list", "jvp", "batch_in_and_out"],
)
def test_every_allocation_is_freed(call: Any, counted: None) -> None:
    call()
    before = rtsys.get_allocation_stats()
    for _ in range(10_000):
        call()
    after = rtsys.get_allocation_stats()
    assert after.alloc - before.alloc == after.free - before.free
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free


def test_eight_threads_compile_and_call_at_once() -> None:
    functions = [njit(lambda x, k=k: (x[0] + k) * x[1] ** 2 + np.sin(x[2] * k)) for k in range(4)]
    expected = [gradient(f.py_func)(X) for f in functions]
    barrier = threading.Barrier(8)
    failures: list[Any] = []

    def work(number: int) -> None:
        try:
            barrier.wait()
            for k in range(4):
                f = functions[(k + number) % 4]
                for _ in range(50):
                    np.testing.assert_allclose(gradient(f)(X), expected[(k + number) % 4], rtol=1e-13)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_importing_dualdiff_does_not_load_numba() -> None:
    program = "import sys, dualdiff, numpy as np; dualdiff.Dual(1.0, 1.0) * 2; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_dualdiff_loads_little_beside_numpy() -> None:
    program = "import sys, numpy; before = set(sys.modules); import dualdiff; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    modules = set(run.stdout.split())
    few = {"__future__", "threading", "heapq", "_heapq"}
    assert {name for name in modules if name.partition(".")[0] != "dualdiff"} <= few
    assert not modules & {"dualdiff.arrays.kernels", "dualdiff.arrays.linear", "dualdiff.arrays.reductions"}


@pytest.mark.parametrize(
    "first",
    [
        "assert np.allclose(dualdiff.erf(np.zeros(2)), 0)",
        "assert dualdiff.logsumexp([1.0, dualdiff.Dual(1.0, 2.0)]).tangents == (1.0,)",
        "assert (dualdiff.Dual(1.0, 1.0) * np.ones(2)).shape == (2,)",
        "assert np.sum(dualdiff.DualArray([1.0, 2.0], [[1.0, 1.0]])).tangents == (2.0,)",
        "assert np.sinc(dualdiff.Dual(1.0, 1.0)).tangents == (-1.0,)",
    ],
)
def test_what_is_loaded_late_is_there_at_the_first_call(first: str) -> None:
    subprocess.run([sys.executable, "-c", f"import numpy as np, dualdiff\n{first}"], check=True)


def test_a_dual_is_typed_if_numba_comes_later() -> None:
    program = (
        "from dualdiff import Dual\n"
        "x = Dual(3.0, 1.0)\n"
        "from numba import njit\n"
        "assert njit(lambda x: x * x)(x).tangents == (6.0,)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_other_numba_code_compiles_as_before() -> None:
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from numba import njit, float64\n"
        "if sys.argv[1] == 'with':\n"
        "    from dualdiff import derivative, vmap\n"
        "    vmap(derivative(njit(lambda x: np.sin(x) * np.exp(x))))(np.ones(3))\n"
        "@njit([float64(float64[:])])\n"
        "def f(x):\n"
        "    y = np.sin(x) + x ** 2\n"
        "    y += 1.0\n"
        "    return y.sum() + np.dot(x, x) + max(x[0], x[1])\n"
        "print(f(np.arange(5.0)).hex(), f.nopython_signatures)\n"
        "(code,) = f.inspect_asm().values()\n"
        "instructions = [line.split('#')[0].split() for line in code.splitlines() if line.startswith('\\t')]\n"
        "print([words[0] for words in instructions if words and words[0][0] != '.'])\n"
    )
    results = {
        subprocess.run([sys.executable, "-c", program, how], check=True, capture_output=True, text=True).stdout
        for how in ("with", "without")
    }
    assert len(results) == 1
    assert "ret" in results.pop()
