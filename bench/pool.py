"""Fresh processes, one for each peer, and what they are asked. See ``bench.worker`` for the lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import numpy as np

from .measure import Key
from .processes import ROOT

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "NPROC": "1",  # the size of XLA's pool: with two threads in it, one waits for the other at every small operation
}
"""Set for every worker; contestants that are to have two threads ask for them."""


class PeerError(Exception):
    """A peer failed at what it was asked; the message says how."""


class TooSlowError(PeerError):
    """A contestant is right but takes too long to be measured."""


class Worker:
    """The process of one peer. It starts with its first request, and again with the next workload if it died."""

    def __init__(self, module: str) -> None:
        self.module = module
        self._process: subprocess.Popen[str] | None = None
        self._answers: Queue[str] = Queue()
        self._stderr: Any = None

    def _start(self) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        environment = {**os.environ, **ONE_THREAD}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        environment.pop("DUALDIFF_CACHE_DIR", None)  # nobody starts with what an earlier process compiled
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", self.module],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            start_new_session=True,
        )
        self._answers = Queue()
        Thread(target=self._read, args=(self._process, self._answers), daemon=True).start()

    @staticmethod
    def _read(process: subprocess.Popen[str], answers: Queue[str]) -> None:
        for line in process.stdout or ():
            answers.put(line)
        answers.put("")  # the process has ended

    def tell(self, **request: Any) -> None:
        """Send a request; the answer is fetched by ``answer``."""
        if self._process is None:
            if "enter" not in request:
                return
            self._start()
        with suppress(BrokenPipeError):  # it died: that is told with the answer
            print(json.dumps(request), file=self._process.stdin, flush=True)

    def answer(self, patience: float) -> dict[str, Any]:
        """What it answers within some seconds."""
        if self._process is None:
            raise PeerError("its process has ended")
        try:
            line = self._answers.get(timeout=patience)
        except Empty:
            self.stop()
            raise PeerError(f"no answer within {patience:g} s") from None
        if not line:
            status, last = self._process.wait(), self._last_words()
            self.stop()
            raise PeerError(f"its process ended with status {status}: {last}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def ask(self, patience: float, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer."""
        self.tell(**request)
        return self.answer(patience)

    def _last_words(self) -> str:
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def stop(self) -> None:
        """End the process, and the compilers that it may have started."""
        if self._process is not None:
            if hasattr(os, "killpg"):
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.communicate()
            self._stderr.close()
            self._process = None


@dataclass(frozen=True)
class Entrant:
    """A contestant in another process."""

    worker: Worker
    number: int
    tolerance: float

    def prepare(self, directory: Path) -> None:
        """Have it compute its result while others do the same."""
        self.worker.tell(check=self.number, file=str(directory / f"{id(self.worker)}-{self.number}.npy"))

    def result(self, directory: Path, patience: float) -> np.ndarray:
        """The numbers that it computed."""
        self.worker.answer(patience)
        return np.load(directory / f"{id(self.worker)}-{self.number}.npy")

    def seconds(self, calls: int, patience: float) -> float:
        """How long so many calls take."""
        return self.worker.ask(patience, time=self.number, calls=calls)["seconds"]


class Pool:
    """A worker for each of the peers; leaving the context ends them all."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self.workers = {peer: Worker(module) for peer, module in modules.items()}

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.stop()

    def enter(
        self, workload: str, settings: Mapping[str, Any], patience: float
    ) -> tuple[dict[Key, Entrant], dict[Key, PeerError]]:
        """All contestants of a workload, built at the same time, and why others could not be."""
        for worker in self.workers.values():
            worker.tell(enter=workload, settings=dict(settings))
        entrants: dict[Key, Entrant] = {}
        failures: dict[Key, PeerError] = {}
        for peer, worker in self.workers.items():
            try:
                answer = worker.answer(patience)
            except PeerError as failure:
                failures[Key(peer, "", "")] = failure
                continue
            for number, entered in enumerate(answer["contestants"]):
                entrants[Key(*entered["key"])] = Entrant(worker, number, entered["tolerance"])
        return entrants, failures

    def leave(self, patience: float) -> None:
        """Forget the contestants."""
        for worker in self.workers.values():
            worker.tell(leave=True)
        for worker in self.workers.values():
            try:
                worker.answer(patience)
            except PeerError:
                worker.stop()
