"""Logged ALFWorld conversations of every shape, with and without differences, and files full of garbage."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import EpisodeLog
from stepgym.agents.importers import ReplayReport, import_alfworld, read_alfworld
from stepgym.envs.alfworld import TASK_TYPES, Engine, generate, generated_id, solve
from stepgym.errors import InvalidInputError, UnknownNameError

IDS = [generated_id(kind, 7, difficulty="easy") for kind in TASK_TYPES]
KINDS = ("from", "role")


def conversation(game: str, *, key: str = "from", old: bool = False, thoughts: bool = False) -> list[dict[str, Any]]:
    """A solved game as experts log it: instructions, an answer to them, then observations and commands."""
    engine = Engine(generate(game))
    said = [("user", "Solve the task."), ("assistant", "OK"), ("user", engine.intro.partition("\n\n")[2])]
    for command in solve(Engine(generate(game))):
        answer = engine.step(command)
        if old and command.startswith("move "):
            command = command.replace("move ", "put ").replace(" to ", " in/on ")
            answer = answer.replace("You move the", "You put the").replace(" to the", " in/on the")
        if old and answer.startswith("You arrive"):
            answer = answer.partition(". ")[2]
        said += [("assistant", f"Thought: well.\nAction: {command}" if thoughts else command), ("user", answer)]
    names = {"user": "human", "assistant": "gpt"}
    if key == "from":
        return [{"from": names[role], "value": text} for role, text in said]
    return [{"role": role, "content": text} for role, text in said]


def imported(source: Path, **kwargs: Any) -> tuple[list[Any], ReplayReport]:
    report = ReplayReport()
    return list(read_alfworld(source, report=report, **kwargs)), report


@pytest.mark.parametrize("name", ["log.jsonl", "log.ndjson.gz", "log.json", "log.json.gz", "lines.json"])
@pytest.mark.parametrize("key", KINDS)
@pytest.mark.parametrize("old", [True, False])
def test_files_of_every_shape_and_both_syntaxes(tmp_path: Path, name: str, key: str, old: bool) -> None:
    under = "conversations" if key == "from" else "messages"
    rows = [{"task": game, under: conversation(game, key=key, old=old)} for game in IDS]
    as_lines = name != "log.json" and name != "log.json.gz"
    text = "".join(json.dumps(row) + "\n" for row in rows) if as_lines else json.dumps(rows, indent=1)
    data = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    episodes, report = imported(tmp_path / name)
    assert [episode.task_id for episode in episodes] == IDS
    assert all(episode.success for episode in episodes)
    assert (report.rows, report.differing, report.thoughts) == (6, 0, 0)
    assert "every observation is the engine's" in str(report)
    for episode in episodes:
        env = gym.make(f"stepgym:{episode.env_id}", **episode.env_kwargs)
        observation, _ = env.reset(options={"task": episode.task_id})
        for step in episode.steps:
            assert step.observation == observation
            observation, _, terminated, _, _ = env.step(step.action)
        assert terminated


def test_planted_differences_are_counted_by_kind_with_examples(tmp_path: Path) -> None:
    game = IDS[3]
    solved = conversation(game)

    def changed(place: int, value: str) -> list[dict[str, Any]]:
        return [dict(m, value=value) if n == place else m for n, m in enumerate(solved)]

    rows = [
        {"task": game, "conversations": changed(2, "You are on the moon. Your task is to: fly.")},
        {"task": game, "conversations": changed(4, "On the table 1, you see a dragon 1.")},
        {"task": game, "conversations": changed(4, "Nothing happens.")},
        {"task": game, "conversations": changed(3, "go to fridge 99"), "reward": 1.0},
        {"task": game, "conversations": solved, "reward": 0},
        {"task": game, "conversations": [*solved, {"from": "gpt", "value": "look"}]},
        {"task": game, "conversations": solved, "reward": 1},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    episodes, report = imported(tmp_path / "log.jsonl")
    assert len(episodes) == 7
    assert report.differing == 6
    assert report.kinds["another first observation"] == 1
    assert report.kinds["another answer"] == 1
    assert report.kinds["the engine carries out a command that the log says failed"] == 1
    assert report.kinds["the engine refuses a command that the log says worked"] >= 1
    assert report.kinds["another outcome"] >= 1
    assert report.kinds["the log goes on after the goal"] == 1
    assert report.differences == report.kinds.total()
    assert any("dragon" in one and one.startswith("log:2, turn 0") for one in report.different)
    assert "1 x another first observation" in str(report)
    assert json.loads(json.dumps(report.to_dict()))["kinds"] == dict(report.kinds)


def test_garbage_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    good = conversation(IDS[0])
    lines = [
        json.dumps({"task": IDS[0], "conversations": good}),
        '{"conversations": [{"from"',
        "3",
        json.dumps({"conversations": good}),
        json.dumps({"task": IDS[0], "text": "no messages"}),
        json.dumps({"task": "generated/pick_nothing/3", "conversations": good}),
        json.dumps({"task": IDS[0], "conversations": [{"from": "alien", "value": "x"}]}),
        json.dumps({"task": IDS[0], "conversations": [3, None]}),
        json.dumps({"task": IDS[0], "conversations": good[:3]}),
        json.dumps({"task": IDS[0], "conversations": [{"from": "human", "value": "Hello"}]}),
        json.dumps({"task": "train/some-game/trial_1/game.tw-pddl", "conversations": good}),
        json.dumps({"task": IDS[0], "conversations": [*good[:3], {"from": "gpt", "value": "\x1b" * 10**6}]}),
        "[" * 100_000,
        "[]",
    ]
    source = tmp_path / "log.jsonl"
    source.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe{}\n")
    episodes, report = imported(source)
    assert len(episodes) == 2
    assert report.rows == 15
    assert report.skipped.total() == 13
    assert report.skipped["a message is not one of user or assistant"] == 2
    assert report.skipped["the game that is named is not there"] == 1
    assert report.skipped["an official game is named, and no folder of official games"] == 1
    assert "\x1b" not in str(report)
    with pytest.raises(InvalidInputError, match="line 2"):
        list(read_alfworld(source, on_error="raise"))
    damaged = tmp_path / "damaged.jsonl.gz"
    damaged.write_bytes(gzip.compress((lines[0] + "\n").encode() * 50)[:-40])
    episodes, report = imported(damaged)
    assert report.skipped.total() == 1
    assert "gzip" in str(report)
    (tmp_path / "broken.json").write_text("{")
    assert imported(tmp_path / "broken.json")[1].skipped.total() == 1


def test_a_single_conversation_and_a_folder_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    for number, game in enumerate(IDS[:3]):
        (folder / f"part-{number}").mkdir(parents=True)
        row = {"messages": conversation(game), "gamefile": game}
        (folder / f"part-{number}" / "trajectory.json").write_text(json.dumps(row))
    (folder / "part-1" / "settings.json").write_text('{"model": "x"}')
    (folder / "part-2" / "notes.txt").write_text("not read")
    (folder / "part-2" / "bad.jsonl.gz").write_text("no gzip")
    episodes, report = imported(folder)
    assert [episode.task_id for episode in episodes] == IDS[:3]
    assert [episode.id for episode in episodes] == [f"part-{n}/trajectory:0" for n in range(3)]
    assert report.skipped.total() == 2
    named = tmp_path / "named.json"
    named.write_text(json.dumps({game: conversation(game) for game in IDS} | {"count": 6}))
    episodes, report = imported(named)
    assert [episode.task_id for episode in episodes] == IDS
    assert report.skipped.total() == 1
    lists = tmp_path / "lists.json"
    lists.write_text(json.dumps([conversation(game) for game in IDS]))
    assert imported(lists)[1].rows == 6
    bare = tmp_path / "one.json"
    bare.write_text(json.dumps(conversation(IDS[0])))
    assert imported(bare)[1].skipped["no game is named, and there is no folder of official games to look in"] == 1


def test_the_preset_says_how_actions_are_written_and_thoughts_alone_are_kept(tmp_path: Path) -> None:
    rows = [{"task": IDS[1], "messages": conversation(IDS[1], key="role", thoughts=True)}]
    react = conversation(IDS[2])
    react[3:3] = [{"from": "gpt", "value": "> think: hm."}, {"from": "human", "value": "OK."}]
    rows.append({"game": IDS[2], "messages": react})
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = import_alfworld(tmp_path / "log.jsonl", tmp_path / "log", preset="oreo", policy="people")
    assert (report.episodes, report.thoughts, report.differing) == (2, 1, 0)
    log = EpisodeLog(tmp_path / "log")
    first, second = sorted(log, key=lambda episode: episode.id)
    assert first.steps[0].action.startswith("Thought: well.\nAction: ")
    assert second.steps[0].action.startswith("Thought: hm.\nAction: ")
    assert second.steps[1].action.startswith("Action: ")
    assert (first.env_kwargs, first.policy) == ({"preset": "oreo"}, "people")
    assert log.meta["imported"]["format"] == "alfworld-conversations"
    again = import_alfworld(tmp_path / "log.jsonl", tmp_path / "log", preset="oreo", policy="people")
    assert again.present == 2
    assert len(EpisodeLog(tmp_path / "log")) == 2


def test_columns_of_other_names(tmp_path: Path) -> None:
    row = {"meta": {"env": IDS[0]}, "chat": {"turns": conversation(IDS[0])}, "score": "1", "task": 17}
    (tmp_path / "log.jsonl").write_text(json.dumps(row))
    columns = {"messages": "chat.turns", "task": "meta.env", "reward": "score"}
    assert imported(tmp_path / "log.jsonl", columns=columns)[1].differing == 0
    with pytest.raises(UnknownNameError, match="messages"):
        read_alfworld(tmp_path / "log.jsonl", columns={"message": "chat"})


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps({"task": IDS[0], "messages": conversation(IDS[0])}))
    with pytest.raises(UnknownNameError, match="oreo"):
        import_alfworld(tmp_path / "log.jsonl", tmp_path / "out", preset="orea")
    with pytest.raises(InvalidInputError, match="no ALFWorld games"):
        import_alfworld(tmp_path / "log.jsonl", tmp_path / "out", path=tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match="folder"):
        import_alfworld(tmp_path / "log.jsonl", tmp_path / "out", splits=["train"])
    with pytest.raises(InvalidInputError, match="no file"):
        import_alfworld(tmp_path / "nothing.jsonl", tmp_path / "out")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InvalidInputError, match="nothing in"):
        import_alfworld(tmp_path / "empty.jsonl", tmp_path / "out")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["from", "value", "role", "content", "messages", "conversations", "task", "reward"]),
            inner | st.sampled_from(["human", "gpt", "user", "Your task is to: put a pen in drawer.", IDS[0]]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(records=st.lists(json_values, max_size=4))
def test_any_json_is_read_or_counted(tmp_path_factory: pytest.TempPathFactory, records: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("json")
    (folder / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "log.json").write_text(json.dumps(records))
    for name in ("log.jsonl", "log.json"):
        episodes, report = imported(folder / name)
        assert len(episodes) + report.skipped.total() == report.rows
