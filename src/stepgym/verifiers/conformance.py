"""`check_verifier`: does a verifier keep the promises of the protocol, and how well does it judge?"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stepgym.errors import ConformanceError, InvalidInputError
from stepgym.verifiers.cases import Case, CaseSource, load_cases
from stepgym.verifiers.hostile import broken_references, hostile_responses
from stepgym.verifiers.scorecard import Scorecard
from stepgym.verifiers.verdict import Verdict
from stepgym.verifiers.verifier import Rechecks, Verifier

# Enough to catch a race or a random verdict, few enough for ten thousand cases to stay quick.
_REPEATED_CASES = 200


def check_verifier(verifier: Verifier, cases: CaseSource, *, max_seconds: float = 5.0, threads: int = 16) -> Scorecard:
    """The scorecard of `verifier` on labelled `cases`; raises `ConformanceError` on a broken promise, naming it.

    The promises: a `Verdict` for every response (malformed, huge and hostile ones too) within `max_seconds`, never an
    exception; only `InvalidInputError` for references that are not of its form; spans inside the response and in
    order; score and status that agree; a reason when undecided; verdicts that survive JSON; nothing of a response is
    executed; the same verdict again, also from many threads at once; some case with the full score and some with
    zero, where such cases are given; where the verifier can re-check its findings (see `Rechecks`), those of the cases
    hold. Judging a case otherwise than its label breaks no promise: it is counted.

    Every call is made outside the main thread, so a verifier that relies on signals fails here and not in training.

    Args:
        verifier: What to check.
        cases: Records with `response`, `reference`, `expected` ("correct", "wrong", "undecided" or a bool) and maybe
            `context`, or the path of a file of such JSON lines.
        max_seconds: Wall time that no call may exceed.
        threads: How many threads ask at once.
    """
    labelled = load_cases(cases)
    if not labelled:
        raise InvalidInputError("check_verifier needs at least one case")
    if not isinstance(verifier, Verifier):
        raise ConformanceError(f"{type(verifier).__name__} has no method verify(response, reference, *, context='')")
    probe = _Probe(verifier, max_seconds)

    verdicts = [probe.judge(case, f"case {index}") for index, case in enumerate(labelled)]
    seconds = list(probe.seconds)
    _check_extremes(probe.name, labelled, verdicts)
    _check_findings(probe, labelled, verdicts)

    hostile: dict[str, Verdict] = {}
    with tempfile.TemporaryDirectory(prefix="stepgym-check-") as folder:
        marker = Path(folder) / "executed"
        for name, response in hostile_responses(marker).items():
            case = Case(response, labelled[0].reference, "undecided", labelled[0].context)
            hostile[name] = probe.judge(case, f"hostile response {name!r}")
            if marker.exists():
                raise ConformanceError(f"{probe.name} executed code from a response: hostile response {name!r}")
    for name, reference in broken_references().items():
        probe.judge_reference(labelled[0], reference, f"reference {name!r}")
    _check_repeats(probe, labelled[:_REPEATED_CASES], verdicts[:_REPEATED_CASES], threads)
    return Scorecard.of(
        probe.name, labelled, verdicts, seconds, hostile=hostile, slowest=max(probe.seconds, default=0.0)
    )


class _Probe:
    """Asks the verifier and checks what holds for every single call."""

    def __init__(self, verifier: Verifier, max_seconds: float) -> None:
        self.verifier = verifier
        self.name = str(getattr(verifier, "name", "")) or type(verifier).__name__
        self.max_seconds = max_seconds
        self.seconds: list[float] = []

    def judge(self, case: Case, where: str) -> Verdict:
        try:
            verdict, seconds = self._timed(case.response, case.reference, case.context, where)
        except InvalidInputError as error:
            if self.seconds and where.startswith("hostile"):
                # This very reference was fine a moment ago, so it is the response that raised.
                raise ConformanceError(f"{self.name} raised InvalidInputError on {where}: {error}") from error
            raise InvalidInputError(f"{self.name}, {where}: the reference is refused: {error}") from error
        self.seconds.append(seconds)
        self._check_verdict(verdict, case.response, where)
        return verdict

    def judge_reference(self, case: Case, reference: Any, where: str) -> None:
        try:
            verdict, _ = self._timed(case.response, reference, case.context, where)
        except InvalidInputError:
            return
        self._check_verdict(verdict, case.response, where)

    def _timed(self, response: str, reference: Any, context: str, where: str) -> tuple[Verdict, float]:
        def call() -> tuple[Verdict, float]:
            started = time.perf_counter()
            verdict = self.verifier.verify(response, reference, context=context)
            return verdict, time.perf_counter() - started

        try:
            verdict, seconds = _within(self.max_seconds, call)
        except _TooSlowError as error:
            raise ConformanceError(f"{self.name} took longer than {self.max_seconds} s on {where}") from error
        except (InvalidInputError, ConformanceError):
            raise
        except (Exception, SystemExit) as error:
            raise ConformanceError(
                f"{self.name} raised {type(error).__name__} on {where}: {str(error)[:200]}. A response gets a verdict "
                "(undecided if need be); only a broken reference raises, and then InvalidInputError."
            ) from error
        return verdict, seconds

    def _check_verdict(self, verdict: Any, response: str, where: str) -> None:
        def fail(problem: str) -> ConformanceError:
            return ConformanceError(f"{self.name}, {where}: {problem}")

        if not isinstance(verdict, Verdict):
            raise fail(f"verify must return a Verdict, got {type(verdict).__name__}")
        if verdict.status == "undecided" and verdict.score != 0.0:
            raise fail(f"an undecided verdict must score 0, got {verdict.score}")
        if verdict.status == "correct" and verdict.score == 0.0:
            raise fail("a correct verdict scores 0")
        if verdict.status == "wrong" and verdict.score == 1.0:
            raise fail("a wrong verdict has the full score")
        if verdict.status == "undecided" and not verdict.reason:
            raise fail("an undecided verdict must give a reason")
        starts = [finding.start for finding in verdict.findings]
        if starts != sorted(starts):
            raise fail(f"findings must be in order of start, got {starts[:10]}")
        for finding in verdict.findings:
            if finding.end > len(response):
                raise fail(
                    f"span [{finding.start}, {finding.end}) of finding {finding.kind!r} leaves the response of "
                    f"{len(response)} characters"
                )
        try:
            again = Verdict.from_dict(json.loads(json.dumps(verdict.to_dict())))
        except (TypeError, ValueError) as error:
            raise fail(f"the verdict does not survive JSON: {error}") from error
        if again != verdict:
            raise fail("the verdict changes on the way through JSON; evidence must be plain JSON values")


def _check_extremes(name: str, cases: Sequence[Case], verdicts: Sequence[Verdict]) -> None:
    right = [v for c, v in zip(cases, verdicts, strict=True) if c.expected == "correct"]
    if right and all(v.score < 1.0 for v in right):
        raise ConformanceError(
            f"{name}: none of {len(right)} correct cases gets the full score, for example {right[0]}"
        )
    wrong = [v for c, v in zip(cases, verdicts, strict=True) if c.expected == "wrong"]
    if wrong and all(v.status != "wrong" or v.score > 0.0 for v in wrong):
        raise ConformanceError(f"{name}: none of {len(wrong)} wrong cases is refuted with score 0, e.g. {wrong[0]}")


def _check_findings(probe: _Probe, cases: Sequence[Case], verdicts: Sequence[Verdict]) -> None:
    verifier = probe.verifier
    if not isinstance(verifier, Rechecks):
        return
    for index, (case, verdict) in enumerate(zip(cases, verdicts, strict=True)):
        for finding in verdict.findings:
            if finding.severity in ("warning", "note"):
                continue
            where = f"the finding {finding.kind!r} at [{finding.start}, {finding.end}): {finding.message}"
            try:
                holds = verifier.check_finding(finding, case.response, case.reference, context=case.context)
            except Exception as error:
                raise ConformanceError(
                    f"{probe.name}, case {index}: check_finding raised {type(error).__name__}: {error} on {where}"
                ) from error
            if not holds:
                raise ConformanceError(f"{probe.name}, case {index}: check_finding does not confirm {where}")


def _check_repeats(probe: _Probe, cases: Sequence[Case], verdicts: Sequence[Verdict], threads: int) -> None:
    for index, (case, first) in enumerate(zip(cases, verdicts, strict=True)):
        if probe.judge(case, f"case {index}") != first:
            raise ConformanceError(f"{probe.name} is not deterministic: case {index} got another verdict when repeated")

    def ask_all(offset: int) -> Mapping[int, Verdict]:
        order = [(offset + i) % len(cases) for i in range(len(cases))]
        return {
            i: probe.verifier.verify(cases[i].response, cases[i].reference, context=cases[i].context) for i in order
        }

    with ThreadPoolExecutor(threads, thread_name_prefix="check-verifier") as pool:
        try:
            rounds = list(pool.map(ask_all, range(threads)))
        except Exception as error:
            raise ConformanceError(
                f"{probe.name} raised {type(error).__name__} when {threads} threads asked at once: {error}"
            ) from error
    for answers in rounds:
        for index, verdict in answers.items():
            if verdict != verdicts[index]:
                raise ConformanceError(
                    f"{probe.name}: case {index} got another verdict when {threads} threads asked at once"
                )


class _TooSlowError(Exception):
    """The call is not back in time."""


def _within(seconds: float, call: Callable[[], tuple[Verdict, float]]) -> tuple[Verdict, float]:
    """The result of `call` made in a thread of its own; `_TooSlowError` when it is not there in time."""
    results: list[tuple[Verdict, float]] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    # A daemon: a verifier that hangs must not keep the process from ending.
    thread = threading.Thread(target=run, name="check-verifier", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results or results[0][1] > seconds:
        raise _TooSlowError
    return results[0]
