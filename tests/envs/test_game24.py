from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from stepgym.envs import Game24Env, check_text_env, game24_task, solution_expression, solution_lines
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import check_finding

CLASSIC = Path(os.environ.get("STEPGYM_SHARED", "../shared")) / "data" / "math" / "game24.csv.gz"
TASK = {"task": "game24/4,7,8,8"}
HEAD = "Rank,Puzzles,AMT (s),Solved rate"


def lines_env(**arguments: Any) -> Game24Env:
    env = Game24Env(mode="lines", **arguments)
    env.reset(options=TASK)
    return env


def puzzles(path: Path, *rows: str) -> Path:
    data = "\n".join([HEAD, *rows, ""]).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_the_canonical_texts() -> None:
    env = Game24Env()
    observation, info = env.reset(options=TASK)
    assert (observation, info["task"]) == ("Make 24 from 4, 7, 8, 8.", "game24/4,7,8,8")
    assert solution_expression(env.task) == "Answer: 4 * (7 - (8 / 8))"
    assert solution_lines(env.task) == [
        "8 / 8 = 1 (left: 4 7 1)",
        "7 - 1 = 6 (left: 4 6)",
        "4 * 6 = 24 (left: 24)",
    ]


def test_reset_and_game24_task_draw_the_same_solvable_puzzle_from_a_seed() -> None:
    env = Game24Env(largest=9)
    for seed in range(30):
        observation, info = env.reset(seed=seed)
        task = game24_task(seed, largest=9)
        assert (task.prompt, task.id, task) == (observation, info["task"], env.task)
        assert env.step(solution_expression(task))[1] == 1.0
        assert max(task.reference["numbers"]) <= 9


@pytest.mark.parametrize("answer", ["(7 - 8 / 8) * 4", "Answer: 4 * (7 - 8/8) = 24", "It is \\boxed{(7-8\\div 8)*4}"])
def test_a_whole_answer(answer: str) -> None:
    env = Game24Env()
    env.reset(options=TASK)
    assert env.step(answer)[1:3] == (1.0, True)


def test_several_answers_with_the_reason() -> None:
    env = Game24Env(max_turns=2, feedback="reason")
    env.reset(options=TASK)
    observation, reward, terminated, _, _ = env.step("4 * 7 - 8 + 8")
    assert (reward, terminated) == (0.0, False)
    assert "28, not 24" in observation
    assert env.step("4 * 7 - 8 / (8 - 8)")[1:3] == (0.0, True)


def test_lines_show_what_is_left() -> None:
    env = Game24Env(mode="lines")
    observation, _ = env.reset(options=TASK)
    assert observation == "Make 24 from 4, 7, 8, 8.\nLeft: 4 7 8 8\nTurns: 6"
    observation, reward, terminated, truncated, info = env.step("8 / 8 = 1")
    assert (observation, reward, terminated, truncated) == ("Left: 4 7 1\nTurns: 5", 0.0, False, False)
    assert info["verdict"].status == "correct"
    env.step("7 - 1 = 6 (left: 4 6)\n")
    observation, reward, terminated, truncated, info = env.step("4 * 6 = 24 (left: 24)")
    assert (observation, reward, terminated, truncated) == ("", 1.0, True, False)
    assert info["verdict"].reason == "24 is made"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("8 / 8 = 2", "line-arithmetic"),
        ("8 + 9 = 17", "line-numbers"),
        ("4 + 4 = 8", "line-numbers"),
        ("8 / 8 = 1 (left: 4 7 8)", "line-left"),
        ("let me think", "form"),
        ("8 / 8 = 1\n7 - 1 = 6", "form"),
        ("", "form"),
    ],
)
def test_a_line_that_is_not_right_is_not_played(action: str, kind: str) -> None:
    env = lines_env()
    observation, reward, terminated, _, info = env.step(action)
    assert (observation, reward, terminated) == ("That line is not right.\nLeft: 4 7 8 8\nTurns: 5", 0.0, False)
    assert [f.kind for f in info["verdict"].findings] == [kind]
    assert env.left == (4, 7, 8, 8)
    assert lines_env(feedback="reason").step(action)[0].startswith(info["verdict"].reason)


def test_spans_are_offsets_into_the_action() -> None:
    action = "\n  \n  8 / 8 = 2\n"
    finding = lines_env().step(action)[4]["verdict"].findings[0]
    assert action[finding.start : finding.end] == "8 / 8 = 2"
    assert check_finding(finding, action, None)


def test_a_dead_end_ends_the_episode_with_a_certificate() -> None:
    env = lines_env()
    observation, reward, terminated, truncated, info = env.step("8 * 8 = 64 (left: 4 7 64)")
    finding = info["verdict"].findings[0]
    assert (observation, reward, terminated, truncated) == ("", 0.0, True, False)
    assert (info["verdict"].status, finding.kind) == ("wrong", "line-dead-end")
    assert check_finding(finding, "8 * 8 = 64 (left: 4 7 64)", env.task.reference)


def test_a_dead_end_may_go_on_and_is_told_only_on_demand() -> None:
    for feedback, said in (("status", ""), ("reason", "24 cannot be made of 4, 7, 64.\n")):
        env = lines_env(end_at_dead_end=False, feedback=feedback)
        observation, _, terminated, _, info = env.step("8 * 8 = 64")
        assert (observation, terminated) == (f"{said}Left: 4 7 64\nTurns: 5", False)
        assert info["verdict"].findings[0].kind == "line-dead-end"
    env.step("4 + 7 = 11")
    _, reward, terminated, _, info = env.step("64 - 11 = 53")
    assert (reward, terminated, info["verdict"].status) == (0.0, True, "wrong")


def test_the_last_turn_ends_the_episode_as_wrong() -> None:
    env = lines_env(max_turns=1)
    _, reward, terminated, truncated, info = env.step("8 / 8 = 1")
    assert (reward, terminated, truncated, info["verdict"].status) == (0.0, True, False, "wrong")
    env = lines_env()
    ends = [env.step("?")[2] for _ in range(6)]
    assert ends == [False] * 5 + [True]


def test_an_episode_branches_in_the_middle() -> None:
    env, other = lines_env(), Game24Env(mode="lines")
    env.step("8 / 8 = 1")
    state = env.get_state()
    assert env.step("4 * 7 = 28 (left: 1 28)")[2]
    for fork in (env, other):
        fork.set_state(state)
        assert fork.step("7 - 1 = 6")[0] == "Left: 4 6\nTurns: 4"
        assert fork.step("4 * 6 = 24")[1] == 1.0


@pytest.mark.parametrize("name", ["24.csv", "24.csv.gz"])
def test_puzzles_of_a_file(tmp_path: Path, name: str) -> None:
    file = puzzles(tmp_path / name, "900,1 1 4 6,4.4,99.20%", "901,8 7 4 8,4.41,98.5%", "1001,1 3 4 6,9,", "")
    tasks = Game24Env.load(file)
    assert [task.id for task in tasks] == ["game24/1,1,4,6", "game24/4,7,8,8", "game24/1,3,4,6"]
    assert [dict(task.meta) for task in tasks] == [
        {"rank": 900, "solved_rate": 0.992},
        {"rank": 901, "solved_rate": 0.985},
        {"rank": 1001},
    ]
    assert [task.meta["rank"] for task in Game24Env.load(file, split="train")] == [900, 1001]
    env = Game24Env(path=str(file), split="test")
    assert env.reset(seed=0)[1]["task"] == "game24/4,7,8,8"
    with pytest.raises(UnknownNameError):
        env.reset(options={"task": "game24/1,1,4,6"})


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1,1 1 1 1,4,9%", "24 cannot be made of 1 1 1 1"),
        ("1,1 1 x 4,4,9%", "expected 2 to 6 numbers"),
        ("one,1 1 4 6,4,9%", "expected a whole number as Rank"),
    ],
)
def test_bad_rows_are_named_or_left_out(tmp_path: Path, row: str, problem: str) -> None:
    file = puzzles(tmp_path / "24.csv", row, "2,1 1 4 6,4,9%")
    with pytest.raises(InvalidInputError, match=f"row 1: {problem}"):
        Game24Env.load(file)
    tasks = Game24Env.load(file, on_error="skip")
    assert (len(tasks), len(tasks.skipped)) == (1, 1)


def test_bad_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "damaged.csv.gz").write_bytes(gzip.compress(b"Rank,Puzzles\n" * 99)[:-20])
    for name, problem in (
        ("other.csv", "no column 'Puzzles'"),
        ("damaged.csv.gz", "cannot be read"),
        ("missing.csv", "Rank and Puzzles"),
        ("puzzles.txt", "no .csv or .csv.gz"),
    ):
        with pytest.raises(InvalidInputError, match=problem):
            Game24Env(path=tmp_path / name)


@pytest.mark.parametrize(
    "arguments",
    [
        {"split": "test"},
        {"split": "dev", "path": "24.csv"},
        {"numbers": 2},
        {"largest": 3},
        {"largest": 20, "path": "24.csv"},
        {"operations": "%"},
        {"mode": "both"},
    ],
)
def test_bad_settings_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(arguments))):
        Game24Env(**arguments)


def test_ids_without_a_solution_or_of_no_puzzle_are_unknown() -> None:
    for task_id in ("game24/1,1,1,1", "game24/8,4", "game24/0,24", "4 7 8 8"):
        with pytest.raises(UnknownNameError):
            Game24Env().reset(options={"task": task_id})


@pytest.mark.parametrize("mode", ["answer", "lines"])
def test_the_id_keeps_every_promise(tmp_path: Path, mode: str) -> None:
    report = check_text_env(gymnasium.make("stepgym/Game24-v0", mode=mode))
    assert not any(promise.not_checked for promise in report.promises)
    file = puzzles(tmp_path / "24.csv", "1,1 1 4 6,4.4,99.20%", "2,4 7 8 8,4.41,98.5%")
    check_text_env(gymnasium.make("stepgym/Game24-v0", mode=mode, path=str(file)))


@pytest.mark.shared
@pytest.mark.skipif(not CLASSIC.is_file(), reason=f"no {CLASSIC}: set STEPGYM_SHARED")
def test_the_classic_puzzles() -> None:
    sizes = {split: len(Game24Env.load(CLASSIC, split=split)) for split in (None, "train", "test")}
    assert sizes == {None: 1_362, "train": 1_262, "test": 100}
    env = Game24Env(mode="lines", path=CLASSIC, split="test")
    assert env.tasks is not None
    for task in env.tasks:
        env.reset(options={"task": task.id})
        assert sum(env.step(line)[1] for line in solution_lines(task)) == 1.0


@pytest.mark.parametrize("mode", ["answer", "lines"])
def test_the_expert_action_solves_the_puzzle(mode: Any) -> None:
    env = Game24Env(mode=mode)
    for seed in range(10):
        env.reset(seed=seed)
        over, reward = False, 0.0
        while not over:
            _, reward, over, _, _ = env.step(env.expert_action())
        assert reward == 1.0


def test_the_expert_goes_on_from_what_was_played_and_from_a_dead_end() -> None:
    env = Game24Env(mode="lines", end_at_dead_end=False)
    env.reset(options={"task": "game24/3,3,8,8"})
    env.step("8 / 3 = 8/3")
    assert [env.step(env.expert_action())[1] for _ in range(2)] == [0.0, 1.0]
    env.reset(options={"task": "game24/3,3,8,8"})
    env.step("8 * 8 = 64")
    assert env.step(env.expert_action())[4]["verdict"].findings[0].kind == "line-dead-end"
