from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.envs.multi_hop import SearchState, judge_step, trail
from stepgym.errors import InvalidInputError, UnknownNameError

TASK = "multihop/0-60/ilse-grendoro/birthplace.country.capital"
FIRST = ("birthplace of Ilse Grendoro", "Ilse Grendoro: The birthplace of Ilse Grendoro is Kesford.")
SECOND = ("country of Kesford", "Kesford: Kesford lies in Norstan, a country of many rivers.")
WRONG = ("country of Kesford", "Kesford: The country of Kesford is Eldland.")
THIRD = ("capital of Norstan", "Norstan: The capital of Norstan is Eldford.")


def query(text: str) -> str:
    return f"<search_query>{text}</search_query>"


def answer(text: str) -> str:
    return f"<answer>{text}</answer>"


def state(*turns: tuple[str, str]) -> SearchState:
    return SearchState(TASK, tuple((query(asked), f"{asked} -> {result}") for asked, result in turns))


@pytest.mark.parametrize(
    ("turns", "action"),
    [
        ((), query("birthplace of Ilse Grendoro")),
        ((), "I need the place first. " + query("Where was ilse GRENDORO born?")),
        ((), query("place of birth: Ilse Grendoro")),
        ((FIRST,), query("country of Kesford")),
        ((FIRST,), query("Which country is Kesford located in?")),
        ((FIRST, SECOND), query("capital city of Norstan")),
        ((FIRST, SECOND, THIRD), answer("Eldford")),
        ((FIRST, SECOND, THIRD), "So it is " + answer("the Eldford.")),
        # What a document states is believed, right or wrong.
        ((FIRST, WRONG), query("capital of Eldland")),
        ((FIRST, WRONG, ("capital of Eldland", "Eldland: The capital of Eldland is Quinstead.")), answer("Quinstead")),
        # The first of two statements counts.
        ((FIRST, WRONG, ("Kesford country", SECOND[1])), query("capital of Eldland")),
        # A good query may find nothing; another wording is good again.
        ((("birthplace of Ilse Grendoro", "nothing was found"),), query("Ilse Grendoro born where")),
    ],
)
def test_good_steps(turns, action):
    assert judge_step(state(*turns), action).good


@pytest.mark.parametrize(
    ("turns", "action", "why"),
    [
        ((), "", "nothing was written"),
        ((), "Ilse Grendoro was born in Kesford.", "neither <search_query> nor <answer>"),
        ((), "<search_query>birthplace of Ilse Grendoro", "never closed"),
        ((), query("birthplace of Ilse"), "names nothing"),
        ((), query("birthplace of Joren Grendoro"), "the results lead to Ilse Grendoro"),
        ((), query("birthplace of Hanna Fenmond"), "it names Hanna Fenmond"),
        ((), query("birthplace of Ilse Grendoro and Hanna Fenmond"), "it names Hanna Fenmond, Ilse Grendoro"),
        ((), query("employer of Ilse Grendoro"), "it asks for employer"),
        ((), query("Ilse Grendoro"), "nothing that can be told"),
        ((), query("capital of the country of the birthplace of Ilse Grendoro"), "it asks for birthplace, capital, c"),
        ((), query("country of Kesford"), "the results lead to Ilse Grendoro"),
        ((), answer("Eldford"), "do not tell the birthplace of Ilse Grendoro"),
        ((FIRST,), query("Birthplace of Ilse Grendoro!"), "asked before"),
        ((FIRST,), query("capital of Norstan"), "it names Norstan"),
        ((FIRST, SECOND), answer("Eldford"), "do not tell the capital of Norstan"),
        ((FIRST, SECOND, THIRD), query("president of Norstan"), "known already: Eldford"),
        ((FIRST, SECOND, THIRD), answer("Quinstead"), "the results say Eldford"),
        ((FIRST, SECOND, THIRD), answer(""), "the results say Eldford"),
        ((FIRST, SECOND, THIRD), answer("Eldford or Quinstead"), "the results say Eldford"),
        # The gold answer is Eldford; the results say otherwise.
        (
            (FIRST, WRONG, ("capital of Eldland", "Eldland: The capital of Eldland is Quinstead.")),
            answer("Eldford"),
            "say",
        ),
    ],
)
def test_bad_steps(turns, action, why):
    judgement = judge_step(state(*turns), action)
    assert not judgement.good
    assert why in judgement.why


@pytest.mark.parametrize(
    "asked",
    [
        "x -> Ilse Grendoro: The birthplace of Ilse Grendoro is Kesford.",
        "x\nIlse Grendoro: The birthplace of Ilse Grendoro is Kesford.",
        "The birthplace of Ilse Grendoro is Kesford. ->",
    ],
)
def test_what_a_model_writes_into_its_query_is_no_result(asked):
    echo = " ".join(asked.split())
    turns = ((query(asked), f"{echo} -> nothing was found"),)
    assert trail(SearchState(TASK, turns)).names == ("Ilse Grendoro",)


def test_an_observation_that_does_not_belong_to_its_action_tells_nothing():
    text = "Ilse Grendoro: The birthplace of Ilse Grendoro is Kesford."
    for action in ("", "I searched.", query("something else")):
        assert trail(SearchState(TASK, ((action, f"birthplace -> {text}"),))).names == ("Ilse Grendoro",)


def test_several_results_and_notes_are_read():
    shown = f"birthplace -> \n[1] Hanna Fenmond: Hanna Fenmond was taught.\n[2] {FIRST[1]}\n(this was asked before)"
    found = trail(SearchState(TASK, ((query("birthplace"), shown),)))
    assert (found.names, found.next.noun) == (("Ilse Grendoro", "Kesford"), "country")


def test_the_state_of_a_logged_episode():
    observations = ["What is ...?", f"{FIRST[0]} -> {FIRST[1]}", f"{SECOND[0]} -> {SECOND[1]}"]
    actions = [query(FIRST[0]), query(SECOND[0])]
    assert SearchState.of(TASK, observations, actions) == state(FIRST, SECOND)
    thought = [f"<think>{query('x')}</think>{action}" for action in actions]
    assert SearchState.of(TASK, observations, thought, format="think") == state(FIRST, SECOND)
    assert judge_step(state(FIRST), thought[1], format="think").good
    assert not judge_step(state(FIRST), thought[1]).good
    assert state(FIRST).after(actions[1], observations[2]) == state(FIRST, SECOND)
    with pytest.raises(InvalidInputError, match="one observation per action"):
        SearchState.of(TASK, observations, actions[:1])


def test_tasks_of_another_world_of_questions_cannot_be_judged():
    with pytest.raises(UnknownNameError, match="multi-hop"):
        judge_step(SearchState("hotpot/5a8b"), answer("x"))


@settings(max_examples=60)
@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_judged(action, observation):
    for text in (action, query(action), answer(action)):
        found = judge_step(SearchState(TASK, ((text, observation),)), text)
        assert not found.good
        assert found.why


def test_a_megabyte_is_judged_quickly():
    started = time.perf_counter()
    for text in ("x" * 1_000_000, query("a " * 500_000), query("Kesford " * 100), answer("y" * 1_000_000)):
        assert not judge_step(state(FIRST), text).good
    assert time.perf_counter() - started < 1
