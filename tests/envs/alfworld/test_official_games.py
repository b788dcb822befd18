"""The official games at hand: reading, indexing, packing, solving."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from pathlib import Path

import gymnasium as gym
import pytest

from stepgym.envs.alfworld import SPLITS, Engine, Explorer, GameStore, OfficialGames, game_ids, pack, read_game
from stepgym.errors import InvalidInputError, UnknownNameError

pytestmark = pytest.mark.shared

COUNTS = {"train": 3553, "valid_train": 200, "valid_seen": 140}


@pytest.fixture(scope="module")
def one(official: Path) -> dict[str, object]:
    """One game file."""
    name = game_ids(official, "valid_seen")[0]
    data: dict[str, object] = json.loads((official / "json_2.1.1" / name / "game.tw-pddl").read_text(encoding="utf-8"))
    return data


def _copy(official: Path, folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        shutil.copytree(official / "json_2.1.1" / name, folder / "json_2.1.1" / name)
    return folder


@pytest.mark.slow
def test_every_walkthrough_wins(official: Path) -> None:
    games = OfficialGames(official)
    for split, count in COUNTS.items():
        names = games.ids(split)
        assert len(names) == count
        assert games.skipped(split) == ()
        for name in names:
            game = games.read(name)
            engine = Engine(game)
            assert game.walkthrough
            for command in game.walkthrough:
                assert command in engine.admissible(), name
                engine.step(command)
            assert engine.won, name


def test_ids_are_the_places_of_the_files_and_say_the_task_type(official: Path) -> None:
    games = OfficialGames(official)
    names = games.ids("valid_seen")
    assert len(names) == 140
    assert list(names) == sorted(names)
    for name in names:
        split, task, trial = name.split("/")
        assert split == "valid_seen"
        assert trial.startswith("trial_")
        game = games.read(name)
        kind, wanted, _, target, _ = task.split("-")
        assert (game.goal.task_type, game.goal.object) == (kind, wanted.lower())
        assert game.goal.target == target.lower()


def test_task_types_are_filtered_by_name_or_number(official: Path) -> None:
    names = game_ids(official, "valid_seen", task_types=["pick_two_obj_and_place", 1])
    assert len(names) == 24 + 35
    assert {name.split("/")[1].split("-")[0] for name in names} == {"pick_two_obj_and_place", "pick_and_place_simple"}


def test_a_packed_store_holds_the_same_games(official: Path, tmp_path: Path) -> None:
    store = pack(official, tmp_path / "seen.games", splits=["valid_seen"])
    assert (len(store.task_types), store.skipped) == (140, ())
    assert store.path.stat().st_size < 250_000
    packed, folder = OfficialGames(store.path), OfficialGames(official)
    assert packed.ids("valid_seen") == folder.ids("valid_seen")
    for name in packed.ids("valid_seen"):
        assert packed.read(name) == folder.read(name)
    with pytest.raises(InvalidInputError, match="no games in the split 'train'"):
        packed.ids("train")
    with pytest.raises(InvalidInputError, match="holds no original files"):
        packed.file(name)


def test_the_exploring_expert_wins_on_valid_seen_within_50_steps(official: Path) -> None:
    games, won = OfficialGames(official), 0
    for name in games.ids("valid_seen"):
        engine, expert = Engine(games.read(name)), Explorer(seed=0)
        command = expert.start(engine.intro, engine.admissible())
        for _ in range(50):
            command = expert.act(engine.step(command), engine.admissible())
            if engine.won:
                break
        won += engine.won
    assert won >= 138


def test_bad_files_are_named_skipped_and_counted(
    official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPGYM_CACHE", str(tmp_path / "cache"))
    names = game_ids(official, "valid_seen")[:6]
    folder = _copy(official, tmp_path / "data", names)
    files = [folder / "json_2.1.1" / name / "game.tw-pddl" for name in names]
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[:5000])
    files[1].unlink()
    files[2].write_text('{"pddl_domain": 3}', encoding="utf-8")
    files[3].write_text(
        files[3].read_text(encoding="utf-8").replace('"solvable": true', '"solvable": false'), encoding="utf-8"
    )
    files[4].write_bytes(b"\xff\xfe\x00")
    games = OfficialGames(folder)
    with pytest.warns(RuntimeWarning, match="3 damaged or foreign game files"):
        assert games.ids("valid_seen") == names[5:]
    files[0].write_bytes(whole)  # repaired: noticed although the folders are as they were
    with pytest.warns(RuntimeWarning, match="2 damaged or foreign game files"):
        assert OfficialGames(folder).ids("valid_seen") == (names[0], names[5])
    skipped = games.skipped("valid_seen")
    assert len(skipped) == 5
    for file, reason, words in zip(
        files, skipped, ("not JSON", "no such file", "pddl_domain", "unsolvable", "not JSON"), strict=False
    ):
        assert str(file) in reason
        assert words in reason
    for number in (0, 5):
        shutil.rmtree(files[number].parent.parent)
    with pytest.warns(RuntimeWarning), pytest.raises(InvalidInputError, match="no games in the split"):
        OfficialGames(folder).ids("valid_seen")


def test_a_folder_that_is_unpacked_in_part_says_so_until_it_is_whole(
    official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPGYM_CACHE", str(tmp_path / "cache"))
    names = game_ids(official, "valid_seen")[:3]
    folder = _copy(official, tmp_path / "data", names)
    files = [folder / "json_2.1.1" / name / "game.tw-pddl" for name in names]
    whole = files[0].read_bytes()
    for file in files:
        file.unlink()
    with pytest.warns(RuntimeWarning), pytest.raises(InvalidInputError, match=r"left out: 3, the first: .*no such"):
        game_ids(folder, "valid_seen")
    files[0].write_bytes(whole)  # no folder of tasks changes by that
    for _ in range(2):  # read, then from the cache
        with pytest.warns(RuntimeWarning, match=r"2 missing game files \(games that can be played: 1\)"):
            assert game_ids(folder, "valid_seen") == names[:1]
    with pytest.warns(RuntimeWarning, match="2 missing game files"):
        pack(folder, tmp_path / "one.games")


def test_a_folder_is_read_once(official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _copy(official, tmp_path / "data", game_ids(official, "valid_seen")[:3])
    monkeypatch.setenv("STEPGYM_CACHE", str(tmp_path / "cache"))
    assert len(game_ids(folder, "valid_seen")) == 3
    (stored,) = (tmp_path / "cache" / "alfworld").iterdir()
    written = stored.stat().st_mtime_ns
    assert len(game_ids(folder, "valid_seen")) == 3
    assert stored.stat().st_mtime_ns == written
    stored.write_bytes(stored.read_bytes()[:-100])  # a damaged cache is made again
    assert len(game_ids(folder, "valid_seen")) == 3
    assert len(GameStore(stored).task_types) == 3


def test_rules_of_another_world_are_refused(one: dict[str, object]) -> None:
    assert read_game(one, "x").goal.task_type == "look_at_obj_in_light"
    for key, old, new in (
        ("pddl_domain", "(not (opened ?r))", "(opened ?r)"),
        ("grammar", "You close the", "You shut the"),
        ("grammar", "You arrive at {r.name}.", "You are at {r.name}."),
        ("pddl_problem", "(:goal", "(:gaol"),
        ("pddl_problem", "(toggleable ?ot)", "(not (toggleable ?ot))"),
        ("pddl_problem", "(receptacleType ", "(receptacleTyp "),
    ):
        text = one[key]
        assert isinstance(text, str)
        assert old in text
        with pytest.raises(InvalidInputError):
            read_game({**one, key: text.replace(old, new)}, "x")


def test_the_environment_plays_them(official: Path) -> None:
    env = gym.make("stepgym:stepgym/ALFWorld-v0", path=str(official), split="valid_seen")
    name = "valid_seen/pick_and_place_simple-SprayBottle-None-Toilet-415/trial_T20190909_075955_678702"
    for key in ("task", "game"):
        observation, info = env.reset(options={key: name})
        assert info["task"] == name
        assert observation.endswith("Your task is to: put some spraybottle on toilet.")
    assert env.reset(seed=3)[1]["task"] == env.reset(seed=3)[1]["task"] in game_ids(official, "valid_seen")
    elsewhere = game_ids(official, "valid_train")[0]
    assert env.reset(options={"task": elsewhere})[1]["task"] == elsewhere
    for wrong in (name[:-1], name.lower(), name.removeprefix("valid_seen/"), name.replace("seen", "sen")):
        with pytest.raises(UnknownNameError, match=f"Did you mean '{name}'"):
            env.reset(options={"task": wrong})
    with pytest.raises(UnknownNameError, match="there is no folder 'valid_unseen'"):
        env.reset(options={"task": name.replace("seen", "unseen", 1)})


def test_an_environment_finds_the_data_by_the_variable_only_if_asked(
    official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALFWORLD_DATA", str(official))
    assert gym.make("stepgym:stepgym/ALFWorld-v0").reset(seed=0)[1]["task"].startswith("generated/")
    env = gym.make("stepgym:stepgym/ALFWorld-v0", path="env", split="valid_seen")
    assert env.reset(seed=0)[1]["task"].startswith("valid_seen/")


@pytest.mark.slow
def test_steps_and_resets_are_fast(official: Path) -> None:
    games, resets, steps = OfficialGames(official), list[int](), list[int]()
    for name in games.ids("valid_seen"):
        begin = time.process_time_ns()
        engine = Engine(games.read(name))
        possible = (engine.intro, engine.admissible())[1]
        resets.append(time.process_time_ns() - begin)
        for number in range(30):
            command = possible[number * 7919 % len(possible)]
            begin = time.process_time_ns()
            engine.step(command)
            possible = engine.admissible()
            steps.append(time.process_time_ns() - begin)
    assert statistics.median(steps) < 60_000
    assert statistics.median(resets) < 3_000_000


def test_splits_are_the_official_ones() -> None:
    assert SPLITS == ("train", "valid_train", "valid_seen", "valid_unseen")
