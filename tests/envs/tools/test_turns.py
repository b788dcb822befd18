from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.envs.tools import FunctionCalls, read_turn


def read(text: str):
    return read_turn(text, "math_exp", longest=1_000)


@pytest.mark.parametrize(
    ("text", "kind", "inside"),
    [
        ("<math_exp>2+3</math_exp>", "call", "2+3"),
        ("First the sum.\n<math_exp>\n 2 + 3 \n</math_exp> So?", "call", "2 + 3"),
        ("<answer>5</answer>", "answer", "5"),
        ("<answer></answer>", "answer", ""),
        ("It is <answer> 5 eggs </answer>.", "answer", "5 eggs"),
        ("<think>hm</think> <answer>5</answer>", "answer", "5"),
    ],
)
def test_a_call_or_an_answer(text, kind, inside):
    turn = read(text)
    assert (turn.kind, turn.text, turn.problem, turn.note) == (kind, inside, "", "")
    start, end = (turn.reading.spans or ((0, 0),))[0]
    assert text[start:end] == inside


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "nothing was written"),
        (" \n ", "nothing was written"),
        ("5", "neither <math_exp> nor <answer>"),
        ("<think>5</think>", "neither <math_exp> nor <answer>"),
        ("<search_query>Paris</search_query>", "<search_query> is no tag here"),
        ("<Math_exp>2+3</Math_exp>", "<Math_exp> is no tag here"),
        ("<math_exp>2+3", "<math_exp> is never closed"),
        ("<answer>5 <math_exp>2+3</math_exp>", "<answer> is never closed"),
        ("<math_exp> </math_exp>", "nothing inside <math_exp>"),
        ("<math_exp>" + "1" * 1_000_000 + "</math_exp>", "1,000,000 characters inside <math_exp>, more than the 1,000"),
        ("<answer>" + "1" * 1_001 + "</answer>", "1,001 characters inside <answer>"),
    ],
)
def test_what_cannot_be_read_is_told(text, problem):
    turn = read(text)
    assert (turn.kind, turn.text) == ("nothing", "")
    assert problem in turn.problem


@pytest.mark.parametrize(
    ("text", "kind", "inside", "note"),
    [
        ("<math_exp>1</math_exp> 1 <math_exp>2</math_exp>", "call", "1", "one call per turn"),
        ("<math_exp>1</math_exp> -> 1 <answer>1</answer>", "call", "1", "never both"),
        ("<math_exp>1</math_exp><math_exp>", "call", "1", "one call per turn"),
        ("<answer>1</answer> <math_exp>1</math_exp>", "answer", "1", ""),
        ("<answer>1</answer> <answer>2</answer>", "answer", "1", ""),
    ],
)
def test_of_several_the_first_counts_and_it_is_told(text, kind, inside, note):
    turn = read(text)
    assert (turn.kind, turn.text) == (kind, inside)
    assert note in turn.note
    assert bool(note) == bool(turn.note)


@given(st.lists(st.sampled_from(["<math_exp>", "</math_exp>", "<answer>", "</answer>", "1+1", " ", "x"]), max_size=20))
def test_any_mixture_of_tags_is_read_as_it_stands_or_not_at_all(parts):
    text = "".join(parts)
    turn = read(text)
    assert (turn.kind == "nothing") == bool(turn.problem)
    for start, end in turn.reading.spans:
        assert text[start:end] == turn.text


@pytest.mark.parametrize("piece", ["<math_exp>", "</answer>", "<answer><math_exp>", "<", "<a>"])
def test_a_megabyte_of_tags_takes_no_time(piece):
    started = time.perf_counter()
    read(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - started < 1


def test_function_calls_read_and_write_the_same_as_tags():
    calls = FunctionCalls("math_exp", "calculate", "expression")
    for action in ("<math_exp>2 + 3</math_exp>", '<answer>"5"</answer>'):
        text = calls.write(action, "Hm.")
        assert text.startswith("Hm.\n<tool_call>")
        assert calls.read(text).text == action
    assert "calculate" in calls.read('<tool_call>{"name": "other", "arguments": {}}').problem
    assert '"name": "answer"' in calls.instructions
