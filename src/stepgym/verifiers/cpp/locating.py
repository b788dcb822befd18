"""From what went wrong to findings with a place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stepgym.verifiers.cpp.judging import Judge, Judged
from stepgym.verifiers.cpp.program import Lines, Program
from stepgym.verifiers.cpp.reference import CppReference, shortened
from stepgym.verifiers.cpp.repair import Edit, Repair, apply_edits, find_edits, same_tokens, search_repair
from stepgym.verifiers.cpp.running import TestRun
from stepgym.verifiers.cpp.tokens import TokenIndex
from stepgym.verifiers.verdict import Finding, Severity, printable

_RETURN = re.compile(r"\breturn\s+(-?[0-9]{1,9})\s*;")


@dataclass(frozen=True, slots=True)
class Locator:
    """Makes the findings of one wrong program.

    Attributes:
        program: The program in its response.
        reference: Its task.
        judge: Tries repairs.
        crashes: Judges with sanitizers, to find the line of a crash; None to do without.
        budget: How many repairs may be tried.
    """

    program: Program
    reference: CppReference
    judge: Judge
    crashes: Judge | None
    budget: int

    def findings(self, judged: Judged) -> list[Finding]:
        """Everything that can be said of a program that is not right."""
        errors = [d for d in judged.diagnostics if d.level == "error"]
        hint = errors[0].span if errors else None
        solution = self.reference.solution
        edits = None if solution is None else find_edits(self.program.text, solution)
        repair = self._repair(solution, edits, hint) if solution is not None and edits else None
        found = self._repaired(repair, judged) if repair is not None else []
        located = bool(found) and any(f.severity == "refuted" for f in found)
        if judged.outcome == "error":
            found += self._compile_errors(judged, located=located)
        elif judged.outcome == "limit":
            message = f"takes too much to compile ({judged.stopped})"
            found += [] if located else [self._whole("compile-limit", message, {"stopped": judged.stopped})]
        else:
            found += [] if located else self._run_failure(judged)
        if solution is not None and edits is not None and repair is None:
            found += self._bad_solution(solution)
        return found

    def _repair(self, solution: str, edits: list[Edit], hint: tuple[int, int] | None) -> Repair | None:
        whole = apply_edits(self.program.text, edits)
        if not self._passes(solution if same_tokens(whole, solution) else whole):
            return None
        return search_repair(self.program.text, edits, self._passes, hint=hint, budget=self.budget)

    def _bad_solution(self, solution: str) -> list[Finding]:
        """A note if it is the solution of the task that is wrong."""
        judged = self.judge.judge(solution, self.reference.tests, first_only=True)
        if judged.passed or judged.undecided:
            return []
        run = judged.failed_run
        facts: dict[str, Any] = {"compiled": judged.outcome == "ok"} | ({} if run is None else {"test": run.test})
        message = "the reference solution does not pass its own tests, so no repair is shown"
        return [self._finding((0, 0), "reference", "note", message, facts)]

    def _passes(self, text: str) -> bool:
        return self.judge.judge(text, self.reference.tests, first_only=True).passed

    def _repaired(self, repair: Repair, judged: Judged) -> list[Finding]:
        """A finding for each edit; one that was not shown to be needed is a warning."""
        start = self.program.start
        edits = [[edit.start + start, edit.end + start, edit.by] for edit in repair.edits]
        evidence = {"edits": edits, **self._failure(judged)}
        return [self._edit(edit, edit in repair.needed, evidence) for edit in repair.edits]

    def _edit(self, edit: Edit, needed: bool, evidence: dict[str, Any]) -> Finding:
        old = self.program.text[edit.start : edit.end]
        facts = {"replace": old, "by": edit.by, **evidence}
        if not old:
            message = f"with {_quoted(edit.by)} added here the program is right"
        elif not edit.by:
            message = f"without {_quoted(old)} the program is right"
        else:
            message = f"with {_quoted(edit.by)} instead of {_quoted(old)} the program is right"
        if len(evidence["edits"]) > 1:
            message += f" (one of {len(evidence['edits'])} changes)"
        return self._finding(edit.span, "repair", "refuted" if needed else "warning", message, facts)

    def _failure(self, judged: Judged) -> dict[str, Any]:
        """Why the program as it stands is wrong."""
        run = judged.failed_run
        if run is not None:
            return self.counterexample(run)
        errors = [d.message for d in judged.diagnostics if d.level == "error"]
        return {"error": errors[0] if errors else f"compile-limit: {judged.stopped}"}

    def counterexample(self, run: TestRun) -> dict[str, Any]:
        """The failing test and what came out."""
        test = self.reference.tests[run.test]
        return {
            "test": run.test,
            "input": shortened(test.input),
            "expected": shortened(test.output),
            "got": shortened(run.got),
            "failure": run.failure,
            "detail": run.detail,
        }

    def _compile_errors(self, judged: Judged, *, located: bool) -> list[Finding]:
        """The first error is refuted, unless a repair says it better; later ones often follow from it."""
        found = []
        for number, diagnostic in enumerate(d for d in judged.diagnostics if d.level == "error"):
            first = number == 0 and not located
            if diagnostic.span is None:
                if first:
                    found.append(self._whole("compile-error", diagnostic.message, {"message": diagnostic.message}))
                continue
            severity: Severity = "refuted" if first else "warning"
            evidence = {"message": diagnostic.message}
            found.append(self._finding(diagnostic.span, "compile-error", severity, diagnostic.message, evidence))
        if not found and not located:
            found.append(self._whole("compile-error", "does not compile", {"message": ""}))
        return found

    def _run_failure(self, judged: Judged) -> list[Finding]:
        run = judged.failed_run
        if run is None:
            return []
        if run.failure == "runtime-error" and not run.line and self.crashes is not None:
            seen = self.crashes.judge(self.program.text, self.reference.tests, first_only=True).failed_run
            run = seen if seen is not None and seen.failure == "runtime-error" and seen.line else run
        evidence = self.counterexample(run)
        message = describe(run, evidence)
        span = self._line_span(run)
        if span is not None:
            where = {"line": run.line} if run.line else {"returned": run.code}
            return [self._finding(span, run.failure, "refuted", message, {**evidence, **where})]
        return [self._whole(run.failure, message, evidence)]

    def _line_span(self, run: TestRun) -> tuple[int, int] | None:
        """The token a sanitizer names, or the whole line where it names no column; the number that is returned."""
        if run.code:
            returned = [m for m in _RETURN.finditer(self.program.text) if int(m[1]) % 256 == run.code]
            return (returned[-1].start(1), returned[-1].end(1)) if returned else None
        lines = Lines(self.program.text)
        if run.line and run.column:
            place = lines.place(run.line, run.column)
            token = None if place is None else TokenIndex(self.program.text).at(place)
            if token is not None:
                return token.start, token.end
        return lines.span(run.line) if run.line else None

    def _whole(self, kind: str, message: str, evidence: dict[str, Any]) -> Finding:
        return self._finding((0, len(self.program.text)), kind, "fatal", message, evidence)

    def _finding(
        self, span: tuple[int, int], kind: str, severity: Severity, message: str, evidence: dict[str, Any]
    ) -> Finding:
        start = self.program.start
        return Finding(span[0] + start, span[1] + start, kind, severity, message, evidence)


def describe(run: TestRun, evidence: dict[str, Any]) -> str:
    """One sentence about a failed test."""
    test = f"on test {run.test + 1}"
    if run.failure == "wrong-output":
        return f"prints {_quoted(evidence['got'])} instead of {_quoted(evidence['expected'])} {test}"
    return f"{run.detail} {test}"


def _quoted(text: str) -> str:
    """A text in quotes; what cannot be printed is escaped, once."""
    shown = shortened(printable(" ".join(text.split()) or text).replace("\n", "\\n"), 60)
    return f'"{shown}"' if "'" in shown and '"' not in shown else f"'{shown}'"
