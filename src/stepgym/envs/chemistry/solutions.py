"""`write_solution`: a right answer to a chemistry task, in the form that the instructions ask for."""

from __future__ import annotations

from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError

ANSWER_FORMAT = "Write SMILES. End with the answer as <SMILES>...</SMILES>, or as the last line, alone."


def write_solution(task: Task, *, tags: bool = True) -> str:
    """The reference answer of a task of one of the chemistry environments, for demonstrations.

    Args:
        task: A task that was drawn, found by its id, or loaded.
        tags: Whether to put it between <SMILES> and </SMILES>, else it is a line of its own.
    """
    asks, reference = task.meta.get("asks"), task.reference
    if not isinstance(reference, dict) or asks not in reference:
        raise InvalidInputError(
            f"expected a task of a chemistry environment, with 'asks' in its meta, got {task.id!r:.80}"
        )
    answer = str(reference[asks])
    return f"<SMILES>{answer}</SMILES>" if tags else answer
