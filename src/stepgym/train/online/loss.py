"""The loss of an online update, and the weights in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from stepgym.train.credited_episodes import CreditedEpisode
from stepgym.train.online.config import OnlineConfig
from stepgym.train.online.rewards import RewardedBatch
from stepgym.train.online.weights import baselines, step_weights
from stepgym.train.tokenize import TokenizedEpisode


def online_loss(logp: Tensor, kl: Tensor, weights: Tensor, *, kl_weight: float, episodes: int) -> Tensor:
    """`(-sum w log pi + kl_weight sum KL) / episodes`.

    Args:
        logp: Log-probabilities of the written tokens, 0 elsewhere. `(rows, positions)`
        kl: KL to the start there.
        weights: Of each written token, that of its step.
        kl_weight: Of the KL.
        episodes: In the whole update, over all its batches.
    """
    return (kl_weight * kl.sum() - (weights * logp).sum()) / episodes


def weighted(
    tokenized: Sequence[TokenizedEpisode], dense: RewardedBatch, config: OnlineConfig
) -> list[CreditedEpisode]:
    """Episodes whose `credit` is the weight of each written token."""
    base = baselines([e.outcome for e in tokenized], [e.task_id for e in tokenized], config.baseline)
    found = []
    for episode, rewards, own in zip(tokenized, dense.rewards, base.tolist(), strict=True):
        weights = tuple(
            np.where(
                segment.action_mask, step_weights(episode.outcome, row, baseline=own, alpha=config.alpha), np.float32(0)
            ).astype(np.float32)
            for segment, row in zip(episode.segments, rewards, strict=True)
        )
        fields = (episode.segments, episode.id, episode.task_id, episode.outcome, episode.retokenized)
        found.append(CreditedEpisode(*fields, credit=weights))
    return found
