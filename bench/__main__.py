"""Measures what derivatives cost, beside derivatives by hand and other tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from .measure import Key
from .peers import PEERS
from .pool import Pool
from .report import about, lines, summary
from .results import Measured, Results, machine, versions
from .rounds import FULL, QUICK, Pace, measure
from .workloads import WORKLOADS, Workload


@contextmanager
def progress(total: int) -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """What to call with a line to print, and with the name of the workload that begins.

    There is a bar if tqdm is installed and there is a terminal.
    """
    if not (sys.stderr.isatty() and find_spec("tqdm")):
        yield lambda line: print(line, flush=True), lambda name: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="workload", leave=False) as bar:

        def begin(name: str) -> None:
            bar.update(bool(bar.desc))
            bar.set_description(name)

        yield tqdm.write, begin


def run(workloads: list[Workload], pace: Pace, missing: Mapping[str, str]) -> Results:
    """Measure the workloads, one after the other, and print their tables."""
    modules = {peer.NAME: peer.__name__ for peer in PEERS if peer.NAME not in missing}  # type: ignore[attr-defined]
    results = Results(machine(), versions(), pace.name, missing, ())
    measured = []
    with Pool(modules) as pool, progress(len(workloads)) as (write, begin):
        write("\n".join(about(results)))
        for workload in workloads:
            begin(workload.name)
            measured.append(Measured.of(workload, *measure(pool, workload, pace)))
            if not workload.sweep:
                write("\n".join(lines(measured[-1])))
    return Results(results.machine, results.versions, pace.name, missing, tuple(measured))


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the workloads and do nothing")
    parser.add_argument("--only", action="append", metavar="NAME", help="only workloads or sweeps whose name begins so")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: tells orders of magnitude")
    parser.add_argument("--save", metavar="FILE", type=Path, help="write everything measured, as JSON")
    options = parser.parse_args(arguments)
    prefixes = tuple(options.only or [""])
    chosen = [w for w in WORKLOADS.values() if w.name.startswith(prefixes) or w.sweep and w.sweep.startswith(prefixes)]
    if not chosen:
        parser.error(f"there is no such workload; there are {', '.join(WORKLOADS)}")
    if options.list:
        for workload in chosen:
            print(f"{workload.name:<18}{workload.title}")
        return 0
    missing = {peer.NAME: reason for peer in PEERS if (reason := peer.missing())}
    results = run(chosen, QUICK if options.quick else FULL, missing)
    print("\n".join(summary(results)))
    if options.save:
        results.save(options.save)
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
