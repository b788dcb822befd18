"""A second opinion on logged outcomes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import AgreementReport, Episode, Step, read_references, read_responses, reverify
from stepgym.verifiers import Finding, Verdict

SHARED = Path(os.environ.get("STEPGYM_SHARED", "../shared"))
SOLUTIONS = SHARED / "data/math/gsm8k_example_model_solutions_half.jsonl.gz"


class LastCharacter:
    """Judges the last character; a question mark is undecided."""

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        if response.endswith("?"):
            return Verdict.undecided("no answer", verifier="last/1")
        if response[-1:] == reference:
            return Verdict.correct(verifier="last/1")
        return Verdict.wrong(reason=f"expected {reference} for {context}", verifier="last/1")


def episode(name: str, action: str, outcome: float | None, task: str = "t") -> Episode:
    return Episode(name, "env", task, (Step("q0", "first"), Step("q1", action)), outcome)


def test_what_the_environment_read_is_judged_and_placed_in_the_text() -> None:
    text = "<think>3</think>it is 2"
    (judged,) = reverify(
        [replace(episode("read", text, 1.0), env_kwargs={"actions": "think"})], Whole(), {"t": "it is 2"}.get
    )
    (verdict,) = judged.steps[-1].verdicts
    assert verdict.status == "correct"
    assert text[verdict.findings[0].start : verdict.findings[0].end] == "2"


class Whole:
    """Judges the whole answer, and points at its last character."""

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        found = Finding(len(response) - 1, len(response), "end", "note")
        return Verdict.correct(found) if response == reference else Verdict.wrong(found, reason=response)


def test_agreement_is_counted_and_every_disagreement_listed() -> None:
    episodes = [
        episode("agree", "= 2", 1.0),
        episode("agree too", "= 3", 0.0),
        episode("lucky", "= 3\x1b[31m3", 1.0),
        episode("strict", "= 2", 0.0),
        episode("open", "2?", 1.0),
        episode("unlogged", "= 2", None),
        episode("no reference", "= 2", 1.0, task="other"),
        Episode("no steps", "env", "t", (), 0.0),
    ]
    report = AgreementReport()
    judged = list(reverify(episodes, LastCharacter(), {"t": "2"}.get, report=report))
    assert [e.id for e in judged] == [e.id for e in episodes]
    assert [e.outcome for e in judged] == [e.outcome for e in episodes]
    assert judged[0].steps[-1].verdicts[0].verifier == "last/1"
    assert judged[0].steps[0].verdicts == ()
    assert judged[6] == episodes[6]
    assert (report.episodes, report.compared, report.agreed) == (8, 5, 2)
    assert (report.without_reference, report.without_outcome) == (2, 1)
    assert report.share == 0.4
    assert [(d.id, d.logged, d.verdict.status) for d in report.disagreements] == [
        ("lucky", True, "wrong"),
        ("strict", False, "correct"),
        ("open", True, "undecided"),
    ]
    text = str(report)
    assert "40.00 % agreement: 2 of 5 compared" in text
    assert "lucky: logged as correct, verified as wrong: expected 2 for q1" in text
    assert json.loads(json.dumps(report.to_dict()))["disagreements"][0]["id"] == "lucky"


def test_nothing_to_compare() -> None:
    report = AgreementReport()
    assert list(reverify([], LastCharacter(), {}.get, report=report)) == []
    assert report.share is None
    assert "nothing to compare" in str(report)


@pytest.mark.shared
@pytest.mark.skipif(not SOLUTIONS.exists(), reason="needs ../shared (set STEPGYM_SHARED)")
def test_real_model_solutions_agree_with_their_labels() -> None:
    from stepgym.verifiers import MathAnswerVerifier

    columns = {"prompt": "question", "response": "{model}.solution", "reward": "{model}.is_correct"}
    answers = read_references(SOLUTIONS, columns={"prompt": "question", "reference": "ground_truth"}, after="A:")
    report = AgreementReport()
    for _ in reverify(read_responses(SOLUTIONS, columns=columns), MathAnswerVerifier(), answers.get, report=report):
        pass
    assert report.compared == 2204
    assert report.share is not None
    assert report.share >= 0.995, str(report)
