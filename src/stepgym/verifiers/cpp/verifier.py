"""`CppVerifier`: does a C++ program compile and pass its tests, and where is it wrong?"""

from __future__ import annotations

import os
import shutil
import threading
import time
import weakref
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.cpp.cache_folder import new_run_folder, open_cache
from stepgym.verifiers.cpp.compiler import Compiler
from stepgym.verifiers.cpp.judging import Judge, Judged, content_key
from stepgym.verifiers.cpp.locating import Locator, describe
from stepgym.verifiers.cpp.program import Program, read_program
from stepgym.verifiers.cpp.recheck import Rechecker
from stepgym.verifiers.cpp.reference import CppReference
from stepgym.verifiers.cpp.running import Runner
from stepgym.verifiers.cpp.suspects import MAX_NESTING, nesting
from stepgym.verifiers.cpp.toolchain import find_toolchain
from stepgym.verifiers.sandbox import Limits, Sandbox, SandboxFailedError, find_sandbox
from stepgym.verifiers.verdict import Finding, Verdict

_REMEMBERED = 2_048
_SLOTS = threading.BoundedSemaphore(os.cpu_count() or 1)
_COMPILE_LIMITS = Limits(
    cpu_seconds=8, wall_seconds=40, memory_mb=1_024, processes=24, file_mb=64, disk_mb=192, output_kb=8_192
)


class CppVerifier:
    """Compiles the program of a response with g++ (C++17), runs it on tests in a sandbox, and says where it is wrong.

    The reference is `{"tests": [{"input": "1 2", "output": "3"}, ...], "solution": "..."}`; the solution, a right
    program, may be left out. The program is the last fenced block tagged as C++, else the last that looks like it, else
    the last, else the whole response. Outputs are compared word by word; where a decimal number is expected, a relative
    error of 1e-6 is allowed.

    A wrong program that resembles the solution is repaired: the differences that have to be undone to make it pass
    are the refuted findings ("repair"). Without a solution, or where the two have little in common, the first error
    of the compiler is refuted, or the place a sanitizer names; a wrong output or an endless program without a place
    is fatal. Notes say whether it compiles ("compiles"), how many tests pass ("tests"), and that the solution, where it
    was to be used, does not pass its own tests ("reference").

    Undecided are programs on which the compiler itself fails, and those for which the machine was too busy.

    Args:
        sanitize: Compile with address and undefined-behaviour sanitizers: slower, and stricter than a plain run.
        cpu_seconds: CPU time of a program on one test.
        memory_mb: Resident memory of a program in MiB; with `sanitize` at least twice as much.
        output_kb: What a program may print, in KiB.
        compile_limits: Limits of one compilation.
        tests_per_verdict: How many tests of a task are used at most, the first ones.
        repairs: How many programs are compiled at most to find out which differences matter.
        max_characters: A longer program is wrong, and not compiled.
        locate_crashes: Whether a program that crashes is compiled once more with sanitizers to find the line.
        unsafe: Run programs without a sandbox where there is none, instead of refusing.
        sandbox: Where compiler and programs run; None for the one of this machine.
        cache_folder: Where precompiled headers are kept, some 30 MB each; None for the user's cache folder.

    Raises:
        CompilerMissingError: There is no g++.
        SandboxMissingError: There is no sandbox, and `unsafe` is not set.
    """

    name = "cpp/1"

    def __init__(
        self,
        *,
        sanitize: bool = False,
        cpu_seconds: float = 2.0,
        memory_mb: int = 256,
        output_kb: int = 1_024,
        compile_limits: Limits = _COMPILE_LIMITS,
        tests_per_verdict: int = 20,
        repairs: int = 8,
        max_characters: int = 65_536,
        locate_crashes: bool = True,
        unsafe: bool = False,
        sandbox: Sandbox | None = None,
        cache_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        for name, value, least in (
            ("tests_per_verdict", tests_per_verdict, 1),
            ("repairs", repairs, 0),
            ("max_characters", max_characters, 1),
        ):
            if type(value) is not int or value < least:
                raise InvalidInputError(f"{name} must be an integer of at least {least}, got {value!r}")
        self.sanitize = sanitize
        self.compile_limits = compile_limits
        self.run_limits = Limits(
            cpu_seconds=cpu_seconds, wall_seconds=5 * cpu_seconds, memory_mb=memory_mb, output_kb=output_kb
        )
        self.tests_per_verdict = tests_per_verdict
        self.repairs = repairs
        self.max_characters = max_characters
        self.locate_crashes = locate_crashes
        self._toolchain = find_toolchain()
        self._sandbox = find_sandbox(unsafe=unsafe) if sandbox is None else sandbox
        self._cache = open_cache(cache_folder)
        self._runs = self._find_run_folder()
        self._cleaned = weakref.finalize(self, shutil.rmtree, self._runs, ignore_errors=True)
        self._judge = self._make_judge(sanitize=sanitize)
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[bytes, str], Verdict] = OrderedDict()

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`; see the class."""
        started = time.perf_counter()
        task = CppReference.read(reference)
        program = read_program(response)
        try:
            verdict = self._remembered(program, task)
        except SandboxFailedError as error:
            verdict = Verdict.undecided(f"the sandbox failed: {str(error)[:200]}")
        return verdict.signed(self.name, time.perf_counter() - started)

    def check_finding(self, finding: Finding, response: str, reference: Any, *, context: str = "") -> bool:
        """Whether a finding holds: compiled and run again without any cache or precompiled header.

        A repair is made in the response and tried; an error must come again at the same place, a failing test must
        fail again, and what is proved must pass every test.
        """
        task = CppReference.read(reference)
        return self._rechecker.check(finding, read_program(response), task)

    def _find_run_folder(self) -> Path:
        """A folder that the sandbox can reach."""
        folder = new_run_folder(self._cache)
        try:
            self._sandbox.run(["/bin/true"], folder=folder, writable=False, limits=self.run_limits)
        except SandboxFailedError:
            shutil.rmtree(folder, ignore_errors=True)
            return new_run_folder(self._cache, passable=True)
        return folder

    def _remembered(self, program: Program, task: CppReference) -> Verdict:
        key = (content_key(program.text, task.tests), f"{program.start}\0{task.solution}")
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        verdict = self._verify(program, task)
        if verdict.status != "undecided":
            with self._lock:
                self._known[key] = verdict
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return verdict

    def _verify(self, program: Program, task: CppReference) -> Verdict:
        start, end = program.start, program.start + len(program.text)
        if not program.text.strip():
            return Verdict.wrong(Finding(start, end, "empty", "fatal", "there is no program"))
        if len(program.text) > self.max_characters:
            facts = {"characters": len(program.text), "allowed": self.max_characters}
            message = f"longer than {self.max_characters} characters: {len(program.text)}"
            return Verdict.wrong(Finding(start, end, "too-long", "fatal", message, facts))
        nul = program.text.find("\0")
        if nul >= 0:
            found = Finding(start + nul, start + nul + 1, "compile-error", "refuted", "a NUL character")
            return Verdict.wrong(self._compiles(program, compiled=False), found, reason=found.message)
        depth = nesting(program.text)
        if depth > MAX_NESTING:
            facts = {"nesting": depth, "allowed": MAX_NESTING}
            message = f"brackets are nested {depth} deep, more than {MAX_NESTING}"
            return Verdict.wrong(Finding(start, end, "compile-limit", "fatal", message, facts))
        judged = self._judge.judge(program.text, task.tests)
        if judged.undecided:
            return Verdict.undecided(judged.undecided)
        notes = [self._compiles(program, compiled=judged.outcome == "ok"), *_warnings(judged, start)]
        if judged.outcome == "ok":
            notes.append(_tests(program, judged))
        if judged.passed:
            text = program.text
            span = (start + len(text) - len(text.lstrip()), start + len(text.rstrip()))
            message = f"compiles and passes {len(judged.runs)} tests"
            proved = Finding(*span, "program", "proved", message, {"tests": len(judged.runs)})
            return Verdict.correct(*_in_order([proved, *notes]), reason=message)
        locator = Locator(program, task, self._judge, self._crash_judge, self.repairs)
        findings = locator.findings(judged)
        return Verdict.wrong(*_in_order([*findings, *notes]), reason=_reason(judged, locator, findings))

    @staticmethod
    def _compiles(program: Program, *, compiled: bool) -> Finding:
        message = "compiles" if compiled else "does not compile"
        return Finding(program.start, program.start, "compiles", "note", message, {"compiled": compiled})

    def _make_judge(self, *, sanitize: bool, plain: bool = False) -> Judge:
        limits = self.run_limits
        if sanitize:
            limits = Limits(
                cpu_seconds=2 * limits.cpu_seconds,
                wall_seconds=2 * limits.wall_seconds,
                memory_mb=2 * limits.memory_mb,
                output_kb=limits.output_kb,
            )
        compiler = Compiler(
            self._sandbox,
            self._toolchain,
            cache=self._cache,
            runs=self._runs,
            slots=_SLOTS,
            limits=self.compile_limits,
            sanitize=sanitize,
            plain=plain,
        )
        runner = Runner(self._sandbox, limits=limits, slots=_SLOTS, sanitize=sanitize, max_tests=self.tests_per_verdict)
        return Judge(compiler, runner, max_tests=self.tests_per_verdict)

    @cached_property
    def _crash_judge(self) -> Judge | None:
        return self._make_judge(sanitize=True) if self.locate_crashes and not self.sanitize else None

    @cached_property
    def _rechecker(self) -> Rechecker:
        plain = self._make_judge(sanitize=self.sanitize, plain=True)
        crashes = plain if self.sanitize else self._make_judge(sanitize=True, plain=True)
        return Rechecker(plain, crashes, max_characters=self.max_characters)

    @property
    def run_folder(self) -> Path:
        """Where programs are compiled; removed with the verifier."""
        return self._runs


def _warnings(judged: Judged, start: int) -> list[Finding]:
    return [
        Finding(d.span[0] + start, d.span[1] + start, "compile-warning", "warning", d.message, {"option": d.option})
        for d in judged.diagnostics
        if d.level == "warning" and d.span is not None
    ]


def _tests(program: Program, judged: Judged) -> Finding:
    passed = sum(not run.failure for run in judged.runs)
    facts = {"passed": passed, "tests": judged.tests}
    message = f"passes {passed} of {judged.tests} tests"
    return Finding(program.start, program.start, "tests", "note", message, facts)


def _reason(judged: Judged, locator: Locator, findings: list[Finding]) -> str:
    """What is wrong, and the first place."""
    run = judged.failed_run
    if run is not None:
        return describe(run, locator.counterexample(run))
    errors = [d.message for d in judged.diagnostics if d.level == "error"]
    if errors:
        return f"does not compile: {errors[0]}"
    return findings[0].message if findings else "does not compile"


def _in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.start, finding.end))
