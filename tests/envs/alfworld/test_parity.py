"""The native engine against the original one, where it is installed (`pip install 'stepgym[alfworld]'`)."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from alfworld_parity import differences
from alfworld_room import COOK, ODD, TASK, Facts, facts, kitchen

from stepgym.envs import check_text_env
from stepgym.envs.alfworld import TASK_TYPES, Engine, game_ids, generate, generated_id, official_file, read_game, solve
from stepgym.envs.alfworld.pddl import official_data
from stepgym.envs.alfworld.world import Goal

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("textworld", "fast_downward", "alfworld")),
    reason="the original engine is not installed: pip install 'stepgym[alfworld]'",
)
ID = "stepgym:stepgym/ALFWorld-v0"


@pytest.mark.slow
@pytest.mark.parametrize("kind", TASK_TYPES)
@pytest.mark.parametrize("difficulty", ["easy", "normal", "hard"])
def test_generated_games_are_the_same_in_both_engines(kind: str, difficulty: Any) -> None:
    name = generated_id(kind, 1, difficulty=difficulty)
    walkthrough = solve(Engine(generate(name)))
    data = official_file(name, walkthrough=walkthrough)
    assert read_game({**data, "walkthrough": []}, name) == generate(name)
    assert differences(data, walkthrough, seed=name) == []


@pytest.mark.parametrize("more", [(), ODD], ids=["plain", "odd"])
@pytest.mark.parametrize(
    "goal", [COOK, Goal("two", "apple", "diningtable"), Goal("light", "knife", "desklamp")], ids=lambda goal: goal.form
)
def test_a_kitchen_full_of_quirks_is_the_same_in_both_engines(goal: Goal, more: Facts) -> None:
    data = official_data("kitchen", facts(*more), goal, TASK, [])
    assert read_game(data, "kitchen") == kitchen(goal, more=more)
    for seed in range(6):
        assert differences(data, [], seed=f"kitchen {seed}", steps=150, wrong=30) == []


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    data = official_data("kitchen", facts(), COOK, TASK, [])
    monkeypatch.setattr("stepgym.envs.alfworld.phrases.room", lambda receptacles: "You are nowhere.")
    assert "You are nowhere." in differences(data, [], seed="kitchen")[0]


@pytest.mark.slow
def test_a_long_comparison_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for kind in TASK_TYPES[:2]:
        name = generated_id(kind, 3, difficulty="easy")
        file = tmp_path / "json_2.1.1" / "train" / kind / "trial_1" / "game.tw-pddl"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(official_file(name, walkthrough=solve(Engine(generate(name))))), encoding="utf-8")
    script = Path(__file__).with_name("alfworld_parity_run.py")
    command = [sys.executable, str(script), "--data", str(tmp_path), "--log", str(tmp_path / "log.jsonl")]
    for more, before, compared in ((["--games", "1"], 0, 1), ([], 1, 2), ([], 2, 2)):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=True)
        assert f"games, {before} of them compared before" in done.stdout
        assert f"0 of {compared} games differ" in done.stdout
    assert len((tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.slow
@pytest.mark.shared
def test_official_games_are_the_same_in_both_engines(official: Path) -> None:
    """`ALFWORLD_PARITY_GAMES` says how many games to compare (by default 12), evenly over all at hand."""
    names = [name for split in ("valid_seen", "valid_train", "train") for name in game_ids(official, split)]
    wanted = int(os.environ.get("ALFWORLD_PARITY_GAMES", "12"))
    for name in names[:: -(-len(names) // wanted)]:
        data = json.loads((official / "json_2.1.1" / name / "game.tw-pddl").read_text(encoding="utf-8"))
        assert differences(data, data["walkthrough"], seed=name) == [], name


@pytest.mark.slow
@pytest.mark.shared
def test_the_old_syntax_is_the_same_in_both_engines(official: Path) -> None:
    for name in game_ids(official, "valid_seen")[::47]:
        data = _old(json.loads((official / "json_2.1.1" / name / "game.tw-pddl").read_text(encoding="utf-8")))
        assert "put" in read_game(data, name).dialect.put
        assert differences(data, data["walkthrough"], seed=name) == [], name


@pytest.mark.slow
def test_the_environment_answers_the_same_with_both_backends() -> None:
    envs = [gym.make(ID, backend=backend, difficulty="easy") for backend in ("native", "textworld")]
    name = generated_id(TASK_TYPES[4], 2, difficulty="easy")
    assert envs[0].reset(seed=1, options={"task": name}) == envs[1].reset(seed=1, options={"task": name})
    for command in ["dance", *solve(Engine(generate(name)))]:
        assert envs[0].step(command) == envs[1].step(command)
    for env in envs:
        env.close()


@pytest.mark.slow
def test_the_original_engine_as_an_environment_keeps_every_promise() -> None:
    arguments, output, variable = sys.argv, sys.stdout, os.environ.get("ALFWORLD_DATA")
    check_text_env(gym.make(ID, backend="textworld", difficulty="easy", task_types=[1]))
    assert (sys.argv, sys.stdout, os.environ.get("ALFWORLD_DATA")) == (arguments, output, variable)


def _old(data: dict[str, Any]) -> dict[str, Any]:
    """A game in the syntax of older releases."""
    grammar, domain = data["grammar"], data["pddl_domain"]
    for new, old in (
        ("move {o} to {r}", "put {o} in/on {r}"),
        ("You move the {o.name} to the {r.name}.", "You put the {o.name} in/on the {r.name}."),
        ("You arrive at {r.name}.", "You arrive at {lend.name}."),
    ):
        assert new in grammar
        grammar = grammar.replace(new, old)
    return {
        **data,
        "grammar": grammar[: grammar.index("action help")],
        "pddl_domain": domain[: domain.index("(:action help")] + ")\n",
        "walkthrough": [re.sub(r"^move (.*) to (.*)$", r"put \1 in/on \2", command) for command in data["walkthrough"]],
    }
