from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.envs import MathStepsEnv, check_text_env, expression_from_id, expression_steps, expression_task
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import check_finding

SHARED = Path(os.environ.get("STEPGYM_SHARED", "../shared")) / "data" / "math"
TASK = {"task": "compute/3*(4+15)-8"}
GSM8K = {"question": "Tom has 3 boxes of 24 pens. How many pens?", "answer": "3*24 = <<3*24=72>>72 pens.\n#### 72"}
MATH = {"problem": "What is $\\frac12+\\frac12$?", "solution": "It is $\\boxed{1}$."}


def started(**arguments: Any) -> MathStepsEnv:
    env = MathStepsEnv(**arguments)
    env.reset(options=TASK)
    return env


def rows(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return str(path)


def test_the_canonical_steps() -> None:
    task = expression_from_id("compute/3*(4+15)-8")
    assert (task.prompt, task.reference) == ("Compute 3 * (4 + 15) - 8.", "49")
    assert expression_steps(task) == ["4 + 15 = 19", "3 * 19 = 57", "57 - 8 = 49", "The answer is 49."]


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(0, 2**32), st.integers(2, 8), st.integers(5, 200), st.sampled_from(["+", "+-", "*+", "+-*/"]))
def test_every_expression_is_rebuilt_from_its_id_and_solved_by_its_steps(
    seed: int, operands: int, largest: int, operations: str
) -> None:
    task = expression_task(seed, operands=operands, largest=largest, operations=operations)
    assert expression_from_id(task.id) == task
    assert int(task.reference) == eval(task.id.removeprefix("compute/"))  # noqa: S307 - our own text, a second route
    env = MathStepsEnv(step_reward=1.0, final_reward=100.0)
    env.reset(options={"task": task.id})
    *steps, last = expression_steps(task)
    assert len(steps) == operands - 1
    for step in steps:
        _, reward, terminated, truncated, info = env.step(step)
        assert (reward, terminated, truncated, info["verdict"].status) == (1.0, False, False, "correct")
        assert all(check_finding(f, step, task.reference) for f in info["verdict"].findings)
    _, reward, terminated, _, info = env.step(last)
    assert (reward, terminated, info["verdict"].status) == (100.0, True, "correct")


def test_reset_and_expression_task_draw_the_same_task_from_a_seed() -> None:
    env = MathStepsEnv(operands=6, largest=9, operations="-/")
    for seed in range(20):
        observation, info = env.reset(seed=seed)
        task = expression_task(seed, operands=6, largest=9, operations="-/")
        assert (task.prompt, task.id, task) == (observation, info["task"], env.task)
        assert not set(task.id) & set("+*")


def test_a_wrong_step_is_refuted_where_it_stands() -> None:
    env = started()
    env.step("First, 4 + 15 = 19.")
    action = "Then 3 * 19 = 56, I think."
    observation, reward, terminated, _, info = env.step(action)
    finding = info["verdict"].findings[0]
    assert (action[finding.start : finding.end], finding.severity) == ("3 * 19 = 56", "refuted")
    assert check_finding(finding, action, None)
    assert (observation, reward, terminated) == ("refuted: 3*19 is 57, not 56\nSteps left: 18", 0.0, False)
    assert env.solution == "First, 4 + 15 = 19.\nThen 3 * 19 = 56, I think."


def test_an_equation_is_checked_against_the_step_before(tmp_path: Path) -> None:
    file = rows(tmp_path / "t.jsonl", {"id": "a", "prompt": "Solve 2x + 3 = 11.", "reference": "4"})
    env = MathStepsEnv(source="tasks", path=file)
    for second, status in (("2x = 8", "correct"), ("2x = 14", "wrong")):
        env.reset(seed=0)
        env.step("2x + 3 = 11")
        verdict = env.step(second)[4]["verdict"]
        assert verdict.status == status
        assert (verdict.findings[0].start, verdict.findings[0].end) == (0, len(second))


@pytest.mark.parametrize(
    ("feedback", "right", "nothing"),
    [
        ("hidden", "Steps left: 19", "Steps left: 18"),
        (
            "message",
            "correct: both sides are 19\nSteps left: 19",
            "undecided: no calculation that can be checked\nSteps left: 18",
        ),
        (
            "certificate",
            "proved: '4 + 15 = 19': both sides are 19 {",
            "undecided: no calculation that can be checked\nSteps left: 18",
        ),
    ],
)
def test_what_the_observation_tells(feedback: Any, right: str, nothing: str) -> None:
    env = started(feedback=feedback)
    assert env.step("4 + 15 = 19")[0].startswith(right)
    assert env.step("Let me think.")[0] == nothing


def test_feedback_is_short_and_printable_whatever_was_written() -> None:
    for feedback in ("message", "certificate"):
        env = started(feedback=feedback)
        observation = env.step("".join(f"\x1b[2J and {n} + 1 = {n}.\n" for n in range(1_500)))[0]
        assert len(observation) < 30_000
        assert "\x1b" not in observation
        assert "and " in observation.splitlines()[-2]


@pytest.mark.parametrize(
    "last",
    [
        "The answer is 49.",
        "#### 49",
        "\\boxed{49}",
        "Answer: 49",
        "answer 49",
        "<answer>49</answer>",
        "A: 49",
        "57 - 8 = 49\nFinal answer: **49**",
        "So 57 - 8 = 49 and the answer is $49$",
    ],
)
def test_a_final_answer_ends_the_episode(last: str) -> None:
    _, reward, terminated, truncated, info = started().step(last)
    assert (reward, terminated, truncated, info["verdict"].status) == (1.0, True, False, "correct")
    _, reward, terminated, truncated, info = started().step(last.replace("49", "48"))
    assert (reward, terminated, truncated, info["verdict"].status) == (0.0, True, False, "wrong")


@pytest.mark.parametrize("step", ["The result is 57.", "So we have 49", "We answered this before.", "3 * 19 = 57"])
def test_a_step_without_an_answer_goes_on(step: str) -> None:
    assert started().step(step)[2:4] == (False, False)


def test_rewards_per_step_and_at_the_end() -> None:
    env = started(
        step_reward={"proved": 0.25, "refuted": -0.5, "unknown": -0.125}, final_reward={"correct": 2.0, "wrong": -2.0}
    )
    actions = ["4 + 15 = 19", "3 * 19 = 58", "Hm.", "3 * 19 = 57", "57 - 8 = 49, so the answer is 49"]
    assert [env.step(action)[1] for action in actions] == [0.25, -0.5, -0.125, 0.25, 2.25]
    env.reset(options=TASK)
    assert env.step("The answer is 5.")[1] == -2.125
    env = started(step_reward=0.5)
    assert [env.step(action)[1] for action in actions] == [0.5, -0.5, 0.0, 0.5, 1.5]


def test_a_refuted_step_can_void_the_answer() -> None:
    for sound, reward, status in ((False, 1.0, "correct"), (True, 0.0, "wrong")):
        env = started(sound=sound)
        env.step("4 + 15 = 18")
        _, earned, terminated, _, info = env.step("The answer is 49.")
        assert (earned, terminated, info["verdict"].status) == (reward, True, status)
        env.reset(options=TASK)
        assert env.step("The answer is 49.")[1] == 1.0


def test_the_last_step_without_an_answer_is_truncated_and_wrong() -> None:
    env = started(max_steps=2, final_reward={"correct": 1.0, "wrong": -1.0})
    env.step("4 + 15 = 19")
    observation, reward, terminated, truncated, info = env.step("3 * 19 = 57")
    assert (observation, reward, terminated, truncated) == ("", -1.0, False, True)
    assert (info["verdict"].status, info["verdict"].reason) == ("wrong", "no answer in 2 steps")
    assert info["verdict"].findings


def test_a_solution_that_grows_too_long_is_undecided_and_not_kept() -> None:
    env = started()
    env.step("4 + 15 = 19")
    verdict = env.step("so " * 17_000)[4]["verdict"]
    assert verdict.status == "undecided"
    assert env.solution == "4 + 15 = 19"
    assert env.step("The answer is 49.")[1] == 1.0


def test_an_episode_branches_in_the_middle() -> None:
    env, other = started(sound=True), MathStepsEnv(sound=True)
    env.step("4 + 15 = 19")
    state = env.get_state()
    env.step("3 * 19 = 58")
    env.step("The answer is 49.")
    for fork in (env, other):
        fork.set_state(state)
        assert fork.solution == "4 + 15 = 19"
        assert fork.step("The answer is 49.")[1] == 1.0


def test_published_formats_and_own_tasks(tmp_path: Path) -> None:
    for source, row, steps in (
        ("gsm8k", GSM8K, ["3 boxes hold 3*24 = <<3*24=72>>72 pens.", "#### 72"]),
        ("math", MATH, ["1/2 + 1/2 = 1", "It is $\\boxed{1}$."]),
        ("tasks", {"id": "t", "prompt": "What is 2 + 2?", "reference": "4"}, ["2 + 2 = 4", "The answer is 4"]),
    ):
        env = MathStepsEnv(source=source, path=rows(tmp_path / f"{source}.jsonl", row))  # type: ignore[arg-type]
        assert env.tasks is not None
        assert env.reset(seed=0)[1]["task"] == env.tasks[0].id
        assert env.step(steps[0])[4]["verdict"].status == "correct"
        assert env.step(steps[1])[1:3] == (1.0, True)
    renamed = rows(tmp_path / "q.jsonl", {"question": "What is 2 + 2?", "answer": "4"})
    env = MathStepsEnv(source="tasks", path=renamed, columns={"prompt": "question", "reference": "answer"})
    assert env.reset(seed=0)[0] == "What is 2 + 2?"


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "compute/3",
        "compute/03+4",
        "compute/(3+4)",
        "compute/3+(4)",
        "compute/1/2",
        "compute/1/0",
        "compute/-3+4",
        "compute/2**3",
        "compute/6//2",
        "compute/3+4\n",
        "compute/3+(4",
        "compute/" + "1+" * 100 + "1",
        "compute/" + "(" * 60 + "1+1" + ")" * 60,
    ],
)
def test_ids_that_are_no_expression_are_unknown(task_id: str) -> None:
    with pytest.raises(UnknownNameError, match="No expression"):
        MathStepsEnv().reset(options={"task": task_id})


@pytest.mark.parametrize(
    "arguments",
    [
        {"source": "svamp"},
        {"source": "gsm8k"},
        {"path": "train.jsonl"},
        {"columns": {"prompt": "question"}},
        {"split": "test"},
        {"operands": 1},
        {"largest": 0},
        {"operations": "^"},
        {"feedback": "reason"},
        {"max_steps": 0},
        {"step_reward": "much"},
        {"step_reward": {"right": 1.0}},
        {"step_reward": {"proved": float("nan")}},
        {"final_reward": float("inf")},
    ],
)
def test_bad_settings_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(arguments))):
        MathStepsEnv(**arguments)


def test_settings_that_allow_no_expression_are_named() -> None:
    with pytest.raises(InvalidInputError, match="no expression with operands=12"):
        expression_task(0, operands=12, largest=1_000, operations="/")


@pytest.mark.parametrize("feedback", ["hidden", "message", "certificate"])
def test_the_id_keeps_every_promise(feedback: str) -> None:
    report = check_text_env(gymnasium.make("stepgym/MathSteps-v0", feedback=feedback, step_reward=0.1))
    assert not any(promise.not_checked for promise in report.promises)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no {SHARED}: set STEPGYM_SHARED")
def test_the_reference_solutions_of_gsm8k_are_played_to_their_end() -> None:
    env = MathStepsEnv(source="gsm8k", path=SHARED, split="test", step_reward=0.001)
    assert env.tasks is not None
    refuted = 0
    for task in env.tasks[:150]:
        env.reset(options={"task": task.id})
        *steps, last = task.meta["solution"].splitlines()
        refuted += sum(env.step(step)[4]["verdict"].status == "wrong" for step in steps[:18])
        assert env.step(last)[4]["verdict"].status == "correct"
    assert refuted <= 1


def test_the_expert_action_is_the_next_step_of_the_solution(tmp_path: Path) -> None:
    env = MathStepsEnv()
    env.reset(options={"task": "compute/3*(4+15)-8"})
    said = [env.expert_action()]
    while not env.step(said[-1])[2]:
        said.append(env.expert_action())
    assert said == ["4 + 15 = 19", "3 * 19 = 57", "57 - 8 = 49", "The answer is 49."]
    assert env.verdict.status == "correct"

    place = tmp_path / "gsm8k.jsonl"
    rows = [{"question": "3 times 4?", "answer": "It is 3*4 = <<3*4=12>>12.\n#### 12"}]
    place.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    env = MathStepsEnv(source="gsm8k", path=place)
    env.reset(seed=0)
    assert not env.step(env.expert_action())[2]
    assert env.step(env.expert_action())[1:3] == (1.0, True)


def test_a_task_without_a_solution_has_no_expert(tmp_path: Path) -> None:
    place = tmp_path / "tasks.jsonl"
    place.write_text('{"id": "a", "prompt": "3 times 4?", "reference": "12"}\n', encoding="utf-8")
    env = MathStepsEnv(source="tasks", path=place)
    env.reset(seed=0)
    with pytest.raises(InvalidInputError, match="no solution"):
        env.expert_action()
