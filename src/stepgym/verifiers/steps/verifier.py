"""`MathStepsVerifier`: a worked solution, calculation by calculation."""

from __future__ import annotations

import time
from typing import Any

from stepgym.verifiers.steps.calculations import copied_results, find_calculations
from stepgym.verifiers.steps.equations import rewritten_equations
from stepgym.verifiers.steps.final_line import final_line
from stepgym.verifiers.steps.origins import untraced_numbers
from stepgym.verifiers.verdict import Finding, Verdict
from stepgym.verifiers.verifier import Verifier

_MAX_CHARACTERS = 50_000


class MathStepsVerifier:
    """Checks every calculation of a worked solution and says where each one stands.

    Findings, all with exact spans and evidence that `check_finding` re-checks:

    * "calculation": each `a = b` that can be read, in calculator annotations `<<48/2=24>>`, in chains `a = b = c` and
      inside sentences ("48 / 2 = 24 clips"). Exact rational arithmetic; rounding to the digits shown is no error.
      Proved or refuted; a warning where the two sides differ but an innocent reading exists (units, "dozen", a chain
      that goes on from its result).
    * "copied-result": a number behind an annotation that is not the annotation's result. Refuted.
    * "equation": a plain equation in one unknown that follows another one: proved when it keeps the solutions or states
      one of them, refuted when it does not and nothing but equations stands on the two adjacent lines.
    * "origin": a number that comes neither from the question nor from an earlier result. A warning, and only with
      `context`.
    * "final-line": whether the final answer is the last result. Proved or a warning.

    The verdict is wrong when something is refuted. Otherwise, with a reference, it is the verdict on the final answer;
    without one (None) it is correct when at least one calculation was proved, and undecided when there was none: then
    "correct" says that what was calculated is calculated correctly, not that the reasoning is sound.

    Args:
        answer: Judges the final answer when there is a reference; `MathAnswerVerifier()` when None.
    """

    name = "math-steps/1"

    def __init__(self, *, answer: Verifier | None = None) -> None:
        self._answer = answer

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on a worked solution; `context` is the question, `reference` the final answer or None."""
        started = time.perf_counter()
        return self._verify(response, reference, context).signed(self.name, time.perf_counter() - started)

    def _verify(self, response: str, reference: Any, context: str) -> Verdict:
        answer = self._judge_answer(response, reference, context)
        if len(response) > _MAX_CHARACTERS:
            return Verdict.undecided(f"longer than {_MAX_CHARACTERS} characters: {len(response)}")
        findings = check_steps(response, context)
        refuted = [finding for finding in findings if finding.severity == "refuted"]
        if answer is not None:
            findings = _in_order([*findings, *answer.findings])
        if refuted:
            return Verdict("wrong", 0.0, tuple(findings), refuted[0].message)
        if answer is not None:
            return Verdict(answer.status, answer.score, tuple(findings), answer.reason)
        proved = [f for f in findings if f.kind in ("calculation", "equation") and f.severity == "proved"]
        if proved:
            return Verdict("correct", 1.0, tuple(findings), f"{len(proved)} calculations hold")
        return Verdict.undecided("no calculation that can be checked", *findings)

    def _judge_answer(self, response: str, reference: Any, context: str) -> Verdict | None:
        if reference is None:
            return None
        if self._answer is None:
            from stepgym.verifiers.math.answer import MathAnswerVerifier

            self._answer = MathAnswerVerifier()
        return self._answer.verify(response, reference, context=context)


def check_steps(response: str, question: str = "") -> list[Finding]:
    """The findings on the calculations of `response`, in order; see `MathStepsVerifier`."""
    calculations = find_calculations(response, question)
    findings = [calculation.finding for calculation in calculations]
    findings.extend(copied_results(response))
    findings.extend(rewritten_equations(response))
    if question:
        findings.extend(untraced_numbers(calculations, question))
    closing = final_line(response, calculations)
    return _in_order(findings if closing is None else [*findings, closing])


def _in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.start, finding.end))
