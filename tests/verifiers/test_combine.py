from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.errors import ConformanceError, InvalidInputError
from stepgym.verifiers import AllOf, AnyOf, ExactMatchVerifier, Finding, Verdict, Weighted, from_function, verify_many

STATUSES = ("correct", "wrong", "undecided")


def says(status: str, *, score: float | None = None, finding: Finding | None = None):
    findings = (finding,) if finding else ()
    score = score if score is not None else float(status == "correct")
    return from_function(lambda response, reference: Verdict(status, score, findings, status), name=f"{status}/1")


# The strong Kleene tables, written out.
TABLE = [
    ("correct", "correct", "correct", "correct"),
    ("correct", "undecided", "undecided", "correct"),
    ("correct", "wrong", "wrong", "correct"),
    ("undecided", "undecided", "undecided", "undecided"),
    ("undecided", "wrong", "wrong", "undecided"),
    ("wrong", "wrong", "wrong", "wrong"),
]


@pytest.mark.parametrize(("a", "b", "all_of", "any_of"), TABLE)
def test_truth_tables_in_both_orders(a, b, all_of, any_of):
    for parts in ((says(a), says(b)), (says(b), says(a))):
        assert AllOf(*parts).verify("r", None).status == all_of
        assert AnyOf(*parts).verify("r", None).status == any_of
        assert Weighted(*parts, weights=(1, 3)).verify("r", None).status == all_of


def test_nesting_equals_flattening():
    for a, b, c in itertools.product(STATUSES, repeat=3):
        x, y, z = says(a), says(b), says(c)
        for combine in (AllOf, AnyOf):
            nested = combine(x, combine(y, z)).verify("r", None)
            flat = combine(x, y, z).verify("r", None)
            assert (nested.status, nested.score) == (flat.status, flat.score)


def test_undecided_scores_zero_and_carries_a_reason():
    for combined in (AllOf(says("undecided"), says("correct")), AnyOf(says("undecided"), says("wrong"))):
        verdict = combined.verify("r", None)
        assert verdict.score == 0.0
        assert verdict.reason


def test_any_of_stops_at_the_first_correct_and_drops_what_other_parts_disliked():
    asked = []
    last = from_function(lambda response, reference: asked.append(response) or True, name="last/1")
    disliked = says("wrong", finding=Finding(0, 1, "x", "refuted", "no"))
    liked = says("correct", finding=Finding(0, 1, "x", "proved", "yes"))
    verdict = AnyOf(disliked, liked, last).verify("r", None)
    assert [f.severity for f in verdict.findings] == ["proved"]
    assert asked == []


def test_all_of_keeps_every_finding_in_order_of_start():
    late = says("correct", finding=Finding(5, 6, "x", "proved"))
    early = says("wrong", finding=Finding(1, 2, "x", "refuted", "no"), score=0.25)
    verdict = AllOf(late, early).verify("response", None)
    assert [f.start for f in verdict.findings] == [1, 5]
    assert verdict.score == 0.25
    assert verdict.verifier == "AllOf(correct/1, wrong/1)"


def test_named_parts_get_their_own_reference():
    verifier = AllOf(a=ExactMatchVerifier(), b=ExactMatchVerifier(ignore_case=True))
    assert verifier.verify("Yes", {"a": "Yes", "b": "YES"}).status == "correct"
    assert verifier.verify("Yes", {"a": "No", "b": "yes"}).status == "wrong"
    with pytest.raises(InvalidInputError, match=r"\['a', 'b'\]"):
        verifier.verify("Yes", {"a": "Yes"})
    with pytest.raises(InvalidInputError, match="all positional or all by keyword"):
        AllOf(ExactMatchVerifier(), b=ExactMatchVerifier())
    with pytest.raises(InvalidInputError, match="at least one"):
        AnyOf()


def test_weighted_mean_and_threshold():
    answer, form = says("correct"), says("wrong")
    strict = Weighted(answer, form, weights=(0.9, 0.1)).verify("r", None)
    assert (strict.status, strict.score) == ("wrong", pytest.approx(0.9))
    lenient = Weighted(answer, form, weights=(0.9, 0.1), threshold=0.8).verify("r", None)
    assert (lenient.status, lenient.score) == ("correct", pytest.approx(0.9))
    partial = Weighted(says("wrong", score=0.5), says("correct"), weights=(2, 2)).verify("r", None)
    assert partial.score == pytest.approx(0.75)


def test_weighted_is_undecided_exactly_when_the_undecided_part_could_tip_it():
    def status(weights, threshold):
        parts = (says("correct"), says("undecided"))
        return Weighted(*parts, weights=weights, threshold=threshold).verify("r", None).status

    assert status((0.9, 0.1), 0.8) == "correct"
    assert status((0.5, 0.5), 0.8) == "undecided"
    verdict = Weighted(says("wrong"), says("undecided"), weights=(0.5, 0.5), threshold=0.8).verify("r", None)
    assert verdict.status == "wrong"


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=8))
def test_weights_that_do_not_sum_to_one_still_reach_the_full_score(weights):
    verdict = Weighted(*[says("correct")] * len(weights), weights=weights).verify("r", None)
    assert verdict.status == "correct"
    assert verdict.score == pytest.approx(1.0)


@pytest.mark.parametrize("weights", [(1,), (1, 0), (1, -1), (1, float("nan"))])
def test_weighted_refuses_bad_weights(weights):
    with pytest.raises(InvalidInputError, match="2 positive weights"):
        Weighted(says("correct"), says("correct"), weights=weights)


def test_a_crashing_part_is_an_error_and_not_a_score():
    broken = from_function(lambda response, reference: 1 / 0, name="broken/1")
    for combined in (AllOf(says("correct"), broken), AnyOf(says("wrong"), broken)):
        with pytest.raises(ConformanceError, match="broken/1"):
            combined.verify("r", None)


def test_verify_many_keeps_the_order_whatever_the_number_of_threads():
    items = [(str(i), str(i % 3)) for i in range(50)]
    expected = [ExactMatchVerifier().verify(*item) for item in items]
    for threads in (1, 4):
        assert verify_many(ExactMatchVerifier(), items, threads=threads) == expected


def test_verify_many_takes_records_and_contexts():
    echo = from_function(lambda response, reference, context: response == context, name="echo/1")
    items = [("a", None, "a"), {"response": "a", "reference": None, "context": "b"}]
    assert [v.status for v in verify_many(echo, items)] == ["correct", "wrong"]
    with pytest.raises(InvalidInputError, match="item 1"):
        verify_many(echo, [("a", None), ("a",)])
    with pytest.raises(InvalidInputError, match="threads"):
        verify_many(echo, [], threads=0)


def test_verify_many_raises_what_a_verdict_raised():
    with pytest.raises(InvalidInputError, match="reference"):
        verify_many(ExactMatchVerifier(), [("a", "a"), ("b", None), ("c", "c")])
