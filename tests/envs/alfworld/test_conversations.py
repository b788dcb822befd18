from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepgym.envs.alfworld import (
    TASK_TYPES,
    Engine,
    GameFinder,
    OfficialGames,
    generate,
    generated_id,
    read_conversation,
    replay,
    solve,
)
from stepgym.envs.alfworld.world import Game
from stepgym.errors import InvalidInputError

GAME = generate(generated_id(TASK_TYPES[2], 11))


def conversation(game: Game, *, old: bool = False) -> list[dict[str, Any]]:
    """What an expert log holds: the instructions, then observations and bare commands, arrivals cut off."""
    engine = Engine(game)
    commands = solve(Engine(game))
    messages = [("human", "Interact with a household to solve a task."), ("gpt", "OK"), ("human", engine.intro)]
    for command in commands:
        answer = engine.step(command)
        if old:
            command = (
                command.replace("move", "put").replace(" to ", " in/on ") if command.startswith("move") else command
            )
            answer = answer.replace("You move the", "You put the").replace(" to the", " in/on the")
            answer = answer.partition(". ")[2] if answer.startswith("You arrive") else answer
        messages += [("gpt", command), ("human", answer)]
    return [{"from": who, "value": text} for who, text in messages]


@pytest.mark.parametrize("old", [False, True])
def test_an_expert_log_replays_without_differences(old: bool) -> None:
    turns = read_conversation(conversation(GAME, old=old))
    played = replay(turns, GAME)
    assert played.won
    assert played.differences == ()
    assert list(played.commands) == solve(Engine(GAME))
    assert len(played.observations) == len(played.commands) + 1


def test_chats_of_other_forms_are_read_alike() -> None:
    plain = conversation(GAME)
    roles = {"human": "user", "gpt": "assistant"}
    chat = [{"role": roles[m["from"]], "content": m["value"]} for m in plain]
    for message in chat[2:]:
        if message["role"] == "assistant":
            message["content"] = f"Thought: why not?\nAction: {message['content']}"
    tagged = [dict(m) for m in chat]
    for message in tagged[2:]:
        if message["role"] == "assistant":
            message["content"] = f"<think>x</think><action>{message['content'].rpartition(': ')[2]}</action>"
    actions = [turn.action for turn in read_conversation(plain)]
    for record in ({"messages": chat}, {"conversations": plain, "reward": 1}, {"messages": tagged}):
        assert [turn.action for turn in read_conversation(record)] == actions


def test_differences_are_reported_where_they_are() -> None:
    messages = conversation(GAME)
    messages[4]["value"] = "You arrive at the moon."
    played = replay(read_conversation(messages), GAME)
    (difference,) = played.differences
    assert (difference.turn, difference.logged) == (0, "You arrive at the moon.")
    assert difference.engine == played.observations[1]
    other = replay(read_conversation(messages), generate(generated_id(TASK_TYPES[2], 12)))
    assert other.differences[0].turn == -1
    assert not other.won


def test_a_log_may_end_with_an_action_or_a_word_of_its_own() -> None:
    assert replay(read_conversation(conversation(GAME)[:-1]), GAME).won
    praise = [*conversation(GAME)[:-1], {"from": "human", "value": "Task completed!"}]
    assert replay(read_conversation(praise), GAME).differences == ()


@pytest.mark.parametrize(
    "record", [None, 3, "x", {}, {"messages": 3}, [3], [{"from": "alien", "value": "x"}], [{"from": "human"}], []]
)
def test_other_records_are_refused(record: Any) -> None:
    with pytest.raises(InvalidInputError):
        read_conversation(record)


@pytest.mark.shared
def test_the_game_of_a_log_is_found(official: Path) -> None:
    games = OfficialGames(official)
    finder = GameFinder(games, ["valid_seen"])
    for name in games.ids("valid_seen")[::10]:
        game = games.read(name)
        played = finder.find(read_conversation(conversation(game, old=True)))
        assert played is not None
        assert played.won
        assert played.differences == ()
        assert Engine(games.read(played.task_id)).intro == Engine(game).intro
    assert finder.find(read_conversation(conversation(GAME))) is None
    assert finder.find([]) is None
