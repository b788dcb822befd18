"""`TransformersValueFunction`: a trained value model as a `ValueFunction` for search and reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from stepgym.agents.engines.batching import MicroBatcher
from stepgym.errors import InvalidInputError
from stepgym.train.value_model import ValueModel


class TransformersValueFunction:
    """V of partial episodes, batched over the calls that wait.

    V is read after the last given token. For a step that includes its delimiter: the next token is an action, so V was
    trained at such positions, and one token earlier candidates that differ only in their last token would look the
    same. After the end-of-turn token of a finished answer no action follows: V was not trained there, read it before.

    Args:
        model: The trained value model, used in evaluation mode and without gradients.
        tokenizer: Its tokenizer, for callers that start from text.
        batch_size: Most sequences in one forward pass.
    """

    def __init__(self, model: ValueModel, tokenizer: Any, *, batch_size: int = 256) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self._batches: MicroBatcher[tuple[int, ...], list[float]] = MicroBatcher(self._read, max_size=batch_size)

    async def value(self, token_ids: Sequence[int]) -> float:
        """V after all of `token_ids`."""
        return (await self.values(token_ids))[-1]

    async def values(self, token_ids: Sequence[int]) -> list[float]:
        """V after each of `token_ids`, as many numbers as ids."""
        if not token_ids:
            raise InvalidInputError("V needs at least one token")
        return await self._batches.submit(tuple(token_ids))

    def _read(self, rows: list[tuple[int, ...]]) -> Iterator[list[tuple[int, list[float]]]]:
        device = next(self.model.parameters()).device
        longest = max(map(len, rows))
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
        with torch.no_grad():
            values = self.model(ids.to(device), mask.to(device)).cpu().tolist()
        yield [(i, values[i][: len(row)]) for i, row in enumerate(rows)]
