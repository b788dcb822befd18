"""`load_tasks`: tasks from JSON lines, Parquet, Hugging Face datasets or rows in memory."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, cast, get_args
from weakref import WeakValueDictionary

from stepgym.envs.rows import Row, file_stem, is_table, read_rows
from stepgym.envs.tasks import Task, TaskList, id_problem, prompt_problem
from stepgym.errors import InvalidInputError, unknown_name

OnError = Literal["raise", "skip"]
Build = Callable[[Mapping[str, Any], int, str], Task]
"""Makes a task of a row, its position from 0 and the name of its source; raises `InvalidInputError`."""

_PACKAGE_FILE = re.compile(r"(?P<module>[A-Za-z_]\w+(?:\.\w+)*):(?P<file>[^:\\]+)")
_loaded: WeakValueDictionary[tuple[Any, ...], TaskList] = WeakValueDictionary()


class UnusableRowError(InvalidInputError):
    """A row that is well formed but has no use (a published file is known to hold some): left out, always counted."""


@dataclass(frozen=True)
class ColumnMap:
    """Which column holds which field of a `Task`; all other columns go to `meta`, a column "meta" is spread into it.

    Attributes:
        id: Optional in the rows; without it the id is the source's name and the row's position, "train/17".
        prompt: Required.
        reference: Required; None is a value.
    """

    id: str = "id"
    prompt: str = "prompt"
    reference: str = "reference"

    @classmethod
    def of(cls, columns: Mapping[str, str] | None) -> ColumnMap:
        """A map given as `{"prompt": "question", "reference": "answer"}`."""
        known = [f.name for f in fields(cls)]
        for name in columns or {}:
            if name not in known:
                hint = 'columns maps fields of a Task to columns of your data: {"prompt": "question"}.'
                raise unknown_name("field of a task", name, known, hint=hint)
        return cls(**(columns or {}))

    def __call__(self, row: Mapping[str, Any], position: int, source: str) -> Task:
        """The task in `row`."""
        try:
            prompt, reference = row[self.prompt], row[self.reference]
        except KeyError as error:
            raise InvalidInputError(
                f"no column {error.args[0]!r}; there are {', '.join(map(repr, row)) or 'none'}. Name yours: "
                'columns={"prompt": ..., "reference": ...}'
            ) from None
        task_id = row.get(self.id)
        if task_id is None:
            task_id = f"{source}/{position}"
        elif type(task_id) is int:
            task_id = str(task_id)
        used = (self.id, self.prompt, self.reference)
        meta = {name: value for name, value in row.items() if name not in used}
        if isinstance(meta.get("meta"), Mapping):
            meta |= meta.pop("meta")
        return Task(task_id, prompt, reference, meta)


def load_tasks(
    source: str | PathLike[str] | Iterable[Task] | Iterable[Mapping[str, Any]],
    *,
    columns: Mapping[str, str] | None = None,
    on_error: OnError = "raise",
) -> TaskList:
    """The tasks of `source`.

    Args:
        source: One of
            * a file: `.jsonl`, `.ndjson` (one JSON object a line) or `.json` (the same, or one array), each also with
              `.gz`, or `.parquet` (needs the extra `data`);
            * "package.module:file", a file in the folder of an importable package or module;
            * rows in memory: mappings, or anything that yields them, such as one split of a Hugging Face dataset;
            * `Task` records.
        columns: The columns of prompt, reference and id where they have other names: `{"prompt": "question"}`.
        on_error: "raise" stops at the first bad row and names its line; "skip" leaves bad rows out and lists them in
            the `skipped` of the result.

    Raises:
        InvalidInputError: The source is missing, empty or of another form, or a row is bad.
    """
    if on_error not in get_args(OnError):
        raise InvalidInputError(f"on_error must be one of {get_args(OnError)}, got {on_error!r}")
    if isinstance(source, TaskList):
        return source
    if isinstance(source, str | PathLike):
        return load_file(find_file(fspath(source)), ColumnMap.of(columns), on_error=on_error)
    return collect_tasks(_rows_in_memory(source), _or_task(ColumnMap.of(columns)), name="task", on_error=on_error)


def load_file(path: Path, build: Build, *, on_error: OnError = "raise") -> TaskList:
    """The tasks of one file; read once while any environment holds them and the file does not change."""
    stamp = path.stat()
    key = (path, stamp.st_mtime_ns, stamp.st_size, build, on_error)
    tasks = _loaded.get(key)
    if tasks is None:
        tasks = collect_tasks(read_rows(path), build, name=str(path), source=file_stem(path), on_error=on_error)
        _loaded[key] = tasks
    return tasks


def collect_tasks(
    rows: Iterator[Row], build: Build, *, name: str, source: str | None = None, on_error: OnError = "raise"
) -> TaskList:
    """The tasks that `build` makes of `rows`, with the checks that every source needs."""
    tasks: list[Task] = []
    skipped: list[str] = []
    places: dict[str, str] = {}
    source = name if source is None else source
    for position, (place, row, problem) in enumerate(rows):
        task, unusable = None, False
        if row is not None:
            try:
                task = build(row, position, source)
                problem = id_problem(task.id) or prompt_problem(task.prompt)
                if not problem and task.id in places:
                    problem = f"the id {task.id!r:.80} was used before, at {places[task.id]}; ids must be unique"
            except InvalidInputError as error:
                problem, unusable = str(error), isinstance(error, UnusableRowError)
        if problem and on_error == "raise" and not unusable:
            raise InvalidInputError(f"{name}, {place}: {problem} (on_error='skip' leaves such rows out)")
        if problem or task is None:
            skipped.append(f"{place}: {problem}")
            continue
        places[task.id] = place
        tasks.append(task)
    return TaskList(tasks, name=name, skipped=skipped)


def find_file(source: str) -> Path:
    """The existing file that `source` names, as an absolute path; "package.module:file" is looked up beside it."""
    path = Path(source).expanduser()
    match = _PACKAGE_FILE.fullmatch(source)
    if "://" in source:
        raise InvalidInputError(f"{source}: expected a file on this machine; download it first")
    if not path.exists() and match is not None:
        path = _module_folder(match["module"], source) / match["file"]
    if not path.is_file():
        raise InvalidInputError(
            f"no file {source!r} (looked at {path.absolute()}). Expected .jsonl, .jsonl.gz or .parquet; a file inside "
            "an installed package is written 'package:file.jsonl'."
        )
    if not is_table(path):
        raise InvalidInputError(f"{source}: expected .jsonl, .ndjson, .json, one of them with .gz, or .parquet")
    return path.absolute()


def _module_folder(module: str, source: str) -> Path:
    try:
        spec = importlib.util.find_spec(module)
    except ImportError as error:
        raise InvalidInputError(f"{source!r}: the package {module!r} cannot be imported: {error}") from error
    if spec is None or spec.origin is None:
        raise InvalidInputError(f"{source!r}: there is no package {module!r} to look in")
    return Path(spec.origin).parent


def _rows_in_memory(source: Iterable[Any]) -> Iterator[Row]:
    if isinstance(source, Mapping):
        splits = ", ".join(map(repr, source))
        raise InvalidInputError(
            f"expected rows, got a mapping of {splits}; for a dataset choose a split: data['train']"
        )
    if not isinstance(source, Iterable):
        raise InvalidInputError(f"expected a file, rows or tasks, got {type(source).__name__}")
    for number, row in enumerate(source):
        if isinstance(row, Mapping | Task):
            yield f"row {number}", cast("Mapping[str, Any]", row), ""
        else:
            yield f"row {number}", None, f"expected a mapping or a Task, got {type(row).__name__}"


def _or_task(build: Build) -> Build:
    def task_of(row: Any, position: int, source: str) -> Task:
        return row if isinstance(row, Task) else build(row, position, source)

    return task_of
