"""Environments own state and reward: tasks in, observations and rewards out."""

from __future__ import annotations

from stepgym.envs.arithmetic import ArithmeticChainEnv, chain_task, direct_solution, task_from_id, worked_solution
from stepgym.envs.conformance import EnvReport, check_text_env
from stepgym.envs.math import GSM8KEnv, MATHEnv
from stepgym.envs.question import UNANSWERED, QuestionEnv, TaskEnv
from stepgym.envs.registration import list_envs, load_plugins, make, register
from stepgym.envs.sources import load_tasks
from stepgym.envs.tasks import Task, TaskList, check_tasks
from stepgym.envs.text import Forkable, TextEnv, TextSpace
from stepgym.envs.vector import make_vec

__all__ = [
    "UNANSWERED",
    "ArithmeticChainEnv",
    "EnvReport",
    "Forkable",
    "GSM8KEnv",
    "MATHEnv",
    "QuestionEnv",
    "Task",
    "TaskEnv",
    "TaskList",
    "TextEnv",
    "TextSpace",
    "chain_task",
    "check_tasks",
    "check_text_env",
    "direct_solution",
    "list_envs",
    "load_plugins",
    "load_tasks",
    "make",
    "make_vec",
    "register",
    "task_from_id",
    "worked_solution",
]
