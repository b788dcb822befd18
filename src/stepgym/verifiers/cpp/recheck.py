"""Looking at a finding once more: compiled and run afresh, without caches, precompiled headers or shortcuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepgym.verifiers.cpp.judging import Judge, Judged
from stepgym.verifiers.cpp.locating import Locator
from stepgym.verifiers.cpp.program import Program
from stepgym.verifiers.cpp.reference import CppReference
from stepgym.verifiers.cpp.repair import Edit, apply_edits
from stepgym.verifiers.cpp.suspects import MAX_NESTING, nesting
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
        """Whether the finding holds for this program and task; evidence that is not of its form shows nothing."""
        if finding.severity in ("warning", "note"):
            return True
        if not _has_its_types(finding):
            return False
        if (finding.kind == "program") != (finding.severity == "proved"):
            return False
        text = program.text
        if not text.strip():
            return finding.kind == "empty"
        if len(text) > self.max_characters:
            return finding.kind == "too-long"
        if "\0" in text:
            place = finding.start - program.start
            return finding.kind == "compile-error" and place >= 0 and text[place : place + 1] == "\0"
        if nesting(text) > MAX_NESTING:
            return finding.kind == "compile-limit"
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
        edits = _read_edits(finding.evidence.get("edits"), program)
        start, end = finding.start - program.start, finding.end - program.start
        facts = finding.evidence
        mended = next(
            (
                edit
                for edit in edits
                if program.text[edit.start : edit.end] == facts.get("replace")
                and edit.by == facts.get("by")
                and start <= edit.end
                and end >= edit.start
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
        if run is None or run.failure != finding.kind or run.test != facts.get("test"):
            return False
        if facts.get("line", run.line) != run.line or facts.get("returned", run.code) != run.code:
            return False
        shown = Locator(program, task, self.plain, None, 0).counterexample(run)
        return finding.kind != "wrong-output" or shown["expected"] == facts.get("expected")


def _has_its_types(finding: Any) -> bool:
    """Whether a finding, which may come from any JSON, is what its type says."""
    return (
        isinstance(finding.kind, str)
        and isinstance(finding.evidence, Mapping)
        and type(finding.start) is int
        and type(finding.end) is int
    )


def _read_edits(items: Any, program: Program) -> list[Edit]:
    """The edits of a repair, in order; none if they are not of their form, leave the program or overlap."""
    if not isinstance(items, list | tuple):
        return []
    edits = []
    for item in items:
        if not isinstance(item, list | tuple) or [type(part) for part in item] != [int, int, str]:
            return []
        edits.append(Edit(item[0] - program.start, item[1] - program.start, item[2], (0, 0)))
    edits.sort(key=lambda edit: (edit.start, edit.end))
    place = 0
    for edit in edits:
        if not place <= edit.start <= edit.end <= len(program.text):
            return []
        place = edit.end
    return edits
