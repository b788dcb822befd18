"""`puzzle_task`: a puzzle by its family, difficulty and seed; the id "constraints/knights/2/12345" holds all three."""

from __future__ import annotations

import functools
import random
import re
from types import ModuleType

from stepgym.envs.puzzles import arithmetic, knights, scheduling, seating
from stepgym.envs.puzzles.drawing import draw_puzzle
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError, UnknownNameError

_MODULES: dict[str, ModuleType] = {
    "seating": seating,
    "scheduling": scheduling,
    "knights": knights,
    "arithmetic": arithmetic,
}
FAMILIES = tuple(_MODULES)
DIFFICULTIES = range(1, 6)
SEEDS = 10**9
"""Seeds are 0 to this, exclusive."""

_ID = re.compile(r"constraints/(?P<family>[a-z]+)/(?P<difficulty>[1-5])/(?P<seed>0|[1-9][0-9]{0,8})")


def puzzle_task(family: str, difficulty: int, seed: int) -> Task:
    """The puzzle of a family, one of `FAMILIES`, at a difficulty of 1 to 5; `seed` is 0 to 999,999,999.

    The same arguments give the same task. Different seeds may give the same puzzle, often so at difficulty 1: keep
    sets of tasks apart by their prompts.
    """
    if family not in _MODULES:
        raise InvalidInputError(f"family must be one of {FAMILIES}, got {family!r:.40}")
    if type(difficulty) is not int or difficulty not in DIFFICULTIES:
        raise InvalidInputError(f"difficulty must be an integer from 1 to 5, got {difficulty!r}")
    if type(seed) is not int or not 0 <= seed < SEEDS:
        raise InvalidInputError(f"seed must be an integer from 0 to {SEEDS - 1}, got {seed!r}")
    return _drawn(family, difficulty, seed)


def puzzle_from_id(task_id: str) -> Task:
    """The puzzle with this id; raises `UnknownNameError` for any other text."""
    match = _ID.fullmatch(task_id)
    if match is None or match["family"] not in _MODULES:
        raise UnknownNameError(
            f"No puzzle is called {task_id!r:.80}. Ids look like 'constraints/knights/2/12345': one of "
            f"{', '.join(FAMILIES)}, a difficulty from 1 to 5, a seed below {SEEDS}."
        )
    return puzzle_task(match["family"], int(match["difficulty"]), int(match["seed"]))


def answer_form(family: str) -> str:
    """How answers to puzzles of a family are written, for instructions."""
    return str(_MODULES[family].ANSWER)


@functools.lru_cache(maxsize=256)
def _drawn(family: str, difficulty: int, seed: int) -> Task:
    task_id = f"constraints/{family}/{difficulty}/{seed}"
    rng = random.Random(task_id)  # seeded by the text itself: the same on every machine
    prompt, reference = draw_puzzle(rng, _MODULES[family].frame(rng, difficulty))
    return Task(task_id, prompt, reference, {"family": family, "difficulty": difficulty})
