"""Measures what derivatives cost, beside derivatives by hand and other tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from . import compare, page
from .measure import Key
from .peers import PEERS
from .pool import PeerError, Pool
from .report import about, lines, summary
from .results import Measured, Results, machine, versions
from .rounds import FULL, QUICK, Pace, Times, measure, thinned, timings
from .workloads import WORKLOADS, Workload


@contextmanager
def progress() -> Iterator[Callable[[str, int], None]]:
    """What to call when a workload begins, with its name and the number of workloads still to come.

    There is a bar if tqdm is installed and there is a terminal.
    """
    if not (sys.stderr.isatty() and find_spec("tqdm")):
        yield lambda name, left: None
        return
    from tqdm import tqdm

    with tqdm(leave=False) as bar:

        def begin(name: str, left: int) -> None:
            bar.update(bool(bar.desc))  # the one before is done
            bar.total = bar.n + left
            bar.set_description(f"{name:<20}")

        yield begin


def run(workloads: Sequence[Workload], pace: Pace, missing: Mapping[str, str]) -> Results:
    """Measure the workloads, again and again in fresh processes as the pace has it."""
    modules = {peer.NAME: peer.__name__ for peer in PEERS if peer.NAME not in missing}  # type: ignore[attr-defined]
    times: dict[str, list[Times]] = {workload.name: [] for workload in workloads}
    failures: dict[str, dict[Key, PeerError]] = {workload.name: {} for workload in workloads}
    start, count = perf_counter(), 0
    with progress() as begin:
        while count < pace.processes:
            began = perf_counter()
            with Pool(modules) as pool:
                for done, workload in enumerate(workloads):
                    begin(workload.name, (pace.processes - count) * len(workloads) - done)
                    found, failed = measure(pool, workload, pace)
                    times[workload.name].append(found)
                    failures[workload.name].update(failed)
            count += 1
            now = perf_counter()
            if now - start + now - began > pace.limit:
                break
    measured = [Measured.of(w, timings(times[w.name]), failures[w.name]) for w in workloads]
    return Results(machine(), versions(), pace.name, count, missing, tuple(measured))


def print_all(results: Results) -> None:
    """Print the machine, a table for each workload, and the summary."""
    print("\n".join(about(results)))
    for measured in results.single:
        print("\n".join(lines(measured)))
    print("\n".join(summary(results)))


def missing_peers() -> dict[str, str]:
    """Who is not installed, and how to get it."""
    return {peer.NAME: reason for peer in PEERS if (reason := peer.missing())}


def command_line() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    what = parser.add_argument_group("what is measured")
    what.add_argument("--list", action="store_true", help="list the workloads and do nothing")
    what.add_argument("--only", action="append", metavar="NAME", help="only workloads or sweeps whose name begins so")
    pace = what.add_mutually_exclusive_group()
    pace.add_argument("--quick", action="store_true", help="fewer and shorter rounds: under two minutes")
    pace.add_argument("--full", action="store_true", help="many rounds (the default): under thirty minutes")
    pace.add_argument("--load", metavar="FILE", type=Path, help="measure nothing, take what --save wrote")
    to = parser.add_argument_group("what becomes of it")
    to.add_argument("--save", metavar="FILE", type=Path, help="write everything measured, as JSON")
    to.add_argument("--compare", metavar="FILE", type=Path, help="how each ratio changed since that run was saved")
    to.add_argument("--report", metavar="DIR", type=Path, help="write a page with tables and charts, and the charts")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = command_line()
    options = parser.parse_args(arguments)
    begins = tuple(options.only or [""])
    chosen = [w for w in WORKLOADS.values() if w.name.startswith(begins) or (w.sweep and w.sweep.startswith(begins))]
    if not chosen:
        parser.error(f"there is no such workload; there are {', '.join(WORKLOADS)}")
    if options.list:
        width = max(len(workload.name) for workload in chosen) + 2
        for workload in chosen:
            print(f"{workload.name:<{width}}{workload.title}")
        return 0
    if options.report and not find_spec("matplotlib"):
        parser.exit(2, "a report needs Matplotlib: pip install 'numba-dualdiff[bench]'\n")
    loaded = Results.load(options.load) if options.load else None
    old = Results.load(options.compare) if options.compare else None
    if old and (reason := compare.refusal(old.machine, loaded.machine if loaded else machine())):
        parser.exit(2, reason + "\n")
    pace = QUICK if options.quick else FULL
    results = loaded or run(thinned(chosen, pace), pace, missing_peers())
    print_all(results)
    if old:
        print("\n".join(compare.lines(old, results)))
    if options.save:
        results.save(options.save)
    if options.report:
        print(f"\nreport: {page.write(results, options.report)}")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
