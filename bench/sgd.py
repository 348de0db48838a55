"""One epoch of mini-batch gradient descent: linear regression, 100 000 samples of 10 numbers, batches of 100.

The order of the samples is given, so that all compute the same; the start is 0, the loss is the mean squared error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

SAMPLES, FEATURES, BATCH = 100_000, 10, 100
RATE = 0.01


def regression() -> tuple[np.ndarray, ...]:
    """Features, labels, and a shuffled order of the samples."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(SAMPLES, FEATURES))
    labels = features @ rng.normal(size=FEATURES) + 0.1 * rng.normal(size=SAMPLES)
    return features, labels, rng.permutation(SAMPLES)


@njit
def loss(w, features, labels, rows):
    """The mean squared error of some samples."""
    total = 0.0
    for i in rows:
        error = -labels[i]
        for k in range(w.size):
            error += features[i, k] * w[k]
        total += error * error
    return total / rows.size


@njit
def loss_gradient(w, features, labels, rows):
    slope = np.zeros_like(w)
    for i in rows:
        error = -labels[i]
        for k in range(w.size):
            error += features[i, k] * w[k]
        for k in range(w.size):
            slope[k] += error * features[i, k]
    return slope * (2 / rows.size)


def epoch(slope: Callable[..., Any]) -> Any:
    """The epoch with a gradient of the loss, all compiled.

    All samples of a batch are touched before they are used: what waits for memory then waits for many at once. What
    was read there is returned too, or it would not be read.
    """

    @njit
    def one_epoch(features, labels, order):
        w = np.zeros(features.shape[1])
        last = w.size - 1
        touched = 0.0
        for start in range(0, order.size, BATCH):
            rows = order[start : start + BATCH]
            for row in rows:
                touched += features[row, 0] + features[row, last] + labels[row]
            w -= RATE * slope(w, features, labels, rows)
        return w, touched

    return lambda *args: one_epoch(*args)[0]
