from __future__ import annotations

from dataclasses import replace

import pytest
from alfworld_room import kitchen

from stepgym.envs.alfworld import TASK_TYPES, Engine, Explorer, Planner, generate, generated_id, next_command, solve
from stepgym.envs.alfworld.beliefs import Beliefs
from stepgym.envs.alfworld.experts import Strategy
from stepgym.envs.alfworld.world import Goal
from stepgym.errors import InvalidInputError

NAMES = [generated_id(kind, seed) for kind in TASK_TYPES for seed in range(12)]


def play(expert: Explorer, engine: Engine, *, limit: int = 50) -> tuple[bool, int, list[str]]:
    commands = [expert.start(engine.intro, engine.admissible())]
    while len(commands) <= limit:
        answer = engine.step(commands[-1])
        assert engine.valid, commands
        if engine.won:
            break
        commands.append(expert.act(answer, engine.admissible()))
    return engine.won, len(commands), commands


def share(*, noise: float = 0.0, strategy: Strategy = "careful") -> float:
    won = [
        play(Explorer(seed=n, noise=noise, strategy=strategy), Engine(generate(name)))[0]
        for n, name in enumerate(NAMES)
    ]
    return sum(won) / len(won)


def test_the_explorer_wins_without_seeing_the_engine() -> None:
    assert share() >= 0.95


def test_the_explorer_uses_only_what_it_was_shown() -> None:
    """Two rooms that differ in what was not shown yet are played alike until it is."""
    one, other = Engine(generate(NAMES[0])), Engine(generate(NAMES[0]))
    for contents in other.world.contents:
        contents.clear()
    first, second = Explorer(seed=0), Explorer(seed=0)
    command = first.start(one.intro, one.admissible())
    assert command == second.start(other.intro, other.admissible())
    while True:
        answers = one.step(command), other.step(command)
        if answers[0] != answers[1]:
            break
        command = first.act(answers[0], one.admissible())
        assert command == second.act(answers[1], other.admissible())


def test_the_planner_is_shorter_than_the_explorer() -> None:
    longer = 0
    for name in NAMES:
        engine = Engine(generate(name))
        planned = play(Planner(engine, seed=0), engine)
        explored = play(Explorer(seed=0), Engine(generate(name)))
        assert planned[0]
        assert planned[1] <= explored[1]
        longer += explored[1] > planned[1]
    assert longer > len(NAMES) / 3


def test_noise_and_weaker_strategies_fail_more_often() -> None:
    careful = share()
    assert share(noise=0.6) < careful
    assert share(strategy="skips the change") < 0.7
    assert share(strategy="wrong object") < 0.2
    assert share(strategy="never opens") < careful
    assert share(strategy="wanders") < 0.2


def test_the_same_seed_plays_the_same_episode() -> None:
    for name in NAMES[:6]:
        one = play(Explorer(seed=4, noise=0.3), Engine(generate(name)))
        assert one == play(Explorer(seed=4, noise=0.3), Engine(generate(name)))
    assert one != play(Explorer(seed=5, noise=0.3), Engine(generate(name)))


def test_every_template_of_a_task_is_understood() -> None:
    for kind in TASK_TYPES:
        sentences = set()
        for seed in range(20):
            game = generate(generated_id(kind, seed))
            beliefs = Beliefs.from_intro(Engine(game).intro)
            assert (beliefs.task_type, beliefs.wanted, beliefs.target) == (kind, game.goal.object, game.goal.target)
            sentences.add(game.task.replace(game.goal.object, "").replace(game.goal.target, ""))
        assert len(sentences) == 2


def test_a_game_without_a_way_is_given_up() -> None:
    engine = Engine(generate(NAMES[0]))
    for contents in engine.world.contents:
        contents.clear()
    with pytest.raises(InvalidInputError, match="not solved within 30 commands"):
        solve(engine, limit=30)


def test_arguments_and_order_are_checked() -> None:
    with pytest.raises(InvalidInputError, match="noise"):
        Explorer(noise=2)
    with pytest.raises(InvalidInputError, match="strategy"):
        Explorer(strategy="lazy")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="start"):
        Explorer().act("", [])
    with pytest.raises(InvalidInputError, match="its task"):
        Explorer().start("What is 2 + 2?", [])


def test_the_explorer_needs_no_list_of_possible_commands() -> None:
    won = invalid = steps = 0
    for name in NAMES:
        engine = Engine(generate(name))
        observations, commands = [engine.intro], list[str]()
        while len(commands) < 50 and not engine.won:
            commands.append(next_command(observations, commands))
            observations.append(engine.step(commands[-1]))
            invalid += not engine.valid
        won += engine.won
        steps += len(commands)
    assert won >= 0.95 * len(NAMES)
    assert invalid < 0.05 * steps


def test_the_next_command_is_the_same_for_the_same_conversation() -> None:
    engine = Engine(generate(NAMES[0]))
    expert = Explorer(seed=3, noise=0.4)
    observations, commands = [engine.intro], [expert.start(engine.intro)]
    for _ in range(20):
        observations.append(engine.step(commands[-1]))
        commands.append(expert.act(observations[-1]))
    for turn in range(20):
        assert next_command(observations[: turn + 1], commands[:turn], seed=3, noise=0.4) == commands[turn]
    with pytest.raises(InvalidInputError, match="one observation more"):
        next_command(observations, observations)


def test_the_old_dialect_is_found_out() -> None:
    game = kitchen(Goal("place", "apple", "diningtable"), old=True)
    game = replace(game, task="Your task is to: put some apple on fridge.", goal=Goal("place", "apple", "fridge"))
    engine = Engine(
        replace(
            game, contents=tuple(() if game.receptacles[n].kind == "fridge" else c for n, c in enumerate(game.contents))
        )
    )
    won, _, _ = _text_only(engine)
    assert won


def _text_only(engine: Engine) -> tuple[bool, int, list[str]]:
    expert, commands = Explorer(seed=0), list[str]()
    command = expert.start(engine.intro)
    while len(commands) < 50 and not engine.won:
        commands.append(command)
        command = expert.act(engine.step(command))
    return engine.won, len(commands), commands
