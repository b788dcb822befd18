from __future__ import annotations

import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.errors import InvalidInputError
from stepgym.verifiers import ShortAnswerVerifier, check_verifier, get_verifier
from stepgym.verifiers.short_answer import answer_f1, normalized_answer

CASES = [
    {"response": "Paris", "reference": "paris", "expected": True},
    {"response": "<answer>The Paris!</answer>", "reference": "Paris", "expected": True},
    {"response": "I think so.\n<answer> 1842 </answer>", "reference": ["1842", "the year 1842"], "expected": True},
    {"response": "It is Paris", "reference": ["paris", "Rome"], "expected": False},
    {"response": "<answer>Mira Valdane</answer>", "reference": "Mira Valdoro", "expected": False},
    {"response": "London", "reference": "Paris", "expected": False},
    {"response": "yes it is", "reference": "yes", "expected": False},
    {"response": "<answer> </answer>", "reference": "yes", "expected": False},
    {"response": "", "reference": "yes", "expected": False},
    {"response": "Paris " * 1_000, "reference": "Paris", "expected": False},
    {"response": "A", "reference": "a.", "expected": True},
    {"response": "the", "reference": "A", "expected": False},
    {"response": "!!", "reference": "??", "expected": False},
]


def test_it_keeps_the_promises_of_a_verifier_and_judges_as_labelled():
    card = check_verifier(get_verifier("short-answer"), CASES)
    assert card.accuracy == 1.0 if hasattr(card, "accuracy") else "100.00 %" in str(card)


@pytest.mark.parametrize(
    ("answer", "reference", "f1"),
    [
        ("the cat", "a cat", 1.0),
        ("black cat", "cat", 2 / 3),
        ("black cat", "white cat sat", 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3)),
        ("cat cat", "cat", 2 / 3),
        ("dog", "cat", 0.0),
        ("yes", "yes", 1.0),
        ("yes, a cat", "yes", 0.0),
        ("no", "no cat", 0.0),
        ("", "cat", 0.0),
        ("the", "the", 0.0),
    ],
)
def test_f1_over_words(answer, reference, f1):
    assert answer_f1(answer, reference)[0] == pytest.approx(f1)
    assert answer_f1(reference, answer)[0] == pytest.approx(f1)


@given(st.text(max_size=40), st.text(max_size=40))
def test_f1_is_symmetric_between_0_and_1_and_1_only_for_the_same_words(one, other):
    f1, precision, recall = answer_f1(one, other)
    assert 0 <= f1 <= 1
    assert (f1, recall, precision) == pytest.approx(answer_f1(other, one))
    words = [Counter(normalized_answer(text).split()) for text in (one, other)]
    assert (f1 == 1.0) == (words[0] == words[1] and bool(words[0]))


@given(st.text(alphabet=string.ascii_letters + string.punctuation + "  ", max_size=60))
def test_normalising_twice_changes_nothing(text):
    once = normalized_answer(text)
    assert normalized_answer(once) == once
    assert once == once.strip().lower()


def test_only_the_words_that_do_not_belong_are_refuted():
    response = "So:\n<answer>Mira Valdane of the Tarvik Mill</answer>"
    verdict = ShortAnswerVerifier().verify(response, "Mira Valdoro of Tarvik")
    spans = [response[f.start : f.end] for f in verdict.findings]
    assert (verdict.status, verdict.score, spans) == ("wrong", 0.0, ["Valdane", "Mill"])
    assert verdict.findings[0].evidence["f1"] == pytest.approx(2 / 3, abs=1e-6)


def test_an_answer_without_a_right_word_is_refuted_whole():
    verdict = ShortAnswerVerifier().verify("<answer>old London town</answer>", "Paris")
    assert [(f.start, f.end) for f in verdict.findings] == [(8, 23)]


def test_partial_credit_stays_wrong_and_below_one():
    verifier = ShortAnswerVerifier(partial_credit=True)
    half, shuffled = verifier.verify("black cat", "cat"), verifier.verify("Valdoro Mira", "Mira Valdoro")
    assert (half.status, half.score) == ("wrong", pytest.approx(2 / 3, abs=1e-6))
    assert (shuffled.status, shuffled.score) == ("wrong", 0.99)


def test_of_several_references_the_nearest_is_named():
    verdict = ShortAnswerVerifier().verify("big red house", ["blue house", "big house"])
    assert verdict.findings[0].evidence["expected"] == "big house"


@pytest.mark.parametrize("reference", [None, 3, [], ["x", 1], "", " ", "x" * 3_000, {"answer": "x"}])
def test_a_reference_that_is_no_short_text_is_refused(reference):
    with pytest.raises(InvalidInputError, match="short-answer"):
        ShortAnswerVerifier().verify("x", reference)


def test_a_tag_must_be_a_word():
    with pytest.raises(InvalidInputError, match="tag"):
        ShortAnswerVerifier(tag="<answer>")
    assert ShortAnswerVerifier(tag="final").verify("<final>x</final>", "x").status == "correct"


def test_findings_that_claim_what_is_not_so_are_not_confirmed():
    verifier = ShortAnswerVerifier()
    proved = verifier.verify("Paris", "paris").findings[0]
    refuted = verifier.verify("Rome", "Paris").findings[0]
    assert verifier.check_finding(proved, "Paris", "paris")
    assert not verifier.check_finding(proved, "Romes", "paris")
    assert verifier.check_finding(refuted, "Rome", "Paris")
    assert not verifier.check_finding(refuted, "Rome", ["Paris", "Rome"])
