"""Worked ALFWorld games with thoughts, played by the exploring expert in generated games and written out here.

Their seeds lie beyond those that any split draws, so that no game of a test is ever shown as an example.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from stepgym.envs.alfworld import PRESETS, TASK_TYPES, Engine, Explorer, generate, generated_id
from stepgym.envs.alfworld.beliefs import Beliefs
from stepgym.errors import InvalidInputError

_FIRST_SEED = 5 * 10**9  # four splits draw from 10**9 seeds each
_LONGEST = 12
_MOST = 2

_CHANGE = {
    TASK_TYPES[2]: ("clean", "cleaned", "sinkbasin"),
    TASK_TYPES[3]: ("heat", "heated", "microwave"),
    TASK_TYPES[4]: ("cool", "cooled", "fridge"),
}


def examples_for(observation: str, count: int) -> tuple[str, ...]:
    """`count` worked games of the task type of a first observation; of the simplest type if it tells no task.

    Raises:
        InvalidInputError: There are not so many.
    """
    if not 0 <= count <= _MOST:
        raise InvalidInputError(f"expected 0 to {_MOST} examples, got {count!r}")
    try:
        kind = Beliefs.from_intro(observation).task_type
    except InvalidInputError:
        kind = TASK_TYPES[0]
    return _examples(kind)[:count]


def all_examples(count: int) -> Iterator[str]:
    """The first `count` games of each task type."""
    for kind in TASK_TYPES:
        yield from _examples(kind)[:count]


@lru_cache(maxsize=len(TASK_TYPES))
def _examples(kind: str) -> tuple[str, ...]:
    """Short games that do not begin with the object in view, so that a search is shown."""
    found: list[str] = []
    seed = _FIRST_SEED
    while len(found) < _MOST:
        text = _worked(kind, seed)
        if text is not None:
            found.append(text)
        seed += 1
    return tuple(found)


def _worked(kind: str, seed: int) -> str | None:
    """The game as text; None if the expert does not win it soon."""
    engine, show = Engine(generate(generated_id(kind, seed, difficulty="easy"))), PRESETS["react"].show
    task = Beliefs.from_intro(engine.intro)
    lines = [show(engine.intro), f"> think: {_plan(task)}", "OK."]
    expert, placed = Explorer(seed=0), 0
    command = expert.start(engine.intro)
    for _ in range(_LONGEST):
        answer = engine.step(command)
        lines += [f"> {command}", show(answer)]
        if engine.won:
            return "\n".join(lines)
        placed += command.startswith("move ")
        if thought := _thought(command, task, placed):
            lines += [f"> think: {thought}", "OK."]
        command = expert.act(answer)
    return None


def _plan(task: Beliefs) -> str:
    thing, target = task.wanted, task.target
    one = f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"
    if task.task_type == TASK_TYPES[1]:
        return f"I need {one} in my hand and then a {target} that I can use. I look for the {thing} first."
    if task.task_type == TASK_TYPES[5]:
        return f"I need two of {thing}. I find one, bring it to the {target}, and then do the same with another."
    if change := _CHANGE.get(task.task_type):
        return f"I find {one}, {change[0]} it with the {change[2]}, and then bring it to the {target}."
    return f"I find {one} and bring it to the {target}. I begin where it is most likely to be."


def _thought(command: str, task: Beliefs, placed: int) -> str:
    """What is said after a command that was a step of the plan; "" after others."""
    thing, target = task.wanted, task.target
    if command.startswith(f"take {thing} "):
        if task.task_type == TASK_TYPES[1]:
            return f"I have the {thing}. Now I look for the {target} and use it."
        if change := _CHANGE.get(task.task_type):
            return f"I have the {thing}. Next I {change[0]} it with the {change[2]}."
        return f"I have the {thing}. Now I bring it to the {target}."
    if (change := _CHANGE.get(task.task_type)) and command.startswith(f"{change[0]} {thing} "):
        return f"The {thing} is {change[1]}. Now I bring it to the {target}."
    if command.startswith("move ") and task.task_type == TASK_TYPES[5] and placed == 1:
        return f"The first {thing} is in place. I look for the second one."
    return ""
