"""`TaskEnv` and `QuestionEnv`: one task, one verifier, one answer or several tries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, Literal, get_args

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.sources import OnError, load_tasks
from stepgym.envs.tasks import Task, TaskList
from stepgym.envs.text import StepResult, TextEnv
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import Verdict, Verifier, get_verifier

Feedback = Literal["status", "reason"]

UNANSWERED = Verdict.undecided("no answer yet")
"""`info["verdict"]` of `reset`, so that the key has one type always."""


class TaskEnv(TextEnv):
    """A task is shown, a verifier judges the answer: the reward is 1.0 if it is correct, else 0.0.

    A subclass says where tasks come from: `draw_task` and `find_task`. `info` has two keys: "task", the task's id,
    and "verdict", the `Verdict` on the last action (after `reset` an undecided placeholder). An undecided verdict
    earns 0.0 and keeps its status in `info["verdict"].status`.

    The episode ends with `terminated` at a correct answer or at the last of `max_turns`; `truncated` is never set.
    The observation of the end is "". Between tries it is a short feedback text.

    Args:
        verifier: A verifier, or a name that finds one in any process: "math-answer", "package.module:Class".
        verifier_kwargs: Arguments for the constructor of a verifier given by name.
        max_turns: How many tries, at least 1.
        feedback: What is shown after a wrong try: "status" says that it was not right; "reason" also shows the
            verifier's reason, which may give the answer away.
        instructions: The answer format the environment expects, for agents to show.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    reset_options = ("task",)

    def __init__(
        self,
        verifier: str | Verifier,
        *,
        verifier_kwargs: Mapping[str, Any] | None = None,
        max_turns: int = 1,
        feedback: Feedback = "status",
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(instructions=instructions, actions=actions, render_mode=render_mode)
        if type(max_turns) is not int or max_turns < 1:
            raise InvalidInputError(f"max_turns must be an integer of at least 1, got {max_turns!r}")
        if feedback not in get_args(Feedback):
            raise InvalidInputError(f"feedback must be one of {get_args(Feedback)}, got {feedback!r}")
        self.verifier = _make_verifier(verifier, verifier_kwargs)
        self.max_turns = max_turns
        self.feedback = feedback
        self.verdict = UNANSWERED
        self._task: Task | None = None
        self._turn = 0

    @property
    def task(self) -> Task:
        """The current task, reference included; for experts and demonstrations, never for the policy."""
        if self._task is None:
            raise InvalidInputError("there is no task before the first reset()")
        return self._task

    def draw_task(self) -> Task:
        """A task drawn with `self.np_random`."""
        raise NotImplementedError(f"{type(self).__name__} must define draw_task()")

    def find_task(self, task_id: str) -> Task:
        """The task with this id; raises `UnknownNameError`."""
        raise NotImplementedError(f"{type(self).__name__} must define find_task(task_id)")

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The prompt of the task named in `options["task"]`, else of one that is drawn."""
        task_id = options.get("task")
        if task_id is None:
            task = self.draw_task()
        elif isinstance(task_id, str):
            task = self.find_task(task_id)
        else:
            raise UnknownNameError(f'options["task"] must be the id of a task, a str, got {task_id!r:.80}')
        self._task, self._turn, self.verdict = task, 0, UNANSWERED
        return task.prompt, {"task": task.id, "verdict": UNANSWERED}

    def on_step(self, action: str) -> StepResult:
        """Judge `action` as an answer to the task."""
        task = self.task
        self._turn += 1
        if len(action) > self.action_space.max_length:
            limit = self.action_space.max_length
            verdict = Verdict.undecided(f"the answer has {len(action)} characters, more than the {limit} that are read")
        else:
            verdict = self.verifier.verify(action, task.reference, context=task.prompt)
        self.verdict = verdict
        correct = verdict.status == "correct"
        over = correct or self._turn >= self.max_turns
        info = {"task": task.id, "verdict": verdict}
        return "" if over else self._try_again(verdict), 1.0 if correct else 0.0, over, False, info

    def frame(self) -> str:
        """The question, and after an answer the answer with the verdict and the spans it is about."""
        action, observation = self._shown or (None, "")
        parts = [self.task.prompt]
        if action is not None:
            parts += [f"> {action}", self.verdict.explain(action)]
            parts += [observation] if observation else []
        return "\n".join(parts)

    def get_state(self) -> dict[str, Any]:
        """The state of the episode, see `Forkable`."""
        return {**self.base_state(), "task": self._task, "turn": self._turn, "verdict": self.verdict}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, see `Forkable`."""
        self.restore_base_state(state)
        self._task, self._turn, self.verdict = state["task"], state["turn"], state["verdict"]

    def _try_again(self, verdict: Verdict) -> str:
        left = self.max_turns - self._turn
        what = "That could not be judged." if verdict.status == "undecided" else "That is not right."
        why = f" {verdict.reason[:2_000]}." if self.feedback == "reason" and verdict.reason else ""
        return f"{what}{why} Try again ({left} {'try' if left == 1 else 'tries'} left)."


class QuestionEnv(TaskEnv):
    """`TaskEnv` over a list of tasks: `reset` shows the one named in `options["task"]`, else draws one uniformly.

    Args:
        tasks: Anything `load_tasks` takes; a file ("units.jsonl", "package:units.jsonl") or rows of plain values keep
            the environment's spec portable.
        verifier: See `TaskEnv`, as for the arguments not named here.
        columns: Column map, see `load_tasks`.
        on_error: What to do with bad rows, see `load_tasks`.
    """

    def __init__(
        self,
        tasks: str | PathLike[str] | Iterable[Task] | Iterable[Mapping[str, Any]],
        verifier: str | Verifier,
        *,
        columns: Mapping[str, str] | None = None,
        on_error: OnError = "raise",
        verifier_kwargs: Mapping[str, Any] | None = None,
        max_turns: int = 1,
        feedback: Feedback = "status",
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(
            verifier,
            verifier_kwargs=verifier_kwargs,
            max_turns=max_turns,
            feedback=feedback,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )
        self.tasks: TaskList = load_tasks(tasks, columns=columns, on_error=on_error)

    def draw_task(self) -> Task:
        """One of `tasks`, drawn uniformly."""
        return self.tasks[int(self.np_random.integers(len(self.tasks)))]

    def find_task(self, task_id: str) -> Task:
        """The task with this id; raises `UnknownNameError`."""
        return self.tasks.find(task_id)


def _make_verifier(verifier: str | Verifier, kwargs: Mapping[str, Any] | None) -> Verifier:
    if isinstance(verifier, str):
        try:
            made = get_verifier(verifier, **(kwargs or {}))
        except TypeError as error:
            if not kwargs:
                raise
            raise InvalidInputError(f"verifier_kwargs do not fit {verifier}: {error}") from error
    elif kwargs:
        raise InvalidInputError("verifier_kwargs are for a verifier given by name; this one is made already")
    elif isinstance(verifier, type):
        made = verifier()
    else:
        made = verifier
    if not isinstance(made, Verifier):
        raise InvalidInputError(
            f"a verifier has a method verify(response, reference, *, context=''); {type(made).__name__} has none"
        )
    return made
