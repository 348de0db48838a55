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
def loss(w, features, labels):
    """The mean squared error of some samples."""
    total = 0.0
    for i in range(labels.size):
        error = -labels[i]
        for k in range(w.size):
            error += features[i, k] * w[k]
        total += error * error
    return total / labels.size


@njit
def loss_gradient(w, features, labels):
    slope = np.zeros_like(w)
    for i in range(labels.size):
        error = -labels[i]
        for k in range(w.size):
            error += features[i, k] * w[k]
        for k in range(w.size):
            slope[k] += error * features[i, k]
    return slope * (2 / labels.size)


def epoch(slope: Callable[..., Any]) -> Any:
    """The epoch with a gradient of the loss, all compiled.

    A batch is gathered before it is used: what waits for memory then waits for many samples at once.
    """

    @njit
    def one_epoch(features, labels, order):
        w = np.zeros(features.shape[1])
        batch, batch_labels = np.empty((BATCH, w.size)), np.empty(BATCH)
        for start in range(0, order.size, BATCH):
            for i in range(BATCH):
                row = order[start + i]
                for k in range(w.size):
                    batch[i, k] = features[row, k]
                batch_labels[i] = labels[row]
            w -= RATE * slope(w, batch, batch_labels)
        return w

    return one_epoch
