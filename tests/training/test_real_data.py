"""Models trained on real data, beside scikit-learn and SciPy on the same."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from dualdiff import logistic, softplus
from dualdiff.training import (
    Adam,
    GaussNewton,
    GradientDescent,
    LevenbergMarquardt,
    Momentum,
    Newton,
    fit,
    least_squares,
    predict,
)

datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn holds the data")
linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the reference")


def standardised(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def linear(params, X):
    weights, intercept = params
    return X @ weights + intercept


def squared_error(prediction, y):
    return np.mean((prediction - y) ** 2)


def residuals(prediction, y):
    return prediction - y


def cross_entropy(score, y):
    return np.mean(softplus(score) - y * score)


# --- linear regression: diabetes --------------------------------------------------------------

DIABETES = datasets.load_diabetes()
PATIENTS, PROGRESS = standardised(DIABETES.data), DIABETES.target
LINEAR = linear_model.LinearRegression().fit(PATIENTS, PROGRESS)
ZERO = (np.zeros(PATIENTS.shape[1]), 0.0)


@pytest.mark.parametrize(
    ("optimizer", "loss", "epochs", "rtol"),
    [
        (GaussNewton(), residuals, 5, 1e-11),
        (LevenbergMarquardt(), residuals, 30, 1e-8),
        (Newton(), squared_error, 5, 1e-11),
        (GradientDescent(0.2), squared_error, 6000, 1e-6),
        (Momentum(0.1), squared_error, 1500, 1e-6),
        (Adam(1.0), squared_error, 3000, 1e-3),
    ],
    ids=["Gauss-Newton", "Levenberg-Marquardt", "Newton", "gradient descent", "momentum", "Adam"],
)
def test_linear_regression_is_scikit_learns(optimizer, loss, epochs, rtol):
    compiled = [njit(linear), njit(loss)] if epochs > 100 else [linear, loss]
    result = fit(*compiled, ZERO, (PATIENTS, PROGRESS), optimizer, epochs=epochs)
    weights, intercept = result.params
    scale = np.abs(LINEAR.coef_).max()
    np.testing.assert_allclose(weights, LINEAR.coef_, rtol=0, atol=rtol * scale)
    np.testing.assert_allclose(intercept, LINEAR.intercept_, rtol=rtol)
    np.testing.assert_allclose(predict(linear, result, PATIENTS[:5]), LINEAR.predict(PATIENTS[:5]), rtol=10 * rtol)


# --- logistic regression: breast cancer -------------------------------------------------------


def test_logistic_regression_is_scikit_learns():
    data = datasets.load_breast_cancer()
    X, y = standardised(data.data), data.target
    strength = 2.0  # scikit-learn minimises w'w/2 + C times the sum of the losses
    theirs = linear_model.LogisticRegression(C=strength, tol=1e-12, max_iter=10_000).fit(X, y)

    def penalty(params):
        weights, _ = params
        return np.sum(weights**2) / (2 * strength * len(y))

    result = fit(linear, cross_entropy, (np.zeros(30), 0.0), (X, y), Newton(), epochs=30, penalty=penalty)
    weights, intercept = result.params
    assert result.reason.startswith("converged")
    np.testing.assert_allclose(weights, theirs.coef_[0], atol=1e-5)
    np.testing.assert_allclose(intercept, theirs.intercept_[0], atol=1e-5)
    probability = logistic(predict(linear, result, X))
    np.testing.assert_allclose(probability, theirs.predict_proba(X)[:, 1], atol=1e-5)


# --- a small neural network: iris -------------------------------------------------------------


@njit
def network(params, X):
    inner, bias, outer, offset = params
    return np.tanh(X @ inner + bias) @ outer + offset


@njit
def surprise(scores, y):
    """The mean negative log-likelihood of classes 0, 1, ... under softmax."""
    total = 0.0
    for i in range(y.size):
        largest = scores[i].max()
        total += largest + np.log(np.sum(np.exp(scores[i] - largest))) - scores[i, y[i]]
    return total / y.size


def test_a_neural_network_learns_the_irises():
    iris = datasets.load_iris()
    rng = np.random.default_rng(0)
    order = rng.permutation(150)
    train, test = order[:110], order[110:]
    X, y = standardised(iris.data), iris.target
    start = (0.5 * rng.normal(size=(4, 5)), np.zeros(5), 0.5 * rng.normal(size=(5, 3)), np.zeros(3))  # 43 numbers
    result = fit(network, surprise, start, (X[train], y[train]), Adam(0.02), 22, epochs=60, seed=1)
    assert result.history[-1] < 0.1 < 0.8 < result.history[0]
    assert (np.diff(result.history) < 0).mean() > 0.7
    classes = np.argmax(predict(network, result, X[test]), axis=1)
    assert (classes == y[test]).mean() >= 0.9


# --- nonlinear models of physics --------------------------------------------------------------

# NIST, Statistical Reference Datasets, Misra1a (D. Misra, 1978): dental research, monomolecular adsorption
MISRA_X = np.array([77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0])
MISRA_Y = np.array([10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78])
CERTIFIED = [2.3894212918e02, 5.5015643181e-04]
CERTIFIED_ERRORS = [2.7070075241e00, 7.2668688436e-06]
CERTIFIED_SUM = 1.2455138894e-01


def adsorption(p, x, y):
    return p[0] * (1 - np.exp(-p[1] * x)) - y


compiled_adsorption = njit(adsorption)


@pytest.mark.parametrize("start", [(500.0, 1e-4), (250.0, 5e-4)])
@pytest.mark.parametrize("f", [adsorption, compiled_adsorption], ids=["interpreted", "compiled"])
@pytest.mark.parametrize("solver", [LevenbergMarquardt(), GaussNewton()], ids=["LM", "GN"])
def test_misra1a_has_the_certified_digits(f, start, solver):
    result = least_squares(f, np.array(start), (MISRA_X, MISRA_Y), solver)
    assert result.reason.startswith("converged")
    np.testing.assert_allclose(result.params, CERTIFIED, rtol=1e-9)
    np.testing.assert_allclose(result.standard_errors, CERTIFIED_ERRORS, rtol=1e-9)
    np.testing.assert_allclose(result.residuals @ result.residuals, CERTIFIED_SUM, rtol=1e-9)
    assert (np.diff(result.history) <= 1e-12).all()  # but for rounding


def test_a_damped_oscillation_is_fitted_as_by_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    t = np.linspace(0, 10, 200)

    def oscillation(t, amplitude, damping, frequency, phase):
        return amplitude * np.exp(-damping * t) * np.cos(frequency * t + phase)

    truth = (2.0, 0.3, 2.5, 0.4)
    y = oscillation(t, *truth) + 0.05 * np.random.default_rng(3).normal(size=t.size)
    start = (1.0, 0.1, 2.3, 0.0)
    theirs, covariance = optimize.curve_fit(oscillation, t, y, start, ftol=1e-14, xtol=1e-14)
    result = least_squares(lambda p, t, y: oscillation(t, *p) - y, start, (t, y))
    np.testing.assert_allclose(result.params, theirs, rtol=1e-7)
    np.testing.assert_allclose(result.covariance, covariance, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(result.params, truth, atol=0.05)
