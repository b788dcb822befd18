from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from stepgym.agents import ReplayReport, read_alfworld, replay_episode
from stepgym.envs.alfworld import Engine, OfficialGames, generate, generated_id, read_conversation, replay, solve
from stepgym.envs.alfworld.store import write_store
from stepgym.errors import InvalidInputError, UnknownNameError

KINDS = ("pick_and_place_simple", "pick_heat_then_place_in_recep")
GAMES = [replace(generate(generated_id(KINDS[n % 2], n)), id=f"train/some-{n}/trial") for n in range(4)]


def conversation(number: int, *, commands: int | None = None) -> dict[str, Any]:
    """A solved game as experts log it, in the older syntax; or its beginning."""
    engine = Engine(GAMES[number])
    messages = [{"from": "human", "value": "Interact with a household."}, {"from": "gpt", "value": "OK"}]
    messages.append({"from": "human", "value": engine.intro.partition("\n\n")[2]})
    for command in solve(Engine(GAMES[number]))[:commands]:
        written = command
        if command.startswith("move "):
            written = command.replace("move ", "put ").replace(" to ", " in/on ")
        messages.append({"from": "gpt", "value": f"Thought: I do it.\nAction: {written}"})
        messages.append({"from": "human", "value": f"Observation: {engine.step(command)}"})
    return {"conversations": messages}


@pytest.fixture
def games(tmp_path: Path) -> OfficialGames:
    write_store(tmp_path / "some.games", GAMES)
    return OfficialGames(tmp_path / "some.games")


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("preset", ["plain", "oreo", "verl-agent", "react"])
def test_the_episode_is_what_the_environment_plays(games: OfficialGames, tmp_path: Path, preset: str) -> None:
    source = write(tmp_path / "log.jsonl", [conversation(n) for n in range(4)])
    report = ReplayReport()
    episodes = list(read_alfworld(source, games, env_kwargs={"preset": preset}, report=report, policy="people"))
    assert (report.successes, report.differing) == (4, 0)
    assert [episode.task_id for episode in episodes] == [game.id for game in GAMES]
    for episode in episodes:
        env = gym.make(f"stepgym:{episode.env_id}", **episode.env_kwargs)
        observation, _ = env.reset(options={"task": episode.task_id})
        for step in episode.steps:
            assert step.observation == observation
            observation, reward, terminated, truncated, info = env.step(step.action)
            assert (step.reward, step.terminated, step.truncated) == (reward, terminated, truncated)
            assert not info["invalid"]
        assert episode.outcome == reward
        assert (episode.end, episode.policy) == ("terminated", "people")
    first = episodes[0].steps
    commands = len(solve(Engine(GAMES[0])))
    if preset == "react":
        assert [step.action for step in first[::2]] == ["think: I do it."] * commands
        assert [step.observation for step in first[1::2]] == ["OK."] * commands
    else:
        assert len(first) == commands
    if preset == "oreo":
        assert all(step.action.startswith("Thought: I do it.\nAction: ") for step in first)
    if preset == "verl-agent":
        assert all(step.action.startswith("<think>I do it.</think><action>") for step in first)
    if preset == "plain":
        assert all(step.completion.text == f"Thought: I do it.\nAction: {step.action}" for step in first[:-1])


@pytest.mark.parametrize("actions", ["react", "think", "think+tags", "tool-call", {"format": "react", "label": "Do"}])
def test_thoughts_are_written_as_the_environment_reads_them(games: OfficialGames, tmp_path: Path, actions: Any) -> None:
    source = write(tmp_path / "log.jsonl", [conversation(0)])
    (episode,) = read_alfworld(source, games, env_kwargs={"actions": actions})
    env = gym.make(f"stepgym:{episode.env_id}", **episode.env_kwargs)
    env.reset(options={"task": episode.task_id})
    for step in episode.steps:
        _, reward, terminated, _, info = env.step(step.action)
        assert "I do it." in step.action
        assert info["unread"] == ""
        assert not info["invalid"]
    assert (reward, terminated) == (1.0, True)


def test_what_stops_before_the_goal_was_cut_unless_it_failed() -> None:
    turns = read_conversation(conversation(1, commands=2))
    for logged in (None, 1.0):
        episode = replay_episode(turns, replay(turns, GAMES[1]), id="x", outcome=logged)
        assert (episode.outcome, episode.success, episode.end) == (None, None, "context")
        assert [(step.terminated, step.truncated) for step in episode.steps] == [(False, False)] * 2
    episode = replay_episode(turns, replay(turns, GAMES[1]), id="x", outcome=0.0)
    assert (episode.outcome, episode.success, episode.end) == (0.0, False, "step_limit")
    assert [(step.terminated, step.truncated) for step in episode.steps] == [(False, False), (False, True)]
    for preset, limit in (("plain", 50), ("oreo", 40), ("react", 50)):
        turns = read_conversation(conversation(1, commands=1)) * 60
        episode = replay_episode(turns, replay(turns, GAMES[1]), id="x", env_kwargs={"preset": preset})
        assert (episode.outcome, episode.end, len(episode.steps)) == (0.0, "step_limit", limit)
        assert [step.truncated for step in episode.steps] == [False] * (limit - 1) + [True]


def test_conversations_that_stop_early_are_counted_and_not_trained_on(games: OfficialGames, tmp_path: Path) -> None:
    rows = [conversation(0), conversation(1, commands=2), conversation(1, commands=2) | {"reward": 0}]
    report = ReplayReport()
    episodes = list(read_alfworld(write(tmp_path / "log.jsonl", rows), games, report=report))
    assert [episode.end for episode in episodes] == ["terminated", "context", "step_limit"]
    assert (report.cut, report.successes, report.failures, report.undecided) == (1, 1, 1, 1)
    assert "1 stop before the goal" in str(report)
    assert report.to_dict()["cut"] == 1


def test_an_empty_action_and_an_empty_conversation() -> None:
    empty = conversation(1, commands=1)
    empty["conversations"][3]["value"] = ""
    turns = read_conversation(empty)
    episode = replay_episode(turns, replay(turns, GAMES[1]), id="x", env_kwargs={"preset": "oreo"})
    assert [step.action for step in episode.steps] == ["Action: "]
    with pytest.raises(InvalidInputError, match="no command"):
        replay_episode([], replay([], GAMES[1]), id="x")
    with pytest.raises(UnknownNameError, match="preset"):
        replay_episode(turns, replay(turns, GAMES[1]), id="x", env_kwargs={"preset": "orea"})


def test_differences_and_unknown_games_are_counted(games: OfficialGames, tmp_path: Path) -> None:
    wrong, unknown = conversation(0), conversation(1)
    wrong["conversations"][4]["value"] = "You see a \x1b[31mdragon 1."
    unknown["conversations"][2]["value"] += " And dance."
    source = write(tmp_path / "log.jsonl", [wrong, unknown, {"conversations": []}])
    report = ReplayReport()
    (episode,) = read_alfworld(source, games, report=report)
    assert episode.success
    assert (report.rows, report.episodes, report.differing, report.differences) == (3, 1, 1, 1)
    assert report.skipped["no game begins as the conversation does"] == 1
    assert "dragon 1" in str(report)
    assert "\x1b" not in str(report)
    assert report.to_dict()["differing"] == 1
    with pytest.raises(InvalidInputError, match="line 2"):
        list(read_alfworld(source, games, on_error="raise"))
