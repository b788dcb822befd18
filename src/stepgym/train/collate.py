"""Tokenised episodes become a batch: padded rows, or one packed row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stepgym.train.credited_episodes import CreditedEpisode
from stepgym.train.reference_cache import ReferenceCache
from stepgym.train.tokenize import Segment, TokenizedEpisode

_OF_NETWORKS = (
    *("input_ids", "action_mask", "attention_mask", "position_ids", "segment_lengths"),
    *("ref_logp", "ref_top_logp", "ref_top_ids"),
)
_Row = tuple[int, Segment, NDArray[np.float32] | None]  # episode, segment, credit


@dataclass(frozen=True, slots=True)
class EpisodeCollator:
    """Episodes as tensors; an episode is never split over batches.

    Returns `input_ids` `(rows, n)`, and of `(rows, n - 1)`: `action_mask`, `state_mask`, `returns`, `credit` (0 for
    episodes without), `episode_ids` (the episode's index in the batch; -1 is padding, or the position before another
    segment). Padded, a segment is a row, and `attention_mask` `(rows, n)` is added; packed, there is one row, and
    `position_ids` `(1, n)` and `segment_lengths` `(segments,)` are. With a reference cache there are `ref_logp`
    `(rows, n - 1)` too and, if it has them, `ref_top_logp` and `ref_top_ids` of all actions in the order of
    `action_mask`.

    Attributes:
        pad_token_id: Fills padded rows.
        pad_to_multiple_of: Padded rows are this much longer at most.
        packing: One row without padding. Short episodes come first, because runs of equal length share one attention
            call.
        reference: Where the reference's log-probabilities are looked up.
    """

    pad_token_id: int
    pad_to_multiple_of: int = 1
    packing: bool = False
    reference: ReferenceCache | None = None

    def __call__(self, episodes: Sequence[TokenizedEpisode]) -> dict[str, Tensor]:
        """The batch of `episodes`."""
        return self._packed(episodes) if self.packing else self._padded(episodes)

    def _padded(self, episodes: Sequence[TokenizedEpisode]) -> dict[str, Tensor]:
        rows = list(_rows(enumerate(episodes)))
        longest = max(len(s.token_ids) for _, s, _ in rows)
        longest = -(-longest // self.pad_to_multiple_of) * self.pad_to_multiple_of
        batch = _empty(len(rows), longest, self.pad_token_id)
        batch["attention_mask"] = torch.zeros(len(rows), longest, dtype=torch.long)
        for row, content in enumerate(rows):
            batch["attention_mask"][row, : len(content[1].token_ids)] = 1
            _fill(batch, row, 0, content)
        self._add_reference(batch, rows)
        return batch

    def _packed(self, episodes: Sequence[TokenizedEpisode]) -> dict[str, Tensor]:
        rows = list(_rows(sorted(enumerate(episodes), key=lambda pair: pair[1].tokens)))
        lengths = torch.tensor([len(s.token_ids) for _, s, _ in rows])
        batch = _empty(1, int(lengths.sum()), self.pad_token_id)
        starts = (lengths.cumsum(0) - lengths).tolist()
        for start, content in zip(starts, rows, strict=True):
            _fill(batch, 0, start, content)
        batch["position_ids"] = torch.cat([torch.arange(n) for n in lengths.tolist()]).unsqueeze(0)
        batch["segment_lengths"] = lengths
        self._add_reference(batch, rows)
        return batch

    def _add_reference(self, batch: dict[str, Tensor], rows: list[_Row]) -> None:
        """`rows` stand in the batch one after the other, so their actions are those of the flat `action_mask`."""
        if self.reference is None:
            return
        parts = [self.reference.read(segment) for _, segment, _ in rows]
        at = batch["action_mask"]
        logp = torch.from_numpy(np.concatenate([p.logp for p in parts]))
        batch["ref_logp"] = torch.zeros(at.shape).masked_scatter(at, logp)
        if self.reference.top:
            batch["ref_top_logp"] = torch.from_numpy(np.concatenate([p.top_logp for p in parts]))
            batch["ref_top_ids"] = torch.from_numpy(np.concatenate([p.top_ids for p in parts])).long()


def model_inputs(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part of a batch that the networks read; the rest belongs to the losses."""
    return {name: batch[name] for name in _OF_NETWORKS if name in batch}


def _rows(numbered: Iterable[tuple[int, TokenizedEpisode]]) -> Iterator[_Row]:
    for i, episode in numbered:
        for k, segment in enumerate(episode.segments):
            yield i, segment, episode.credit[k] if isinstance(episode, CreditedEpisode) else None


def _empty(rows: int, n: int, pad: int) -> dict[str, Tensor]:
    return {
        "input_ids": torch.full((rows, n), pad),
        "action_mask": torch.zeros(rows, n - 1, dtype=torch.bool),
        "state_mask": torch.zeros(rows, n - 1, dtype=torch.bool),
        "returns": torch.zeros(rows, n - 1),
        "credit": torch.zeros(rows, n - 1),
        "episode_ids": torch.full((rows, n - 1), -1),
    }


def _fill(batch: dict[str, Tensor], row: int, start: int, content: _Row) -> None:
    """Write one segment at `start`; the position before its first token stays outside every episode."""
    index, segment, credit = content
    tokens, positions = len(segment.token_ids), slice(start, start + len(segment.token_ids) - 1)
    batch["input_ids"][row, start : start + tokens] = torch.from_numpy(segment.token_ids)
    batch["action_mask"][row, positions] = torch.from_numpy(segment.action_mask)
    batch["state_mask"][row, positions] = torch.from_numpy(segment.state_mask)
    batch["returns"][row, positions] = torch.from_numpy(segment.returns)
    if credit is not None:
        batch["credit"][row, positions] = torch.from_numpy(credit)
    batch["episode_ids"][row, positions] = index
