from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.envs.alfworld import TASK_TYPES, Engine, Planner, generate, generated_id, solve
from stepgym.envs.alfworld.generate import Difficulty
from stepgym.errors import InvalidInputError, UnknownNameError

IDS = st.builds(
    lambda kind, seed, difficulty: generated_id(kind, seed, difficulty=difficulty),
    st.sampled_from(TASK_TYPES),
    st.integers(0, 10**12),
    st.sampled_from(("easy", "normal", "hard")),
)


@given(IDS)
@settings(max_examples=300, deadline=None)
def test_every_game_is_new_work_and_can_be_solved(name: str) -> None:
    game = generate(name)
    engine = Engine(game)
    assert game.goal.task_type == name.split("/")[1]
    assert not engine.won
    commands = solve(engine)
    assert engine.won
    assert 2 <= len(commands) <= 15


@pytest.mark.slow
@pytest.mark.parametrize("kind", TASK_TYPES)
def test_a_thousand_seeds_of_each_type_are_solved(kind: str) -> None:
    for seed in range(1000):
        engine = Engine(generate(generated_id(kind, seed)))
        solve(engine)
        assert engine.won


@given(IDS)
@settings(max_examples=30, deadline=None)
def test_an_id_is_the_whole_game(name: str) -> None:
    assert generate(name) == generate(name)
    assert generate(name).id == name


def test_games_stay_as_they_are() -> None:
    """Logs name games by their ids: a change here breaks every log of generated games."""
    names = [generated_id(kind, 7, difficulty=d) for kind in TASK_TYPES for d in ("easy", "normal", "hard")]
    digest = hashlib.sha256("\n".join(Engine(generate(name)).intro for name in names).encode()).hexdigest()[:16]
    assert digest == "c01d3adee45d3f7f"


def test_difficulty_grows_the_room() -> None:
    def size(difficulty: Difficulty) -> tuple[float, float]:
        games = [generate(generated_id(kind, n, difficulty=difficulty)) for kind in TASK_TYPES for n in range(30)]
        return sum(len(g.receptacles) for g in games) / len(games), sum(len(g.things) for g in games) / len(games)

    easy, normal, hard = size("easy"), size("normal"), size("hard")
    assert easy[0] < normal[0] < hard[0]
    assert easy[1] < normal[1] < hard[1]


def test_receptacles_share_spots_as_in_official_games() -> None:
    shared = [max(map(len, generate(generated_id(TASK_TYPES[0], n)).receptacles_at)) for n in range(40)]
    assert max(shared) > 1


@pytest.mark.parametrize(
    "name",
    ["", "generated/", "generated/cook/1", f"generated/{TASK_TYPES[0]}/01", f"generated/{TASK_TYPES[0]}/1-medium",
     f"generated/{TASK_TYPES[0]}/-1", f"generated/{TASK_TYPES[0]}/9999999999999", f"generated/{TASK_TYPES[0]}/1\n"],
)  # fmt: skip
def test_other_ids_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=re.escape("generated/pick_and_place_simple/17")):
        generate(name)


def test_arguments_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="task type"):
        generated_id("cook", 1)
    with pytest.raises(InvalidInputError, match="seed"):
        generated_id(TASK_TYPES[0], -1)
    with pytest.raises(InvalidInputError, match="difficulty"):
        generated_id(TASK_TYPES[0], 1, difficulty="medium")  # type: ignore[arg-type]


def test_the_planner_follows_the_engine_through_accidents() -> None:
    engine = Engine(generate(generated_id(TASK_TYPES[3], 5)))
    planner = Planner(engine, seed=1, noise=0.5)
    command = planner.start(engine.intro, engine.admissible())
    for _ in range(200):
        command = planner.act(engine.step(command), engine.admissible())
        if engine.won:
            break
    assert engine.won
