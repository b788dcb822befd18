"""Looking at a finding once more: compiled and run afresh, without caches, precompiled headers or shortcuts."""

from __future__ import annotations

from dataclasses import dataclass

from stepgym.verifiers.cpp.judging import Judge, Judged
from stepgym.verifiers.cpp.locating import Locator
from stepgym.verifiers.cpp.program import Program
from stepgym.verifiers.cpp.reference import CppReference
from stepgym.verifiers.cpp.repair import Edit, apply_edits
from stepgym.verifiers.cpp.suspects import nesting
from stepgym.verifiers.verdict import Finding

_RUN_FAILURES = frozenset({"wrong-output", "runtime-error", "time-out", "memory", "output", "processes", "disk"})


@dataclass(frozen=True, slots=True)
class Rechecker:
    """Checks findings by the plain route.

    Attributes:
        plain: Judges without precompiled headers.
        crashes: The same with sanitizers, for the line of a crash.
        max_characters: Length of the longest program that is compiled.
    """

    plain: Judge
    crashes: Judge
    max_characters: int

    def check(self, finding: Finding, program: Program, task: CppReference) -> bool:
        """Whether the finding holds for this program and task."""
        text = program.text
        if finding.severity in ("warning", "note"):
            return True
        if finding.kind == "empty":
            return not text.strip()
        if finding.kind == "too-long":
            return len(text) > self.max_characters
        if "nesting" in finding.evidence:
            return nesting(text) > int(finding.evidence["allowed"])
        if "\0" in text:
            return finding.kind == "compile-error" and text[finding.start - program.start] == "\0"
        judged = self.plain.judge(text, task.tests)
        if finding.kind == "program":
            return judged.passed
        if finding.kind == "repair":
            return not judged.passed and self._repaired(finding, program, task)
        if finding.kind in ("compile-error", "compile-limit"):
            return judged.outcome == ("error" if finding.kind == "compile-error" else "limit") and (
                finding.severity == "fatal" or self._same_place(finding, judged, program)
            )
        return finding.kind in _RUN_FAILURES and self._fails(finding, judged, program, task)

    def _repaired(self, finding: Finding, program: Program, task: CppReference) -> bool:
        edits = [
            Edit(start - program.start, end - program.start, by, (0, 0)) for start, end, by in finding.evidence["edits"]
        ]
        if any(not 0 <= edit.start <= edit.end <= len(program.text) for edit in edits):
            return False
        mended = next(
            (
                edit
                for edit in edits
                if program.text[edit.start : edit.end] == finding.evidence["replace"]
                and edit.by == finding.evidence["by"]
            ),
            None,
        )
        if mended is None:
            return False
        without = [edit for edit in edits if edit is not mended]
        return (
            self.plain.judge(apply_edits(program.text, edits), task.tests).passed
            and not self.plain.judge(apply_edits(program.text, without), task.tests).passed
        )

    @staticmethod
    def _same_place(finding: Finding, judged: Judged, program: Program) -> bool:
        spans = [d.span for d in judged.diagnostics if d.level == "error" and d.span is not None]
        return (finding.start - program.start, finding.end - program.start) in spans

    def _fails(self, finding: Finding, judged: Judged, program: Program, task: CppReference) -> bool:
        facts = finding.evidence
        if "line" in facts:
            judged = self.crashes.judge(program.text, task.tests, first_only=True)
        run = judged.failed_run
        if run is None or run.failure != finding.kind or run.test != facts["test"]:
            return False
        shown = Locator(program, task, self.plain, None, 0).counterexample(run)
        return finding.kind != "wrong-output" or shown["expected"] == facts["expected"]
