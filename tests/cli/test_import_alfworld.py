from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepgym.agents import EpisodeLog
from stepgym.envs.alfworld import TASK_TYPES, Engine, generate, generated_id, solve

from .conftest import write_lines

IDS = [generated_id(kind, 3, difficulty="easy") for kind in TASK_TYPES[:3]]
FORMAT = ("--format", "alfworld-conversations")


def logged(game: str) -> dict[str, object]:
    engine = Engine(generate(game))
    messages = [{"from": "human", "value": engine.intro}]
    for command in solve(Engine(generate(game))):
        messages += [{"from": "gpt", "value": command}, {"from": "human", "value": engine.step(command)}]
    return {"task": game, "conversations": messages}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    rows = [logged(game) for game in IDS]
    rows[1]["conversations"][2]["value"] = "Nothing happens."
    path = write_lines(tmp_path / "log.jsonl", rows)
    with path.open("a") as end:
        end.write('{"cut o')
    return path


def test_conversations_are_played_again_and_compared(cli, tmp_path, log):
    result = cli("import", log, *FORMAT, "--preset", "oreo", "--policy", "people", "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert "4 rows gave 3 episodes: 3 successes" in result.err
    assert "1 x not valid JSON" in result.err
    assert "1 differ from the game, at 1 places" in result.err
    assert "1 x the engine carries out a command that the log says failed" in result.err
    assert "log:2, turn 0" in result.err
    episodes = list(EpisodeLog(tmp_path / "out"))
    assert {(e.task_id, e.policy, e.env_id) for e in episodes} == {(i, "people", "stepgym/ALFWorld-v0") for i in IDS}
    found = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert (found["differing"], found["skipped"]) == (1, {"not valid JSON": 1})
    again = cli("import", log, *FORMAT, "--preset", "oreo", "--policy", "people", "--out", tmp_path / "out", "--resume")
    assert "3 were already in the log" in again.err
    assert cli("doctor", tmp_path / "out").code == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--preset", "orea"), "oreo"),
        (("--path", "nowhere"), "no ALFWorld games"),
        (("--split", "train"), "path"),
        (("--verify", "exact", "--reference", "gold"), "--verify is not for"),
        (("--context-messages", "2"), "--context-messages is not for"),
        (("--column", "message=x"), "messages"),
        (("--on-error", "raise"), "line 4"),
    ],
)
def test_wrong_options_are_one_line(cli, tmp_path, log, words, hint):
    result = cli("import", log, *FORMAT, *words, "--out", tmp_path / "out")
    assert result.code == 2
    assert hint in result.err
    assert result.err.count("\n") <= 1


def test_its_options_are_refused_with_other_formats(cli, tmp_path, log):
    for words in (("--path", "x"), ("--split", "train"), ("--preset", "oreo")):
        result = cli("import", log, "--format", "chat", *words, "--out", tmp_path / "out")
        assert result.code == 2
        assert "alfworld-conversations only" in result.err
    missing = cli("import", tmp_path / "no.jsonl", *FORMAT, "--out", tmp_path / "out")
    assert missing.code == 2
    assert "there is no file" in missing.err
    nothing = cli("import", write_lines(tmp_path / "rows.jsonl", [{"a": 1}]), *FORMAT, "--out", tmp_path / "out")
    assert nothing.code == 2
    assert "could be imported" in nothing.err
    assert not (tmp_path / "out").exists()
