"""What the sandbox costs: the time of /bin/true, with and without control groups, beside a plain subprocess.

    python benchmarks/sandbox.py
    python benchmarks/sandbox.py --runs 500 --threads 4

The CPU time is that of this process and of all it started. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from stepgym.verifiers.sandbox import find_sandbox
from stepgym.verifiers.sandbox.bubblewrap import BubblewrapSandbox


def cpu_seconds() -> float:
    """CPU time of this process and of those it has waited for."""
    return sum(os.times()[:4])


def measure(run: Callable[[], object], *, runs: int, threads: int) -> dict[str, float]:
    """Milliseconds of single runs, one after the other and by several threads, and CPU milliseconds of a run."""
    run()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - started))
    times.sort()
    started, cpu = time.perf_counter(), cpu_seconds()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: run(), range(runs)))
    return {
        "best": times[0],
        "median": times[runs // 2],
        "p95": times[int(runs * 0.95)],
        "threaded": 1000 * (time.perf_counter() - started) / runs,
        "cpu": 1000 * (cpu_seconds() - cpu) / runs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    sandbox = find_sandbox()
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        ways: dict[str, Callable[[], object]] = {"plain subprocess": lambda: subprocess.run(["/bin/true"], check=True)}
        kinds = [sandbox]
        if isinstance(sandbox, BubblewrapSandbox) and sandbox.groups is not None:
            kinds.append(replace(sandbox, groups=None))
        for kind in kinds:
            ways[kind.name] = lambda kind=kind: kind.run(["/bin/true"], folder=Path(name), writable=False)
        print(f"{'ms a run':32}{'best':>8}{'median':>8}{'p95':>8}{f'{options.threads} threads':>11}{'CPU':>8}")
        for label, run in ways.items():
            found = figures[label] = measure(run, runs=options.runs, threads=options.threads)
            print(f"{label:32}{found['best']:8.1f}{found['median']:8.1f}{found['p95']:8.1f}", end="")
            print(f"{found['threaded']:11.1f}{found['cpu']:8.1f}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(json.dumps({"load": os.getloadavg()[0], "ms": figures}))


if __name__ == "__main__":
    main()
