"""Work on many samples, spread over threads: what it computes does not depend on how many there are."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

VARIABLE = "DUALDIFF_NUM_THREADS"

FIRST = 1024
"""At most so many samples, and a 64th of all, are evaluated before it is decided whether to use threads."""

WORTHWHILE = 200e-6
"""Seconds of work that pay for handing a part of it to a thread, which takes some ten microseconds."""

PARTS = 4
"""Parts per thread: if one thread is held up, the others take over."""

PATIENCE = 0.1
"""Seconds of work between which Python gets its turn: compiled code cannot be interrupted."""

_pool: Any = None
_lock = threading.Lock()
_within = threading.local()


def number_of_threads(threads: int | None = None) -> int:
    """``threads``, or by default what DUALDIFF_NUM_THREADS says, or the number of processors that there are for us.

    Raises ValueError for what is not a positive integer.
    """
    name: Any = threads
    if threads is None:
        name = os.environ.get(VARIABLE)
        if name is None:
            return _processors()
    try:
        n = int(name) if threads is None else name.__index__()
    except (AttributeError, ValueError):
        n = 0
    if n < 1 or isinstance(threads, bool):
        what = "threads" if threads is not None else VARIABLE
        raise ValueError(f"{what} must be a positive integer{' or None' * (threads is not None)}, not {name!r}")
    return n


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(run: Callable[[int, int], None], n: int, threads: int, step: int) -> None:
    """Call ``run(start, stop)`` for contiguous parts of n samples, in threads if there is enough work.

    Parts begin at multiples of ``step``. An exception in one, or an interrupt, is raised here; parts that have not
    begun by then are dropped.
    """
    if n <= 2 * step or _is_worker():
        run(0, n)
        return
    first = min(FIRST, -(-n // (64 * step)) * step)
    begun = time.perf_counter()
    run(0, first)
    seconds = (time.perf_counter() - begun) * (n - first) / first
    shared = min(threads * PARTS, int(seconds / WORTHWHILE)) if threads > 1 else 1
    parts = max(shared, math.ceil(seconds / PATIENCE))
    if parts < 2:
        run(first, n)
        return
    length = -(-(n - first) // (parts * step)) * step
    starts = iter(range(first, n, length))

    def work() -> None:
        outer, _within.worker = _is_worker(), True
        try:
            for start in starts:  # an iterator over a range gives each number to one thread
                run(start, min(start + length, n))
        finally:
            _within.worker = outer

    from concurrent.futures import wait

    futures = [_threads(threads - 1).submit(work) for _ in range(min(threads, parts) - 1)]
    try:
        work()
    finally:
        for _ in starts:  # if this part has failed, nothing more is begun
            pass
        wait(futures)
    for future in futures:
        future.result()


def _is_worker() -> bool:
    # a batch within a batch: a thread that waits for others of its own pool may wait for ever
    return getattr(_within, "worker", False)


def _threads(n: int) -> Any:
    """A pool of at least n threads."""
    from concurrent.futures import ThreadPoolExecutor

    global _pool
    with _lock:
        if _pool is None or _pool._max_workers < n:
            _pool = ThreadPoolExecutor(n, thread_name_prefix="dualdiff")
        return _pool


def _forget() -> None:
    # threads do not survive a fork
    global _pool, _lock
    _pool, _lock = None, threading.Lock()
    _within.worker = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
