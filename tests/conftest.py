"""What all tests share."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A random generator with a seed of its own for each test, the same in every run and order."""
    return np.random.default_rng(list(request.node.nodeid.encode()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One order for all workers: some tests run over sets of the rule table, which have none."""
    items.sort(key=lambda item: item.nodeid)
