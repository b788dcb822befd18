"""Environments own state and reward: tasks in, observations and rewards out.

The names below are loaded when first used, so that `import stepgym` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from stepgym.envs.registration import list_envs, load_plugins, make, register

if TYPE_CHECKING:
    from stepgym.envs.arithmetic import ArithmeticChainEnv as ArithmeticChainEnv
    from stepgym.envs.arithmetic import chain_task as chain_task
    from stepgym.envs.arithmetic import direct_solution as direct_solution
    from stepgym.envs.arithmetic import task_from_id as task_from_id
    from stepgym.envs.arithmetic import worked_solution as worked_solution
    from stepgym.envs.conformance import EnvReport as EnvReport
    from stepgym.envs.conformance import check_text_env as check_text_env
    from stepgym.envs.math import GSM8KEnv as GSM8KEnv
    from stepgym.envs.math import MATHEnv as MATHEnv
    from stepgym.envs.question import UNANSWERED as UNANSWERED
    from stepgym.envs.question import QuestionEnv as QuestionEnv
    from stepgym.envs.question import TaskEnv as TaskEnv
    from stepgym.envs.sources import load_tasks as load_tasks
    from stepgym.envs.tasks import Task as Task
    from stepgym.envs.tasks import TaskList as TaskList
    from stepgym.envs.tasks import check_tasks as check_tasks
    from stepgym.envs.text import Forkable as Forkable
    from stepgym.envs.text import TextEnv as TextEnv
    from stepgym.envs.text import TextSpace as TextSpace
    from stepgym.envs.vector import make_vec as make_vec

_LAZY = {
    # writing environments
    "Forkable": "stepgym.envs.text",
    "QuestionEnv": "stepgym.envs.question",
    "TaskEnv": "stepgym.envs.question",
    "TextEnv": "stepgym.envs.text",
    "TextSpace": "stepgym.envs.text",
    "UNANSWERED": "stepgym.envs.question",
    # tasks
    "Task": "stepgym.envs.tasks",
    "TaskList": "stepgym.envs.tasks",
    "check_tasks": "stepgym.envs.tasks",
    "load_tasks": "stepgym.envs.sources",
    # using and checking them
    "EnvReport": "stepgym.envs.conformance",
    "check_text_env": "stepgym.envs.conformance",
    "make_vec": "stepgym.envs.vector",
    # worlds
    "ArithmeticChainEnv": "stepgym.envs.arithmetic",
    "GSM8KEnv": "stepgym.envs.math",
    "MATHEnv": "stepgym.envs.math",
    "chain_task": "stepgym.envs.arithmetic",
    "direct_solution": "stepgym.envs.arithmetic",
    "task_from_id": "stepgym.envs.arithmetic",
    "worked_solution": "stepgym.envs.arithmetic",
}

__all__ = [
    # writing environments
    "UNANSWERED",
    # worlds
    "ArithmeticChainEnv",
    # checking them
    "EnvReport",
    "Forkable",
    "GSM8KEnv",
    "MATHEnv",
    "QuestionEnv",
    # tasks
    "Task",
    "TaskEnv",
    "TaskList",
    "TextEnv",
    "TextSpace",
    "chain_task",
    "check_tasks",
    "check_text_env",
    "direct_solution",
    # registering, finding and making them
    "list_envs",
    "load_plugins",
    "load_tasks",
    "make",
    "make_vec",
    "register",
    "task_from_id",
    "worked_solution",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'stepgym.envs' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
