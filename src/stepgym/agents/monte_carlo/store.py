"""`McValue`: how often a policy succeeded from each prefix, roll-out by roll-out, on disk and in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Literal

from stepgym.agents.log import jsonlines
from stepgym.agents.log.append_file import AppendFile
from stepgym.agents.monte_carlo.estimate import McEstimate, Result, RollOut
from stepgym.agents.monte_carlo.prefixes import Prefix
from stepgym.errors import InvalidInputError

ROLLOUTS = "rollouts.jsonl"


class McValue:
    """Monte-Carlo values: for each prefix and policy the number of roll-outs `n` and of successes `c`.

    A store in a folder is an append-only file of roll-outs, one JSON line each, written at once: a killed process loses
    at most the roll-outs in flight. No roll-out is counted twice, because each has an id: adding it again, merging a
    store twice, and joining the files of several machines end to end all change nothing.

    Args:
        path: The folder; None keeps everything in memory.
        mode: "a" adds and makes the folder where needed, with a lock; "r" only reads.

    Attributes:
        problems: Lines that are no roll-outs, as far as they were met, at most 1,000.
        conflicts: Roll-outs that came again with another result; the first one counts.

    Raises:
        InvalidInputError: There is no store at `path` (when reading), or another writer is at work.
    """

    def __init__(self, path: str | PathLike[str] | None = None, mode: Literal["a", "r"] = "a") -> None:
        if mode not in ("a", "r"):
            raise InvalidInputError(f"mode must be 'a' or 'r', got {mode!r}")
        self.path = None if path is None else Path(path)
        self.problems: list[jsonlines.Problem] = []
        self.conflicts = 0
        self._counts: dict[tuple[str, str], dict[Result, int]] = {}
        self._results: dict[tuple[str, str, int], dict[int, Result]] = {}
        self._kept: list[RollOut] = []
        self._file: AppendFile | None = None
        self._size = 0
        if self.path is None:
            return
        file = self.path / ROLLOUTS
        if mode == "a":
            self._file = AppendFile(file, _is_rollout)
        elif not file.is_file():
            raise InvalidInputError(
                f"There are no Monte-Carlo values at {self.path}: expected a folder with {ROLLOUTS}."
            )
        for found in self._read(file):
            self._count(found)

    def add(self, rollout: RollOut) -> bool:
        """Count and keep a roll-out; False if it is known already."""
        if self._known(rollout):
            return False
        if self._file is not None:
            self._file.append(jsonlines.encode(rollout.to_dict()))
        elif self.path is None:
            self._kept.append(rollout)
        else:
            raise InvalidInputError(f"{self.path} is open for reading only; open McValue(path, mode='a')")
        self._count(rollout)
        return True

    def merge(self, others: Iterable[RollOut]) -> int:
        """Add the roll-outs of another store; returns how many were new."""
        return sum(self.add(rollout) for rollout in others)

    def estimate(self, prefix: Prefix | str, policy: str | None = None) -> McEstimate:
        """The estimate for a prefix (or its key) under a policy; the store's only policy if None."""
        if policy is None:
            policy = self._only_policy()
        counts = self._counts.get((_key(prefix), policy))
        return McEstimate() if counts is None else _estimate(counts)

    def estimates(self, policy: str | None = None) -> Iterator[tuple[str, McEstimate]]:
        """Key and estimate of every prefix that the policy (the only one if None) was rolled out from."""
        wanted = self._only_policy() if policy is None else policy
        for (prefix, who), counts in self._counts.items():
            if who == wanted:
                yield prefix, _estimate(counts)

    def missing(self, prefix: Prefix | str, policy: str, n: int, *, seed: int = 0) -> list[int]:
        """The numbers below `n` of the roll-outs of a series that are not there yet."""
        done = self._results.get((_key(prefix), policy, seed), {})
        return [index for index in range(n) if index not in done]

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies that were rolled out, in order of appearance."""
        return tuple(dict.fromkeys(policy for _, policy in self._counts))

    def close(self) -> None:
        """Sync to disk and let the next writer in."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> McValue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[RollOut]:
        """Every roll-out once, in the order they were added; a stored one is read from its file."""
        if self.path is None:
            yield from list(self._kept)
            return
        seen: dict[tuple[str, str, int], set[int]] = {}
        for found in self._read(self.path / ROLLOUTS):
            numbers = seen.setdefault((found.prefix, found.policy, found.seed), set())
            if found.index not in numbers:
                numbers.add(found.index)
                yield found

    def __len__(self) -> int:
        return self._size

    def __bool__(self) -> bool:
        return True

    def _read(self, file: Path) -> Iterator[RollOut]:
        self.problems.clear()
        for number, line, torn in jsonlines.lines(file):
            try:
                yield RollOut.from_dict(jsonlines.decode(line))
            except (ValueError, RecursionError) as error:
                if torn is None and len(self.problems) < 1_000:
                    self.problems.append(jsonlines.Problem(number, jsonlines.reason(error)))

    def _known(self, rollout: RollOut) -> bool:
        before = self._results.get((rollout.prefix, rollout.policy, rollout.seed), {}).get(rollout.index)
        self.conflicts += before is not None and before != rollout.result
        return before is not None

    def _count(self, rollout: RollOut) -> None:
        results = self._results.setdefault((rollout.prefix, rollout.policy, rollout.seed), {})
        if rollout.index in results:
            return
        results[rollout.index] = rollout.result
        counts = self._counts.setdefault((rollout.prefix, rollout.policy), {})
        counts[rollout.result] = counts.get(rollout.result, 0) + 1
        self._size += 1

    def _only_policy(self) -> str:
        found = self.policies
        if len(found) > 1:
            raise InvalidInputError(
                f"the store holds roll-outs of {len(found)} policies, say which: {', '.join(found)}"
            )
        return found[0] if found else ""


def _estimate(counts: Mapping[Result, int]) -> McEstimate:
    c = counts.get("success", 0)
    return McEstimate(c + counts.get("failure", 0), c, counts.get("truncated", 0), counts.get("undecided", 0))


def _key(prefix: Prefix | str) -> str:
    return prefix if isinstance(prefix, str) else prefix.key


def _is_rollout(line: bytes) -> bool:
    try:
        RollOut.from_dict(jsonlines.decode(line))
    except (ValueError, RecursionError):
        return False
    return True
