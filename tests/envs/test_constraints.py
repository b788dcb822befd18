from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from stepgym.envs import ConstraintsEnv, check_text_env
from stepgym.envs.puzzles import FAMILIES, puzzle_task, write_solution
from stepgym.errors import InvalidInputError, MissingExtraError, UnknownNameError
from stepgym.verifiers import ConstraintsVerifier

SEATING = {"task": "constraints/seating/1/3"}
QUESTION = (
    "Ann, Bob and Dan sit in a row, in seats 1 (far left) to 3 (far right). Who sits where?\n"
    "1. Ann sits left of Bob.\n2. Dan sits in seat 1."
)
OWN: dict[str, Any] = {
    "id": "tea",
    "intro": "Ann and Bob drink tea or milk.",
    "variables": {"Ann": ["tea", "milk"], "Bob": ["tea", "milk"]},
    "clues": [
        {"words": "They drink different things.", "holds": ["!=", "Ann", "Bob"]},
        {"words": "Bob drinks milk.", "holds": ["is", "Bob", "milk"]},
    ],
    "level": 1,
}


def steps_env(**arguments: Any) -> ConstraintsEnv:
    env = ConstraintsEnv(mode="steps", **arguments)
    env.reset(options=SEATING)
    return env


def own_file(folder: Path, *rows: Any) -> Path:
    path = folder / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"mode": "steps"},
        {"mode": "steps", "end_at_dead_end": False, "feedback": "reason", "actions": "react"},
        {"family": ["knights", "arithmetic"], "difficulty": [1, 3], "max_turns": 2, "feedback": "reason"},
    ],
)
def test_the_promises_of_environments(arguments: dict[str, Any]) -> None:
    report = check_text_env(gymnasium.make("stepgym/Constraints-v0", **arguments))
    assert not [promise for promise in report.promises if promise.not_checked]


def test_one_answer() -> None:
    env = ConstraintsEnv()
    observation, info = env.reset(options=SEATING)
    assert (observation, info["task"]) == (QUESTION, "constraints/seating/1/3")
    observation, reward, terminated, truncated, info = env.step("1. Dan\n2. Ann\n3. Bob")
    assert (observation, reward, terminated, truncated) == ("", 1.0, True, False)


def test_several_answers_with_the_reason() -> None:
    env = ConstraintsEnv(max_turns=2, feedback="reason")
    env.reset(options=SEATING)
    observation, reward, terminated, _, info = env.step("1. Ann\n2. Dan\n3. Bob")
    assert (reward, terminated) == (0.0, False)
    assert observation == (
        "That is not right. Ann = 1 conflicts with clue 2: Dan sits in seat 1. Try again (1 try left)."
    )
    assert [f.kind for f in info["verdict"].findings if f.severity == "refuted"] == ["assignment", "assignment"]


def test_families_and_difficulties_are_drawn_from_the_seed() -> None:
    env = ConstraintsEnv(family=["knights", "seating"], difficulty=[1, 2])
    drawn = {env.reset(seed=seed)[1]["task"].rpartition("/")[0] for seed in range(40)}
    assert drawn == {f"constraints/{family}/{d}" for family in ("knights", "seating") for d in (1, 2)}
    assert env.reset(seed=7) == env.reset(seed=7)
    assert len({ConstraintsEnv().reset(seed=seed)[1]["task"].split("/")[1] for seed in range(40)}) == len(FAMILIES)


def test_steps_show_what_is_given_and_end_when_all_is_right() -> None:
    env = ConstraintsEnv(mode="steps")
    observation, _ = env.reset(options=SEATING)
    assert observation == f"{QUESTION}\nGiven: nothing\nTurns: 6"
    observation, reward, terminated, _, info = env.step("Dan: 1")
    assert (observation, reward, terminated) == ("Given: Dan: 1\nTurns: 5", 0.0, False)
    assert (info["verdict"].status, info["verdict"].reason) == ("correct", "can still be completed")
    env.step("2. Ann")
    assert env.given == {"Dan": 1, "Ann": 2}
    observation, reward, terminated, truncated, info = env.step("Bob is in seat 3")
    assert (observation, reward, terminated, truncated) == ("", 1.0, True, False)
    assert info["verdict"].reason == "satisfies all clues"


@pytest.mark.parametrize("action", ["", "let me think", "Dan: 1\nAnn: 2", "Dan: 1, Dan: 2", "Dan: 9", "Zoe: 1"])
def test_a_line_that_is_none_changes_nothing(action: str) -> None:
    env = steps_env()
    observation, reward, terminated, _, info = env.step(action)
    assert (observation, reward, terminated) == ("That line is not right.\nGiven: nothing\nTurns: 5", 0.0, False)
    assert info["verdict"].status == "wrong"


def test_a_dead_end_ends_the_episode_with_a_certificate() -> None:
    env = steps_env()
    observation, reward, terminated, _, info = env.step("Ann: 1")
    finding = info["verdict"].findings[0]
    assert (observation, reward, terminated, info["verdict"].status) == ("", 0.0, True, "wrong")
    assert finding.evidence["words"] == ["Dan sits in seat 1."]
    assert ConstraintsVerifier().check_finding(finding, "Ann: 1", env.task.reference)


def test_a_dead_end_may_go_on_and_be_replaced() -> None:
    env = steps_env(end_at_dead_end=False, feedback="reason")
    observation, _, terminated, _, _ = env.step("Ann: 1")
    assert not terminated
    assert observation == "Ann = 1 conflicts with clue 2: Dan sits in seat 1.\nGiven: Ann: 1\nTurns: 5"
    verdict = env.step("Dan: 1")[4]["verdict"]
    assert (verdict.status, verdict.reason) == ("correct", "agrees with the clues; something given before does not")
    env.step("Bob: 3")
    assert env.step("Ann: 2")[1:3] == (1.0, True)


def test_at_the_last_turn_the_verdict_is_wrong() -> None:
    env = steps_env(max_turns=1)
    _, reward, terminated, _, info = env.step("Dan: 1")
    assert (reward, terminated, info["verdict"].status) == (0.0, True, "wrong")
    assert [f.severity for f in info["verdict"].findings] == ["proved"]


@pytest.mark.parametrize("mode", ["answer", "steps"])
def test_the_expert_solves_every_family(mode: str) -> None:
    for family in FAMILIES:
        env = ConstraintsEnv(family=family, difficulty=2, mode=mode)  # type: ignore[arg-type]
        env.reset(seed=3)
        reward, terminated = 0.0, False
        while not terminated:
            _, reward, terminated, _, _ = env.step(env.expert_action())
        assert reward == 1.0


def test_puzzles_of_your_own(tmp_path: Path) -> None:
    env = ConstraintsEnv(path=own_file(tmp_path, OWN))
    observation, info = env.reset(seed=1)
    assert observation == "Ann and Bob drink tea or milk.\n1. They drink different things.\n2. Bob drinks milk."
    assert (info["task"], env.task.meta) == ("tea", {"level": 1, "unique": True})
    assert env.step("Ann: tea, Bob: milk")[1] == 1.0
    with pytest.raises(UnknownNameError):
        env.reset(options=SEATING)


def test_a_file_of_drawn_tasks(tmp_path: Path) -> None:
    task = puzzle_task("scheduling", 1, 5)
    env = ConstraintsEnv(path=own_file(tmp_path, {"prompt": task.prompt, "reference": task.reference}))
    assert env.reset()[0] == task.prompt
    assert env.step(write_solution(task))[1] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clues": [*OWN["clues"], {"words": "No.", "holds": ["is", "Bob", "tea"]}]}, "no solution"),
        ({"intro": None}, "prompt"),
        ({"clues": [{"words": "x", "holds": ["is", "Bob", "rum"]}]}, "no value of Bob"),
        ({"variables": "Ann"}, "variables"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = own_file(tmp_path, OWN, {**OWN, "id": "bad", **change})
    with pytest.raises(InvalidInputError, match=message):
        ConstraintsEnv(path=path)
    tasks = ConstraintsEnv(path=path, on_error="skip").tasks
    assert tasks is not None
    assert [task.id for task in tasks] == ["tea"]


def test_a_large_puzzle_without_z3_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "z3", None)
    large = {**OWN, "variables": {**OWN["variables"], **{f"x{number}": list(range(20)) for number in range(8)}}}
    with pytest.raises(MissingExtraError, match=r"stepgym\[smt\]"):
        ConstraintsEnv(path=own_file(tmp_path, large))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"family": "chess"}, "family"),
        ({"family": []}, "family"),
        ({"family": ["knights", "knights"]}, "family"),
        ({"difficulty": 6}, "difficulty"),
        ({"difficulty": True}, "difficulty"),
        ({"mode": "lines"}, "mode"),
        ({"path": "x.jsonl", "family": "knights"}, "leave it out"),
        ({"path": "nowhere.jsonl"}, "no file"),
    ],
)
def test_broken_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        ConstraintsEnv(**arguments)
