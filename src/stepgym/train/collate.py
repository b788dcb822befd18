"""Tokenised episodes become a padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stepgym.train.credited_episodes import CreditedEpisode
from stepgym.train.tokenize import TokenizedEpisode


@dataclass(frozen=True, slots=True)
class EpisodeCollator:
    """Pads episodes to one batch; a segment is a row, an episode is never split over batches.

    Returns tensors of `(rows, n)`: `input_ids`, `attention_mask`; and of `(rows, n - 1)`: `action_mask`, `state_mask`,
    `returns`, `credit` (0 for episodes without), `episode_ids` (the episode's index in the batch, -1 is padding).
    """

    pad_token_id: int
    pad_to_multiple_of: int = 1

    def __call__(self, episodes: Sequence[TokenizedEpisode]) -> dict[str, Tensor]:
        """The batch of `episodes`."""
        rows = [
            (i, segment, episode.credit[k] if isinstance(episode, CreditedEpisode) else None)
            for i, episode in enumerate(episodes)
            for k, segment in enumerate(episode.segments)
        ]
        longest = max(len(s.token_ids) for _, s, _ in rows)
        longest = -(-longest // self.pad_to_multiple_of) * self.pad_to_multiple_of
        batch = {
            "input_ids": torch.full((len(rows), longest), self.pad_token_id),
            "attention_mask": torch.zeros(len(rows), longest, dtype=torch.long),
            "action_mask": torch.zeros(len(rows), longest - 1, dtype=torch.bool),
            "state_mask": torch.zeros(len(rows), longest - 1, dtype=torch.bool),
            "returns": torch.zeros(len(rows), longest - 1),
            "credit": torch.zeros(len(rows), longest - 1),
            "episode_ids": torch.full((len(rows), longest - 1), -1),
        }
        for row, (index, segment, credit) in enumerate(rows):
            n = len(segment.token_ids)
            batch["input_ids"][row, :n] = torch.from_numpy(segment.token_ids)
            batch["attention_mask"][row, :n] = 1
            batch["action_mask"][row, : n - 1] = torch.from_numpy(segment.action_mask)
            batch["state_mask"][row, : n - 1] = torch.from_numpy(segment.state_mask)
            batch["returns"][row, : n - 1] = torch.from_numpy(segment.returns)
            if credit is not None:
                batch["credit"][row, : n - 1] = torch.from_numpy(credit)
            batch["episode_ids"][row, : n - 1] = index
        return batch
