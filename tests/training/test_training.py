"""What fit promises: the same bits, resumption, reasons to stop; and what it says to mistakes."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from numba import njit

from dualdiff import CompilationError
from dualdiff.training import (
    Adam,
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
    fit,
    least_squares,
    predict,
    race,
)

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


FITS = [
    (GradientDescent(0.05), 10),
    (GradientDescent(0.05), None),
    (GradientDescent(0.01), 1),
    (GradientDescent(StepDecay(0.05, 0.5, 30)), 10),
    (Momentum(CosineDecay(0.02, 40), 0.8), 10),
    (Momentum(0.002), 1),
    (RMSprop(0.01), 10),
    (RMSprop(0.01, 0.99), None),
    (Adam(0.05), 10),
    (Adam(StepDecay(0.05, 0.5, 30)), 25),
]


@pytest.mark.parametrize(("optimizer", "batch"), FITS, ids=lambda value: repr(value))
def test_compiled_and_interpreted_fits_are_equal(optimizer, batch):
    # the sums are taken in other orders; the optimizers' own arithmetic is the same to the bit
    compiled, interpreted = (train(way, optimizer=optimizer, batch=batch, epochs=5, seed=1) for way in WAYS)
    np.testing.assert_allclose(compiled.params, interpreted.params, rtol=1e-11)
    np.testing.assert_allclose(compiled.history, interpreted.history, rtol=1e-11)
    assert compiled.random_state == interpreted.random_state


@pytest.mark.parametrize("solver", [Newton(), GaussNewton(), LevenbergMarquardt()], ids=repr)
def test_compiled_and_interpreted_solvers_take_the_same_steps(solver):
    def decay(w, X):
        return w[0] * np.exp(-w[1] * X)

    def difference(prediction, y):
        return prediction - y

    t = np.linspace(0.0, 2.0, 30)
    y = 2.5 * np.exp(-1.3 * t) + 0.01 * np.cos(9 * t)
    loss = squared_error if isinstance(solver, Newton) else difference
    fits = [
        fit(model, loss, np.array([2.0, 1.0]), (t, y), solver, epochs=6)
        for model, loss in ((njit(decay), njit(loss)), (decay, loss))
    ]
    np.testing.assert_allclose(fits[0].params, fits[1].params, rtol=1e-10)
    np.testing.assert_allclose(fits[0].history, fits[1].history, rtol=1e-10)
    np.testing.assert_allclose(fits[0].params, [2.5, 1.3], rtol=0.02)


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


def test_functions_of_numbas_that_a_fit_has_linked_stay_what_they_are() -> None:
    @njit(error_model="numpy")
    def network(params, X):
        W, v = params
        return np.tanh(X @ W) @ v

    start = (np.full((4, 3), 0.1), np.full(3, 0.1))
    fit(network, compiled_error, start, (X, Y), Adam(0.05), 25, epochs=2)
    matrix, vector = np.array([[2.0, 1.0], [0.5, 3.0]]), np.array([1.0, 2.0])
    for options in ({}, {"error_model": "numpy"}):
        product = njit(**options)(lambda a, b: a @ b)
        np.testing.assert_array_equal(product(matrix, vector), matrix @ vector)


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


@pytest.mark.parametrize("optimizer", [Adam(), Newton()], ids=repr)
def test_what_is_not_finite_in_the_data_is_named(optimizer):
    labels = Y.copy()
    labels[7] = np.nan
    result = fit(plain_linear, squared_error, np.zeros(4), (X, labels), optimizer, epochs=2)
    assert result.reason.endswith(": there are NaN or infinite numbers in y")


@pytest.mark.parametrize("way", WAYS)
def test_data_of_other_types_and_layouts_are_taken_as_their_float64(way):
    model, loss = (njit(plain_linear), compiled_error) if way == "compiled" else WAYS[way]
    single, labels = X.astype(np.float32), Y.astype(np.float32)
    expected = fit(model, loss, np.zeros(4), (single.astype(float), labels.astype(float)), Adam(), 10, epochs=2)
    for inputs, targets in (
        (single, labels),
        (np.asfortranarray(single.astype(">f8")), np.repeat(labels, 2)[::2]),
        (single.tolist(), labels.astype(">f4")),
    ):
        assert same(fit(model, loss, np.zeros(4), (inputs, targets), Adam(), 10, epochs=2), expected)


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


COLUMN = Y[:, np.newaxis]


@pytest.mark.parametrize(
    ("model", "loss", "start", "y"),
    [
        (plain_linear, squared_error, np.zeros(4), COLUMN),
        (plain_linear, squared_error, np.zeros((4, 1)), Y),
        (njit(plain_linear), compiled_error, np.zeros(4), COLUMN),
    ],
    ids=["labels", "predictions", "compiled"],
)
def test_a_column_beside_a_row_is_refused(model, loss, start, y):
    with pytest.raises(ValueError, match=r"shape \(100(, 1)?,?\), the labels have shape \(100(, 1)?,?\)"):
        fit(model, loss, start, (X, y), GradientDescent(0.1), epochs=1)


def test_residuals_of_a_column_and_a_row_are_refused():
    with pytest.raises(ValueError, match="reshape one of them"):
        fit(plain_linear, lambda p, y: p - y, np.zeros(4), (X, COLUMN), LevenbergMarquardt(), epochs=1)


def test_columns_that_the_loss_knows_of_are_taken():
    expected = train(optimizer=GradientDescent(0.1), epochs=2)
    for model, loss, start, y in (
        (plain_linear, squared_error, np.zeros((4, 1)), COLUMN),
        (plain_linear, lambda p, y: np.mean((p[:, 0] - y) ** 2), np.zeros((4, 1)), Y),
        (plain_linear, lambda p, y: np.mean((p - y[:, 0]) ** 2), np.zeros(4), COLUMN),
    ):
        got = fit(model, loss, start, (X, y), GradientDescent(0.1), 10, epochs=2)
        np.testing.assert_allclose(np.ravel(got.params), expected.params, rtol=1e-12)


def test_a_compiled_product_with_integers_is_told_what_to_write():
    with pytest.raises(CompilationError, match=r"as in x.astype\(np.float64\)"):
        fit(njit(plain_linear), compiled_error, np.zeros(4), (X.astype(int), Y), GradientDescent(0.1), epochs=1)


def test_a_model_that_cannot_be_compiled_for_its_parameters_is_told_by_its_line():
    with pytest.raises(CompilationError, match=r"test_training.py:\d+: .*matmul"):
        fit(njit(plain_linear), compiled_error, (np.zeros(4), 0.0), (X, Y), GradientDescent(0.1), epochs=1)


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
    (lambda: train(epochs=1, start=[np.zeros(4), np.zeros(2)]), TypeError, "not a list of arrays"),
    (lambda: train(epochs=1, start=()), ValueError, "params is empty"),
    (lambda: train(epochs=1, start=np.array(["a"])), TypeError, "params has dtype"),
    (lambda: train(start=train(epochs=1), epochs=1, seed=1), ValueError, "leave the seed out"),
    (lambda: train(start=train(epochs=1), optimizer=Momentum(0.1), epochs=1), ValueError, "not the state of Momentum"),
    (lambda: fit(plain_linear, squared_error, np.zeros(4), (X, Y[:5]), Adam(), epochs=1), ValueError, "same number"),
    (lambda: fit(plain_linear, squared_error, np.zeros(4), X, Adam(), epochs=1), TypeError, "(X, y)"),
    (lambda: fit(plain_linear, compiled_error, np.zeros(4), (X, Y), Adam(), epochs=1), TypeError, "is not: compile"),
    (lambda: fit(plain_linear, lambda p, y: p - y, np.zeros(4), (X, Y), Adam(), epochs=1), ValueError, "take its mean"),
    (lambda: fit(None, squared_error, np.zeros(4), (X, Y), Adam(), epochs=1), TypeError, "model must be a function"),
    (lambda: train(epochs=1, callback=3), TypeError, "callback must be a function, not int"),
    (lambda: fit(plain_linear, squared_error, np.zeros(4), (X[:0], Y[:0]), Adam(), epochs=1), ValueError, "no samples"),
    (lambda: predict(plain_linear, np.zeros(4), np.ma.ones((3, 4))), TypeError, "X is a masked array"),
    (lambda: predict(plain_linear, np.zeros(4), np.full((3, 4), "a")), TypeError, "X must hold real numbers"),
    (lambda: least_squares(lambda p: p @ p, np.ones(3)), ValueError, "need an array of residuals"),
    (lambda: least_squares(lambda p: p, np.ones(2), (), Newton()), TypeError, "solver must be"),
    (lambda: least_squares(lambda p: p, np.ones(2)).covariance, ValueError, "tell nothing"),
    (lambda: Adam().step(np.ones(2), np.ones(3), Adam().init(np.ones(2))), ValueError, "the parameters have"),
    (lambda: least_squares(lambda p: p, np.ones(2), iterations=0), ValueError, "iterations must be"),
    (lambda: train(epochs=1, batch=None, optimizer=GaussNewton(), penalty=np.sum), ValueError, "make the penalty"),
    (
        lambda: train(epochs=1, batch=None, start=train(epochs=1), optimizer=LevenbergMarquardt()),
        ValueError,
        "residuals",
    ),
    (lambda: race("rosenbrok"), ValueError, "there is no test function rosenbrok"),
]


@pytest.mark.parametrize(("call", "error", "message"), MISTAKES, ids=[m for _, _, m in MISTAKES])
def test_mistakes_are_told(call, error, message):
    with pytest.raises(error) as told:
        call()
    assert message in str(told.value)
