from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import Episode, EpisodeLog, Request, Sampling, check_policy, collect
from stepgym.agents.policy import generate_batch
from stepgym.agents.scripted.puzzle_expert import PuzzleExpertPolicy, load_puzzle_expert
from stepgym.errors import InvalidInputError

GAMES = [
    ("stepgym/Game24-v0", {}),
    ("stepgym/Game24-v0", {"mode": "lines"}),
    ("stepgym/Countdown-v0", {"mode": "lines", "use_all": False, "operations": "+-"}),
    ("stepgym/Countdown-v0", {"numbers": (2, 5), "operations": "+*"}),
    ("stepgym/MathSteps-v0", {"operands": 5}),
    ("stepgym/MathSteps-v0", {"feedback": "certificate"}),
]


def episodes(folder: Path, env: str, kwargs: dict[str, Any], *, noise: float = 0.0, **settings: Any) -> list[Episode]:
    with EpisodeLog(folder, mode="x") as log:
        rules = {name: kwargs[name] for name in ("operations", "use_all") if name in kwargs}
        policy = PuzzleExpertPolicy(noise=noise, **rules)
        collect(env, policy, episodes=6, out=log, env_kwargs=kwargs, **{"seed": 1, **settings})
    return sorted(EpisodeLog(folder), key=lambda episode: episode.id)


def actions(played: list[Episode]) -> list[list[str]]:
    return [[step.action for step in episode.steps] for episode in played]


@pytest.mark.parametrize(("env", "kwargs"), GAMES)
def test_every_task_is_solved(tmp_path: Path, env: str, kwargs: dict[str, Any]) -> None:
    assert [episode.success for episode in episodes(tmp_path, env, kwargs)] == [True] * 6


def test_slips_lose_some_and_the_seed_repeats_them(tmp_path: Path) -> None:
    env, kwargs = GAMES[0]
    first = episodes(tmp_path / "a", env, kwargs, noise=0.7)
    assert {episode.success for episode in first} == {True, False}
    assert actions(first) == actions(episodes(tmp_path / "b", env, kwargs, noise=0.7))
    assert actions(first) != actions(episodes(tmp_path / "c", env, kwargs, noise=0.7, seed=2))
    greedy = episodes(tmp_path / "d", env, kwargs, noise=0.7, sampling=Sampling(temperature=0))
    assert all(episode.success for episode in greedy)


def test_it_goes_on_from_any_state_fractions_and_dead_ends_too() -> None:
    def line(left: str) -> str:
        messages = (
            {"role": "user", "content": "Make 24 from 3, 3, 8, 8.\nLeft: 3 3 8 8\nTurns: 6"},
            {"role": "assistant", "content": "8 / 3 = 8/3"},
            {"role": "user", "content": f"Left: {left}\nTurns: 5"},
        )
        return generate_batch(PuzzleExpertPolicy(), [Request(messages)])[0][0].text  # type: ignore[arg-type]

    assert line("3 8 8/3") == "3 - (8/3) = 1/3 (left: 8 1/3)"
    assert line("8 1/3") == "8 / (1/3) = 24 (left: 24)"
    assert line("-4 -6") == "(-4) * (-6) = 24 (left: 24)"
    assert line("1 1") == "1 + 1 = 2 (left: 2)"


def test_settings() -> None:
    assert load_puzzle_expert().name == "puzzle-expert"
    policy = load_puzzle_expert("noise=0.3,operations=+-,use-all=no")
    assert (policy.noise, policy.operations, policy.use_all) == (0.3, "+-", False)
    for wrong in ("noise=2", "noise=", "noise=nan", "slip=0.1", "0.1", "operations=^", "use-all=perhaps"):
        with pytest.raises(InvalidInputError, match=r"noise|operations|use-all"):
            load_puzzle_expert(wrong)


def test_a_conversation_without_a_puzzle_is_an_error() -> None:
    with pytest.raises(InvalidInputError, match="Make 24 from"):
        generate_batch(PuzzleExpertPolicy(), [Request(({"role": "user", "content": "hello"},))])


def test_conformance() -> None:
    questions = [
        "Make 24 from 4, 7, 8, 8.",
        "Make 96 from 3, 7, 25, 50.",
        "Compute 3 * (4 + 15) - 8.",
        "Compute 2 + 2.",
    ]
    check_policy(PuzzleExpertPolicy(), questions=questions)
