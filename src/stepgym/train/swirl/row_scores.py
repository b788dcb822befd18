"""Log-probabilities of actions in their states: rows become a padded batch, and a model scores it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from stepgym.train.collate import EpisodeCollator, model_inputs
from stepgym.train.policy_model import PolicyModel
from stepgym.train.tokenize import Segment, TokenizedEpisode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IdRow = tuple[tuple[int, ...], tuple[int, ...]]  # ids of the state, ids of the action


class RowScorer:
    """Scores (state ids, action ids) with a model.

    Args:
        tokenizer: For padding.
        micro_batch: Most rows at once.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, micro_batch: int = 64) -> None:
        pad: Any = tokenizer.pad_token_id
        self._collate = EpisodeCollator(int(pad if pad is not None else tokenizer.eos_token_id or 0))
        self._size = micro_batch

    def scored(self, model: PolicyModel, rows: Sequence[IdRow]) -> Iterator[tuple[list[int], Tensor]]:
        """Indices of some rows and the log-probabilities of their whole actions; rows of like length together."""
        order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
        device = next(model.parameters()).device
        for start in range(0, len(order), self._size):
            part = order[start : start + self._size]
            batch = self._collate([_as_episode(rows[i]) for i in part])
            inputs = {name: value.to(device) for name, value in model_inputs(batch).items()}
            yield part, model(**inputs).sum(-1)

    @torch.no_grad()
    def logprobs(self, model: PolicyModel, rows: Sequence[IdRow]) -> Tensor:
        """The log-probability of each row's action, `(rows,)`, without gradient."""
        found = torch.zeros(len(rows))
        for part, logp in self.scored(model, rows):
            found[part] = logp.float().cpu()
        return found


def _as_episode(row: IdRow) -> TokenizedEpisode:
    state, action = row
    n = len(state) + len(action) - 1
    written = np.zeros(n, np.bool_)
    written[len(state) - 1 :] = True  # the shift of `tokenize`: position t speaks about token t + 1
    segment = Segment(np.asarray([*state, *action], np.int64), written, written, np.zeros(n, np.float32))
    return TokenizedEpisode((segment,), "", "", 0.0)
