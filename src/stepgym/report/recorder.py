"""`RunRecorder`: writes the files of a run folder as the run goes on, so that a broken run can be reported too."""

from __future__ import annotations

import json
import logging
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stepgym.agents.evaluation.records import Comparison, Evaluation
from stepgym.agents.log.lock import LOG_LOCK, RUN_LOCK, FolderLock
from stepgym.errors import InvalidInputError

logger = logging.getLogger(__name__)
_VERSIONS_OF = ("stepgym", "torch", "transformers", "gymnasium", "numpy")


@dataclass(slots=True)
class RunRecorder:
    """Records one run in `folder`; every change is on disk at once.

    Attributes:
        folder: The run folder; made if absent.
        title, kind: What the report is headed with; `kind` is "quickstart", "train" or "evaluate".
        command: The command line that repeats the run.
        config: The resolved settings, JSON values.
        seeds: The seeds used.
    """

    folder: Path
    title: str
    kind: str
    command: str
    config: Mapping[str, Any] = field(default_factory=dict)
    seeds: Sequence[int] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_info()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measures the wall time of a phase; phases of one name add up."""
        logger.info("%s", name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
            self._write_info()

    def note(self, text: str) -> None:
        """A remark that the report shows."""
        self.notes.append(text)
        self._write_info()

    def add(self, *records: Evaluation | Comparison) -> None:
        """Evaluations and comparisons for the report."""
        for record in records:
            if isinstance(record, Evaluation):
                self.evaluations.append(record)
            else:
                self.comparisons.append(record)
        self.write_json(
            "evaluations.json",
            {
                "evaluations": [e.to_dict() for e in self.evaluations],
                "comparisons": [c.to_dict() for c in self.comparisons],
            },
        )

    def add_trace(self, trace: Mapping[str, Any]) -> None:
        """One line of `value_traces.jsonl`."""
        with (self.folder / "value_traces.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(trace) + "\n")

    def metrics_path(self, name: str) -> Path:
        """Where the learning curve `name` belongs."""
        return self.folder / "metrics" / f"{name}.jsonl"

    def write_json(self, name: str, data: Any) -> None:
        """Write a file of the run folder whole, or not at all."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(data, indent=2, default=str) + "\n", encoding="utf-8")
        partial.replace(path)

    def _write_info(self) -> None:
        self.write_json(
            "run.json",
            {
                "title": self.title,
                "kind": self.kind,
                "command": self.command,
                "started": self.started,
                "config": self.config,
                "versions": {"python": platform.python_version()} | _versions(),
                "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
                "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
                "seeds": list(self.seeds),
                "notes": self.notes,
            },
        )


def claim_folder(folder: Path, *, overwrite: bool = False, resume: bool = False) -> Path:
    """`folder`, made if absent; raises `InvalidInputError` if it holds something and neither flag is given.

    With `overwrite`, what an earlier run recorded there is removed: run folders only, never anything else, and nothing
    while another process writes to the folder or to a log inside it; that raises `InvalidInputError`, too.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"{folder} is a file: give a folder to write to")
    if folder.is_dir() and any(folder.iterdir()) and not resume:
        if not overwrite:
            raise InvalidInputError(
                f"{folder} is not empty: give another --out, or --overwrite to replace the run in it"
            )
        if not (folder / "run.json").is_file():
            raise InvalidInputError(f"{folder} is not a run folder (no run.json): it is not overwritten")
        _remove_run(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def command_line() -> str:
    """The command that was typed, for the report."""
    import shlex

    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _remove_run(folder: Path) -> None:
    import shutil

    with ExitStack() as stack:
        lock = FolderLock(folder)
        stack.callback(lock.release)
        inner = [path for name in (LOG_LOCK, RUN_LOCK) for path in folder.rglob(name) if path.is_file()]
        for path in inner:
            if path != folder / LOG_LOCK:
                stack.callback(FolderLock(path.parent, name=path.name).release)
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != folder / LOG_LOCK:
                path.unlink()
        lock.remove()  # last: until then nobody begins to write here


def _versions() -> dict[str, str]:
    found = {}
    for name in _VERSIONS_OF:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
