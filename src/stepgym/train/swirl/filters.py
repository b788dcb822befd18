"""Which episodes, or steps, are learned from: filters by process and outcome, and sets of equal size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from stepgym.agents.judges import JudgedEpisode
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError

Keep = Literal["none", "process", "outcome", "both"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FilterReport:
    """What a filter kept.

    Attributes:
        keep: The filter.
        episodes: Episodes that came.
        kept: Episodes that were kept.
        steps: Their steps.
        good_steps: Those of them that were judged to be good.
        undecided_steps: Those without a verdict.
        correct: Kept episodes with a correct outcome.
    """

    keep: str
    episodes: int
    kept: int
    steps: int
    good_steps: int
    undecided_steps: int
    correct: int

    @property
    def rate(self) -> float:
        """Share of episodes that was kept."""
        return self.kept / self.episodes if self.episodes else 0.0

    @property
    def purity(self) -> float:
        """Share of kept steps judged to be good."""
        return self.good_steps / self.steps if self.steps else 0.0

    @property
    def accuracy(self) -> float:
        """Share of kept episodes with a correct outcome."""
        return self.correct / self.kept if self.kept else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "rate": self.rate, "purity": self.purity, "accuracy": self.accuracy}

    def __str__(self) -> str:
        return (
            f"{self.keep}: kept {self.kept:,} of {self.episodes:,} episodes ({self.rate:.1%}), {self.purity:.1%} of "
            f"their {self.steps:,} steps good, {self.accuracy:.1%} of them correct"
        )


def filter_episodes(judged: Sequence[JudgedEpisode], keep: Keep) -> tuple[list[JudgedEpisode], FilterReport]:
    """The episodes that a filter keeps, whole, and its rates.

    Args:
        judged: From `judge_episodes`.
        keep: "process": every step was judged to be good (a step without a verdict was not); "outcome": a positive
            outcome and a genuine end; "both"; or "none", which keeps all.

    References:
        A. Goldie et al., https://arxiv.org/abs/2504.04736, section 2.1.
    """
    if keep not in get_args(Keep):
        raise InvalidInputError(f"keep must be one of {get_args(Keep)}, got {keep!r}")
    process, outcome = keep in ("process", "both"), keep in ("outcome", "both")
    kept = [one for one in judged if (one.all_good or not process) and (one.episode.success or not outcome)]
    verdicts = [judgement.good for one in kept for judgement in one.judgements]
    report = FilterReport(
        keep=keep,
        episodes=len(judged),
        kept=len(kept),
        steps=len(verdicts),
        good_steps=verdicts.count(True),
        undecided_steps=verdicts.count(None),
        correct=sum(bool(one.episode.success) for one in kept),
    )
    return kept, report


def good_steps(judged: Sequence[JudgedEpisode]) -> dict[str, frozenset[int]]:
    """The good steps of each episode, by its id, whatever the other steps are: a filter of steps, not of episodes.

    This is no filter of the paper, which keeps or drops whole episodes: here a good step that came before or after a
    bad one is learned from, too.
    """
    return {
        one.episode.id: frozenset(i for i, judgement in enumerate(one.judgements) if judgement.good) for one in judged
    }


def size_matched(sets: Mapping[str, Sequence[T]], *, seed: int = 0, size: int | None = None) -> dict[str, list[T]]:
    """As many elements of each set, drawn without replacement, in the order in which they came.

    Args:
        sets: By name; the draw from a set depends on seed and name alone.
        seed: Of the draws.
        size: How many; None takes the size of the smallest set.

    Raises:
        InvalidInputError: A set has fewer than `size` elements, or is empty.
    """
    smallest = min(sets, key=lambda name: len(sets[name]), default=None)
    if smallest is None or not sets[smallest]:
        raise InvalidInputError(f"the set {smallest!r} is empty: there is nothing to match sizes with")
    count = len(sets[smallest]) if size is None else size
    if not 1 <= count <= len(sets[smallest]):
        raise InvalidInputError(f"size must be from 1 to {len(sets[smallest])} (set {smallest!r}), got {count}")
    matched: dict[str, list[T]] = {}
    for name, elements in sets.items():
        rng = np.random.default_rng(derive_seed(seed, "size-matched", name))
        chosen = sorted(int(i) for i in rng.permutation(len(elements))[:count])
        matched[name] = [elements[i] for i in chosen]
    return matched
