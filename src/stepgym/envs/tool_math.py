"""`ToolMathEnv`: word problems with a calculator.

The tool use of SWiRL (Goldie et al. 2025, https://arxiv.org/abs/2504.04736, section 2.3): an expression inside
`<math_exp>` tags, at most ten of them, the value as `expression -> value`, the answer inside `<answer>` tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.math import GSM8KEnv
from stepgym.envs.sources import OnError
from stepgym.envs.tasks import Task, TaskList
from stepgym.envs.tools.calculator import calculate
from stepgym.envs.tools.tool_env import ToolEnv
from stepgym.envs.tools.turns import ANSWER
from stepgym.envs.tools.word_problems import LARGEST, STEPS, draw_word_problem, word_problem_from_id
from stepgym.errors import InvalidInputError
from stepgym.verifiers import AnswerConventions, Verifier

TAG = "math_exp"
"""The tag of the calculator."""

_ANNOTATION = re.compile(r"<<([^<>=]{1,200})=")


class ToolMathEnv(ToolEnv):
    """Word problems with a calculator; turns, limits and `info` are those of `ToolEnv`.

    Without `path` the problems are made up: a story of two to six calculations with one exact answer, without end;
    ids hold their seed and settings. With `path` they are those of GSM8K or of a file in its format, with the ids of
    `GSM8KEnv`. The calculator is `stepgym.envs.tools.calculate`.

    Args:
        path: A folder or file, see `GSM8K_HELP`; None makes problems up.
        split: "train" or "test"; only with `path`.
        on_error: "raise" or "skip" for rows of the file that cannot be read.
        steps: How many calculations a made-up problem takes, from 2 to 6, or the smallest and the largest number.
        largest: Bound on the numbers in the text of a made-up problem, 10 to 1000.
        max_calls: How many calculations.
        verifier: Judges answers, see `TaskEnv`. Without `path` and `verifier_kwargs`, "math-answer" reads a percent
            sign in answers as a hundredth: no made-up problem asks for a percentage, so `3000%` is not 3000.
        verifier_kwargs: Arguments for a verifier given by name.
        instructions: None for instructions that name the tags and the limit.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    tag = TAG
    usage = "Solve the problem with the help of a calculator: <{tag}>3 * (4 + 5)</{tag}> brings the value."

    def __init__(
        self,
        *,
        path: str | PathLike[str] | None = None,
        split: str | None = None,
        on_error: OnError = "raise",
        steps: int | Sequence[int] = (2, 6),
        largest: int = 60,
        max_calls: int = 10,
        verifier: str | Verifier = "math-answer",
        verifier_kwargs: Mapping[str, Any] | None = None,
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        if path is None and verifier == "math-answer" and verifier_kwargs is None:
            verifier_kwargs = {"conventions": AnswerConventions(percent="value")}
        super().__init__(
            verifier,
            verifier_kwargs=verifier_kwargs,
            max_calls=max_calls,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )
        given = (steps, steps) if isinstance(steps, int) else tuple(steps)
        if len(given) != 2 or any(type(n) is not int or n not in STEPS for n in given) or given[0] > given[1]:
            raise InvalidInputError(f"steps must be a number from 2 to 6, or two such as (2, 6), got {steps!r:.80}")
        if type(largest) is not int or largest not in LARGEST:
            raise InvalidInputError(f"largest must be an integer from 10 to 1000, got {largest!r:.80}")
        if path is None and split is not None:
            raise InvalidInputError(f"split={split!r} needs path=; without it problems are made up")
        if path is not None and (given, largest) != ((2, 6), 60):
            raise InvalidInputError("steps and largest make problems up; leave them out with path=")
        self.tasks: TaskList | None = None if path is None else GSM8KEnv.load(path, split=split, on_error=on_error)
        self.steps = range(given[0], given[1] + 1)
        self.largest = largest

    def draw_task(self) -> Task:
        """A problem of the file, drawn uniformly, or a fresh one."""
        if self.tasks is not None:
            return self.tasks[int(self.np_random.integers(len(self.tasks)))]
        return draw_word_problem(self.np_random, steps=self.steps, largest=self.largest)

    def find_task(self, task_id: str) -> Task:
        """The problem of the file with this id, or the one that the id names."""
        return word_problem_from_id(task_id) if self.tasks is None else self.tasks.find(task_id)

    def call(self, argument: str) -> str:
        """The value of an expression, or "error: ..."."""
        return calculate(argument)

    def expert_action(self) -> str:
        """The next calculation of the task's own solution, or the answer; raises `InvalidInputError` without one."""
        steps = calculator_steps(self.task)
        if len(steps) - 1 > self.max_calls:
            raise InvalidInputError(f"the solution of {self.task.id!r:.80} takes more than {self.max_calls} calls")
        return self.written(steps[min(self._turn, len(steps) - 1)])


def calculator_steps(task: Task) -> list[str]:
    """The actions of a perfect solver: one calculation per turn, then the answer.

    The calculations are those of a made-up problem, or the annotations `<<48/2=24>>` of a GSM8K solution.

    Raises:
        InvalidInputError: The task brings no calculations.
    """
    calculations = task.meta.get("calculations") or _ANNOTATION.findall(str(task.meta.get("solution") or ""))
    if not calculations:
        raise InvalidInputError(f"the task {task.id!r:.80} brings no calculations to show")
    # GSM8K repeats a few of its calculations.
    once = list(dict.fromkeys(str(calculation).strip() for calculation in calculations))
    return [*(f"<{TAG}>{text}</{TAG}>" for text in once), f"<{ANSWER}>{task.reference}</{ANSWER}>"]
