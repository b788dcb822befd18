from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from stepgym.envs.alfworld import GameStore, OfficialGames, generate, generated_id
from stepgym.envs.alfworld.store import write_store

from .conftest import lines

_ROOT = Path(__file__).parents[2]


def official_games(folder: Path, count: int = 3) -> bool:
    """Lay `count` official games into the split valid_seen below `folder`; False if there are none at hand."""
    archive = _ROOT / os.environ.get("STEPGYM_SHARED", "../shared") / "data/alfworld/games_train_and_seen.tar.xz"
    if not archive.is_file():
        return False
    with tarfile.open(archive) as tar:
        for member in tar:
            if not member.name.endswith("game.tw-pddl"):
                continue
            task, trial = Path(member.name).parts[-3:-1]
            place = folder / "json_2.1.1" / "valid_seen" / task / trial
            place.mkdir(parents=True)
            content = tar.extractfile(member)
            assert content is not None
            (place / "game.tw-pddl").write_bytes(content.read())
            count -= 1
            if not count:
                break
    return True


@pytest.fixture
def games(tmp_path: Path) -> Path:
    """A folder with three official games."""
    if not official_games(tmp_path / "data"):
        pytest.skip("no official games (STEPGYM_SHARED names the folder of shared data)")
    return tmp_path / "data"


@pytest.mark.shared
def test_a_folder_becomes_one_file_that_is_played(cli, games, tmp_path):
    out = tmp_path / "new" / "some.games"
    (games / "json_2.1.1" / "valid_seen" / "empty-1" / "trial").mkdir(parents=True)
    result = cli("alfworld", "pack", games, out)
    assert (result.code, result.out) == (0, f"{out}\n")
    assert "3 games (valid_seen 3) in " in result.err
    assert "1 left out:" in result.err
    assert os.listdir(out.parent) == [out.name]
    (first, *_) = ids = OfficialGames(out).ids("valid_seen")
    assert len(ids) == 3
    words = ("--env-arg", f"path={out}", "--env-arg", "split=valid_seen", "--task", first)
    assert "reward 1" in cli("play", "stepgym/ALFWorld-v0", *words, "--policy", "expert").out


@pytest.mark.shared
def test_nothing_is_written_over_and_splits_must_be_there(cli, games, tmp_path):
    out = tmp_path / "some.games"
    out.write_text("mine")
    assert "--overwrite" in cli("alfworld", "pack", games, out).err
    for split, words in (("train", "there are: valid_seen"), ("valid_sen", "Did you mean 'valid_seen'")):
        result = cli("alfworld", "pack", games, out, "--overwrite", "--split", split)
        assert result.code == 2
        assert words in result.err
    assert out.read_text() == "mine"
    assert cli("alfworld", "pack", games, out, "--overwrite", "--split", "valid_seen").code == 0
    assert len(GameStore(out).task_types) == 3


def test_what_holds_no_games_is_refused_and_leaves_the_old_file(cli, tmp_path):
    out = tmp_path / "some.games"
    (tmp_path / "data" / "train" / "bad-1" / "trial").mkdir(parents=True)
    out.write_text("mine")
    result = cli("alfworld", "pack", tmp_path / "data", out, "--overwrite")
    assert result.code == 2
    assert "no game that can be played, 1 left out; first:" in result.err
    assert out.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["data", "some.games"]
    assert "no such folder" in cli("alfworld", "pack", tmp_path / "nowhere", tmp_path / "x").err
    assert "is a folder" in cli("alfworld", "pack", tmp_path / "data", tmp_path).err
    write_store(tmp_path / "packed", [generate(generated_id("pick_and_place_simple", 1))])
    assert "packed already" in cli("alfworld", "pack", tmp_path / "packed", tmp_path / "x").err
    assert "OUT, the file to write" in cli("alfworld", "pack", tmp_path / "data").err
    assert cli("alfworld", "pak", "a", "b").code == 2


def test_experts_play_and_collect(cli, tmp_path):
    easy = ("stepgym/ALFWorld-v0", "--env-arg", "difficulty=easy")
    for policy in ("expert", "alfworld-expert"):
        assert "3 of 3 solved" in cli("play", *easy, "--policy", policy, "--episodes", "3").out
    oreo = ("--env-arg", "preset=oreo", "--policy", "alfworld-expert:preset=oreo,noise=0.1")
    result = cli("collect", *easy, *oreo, "--episodes", "4", "--out", tmp_path / "log")
    assert result.code == 0
    episodes = lines(tmp_path / "log" / "episodes.jsonl")
    assert {e["policy"] for e in episodes} == {"alfworld-explorer(noise=0.1)"}
    assert any(e["steps"][-1]["terminated"] and e["steps"][-1]["reward"] == 1 for e in episodes)
    assert all(s["action"].startswith("Action: ") for e in episodes for s in e["steps"])
    assert "preset" in cli("play", *easy, "--policy", "alfworld-expert:presets=oreo").err
