"""`CountdownEnv`: make a target of some numbers; procedural, endless, always solvable.

Ids such as "countdown/96/3,7,25,50" (the target, then the numbers in rising order) hold the whole puzzle: two puzzles
are the same exactly if their ids, or their prompts, are equal, so training and test sets can be kept apart by them.
The rules (which operations, all numbers or some) belong to the environment and stand in its `instructions`. Texts of
solutions are `stepgym.envs.solution_expression` and `stepgym.envs.solution_lines`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.number_game import Mode, NumberGameEnv
from stepgym.envs.question import Feedback
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers.countdown import OPERATIONS

MAX_LARGEST = 10_000
MAX_TARGET = 1_000_000
# Results on the way stay small enough to be written in a line.
_MAX_RESULT = 1_000_000
_DRAWS = 10_000
_NUMBER = "[1-9][0-9]{0,6}"
_ID = re.compile(rf"countdown/(?P<target>{_NUMBER})/(?P<numbers>{_NUMBER}(?:,{_NUMBER}){{1,5}})")


class CountdownEnv(NumberGameEnv):
    """A new puzzle at every reset, solvable by construction.

    The numbers are uniform in 1 to `largest`; the target is what a random sequence of operations makes of them
    (results on the way are whole and positive), drawn again until it lies in the range. More numbers, larger numbers
    and larger targets are harder; so is `use_all`.

    `options={"task": id}` rebuilds any puzzle from its id, whatever the settings of this environment, if its rules
    allow a solution.

    Args:
        numbers: How many numbers, 2 to 6, or the smallest and largest count.
        largest: The largest number, 2 to 10,000.
        target: Smallest and largest target, 1 to 1,000,000.
        operations: The allowed ones of `+-*/`.
        use_all: Whether every number must be used, or any choice of them (as on television).
        mode: See `NumberGameEnv`, as for the arguments that follow.
        end_at_dead_end: Whether a proved dead end is the end.
        max_turns: How many answers or lines.
        feedback: What is shown after a wrong action.
        instructions: None for the instructions of this mode.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    def __init__(
        self,
        *,
        numbers: int | Sequence[int] = 4,
        largest: int = 50,
        target: Sequence[int] = (10, 100),
        operations: str = OPERATIONS,
        use_all: bool = True,
        mode: Mode = "answer",
        end_at_dead_end: bool = True,
        max_turns: int | None = None,
        feedback: Feedback = "status",
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(
            mode=mode,
            operations=operations,
            use_all=use_all,
            end_at_dead_end=end_at_dead_end,
            max_turns=max_turns,
            feedback=feedback,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )
        _check(numbers, largest, target, operations)
        self.numbers = numbers
        self.largest = largest
        self.target = target

    def draw_task(self) -> Task:
        """A fresh puzzle."""
        return countdown_task(
            self.np_random,
            numbers=self.numbers,
            largest=self.largest,
            target=self.target,
            operations=self.operations,
            use_all=self.use_all,
        )

    def find_task(self, task_id: str) -> Task:
        """The puzzle that `task_id` spells out."""
        return self.check_solvable(countdown_from_id(task_id))


def countdown_task(
    seed: int | np.random.Generator,
    *,
    numbers: int | Sequence[int] = 4,
    largest: int = 50,
    target: Sequence[int] = (10, 100),
    operations: str = OPERATIONS,
    use_all: bool = True,
) -> Task:
    """A random solvable puzzle, with the arguments of `CountdownEnv`.

    With an integer `seed` it is the task of `reset(seed=seed)`; a generator is advanced. Raises `InvalidInputError`
    when no puzzle of these settings turns up in 10,000 draws.
    """
    fewest, most = _check(numbers, largest, target, operations)
    rng = seed if isinstance(seed, np.random.Generator) else np.random.Generator(np.random.PCG64(seed))
    for _ in range(_DRAWS):
        count = fewest if fewest == most else int(rng.integers(fewest, most + 1))
        drawn: list[int] = rng.integers(1, largest + 1, size=count).tolist()
        choices: list[int] = rng.integers(1 << 31, size=3 * count).tolist()
        used = count if use_all else 2 + choices.pop() % (count - 1)
        made = _combine(drawn[:used], operations, choices)
        if made is not None and target[0] <= made <= target[1] and (use_all or made not in drawn):
            return _task(sorted(drawn), made)
    raise InvalidInputError(
        f"no puzzle with numbers={numbers}, largest={largest}, target={tuple(target)}, operations={operations!r} in "
        f"{_DRAWS} draws; widen the range of targets or allow more operations"
    )


def countdown_from_id(task_id: str) -> Task:
    """The puzzle that an id spells out; raises `UnknownNameError` for any other text."""
    match = _ID.fullmatch(task_id)
    numbers = [int(number) for number in match["numbers"].split(",")] if match else []
    if match is None or numbers != sorted(numbers) or int(match["target"]) > MAX_TARGET:
        raise UnknownNameError(
            f"No Countdown is called {task_id!r:.80}. Ids look like 'countdown/96/3,7,25,50': a target up to "
            f"{MAX_TARGET}, then 2 to 6 numbers in rising order."
        )
    return _task(numbers, int(match["target"]))


def _combine(pool: list[int], operations: str, choices: list[int]) -> int | None:
    """What random operations make of all numbers of `pool`, None when the way is blocked."""
    while len(pool) > 1:
        a = pool.pop(choices.pop() % len(pool))
        b = pool.pop(choices.pop() % len(pool))
        a, b = max(a, b), min(a, b)
        results = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if a % b == 0 else 0}
        allowed = [results[sign] for sign in operations if 0 < results[sign] <= _MAX_RESULT]
        if not allowed:
            return None
        pool.append(allowed[choices.pop() % len(allowed)])
    return pool[0]


def _task(numbers: Sequence[int], target: int) -> Task:
    listed = ",".join(map(str, numbers))
    prompt = f"Make {target} from {', '.join(map(str, numbers))}."
    return Task(f"countdown/{target}/{listed}", prompt, {"numbers": list(numbers), "target": target})


def _check(numbers: int | Sequence[int], largest: int, target: Sequence[int], operations: str) -> tuple[int, int]:
    """The smallest and largest count of numbers, after checking all arguments."""
    counts = [numbers, numbers] if isinstance(numbers, int) else numbers
    if not _is_pair(counts) or not 2 <= counts[0] <= counts[1] <= 6:
        raise InvalidInputError(f"numbers must be an integer from 2 to 6, or two in rising order, got {numbers!r}")
    if type(largest) is not int or not 2 <= largest <= MAX_LARGEST:
        raise InvalidInputError(f"largest must be an integer from 2 to {MAX_LARGEST}, got {largest!r}")
    if not operations or set(operations) - set(OPERATIONS) or len(set(operations)) < len(operations):
        raise InvalidInputError(f"operations must be different ones of {OPERATIONS!r}, got {operations!r}")
    if not _is_pair(target) or not 1 <= target[0] <= target[1] <= MAX_TARGET:
        raise InvalidInputError(
            f"target must be two integers, 1 <= smallest <= largest <= {MAX_TARGET}, got {target!r}"
        )
    return counts[0], counts[1]


def _is_pair(value: object) -> bool:
    return isinstance(value, Sequence) and len(value) == 2 and all(type(n) is int for n in value)
