"""Running a compiled program on the tests of its task."""

from __future__ import annotations

import re
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stepgym.verifiers.cpp.reference import IOTest, same_output
from stepgym.verifiers.sandbox import Finished, Limits, Sandbox

Failure = Literal[
    "", "wrong-output", "runtime-error", "time-out", "memory", "output", "processes", "disk", "overloaded"
]
_SANITIZER_OPTIONS = (
    "ASAN_OPTIONS=detect_leaks=0:color=never:allocator_may_return_null=0",
    "UBSAN_OPTIONS=print_stacktrace=0:color=never",
)
_UNDEFINED = re.compile(r"^main\.cpp:([0-9]+):([0-9]+): runtime error: ([^\n]*)", re.MULTILINE)
_ADDRESS = re.compile(r"ERROR: AddressSanitizer:? ([\w-]+(?: [\w-]+){0,3})")
_FRAME = re.compile(r"^\s*#[0-9]+ 0x[0-9a-f]+ in [^\n]*?/main\.cpp:([0-9]+)(?::([0-9]+))?", re.MULTILINE)
_HEX = re.compile(r"0x[0-9a-f]+")
_BUSY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TestRun:
    """What came of one test.

    Attributes:
        failure: "" if it passed.
        test: Its number, from 0.
        got: What was printed, "" where a limit cut it.
        detail: For people, for example which signal.
        line: The line of the program that a sanitizer names, from 1; 0 for none.
        column: The column of that, in bytes from 1; 0 for none.
        code: The exit code, 0 where it is not what failed.
    """

    failure: Failure
    test: int
    got: str = ""
    detail: str = ""
    line: int = 0
    column: int = 0
    code: int = 0


class Runner:
    """Runs tests in the sandbox; usable from several threads.

    Args:
        sandbox: Where programs run.
        limits: Of one test.
        slots: Bounds how many processes run at once.
        sanitize: Whether the programs were compiled with sanitizers.
        max_tests: How many tests are run at most.
    """

    def __init__(
        self, sandbox: Sandbox, *, limits: Limits, slots: threading.Semaphore, sanitize: bool, max_tests: int
    ) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._slots = slots
        self._sanitize = sanitize
        self._max_tests = max_tests

    def run_all(self, folder: Path, tests: tuple[IOTest, ...], *, first_only: bool = False) -> list[TestRun]:
        """The tests in order, up to the limit of tests; none after one that took all its time.

        Args:
            folder: Where the executable `main` lies.
            tests: What it reads and must print.
            first_only: Stop at the first test that fails.
        """
        runs = []
        for number, test in enumerate(tests[: self._max_tests]):
            run = self.run(folder, test, number)
            runs.append(run)
            if run.failure in ("time-out", "overloaded") or (run.failure and first_only):
                break
        return runs

    def run(self, folder: Path, test: IOTest, number: int) -> TestRun:
        """One test."""
        command = ["/usr/bin/env", *_SANITIZER_OPTIONS, "./main"] if self._sanitize else ["./main"]
        with self._slots:
            done = self._sandbox.run(
                command,
                folder=folder,
                writable=False,
                stdin=test.input.encode("utf-8", "replace"),
                limits=self._limits,
            )
            if done.stopped == "wall" and self._is_busy(folder):
                return TestRun("overloaded", number)
        return self._judge(done, test, number)

    def _is_busy(self, folder: Path) -> bool:
        """Whether the machine, not the program, was too slow: even a program that does nothing is."""
        probe = self._sandbox.run(["/bin/true"], folder=folder, writable=False, limits=self._limits)
        return bool(probe.stopped) or probe.wall_seconds > _BUSY_SECONDS

    def _judge(self, done: Finished, test: IOTest, number: int) -> TestRun:
        got = done.stdout.decode("utf-8", "replace")
        if done.stopped in ("cpu", "wall") or done.signal == signal.SIGXCPU:
            waited = done.stopped == "wall" and done.cpu_seconds < 0.5 * self._limits.cpu_seconds
            detail = "does not end, it waits" if waited else "does not end in time"
            return TestRun("time-out", number, "", detail)
        if done.stopped == "memory":
            return TestRun("memory", number, "", f"uses more than {self._limits.memory_mb} MB of memory")
        if done.stopped == "output":
            return TestRun("output", number, "", f"prints more than {self._limits.output_kb} kB")
        if done.stopped == "processes":
            return TestRun("processes", number, "", f"starts more than {self._limits.processes} processes")
        if done.stopped == "disk" or done.signal == getattr(signal, "SIGXFSZ", -1):
            return TestRun("disk", number, "", "writes too much to files")
        report = done.stderr.decode("utf-8", "replace")
        if self._sanitize and (done.exit_code != 0 or done.signal is not None):
            detail, line, column = _sanitizer_report(report)
            if detail:
                return TestRun("runtime-error", number, got, detail, line, column)
        if done.signal is not None:
            return TestRun("runtime-error", number, got, f"is ended by {_signal_name(done.signal)}")
        if done.exit_code != 0:
            return TestRun(
                "runtime-error", number, got, f"returns {done.exit_code} instead of 0", code=done.exit_code or 0
            )
        return TestRun("" if same_output(test.output, got) else "wrong-output", number, got)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _sanitizer_report(report: str) -> tuple[str, int, int]:
    """What a sanitizer found, and the line and column it names, 0 for none. Addresses differ from run to run."""
    undefined = _UNDEFINED.search(report)
    if undefined is not None:
        return _HEX.sub("an address", undefined[3])[:200], int(undefined[1]), int(undefined[2])
    address = _ADDRESS.search(report)
    if address is None:
        return "", 0, 0
    frame = _FRAME.search(report)
    kind = address[1].partition(" on ")[0]
    return kind, int(frame[1]) if frame else 0, int(frame[2] or 0) if frame else 0
