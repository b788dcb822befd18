"""`JudgementCache`: what was judged once is not asked again."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from types import TracebackType

from stepgym.agents.judges.judge import Judgement
from stepgym.agents.log import jsonlines
from stepgym.agents.log.append_file import AppendFile

FILE = "judgements.jsonl"


class JudgementCache:
    """Judgements by the hash of what was asked, in memory and, with a folder, on disk.

    Each judgement is a line of `judgements.jsonl`, written at once: a killed process loses nothing that was answered.
    Lines that are no judgements are passed over and counted. One process at a time writes to a folder.

    Args:
        path: The folder; None keeps everything in memory.

    Attributes:
        unreadable: How many lines were passed over.
    """

    def __init__(self, path: str | PathLike[str] | None = None) -> None:
        self.unreadable = 0
        self._known: dict[str, Judgement] = {}
        self._file: AppendFile | None = None
        if path is None:
            return
        file = Path(path) / FILE
        self._file = AppendFile(file, _is_whole)
        for _, line, torn in jsonlines.lines(file):
            try:
                key, judgement = _read(line)
            except (ValueError, KeyError, TypeError, RecursionError):
                self.unreadable += torn is None
                continue
            self._known.setdefault(key, judgement)

    def get(self, key: str) -> Judgement | None:
        """The judgement with this key; None if there is none."""
        return self._known.get(key)

    def put(self, key: str, judgement: Judgement) -> None:
        """Keep a judgement; the first one with a key counts."""
        if key in self._known:
            return
        if self._file is not None:
            self._file.append(jsonlines.encode({"key": key, **judgement.to_dict()}))
        self._known[key] = judgement

    def close(self) -> None:
        """Sync to disk and let the next writer in."""
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return len(self._known)

    def __bool__(self) -> bool:
        return True

    def __enter__(self) -> JudgementCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(line: bytes) -> tuple[str, Judgement]:
    record = jsonlines.decode(line)
    return str(record.pop("key")), Judgement.from_dict(record)


def _is_whole(line: bytes) -> bool:
    try:
        _read(line)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return True
