from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from stepgym.envs.multi_hop import SearchState, multi_hop_task, next_action, searcher_steps, slip_action
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError, UnknownNameError

TASK = multi_hop_task(0)


def test_a_perfect_searcher_takes_one_query_per_hop_and_every_step_is_good():
    for seed in range(100):
        task = multi_hop_task(seed, world_seed=1, size=100)
        steps = searcher_steps(task)
        assert len(steps) == task.meta["hops"] + 1
        assert all(step.good for step in steps)
        assert steps[-1].action == f"<answer>{task.reference}</answer>"


def test_the_actions_of_a_perfect_searcher():
    steps = searcher_steps(TASK)
    assert [step.action for step in steps] == [
        "<search_query>birthplace of Ilse Grendoro</search_query>",
        "<search_query>country of Kesford</search_query>",
        "<search_query>capital of Norstan</search_query>",
        "<answer>Eldford</answer>",
    ]
    assert steps[0].observation == (
        "birthplace of Ilse Grendoro -> Ilse Grendoro: The birthplace of Ilse Grendoro is Kesford."
    )


@pytest.mark.parametrize("slip", ["wrong-entity", "wrong-relation", "repeat", "early"])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_slip_is_a_bad_step_and_the_others_stay_good(slip, place):
    right = 0
    for seed in range(20):
        task = multi_hop_task(seed, hops=3)
        steps = searcher_steps(task, slips=[*["", "", ""][:place], slip], seed=seed)
        assert [number for number, step in enumerate(steps) if not step.good] == [place]
        assert len(steps) == (place + 1 if slip == "early" else 5)
        right += steps[-1].action == f"<answer>{task.reference}</answer>"
    # A guess may be right by luck: an outcome cannot tell, a label per step can.
    assert right == 20 if slip != "early" else right < 8


def test_slips_repeat_by_their_seed_and_take_names_that_are_alike():
    def named(seed: int) -> str:
        return searcher_steps(TASK, slips=["wrong-entity"], seed=seed)[0].action

    assert named(1) == named(1)
    wrong = Counter(named(seed) for seed in range(30))
    assert len(wrong) > 1
    assert all("Ilse " in action or " Grendoro" in action for action in wrong)


def test_when_calls_run_out_it_answers_what_it_has():
    steps = searcher_steps(TASK, slips=["wrong-entity"] * 9, max_calls=3)
    assert [step.good for step in steps] == [False] * 4
    assert steps[-1].action == "<answer>Ilse Grendoro</answer>"


def test_other_words_are_tried_where_nothing_is_found():
    steps = searcher_steps(TASK, lambda query: "nothing was found")
    assert len({step.action for step in steps}) == len(steps) == 4
    assert [step.good for step in steps] == [True, True, True, False]


def test_what_a_search_says_is_believed():
    steps = searcher_steps(TASK, lambda query: "Ilse Grendoro: The birthplace of Ilse Grendoro is Quinstead.")
    assert steps[1].action == "<search_query>country of Quinstead</search_query>"


def test_slips_and_tasks_that_there_are_not():
    with pytest.raises(InvalidInputError, match="slip"):
        slip_action(SearchState(TASK.id), "asleep", np.random.default_rng(0))
    with pytest.raises(UnknownNameError):
        searcher_steps(Task("hotpot/1", "?", "x"))
    assert slip_action(SearchState(TASK.id), "", np.random.default_rng(0)) == next_action(SearchState(TASK.id))
