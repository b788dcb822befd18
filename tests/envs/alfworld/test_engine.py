from __future__ import annotations

import random

from alfworld_room import APPLE_1, BOWL, SINK, kitchen
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.envs.alfworld import Engine
from stepgym.envs.alfworld.world import Goal

NOTHING = "Nothing happens."


def play(engine: Engine, *commands: str) -> str:
    answers = [engine.step(command) for command in commands]
    assert NOTHING not in answers[:-1], list(zip(commands, answers, strict=True))
    return answers[-1]


def test_the_first_observation_lists_receptacles_in_the_order_of_ids_and_numbers_them_backwards() -> None:
    assert Engine(kitchen()).intro == (
        "-= Welcome to TextWorld, ALFRED! =-\n\n"
        "You are in the middle of a room. Looking quickly around you, you see a cabinet 2, a cabinet 1, "
        "a diningtable 1, a fridge 1, a microwave 1, and a sinkbasin 1.\n\nYour task is to: cook."
    )


def test_the_middle_of_the_room_is_empty_after_the_beginning() -> None:
    answer = Engine(kitchen()).step("look")
    assert answer == "You are in the middle of a room. Looking quickly around you, you see nothing."


def test_the_admissible_commands_are_sorted_by_code_points() -> None:
    engine = Engine(kitchen())
    assert engine.admissible() == [
        *("go to cabinet 1", "go to cabinet 2", "go to diningtable 1", "go to fridge 1", "go to microwave 1"),
        *("go to sinkbasin 1", "help", "inventory", "look"),
    ]
    play(engine, "go to diningtable 1", "take knife 1 from diningtable 1")
    assert engine.admissible() == [
        *("examine diningtable 1", "examine knife 1", "go to cabinet 1", "go to cabinet 2", "go to fridge 1"),
        *("go to microwave 1", "go to sinkbasin 1", "help", "inventory", "look", "move knife 1 to diningtable 1"),
        "slice apple 1 with knife 1",
    ]


def test_going_where_one_stands_is_no_action_also_for_another_receptacle_there() -> None:
    engine = Engine(kitchen())
    assert play(engine, "go to cabinet 1") == "You arrive at cabinet 1. The cabinet 1 is closed."
    assert "go to cabinet 2" not in engine.admissible()
    assert engine.step("go to cabinet 1") == engine.step("go to cabinet 2") == NOTHING
    assert engine.step("look") == "You are facing the cabinet 2, and cabinet 1. Next to it, you see nothing."
    assert engine.step("examine cabinet 2") == "The cabinet 2 is closed."


def test_objects_are_examined_in_the_hand_only() -> None:
    engine = Engine(kitchen())
    play(engine, "go to diningtable 1")
    assert engine.step("examine apple 1") == NOTHING
    play(engine, "take apple 1 from diningtable 1")
    assert engine.step("examine apple 1") == "There's nothing special about apple 1."


def test_a_container_tells_what_is_inside_it_for_good() -> None:
    engine = Engine(kitchen(more=(("inreceptacleobject", (APPLE_1, BOWL)),)))
    play(engine, "go to diningtable 1", "take bowl 1 from diningtable 1")
    assert engine.step("examine bowl 1") == "This is a normal bowl 1. In it, you see a apple 1."


def test_a_lamp_is_used_in_a_closed_receptacle_and_is_always_turned_on() -> None:
    engine = Engine(kitchen())
    play(engine, "go to cabinet 1")
    assert "use desklamp 1" in engine.admissible()
    assert engine.step("use desklamp 1") == engine.step("use desklamp 1") == "You turn on the desklamp 1."


def test_heat_cool_and_clean_need_the_hand_and_work_with_closed_appliances() -> None:
    engine = Engine(kitchen())
    play(engine, "go to diningtable 1", "take apple 1 from diningtable 1")
    assert engine.step("heat apple 1 with microwave 1") == NOTHING
    answers = [
        play(engine, "go to microwave 1", "heat apple 1 with microwave 1"),
        play(engine, "examine apple 1"),
        play(engine, "go to sinkbasin 1", "clean apple 1 with sinkbasin 1"),
        play(engine, "examine apple 1"),
        play(engine, "go to fridge 1", "cool apple 1 with fridge 1"),
        play(engine, "examine apple 1"),
    ]
    assert answers == [
        "You heat the apple 1 using the microwave 1.",
        "This is a hot apple 1.",
        "You clean the apple 1 using the sinkbasin 1.",
        "This is a hot and clean apple 1.",
        "You cool the apple 1 using the fridge 1.",
        "This is a cool and clean apple 1.",
    ]


def test_only_cold_things_are_called_cold() -> None:
    engine = Engine(kitchen(more=(("iscool", (APPLE_1,)),)))
    play(engine, "go to diningtable 1", "take apple 1 from diningtable 1")
    assert engine.step("examine apple 1") == "This is a cold apple 1."


def test_slicing_reaches_into_closed_receptacles() -> None:
    engine = Engine(kitchen())
    play(engine, "go to diningtable 1", "take knife 1 from diningtable 1", "go to fridge 1")
    assert play(engine, "slice apple 2 with knife 1") == "You sliced the apple 2 with the knife 1."
    play(engine, "open fridge 1", "move knife 1 to fridge 1", "take apple 2 from fridge 1")
    assert engine.step("examine apple 2") == "This is a sliced apple 2."


def test_what_is_moved_between_receptacles_at_one_spot_lies_next_to_it() -> None:
    engine = Engine(kitchen())
    play(engine, "go to diningtable 1", "take apple 1 from diningtable 1", "go to cabinet 1", "open cabinet 1")
    play(
        engine,
        "move apple 1 to cabinet 1",
        "take apple 1 from cabinet 1",
        "open cabinet 2",
        "move apple 1 to cabinet 2",
    )
    assert engine.step("look") == "You are facing the cabinet 2, and cabinet 1. Next to it, you see a apple 1."
    play(engine, "take apple 1 from cabinet 2")
    assert engine.step("look").endswith("you see nothing.")


def test_an_object_in_two_receptacles_stays_in_the_other_one() -> None:
    engine = Engine(kitchen(more=(("inreceptacle", (APPLE_1, SINK)),)))
    play(engine, "go to diningtable 1", "take apple 1 from diningtable 1")
    assert play(engine, "go to sinkbasin 1") == "You arrive at sinkbasin 1. On the sinkbasin 1, you see a apple 1."


def test_lists_and_inventory() -> None:
    engine = Engine(kitchen())
    assert engine.step("inventory") == "You are not carrying anything."
    assert play(engine, "go to diningtable 1") == (
        "You arrive at diningtable 1. On the diningtable 1, you see a apple 1, a bowl 1, and a knife 1."
    )
    play(engine, "take apple 1 from diningtable 1")
    assert engine.step("inventory") == "You are carrying: a apple 1."
    assert play(engine, "go to fridge 1", "open fridge 1") == (
        "You open the fridge 1. The fridge 1 is open. In it, you see a apple 2."
    )
    assert engine.step("close fridge 1") == "You close the fridge 1."


def test_a_sink_and_its_basin_are_numbered_apart() -> None:
    game = kitchen()
    assert [t.name for t in game.things if t.kind == "sink"] == ["sink 1"]
    assert [r.name for r in game.receptacles if r.kind == "sinkbasin"] == ["sinkbasin 1"]


def test_the_old_dialect() -> None:
    engine = Engine(kitchen(old=True))
    assert "help" not in engine.admissible()
    assert engine.step("help") == NOTHING
    assert play(engine, "go to diningtable 1").startswith(
        "You arrive at loc 1. On the diningtable 1"
    )  # the last of 6 spots
    play(engine, "take apple 1 from diningtable 1")
    assert engine.step("move apple 1 to diningtable 1") == NOTHING
    assert "put apple 1 in/on diningtable 1" in engine.admissible()
    assert engine.step("put apple 1 in/on diningtable 1") == "You put the apple 1 in/on the diningtable 1."


def test_impossible_commands_change_nothing() -> None:
    engine = Engine(kitchen())
    play(engine, "go to diningtable 1")
    before = engine.snapshot()
    for command in (
        *(
            "",
            "Look",
            "look around",
            "go to",
            "go to fridge",
            "take apple 1",
            "take apple 2 from fridge 1",
            "open diningtable 1",
        ),
        *(
            "take  apple 1 from diningtable 1",
            "move knife 1 to diningtable 1",
            "slice apple 1 with knife 1",
            "help\nme",
        ),
        *("examine cabinet 1", "close fridge 1", "use desklamp 1", "clean apple 1 with sinkbasin 1", "x" * 1_000_000),
    ):
        assert engine.step(command) == NOTHING, command[:80]
        assert not engine.valid
    assert {**engine.snapshot(), "valid": True} == before


def test_white_space_around_a_command_does_not_matter() -> None:
    assert Engine(kitchen()).step(" \tgo to fridge 1\n") == "You arrive at fridge 1. The fridge 1 is closed."


def test_winning_by_placing_a_changed_object() -> None:
    engine = Engine(kitchen())
    play(
        engine,
        "go to diningtable 1",
        "take apple 1 from diningtable 1",
        "go to cabinet 1",
        "open cabinet 1",
        "move apple 1 to cabinet 1",
    )
    assert (engine.won, engine.goal.progress()) == (False, (1, 3))
    play(engine, "take apple 1 from cabinet 1", "go to microwave 1", "heat apple 1 with microwave 1")
    assert engine.goal.progress() == (1, 3)
    play(engine, "go to cabinet 1", "move apple 1 to cabinet 1")
    assert (engine.won, engine.goal.progress()) == (True, (3, 3))


def test_winning_with_two_in_the_same_receptacle() -> None:
    engine = Engine(kitchen(Goal("two", "apple", "cabinet")))
    play(
        engine,
        "go to diningtable 1",
        "take apple 1 from diningtable 1",
        "go to cabinet 1",
        "open cabinet 1",
        "open cabinet 2",
    )
    play(
        engine,
        "move apple 1 to cabinet 1",
        "go to fridge 1",
        "open fridge 1",
        "take apple 2 from fridge 1",
        "go to cabinet 1",
    )
    play(engine, "move apple 2 to cabinet 2")
    assert (engine.won, engine.goal.progress()) == (False, (1, 2))
    play(engine, "take apple 2 from cabinet 2", "move apple 2 to cabinet 1")
    assert (engine.won, engine.goal.progress()) == (True, (2, 2))


def test_winning_by_looking_in_the_light_needs_to_stand_at_the_lamp() -> None:
    engine = Engine(kitchen(Goal("light", "apple", "desklamp")))
    play(engine, "go to cabinet 1", "use desklamp 1", "go to diningtable 1", "take apple 1 from diningtable 1")
    assert not engine.won
    play(engine, "go to cabinet 2")
    assert engine.won


COMMANDS = st.lists(st.integers(0, 10**6), max_size=40)


@given(COMMANDS)
@settings(max_examples=150, deadline=None)
def test_a_command_is_admissible_exactly_if_it_does_something(choices: list[int]) -> None:
    engine, known = Engine(kitchen()), set[str]()
    for choice in choices:
        possible = engine.admissible()
        assert possible == sorted(set(possible))
        known |= set(possible)
        state = engine.snapshot()
        for command in random.Random(choice).sample(sorted(known), min(8, len(known))):
            engine.step(command)
            assert engine.valid == (command in possible)
            engine.restore(state)
        engine.step(possible[choice % len(possible)])


@given(COMMANDS, COMMANDS)
@settings(max_examples=50, deadline=None)
def test_a_restored_engine_goes_on_as_the_first_one(before: list[int], after: list[int]) -> None:
    engine = Engine(kitchen())
    for choice in before:
        possible = engine.admissible()
        engine.step(possible[choice % len(possible)])
    state, other = engine.snapshot(), Engine(kitchen())
    other.restore(state)
    for choice in after:
        possible = engine.admissible()
        assert other.admissible() == possible
        command = possible[choice % len(possible)]
        assert (engine.step(command), engine.won) == (other.step(command), other.won)
    assert engine.snapshot() == other.snapshot()
