"""Compiling a program and running its tests, remembered by content."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

from stepgym.verifiers.cpp.compiler import Compiler, Outcome
from stepgym.verifiers.cpp.diagnostics import Diagnostic, read_diagnostics
from stepgym.verifiers.cpp.reference import IOTest
from stepgym.verifiers.cpp.running import Runner, TestRun

_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class Judged:
    """What the compiler and the tests say of a program.

    Attributes:
        outcome: Of the compilation.
        stopped: The limit of the compilation it ran into.
        diagnostics: What the compiler said.
        runs: The tests that were run.
        tests: How many tests there were to run.
    """

    outcome: Outcome
    stopped: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    runs: tuple[TestRun, ...] = ()
    tests: int = 0

    @property
    def passed(self) -> bool:
        """Whether it compiles and every test passes."""
        return self.outcome == "ok" and len(self.runs) == self.tests and not any(run.failure for run in self.runs)

    @property
    def failed_run(self) -> TestRun | None:
        """The first test that failed."""
        return next((run for run in self.runs if run.failure), None)

    @property
    def undecided(self) -> str:
        """Why nothing can be said, "" if something can."""
        if self.outcome == "crash":
            return "the compiler failed on this program"
        if self.outcome == "overloaded" or any(run.failure == "overloaded" for run in self.runs):
            return "the machine was too busy to tell"
        return ""


class Judge:
    """Compiles and runs programs, and remembers what came of each; usable from several threads.

    Args:
        compiler: Compiles.
        runner: Runs the tests.
        max_tests: How many tests count at most.
    """

    def __init__(self, compiler: Compiler, runner: Runner, *, max_tests: int) -> None:
        self._compiler = compiler
        self._runner = runner
        self._max_tests = max_tests
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Judged] = OrderedDict()

    def judge(self, program: str, tests: tuple[IOTest, ...], *, first_only: bool = False) -> Judged:
        """What comes of `program`; with `first_only` no test is run after one that fails."""
        tests = tests[: self._max_tests]
        key = content_key(program, tests, first_only=first_only)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        judged = self._judge(program, tests, first_only=first_only)
        if not judged.undecided:
            with self._lock:
                self._known[key] = judged
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return judged

    def _judge(self, program: str, tests: tuple[IOTest, ...], *, first_only: bool) -> Judged:
        with self._compiler.compile(program) as compiled:
            runs: list[TestRun] = []
            if compiled.folder is not None:
                runs = self._runner.run_all(compiled.folder, tests, first_only=first_only)
        diagnostics = tuple(read_diagnostics(compiled.messages, program))
        return Judged(compiled.outcome, compiled.stopped, diagnostics, tuple(runs), len(tests))


def content_key(program: str, tests: tuple[IOTest, ...], *, first_only: bool = False) -> bytes:
    """A key that changes with the program and its tests."""
    digest = hashlib.sha256(b"first" if first_only else b"all")
    for text in (program, *(part for test in tests for part in (test.input, test.output))):
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()
