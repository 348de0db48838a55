"""The benchmark's peers compute what is by hand; the course's example comes out step by step."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench import course, sparse
from bench.measure import flat
from bench.peers import PEERS, by_hand, dual
from bench.workloads import WORKLOADS

SMALL = {
    "example": (np.array([2.0, 5.0]),),
    "rosenbrock-16": (np.linspace(0.5, 1.5, 6),),
    "ackley-16": (np.linspace(0.5, 1.5, 6),),
    "hessian-10": (np.linspace(0.5, 1.5, 6),),
    "brusselator": (np.linspace(0.5, 1.5, 12),),
    "jacobian-by-outputs-10": (np.array([2.0, 0.3, 0.5, 1.5]), np.linspace(0, 5, 10)),
}


def small(name: str):
    return replace(WORKLOADS[name], point=lambda: SMALL[name], chunked=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::UserWarning:torch")  # of its own code
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("peer", [p for p in PEERS if p is not by_hand], ids=lambda p: p.NAME)
def test_peers_agree_with_derivatives_by_hand(peer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_COMPILE_DISABLE", "1")  # read with PyTorch: formulas are checked here, not its compiler
    if reason := peer.missing():
        pytest.skip(f"{peer.NAME} is not there: {reason}")
    expected = flat(next(iter(by_hand.enter(small(name)).values())).result())
    for key, contestant in peer.enter(small(name)).items():
        error = np.abs(flat(contestant.result()) - expected).max() / np.abs(expected).max()
        assert error <= contestant.tolerance, key


def test_the_hessian_by_hand_is_symmetric_and_its_trace_is_that_of_differences() -> None:
    from bench.functions import ackley, ackley_hessian

    x, h = np.linspace(0.5, 1.5, 6), 1e-4
    hessian = ackley_hessian(x)
    np.testing.assert_array_equal(hessian, hessian.T)
    second = [(ackley(x + h * e) - 2 * ackley(x) + ackley(x - h * e)) / h**2 for e in np.eye(6)]
    np.testing.assert_allclose(np.diag(hessian), second, rtol=1e-5, atol=1e-5)


def test_entries_of_the_sparse_jacobian_are_those_of_the_dense_one() -> None:
    from bench.functions import brusselator_entries, brusselator_jacobian

    x = np.linspace(0.5, 1.5, 24)
    dense = brusselator_jacobian(x)
    rows, columns = sparse.pattern(24)
    np.testing.assert_array_equal(brusselator_entries(x), dense[rows, columns])
    assert np.count_nonzero(dense) == rows.size
    for colour in range(sparse.COLOURS):
        assert np.count_nonzero(dense[:, colour :: sparse.COLOURS], axis=1).max() == 1
    small = replace(WORKLOADS["brusselator-sparse"], point=lambda: (x,))
    np.testing.assert_allclose(next(iter(dual.enter(small).values())).result(), dense[rows, columns], rtol=1e-13)


def test_the_epoch_by_dual_numbers_is_the_epoch_by_hand() -> None:
    from bench.sgd import epoch, loss, loss_gradient
    from dualdiff import gradient

    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(300, 10)), rng.normal(size=300)
    data = features, labels, rng.permutation(300)
    np.testing.assert_allclose(epoch(gradient(loss))(*data), epoch(loss_gradient)(*data), rtol=1e-12)


def test_the_course_s_example_step_by_step() -> None:
    lines = {line.name.split(" ")[0]: line for line in course.trace()}
    assert list(lines) == ["x1", "x2", "v1", "v2", "v3", "v4", "y"]
    assert lines["v2"].tangents == (5.0, 2.0)
    assert lines["v3"].value == pytest.approx(math.sin(5))
    assert lines["y"].tangents == pytest.approx((5.5, 1.7163378145367738), rel=1e-15)
    if lines["y"].adjoint is not None:
        assert (lines["x1"].adjoint, lines["x2"].adjoint) == pytest.approx(lines["y"].tangents, rel=1e-15)
        assert lines["v3"].adjoint == -1


def test_the_course_s_table_names_what_is_missing(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr(course, "adjoints", lambda: None)
    course.main()
    printed = capsys.readouterr().out
    assert "1.7163" in printed
    assert "pip install torch" in printed
