"""Answers read off texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents.search import last_number


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("so 1,234 apples", "1234"),
        ("= 2.50", "2.5"),
        ("x = -3", "-3"),
        ("3-4", "4"),
        ("it is 007.", "7"),
        ("-0", "0"),
        ("0.50", "0.5"),
        ("1/2", "1/2"),
        ("  Paris \n", "Paris"),
        ("", ""),
        ("10", "10"),
        ("100.00", "100"),
        ("−5", "-5"),
    ],
)
def test_last_number(text: str, answer: str) -> None:
    assert last_number(text) == answer


@given(st.text(max_size=200))
def test_last_number_reads_anything(text: str) -> None:
    assert isinstance(last_number(text), str)
