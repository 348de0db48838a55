"""How the samples of a batch are shared out among threads, by a clock of our own."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from dualdiff.calls import threads
from dualdiff.calls.threads import PATIENCE, spread


class Work:
    """Notes which samples are asked for; each takes ``cost`` seconds, by the clock that it replaces."""

    def __init__(self, cost: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cost = cost
        self.now = 0.0
        self.parts: list[tuple[int, int]] = []
        monkeypatch.setattr(threads, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def __call__(self, start: int, stop: int) -> None:
        self.parts.append((start, stop))
        self.now += (stop - start) * self.cost


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("step", [1, 64])
@pytest.mark.parametrize("n", [0, 1, 3, 128, 129, 2049, 100_001])
@pytest.mark.parametrize("cost", [1e-9, 1e-5, 1.0])
def test_every_sample_is_in_one_part(
    n: int, step: int, number: int, cost: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(cost, monkeypatch)
    spread(work, n, number, step)
    starts, stops = zip(*sorted(work.parts), strict=True)
    assert starts == (0, *stops[:-1])
    assert stops[-1] == n
    assert all(start % step == 0 for start in starts)


def test_one_thread_gives_python_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(1e-5, monkeypatch)
    spread(work, 1_000_000, 1, 1)
    assert max(stop - start for start, stop in work.parts) * work.cost <= PATIENCE + work.cost
    work = Work(1e-9, monkeypatch)
    spread(work, 1_000_000, 1, 1)
    assert len(work.parts) == 2


def test_few_samples_that_take_long_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2)

    class Shared(Work):
        def __call__(self, start: int, stop: int) -> None:
            super().__call__(start, stop)
            if 0 < start <= 2:
                together.wait(60)

    work = Shared(0.01, monkeypatch)
    spread(work, 8, 2, 1)
    assert len(work.parts) == 8
