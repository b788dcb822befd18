"""The pool of worker processes: deadlines, crashes, memory, threads, recycling, clean end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers.pool import PoolCrashError, PoolJobError, PoolTimeoutError, WorkerPool


def work(job: dict[str, Any]) -> Any:
    """What the workers of these tests do."""
    if "sleep" in job:
        time.sleep(job["sleep"])
    if "spin" in job:
        while True:
            pass
    if "die_once" in job and not Path(job["die_once"]).exists():
        Path(job["die_once"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if "die" in job:
        os.kill(os.getpid(), signal.SIGKILL)
    if "memory" in job:
        return len(bytearray(job["memory"] * 2**20))
    if "fail" in job:
        raise ValueError(job["fail"])
    if "print" in job:
        sys.stdout.write(job["print"] + "\n")
        sys.stdout.flush()
    return job.get("value", os.getpid())


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        pool = WorkerPool("test_pool:work", size=2, memory_mb=512, recycle_after=50)
        pool.warm_up()
        yield pool
        pool.close()
    finally:
        sys.path.remove(str(Path(__file__).parent))


def test_a_value_comes_back(pool: WorkerPool) -> None:
    assert pool.run({"value": [1, "x", None]}, timeout=10) == [1, "x", None]
    assert pool.run({"print": '{"value": 3}', "value": 4}, timeout=10) == 4


def test_a_job_that_hangs_is_killed_at_the_deadline_and_the_next_one_runs(pool: WorkerPool) -> None:
    started = time.monotonic()
    with pytest.raises(PoolTimeoutError):
        pool.run({"spin": True}, timeout=0.3)
    assert time.monotonic() - started < 3
    assert pool.run({"value": 1}, timeout=30) == 1


def test_a_killed_worker_loses_only_its_attempt(pool: WorkerPool, tmp_path: Path) -> None:
    assert pool.run({"die_once": str(tmp_path / "mark"), "value": 7}, timeout=30) == 7
    with pytest.raises(PoolCrashError):
        pool.run({"die": True}, timeout=30)
    assert pool.run({"value": 1}, timeout=30) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited on Linux only")
def test_memory_is_capped(pool: WorkerPool) -> None:
    with pytest.raises(PoolJobError, match="MemoryError"):
        pool.run({"memory": 2_000}, timeout=30)


def test_an_error_in_the_function_is_reported(pool: WorkerPool) -> None:
    with pytest.raises(PoolJobError, match="ValueError: no"):
        pool.run({"fail": "no"}, timeout=10)


def test_many_threads_share_it(pool: WorkerPool) -> None:
    with ThreadPoolExecutor(16) as threads:
        values = list(threads.map(lambda k: pool.run({"value": k}, timeout=60), range(200)))
    assert values == list(range(200))
    assert len(pool.worker_pids()) <= 3


def test_waiting_for_a_worker_counts_towards_the_deadline(pool: WorkerPool) -> None:
    busy = [threading.Thread(target=pool.run, args=({"sleep": 1.5},), kwargs={"timeout": 30}) for _ in range(2)]
    for thread in busy:
        thread.start()
    time.sleep(0.2)
    with pytest.raises(PoolTimeoutError):
        pool.run({"value": 1}, timeout=0.2)
    for thread in busy:
        thread.join()


def test_workers_are_replaced_after_their_share_of_jobs() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        pool = WorkerPool("test_pool:work", size=1, recycle_after=2)
        pids = [pool.run({}, timeout=30) for _ in range(6)]
        pool.close()
    finally:
        sys.path.remove(str(Path(__file__).parent))
    assert len(set(pids)) >= 2
    assert max(pids.count(p) for p in pids) <= 2


def test_it_runs_from_asyncio(pool: WorkerPool) -> None:
    async def main() -> list[int]:
        jobs = (asyncio.to_thread(pool.run, {"value": k}, timeout=30) for k in range(8))
        return await asyncio.gather(*jobs)

    assert asyncio.run(main()) == list(range(8))


@pytest.mark.slow
def test_a_daemonic_process_may_use_it(tmp_path: Path) -> None:
    code = """
import multiprocessing as mp

def child(queue):
    from stepgym.verifiers.math import MathAnswerVerifier
    queue.put(MathAnswerVerifier().verify("\\\\sqrt{3+2\\\\sqrt2}", "1+\\\\sqrt2").status)

if __name__ == "__main__":
    context = mp.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,), daemon=True)
    process.start()
    assert queue.get(timeout=60) == "correct"
    process.join(30)
    assert process.exitcode == 0
"""
    path = tmp_path / "daemon.py"
    path.write_text(code)
    subprocess.run([sys.executable, str(path)], check=True, timeout=120)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_after_a_fork_the_child_starts_its_own_workers(pool: WorkerPool) -> None:
    parents = set(pool.worker_pids())
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            pid = pool.run({}, timeout=60)
            os.write(write_end, b"own" if pid not in parents else b"shared")
        finally:
            os._exit(0)
    os.close(write_end)
    assert os.read(read_end, 10) == b"own"
    os.waitpid(child, 0)
    assert pool.run({"value": 2}, timeout=30) == 2


@pytest.mark.slow
def test_the_workers_end_with_the_process() -> None:
    code = (
        "from stepgym.verifiers.math.symbolic import shared_pool, warm_up\n"
        "warm_up(); print(*shared_pool().worker_pids())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True)
    time.sleep(0.3)
    for pid in map(int, done.stdout.split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_target_that_cannot_be_imported_is_reported() -> None:
    pool = WorkerPool("no_such_module:f", start_timeout=20)
    with pytest.raises(PoolCrashError):
        pool.run(1, timeout=1)
    pool.close()
    with pytest.raises(InvalidInputError):
        WorkerPool("no colon")
