"""The files of the token cache: `CacheWriter` writes them, `CachedEpisodes` maps them into memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, overload

import numpy as np
from numpy.typing import NDArray

from stepgym.train.tokenize import Segment, TokenizedEpisode

# Bumped whenever the files, or what tokenising makes of a log, change.
FORMAT = 1
_ACTION, _STATE = 1, 2

# Flat files and what they hold. The last position of each segment has no flags and no return: there is no next token.
_FILES: dict[str, np.dtype[Any]] = {
    "token_ids": np.dtype("<i4"),
    "flags": np.dtype("u1"),
    "returns": np.dtype("<f4"),
    "segment_ends": np.dtype("<i8"),  # in tokens, one per segment
    "episode_ends": np.dtype("<i8"),  # in segments, one per episode
    "line_ends": np.dtype("<i8"),  # in bytes of episodes.jsonl, one per episode
    "outcomes": np.dtype("<f8"),
}
_LINES = "episodes.jsonl"


class CacheWriter:
    """Appends tokenised episodes to the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, BinaryIO] = {name: (folder / f"{name}.bin").open("wb") for name in _FILES}
        self._lines = (folder / _LINES).open("wb")
        self._tokens = self._segments = self._bytes = 0

    def add(self, episode: TokenizedEpisode) -> None:
        """Append one episode."""
        for segment in episode.segments:
            flags = np.zeros(len(segment.token_ids), np.uint8)
            flags[:-1] = segment.action_mask * _ACTION + segment.state_mask * _STATE
            self._write("token_ids", segment.token_ids)
            self._write("flags", flags)
            self._write("returns", np.append(segment.returns, np.float32(0)))
            self._tokens += len(segment.token_ids)
            self._write("segment_ends", [self._tokens])
        self._segments += len(episode.segments)
        self._write("episode_ends", [self._segments])
        record = {"id": episode.id, "task_id": episode.task_id, "retokenized": episode.retokenized}
        self._bytes += self._lines.write(json.dumps(record).encode() + b"\n")
        self._write("line_ends", [self._bytes])
        self._write("outcomes", [episode.outcome])

    def close(self) -> None:
        """Write out what is left."""
        for file in (*self._files.values(), self._lines):
            file.close()

    def _write(self, name: str, values: Any) -> None:
        self._files[name].write(np.asarray(values, _FILES[name]).tobytes())


class CachedEpisodes(Sequence[TokenizedEpisode]):
    """Tokenised episodes of a cache folder; each is built from the mapped files when it is asked for.

    Pickled as the folder's path, so that data-loading workers map the files themselves.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._maps: dict[str, NDArray[Any]] = {name: _mapped(folder / f"{name}.bin", t) for name, t in _FILES.items()}
        self._lines = _mapped(folder / _LINES, np.dtype("u1"))

    @property
    def outcomes(self) -> NDArray[np.float64]:
        """The outcome of each episode, `(episodes,)`."""
        return self._maps["outcomes"]

    @property
    def returns(self) -> NDArray[np.float32]:
        """The returns at all positions of all episodes, one after the other."""
        return self._maps["returns"]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The tokens of each episode, `(episodes,)`."""
        ends = np.concatenate([[0], self._maps["segment_ends"]])[np.concatenate([[0], self._maps["episode_ends"]])]
        lengths: NDArray[np.int64] = np.diff(ends)
        return lengths

    def __len__(self) -> int:
        return len(self._maps["episode_ends"])

    @overload
    def __getitem__(self, index: int) -> TokenizedEpisode: ...
    @overload
    def __getitem__(self, index: slice) -> list[TokenizedEpisode]: ...
    def __getitem__(self, index: int | slice) -> TokenizedEpisode | list[TokenizedEpisode]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = int(index) + len(self) if index < 0 else int(index)
        if not 0 <= i < len(self):
            raise IndexError(f"expected an episode below {len(self)}, got {index}")
        first, last = _range(self._maps["episode_ends"], i)
        record = self._record(i)
        segments = tuple(self._segment(k) for k in range(first, last))
        return TokenizedEpisode(
            segments, record["id"], record["task_id"], float(self.outcomes[i]), record["retokenized"]
        )

    def __iter__(self) -> Iterator[TokenizedEpisode]:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> tuple[type[CachedEpisodes], tuple[Path]]:
        return CachedEpisodes, (self.folder,)

    def __repr__(self) -> str:
        return f"CachedEpisodes({len(self):,} episodes in {str(self.folder)!r})"

    def ids(self) -> Iterable[str]:
        """The id of each episode, in order."""
        return (self._record(i)["id"] for i in range(len(self)))

    def _segment(self, k: int) -> Segment:
        start, stop = _range(self._maps["segment_ends"], k)
        flags = self._maps["flags"][start : stop - 1]
        return Segment(
            self._maps["token_ids"][start:stop].astype(np.int64),
            (flags & _ACTION).astype(np.bool_),
            (flags & _STATE).astype(np.bool_),
            np.array(self.returns[start : stop - 1]),
        )

    def _record(self, i: int) -> dict[str, Any]:
        start, stop = _range(self._maps["line_ends"], i)
        record: dict[str, Any] = json.loads(self._lines[start:stop].tobytes())
        return record


def _range(ends: NDArray[np.int64], i: int) -> tuple[int, int]:
    return (int(ends[i - 1]) if i else 0), int(ends[i])


def _mapped(file: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    # An empty file cannot be mapped.
    return np.memmap(file, dtype, "r").view(np.ndarray) if file.stat().st_size else np.zeros(0, dtype)
