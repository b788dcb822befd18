"""`MoleculeGenerationEnv`: a description, and a molecule that fits it is to be written as a SMILES.

Ids such as "molecule-generation/2/4711" hold the difficulty and the seed of a task. Two ids may ask the same question,
above all at difficulty 1: keep sets of tasks apart by their prompts.
"""

from __future__ import annotations

from os import PathLike

import numpy as np

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.chemistry.descriptions import describe
from stepgym.envs.chemistry.random_molecules import check_difficulty, random_molecule, shape_of
from stepgym.envs.chemistry.solutions import ANSWER_FORMAT
from stepgym.envs.chemistry.solutions import write_solution as write_solution
from stepgym.envs.chemistry.task_env import MAX_SEED, ChemistryEnv, generator, read_id
from stepgym.envs.question import Feedback
from stepgym.envs.sources import OnError
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers.molecule.molecules import canonical, parse

KIND = "molecule-generation"
INSTRUCTIONS = (
    f"Write one molecule that fits the description. Numbers are exact, ranges include their ends. {ANSWER_FORMAT}"
)

_DRAWS = 100
_MOST_ATOMS = {1: 14, 2: 20, 3: 30, 4: 40, 5: 60}


class MoleculeGenerationEnv(ChemistryEnv):
    """Descriptions of random molecules without end, or those of Mol-Instructions from your file.

    A drawn description counts functional groups, atoms and rings and from difficulty 4 on gives ranges of properties;
    whatever meets it is right, the molecule it was made from is one example. With `path=` the answer must be the
    molecule of the row. The groups are those of `stepgym.verifiers.molecule.groups`.

    Args:
        difficulty: 1 (a few atoms, one group) to 5 (rings, six groups, the formula, two properties).
        path: A file with the task description_guided_molecule_design, see `MOL_INSTRUCTIONS_HELP`; None draws tasks.
        split: "train", "validation" or "test" of the file; None for all of it.
        on_error: "raise" or "skip" for rows of the file that cannot be used.
        max_turns: How many tries, see `TaskEnv`, as for the arguments that follow.
        feedback: What a wrong try is told.
        instructions: None for the answer format of this task.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    instructions = INSTRUCTIONS
    mol_instructions_task = "description_guided_molecule_design"

    def __init__(
        self,
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
        super().__init__(
            "molecule",
            difficulty=difficulty,
            path=path,
            split=split,
            on_error=on_error,
            max_turns=max_turns,
            feedback=feedback,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )

    def draw_new(self) -> Task:
        """A fresh description."""
        return molecule_task(self.np_random, difficulty=self.difficulty)

    def find_new(self, task_id: str) -> Task:
        """The description that an id stands for; raises `UnknownNameError`."""
        return molecule_task_from_id(task_id)


def molecule_task(seed: int | np.random.Generator, *, difficulty: int = 1) -> Task:
    """A random description, with the arguments of `MoleculeGenerationEnv`.

    With an integer `seed` it is the task of `reset(seed=seed)`; a generator is advanced.
    """
    check_difficulty(difficulty)
    return _task(difficulty, int(generator(seed).integers(MAX_SEED)))


def molecule_task_from_id(task_id: str) -> Task:
    """The task that an id stands for; raises `UnknownNameError` for any other text."""
    found = read_id(KIND, task_id)
    if found is None or found[1] is not None:
        raise UnknownNameError(
            f"No molecule task is called {task_id!r:.80}. Ids look like '{KIND}/2/4711': difficulty 1 to 5, then a "
            f"seed below {MAX_SEED}."
        )
    return _task(found[0], found[2])


def draw_tasks(count: int, seed: int, *, difficulty: int = 1) -> list[Task]:
    """`count` tasks from one seed; a few may be the same, above all at difficulty 1."""
    rng = generator(seed)
    return [molecule_task(rng, difficulty=difficulty) for _ in range(count)]


def _task(difficulty: int, seed: int) -> Task:
    rng, shape = generator(seed), shape_of(difficulty)
    for _ in range(_DRAWS):
        molecule = parse(random_molecule(rng, shape))
        if molecule is None or molecule.GetNumHeavyAtoms() > _MOST_ATOMS[difficulty]:
            continue
        description = describe(rng, molecule, difficulty)
        if description is not None:
            reference = {"requirements": list(description.requirements), "smiles": canonical(molecule)}
            meta = {"difficulty": difficulty, "asks": "smiles"}
            return Task(f"{KIND}/{difficulty}/{seed}", description.text, reference, meta)
    raise InvalidInputError(f"{KIND}/{difficulty}/{seed}: no molecule that can be described in {_DRAWS} draws")
