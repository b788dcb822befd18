"""The quickstart's tasks and demonstrations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stepgym.agents import Episode, Step
from stepgym.envs import Task
from stepgym.envs.arithmetic import chain_task, direct_solution
from stepgym.quickstart.settings import QuickstartSettings

ENV_ID = "stepgym/ArithmeticChain-v0"


@dataclass(frozen=True, slots=True)
class Tasks:
    """Distinct tasks; the demonstrations use none of them that is in `test`."""

    train: tuple[Task, ...]
    test: tuple[Task, ...]


def draw_tasks(settings: QuickstartSettings) -> Tasks:
    """Disjoint training and test tasks, drawn from `settings.seed`."""
    rng = np.random.default_rng([settings.seed, 0])
    tasks: dict[str, Task] = {}
    while len(tasks) < settings.train_tasks + settings.test_tasks:
        task = chain_task(rng, operands=settings.operands, modulus=settings.modulus)
        tasks[task.id] = task
    drawn = tuple(tasks.values())
    return Tasks(drawn[settings.test_tasks :], drawn[: settings.test_tasks])


def demonstrations(settings: QuickstartSettings, tasks: Tasks) -> Iterator[Episode]:
    """Demonstrations of mixed quality, on tasks outside the test set.

    With probability `settings.habit` the demonstrator guesses an answer at once, else works step by step, with a slip
    now and then. Nothing here says which is which: supervised fine-tuning does not look at the outcome.
    """
    rng = np.random.default_rng([settings.seed, 1])
    held_back = {task.id for task in tasks.test}
    made = 0
    while made < settings.demonstrations:
        task = chain_task(rng, operands=settings.operands, modulus=settings.modulus)
        if task.id in held_back:
            continue
        guesses = rng.random() < settings.habit
        guess = int(rng.integers(settings.modulus))
        if guesses:
            action, answer = direct_solution(task, guess), guess
        else:
            action, answer = _worked(task, settings, rng)
        reward = float(answer == task.reference["answer"])
        yield Episode(
            id=f"demonstration-{made}",
            env_id=ENV_ID,
            env_kwargs={"operands": settings.operands, "modulus": settings.modulus},
            task_id=task.id,
            steps=(Step(task.prompt, action, reward=reward, terminated=True),),
            outcome=reward,
            policy="demonstrator",
        )
        made += 1


def _worked(task: Task, settings: QuickstartSettings, rng: np.random.Generator) -> tuple[str, int]:
    """A worked solution and its answer; like `worked_solution`, but each line may hold a slip."""
    left, *operands = task.reference["operands"]
    lines = []
    for operand in operands:
        result = (left + operand) % settings.modulus
        if rng.random() < settings.slip:
            result = int((result + rng.integers(1, settings.modulus)) % settings.modulus)
        lines.append(f"{left}+{operand}={result}")
        left = result
    return "\n".join([*lines, f"answer {left}"]), left
