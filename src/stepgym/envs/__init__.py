"""Environments own state and reward: tasks in, observations and rewards out.

The names below are loaded when first used, so that `import stepgym` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from stepgym.envs.registration import list_envs, load_plugins, make, register

if TYPE_CHECKING:
    from stepgym.envs.actions import ActionFormat as ActionFormat
    from stepgym.envs.actions import ReadActions as ReadActions
    from stepgym.envs.actions import Reading as Reading
    from stepgym.envs.actions import action_format as action_format
    from stepgym.envs.actions import read_action as read_action
    from stepgym.envs.arithmetic import ArithmeticChainEnv as ArithmeticChainEnv
    from stepgym.envs.arithmetic import chain_task as chain_task
    from stepgym.envs.arithmetic import direct_solution as direct_solution
    from stepgym.envs.arithmetic import task_from_id as task_from_id
    from stepgym.envs.arithmetic import worked_solution as worked_solution
    from stepgym.envs.conformance import EnvReport as EnvReport
    from stepgym.envs.conformance import check_text_env as check_text_env
    from stepgym.envs.constraints import ConstraintsEnv as ConstraintsEnv
    from stepgym.envs.countdown import CountdownEnv as CountdownEnv
    from stepgym.envs.countdown import countdown_from_id as countdown_from_id
    from stepgym.envs.countdown import countdown_task as countdown_task
    from stepgym.envs.expressions import expression_from_id as expression_from_id
    from stepgym.envs.expressions import expression_steps as expression_steps
    from stepgym.envs.expressions import expression_task as expression_task
    from stepgym.envs.forward_synthesis import ForwardSynthesisEnv as ForwardSynthesisEnv
    from stepgym.envs.game24 import Game24Env as Game24Env
    from stepgym.envs.game24 import game24_task as game24_task
    from stepgym.envs.math import GSM8KEnv as GSM8KEnv
    from stepgym.envs.math import MATHEnv as MATHEnv
    from stepgym.envs.math_steps import MathStepsEnv as MathStepsEnv
    from stepgym.envs.molecule_generation import MoleculeGenerationEnv as MoleculeGenerationEnv
    from stepgym.envs.multi_hop_qa import MultiHopQAEnv as MultiHopQAEnv
    from stepgym.envs.number_game import NumberGameEnv as NumberGameEnv
    from stepgym.envs.number_solutions import solution_expression as solution_expression
    from stepgym.envs.number_solutions import solution_lines as solution_lines
    from stepgym.envs.pseudo_to_cpp import PseudoToCppEnv as PseudoToCppEnv
    from stepgym.envs.question import UNANSWERED as UNANSWERED
    from stepgym.envs.question import QuestionEnv as QuestionEnv
    from stepgym.envs.question import TaskEnv as TaskEnv
    from stepgym.envs.retrosynthesis import RetrosynthesisEnv as RetrosynthesisEnv
    from stepgym.envs.sources import load_tasks as load_tasks
    from stepgym.envs.tasks import Task as Task
    from stepgym.envs.tasks import TaskList as TaskList
    from stepgym.envs.tasks import check_tasks as check_tasks
    from stepgym.envs.text import Forkable as Forkable
    from stepgym.envs.text import TextEnv as TextEnv
    from stepgym.envs.text import TextSpace as TextSpace
    from stepgym.envs.tool_math import ToolMathEnv as ToolMathEnv
    from stepgym.envs.vector import make_vec as make_vec

_LAZY = {
    # reading actions
    "ActionFormat": "stepgym.envs.actions",
    "ReadActions": "stepgym.envs.actions",
    "Reading": "stepgym.envs.actions",
    "action_format": "stepgym.envs.actions",
    "read_action": "stepgym.envs.actions",
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
    "ConstraintsEnv": "stepgym.envs.constraints",
    "CountdownEnv": "stepgym.envs.countdown",
    "countdown_from_id": "stepgym.envs.countdown",
    "countdown_task": "stepgym.envs.countdown",
    "ForwardSynthesisEnv": "stepgym.envs.forward_synthesis",
    "Game24Env": "stepgym.envs.game24",
    "NumberGameEnv": "stepgym.envs.number_game",
    "game24_task": "stepgym.envs.game24",
    "solution_expression": "stepgym.envs.number_solutions",
    "solution_lines": "stepgym.envs.number_solutions",
    "MathStepsEnv": "stepgym.envs.math_steps",
    "expression_from_id": "stepgym.envs.expressions",
    "expression_steps": "stepgym.envs.expressions",
    "expression_task": "stepgym.envs.expressions",
    "MoleculeGenerationEnv": "stepgym.envs.molecule_generation",
    "PseudoToCppEnv": "stepgym.envs.pseudo_to_cpp",
    "RetrosynthesisEnv": "stepgym.envs.retrosynthesis",
    "GSM8KEnv": "stepgym.envs.math",
    "ToolMathEnv": "stepgym.envs.tool_math",
    "MultiHopQAEnv": "stepgym.envs.multi_hop_qa",
    "MATHEnv": "stepgym.envs.math",
    "chain_task": "stepgym.envs.arithmetic",
    "direct_solution": "stepgym.envs.arithmetic",
    "task_from_id": "stepgym.envs.arithmetic",
    "worked_solution": "stepgym.envs.arithmetic",
}

__all__ = [
    # writing environments
    "UNANSWERED",
    # reading actions
    "ActionFormat",
    # worlds
    "ArithmeticChainEnv",
    "ConstraintsEnv",
    "CountdownEnv",
    # checking them
    "EnvReport",
    "Forkable",
    "ForwardSynthesisEnv",
    "GSM8KEnv",
    "Game24Env",
    "MATHEnv",
    "MathStepsEnv",
    "MoleculeGenerationEnv",
    "MultiHopQAEnv",
    "NumberGameEnv",
    "PseudoToCppEnv",
    "QuestionEnv",
    "ReadActions",
    "Reading",
    "RetrosynthesisEnv",
    # tasks
    "Task",
    "TaskEnv",
    "TaskList",
    "TextEnv",
    "TextSpace",
    "ToolMathEnv",
    "action_format",
    "chain_task",
    "check_tasks",
    "check_text_env",
    "countdown_from_id",
    "countdown_task",
    "direct_solution",
    "expression_from_id",
    "expression_steps",
    "expression_task",
    "game24_task",
    # registering, finding and making them
    "list_envs",
    "load_plugins",
    "load_tasks",
    "make",
    "make_vec",
    "read_action",
    "register",
    "solution_expression",
    "solution_lines",
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
