"""Optimizers against their definitions, written out, and against PyTorch's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dualdiff.training import (
    Adam,
    Constant,
    CosineDecay,
    GaussNewton,
    GradientDescent,
    LevenbergMarquardt,
    Momentum,
    Newton,
    RMSprop,
    StepDecay,
    descent_path,
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
            assert there.value <= before * (1 + 1e-14)  # at the minimum only rounding is left
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
