"""`Game24Env`: make 24 of four numbers, random ones or the classic puzzles.

A puzzle is `Make 24 from 4, 7, 8, 8.`; its id "game24/4,7,8,8" spells it out, so two puzzles are the same exactly if
their ids are equal, wherever they come from. Texts of solutions are `stepgym.envs.solution_expression` and
`stepgym.envs.solution_lines`.

Puzzles 901 to 1000 of the list of 4nums.com are the usual test set since Yao et al., "Tree of Thoughts",
https://arxiv.org/abs/2305.10601, section 4.1.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.number_game import Mode as Mode
from stepgym.envs.number_game import NumberGameEnv as NumberGameEnv
from stepgym.envs.number_solutions import solution_expression as solution_expression
from stepgym.envs.number_solutions import solution_lines as solution_lines
from stepgym.envs.question import Feedback
from stepgym.envs.rows import Row
from stepgym.envs.sources import OnError, collect_tasks
from stepgym.envs.tasks import Task, TaskList
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers.countdown import OPERATIONS, can_reach

GAME24_HELP = (
    "The classic puzzles are not part of stepgym. path= names a .csv or .csv.gz file with columns Rank and Puzzles, "
    "rows such as '1,1 1 4 6'; without path= puzzles are drawn at random."
)
SPLITS = ("train", "test")
_TEST_RANKS = range(901, 1001)
_ID = re.compile(r"game24/(?P<numbers>[1-9][0-9]{0,3}(?:,[1-9][0-9]{0,3}){1,5})")
_DRAWS = 10_000


class Game24Env(NumberGameEnv):
    """The Game of 24: random solvable puzzles without end, or the classic ones from your file.

    Random numbers are uniform in 1 to `largest`, drawn again until 24 can be made. With `largest=13` (cards) they are
    the classic puzzles, those of the test split included: to train without them, take `path=` and `split="train"`.
    `options={"task": id}` takes any id that spells out a solvable puzzle.

    Args:
        path: A file of puzzles, see `GAME24_HELP`; None draws them.
        split: "test" for the ranks 901 to 1000 of the file, "train" for all others, None for all.
        on_error: "raise" or "skip" for rows of the file that cannot be read or solved.
        numbers: How many numbers are drawn, 3 to 6.
        largest: The largest number drawn, 4 to 1000.
        mode: See `NumberGameEnv`, as for the arguments that follow.
        operations: The allowed ones of `+-*/`.
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
        path: str | PathLike[str] | None = None,
        split: str | None = None,
        on_error: OnError = "raise",
        numbers: int = 4,
        largest: int = 13,
        mode: Mode = "answer",
        operations: str = OPERATIONS,
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
            end_at_dead_end=end_at_dead_end,
            max_turns=max_turns,
            feedback=feedback,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )
        if type(numbers) is not int or not 3 <= numbers <= 6:
            raise InvalidInputError(f"numbers must be an integer from 3 to 6, got {numbers!r}")
        if type(largest) is not int or not 4 <= largest <= 1_000:
            raise InvalidInputError(f"largest must be an integer from 4 to 1000, got {largest!r}")
        if path is None and split is not None:
            raise InvalidInputError(f"split={split!r} needs path=. {GAME24_HELP}")
        if path is not None and (numbers, largest) != (4, 13):
            raise InvalidInputError("numbers and largest are for random puzzles; leave them out with path=")
        self.tasks: TaskList | None = (
            None if path is None else self.load(path, split=split, on_error=on_error, operations=operations)
        )
        self.numbers = numbers
        self.largest = largest

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        *,
        split: str | None = None,
        on_error: OnError = "raise",
        operations: str = OPERATIONS,
    ) -> TaskList:
        """The puzzles of a file, without an environment around them; `task.meta` has "rank" and "solved_rate"."""
        if split is not None and split not in SPLITS:
            raise InvalidInputError(f"split must be one of {SPLITS}, got {split!r}")
        place = Path(path).expanduser()
        if not place.is_file() or not place.name.removesuffix(".gz").endswith(".csv"):
            raise InvalidInputError(f"{place} is no .csv or .csv.gz file. {GAME24_HELP}")

        def build(row: Mapping[str, Any], position: int, source: str) -> Task:
            task = _task_of_row(row)
            if not can_reach(task.reference["numbers"], operations=operations):
                raise InvalidInputError(f"24 cannot be made of {row['Puzzles']} with {operations}")
            return task

        return collect_tasks(_csv_rows(place, split), build, name=str(place), on_error=on_error)

    def draw_task(self) -> Task:
        """A puzzle of the file, drawn uniformly, or a random one."""
        if self.tasks is not None:
            return self.tasks[int(self.np_random.integers(len(self.tasks)))]
        return game24_task(self.np_random, numbers=self.numbers, largest=self.largest, operations=self.operations)

    def find_task(self, task_id: str) -> Task:
        """The puzzle of the file with this id, else the one that the id spells out."""
        if self.tasks is not None:
            return self.tasks.find(task_id)
        return self.check_solvable(_task_from_id(task_id))


def game24_task(
    seed: int | np.random.Generator, *, numbers: int = 4, largest: int = 13, operations: str = OPERATIONS
) -> Task:
    """A random solvable puzzle, with the arguments of `Game24Env`.

    With an integer `seed` it is the task of `reset(seed=seed)`; a generator is advanced.
    """
    rng = seed if isinstance(seed, np.random.Generator) else np.random.Generator(np.random.PCG64(seed))
    for _ in range(_DRAWS):
        drawn = sorted(rng.integers(1, largest + 1, size=numbers).tolist())
        if can_reach(drawn, operations=operations):
            return _task(drawn)
    raise InvalidInputError(
        f"no puzzle of {numbers} numbers up to {largest} that {operations} can solve in {_DRAWS} draws; "
        "allow more operations or larger numbers"
    )


def _task(numbers: Sequence[int], meta: Mapping[str, Any] | None = None) -> Task:
    shown = ", ".join(map(str, numbers))
    reference = {"numbers": list(numbers), "target": 24}
    return Task(f"game24/{shown.replace(' ', '')}", f"Make 24 from {shown}.", reference, dict(meta or {}))


def _task_from_id(task_id: str) -> Task:
    match = _ID.fullmatch(task_id)
    numbers = [int(number) for number in match["numbers"].split(",")] if match else []
    if not numbers or numbers != sorted(numbers):
        raise UnknownNameError(
            f"No Game of 24 is called {task_id!r:.80}. Ids look like 'game24/4,7,8,8': 2 to 6 numbers in rising order."
        )
    return _task(numbers)


def _task_of_row(row: Mapping[str, Any]) -> Task:
    text = row.get("Puzzles")
    if text is None:
        raise InvalidInputError(f"no column 'Puzzles'; there are {', '.join(map(repr, row))}")
    if not re.fullmatch(r" *[0-9]{1,3}(?: +[0-9]{1,3}){1,5} *", text):
        raise InvalidInputError(f"expected 2 to 6 numbers with spaces between, got {text!r:.80}")
    meta: dict[str, Any] = {"rank": row["rank"]}
    rate = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]+)?)%", row.get("Solved rate") or "")
    if rate is not None:
        meta["solved_rate"] = round(float(rate[1]) / 100, 6)
    return _task(sorted(map(int, text.split())), meta)


def _csv_rows(path: Path, split: str | None) -> Iterator[Row]:
    """The rows of a split, each with its whole number "rank": the column Rank, else counted from 1."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.name.endswith(".gz") else data).decode("utf-8-sig")
        for number, row in enumerate(csv.DictReader(io.StringIO(text)), 1):
            rank = row.get("Rank") or str(number)
            if not re.fullmatch("[0-9]{1,9}", rank):
                yield f"row {number}", None, f"expected a whole number as Rank, got {rank!r:.80}"
            elif split is None or (split == "test") == (int(rank) in _TEST_RANKS):
                yield f"row {number}", {**row, "rank": int(rank)}, ""
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
