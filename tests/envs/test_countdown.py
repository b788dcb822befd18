from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.envs import (
    CountdownEnv,
    check_text_env,
    countdown_from_id,
    countdown_task,
    solution_expression,
    solution_lines,
)
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import check_finding


def test_ids_and_prompts_hold_the_whole_puzzle() -> None:
    task = countdown_from_id("countdown/96/3,7,25,50")
    assert task.prompt == "Make 96 from 3, 7, 25, 50."
    assert task.reference == {"numbers": [3, 7, 25, 50], "target": 96}
    tasks = [countdown_task(rng) for rng in [np.random.default_rng(0)] for _ in range(500)]
    assert len({task.id for task in tasks}) == len({task.prompt for task in tasks}) > 480
    assert all(countdown_from_id(task.id) == task for task in tasks)


def test_reset_and_countdown_task_draw_the_same_puzzle_from_a_seed() -> None:
    env = CountdownEnv(numbers=(3, 5), largest=20, target=(5, 60), operations="+-*", use_all=False)
    for seed in range(20):
        observation, info = env.reset(seed=seed)
        task = countdown_task(seed, numbers=(3, 5), largest=20, target=(5, 60), operations="+-*", use_all=False)
        assert (task.prompt, task.id) == (observation, info["task"])
        assert env.task == task


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(2, 5),
    st.integers(5, 100),
    st.sampled_from(["+-*/", "+", "+-", "*+", "/*+-"]),
    st.booleans(),
)
def test_every_puzzle_is_solved_by_its_canonical_texts(
    seed: int, numbers: int, largest: int, operations: str, use_all: bool
) -> None:
    rules = {"operations": operations, "use_all": use_all}
    task = countdown_task(seed, numbers=numbers, largest=largest, target=(1, 600), **rules)
    assert len(task.reference["numbers"]) == numbers
    assert all(1 <= n <= largest for n in task.reference["numbers"])
    env = CountdownEnv(**rules)
    env.reset(options={"task": task.id})
    answer = solution_expression(task, **rules)
    _, reward, terminated, truncated, info = env.step(answer)
    assert (reward, terminated, truncated, info["verdict"].status) == (1.0, True, False, "correct")
    env = CountdownEnv(mode="lines", **rules)
    env.reset(options={"task": task.id})
    lines = solution_lines(task, **rules)
    for number, line in enumerate(lines, 1):
        _, reward, terminated, _, info = env.step(line)
        assert info["verdict"].status == "correct"
        assert all(check_finding(f, line, task.reference) for f in info["verdict"].findings)
        assert (reward, terminated) == ((1.0, True) if number == len(lines) else (0.0, False))


def test_the_target_is_in_its_range_and_never_given_away() -> None:
    tasks = [countdown_task(seed, target=(30, 40), use_all=False) for seed in range(200)]
    assert {task.reference["target"] for task in tasks} == set(range(30, 41))
    assert not any(task.reference["target"] in task.reference["numbers"] for task in tasks)


def test_with_any_choice_of_numbers_some_may_be_left() -> None:
    for mode, action in (("answer", "Answer: 50 + 46"), ("lines", "50 + 46 = 96 (left: 2 2 96)")):
        for use_all, reward in ((False, 1.0), (True, 0.0)):
            env = CountdownEnv(mode=mode, use_all=use_all)
            env.reset(options={"task": "countdown/96/2,2,46,50"})
            assert env.step(action)[1] == reward


def test_a_puzzle_without_a_solution_is_refused() -> None:
    env = CountdownEnv(operations="+-")
    with pytest.raises(UnknownNameError, match="has no solution"):
        env.reset(options={"task": "countdown/96/2,3,4,4"})
    CountdownEnv().reset(options={"task": "countdown/96/2,3,4,4"})


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "countdown/96/7,3",
        "countdown/96/3",
        "countdown/096/3,7",
        "countdown/96/0,7",
        "countdown/96/3,7\n",
        "countdown/1000001/3,7",
        "countdown/96/1,2,3,4,5,6,7",
    ],
)
def test_ids_that_are_no_puzzle_are_unknown(task_id: str) -> None:
    with pytest.raises(UnknownNameError, match="No Countdown"):
        CountdownEnv().reset(options={"task": task_id})


@pytest.mark.parametrize(
    "arguments",
    [
        {"numbers": 1},
        {"numbers": 7},
        {"numbers": [4, 3]},
        {"numbers": 2.0},
        {"largest": 1},
        {"largest": "50"},
        {"target": 24},
        {"target": [0, 5]},
        {"target": [9, 5]},
        {"operations": ""},
        {"operations": "+^"},
        {"operations": "++"},
        {"mode": "line"},
        {"max_turns": 0},
        {"feedback": "all"},
    ],
)
def test_bad_settings_say_what_was_expected(arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match=f"{next(iter(arguments))} must be"):
        gymnasium.make("stepgym/Countdown-v0", **arguments)


def test_settings_that_allow_no_puzzle_are_named() -> None:
    with pytest.raises(InvalidInputError, match=r"no puzzle with numbers=2, largest=5.*widen"):
        countdown_task(0, numbers=2, largest=5, target=(500, 600))


@pytest.mark.parametrize("mode", ["answer", "lines"])
def test_the_id_keeps_every_promise(mode: str) -> None:
    report = check_text_env(gymnasium.make("stepgym/Countdown-v0", mode=mode, numbers=[3, 4]))
    assert not any(promise.not_checked for promise in report.promises)
