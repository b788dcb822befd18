"""What `stepgym verify` judges: items of episode logs, JSON lines and CSV files, with their references."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO, cast

from stepgym.agents.episodes import Episode
from stepgym.agents.importers import prompt_id, read_references
from stepgym.agents.importers.columns import name_at, outcome_of, text_of, value_at
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.cli.terminal import remark
from stepgym.envs.rows import Row, is_table, read_rows
from stepgym.errors import InvalidInputError, StepgymError, unknown_name
from stepgym.verifiers.verdict import Status

FIELDS = ("response", "reference", "context", "label", "reward", "id", "prompt", "task")
MAX_FIELD = 1 << 20
"""Characters that one field of a CSV file may have."""

_SHOWN = 5
_LABELS: Mapping[str, Status] = {
    **dict.fromkeys(("correct", "right", "true", "yes", "1", "1.0"), "correct"),
    **dict.fromkeys(("wrong", "incorrect", "false", "no", "0", "0.0"), "wrong"),
    "undecided": "undecided",
}
_DRIVE = re.compile(r"[A-Za-z]:[\\/].*", re.DOTALL)
_NAMES_CODE = re.compile(r"[^\s:]+:[^\s:]+")


@dataclass(frozen=True, slots=True)
class Item:
    """One text to judge.

    Attributes:
        place: The id of the episode, or the line of the file.
        response, reference, context: As a verifier takes them.
        logged: Whether the log calls it a success; None without an outcome.
        expected: Its label, where labels are read.
    """

    place: str
    response: str
    reference: Any
    context: str = ""
    logged: bool | None = None
    expected: Status | None = None


@dataclass(slots=True)
class LeftOut:
    """What could not be judged; counted, and the first ones with their place and reason."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, place: str, reason: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(f"{place}: {' '.join(reason.split())[:300]}")

    def tell(self) -> None:
        """Say it on standard error, if there is anything to say."""
        if self.count:
            remark(f"{self.count:,} left out:")
            for line in self.first:
                remark(f"  {line}")
            if self.count > len(self.first):
                remark(f"  and {self.count - len(self.first):,} more")


@dataclass(frozen=True, slots=True)
class RowFormat:
    """How the rows of a file become items.

    Attributes:
        columns: Dotted paths by field, see `FIELDS`; a field that is not named is in the column of its own name.
        labelled: Whether a row needs a label.
        after: Only what follows the last occurrence of this text is the reference.
        json_references: Whether texts in the column of the references are JSON values.
    """

    columns: Mapping[str, str]
    labelled: bool = False
    after: str = ""
    json_references: bool = False

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in FIELDS:
                raise unknown_name("field", name, FIELDS, hint="It is written --column FIELD=PATH.")

    def path(self, name: str) -> str:
        """Where the field is."""
        return self.columns.get(name, name)

    def item(self, row: Mapping[str, Any], place: str) -> Item:
        """The item of a row; raises `InvalidInputError` if it is none."""
        name = name_at(row, self.columns.get("id"), "")
        context = value_at(row, self.columns["context"]) if "context" in self.columns else row.get("context")
        logged = outcome_of(value_at(row, self.columns["reward"]), "reward") if "reward" in self.columns else None
        return Item(
            place=f"{place} ({name})" if name else place,
            response=text_of(value_at(row, self.path("response")), self.path("response")),
            reference=self._reference(value_at(row, self.path("reference"))),
            context="" if context is None else text_of(context, self.path("context")),
            logged=None if logged is None else logged > 0,
            expected=self._label(row) if self.labelled else None,
        )

    def _reference(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = value.rpartition(self.after)[2].strip() if self.after else value
        if not self.json_references:
            return text
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"the reference is no JSON value: {error}") from error

    def _label(self, row: Mapping[str, Any]) -> Status:
        path = "expected" if "label" not in self.columns and "label" not in row else self.path("label")
        value = value_at(row, path)
        found = _LABELS.get(str(value).strip().lower()) if isinstance(value, str | bool | int | float) else None
        if found is None:
            raise InvalidInputError(
                f"{path!r} must be correct, wrong or undecided (or true and false, or 1 and 0), got {value!r:.40}"
            )
        return found


def items_of_rows(path: Path, form: RowFormat, left_out: LeftOut) -> Iterator[Item]:
    """The items of a CSV file, of JSON lines or of any other table, read as a stream."""
    for place, row, problem in rows_of(path):
        if row is None:
            left_out.add(place, problem)
            continue
        try:
            item = form.item(row, place)
        except InvalidInputError as error:
            left_out.add(place, str(error))
        else:
            yield item


def items_of_log(
    log: EpisodeLog, reference_of: Callable[[Episode], Any], left_out: LeftOut, *, last_only: bool = False
) -> Iterator[Item]:
    """The items of an episode log; an episode of several steps is one text, its actions joined by line ends.

    The context is the observation that the text answers: of joined actions the first, else the last one.
    """
    joined = 0
    for episode in log:
        if not episode.steps:
            left_out.add(episode.id, "the episode has no action")
            continue
        try:
            reference = reference_of(episode)
        except StepgymError as error:
            left_out.add(episode.id, f"no reference: {error}")
            continue
        steps = episode.steps[-1:] if last_only else episode.steps
        joined += len(steps) > 1
        text = "\n".join(step.action for step in steps)
        yield Item(episode.id, text, reference, steps[0].observation, episode.success)
    for problem in log.problems:
        left_out.add(f"line {problem.line}", problem.reason)
    left_out.count += log.problem_count - len(log.problems)
    if joined:
        remark(
            f"episodes of several steps: {joined:,}; their actions, joined by line ends, were judged as one answer to "
            "the first observation (--actions last judges the last action alone)"
        )


def is_episode_log(path: Path) -> bool:
    """Whether there is an episode log at `path`: a folder, or a file whose first record is an episode."""
    if path.is_dir():
        return True
    if not path.is_file():
        raise InvalidInputError(f"there is no file or folder {path}")
    if _is_csv(path) or path.name.endswith(".parquet"):
        return False
    record = next((row for _, row, _ in rows_of(path) if row is not None), {})
    return "schema" in record and "steps" in record


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a file, CSV included, each with its place or with what is wrong there."""
    if not path.is_file():
        raise InvalidInputError(f"there is no file {path}")
    if _is_csv(path):
        return _csv_rows(path)
    if not is_table(path):
        raise InvalidInputError(f"{path}: expected .csv, .tsv, .jsonl, .ndjson, .json (each also .gz) or .parquet")
    return read_rows(path)


def references_of_file(file: str, columns: Mapping[str, str], after: str) -> Callable[[Episode], Any]:
    """References by the id of the task, else by the prompt, which is the first observation."""
    named = {name: columns[name] for name in ("task", "prompt") if name in columns}
    places = [*named.items()] or [("task", "task_id"), ("task", "id"), ("prompt", "prompt")]
    reference = columns.get("reference", "reference")
    found: dict[str, Any] = {}
    for name, path in places:
        found |= read_references(file, columns={"reference": reference, name: path}, after=after)
    if not found:
        keys = " or ".join(repr(path) for _, path in places)
        raise InvalidInputError(
            f"{file}: no row has a reference in {reference!r} and its task in {keys}; say where they are, for example "
            "--column prompt=question --column reference=answer"
        )

    def reference_of(episode: Episode) -> Any:
        for key in (episode.task_id, prompt_id(episode.steps[0].observation)):
            if key in found:
                return found[key]
        raise InvalidInputError(f"{file} has none for the task {episode.task_id!r:.80}")

    return reference_of


class TaskReferences:
    """The references of the tasks of the environments that the episodes name; each environment is made once.

    A log may come from anywhere, so an environment whose arguments name code to import is not made.
    """

    def __init__(self) -> None:
        self._known: dict[str, Callable[[str], Any] | str] = {}

    def __call__(self, episode: Episode) -> Any:
        """The reference; raises a `StepgymError` that says why there is none."""
        try:
            key = json.dumps([episode.env_id, dict(episode.env_kwargs)], sort_keys=True)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInputError("the arguments of its environment are no table of JSON values") from error
        if key not in self._known:
            self._known[key] = _task_finder(episode)
        find = self._known[key]
        if isinstance(find, str):
            raise InvalidInputError(find)
        return find(episode.task_id).reference


def _task_finder(episode: Episode) -> Callable[[str], Any] | str:
    """What finds a task by its id, or the reason why nothing does."""
    import gymnasium

    from stepgym.envs import TaskEnv, make

    code = next(filter(_names_code, _texts([episode.env_id, dict(episode.env_kwargs)])), None)
    if code is not None:
        return f"{code!r:.80} names code to import, which is not done for a log; give --references FILE"
    kwargs = {name: value for name, value in episode.env_kwargs.items() if name != "render_mode"}
    try:
        env = make(episode.env_id, **kwargs)
    except (StepgymError, gymnasium.error.Error, OSError, TypeError, ValueError) as error:
        return f"{episode.env_id} cannot be made again ({error}); give --references FILE"
    if not isinstance(env.unwrapped, TaskEnv):
        env.close()
        return f"{episode.env_id} has no tasks with references"
    return lru_cache(4096)(env.unwrapped.find_task)


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping | list):
            waiting += item.values() if isinstance(item, Mapping) else item


def _names_code(text: str) -> bool:
    return _NAMES_CODE.fullmatch(text) is not None and _DRIVE.fullmatch(text) is None


def _is_csv(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith((".csv", ".tsv"))


def _csv_rows(path: Path) -> Iterator[Row]:
    """The rows under the header; each is named by the line it begins on."""
    delimiter = "\t" if path.name.removesuffix(".gz").endswith(".tsv") else ","
    before = csv.field_size_limit(MAX_FIELD)
    try:
        with _open(path) as file:
            header: list[str] = []
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            while True:
                place = f"line {reader.line_num + 1}"
                try:
                    fields = next(reader, None)
                except csv.Error as error:
                    yield place, None, f"not valid CSV: {error}"
                    continue
                except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                    yield place, None, f"the gzip file is damaged or cut off: {error}"
                    return
                if fields is None:
                    return
                if header and fields:
                    yield place, *_record(header, fields)
                elif fields:
                    header = _header(fields, path)
    finally:
        csv.field_size_limit(before)


def _header(fields: list[str], path: Path) -> list[str]:
    names = [name.strip() for name in fields]
    if len(set(names)) < len(names):
        raise InvalidInputError(f"{path}: two columns have one name: {', '.join(names)[:200]}")
    return names


def _record(header: list[str], fields: list[str]) -> tuple[Mapping[str, Any] | None, str]:
    if len(fields) != len(header):
        return None, f"has {len(fields)} fields, the header has {len(header)}"
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:
        return None, "not UTF-8"
    return dict(zip(header, fields, strict=True)), ""


def _open(path: Path) -> TextIO:
    # Bytes that are no UTF-8 become lone surrogates, so that only their row is refused.
    how: dict[str, str] = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
    if path.name.endswith(".gz"):
        return cast(TextIO, gzip.open(path, "rt", **how))  # type: ignore[call-overload]
    return path.open(**how)  # type: ignore[call-overload, no-any-return]
