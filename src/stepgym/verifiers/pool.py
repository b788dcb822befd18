"""A warm pool of worker processes for work that must be bounded: one deadline, a memory cap, kill and respawn.

Each worker is a fresh interpreter that imports one function and then serves jobs over pipes, one JSON line each way:
nothing is pickled, nothing is forked per job, `__main__` is not imported again, no signal handler is installed in the
calling process, and daemonic processes (multiprocessing, Ray) may use it. It is safe to share between threads; from
asyncio call it through `asyncio.to_thread`. After a fork the child starts workers of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from typing import Any

from stepgym.errors import InvalidInputError, StepgymError

_BOOTSTRAP = (
    "import json, sys; setup = json.loads(sys.stdin.readline()); sys.path[:] = setup['path']; "
    "from stepgym.verifiers.pool import serve; serve(setup)"
)
_MAX_REPLY = 1_000_000


class PoolTimeoutError(StepgymError, TimeoutError):
    """A job did not finish before its deadline; its worker was killed."""


class PoolCrashError(StepgymError, RuntimeError):
    """The worker of a job died twice, for example because it ran out of memory."""


class PoolJobError(StepgymError, RuntimeError):
    """The function raised; the message holds the error of the worker."""


class WorkerPool:
    """Worker processes that run one function.

    Args:
        target: The function, `"module:function"`; it takes and returns JSON values.
        size: How many jobs run at once; one more worker is kept ready as a spare. Default: 2.
        memory_mb: Address space of a worker in MiB (where the platform can limit it).
        recycle_after: Jobs after which a worker is replaced.
        start_timeout: Seconds within which a worker must be ready.
    """

    def __init__(
        self,
        target: str,
        *,
        size: int = 2,
        memory_mb: int = 1024,
        recycle_after: int = 500,
        start_timeout: float = 60.0,
    ) -> None:
        if target.count(":") != 1:
            raise InvalidInputError(f"target must look like 'module:function', got {target!r}")
        if size < 1 or recycle_after < 1 or memory_mb < 64:
            raise InvalidInputError("size and recycle_after must be at least 1, memory_mb at least 64")
        self.target = target
        self.size = size
        self.memory_mb = memory_mb
        self.recycle_after = recycle_after
        self.start_timeout = start_timeout
        self._reset()
        _POOLS.add(self)

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(self.size)
        self._idle: deque[_Worker] = deque()
        self._busy: set[_Worker] = set()
        self._closed = False

    def warm_up(self) -> None:
        """Start the workers and wait until they are ready."""
        self._own()
        with self._lock:
            self._fill()
            workers = list(self._idle)
        deadline = time.monotonic() + self.start_timeout
        for worker in workers:
            worker.wait_ready(deadline)

    def run(self, job: Any, *, timeout: float) -> Any:
        """The function's value for `job`.

        Args:
            job: A JSON value.
            timeout: Seconds in all for waiting for a free worker and for the work. Only the start of a worker, where
                none is ready yet, comes on top.

        Raises:
            PoolTimeoutError: The deadline passed.
            PoolCrashError: The worker died, and so did the one of the second attempt.
            PoolJobError: The function raised.
        """
        self._own()
        line = json.dumps(job).encode() + b"\n"
        deadline = time.monotonic() + timeout
        if not self._slots.acquire(timeout=timeout):
            raise PoolTimeoutError(f"no worker was free within {timeout} s")
        try:
            for _ in range(2):
                worker, waited = self._take()
                deadline += waited
                try:
                    reply = worker.ask(line, deadline)
                except PoolTimeoutError:
                    self._replace(worker)
                    raise
                except EOFError:
                    self._replace(worker)
                    continue
                except BaseException:
                    self._replace(worker)
                    raise
                self._give(worker)
                if "error" in reply:
                    raise PoolJobError(reply["error"])
                return reply["value"]
            raise PoolCrashError("the worker died, and so did the one that tried again")
        finally:
            self._slots.release()

    def close(self) -> None:
        """Stop all workers; a later job starts new ones."""
        if self._pid != os.getpid():
            return
        with self._lock:
            workers = [*self._idle, *self._busy]
            self._idle.clear()
        for worker in workers:
            worker.kill()

    def worker_pids(self) -> list[int]:
        """The process ids of the workers."""
        with self._lock:
            return [w.process.pid for w in (*self._idle, *self._busy)]

    def _own(self) -> None:
        if self._pid != os.getpid():  # After a fork the pipes belong to the parent.
            self._reset()

    def _fill(self) -> None:
        while len(self._idle) + len(self._busy) < self.size + 1:
            self._idle.append(_Worker(self))

    def _take(self) -> tuple[_Worker, float]:
        """A ready worker, and the seconds it took to start one."""
        started = time.monotonic()
        with self._lock:
            self._fill()
            worker = next((w for w in self._idle if w.is_ready()), self._idle[0])
            self._idle.remove(worker)
            self._busy.add(worker)
        waited = 0.0
        if not worker.is_ready():
            try:
                worker.wait_ready(started + self.start_timeout)
            except BaseException:
                self._replace(worker)
                raise
            waited = time.monotonic() - started
        return worker, waited

    def _give(self, worker: _Worker) -> None:
        if worker.jobs >= self.recycle_after:
            self._replace(worker)
            return
        with self._lock:
            self._busy.discard(worker)
            self._idle.appendleft(worker)

    def _replace(self, worker: _Worker) -> None:
        worker.kill()
        with self._lock:
            self._busy.discard(worker)
            self._fill()


class _Worker:
    """One worker process; used by one thread at a time."""

    def __init__(self, pool: WorkerPool) -> None:
        self.jobs = 0
        self.ready = False
        self.buffer = b""
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BOOTSTRAP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            close_fds=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin = self.process.stdin.fileno()
        self.stdout = self.process.stdout.fileno()
        os.set_blocking(self.stdout, False)
        setup = {"path": sys.path, "target": pool.target, "memory_mb": pool.memory_mb}
        with contextlib.suppress(BrokenPipeError):
            os.write(self.stdin, json.dumps(setup).encode() + b"\n")

    def is_ready(self) -> bool:
        if not self.ready:
            with contextlib.suppress(BlockingIOError, OSError):
                self.buffer += os.read(self.stdout, 4096)
            self._see_ready()
        return self.ready

    def _see_ready(self) -> None:
        if b"\n" in self.buffer:
            self.buffer = self.buffer.partition(b"\n")[2]
            self.ready = True

    def wait_ready(self, deadline: float) -> None:
        if not self.is_ready():
            try:
                self._read_line(deadline)
            except EOFError as problem:
                raise PoolCrashError(
                    "a worker process cannot start; run its function in this process to see why"
                ) from problem
            self.ready = True

    def ask(self, line: bytes, deadline: float) -> dict[str, Any]:
        self.jobs += 1
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self.stdin, view) :]
        except BrokenPipeError as problem:
            raise EOFError from problem
        reply: dict[str, Any] = json.loads(self._read_line(deadline))
        return reply

    def _read_line(self, deadline: float) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self.stdout, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not selector.select(remaining):
                    raise PoolTimeoutError("the worker did not finish before the deadline")
                try:
                    piece = os.read(self.stdout, 65536)
                except BlockingIOError:
                    continue
                if not piece or len(self.buffer) > _MAX_REPLY:
                    raise EOFError
                self.buffer += piece
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)


def serve(setup: dict[str, Any]) -> None:
    """The loop of a worker process: import the target, say so, then answer jobs until the pipe closes."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # What the function prints must not look like a reply.
    module, _, name = setup["target"].partition(":")
    function = getattr(importlib.import_module(module), name)
    _limit_memory(setup["memory_mb"])
    replies.write(b"ready\n")
    for line in sys.stdin.buffer:
        try:
            reply = {"value": function(json.loads(line))}
        except Exception as problem:  # Reported to the caller, which decides.
            reply = {"error": f"{type(problem).__name__}: {problem!s:.200}"}
        replies.write(json.dumps(reply).encode() + b"\n")


def _limit_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # No such module on this platform: the deadline still holds.
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = megabytes * 2**20
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


_POOLS: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for pool in list(_POOLS):
        pool.close()
