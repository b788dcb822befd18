from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from stepgym.envs import ToolMathEnv, check_text_env
from stepgym.envs.tool_math import calculator_steps
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import check_finding

TASK = {"task": "wordproblem/2-60/0"}
GSM8K = {"question": "Ann buys 3 boxes of 24 clips and uses 10. How many are left?"}
GSM8K["answer"] = "She has 3*24=<<3*24=72>>72 clips.\n72-10=<<72-10=62>>62 are left.\n#### 62"


def env_at(**arguments: Any) -> ToolMathEnv:
    env = ToolMathEnv(**arguments)
    env.reset(options=TASK)
    return env


def call(text: str) -> str:
    return f"<math_exp>{text}</math_exp>"


def test_calculations_come_back_and_the_answer_is_judged() -> None:
    env = ToolMathEnv()
    observation, info = env.reset(options=TASK)
    assert observation.startswith("A bakery has 25 trays")
    assert (info["task"], info["call"], info["calls_left"]) == ("wordproblem/2-60/0", "", 10)
    observation, reward, terminated, truncated, info = env.step("All the rolls: <math_exp>25 * 26</math_exp>")
    assert (observation, reward, terminated, truncated) == ("25 * 26 -> 650", 0.0, False, False)
    assert (info["call"], info["calls_left"], info["verdict"].status) == ("25 * 26", 9, "undecided")
    assert env.step(call("650 * (100 - 20) / 100"))[0] == "650 * (100 - 20) / 100 -> 520"
    action = "So it is <answer>520 rolls</answer>"
    observation, reward, terminated, _, info = env.step(action)
    assert (observation, reward, terminated, info["verdict"].status) == ("", 1.0, True, "correct")
    finding = info["verdict"].findings[0]
    assert action[finding.start : finding.end] in "520 rolls"
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(action)


def test_a_wrong_answer_has_its_place_in_the_action() -> None:
    action = "Hm, <answer>521</answer>"
    _, reward, terminated, _, info = env_at().step(action)
    assert (reward, terminated, info["verdict"].status) == (0.0, True, "wrong")
    assert [action[f.start : f.end] for f in info["verdict"].findings] == ["521"]
    assert check_finding(info["verdict"].findings[0], action, "520")


def test_a_percent_sign_is_part_of_the_answer_to_a_made_up_problem(tmp_path: Path) -> None:
    assert [env_at().step(f"<answer>{text}</answer>")[1] for text in ("520%", "520 percent", "$520")] == [0.0, 0.0, 1.0]
    assert env_at(verifier_kwargs={"conventions": "gsm8k"}).step("<answer>520%</answer>")[1] == 1.0
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(GSM8K))  # rows of GSM8K may ask for a percentage and hold the number alone
    env = ToolMathEnv(path=path)
    env.reset(seed=0)
    assert env.step("<answer>62%</answer>")[1] == 1.0


@pytest.mark.parametrize(
    ("action", "observation"),
    [
        (call("1/0"), "1/0 -> error: division by zero"),
        (call("9**9**9"), "9**9**9 -> error: a power is too large"),
        (call("__import__('os').abort()"), "__import__('os').abort() -> error: "),
        (call("2x + 3 = 7"), "2x + 3 = 7 -> x = 2"),
        (call(" 2 +\n 3 "), "2 + 3 -> 5"),
        (call("\ud800"), "? -> error: "),
        (call("1") + " gives 1, so " + call("2"), "1 -> 1\n(one call per turn: only the first was read)"),
        (call("1+1") + "\n<answer>2</answer>", "1+1 -> 2\n(a call or an answer, never both: only the call was read)"),
        ("<math_exp>1+1", "Nothing was done: <math_exp> is never closed."),
        (call(""), "Nothing was done: there is nothing inside <math_exp> </math_exp>."),
        (
            call("1" * 1_000_000),
            "Nothing was done: there are 1,000,000 characters inside <math_exp>, more than the 1,000",
        ),
        ("<search_query>x</search_query>", "Nothing was done: <search_query> is no tag here; there are <math_exp> and"),
        ("It is 520.", "Nothing was done: there is neither <math_exp> nor <answer>."),
        ("", "Nothing was done: nothing was written."),
    ],
)
def test_whatever_is_written_is_answered_in_words_and_takes_a_turn(action: str, observation: str) -> None:
    shown, reward, terminated, truncated, info = env_at().step(action)
    assert shown.startswith(observation)
    assert len(shown) < 2_000
    assert (reward, terminated, truncated, info["calls_left"]) == (0.0, False, False, 9)


def test_a_repeated_call_is_told() -> None:
    env = env_at()
    env.step(call("1 + 1"))
    assert env.step(call("1  + 1"))[0] == "1 + 1 -> 2\n(this was asked before)"


def test_the_limit_is_told_and_then_only_an_answer_counts() -> None:
    env = env_at(max_calls=2)
    env.step(call("1"))
    observation, *_, info = env.step("no tag")
    assert observation.endswith("\n(no calls are left: write <answer>your answer</answer> now)")
    assert info["calls_left"] == 0
    state = env.get_state()
    observation, reward, terminated, truncated, info = env.step(call("2"))
    assert (observation, reward, terminated, truncated) == ("", 0.0, True, False)
    assert (info["verdict"].status, info["verdict"].reason) == ("wrong", "no answer after 2 turns without one")
    assert info["call"] == ""
    env.set_state(state)
    assert env.step("<answer>520</answer>")[1:3] == (1.0, True)


def test_the_expert_solves_what_is_made_up() -> None:
    env = ToolMathEnv()
    for seed in range(40):
        env.reset(seed=seed)
        terminated, reward = False, 0.0
        while not terminated:
            _, reward, terminated, _, _ = env.step(env.expert_action())
        assert reward == 1.0


@pytest.mark.parametrize("actions", ["think", "tool-call", "react", "think+tags"])
def test_action_formats_are_read_first(actions: str) -> None:
    env = env_at(actions=actions)
    for _ in range(2):
        env.step(env.expert_action())
    assert env.step(env.expert_action())[1] == 1.0


def test_settings_of_made_up_problems() -> None:
    env = ToolMathEnv(steps=3, largest=20)
    for seed in range(10):
        assert env.reset(seed=seed)[1]["task"].startswith("wordproblem/3-20/")
    assert {len(ToolMathEnv(steps=[2, 3]).steps)} == {2}


def test_a_file_in_the_format_of_gsm8k(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(GSM8K) + "\n" + json.dumps({**GSM8K, "answer": "#### 62"}) + "\n")
    env = ToolMathEnv(path=path)
    env.reset(options={"task": "gsm8k/train/0"})
    assert calculator_steps(env.task) == [call("3*24"), call("72-10"), "<answer>62</answer>"]
    assert env.step(env.expert_action())[0] == "3*24 -> 72"
    env.reset(options={"task": "gsm8k/train/1"})
    with pytest.raises(InvalidInputError, match="brings no calculations"):
        env.expert_action()
    with pytest.raises(InvalidInputError, match="does not exist"):
        ToolMathEnv(path=tmp_path / "nothing.jsonl")


@pytest.mark.parametrize(
    "arguments",
    [
        {"steps": 1},
        {"steps": (6, 2)},
        {"steps": (2, 3, 4)},
        {"steps": 2.5},
        {"largest": 5},
        {"max_calls": 0},
        {"max_calls": 2.0},
    ],
)
def test_arguments_out_of_bounds(arguments: dict[str, Any]) -> None:
    with pytest.raises((InvalidInputError, TypeError)):
        ToolMathEnv(**arguments)


def test_arguments_that_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="needs path="):
        ToolMathEnv(split="test")
    with pytest.raises(InvalidInputError, match="leave them out"):
        ToolMathEnv(path=tmp_path, steps=3)
    with pytest.raises(UnknownNameError, match="Ids look like"):
        ToolMathEnv().reset(options={"task": "wordproblem/9-60/0"})


def test_it_keeps_the_promises_of_a_text_environment() -> None:
    report = check_text_env(gymnasium.make("stepgym/ToolMath-v0"))
    assert all(not promise.not_checked for promise in report.promises)


def test_instructions_name_tags_and_limit() -> None:
    env = ToolMathEnv(max_calls=3)
    assert all(part in env.instructions for part in ("<math_exp>", "<answer>", "up to 3 times"))
    assert ToolMathEnv(instructions="Go.").instructions == "Go."
