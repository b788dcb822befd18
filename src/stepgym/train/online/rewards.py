"""`StepRewards`: where dense rewards come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stepgym.agents.episodes import Episode
from stepgym.train.tokenize import TokenizedEpisode

Dense = tuple[NDArray[np.float32], ...]
"""For each segment of a tokenised episode the reward of the token that is written after each position, 0 where nothing
is known or nothing was written. float32 `(n - 1,)` each, as `CreditedEpisode.credit`."""


@dataclass(frozen=True, slots=True)
class RewardedBatch:
    """The dense rewards of a batch of episodes.

    Attributes:
        rewards: Of each episode.
        episodes: Roll-outs that were played to find them, beside the batch.
        tokens: Tokens that were written in those.
    """

    rewards: list[Dense] = field(repr=False)
    episodes: int = 0
    tokens: int = 0


class StepRewards(Protocol):
    """Gives every step of an episode a reward of its own; the tokens of a step all have the step's.

    Attributes:
        name: For logs.
    """

    @property
    def name(self) -> str:
        """For logs."""

    def rewards(
        self, episodes: Sequence[Episode], tokenized: Sequence[TokenizedEpisode], *, seed: int
    ) -> RewardedBatch:
        """The rewards of `episodes`, whose tokenised forms are given in the same order; `seed` repeats them."""


@dataclass(frozen=True, slots=True)
class OutcomeOnly:
    """No dense rewards: the outcome alone."""

    name: str = "outcome"

    def rewards(
        self, episodes: Sequence[Episode], tokenized: Sequence[TokenizedEpisode], *, seed: int
    ) -> RewardedBatch:
        """Zeros."""
        return RewardedBatch([zeros(episode) for episode in tokenized])


def zeros(tokenized: TokenizedEpisode) -> Dense:
    """No rewards."""
    return tuple(np.zeros(len(segment.action_mask), np.float32) for segment in tokenized.segments)


def on_tokens(tokenized: TokenizedEpisode, written: NDArray[np.float32]) -> Dense:
    """One reward for each written token, in the order they were written, laid out by segment."""
    found, at = [], 0
    for segment in tokenized.segments:
        count = int(segment.action_mask.sum())
        row = np.zeros(len(segment.action_mask), np.float32)
        row[segment.action_mask] = written[at : at + count]
        found.append(row)
        at += count
    return tuple(found)
