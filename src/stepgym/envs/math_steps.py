"""`MathStepsEnv`: a solution written one reasoning step per action, each step checked as it comes.

Without data the tasks are expressions such as `Compute 3 * (4 + 15) - 8.`, see `stepgym.envs.expressions`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any, Literal, get_args

import numpy as np

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.expressions import OPERATIONS as OPERATIONS
from stepgym.envs.expressions import check_expression_settings
from stepgym.envs.expressions import expression_from_id as expression_from_id
from stepgym.envs.expressions import expression_steps as expression_steps
from stepgym.envs.expressions import expression_task as expression_task
from stepgym.envs.question import TaskEnv
from stepgym.envs.sources import OnError, load_tasks
from stepgym.envs.step_messages import StepFeedback, step_message
from stepgym.envs.tasks import Task, TaskList
from stepgym.envs.text import StepResult
from stepgym.errors import InvalidInputError
from stepgym.verifiers.steps.verifier import MathStepsVerifier, check_steps
from stepgym.verifiers.verdict import Verdict
from stepgym.verifiers.verifier import Verifier

Source = Literal["expressions", "gsm8k", "math", "tasks"]

INSTRUCTIONS = (
    "Solve the problem one step per turn. A step is a sentence or a calculation such as '48 / 2 = 24'. End with a turn "
    "that says 'The answer is ' and the final answer."
)
STEP_REWARDS = ("proved", "unknown", "refuted")
FINAL_REWARDS = ("correct", "wrong", "undecided")

_SIGNED = MathStepsVerifier.name
_FINAL = re.compile(
    r"####|\\(?:boxed|fbox)\b|<answer>|\banswers?\b[ \t*]{0,4}(?:is\b|are\b|:|=)|^[ \t*]{0,8}A:|"
    r"^[ \t*]{0,8}(?:the )?(?:final )?answer\b",
    re.IGNORECASE | re.MULTILINE,
)
_MAX_CHARACTERS = 50_000


class MathStepsEnv(TaskEnv):
    """The agent writes a solution step by step; each action is one step, whatever its length.

    Every step is checked by `check_steps` in the light of the question and the steps before it. `info["verdict"]` is
    about the action, spans included: wrong when a calculation in it is refuted, correct when one is proved and none
    refuted, undecided when there is nothing to check; that says nothing about the final answer.

    The episode ends with `terminated` at a step that holds a final answer (`####`, a box, "the answer is", a line that
    begins with "answer"); its verdict is the one on that answer. It ends with `truncated` after `max_steps` steps
    without one, and the verdict is wrong. Steps beyond 50,000 characters in all are undecided and not kept.

    Rewards add up: each step earns `step_reward` by what was found in it, and the end earns `final_reward` by the
    verdict on the answer. The default is the outcome alone. The log takes the sum as the outcome of an episode, so with
    a positive reward for proved steps a failed episode may count as a success; and in an undiscounted return such a
    reward pays for length.

    Findings in `info["verdict"]` re-check against `solution`, the text so far, when they rest on earlier steps.

    Args:
        source: "expressions" (procedural), "gsm8k" or "math" (the published formats, from `path`), or "tasks" (what
            `load_tasks` takes, from `path`; the reference is the final answer).
        path: Where the tasks are; needed for all sources but "expressions".
        split: As in `GSM8KEnv` and `MATHEnv`.
        columns: As in `load_tasks`; only for "tasks".
        on_error: "raise" or "skip" for rows that cannot be read.
        operands: How many numbers an expression has, 2 to 12.
        largest: The largest number in it, 2 to 1000.
        operations: The operations in it, out of `+-*/`.
        verifier: Judges the final answer, see `TaskEnv`.
        verifier_kwargs: Arguments for a verifier given by name.
        feedback: What the next observation says about a step: "hidden" nothing, "message" the verifier's messages,
            "certificate" every finding with what it is about and its evidence.
        step_reward: A number r for `{"proved": r, "unknown": 0, "refuted": -r}`, or such a mapping.
        final_reward: A number r for `{"correct": r, "wrong": 0, "undecided": 0}`, or such a mapping.
        sound: Whether one refuted step makes the final verdict wrong whatever the answer.
        max_steps: How many steps, at least 1.
        instructions: None for the instructions of this environment.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    instructions = INSTRUCTIONS

    def __init__(
        self,
        *,
        source: Source = "expressions",
        path: str | PathLike[str] | None = None,
        split: str | None = None,
        columns: Mapping[str, str] | None = None,
        on_error: OnError = "raise",
        operands: int = 4,
        largest: int = 20,
        operations: str = OPERATIONS,
        verifier: str | Verifier = "math-answer",
        verifier_kwargs: Mapping[str, Any] | None = None,
        feedback: StepFeedback = "message",
        step_reward: float | Mapping[str, float] = 0.0,
        final_reward: float | Mapping[str, float] = 1.0,
        sound: bool = False,
        max_steps: int = 20,
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        if feedback not in get_args(StepFeedback):
            raise InvalidInputError(f"feedback must be one of {get_args(StepFeedback)}, got {feedback!r}")
        if type(max_steps) is not int or max_steps < 1:
            raise InvalidInputError(f"max_steps must be an integer of at least 1, got {max_steps!r}")
        check_expression_settings(operands, largest, operations)
        super().__init__(
            verifier,
            verifier_kwargs=verifier_kwargs,
            max_turns=max_steps,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )
        self.step_feedback = feedback
        self.step_reward = _rewards("step_reward", step_reward, STEP_REWARDS, (1.0, 0.0, -1.0))
        self.final_reward = _rewards("final_reward", final_reward, FINAL_REWARDS, (1.0, 0.0, 0.0))
        self.sound = sound
        self.max_steps = max_steps
        self.operands = operands
        self.largest = largest
        self.operations = operations
        self.tasks = _load(source, path, split=split, columns=columns, on_error=on_error)
        self._solution = ""
        self._refuted = ""

    @property
    def solution(self) -> str:
        """The steps so far, one after the other on lines of their own."""
        return self._solution

    def draw_task(self) -> Task:
        """A fresh expression, or a task of the source, drawn uniformly."""
        if self.tasks is not None:
            return self.tasks[int(self.np_random.integers(len(self.tasks)))]
        return expression_task(self.np_random, operands=self.operands, largest=self.largest, operations=self.operations)

    def find_task(self, task_id: str) -> Task:
        """The task of the source with this id, or the expression that it spells out."""
        return expression_from_id(task_id) if self.tasks is None else self.tasks.find(task_id)

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The question."""
        self._solution, self._refuted = "", ""
        return super().on_reset(options)

    def on_step(self, action: str) -> StepResult:
        """Check one step, and the answer if it holds one."""
        task = self.task
        self._turn += 1
        step = self._check_step(action)
        reward = self.step_reward[{"correct": "proved", "wrong": "refuted"}.get(step.status, "unknown")]
        kept = len(action) <= _MAX_CHARACTERS
        terminated = kept and _FINAL.search(action) is not None
        truncated = not terminated and self._turn >= self.max_steps
        verdict = step
        if terminated:
            verdict = self._judge(action, step)
        elif truncated:
            verdict = Verdict("wrong", 0.0, step.findings, f"no answer in {self.max_steps} steps", _SIGNED)
        over = terminated or truncated
        if over:
            reward += self.final_reward[verdict.status]
        self.verdict = verdict
        info = {"task": task.id, "verdict": verdict}
        observation = "" if over else step_message(action, step, self.step_feedback, self.max_steps - self._turn)
        return observation, float(reward), terminated, truncated, info

    def expert_action(self) -> str:
        """The next step of the task's own solution; raises `InvalidInputError` where a task brings none."""
        if self.tasks is None:
            steps = expression_steps(self.task)
        else:
            steps = [line for line in str(self.task.meta.get("solution") or "").split("\n") if line.strip()]
        if not steps:
            raise InvalidInputError(f"the task {self.task.id!r:.80} brings no solution to show")
        return self.written(steps[min(self._turn, len(steps) - 1)])

    def get_state(self) -> dict[str, Any]:
        """The state of the episode, see `Forkable`."""
        return {**super().get_state(), "solution": self._solution, "refuted": self._refuted}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, see `Forkable`."""
        super().set_state(state)
        self._solution, self._refuted = state["solution"], state["refuted"]

    def _check_step(self, action: str) -> Verdict:
        """The verdict on the calculations of `action`, which is added to the solution."""
        start = len(self._solution) + 1 if self._solution else 0
        if start + len(action) > _MAX_CHARACTERS:
            return Verdict.undecided(f"the solution is longer than {_MAX_CHARACTERS} characters", verifier=_SIGNED)
        self._solution = f"{self._solution}\n{action}" if start else action
        findings = [
            replace(finding, start=finding.start - start, end=finding.end - start)
            for finding in check_steps(self._solution, self.task.prompt)
            if finding.start >= start
        ]
        refuted = [finding for finding in findings if finding.severity in ("refuted", "fatal")]
        if refuted:
            self._refuted = self._refuted or refuted[0].message
            return Verdict.wrong(*findings, reason=refuted[0].message, verifier=_SIGNED)
        proved = [f for f in findings if f.severity == "proved" and f.kind != "final-line"]
        if proved:
            return Verdict.correct(*findings, reason=proved[0].message, verifier=_SIGNED)
        return Verdict.undecided("no calculation that can be checked", *findings, verifier=_SIGNED)

    def _judge(self, action: str, step: Verdict) -> Verdict:
        """The verdict on the final answer in `action`, with the findings on its calculations."""
        answer = self.verifier.verify(action, self.task.reference, context=self.task.prompt)
        findings = tuple(sorted([*step.findings, *answer.findings], key=lambda finding: (finding.start, finding.end)))
        if self.sound and self._refuted:
            return Verdict("wrong", 0.0, findings, f"a step is wrong: {self._refuted}", answer.verifier)
        return replace(answer, findings=findings)


def _load(
    source: str,
    path: str | PathLike[str] | None,
    *,
    split: str | None,
    columns: Mapping[str, str] | None,
    on_error: OnError,
) -> TaskList | None:
    """The tasks of a source, None for expressions."""
    if source not in get_args(Source):
        raise InvalidInputError(f"source must be one of {get_args(Source)}, got {source!r}")
    if (path is None) != (source == "expressions"):
        wanted = "takes no path=; name the format, source='gsm8k', 'math' or 'tasks'" if path else "needs path="
        raise InvalidInputError(f"source={source!r} {wanted}")
    if columns is not None and source != "tasks":
        raise InvalidInputError(f"columns= is for source='tasks', not for {source!r}")
    if split is not None and source not in ("gsm8k", "math"):
        raise InvalidInputError(f"split= is for source='gsm8k' or 'math', not for {source!r}")
    if path is None:
        return None
    if source == "tasks":
        return load_tasks(path, columns=columns, on_error=on_error)
    from stepgym.envs.math import GSM8KEnv, MATHEnv

    return (GSM8KEnv if source == "gsm8k" else MATHEnv).load(path, split=split, on_error=on_error)


def _rewards(
    name: str, given: float | Mapping[str, float], keys: tuple[str, ...], factors: tuple[float, ...]
) -> dict[str, float]:
    """One finite reward per key, from a mapping or from one number."""
    if isinstance(given, Mapping):
        values = [given.get(key, 0.0) for key in keys]
        known = set(given) <= set(keys)
    else:
        values, known = [given * factor if _is_number(given) else given for factor in factors], True
    if not known or not all(map(_is_number, values)):
        raise InvalidInputError(f"{name} must be a finite number or a mapping of {', '.join(keys)}, got {given!r:.80}")
    return dict(zip(keys, map(float, values), strict=True))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
