"""`RetrosynthesisEnv`: a product, and reactants that give it are to be written as a SMILES.

Ids such as "retrosynthesis/2/ester-formation/4711" hold the difficulty, the reaction and the seed of a task. Two ids
may ask the same question: keep sets of tasks apart by their prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.chemistry.random_molecules import check_difficulty
from stepgym.envs.chemistry.reaction_tasks import (
    check_reactions,
    draw_reaction,
    gives_one_part,
    reaction_of_slug,
    reactions_of,
    slug,
)
from stepgym.envs.chemistry.solutions import ANSWER_FORMAT
from stepgym.envs.chemistry.solutions import write_solution as write_solution
from stepgym.envs.chemistry.task_env import MAX_SEED, ChemistryEnv, generator, read_id
from stepgym.envs.question import Feedback
from stepgym.envs.sources import OnError
from stepgym.envs.tasks import Task
from stepgym.errors import UnknownNameError

KIND = "retrosynthesis"
INSTRUCTIONS = (
    "Write reactants that give the product in one step, with dots between them; leave out reagents, catalysts and "
    f"solvents. {ANSWER_FORMAT}"
)

_QUESTIONS = ("Which reactants give it?", "Suggest the reactants.", "What can it be made from?")


class RetrosynthesisEnv(ChemistryEnv):
    """Products of random building blocks without end, or those of Mol-Instructions from your file.

    Up to difficulty 3 a hint names a reaction that works, above there is none. The reactants that the product was made
    from are right, and so are others that any reaction of `stepgym.verifiers.molecule.reactions.REACTIONS` turns into
    it. Reactions whose product comes in several parts (hydrolyses) are not asked.

    Args:
        difficulty: 1 (twelve easy reactions, short chains) to 5 (substituted chains and heterocycles).
        reactions: Names out of `stepgym.verifiers.molecule.reactions.REACTIONS`; None for those of the difficulty.
        path: A file with the task retrosynthesis, see `MOL_INSTRUCTIONS_HELP`; None draws tasks.
        split: "train", "validation" or "test" of the file; None for all of it.
        on_error: "raise" or "skip" for rows of the file that cannot be used.
        max_turns: How many tries, see `TaskEnv`, as for the arguments that follow.
        feedback: What a wrong try is told.
        instructions: None for the answer format of this task.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    instructions = INSTRUCTIONS
    mol_instructions_task = "retrosynthesis"

    def __init__(
        self,
        *,
        difficulty: int = 1,
        reactions: Sequence[str] | None = None,
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
            "reactants",
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
        self.reactions = check_reactions(
            reactions, known=retrosynthesis_reactions(difficulty), path=path, one_part=True
        )

    def draw_new(self) -> Task:
        """A fresh product."""
        return retrosynthesis_task(self.np_random, difficulty=self.difficulty, reactions=self.reactions)

    def find_new(self, task_id: str) -> Task:
        """The product that an id stands for, whatever the settings; raises `UnknownNameError`."""
        return retrosynthesis_task_from_id(task_id)


def retrosynthesis_reactions(difficulty: int) -> tuple[str, ...]:
    """The reactions of a difficulty whose product comes in one part."""
    return tuple(name for name in reactions_of(difficulty) if gives_one_part(name))


def retrosynthesis_task(
    seed: int | np.random.Generator, *, difficulty: int = 1, reactions: Sequence[str] | None = None
) -> Task:
    """A random product to take apart, with the arguments of `RetrosynthesisEnv`.

    With an integer `seed` it is the task of `reset(seed=seed)`; a generator is advanced.
    """
    check_difficulty(difficulty)
    names = check_reactions(reactions, known=retrosynthesis_reactions(difficulty), one_part=True)
    rng = generator(seed)
    return _task(difficulty, names[int(rng.integers(len(names)))], int(rng.integers(MAX_SEED)))


def retrosynthesis_task_from_id(task_id: str) -> Task:
    """The task that an id stands for; raises `UnknownNameError` for any other text."""
    found = read_id(KIND, task_id)
    reaction = None if found is None else reaction_of_slug(found[1])
    if found is None or reaction is None or not gives_one_part(reaction):
        raise UnknownNameError(
            f"No retrosynthesis is called {task_id!r:.80}. Ids look like '{KIND}/2/ester-formation/4711': difficulty "
            f"1 to 5, the name of a reaction with one product, a seed below {MAX_SEED}."
        )
    return _task(found[0], reaction, found[2])


def draw_tasks(count: int, seed: int, *, difficulty: int = 1, reactions: Sequence[str] | None = None) -> list[Task]:
    """`count` tasks from one seed; a few may be the same, above all at difficulty 1."""
    rng = generator(seed)
    return [retrosynthesis_task(rng, difficulty=difficulty, reactions=reactions) for _ in range(count)]


def _task(difficulty: int, reaction: str, seed: int) -> Task:
    rng = generator(seed)
    example = draw_reaction(rng, reaction, difficulty)
    lines = [f"Product: {example.product}"]
    reference = {"product": example.product, "reactants": ".".join(example.reactants)}
    if difficulty <= 3:
        lines.append(f"Hint: {reaction}" if difficulty == 1 else f"Hint: {reaction} ({example.conditions})")
        reference["reaction"] = reaction
    lines.append(_QUESTIONS[int(rng.integers(len(_QUESTIONS)))])
    return Task(
        f"{KIND}/{difficulty}/{slug(reaction)}/{seed}",
        "\n".join(lines),
        reference,
        {"difficulty": difficulty, "reaction": reaction, "asks": "reactants"},
    )
