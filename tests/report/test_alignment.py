"""Tokens are laid over the text they wrote, also where the two do not match to the letter."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stepgym.report import Trace, best_trace
from stepgym.report.alignment import align
from stepgym.verifiers.verdict import Finding


def make(tokens: list[str], text: str, *, action: list[bool] | None = None, **rest: object) -> Trace:
    values = [round(0.1 * i, 1) for i in range(len(tokens))]
    return Trace.from_dict(
        {"tokens": tokens, "values": values, "text": text, "action": action or [True] * len(tokens), **rest}
    )


def spans(trace: Trace) -> list[tuple[str, float | None]]:
    return [(trace.text[piece.start : piece.end], piece.value) for piece in align(trace).pieces]


def test_tokens_that_join_to_the_text() -> None:
    trace = make(["3", " +", " 4"], "3 + 4")
    assert spans(trace) == [("3", 0.0), (" +", 0.1), (" 4", 0.2)]
    assert align(trace).before is None


def test_the_value_after_the_prompt_is_the_value_before_the_text() -> None:
    trace = make(["Q", ":", "a", "b"], "ab", action=[False, False, True, True])
    assert spans(trace) == [("a", 0.2), ("b", 0.3)]
    assert align(trace).before == 0.1


def test_a_prompt_without_flags_is_found_by_the_text() -> None:
    assert spans(make(["Q", ":", "a", "b"], "ab")) == [("a", 0.2), ("b", 0.3)]


def test_special_tokens_and_cut_characters_have_no_place() -> None:
    trace = make(["<s>", "a", "\ufffd", "\ufffd", "b", "</s>"], "aéb")
    assert spans(trace) == [("a", 0.1), ("b", 0.4)]


def test_a_text_with_stripped_ends() -> None:
    assert spans(make([" a", " b", "\n"], "a b")) == [("a", 0.0), (" b", 0.1)]


def test_the_value_across_a_span() -> None:
    trace = make(["ab", "cd", "ef", "gh"], "abcdefgh")
    assert align(trace).across(Finding(2, 6, "k")) == (0.0, 0.2)
    # A span that ends inside a token takes the value after the token.
    assert align(trace).across(Finding(2, 5, "k")) == (0.0, 0.2)
    assert align(trace).across(Finding(0, 2, "k")) == (None, 0.0)
    # A span behind the text has the last value.
    assert align(trace).across(Finding(50, 60, "k")) == (0.3, 0.3)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=20))
def test_tokens_that_join_to_the_text_cover_it(tokens: list[str]) -> None:
    pieces = align(make(tokens, "".join(tokens))).pieces
    assert [piece.end - piece.start for piece in pieces] == [len(token) for token in tokens]
    assert pieces[0].start == 0
    assert all(a.end == b.start for a, b in pairwise(pieces))


@given(st.lists(st.text(max_size=5), max_size=20), st.text(max_size=40))
def test_pieces_are_in_order_and_inside_any_text(tokens: list[str], text: str) -> None:
    trace = make(tokens, text)
    position = 0
    for piece in align(trace).pieces:
        assert position <= piece.start < piece.end <= len(text)
        position = piece.end


def test_the_best_trace_has_evidence_and_the_steepest_fall() -> None:
    def wrong(
        values: list[float], *, evidence: dict[str, int], severity: str = "refuted", outcome: float = 0.0
    ) -> Trace:
        finding = {"start": 1, "end": 2, "kind": "k", "severity": severity, "evidence": evidence}
        data = {"tokens": ["a", "b"], "values": values, "text": "ab", "findings": [finding], "outcome": outcome}
        return Trace.from_dict(data)

    steep = wrong([0.9, 0.1], evidence={"x": 1})
    flat = wrong([0.5, 0.4], evidence={"x": 1})
    bare = wrong([1.0, 0.0], evidence={})
    proved = wrong([1.0, 0.0], evidence={"x": 1}, severity="proved")
    right = wrong([1.0, 0.0], evidence={"x": 1}, outcome=1.0)
    assert best_trace([flat, bare, steep, proved, right]) is steep
    assert best_trace([bare, proved]) is bare
    assert best_trace([proved, right]) is None
    assert best_trace([]) is None
