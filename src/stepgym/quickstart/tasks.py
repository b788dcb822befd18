"""The quickstart's tasks and demonstrations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stepgym.agents import Episode, Step
from stepgym.envs import Task
from stepgym.envs.arithmetic import chain_task, direct_solution, worked_solution
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

    With probability `settings.habit` the demonstrator guesses an answer at once, else works step by step. Nothing
    here says which is which: the outcome is not used by supervised fine-tuning.
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
        action = direct_solution(task, guess) if guesses else worked_solution(task)
        reward = float(not guesses or guess == task.reference["answer"])
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
