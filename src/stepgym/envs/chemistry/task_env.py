"""`ChemistryEnv`: what the chemistry environments share: drawn tasks with seeds as ids, or tasks of a file."""

from __future__ import annotations

import re
from os import PathLike
from typing import ClassVar

import numpy as np

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.chemistry.mol_instructions import MOL_INSTRUCTIONS_HELP, MolTask, load_mol_instructions
from stepgym.envs.chemistry.random_molecules import check_difficulty
from stepgym.envs.question import Feedback, TaskEnv
from stepgym.envs.sources import OnError
from stepgym.envs.tasks import Task, TaskList
from stepgym.errors import InvalidInputError, require

MAX_SEED = 2**31
"""Seeds of drawn tasks are below this."""

_ID = re.compile(r"(?P<kind>[a-z-]+)/(?P<difficulty>[1-5])(?:/(?P<name>[a-z0-9-]{1,80}))?/(?P<seed>0|[1-9][0-9]{0,9})")


class ChemistryEnv(TaskEnv):
    """Tasks about molecules whose answer is a SMILES; a subclass says which, in `draw_new` and `find_new`.

    Args:
        verifier: The name of the verifier.
        difficulty: 1 to 5, of drawn tasks.
        path: A file of Mol-Instructions, see `MOL_INSTRUCTIONS_HELP`; None draws tasks.
        split: "train", "validation" or "test" of the file; None for all of it.
        on_error: "raise" or "skip" for rows of the file that cannot be used.
        max_turns: How many tries, see `TaskEnv`, as for the arguments that follow.
        feedback: What a wrong try is told.
        instructions: None for the answer format of the class.
        actions: How actions are read out of what a model wrote.
        render_mode: None, "ansi" or "human".

    Raises:
        MissingExtraError: RDKit is not installed; the message names the extra.
    """

    mol_instructions_task: ClassVar[MolTask]
    """The task of Mol-Instructions that `path` may hold."""

    def __init__(
        self,
        verifier: str,
        *,
        difficulty: int = 1,
        path: str | PathLike[str] | None = None,
        split: str | None = None,
        on_error: OnError = "raise",
        max_turns: int = 1,
        feedback: Feedback = "status",
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        require("rdkit.Chem", extra="chem")
        super().__init__(
            verifier,
            max_turns=max_turns,
            feedback=feedback,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )
        check_difficulty(difficulty)
        if path is None and split is not None:
            raise InvalidInputError(f"split={split!r} needs path=. {MOL_INSTRUCTIONS_HELP}")
        if path is not None and difficulty != 1:
            raise InvalidInputError("difficulty is for drawn tasks; leave it out with path=")
        self.difficulty = difficulty
        self.tasks: TaskList | None = None if path is None else self.load(path, split=split, on_error=on_error)

    @classmethod
    def load(cls, path: str | PathLike[str], *, split: str | None = None, on_error: OnError = "raise") -> TaskList:
        """The tasks of a file of Mol-Instructions, without an environment around them."""
        return load_mol_instructions(path, cls.mol_instructions_task, split=split, on_error=on_error)

    def draw_new(self) -> Task:
        """A new task, drawn with `self.np_random`."""
        raise NotImplementedError(f"{type(self).__name__} must define draw_new()")

    def find_new(self, task_id: str) -> Task:
        """The task that an id of `draw_new` stands for; raises `UnknownNameError`."""
        raise NotImplementedError(f"{type(self).__name__} must define find_new(task_id)")

    def draw_task(self) -> Task:
        """A task of the file, drawn uniformly, or a new one."""
        if self.tasks is not None:
            return self.tasks[int(self.np_random.integers(len(self.tasks)))]
        return self.draw_new()

    def find_task(self, task_id: str) -> Task:
        """The task of the file with this id, else the one that the id spells out."""
        return self.find_new(task_id) if self.tasks is None else self.tasks.find(task_id)


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """A generator as it is, or a new one from a seed, the same as `reset(seed=seed)` makes."""
    return seed if isinstance(seed, np.random.Generator) else np.random.Generator(np.random.PCG64(seed))


def read_id(kind: str, task_id: str) -> tuple[int, str | None, int] | None:
    """Difficulty, name and seed that an id such as "forward-synthesis/2/ester-formation/17" holds, else None."""
    match = _ID.fullmatch(task_id)
    if match is None or match["kind"] != kind or int(match["seed"]) >= MAX_SEED:
        return None
    return int(match["difficulty"]), match["name"], int(match["seed"])
