"""Which kind a task is of: read from the task's own description, or from its id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium

from stepgym.envs.tasks import Task
from stepgym.errors import UnknownNameError

KEYS = ("type", "level", "subject", "difficulty", "category")
"""What of `Task.meta` sorts tasks, where its values are texts or whole numbers."""

_LONGEST = 80


def task_groups(env: gymnasium.Env[Any, Any], task_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """For each way of sorting the tasks, the group of each task id that has one.

    An environment that finds tasks by id (`find_task`, as every `stepgym.envs.TaskEnv`) is asked for `Task.meta`, of
    which the `KEYS` sort: the levels and subjects of MATH, for example. The ids of ALFWorld's games name their task
    type. Other environments may have a method `task_groups(task_id)` that returns a mapping like
    `{"type": "two objects"}`, which then decides alone.
    """
    world = env.unwrapped
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for task_id in task_ids:
        for by, group in _groups(world, task_id).items():
            if isinstance(group, str | int) and not isinstance(group, bool) and str(group):
                found[by][task_id] = str(group)[:_LONGEST]
    return dict(found)


def _groups(world: Any, task_id: str) -> Mapping[str, Any]:
    own = getattr(world, "task_groups", None)
    if callable(own):
        return dict(own(task_id))
    find = getattr(world, "find_task", None)
    if callable(find):
        try:
            task = find(task_id)
        except UnknownNameError:
            return {}  # a task that was drawn and has no id of its own
        return {key: task.meta[key] for key in KEYS if key in task.meta} if isinstance(task, Task) else {}
    kind = _alfworld_type(task_id)
    return {"type": kind} if kind else {}


def _alfworld_type(task_id: str) -> str:
    """The task type in "generated/TYPE/7" and "valid_seen/TYPE-Mug-None-Shelf-20/trial_1", "" elsewhere."""
    from stepgym.envs.alfworld.world import TASK_TYPES

    parts = (part.partition("-")[0] for part in task_id.split("/"))
    return next((part for part in parts if part in TASK_TYPES), "")
