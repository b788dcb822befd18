from __future__ import annotations

import itertools
import json
import signal
import threading
import time

import pytest

from stepgym.errors import ConformanceError, InvalidInputError
from stepgym.verifiers import (
    Case,
    ExactMatchVerifier,
    Finding,
    Scorecard,
    Verdict,
    check_verifier,
    from_function,
    load_cases,
)

CASES = [
    {"response": "4", "reference": "4", "expected": True},
    {"response": "5", "reference": "4", "expected": "wrong"},
    {"response": " 4\n", "reference": ["3", "4"], "expected": "correct"},
]


class Custom:
    """A verifier whose one method is given."""

    def __init__(self, verify):
        self._verify = verify

    def verify(self, response, reference, *, context=""):
        return self._verify(response, reference)


def exact(response, reference):
    return ExactMatchVerifier().verify(response, reference)


def test_a_good_verifier_gets_a_scorecard():
    card = check_verifier(ExactMatchVerifier(), CASES)
    assert (card.cases, card.agreed, card.false_accepts, card.false_rejects, card.undecided) == (3, 3, 0, 0, 0)
    assert card.accuracy == 1.0
    assert card.hostile > 30
    assert card.hostile_accepted == ()
    assert 0 <= card.median_ms <= card.p99_ms <= card.slowest_ms
    table = str(card)
    for label in ("false accepts", "false rejects", "undecided", "median latency", "p99 latency"):
        assert label in table


def test_disagreements_are_counted_by_kind_and_shown():
    cases = [
        Case("4", "4", "wrong"),
        Case("5", "4", "correct"),
        Case("5", "5", "correct"),
        Case("6", "4", "wrong"),
        Case("?\x1b[31m", "4", "wrong"),
    ]
    fn = from_function(lambda r, ref: None if r.startswith("?") else r == ref, name="fn/1")
    card = check_verifier(fn, cases)
    assert (card.agreed, card.false_accepts, card.false_rejects, card.undecided) == (2, 1, 1, 1)
    assert [d.case for d in card.disagreements] == [0, 1, 4]
    assert "case 0: wrong judged correct" in str(card)
    assert "\x1b" not in str(card)
    assert json.loads(json.dumps(card.to_dict()))["accuracy"] == 0.4


def test_cases_from_a_file(tmp_path):
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(json.dumps(case) for case in CASES) + "\n\n", encoding="utf-8")
    assert check_verifier(ExactMatchVerifier(), path).agreed == 3
    assert [case.expected for case in load_cases(str(path))] == ["correct", "wrong", "correct"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not a JSON record"),
        ("[1]", "line 2: expected a record"),
        ('{"response": "4"}', "line 2: .*missing: reference, expected"),
        ('{"response": "4", "reference": "4", "expected": "maybe"}', "line 2: expected must be one of"),
        ('{"response": 4, "reference": "4", "expected": true}', "line 2: response and context must be texts"),
    ],
)
def test_broken_files_name_the_line(tmp_path, line, message):
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(CASES[0]) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=message):
        load_cases(path)


def test_no_cases_and_no_file():
    with pytest.raises(InvalidInputError, match="at least one case"):
        check_verifier(ExactMatchVerifier(), [])
    with pytest.raises(InvalidInputError, match="No file of cases"):
        check_verifier(ExactMatchVerifier(), "nowhere.jsonl")


def raises_on_nul(response, reference):
    if "\x00" in response:
        raise ValueError("NUL")
    return exact(response, reference)


def refuses_the_response(response, reference):
    if "\x00" in response:
        raise InvalidInputError("bad response")
    return exact(response, reference)


def exits(response, reference):
    if "\x00" in response:
        raise SystemExit(1)
    return exact(response, reference)


def raises_on_reference(response, reference):
    if reference is None:
        raise TypeError("None")
    return exact(response, reference)


def executes(response, reference):
    if response.startswith("__import__"):
        eval(response)  # noqa: S307 (this is the crime that must be found)
    return exact(response, reference)


def uses_signals(response, reference):
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGINT))
    return exact(response, reference)


def leaves_the_response(response, reference):
    return Verdict.wrong(Finding(0, 10_000_000, "x")) if response == "5" else exact(response, reference)


def disordered(response, reference):
    return Verdict.wrong(Finding(1, 1, "x"), Finding(0, 1, "x")) if response == "5" else exact(response, reference)


def not_json(response, reference):
    return Verdict.wrong(Finding(0, 1, "x", evidence={"x": {1}})) if response == "5" else exact(response, reference)


def tuples_in_evidence(response, reference):
    return Verdict.wrong(Finding(0, 1, "x", evidence={"x": (1,)})) if response == "5" else exact(response, reference)


def full_score_for_wrong(response, reference):
    return Verdict("wrong", 1.0) if response == "5" else exact(response, reference)


def scored_but_undecided(response, reference):
    return Verdict("undecided", 0.5, reason="?") if response == "5" else exact(response, reference)


def silent_undecided(response, reference):
    return Verdict("undecided") if response == "5" else exact(response, reference)


def accepts_all(response, reference):
    return Verdict.correct()


def rejects_all(response, reference):
    return Verdict.wrong()


def returns_bool(response, reference):
    return response == reference


@pytest.mark.parametrize(
    ("verify", "message"),
    [
        (raises_on_nul, "raised ValueError on hostile response 'NUL bytes'"),
        (refuses_the_response, "raised InvalidInputError on hostile response 'NUL bytes'"),
        (exits, "raised SystemExit on hostile response 'NUL bytes'"),
        (raises_on_reference, "raised TypeError on reference 'None'"),
        (executes, "executed code from a response: hostile response 'code'"),
        (uses_signals, "raised ValueError on case 0: signal only works in main thread"),
        (leaves_the_response, r"case 1: span \[0, 10000000\).*leaves the response of 1 characters"),
        (disordered, "case 1: findings must be in order"),
        (not_json, "case 1: the verdict does not survive JSON"),
        (tuples_in_evidence, "case 1: the verdict changes on the way through JSON"),
        (full_score_for_wrong, "case 1: a wrong verdict has the full score"),
        (scored_but_undecided, "case 1: an undecided verdict must score 0"),
        (silent_undecided, "case 1: an undecided verdict must give a reason"),
        (accepts_all, "none of 1 wrong cases is refuted"),
        (rejects_all, "none of 2 correct cases gets the full score"),
        (returns_bool, "case 0: verify must return a Verdict, got bool"),
    ],
)
def test_each_broken_promise_is_named(verify, message):
    with pytest.raises(ConformanceError, match=message):
        check_verifier(Custom(verify), CASES)


def test_a_verifier_without_the_method_is_refused():
    with pytest.raises(ConformanceError, match="object has no method verify"):
        check_verifier(object(), CASES)  # type: ignore[arg-type]


def test_random_verdicts_are_found():
    flip = itertools.count()

    def moody(response, reference):
        return exact(response, reference) if next(flip) < len(CASES) + 1 else Verdict.wrong(reason=str(next(flip)))

    with pytest.raises(ConformanceError, match="not deterministic"):
        check_verifier(Custom(moody), CASES)


def test_a_verifier_that_mixes_up_threads_is_found():
    class Shared:
        def verify(self, response, reference, *, context=""):
            self.response, self.reference = response, reference
            time.sleep(0.002)
            return exact(self.response, self.reference)

    with pytest.raises(ConformanceError, match="16 threads"):
        check_verifier(Shared(), CASES)


def test_a_verifier_that_hangs_is_found_and_left_behind():
    release = threading.Event()

    def hangs(response, reference):
        if len(response) > 100_000:
            release.wait(30)
        return exact(response, reference)

    try:
        with pytest.raises(
            ConformanceError, match=r"took longer than 0\.5 s on hostile response 'one megabyte of words'"
        ):
            check_verifier(Custom(hangs), CASES, max_seconds=0.5)
    finally:
        release.set()


def test_a_reference_that_is_refused_names_the_case():
    with pytest.raises(InvalidInputError, match="case 1: the reference is refused"):
        check_verifier(ExactMatchVerifier(), [CASES[0], {"response": "4", "reference": 4, "expected": True}])


def test_scorecard_latencies_are_quantiles():
    cases = [Case("a", "a", "correct")] * 100
    verdicts = [Verdict.correct()] * 100
    card = Scorecard.of("v", cases, verdicts, [i / 1000 for i in range(1, 101)])
    assert (card.median_ms, card.p99_ms, card.slowest_ms) == pytest.approx((50, 99, 100))


def test_cases_may_hold_unicode_line_separators(tmp_path) -> None:
    file = tmp_path / "cases.jsonl"
    row = json.dumps({"response": "a\u2028b\u0085c", "reference": "x", "expected": "wrong"}, ensure_ascii=False)
    file.write_text(row + "\n", encoding="utf-8")
    (case,) = load_cases(file)
    assert case.response == "a\u2028b\u0085c"


class Rechecking:
    """Refutes everything but "4"; re-checks what it found by `holds`."""

    name = "rechecking/1"

    def __init__(self, holds):
        self._holds = holds

    def verify(self, response, reference, *, context=""):
        if response.strip() == "4":
            return Verdict.correct(Finding(0, len(response), "own-kind", "proved", "four"), verifier=self.name)
        return Verdict.wrong(Finding(0, len(response), "own-kind", "refuted", "not four"), verifier=self.name)

    def check_finding(self, finding, response, reference, *, context=""):
        return self._holds(finding)


def test_findings_that_the_verifier_itself_does_not_confirm_break_the_promise():
    cases = [Case("4", "4", "correct"), Case("5", "4", "wrong")]
    assert check_verifier(Rechecking(lambda finding: True), cases).agreed == 2
    with pytest.raises(ConformanceError, match=r"case 1: check_finding does not confirm the finding 'own-kind'"):
        check_verifier(Rechecking(lambda finding: finding.severity == "proved"), cases)


def test_a_recheck_that_raises_is_named():
    def fail(finding):
        raise RuntimeError("kaboom")

    with pytest.raises(ConformanceError, match=r"rechecking/1, case 0: check_finding raised RuntimeError: kaboom on"):
        check_verifier(Rechecking(fail), [Case("4", "4", "correct")])
