"""The promises of the verifier: findings, conventions, bad input, threads, determinism."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers.math.answer import MathAnswerVerifier
from stepgym.verifiers.math.conventions import AnswerConventions
from stepgym.verifiers.math.recheck import check_finding

VERIFIER = MathAnswerVerifier()


def test_the_span_is_the_answer_in_the_whole_response() -> None:
    response = "First 3 + 4 = 7.\nSo the answer is $\\frac{14}{2}$. Done."
    verdict = VERIFIER.verify(response, "7")
    (finding,) = verdict.findings
    assert verdict.status == "correct"
    assert finding.severity == "proved"
    assert response[finding.start : finding.end] == "\\frac{14}{2}"
    assert finding.evidence["expected"] == "7"
    assert finding.evidence["found"] == "\\frac{14}{2}"


def test_a_wrong_expression_comes_with_a_counterexample_anyone_can_check() -> None:
    verdict = VERIFIER.verify("\\boxed{x^2+1}", "x^2+x")
    (finding,) = verdict.findings
    assert finding.severity == "refuted"
    x = int(finding.evidence["point"]["x"])
    assert int(finding.evidence["left"]) == x**2 + 1
    assert int(finding.evidence["right"]) == x**2 + x
    assert int(finding.evidence["left"]) != int(finding.evidence["right"])


def test_a_forged_finding_does_not_pass_the_recheck() -> None:
    verdict = VERIFIER.verify("\\boxed{4}", "4")
    (finding,) = verdict.findings
    assert check_finding(finding, "\\boxed{4}", "4")
    assert not check_finding(finding, "\\boxed{5}", "4")
    assert not check_finding(finding, "\\boxed{4}", "5")
    assert not check_finding(finding, "4", "4")
    wrong = VERIFIER.verify("\\boxed{5}", "4").findings[0]
    forged = type(wrong).from_dict({**wrong.to_dict(), "severity": "proved"})
    assert not check_finding(forged, "\\boxed{5}", "4")


def test_different_boxes_are_wrong_unless_together_they_are_the_answer() -> None:
    assert VERIFIER.verify("\\boxed{4} or \\boxed{5}", "4").status == "wrong"
    assert VERIFIER.verify("\\boxed{5} ... \\boxed{4}", "4").status == "wrong"
    assert VERIFIER.verify("\\boxed{-2} and \\boxed{1}", "1,-2").status == "correct"
    assert VERIFIER.verify("\\boxed{4}, that is \\boxed{4.0}", "4").status == "correct"
    assert VERIFIER.verify("<think>\\boxed{5}?</think> \\boxed{4}", "4").status == "correct"
    assert VERIFIER.verify("<think>\\boxed{4}</think> \\boxed{5}", "4").status == "wrong"


@pytest.mark.parametrize(
    "reference", ["", "  ", "\\boxed{}", "nan", "None", "$$", "\\frac{1}{", "5 5", None, [1], {"a": 1}, True]
)
def test_a_reference_without_an_answer_is_an_error(reference: object) -> None:
    with pytest.raises(InvalidInputError):
        VERIFIER.verify("5", reference)


@pytest.mark.parametrize("reference", [5, 5.0, "5", "x = 5", "The answer is 5.", "a\n#### 5"])
def test_references_of_several_forms(reference: object) -> None:
    assert VERIFIER.verify("\\boxed{5}", reference).status == "correct"


@pytest.mark.parametrize("response", ["", " \n\t", "\\boxed{}", "$$", "\x00", "I do not know.", "None"])
def test_a_response_without_an_answer_is_wrong(response: str) -> None:
    verdict = VERIFIER.verify(response, "0")
    assert verdict.status == "wrong"
    assert verdict.reason


@pytest.mark.parametrize(
    ("conventions", "response", "reference", "expected"),
    [
        (AnswerConventions(), "28", "28\\%", "correct"),
        (AnswerConventions(), "0.28", "28\\%", "correct"),
        (AnswerConventions(percent="value"), "28", "28\\%", "wrong"),
        (AnswerConventions(percent="value"), "0.28", "28\\%", "correct"),
        (AnswerConventions(units="required"), "5", "5\\text{ cm}", "wrong"),
        (AnswerConventions(units="required"), "50\\text{ mm}", "5\\text{ cm}", "correct"),
        (AnswerConventions(units="ignored"), "5\\text{ s}", "5\\text{ cm}", "correct"),
        (AnswerConventions(), "5\\text{ s}", "5\\text{ cm}", "wrong"),
        (AnswerConventions(decimal_digits=None), "0.333333333333", "1/3", "wrong"),
        (AnswerConventions(decimal_digits=3), "0.333", "1/3", "correct"),
        (AnswerConventions(decimal_digits=3), "0.334", "1/3", "wrong"),
        (AnswerConventions(list_order="given"), "2,1", "1,2", "wrong"),
        (AnswerConventions(list_order="given"), "1,2", "1,2", "correct"),
        (AnswerConventions(decimal_comma=True), "1,5", "1.5", "correct"),
        (AnswerConventions(), "1,5", "1.5", "wrong"),
        (AnswerConventions(reduced=True), "\\frac{2}{4}", "\\frac{1}{2}", "wrong"),
        (AnswerConventions(reduced=True), "\\frac{1}{2}", "0.5", "correct"),
        (AnswerConventions(base="written"), "5", "101_2", "wrong"),
        (AnswerConventions(base="written"), "101_{2}", "101_2", "correct"),
        (AnswerConventions(strip_assignment=False), "x=5", "5", "wrong"),
        (AnswerConventions(interval_notation=False), "1<x<2", "(1,2)", "wrong"),
        (AnswerConventions(strict=True), "so we get 5", "5", "wrong"),
        (AnswerConventions(strict=True), "so we get \\boxed{5}", "5", "correct"),
        (AnswerConventions.preset("gsm8k"), "#### 5 cm", "5 s", "correct"),
        (AnswerConventions.preset("strict"), "\\boxed{28}", "28\\%", "wrong"),
    ],
)
def test_conventions(conventions: AnswerConventions, response: str, reference: str, expected: str) -> None:
    assert MathAnswerVerifier(conventions).verify(response, reference).status == expected
    bare = "\\boxed" not in response and not conventions.strict
    if bare and "####" not in response:
        assert MathAnswerVerifier(conventions).verify(reference, response).status == expected


def test_wrong_options_say_what_was_expected() -> None:
    with pytest.raises(InvalidInputError, match="percent"):
        AnswerConventions(percent="maybe")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="gsm8k"):
        MathAnswerVerifier("gms8k")
    with pytest.raises(InvalidInputError, match="timeout"):
        AnswerConventions(timeout=0)


def test_verdicts_are_the_same_from_many_threads() -> None:
    cases = [(f"\\boxed{{{k}+\\sqrt{{{k % 7}}}}}", f"{k % 50}+\\sqrt{{{k % 7}}}") for k in range(400)]
    alone = [VERIFIER.verify(*case) for case in cases]
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(lambda case: MathAnswerVerifier().verify(*case), cases))
    assert together == alone


def test_verify_many_keeps_the_order_and_uses_the_pool() -> None:
    pairs = [("\\sqrt{3+2\\sqrt2}", "1+\\sqrt2"), ("5", "5"), ("\\cos 36^\\circ", "\\frac{1+\\sqrt5}{4}"), ("5", "6")]
    assert [v.status for v in VERIFIER.verify_many(pairs)] == ["correct", "correct", "correct", "wrong"]


def test_it_works_outside_the_main_thread_and_leaves_signals_alone() -> None:
    import signal

    before = signal.getsignal(signal.SIGALRM) if hasattr(signal, "SIGALRM") else None
    result: list[str] = []
    thread = threading.Thread(target=lambda: result.append(VERIFIER.verify("\\sqrt{3+2\\sqrt2}", "1+\\sqrt2").status))
    thread.start()
    thread.join()
    assert result == ["correct"]
    if before is not None:
        assert signal.getsignal(signal.SIGALRM) == before


def test_importing_the_verifier_loads_neither_sympy_nor_mpmath() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from stepgym.verifiers.math.answer import MathAnswerVerifier as V; "
        "assert V().verify('5', '5').status == 'correct'; assert not {'sympy', 'mpmath', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    "response",
    [
        "I don't know",
        "I don’t know.",
        "I'm not sure",
        "Sorry, I can't help with that.",
        "\\boxed{\\text{I don't know}}",
        "There is no answer.",
        "The answer is unknown",
        "N/A",
        "idk",
    ],
)
@pytest.mark.parametrize("reference", ["720", "6i", "x^2+1", "\\text{Evelyn}", "\\text{no solution}"])
def test_a_refusal_in_words_is_named_as_one(response: str, reference: str) -> None:
    verdict = VERIFIER.verify(response, reference)
    assert verdict.status == "wrong"
    assert verdict.reason.startswith("the response gives no answer: ")
    assert all(check_finding(f, response, reference) for f in verdict.findings)


@pytest.mark.parametrize(
    ("response", "reference"),
    [
        ("It cannot be determined from the given information.", "\\text{cannot be determined}"),
        ("There is not enough information.", "cannot be determined"),
        ("I don't know", "I don't know"),
        ("I don't think it is 5; the answer is 4.", "4"),
        ("\\boxed{4}. Sorry for the long solution.", "4"),
    ],
)
def test_words_that_only_look_like_a_refusal(response: str, reference: str) -> None:
    assert VERIFIER.verify(response, reference).status == "correct"


@pytest.mark.parametrize(
    ("response", "reference", "reason"),
    [
        ("cannot be determined", "4", "the words 'cannot be determined' where a value was expected"),
        ("5", "\\text{Evelyn}", "a value where words were expected"),
        ("DNE", "4", "DNE instead of 4"),
        ("40\\text{ min}", "x^2", "40\\text{ min} instead of x^2"),
        ("x+1", "x+2", "differs at x = 2: 3 instead of 4"),
        ("no solution", "4", "no solution where a value was expected"),
        ("(0,1)", "[0,1]", "the brackets differ: (0,1) instead of [0,1]"),
        ("3-2f(x)", "7", "3-2f(x) instead of 7"),
    ],
)
def test_reasons_are_sentences_that_fit(response: str, reference: str, reason: str) -> None:
    assert VERIFIER.verify(response, reference).reason == reason
