"""`EpisodeLog`: episodes on disk, one JSON line each, written at once and read as a stream."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast, get_args

from stepgym.agents.episodes import Episode
from stepgym.agents.log import jsonlines
from stepgym.agents.log import lines as log_lines
from stepgym.agents.log.folder import (
    EPISODES,
    METADATA,
    file_to_read,
    mend_tail,
    read_metadata,
    stamp,
    sync_folder,
    write_metadata,
)
from stepgym.agents.log.jsonlines import Problem
from stepgym.agents.log.lock import FolderLock
from stepgym.agents.log.sync import Syncer
from stepgym.agents.log.task_split import split_by_task as split_by_task
from stepgym.errors import InvalidInputError, StepgymError

Mode = Literal["r", "a", "x"]
OnError = Literal["skip", "raise"]

_PROBLEMS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class _Contents:
    """What one whole pass over the file found, and the state of the file it is true for."""

    stamp: tuple[int, int]
    ids: set[str]
    problems: tuple[Problem, ...]
    problem_count: int


class EpisodeLog:
    """The episodes of a folder (or of one `.jsonl` / `.jsonl.gz` file, read only), iterable as `Episode`s.

    The folder holds `episodes.jsonl` (one episode a line, each with its schema version) and `log.json` (when and by
    which version it was begun, and `meta`). `append` writes an episode at once with a single write, so that a killed
    process loses no finished episode; a thread syncs the file to disk once a second, and `close` does. A last line
    that was cut off is ignored by readers and removed when the log is next opened for writing. Iteration streams:
    memory does not grow with the episodes, only with their ids.

    Args:
        path: A folder, or for reading also a single file.
        mode: "r" reads; "a" appends and makes the folder where needed; "x" is "a" but refuses a log that has episodes.
            "a" and "x" hold a lock, a second writer is refused.
        on_error: What to do with a line that is no episode or repeats an id: "skip" it and list it in `problems`,
            or "raise". A cut-off last line is never raised.
        meta: JSON values to keep in `log.json` (merged over those already there); only when writing.

    Raises:
        InvalidInputError: the path is missing or no log, another writer is at work, or the mode is unknown.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        mode: Mode = "r",
        *,
        on_error: OnError = "skip",
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        if mode not in get_args(Mode):
            raise InvalidInputError(f"mode must be one of {get_args(Mode)}, got {mode!r}")
        if on_error not in get_args(OnError):
            raise InvalidInputError(f"on_error must be one of {get_args(OnError)}, got {on_error!r}")
        self.path = Path(path)
        self.mode: Mode = mode
        self.on_error: OnError = on_error
        self.meta: dict[str, Any] = {}
        self._contents: _Contents | None = None
        self._descriptor = -1
        self._lock: FolderLock | None = None
        self._guard = threading.Lock()
        if mode == "r":
            self._file = file_to_read(self.path)
            self.meta = read_metadata(self._file)
        else:
            self._file = self.path / EPISODES
            self._open_for_writing(dict(meta or {}))

    def append(self, episode: Episode) -> None:
        """Write `episode` at once; raises `InvalidInputError` for an id that is already there."""
        line = log_lines.encode(episode)
        with self._guard:
            if self._descriptor < 0 or self._owner != os.getpid():
                raise InvalidInputError(f"{self.path} is not open for writing here; open EpisodeLog(path, mode='a')")
            if episode.id in self._ids:
                raise InvalidInputError(f"{self.path} already has an episode with the id {episode.id!r}")
            self._write(line)
            self._ids.add(episode.id)

    def extend(self, episodes: Iterable[Episode]) -> int:
        """Append each of `episodes`; returns how many."""
        count = 0
        for episode in episodes:
            self.append(episode)
            count += 1
        return count

    def close(self) -> None:
        """Sync to disk and let the next writer in; a second call does nothing."""
        with self._guard:
            if self._descriptor >= 0:
                descriptor, self._descriptor = self._descriptor, -1
                try:
                    if self._owner == os.getpid():
                        self._syncer.close()
                except OSError as error:
                    raise self._cannot_write(error) from error
                finally:
                    os.close(descriptor)
                    self._unlock()
            else:
                self._unlock()

    def __enter__(self) -> EpisodeLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Episode]:
        """The episodes in the order they were written, read as a stream.

        Roll-outs are written as they end: the first ones of a task are the short ones. To take a few, go by ids
        (`balanced`, `split_by_task` do).
        """
        before, ids, problems, count = stamp(self._file), set[str](), list[Problem](), 0
        for number, line, torn in jsonlines.lines(self._file):
            episode = None
            if torn is None:
                try:
                    episode = log_lines.decode(line)
                    reason = f"repeats the id {episode.id!r}" if episode.id in ids else ""
                except (ValueError, RecursionError) as error:
                    reason = jsonlines.reason(error)
            else:
                # A last line without its newline may still be whole: files written by other tools often end so.
                episode, reason = log_lines.try_decode(line, otherwise=torn)
                if episode is not None and episode.id in ids:
                    reason = f"repeats the id {episode.id!r}"
            if not reason and episode is not None:
                ids.add(episode.id)
                yield episode
                continue
            if self.on_error == "raise" and torn is None:
                raise InvalidInputError(f"{self._file}, line {number}: {reason}. Use on_error='skip' to leave it out.")
            count += 1
            if len(problems) < _PROBLEMS_KEPT:
                problems.append(Problem(number, reason))
        self._contents = _Contents(before, ids, tuple(problems), count)

    def __len__(self) -> int:
        return len(self._known_ids())

    def __contains__(self, episode_id: object) -> bool:
        return episode_id in self._known_ids()

    def __bool__(self) -> bool:
        # Without this, `if log` would read the whole file.
        return True

    def __repr__(self) -> str:
        return f"EpisodeLog({str(self.path)!r}, mode={self.mode!r})"

    def ids(self) -> frozenset[str]:
        """The ids of all episodes."""
        return frozenset(self._known_ids())

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The lines that are no episodes, the first 1,000 of them; reads the file if that was not done before."""
        return self._read().problems

    @property
    def problem_count(self) -> int:
        """How many lines are no episodes."""
        return self._read().problem_count

    def fingerprint(self) -> str:
        """16 hexadecimal digits that name the contents: equal for equal finished lines, compressed or not."""
        digest = hashlib.blake2b(digest_size=8)
        for _, line, torn in jsonlines.lines(self._file):
            if torn is None:
                digest.update(line)
        return digest.hexdigest()

    def _read(self) -> _Contents:
        if self._contents is None or self._contents.stamp != stamp(self._file):
            for _ in self:
                pass
        return cast(_Contents, self._contents)

    def _known_ids(self) -> set[str]:
        return self._ids if self.mode != "r" else self._read().ids

    def _open_for_writing(self, meta: dict[str, Any]) -> None:
        if self.path.is_file() or self.path.name.endswith((".jsonl", ".jsonl.gz")):
            raise InvalidInputError(f"{self.path}: episodes are written to a folder; a single file can only be read")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(self.path)
            self._prepare(meta)
        except OSError as error:
            self.close()
            raise InvalidInputError(f"cannot write a log in {self.path}: {error.strerror or error}") from error
        except BaseException:
            self.close()
            raise

    def _prepare(self, meta: dict[str, Any]) -> None:
        if self.mode == "x" and self._file.exists() and self._file.stat().st_size > 0:
            raise InvalidInputError(f"{self.path} already holds episodes. Choose another folder, or append to it.")
        fresh = not self._file.exists()
        # Appending mode of the system: whoever else might write, a line is never written over another.
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._owner = os.getpid()
        self._syncer = Syncer(self._descriptor)
        mend_tail(self._descriptor, log_lines.is_episode)
        self._ids = set() if fresh else self._read().ids
        known = read_metadata(self._file)
        if meta or not (self.path / METADATA).exists():
            write_metadata(self.path, known | meta)
        self.meta = known | meta
        if fresh:
            sync_folder(self.path)

    def _write(self, line: bytes) -> None:
        size = os.fstat(self._descriptor).st_size
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._syncer.written()
        except BaseException as error:
            # Half a line (full disk, Ctrl-C) would spoil the next one.
            os.ftruncate(self._descriptor, size)
            if isinstance(error, OSError):
                raise self._cannot_write(error) from error
            raise

    def _cannot_write(self, error: OSError) -> StepgymError:
        return StepgymError(
            f"cannot write to {self._file}: {error.strerror}. All {len(self._ids)} episodes before are kept; "
            f"the same command resumes there."
        )

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
