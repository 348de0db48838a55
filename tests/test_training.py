"""Optimizers against their definitions, and what fit promises: the same bits, resumption, reasons to stop."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

import dualdiff
from dualdiff.training import (
    RACERS,
    TEST_FUNCTIONS,
    Adam,
    Constant,
    CosineDecay,
    Fit,
    GaussNewton,
    GradientDescent,
    LevenbergMarquardt,
    Momentum,
    Newton,
    PerSample,
    RMSprop,
    StepDecay,
    compare_gradients,
    descent_path,
    fit,
    least_squares,
    predict,
    race,
    step_size_errors,
)

START = [1.5, -2.0, 0.7]
STEPS = 20


def bowl(x):
    """A function that is no square, with a gradient that is easily written out."""
    return x[0] ** 4 + 3 * (x[1] - x[0]) ** 2 + np.cosh(x[2])


def bowl_slope(x):
    return [4 * x[0] ** 3 - 6 * (x[1] - x[0]), 6 * (x[1] - x[0]), math.sinh(x[2])]


# --- each optimizer, written out --------------------------------------------------------------


def gradient_descent_by_hand(eta):
    x, path = list(START), []
    for _ in range(STEPS):
        g = bowl_slope(x)
        for i in range(3):
            x[i] = x[i] - eta * g[i]
        path.append(list(x))
    return path


def momentum_by_hand(eta, beta):
    x, m, path = list(START), [0.0] * 3, []
    for _ in range(STEPS):
        g = bowl_slope(x)
        for i in range(3):
            m[i] = beta * m[i] - g[i]
            x[i] = x[i] + eta * m[i]
        path.append(list(x))
    return path


def rmsprop_by_hand(eta, beta, epsilon):
    x, v, path = list(START), [0.0] * 3, []
    for _ in range(STEPS):
        g = bowl_slope(x)
        for i in range(3):
            v[i] = beta * v[i] + (1 - beta) * g[i] ** 2
            x[i] = x[i] - eta * g[i] / math.sqrt(v[i] + epsilon)
        path.append(list(x))
    return path


def adam_by_hand(eta, beta1, beta2, epsilon):
    x, m, v, path = list(START), [0.0] * 3, [0.0] * 3, []
    for t in range(1, STEPS + 1):
        g = bowl_slope(x)
        for i in range(3):
            m[i] = beta1 * m[i] + (1 - beta1) * g[i]
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
            x[i] -= eta * (m[i] / (1 - beta1**t)) / (math.sqrt(v[i] / (1 - beta2**t)) + epsilon)
        path.append(list(x))
    return path


def newton_by_hand():
    x, path = list(START), []
    for _ in range(STEPS):
        g, h = bowl_slope(x), [[12 * x[0] ** 2 + 6, -6.0], [-6.0, 6.0]]
        determinant = h[0][0] * h[1][1] - h[0][1] * h[1][0]
        x[0], x[1] = (
            x[0] - (h[1][1] * g[0] - h[0][1] * g[1]) / determinant,
            x[1] - (h[0][0] * g[1] - h[1][0] * g[0]) / determinant,
        )
        x[2] = x[2] - g[2] / math.cosh(x[2])
        path.append(list(x))
    return path


BY_HAND = {
    "gradient descent": (GradientDescent(0.02), gradient_descent_by_hand(0.02)),
    "momentum": (Momentum(0.02, 0.8), momentum_by_hand(0.02, 0.8)),
    "RMSprop": (RMSprop(0.03), rmsprop_by_hand(0.03, 0.9, 1e-10)),
    "Adam": (Adam(0.05), adam_by_hand(0.05, 0.9, 0.999, 1e-8)),
    "Newton": (Newton(tolerance=0.0), newton_by_hand()),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_first_steps_are_those_written_out_by_hand(name):
    optimizer, expected = BY_HAND[name]
    path = descent_path(bowl, START, optimizer, STEPS)[1:]
    np.testing.assert_allclose(path, expected[: len(path)], rtol=0, atol=1e-12)
    if name == "Newton":  # it ends where no step lowers the loss: then the hand computation moves no more
        np.testing.assert_allclose(path[-1], expected[-1], rtol=0, atol=1e-5)
    else:
        assert len(path) == STEPS


def exponential(p, t, y):
    return p[0] * np.exp(-p[1] * t) - y


TIME = np.linspace(0, 2, 9)
DECAY = 2.5 * np.exp(-1.3 * TIME) + 0.05 * np.cos(7 * TIME)


def linearised(p):
    """The normal equations of the linearised problem: J'J, J'r and the sum of squares."""
    normal, right, s = [[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0], 0.0
    for t, y in zip(TIME, DECAY, strict=True):
        e = math.exp(-p[1] * t)
        r, row = p[0] * e - y, [e, -p[0] * t * e]
        s += r * r
        for i in range(2):
            right[i] += row[i] * r
            for j in range(2):
                normal[i][j] += row[i] * row[j]
    return normal, right, s


def solved(normal, right):
    (a, b), (c, d) = normal
    determinant = a * d - b * c
    return [(d * right[0] - b * right[1]) / determinant, (a * right[1] - c * right[0]) / determinant]


def test_gauss_newton_is_that_written_out_by_hand():
    path = descent_path(lambda p: exponential(p, TIME, DECAY), [2.0, 1.0], GaussNewton(tolerance=0.0), STEPS)
    x = [2.0, 1.0]
    for point in path[1:]:
        normal, right, _ = linearised(x)
        x = [xi - step for xi, step in zip(x, solved(normal, right), strict=True)]
        np.testing.assert_allclose(point, x, rtol=0, atol=1e-12)
    assert len(path) > 4


def test_levenberg_marquardt_steps_solve_the_damped_equations():
    # More's step is that of (J'J + m D^2) p = -J'r whose scaled length is the radius, to a tenth
    solver = LevenbergMarquardt(factor=0.1)
    evaluate = solver.evaluation(lambda p: exponential(p, TIME, DECAY), ())
    at, region = evaluate(np.array([1.0, 4.0])), None
    scale = radius = None
    rejected = 0
    for _ in range(STEPS):
        normal, right, before = linearised(at.theta)
        columns = [math.sqrt(normal[0][0]), math.sqrt(normal[1][1])]
        scale = columns if scale is None else [max(s, c) for s, c in zip(scale, columns, strict=True)]
        if radius is None:
            radius = 0.1 * math.hypot(scale[0] * at.theta[0], scale[1] * at.theta[1])
        there, region, reason = solver.step(evaluate, at, region)
        np.testing.assert_allclose(region.scale, scale, rtol=1e-12)
        step = there.theta - at.theta
        if there is at:
            rejected += 1
        else:
            length = math.hypot(scale[0] * step[0], scale[1] * step[1])
            assert length <= 1.1 * radius * (1 + 1e-12)
            # the multiplier follows from one of the two equations; the other must then hold
            residue = [right[i] + normal[i][0] * step[0] + normal[i][1] * step[1] for i in range(2)]
            multipliers = [-residue[i] / (scale[i] ** 2 * step[i]) for i in range(2)]
            if length < 0.9 * radius:
                assert max(map(abs, multipliers)) < 1e-6 or np.abs(step).max() < 1e-7
            else:
                assert multipliers[0] == pytest.approx(multipliers[1], rel=1e-6)
                assert multipliers[0] > 0
            assert there.value <= before
        at, radius = there, region.radius
        if reason is not None:
            break
    assert reason is not None
    assert rejected < 5
    reference = descent_path(lambda p: exponential(p, TIME, DECAY), [2.0, 1.0], GaussNewton(), 50)[-1]
    np.testing.assert_allclose(at.theta, reference, rtol=1e-8)


@pytest.mark.parametrize("name", ["gradient descent", "momentum", "Adam", "RMSprop"])
def test_first_steps_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    x = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer, theirs = {
        "gradient descent": (GradientDescent(0.02), torch.optim.SGD([x], lr=0.02)),
        "momentum": (Momentum(0.02, 0.8), torch.optim.SGD([x], lr=0.02, momentum=0.8)),
        "Adam": (Adam(0.05), torch.optim.Adam([x], lr=0.05)),
        # PyTorch adds epsilon to the root and not to what is under it: the same where it is nothing
        "RMSprop": (RMSprop(0.03, epsilon=1e-300), torch.optim.RMSprop([x], lr=0.03, alpha=0.9, eps=0.0)),
    }[name]
    path = descent_path(bowl, START, optimizer, STEPS)[1:]
    for ours in path:
        theirs.zero_grad()
        (x[0] ** 4 + 3 * (x[1] - x[0]) ** 2 + torch.cosh(x[2])).backward()
        theirs.step()
        np.testing.assert_allclose(ours, x.detach().numpy(), rtol=0, atol=1e-12)


def test_steps_of_a_tuple_are_those_of_its_parts():
    rng = np.random.default_rng(0)
    params, gradient = (rng.normal(size=(2, 3)), 0.5), (rng.normal(size=(2, 3)), -1.0)
    copy = params[0].copy()
    for optimizer in (GradientDescent(0.1), Momentum(0.1), RMSprop(0.1), Adam(0.1)):
        (matrix, number), state = optimizer.step(params, gradient, optimizer.init(params))
        alone, _ = optimizer.step(params[0], gradient[0], optimizer.init(params[0]))
        np.testing.assert_array_equal(matrix, alone)
        assert number > 0.5
        assert state.steps == 1
    np.testing.assert_array_equal(params[0], copy)


def test_learning_rate_schedules():
    path = descent_path(lambda x: x[0], [0.0], GradientDescent(StepDecay(1.0, 0.5, every=2)), 6).ravel()
    np.testing.assert_allclose(np.diff(path), [-1, -1, -0.5, -0.5, -0.25, -0.25])
    assert [Constant(0.3)(t) for t in (0, 7)] == [0.3, 0.3]
    assert CosineDecay(1.0, 10, last=0.1)(10) == pytest.approx(0.1)


# --- fit --------------------------------------------------------------------------------------

RNG = np.random.default_rng(5)
X = RNG.normal(size=(103, 4))
Y = X @ [1.0, -2.0, 0.5, 3.0] + 0.1 * RNG.normal(size=103)


def linear(w, X):
    out = np.empty(X.shape[0])
    for i in range(X.shape[0]):
        total = 0.0
        for j in range(w.size):
            total += w[j] * X[i, j]
        out[i] = total
    return out


def plain_linear(w, X):
    return X @ w


def squared_error(prediction, y):
    return np.mean((prediction - y) ** 2)


compiled_linear, compiled_error = njit(linear), njit(squared_error)
WAYS = {"compiled": (compiled_linear, compiled_error), "interpreted": (plain_linear, squared_error)}


def train(way="interpreted", start=None, optimizer=None, batch=10, **options):
    model, loss = WAYS[way]
    start = np.zeros(4) if start is None else start
    return fit(model, loss, start, (X, Y), Adam(0.05) if optimizer is None else optimizer, batch, **options)


def same(a: Fit, b: Fit) -> bool:
    return (
        np.array_equal(a.params, b.params)
        and np.array_equal(a.history, b.history)
        and a.random_state == b.random_state
        and a.reason == b.reason
    )


@pytest.mark.parametrize("way", WAYS)
def test_same_seed_same_bits_and_a_resumed_fit_is_an_uninterrupted_one(way):
    schedule = CosineDecay(0.1, 120)
    whole = train(way, optimizer=Adam(schedule), epochs=7, seed=3)
    assert same(whole, train(way, optimizer=Adam(schedule), epochs=7, seed=3))
    assert not np.array_equal(whole.params, train(way, optimizer=Adam(schedule), epochs=7, seed=4).params)
    first = train(way, optimizer=Adam(schedule), epochs=3, seed=3)
    assert same(whole, train(way, start=first, optimizer=Adam(schedule), epochs=4))
    assert (whole.epochs, len(whole.history)) == (7, 7)
    assert whole.reason == "all epochs are done"


def test_compiled_and_interpreted_fits_are_equal():
    # the sums are taken in other orders; the optimizers' own arithmetic is the same to the bit
    for optimizer in (Adam(0.05), Adam(StepDecay(0.05, 0.5, 30))):
        compiled, interpreted = (train(way, optimizer=optimizer, epochs=5, seed=1) for way in WAYS)
        np.testing.assert_allclose(compiled.params, interpreted.params, rtol=1e-12)
        np.testing.assert_allclose(compiled.history, interpreted.history, rtol=1e-12)


def test_the_update_gives_the_same_bits_compiled_and_interpreted():
    from dualdiff.training.optimizers import _adapt

    compiled = njit(_adapt)
    rng = np.random.default_rng(1)
    theta, gradient, moments = rng.normal(size=9), rng.normal(size=9), rng.uniform(size=(2, 9))
    a, b = (theta.copy(), moments.copy()), (theta.copy(), moments.copy())
    for t in range(1, 6):
        numbers = (0.01, float(t), 0.9, 0.999, 1e-8)
        _adapt(slice(None), a[0], gradient, a[1], *numbers)
        for i in range(9):
            compiled(i, b[0], gradient, b[1], *numbers)
    assert np.array_equal(a[0], b[0])
    assert np.array_equal(a[1], b[1])


def test_three_kinds_of_gradient_descent():
    exact = np.linalg.lstsq(X, Y, rcond=None)[0]
    whole = train(optimizer=GradientDescent(0.1), batch=None, epochs=200)
    np.testing.assert_allclose(whole.params, exact, atol=1e-9)
    assert whole.random_state == np.random.default_rng(0).bit_generator.state  # nothing was drawn
    for batch, rate in ((1, 0.005), (25, 0.05)):
        result = train(optimizer=GradientDescent(rate), batch=batch, epochs=30)
        np.testing.assert_allclose(result.params, exact, atol=0.05)


def test_every_sample_is_seen_once_per_epoch():
    seen = []

    def model(w, X):
        seen.extend(X[:, 0].tolist())
        return X @ w

    fit(model, squared_error, np.zeros(4), (X, Y), GradientDescent(0.01), 10, epochs=1)
    assert sorted(seen) == sorted(X[:, 0])
    assert seen != X[:, 0].tolist()


def test_a_compiled_epoch_allocates_nothing_of_its_own():
    # what is left per step: the derivative's dual parameters and gradient, and the array of the model
    def allocated(batch):
        train("compiled", optimizer=Adam(0.05), batch=batch, epochs=1)
        before = rtsys.get_allocation_stats().alloc
        train("compiled", optimizer=Adam(0.05), batch=batch, epochs=1)
        return rtsys.get_allocation_stats().alloc - before

    _nrt_python.memsys_enable_stats()
    try:
        few, many = allocated(52), allocated(2)  # 2 and 52 steps
        loss_alone = dualdiff.value_and_gradient(njit(lambda w, X, y: compiled_error(compiled_linear(w, X), y)))
        loss_alone(np.zeros(4), X, Y)
        before = rtsys.get_allocation_stats().alloc
        loss_alone(np.zeros(4), X, Y)
        by_derivative = rtsys.get_allocation_stats().alloc - before
    finally:
        _nrt_python.memsys_disable_stats()
    assert many - few <= 50 * by_derivative


def test_a_tuple_of_arrays_and_numbers():
    def network(params, X):
        W, b, v, c = params
        return np.tanh(X @ W + b) @ v + c

    rng = np.random.default_rng(2)
    start = (0.5 * rng.normal(size=(4, 3)), np.zeros(3), 0.5 * rng.normal(size=3), 0.0)
    compiled = fit(njit(network), compiled_error, start, (X, Y), Adam(0.05), 25, epochs=20)
    interpreted = fit(network, squared_error, start, (X, Y), Adam(0.05), 25, epochs=20)
    assert [np.shape(part) for part in compiled.params] == [(4, 3), (3,), (3,), ()]
    for a, b in zip(compiled.params, interpreted.params, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    assert compiled.loss < 0.2 * compiled.history[0]
    np.testing.assert_allclose(predict(network, interpreted, X), predict(network, interpreted.params, X.tolist()))


def test_a_model_of_one_sample_is_trained_as_that_of_a_batch():
    @njit
    def one(w, x):
        total = 0.0
        for j in range(w.size):
            total += w[j] * x[j]
        return total

    @njit
    def error(prediction, y):
        return (prediction - y) ** 2

    batch = train("compiled", epochs=5)
    for model, loss in ((one, error), (one.py_func, error.py_func)):
        single = fit(PerSample(model), loss, np.zeros(4), (X, Y), Adam(0.05), 10, epochs=5)
        np.testing.assert_allclose(single.params, batch.params, rtol=1e-12)
        np.testing.assert_allclose(predict(PerSample(model), single, X), X @ single.params, rtol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_a_loss_that_is_not_finite_stops_with_the_last_good_parameters(way):
    result = train(way, optimizer=GradientDescent(1e60), batch=10, epochs=50)
    assert "not finite in epoch 1" in result.reason
    assert np.isfinite(result.params).all()
    model, loss = WAYS[way]
    assert np.isfinite(loss(model(result.params, X), Y))
    worse = fit(model, loss, np.full(4, 1e200), (X, Y), Adam(0.05), 10, epochs=2)
    np.testing.assert_array_equal(worse.params, np.full(4, 1e200))
    assert worse.history.size == 0
    assert math.isnan(worse.loss)


def test_keyboard_interrupt_keeps_what_was_learned():
    def interrupting(epoch, loss, params):
        if epoch == 3:
            raise KeyboardInterrupt

    result = train(epochs=10, callback=interrupting)
    assert (result.reason, result.epochs) == ("interrupted", 3)
    assert same(train(start=result, epochs=7), train(epochs=10))


def test_a_callback_can_stop():
    seen = []
    result = train(epochs=10, callback=lambda epoch, loss, params: seen.append((epoch, loss)) or epoch == 4)
    assert result.reason == "the callback asked to stop"
    assert seen == list(zip(range(1, 5), result.history, strict=True))


def test_the_bar_needs_a_terminal_and_can_be_left_out(capsys, monkeypatch):
    tqdm = pytest.importorskip("tqdm")
    bars = []

    class Bar(tqdm.tqdm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **{**kwargs, "delay": 0.0})
            bars.append(self)

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    train(epochs=2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    train(epochs=2, progress=False)
    assert bars == []
    train(epochs=2)
    assert bars[0].n == 2
    monkeypatch.setitem(sys.modules, "tqdm", None)
    train(epochs=2)


def test_least_squares_by_fit_stops_where_it_has_converged():
    exact = np.linalg.lstsq(X, Y, rcond=None)[0]
    for optimizer in (GaussNewton(), LevenbergMarquardt()):
        result = fit(plain_linear, lambda p, y: p - y, np.zeros(4), (X, Y), optimizer, epochs=50)
        np.testing.assert_allclose(result.params, exact, rtol=1e-12)
        assert result.reason.startswith("converged")
        assert result.epochs < 10
    first = fit(plain_linear, lambda p, y: p - y, np.ones(4), (X, Y), LevenbergMarquardt(1e-3), epochs=2)
    whole = fit(plain_linear, lambda p, y: p - y, np.ones(4), (X, Y), LevenbergMarquardt(1e-3), epochs=5)
    assert first.reason == "all epochs are done"
    resumed = fit(plain_linear, lambda p, y: p - y, first, (X, Y), LevenbergMarquardt(1e-3), epochs=3)
    assert np.array_equal(resumed.params, whole.params)
    assert np.array_equal(resumed.history, whole.history)


MISTAKES = [
    (lambda: GradientDescent(0.0), ValueError, "learning_rate must be positive"),
    (lambda: GradientDescent("fast"), TypeError, "learning_rate must be a number"),
    (lambda: Momentum(0.1, beta=1.0), ValueError, "beta must be at least 0 and less than 1"),
    (lambda: Adam(0.1, epsilon=-1.0), ValueError, "epsilon must be positive"),
    (lambda: StepDecay(0.1, 0.5, every=0), ValueError, "every must be positive"),
    (lambda: CosineDecay(0.1, 10, last=0.2), ValueError, "last must be at least 0 and less than 0.1"),
    (lambda: train(epochs=0), ValueError, "epochs must be an integer, at least 1"),
    (lambda: train(epochs=1, batch=0), ValueError, "batch_size must be an integer"),
    (lambda: train(epochs=1, batch=104), ValueError, "there are 103 samples"),
    (lambda: train(epochs=1, batch=10, optimizer=Newton()), ValueError, "Newton takes the whole set"),
    (lambda: train(epochs=1, optimizer="adam"), TypeError, "optimizer must be one of dualdiff.training"),
    (lambda: train(epochs=1, start=0.0), ValueError, "not one number"),
    (lambda: train(epochs=1, start=()), ValueError, "params is empty"),
    (lambda: train(epochs=1, start=np.array(["a"])), TypeError, "params has dtype"),
    (lambda: train(start=train(epochs=1), epochs=1, seed=1), ValueError, "leave the seed out"),
    (lambda: train(start=train(epochs=1), optimizer=Momentum(0.1), epochs=1), ValueError, "not the state of Momentum"),
    (lambda: fit(plain_linear, squared_error, np.zeros(4), (X, Y[:5]), Adam(), epochs=1), ValueError, "same number"),
    (lambda: fit(plain_linear, squared_error, np.zeros(4), X, Adam(), epochs=1), TypeError, "(X, y)"),
    (lambda: fit(plain_linear, compiled_error, np.zeros(4), (X, Y), Adam(), epochs=1), TypeError, "is not: compile"),
    (lambda: fit(plain_linear, lambda p, y: p - y, np.zeros(4), (X, Y), Adam(), epochs=1), ValueError, "jacobian"),
    (lambda: least_squares(bowl, np.array(START)), ValueError, "need an array of residuals"),
    (lambda: least_squares(exponential, np.ones(2), (TIME, DECAY), Newton()), TypeError, "solver must be"),
    (lambda: least_squares(lambda p: p, np.ones(2)).covariance, ValueError, "tell nothing"),
    (lambda: Adam().step(np.ones(2), np.ones(3), Adam().init(np.ones(2))), ValueError, "the parameters have"),
    (lambda: race("rosenbrok"), ValueError, "there is no test function rosenbrok"),
]


@pytest.mark.parametrize(("call", "error", "message"), MISTAKES, ids=[m for _, _, m in MISTAKES])
def test_mistakes_are_told(call, error, message):
    with pytest.raises(error) as told:
        call()
    assert message in str(told.value)


# --- gradients four ways, and the race --------------------------------------------------------


def example(x):
    return np.log(x[0]) + x[0] * x[1] - np.sin(x[1])


def test_gradients_four_ways():
    pytest.importorskip("sympy")
    table = compare_gradients(example, np.array([2.0, 5.0]))
    truth = [5.5, 2 - math.cos(5)]
    assert table["forward mode"].error < 1e-15
    assert table["symbolic"].error < 1e-15
    assert 1e-15 < table["central differences"].error < 1e-9
    assert 1e-10 < table["forward differences"].error < 1e-6
    for row in table.rows:
        if row.gradient is not None:
            np.testing.assert_allclose(row.gradient, truth, rtol=1e-6)
            assert row.seconds > 0
    assert "mpmath with 50 digits" in repr(table)
    assert len(repr(table).splitlines()) == 8
    assert table._repr_html_().count("<tr>") == 6


def test_what_a_package_cannot_run_or_is_missing_is_said(monkeypatch):
    pytest.importorskip("sympy")
    monkeypatch.setitem(sys.modules, "torch", None)
    table = compare_gradients(njit(lambda x: x[0] * x[1] if x[0] > 0 else x[1]), np.array([2.0, 5.0]))
    assert table["symbolic"].remark.startswith("cannot run it: cannot determine truth value")
    assert table["reverse mode"].remark == 'pip install "numba-dualdiff[torch]"'
    np.testing.assert_array_equal(table["forward mode"].gradient, [5.0, 2.0])
    monkeypatch.setitem(sys.modules, "mpmath", None)
    assert compare_gradients(example, np.array([2.0, 5.0])).reference == "forward mode"
    with pytest.raises(ImportError, match="compare"):
        step_size_errors(example, np.array([2.0, 5.0]))


def test_reverse_mode_is_that_of_pytorch():
    pytest.importorskip("torch", reason="PyTorch is what is compared here")
    for f in (example, lambda x: np.mean(np.tanh(np.outer([1.0, 2.0], x) @ x) ** 2) + np.sum(x**3) / np.sqrt(x[0])):
        row = compare_gradients(f, np.array([2.0, 5.0]))["reverse mode"]
        assert row.remark == ""
        assert row.error < 1e-14


def test_differences_have_a_best_step_and_duals_have_none():
    errors = step_size_errors(example, np.array([2.0, 5.0]))
    for line, best in ((errors.forward, 1e-8), (errors.central, 1e-5)):
        k = int(np.argmin(line))
        assert best / 100 < errors.steps[k] < best * 100
        assert line[0] > 1e4 * line[k] < line[-1]
        assert errors.dual < line[k] / 10


@pytest.mark.parametrize("name", TEST_FUNCTIONS)
def test_minima_of_the_test_functions(name):
    function = TEST_FUNCTIONS[name]
    for minimum in function.minima:
        np.testing.assert_allclose(dualdiff.gradient(function)(np.array(minimum)), 0, atol=1e-12)
        assert function(np.array(minimum)) < 1e-25
    outcome = race(name, steps=300)
    assert set(outcome.ranking[:3]) == {"Newton", "Gauss-Newton", "Levenberg-Marquardt"}
    assert len(repr(outcome).splitlines()) == len(RACERS) + 3
    for path in outcome.paths.values():
        assert path.shape[1] == 2
        assert len(path) <= 301
