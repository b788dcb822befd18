"""The parts of an evaluation: what several samples of a task give together, and success by kind of task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from stepgym.agents.statistics import Interval, majority_at_k, pass_at_k, success_interval
from stepgym.errors import InvalidInputError

KS = (1, 2, 4, 8)
_MOST_GROUPS = 60


@dataclass(frozen=True, slots=True)
class AtK:
    """What `k` samples of a task give, with 95 % intervals over tasks.

    Every figure is the exact mean over all subsets of `k` of the samples of a task, then the mean over tasks. The mean
    success of `k` samples, avg@k, needs no row: for every `k` it is `Evaluation.success`.

    Attributes:
        k: Number of samples.
        solved_by_any: pass@k, the chance that at least one of `k` samples is solved.
        majority: maj@k, the chance that the most frequent answer among `k` samples is right; None where nobody votes.
    """

    k: int
    solved_by_any: Interval
    majority: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        majority = None if self.majority is None else self.majority.to_dict()
        return {"k": self.k, "pass": self.solved_by_any.to_dict(), "majority": majority}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AtK:
        """The inverse of `to_dict`."""
        try:
            majority = data["majority"]
            return cls(
                int(data["k"]),
                Interval.from_dict(data["pass"]),
                None if majority is None else Interval.from_dict(majority),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(f"not a record of k samples: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class GroupSuccess:
    """Success on the tasks of one kind.

    Attributes:
        by: What the tasks are sorted by: "type", "level", "subject".
        group: The kind.
        tasks: How many tasks.
        samples: How many episodes.
        success, low, high: Mean over the tasks, with its 95 % interval.
    """

    by: str
    group: str
    tasks: int
    samples: int
    success: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GroupSuccess:
        """The inverse of `to_dict`."""
        try:
            return cls(**cast(Any, data))
        except TypeError as error:
            raise InvalidInputError(f"not a record of a group of tasks: {error}") from error


def at_k(
    outcomes: Sequence[Sequence[float]],
    answers: Sequence[Sequence[str]] | None,
    ks: Iterable[int] = KS,
    *,
    seed: int = 0,
) -> tuple[AtK, ...]:
    """What each of `ks` samples gives, up to the fewest samples that a task has; nothing for one sample a task.

    Args:
        outcomes: For each task 1 or 0 per sample.
        answers: What each sample votes for, "" for nothing; None counts no votes.
        ks: Wanted numbers of samples, at least 1.
        seed: Of the bootstrap.
    """
    wanted = sorted(set(ks))
    if any(k < 1 for k in wanted):
        raise InvalidInputError(f"k must be at least 1, got {wanted[0]}")
    fewest = min(map(len, outcomes))
    found = []
    for k in (k for k in wanted if k <= fewest and fewest > 1):
        any_of = [[pass_at_k(len(o), round(sum(o)), k)] for o in outcomes]
        majority = None
        if answers is not None:
            elected = [[majority_at_k(a, o, k)] for a, o in zip(answers, outcomes, strict=True)]
            majority = success_interval(elected, seed=seed)
        found.append(AtK(k, success_interval(any_of, seed=seed), majority))
    return tuple(found)


def by_group(
    outcomes: Mapping[str, Sequence[float]], groups: Mapping[str, Mapping[str, str]], *, seed: int = 0
) -> tuple[GroupSuccess, ...]:
    """Success of each group of tasks, grouping by grouping.

    A grouping with one group, or with more than 60, says nothing and is left out, as are tasks that it does not name.

    Args:
        outcomes: For each task id 1 or 0 per sample.
        groups: For each grouping the group of each task id.
        seed: Of the bootstrap.
    """
    found = []
    for by, group_of in groups.items():
        members: dict[str, list[Sequence[float]]] = defaultdict(list)
        for task, samples in outcomes.items():
            if task in group_of:
                members[group_of[task]].append(samples)
        if not 1 < len(members) <= _MOST_GROUPS:
            continue
        for group in sorted(members):
            interval = success_interval(members[group], seed=seed)
            samples_in = sum(map(len, members[group]))
            found.append(
                GroupSuccess(by, group, len(members[group]), samples_in, interval.value, interval.low, interval.high)
            )
    return tuple(found)
