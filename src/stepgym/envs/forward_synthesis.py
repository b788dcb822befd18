"""`ForwardSynthesisEnv`: reactants and a reaction, and the product is to be written as a SMILES.

Ids such as "forward-synthesis/2/ester-formation/4711" hold the difficulty, the reaction and the seed of a task. Two
ids may ask the same question: keep sets of tasks apart by their prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.chemistry.random_molecules import check_difficulty
from stepgym.envs.chemistry.reaction_tasks import check_reactions, draw_reaction, reaction_of_slug, reactions_of, slug
from stepgym.envs.chemistry.solutions import ANSWER_FORMAT
from stepgym.envs.chemistry.solutions import write_solution as write_solution
from stepgym.envs.chemistry.task_env import MAX_SEED, ChemistryEnv, generator, read_id
from stepgym.envs.question import Feedback
from stepgym.envs.sources import OnError
from stepgym.envs.tasks import Task
from stepgym.errors import UnknownNameError

KIND = "forward-synthesis"
INSTRUCTIONS = (
    "Write the main organic product of the reaction, without water and salts; if it comes in several parts, put dots "
    f"between them. {ANSWER_FORMAT}"
)

_QUESTIONS = ("What is the product?", "Predict the product.", "What do these reactants give?")


class ForwardSynthesisEnv(ChemistryEnv):
    """Reactions of random building blocks without end, or those of Mol-Instructions from your file.

    A drawn task has exactly one product by construction; any SMILES of it is right. Up to difficulty 3 the prompt
    names the reaction, above it tells the reagents and conditions alone; building blocks grow.

    Args:
        difficulty: 1 (twelve easy reactions, short chains) to 5 (substituted chains and heterocycles).
        reactions: Names out of `stepgym.verifiers.molecule.reactions.REACTIONS`; None for those of the difficulty.
        path: A file with the task forward_reaction_prediction, see `MOL_INSTRUCTIONS_HELP`; None draws tasks.
        split: "train", "validation" or "test" of the file; None for all of it.
        on_error: "raise" or "skip" for rows of the file that cannot be used.
        max_turns: How many tries, see `TaskEnv`, as for the arguments that follow.
        feedback: What a wrong try is told.
        instructions: None for the answer format of this task.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    instructions = INSTRUCTIONS
    mol_instructions_task = "forward_reaction_prediction"

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
            "reaction-product",
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
        self.reactions = check_reactions(reactions, known=reactions_of(difficulty), path=path)

    def draw_new(self) -> Task:
        """A fresh reaction."""
        return forward_task(self.np_random, difficulty=self.difficulty, reactions=self.reactions)

    def find_new(self, task_id: str) -> Task:
        """The reaction that an id stands for, whatever the settings; raises `UnknownNameError`."""
        return forward_task_from_id(task_id)


def forward_task(
    seed: int | np.random.Generator, *, difficulty: int = 1, reactions: Sequence[str] | None = None
) -> Task:
    """A random reaction to predict, with the arguments of `ForwardSynthesisEnv`.

    With an integer `seed` it is the task of `reset(seed=seed)`; a generator is advanced.
    """
    check_difficulty(difficulty)
    names = check_reactions(reactions, known=reactions_of(difficulty))
    rng = generator(seed)
    return _task(difficulty, names[int(rng.integers(len(names)))], int(rng.integers(MAX_SEED)))


def forward_task_from_id(task_id: str) -> Task:
    """The task that an id stands for; raises `UnknownNameError` for any other text."""
    found = read_id(KIND, task_id)
    reaction = None if found is None else reaction_of_slug(found[1])
    if found is None or reaction is None:
        raise UnknownNameError(
            f"No forward synthesis is called {task_id!r:.80}. Ids look like '{KIND}/2/ester-formation/4711': "
            f"difficulty 1 to 5, the name of a reaction, a seed below {MAX_SEED}."
        )
    return _task(found[0], reaction, found[2])


def draw_tasks(count: int, seed: int, *, difficulty: int = 1, reactions: Sequence[str] | None = None) -> list[Task]:
    """`count` tasks from one seed; a few may be the same, above all at difficulty 1."""
    rng = generator(seed)
    return [forward_task(rng, difficulty=difficulty, reactions=reactions) for _ in range(count)]


def _task(difficulty: int, reaction: str, seed: int) -> Task:
    rng = generator(seed)
    example = draw_reaction(rng, reaction, difficulty)
    reactants = ".".join(example.reactants)
    if difficulty == 1:
        how = f"Reaction: {reaction}"
    elif difficulty <= 3:
        how = f"Reaction: {reaction} ({example.conditions})"
    else:
        how = f"Conditions: {example.conditions}"
    question = _QUESTIONS[int(rng.integers(len(_QUESTIONS)))]
    return Task(
        f"{KIND}/{difficulty}/{slug(reaction)}/{seed}",
        f"Reactants: {reactants}\n{how}\n{question}",
        {"reactants": reactants, "product": example.product, "reaction": reaction},
        {"difficulty": difficulty, "reaction": reaction, "asks": "product"},
    )
