"""`Task`, one problem, and `TaskList`, the tasks of a source."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from stepgym.errors import ConformanceError, InvalidInputError, unknown_name


@dataclass(frozen=True, slots=True)
class Task:
    """One problem.

    Attributes:
        id: Stable name, unique in its source; `reset(options={"task": id})` selects it.
        prompt: The text that is shown.
        reference: What the verifier needs to judge a response, any JSON value.
        meta: Anything else worth keeping (level, type, source), JSON values.
    """

    id: str
    prompt: str
    reference: Any
    meta: Mapping[str, Any] = field(default_factory=dict)


class TaskList(Sequence[Task]):
    """An immutable sequence of tasks that finds a task by its id.

    Args:
        tasks: At least one, with different ids.
        name: Where they come from, for messages.
        skipped: What was left out while reading, for example "line 17: not valid JSON".
    """

    def __init__(self, tasks: Iterable[Task], *, name: str = "the task list", skipped: Sequence[str] = ()) -> None:
        self.name = name
        self.skipped = tuple(skipped)
        self._tasks = tuple(tasks)
        self._by_id = {task.id: task for task in self._tasks}
        if not self._tasks:
            left_out = f" ({len(self.skipped)} rows were skipped, first: {self.skipped[0]})" if self.skipped else ""
            raise InvalidInputError(f"{name}: expected at least one task, got none{left_out}")
        if len(self._by_id) < len(self._tasks):
            raise InvalidInputError(f"{name}: {_duplicates(self._tasks)}")

    def find(self, task_id: str) -> Task:
        """The task with this id; raises `UnknownNameError`, which suggests near ids."""
        try:
            return self._by_id[task_id]
        except KeyError:
            # Comparing with every id of a large source would take minutes; near ids share a beginning.
            ids = sorted(self._by_id)
            place = bisect.bisect(ids, task_id)
            near = ids if len(ids) <= 1_000 else ids[max(0, place - 500) : place + 500]
            raise unknown_name("task", task_id, near, hint=f"({self.name} has {len(ids)} tasks.)") from None

    def __len__(self) -> int:
        return len(self._tasks)

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Task, ...]: ...
    def __getitem__(self, index: int | slice) -> Task | tuple[Task, ...]:
        return self._tasks[index]

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def __deepcopy__(self, memo: dict[int, Any]) -> TaskList:
        return self  # immutable; Gymnasium copies the arguments of every environment it makes

    def __repr__(self) -> str:
        skipped = f", skipped={len(self.skipped)}" if self.skipped else ""
        return f"TaskList({self.name!r}, tasks={len(self)}{skipped})"


def check_tasks(tasks: Iterable[Task]) -> TaskList:
    """The tasks as a `TaskList`, after checking each one; raises `ConformanceError` naming the first broken promise.

    Ids are texts and different, prompts are texts with something in them that UTF-8 can hold, references and meta
    survive a JSON round trip unchanged.
    """
    seen: set[str] = set()
    checked: list[Task] = []
    for number, task in enumerate(tasks):
        if not isinstance(task, Task):
            raise ConformanceError(f"task {number}: expected a stepgym.envs.Task, got {type(task).__name__}")
        where = f"task {number} ({task.id!r:.80})"
        problem = id_problem(task.id) or prompt_problem(task.prompt) or _json_problem(task)
        if task.id in seen:
            problem = "its id was used before; ids must be unique"
        if problem:
            raise ConformanceError(f"{where}: {problem}")
        seen.add(task.id)
        checked.append(task)
    if not checked:
        raise ConformanceError("expected at least one task, got none")
    return TaskList(checked)


def id_problem(value: Any) -> str:
    """What is wrong with a task id, or ""."""
    return "" if isinstance(value, str) and value else f"the id must be a text that is not empty, got {value!r:.80}"


def prompt_problem(value: Any) -> str:
    """What is wrong with a prompt, or ""."""
    if not isinstance(value, str):
        return f"the prompt must be a text, got {type(value).__name__}"
    if not value or value.isspace():
        return "the prompt is empty"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            return f"the prompt holds half a surrogate pair at character {error.start}, which UTF-8 cannot store"
    return ""


def _json_problem(task: Task) -> str:
    for name, value in (("reference", task.reference), ("meta", dict(task.meta))):
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            return f"the {name} is no JSON value: {error}"
        if json.loads(text) != value:
            return f"the {name} changes in a JSON round trip (tuples and keys that are not texts do)"
    return ""


def _duplicates(tasks: Sequence[Task]) -> str:
    first: dict[str, int] = {}
    for number, task in enumerate(tasks):
        if task.id in first:
            return f"the id {task.id!r:.80} is used twice (tasks {first[task.id]} and {number}); ids must be unique"
        first[task.id] = number
    return ""
