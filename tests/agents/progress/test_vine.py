"""VinePPO: late values filled backwards, and steps painted on tokens."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents.progress import paint, vine_advantages
from stepgym.errors import InvalidInputError


def test_known_advantages() -> None:
    assert vine_advantages([0.5, 0.25, 0.75], [0, 0, 1]) == [-0.25, 0.5, 0.25]
    assert vine_advantages([0.5], [1]) == [0.5], "an episode with one step"


def test_late_values_are_filled_backwards_until_a_known_one() -> None:
    assert vine_advantages([0.5, 0.25, None, None], [0, 0, 0, 1]) == [-0.25, 0.75, 0, 0]
    assert vine_advantages([0.5, None], [0.25, 0]) == [-0.25, 0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(0, 4), st.floats(0, 1))
def test_they_sum_to_the_reward_minus_the_first_value(known: list[float], late: int, reward: float) -> None:
    values = [*known, *[None] * late]
    found = vine_advantages(values, [0.0] * (len(values) - 1) + [reward])
    assert math.fsum(found) == pytest.approx(reward - known[0], abs=1e-12)
    assert found[len(known) :] == pytest.approx([0.0] * late, abs=1e-12)


@pytest.mark.parametrize("values", [[], [None], [None, 0.5], [0.5, None, 0.5], [0.5, 0.5, 0.5]])
def test_gaps_and_wrong_lengths_are_refused(values: list[float | None]) -> None:
    with pytest.raises(InvalidInputError):
        vine_advantages(values, [0.0] * 2 if len(values) != 2 else [0.0, 1.0])


def test_a_token_takes_the_step_of_its_first_character() -> None:
    """Text "ab\\ncd": the second token lies across the border, the last one is the end of the turn."""
    tokens = [(0, 1), (1, 4), (4, 5), (5, 5)]
    assert paint([1.0, -1.0], [(0, 3), (3, 5)], tokens) == [1.0, 1.0, -1.0, -1.0]


def test_what_lies_outside_of_steps_gets_nothing() -> None:
    spans = [(1, 2), (4, 5)]
    assert paint([1.0, -1.0], spans, [(0, 1), (1, 2), (2, 4), (4, 5), (5, 6)]) == [0, 1.0, 0, -1.0, 0]
    assert paint([], [], [(0, 1), (1, 1)]) == [0, 0]
    assert paint([1.0], [(0, 2)], []) == []
    assert paint([], [], [(0, 0)]) == [0], "an empty answer"
    assert paint([1.0], [(0, 2)], [(0, 0), (0, 2), (0, 2)]) == [1.0] * 3, "special tokens and parts of a character"


def test_spans_in_disorder_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="in order"):
        paint([1.0, 1.0], [(2, 4), (0, 2)], [])
    with pytest.raises(InvalidInputError, match="a span for each step"):
        paint([1.0], [], [])


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.lists(st.integers(1, 4), min_size=1, max_size=20))
def test_painting_agrees_with_painting_characters(lengths: list[int], pieces: list[int]) -> None:
    """The definition: colour the characters, then look at each token's first one."""
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    spans = [(end - length, end) for end, length in zip(ends, lengths, strict=True)]
    characters = [float(i + 1) for i, length in enumerate(lengths) for _ in range(length)]
    tokens, at = [], 0
    for piece in pieces:
        if at + piece <= ends[-1]:
            tokens.append((at, at + piece))
            at += piece
    expected = [characters[start] for start, _ in tokens]
    assert paint([float(i + 1) for i in range(len(spans))], spans, tokens) == expected
