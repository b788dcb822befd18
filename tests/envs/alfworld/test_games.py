"""Stores and folders, without official games."""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from alfworld_room import kitchen
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.envs.alfworld import Game, GameStore, OfficialGames, game_ids, generate, generated_id, pack
from stepgym.envs.alfworld.codec import decode, encode
from stepgym.envs.alfworld.store import write_store
from stepgym.envs.alfworld.world import Dialect
from stepgym.errors import InvalidInputError, UnknownNameError

KIND = "pick_heat_then_place_in_recep"


def _games(count: int = 8) -> list[Game]:
    return [replace(generate(generated_id(KIND, n)), id=f"train/some-{n:02d}/trial") for n in range(count)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A packed file with a few games."""
    write_store(tmp_path / "some.games", _games(), skipped=["bad.json: reason"])
    return tmp_path / "some.games"


def test_a_store_gives_back_what_was_written(store: Path) -> None:
    games = GameStore(store)
    assert list(games.task_types.values()) == [KIND] * 8
    assert games.skipped == ("bad.json: reason",)
    assert [games.read(name) for name in games.task_types] == _games()
    again = pickle.loads(pickle.dumps(games))
    assert again.read("train/some-03/trial") == _games()[3]


def test_every_part_of_a_game_is_kept() -> None:
    apple = ("apple_bar_a",)
    game = replace(kitchen(more=(("iscool", apple), ("opened", ("fridge_bar_a",)))), walkthrough=("look",))
    dialects: list[Dialect] = []
    assert decode(encode(game, dialects), game.id, dialects) == game
    assert game.opened
    assert any(game.conditions)


def test_threads_read_one_store_at_once(store: Path) -> None:
    games, wanted, wrong = GameStore(store), _games(), list[str]()

    def read(number: int) -> None:
        for _ in range(50):
            if games.read(wanted[number].id) != wanted[number]:
                wrong.append(wanted[number].id)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_environment_plays_a_packed_file(store: Path) -> None:
    games = OfficialGames(store)
    assert len(games.ids("train")) == 8
    assert games.read("train/some-00/trial").goal.task_type == KIND
    with pytest.raises(UnknownNameError, match="Did you mean 'train/some-00/trial'"):
        games.read("train/some-00/trail")


@pytest.mark.parametrize("cut", [0, 3, 26, 45, -1, -30])
def test_a_store_that_was_cut_off_is_refused(store: Path, cut: int) -> None:
    store.write_bytes(store.read_bytes()[:cut])
    with pytest.raises(InvalidInputError, match=r"some\.games"):
        GameStore(store)


@given(st.binary(max_size=200), st.integers(0, 4000))
@settings(max_examples=100, deadline=None)
def test_damaged_games_are_refused_or_read_but_never_crash(noise: bytes, at: int) -> None:
    dialects: list[Dialect] = []
    data = bytearray(encode(_games(1)[0], dialects))
    data[at % len(data) : at % len(data) + len(noise)] = noise
    with contextlib.suppress(InvalidInputError):
        assert decode(bytes(data), "x", dialects).id == "x"


def test_nothing_is_written_if_the_games_fail(tmp_path: Path) -> None:
    game = _games(1)[0]
    with pytest.raises(InvalidInputError, match="same id"):
        write_store(tmp_path / "a.games", [game, game])
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_say_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="there is no such folder"):
        game_ids(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match=r"neither json_2\.1\.1 nor"):
        game_ids(tmp_path)
    (tmp_path / "json_2.1.1" / "train").mkdir(parents=True)
    with pytest.raises(InvalidInputError, match="no games in the split 'train'"):
        game_ids(tmp_path)
    with pytest.raises(InvalidInputError, match="no folder 'valid_seen'; there are: train"):
        game_ids(tmp_path, "valid_seen")
    with pytest.raises(UnknownNameError, match="Did you mean 'valid_seen'"):
        game_ids(tmp_path, "valid_sen")
    with pytest.raises(UnknownNameError, match="task type"):
        game_ids(tmp_path, task_types=[7])
    monkeypatch.delenv("ALFWORLD_DATA", raising=False)
    with pytest.raises(InvalidInputError, match="ALFWORLD_DATA, which is not set"):
        game_ids("env")
    with pytest.raises(InvalidInputError, match="endless"):
        game_ids(None)  # type: ignore[arg-type]
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInputError, match="stepgym alfworld pack"):
        game_ids(tmp_path / "file")
    write_store(tmp_path / "a.games", _games(1))
    with pytest.raises(InvalidInputError, match="packed already"):
        pack(tmp_path / "a.games", tmp_path / "b.games")


def test_a_huge_file_is_left_out_unread(tmp_path: Path) -> None:
    file = tmp_path / "json_2.1.1" / "train" / "some-task" / "trial_1" / "game.tw-pddl"
    file.parent.mkdir(parents=True)
    with file.open("wb") as huge:
        huge.truncate(1 << 36)
    with (
        pytest.warns(RuntimeWarning, match="1 damaged or foreign game file "),
        pytest.raises(InvalidInputError, match="larger than"),
    ):
        game_ids(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="a superuser may write everywhere")
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPGYM_CACHE", str(tmp_path / "locked"))
    (tmp_path / "locked").mkdir(mode=0o500)
    (tmp_path / "json_2.1.1" / "train").mkdir(parents=True)
    with pytest.raises(InvalidInputError, match="no games in the split"):
        game_ids(tmp_path)
