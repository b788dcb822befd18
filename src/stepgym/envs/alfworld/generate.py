"""Endless solvable games of all six task types, from a seed; no simulator and no download.

The id `generated/TYPE/SEED` (or `generated/TYPE/SEED-easy`, `-hard`) is the whole game. Generated games have official
syntax and rules; `official_file` writes them as game files for the real engine.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args

from stepgym.envs.alfworld.pddl import official_data
from stepgym.envs.alfworld.problems import build_game
from stepgym.envs.alfworld.rooms import SCALES, Room
from stepgym.envs.alfworld.world import TASK_TYPES, Dialect, Game
from stepgym.errors import InvalidInputError, UnknownNameError

Difficulty = Literal["easy", "normal", "hard"]
LARGEST_SEED = 10**12

_ID = re.compile(r"generated/(?P<kind>[a-z_]+)/(?P<seed>0|[1-9][0-9]{0,12})(?:-(?P<difficulty>easy|hard))?")

_HELP = (
    ("look", "look around your current location"),
    ("inventory", "check your current inventory"),
    ("go to (receptacle)", "move to a receptacle"),
    ("open (receptacle)", "open a receptacle"),
    ("close (receptacle)", "close a receptacle"),
    ("take (object) from (receptacle)", "take an object from a receptacle"),
    ("move (object) to (receptacle)", "place an object in or on a receptacle"),
    ("examine (something)", "examine a receptacle or an object"),
    ("use (object)", "use an object"),
    ("heat (object) with (receptacle)", "heat an object using a receptacle"),
    ("clean (object) with (receptacle)", "clean an object using a receptacle"),
    ("cool (object) with (receptacle)", "cool an object using a receptacle"),
    ("slice (object) with (object)", "slice an object using a sharp object"),
)


def _help_text() -> str:
    lines = []
    for command, meaning in _HELP:
        # One line of the original is a column short.
        lines.append(f"  {f'{command}:':{32 if command.startswith('move') else 34}}{meaning}\n")
    return "Available commands:\n" + "".join(lines)


DIALECT = Dialect("move {o} to {r}", "You move the {o} to the {r}.", False, _help_text())
"""The dialect of current official games, which generated games speak too."""


def generated_id(task_type: str, seed: int, *, difficulty: Difficulty = "normal") -> str:
    """The id of a generated game."""
    if task_type not in TASK_TYPES:
        raise UnknownNameError(f"No task type is called {task_type!r:.80}. Known: {', '.join(TASK_TYPES)}.")
    if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
        raise InvalidInputError(f"the seed of a game must be an integer from 0 to {LARGEST_SEED}, got {seed!r}")
    check_difficulty(difficulty)
    return f"generated/{task_type}/{seed}" + ("" if difficulty == "normal" else f"-{difficulty}")


def check_difficulty(difficulty: str) -> None:
    """Raise `InvalidInputError` for anything but a `Difficulty`."""
    if difficulty not in get_args(Difficulty):
        raise InvalidInputError(f"difficulty must be one of {get_args(Difficulty)}, got {difficulty!r}")


def generate(task_id: str) -> Game:
    """The game that an id spells out; the same one always. Raises `UnknownNameError` for any other text."""
    room = _plan(task_id)
    return build_game(task_id, room.task, room.goal, DIALECT, room.facts())


def official_file(task_id: str, *, walkthrough: Sequence[str] = ()) -> dict[str, Any]:
    """A generated game as the JSON value of an official game file; needs the extra `alfworld`, whose rules it holds."""
    room = _plan(task_id)
    name = re.sub(r"[^a-z0-9_]", "_", task_id)
    return official_data(name, room.facts(), room.goal, room.task, walkthrough)


def _plan(task_id: str) -> Room:
    match = _ID.fullmatch(task_id)
    if match is None or match["kind"] not in TASK_TYPES or int(match["seed"]) > LARGEST_SEED:
        raise UnknownNameError(
            f"No generated game is called {task_id!r:.120}. Ids look like 'generated/{TASK_TYPES[0]}/17', or '17-easy' "
            f"and '17-hard' at the end; task types: {', '.join(TASK_TYPES)}; seeds up to {LARGEST_SEED}."
        )
    return Room(random.Random(task_id), match["kind"], SCALES[match["difficulty"] or "normal"])
