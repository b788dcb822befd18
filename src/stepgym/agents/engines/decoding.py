"""Token-by-token decoding of a causal language model: left padding, key-value cache, sampling by inverse CDF.

Every sample has a random generator of its own and uses one uniform number per token, so what a sample becomes does not
depend on the other samples of its batch, except through floating-point differences of the model's logits.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepgym.agents.engines.running_batch import RunningBatch
from stepgym.agents.engines.stops import StopStrings, StopTable
from stepgym.agents.policy import Completion, Sampling
from stepgym.errors import require

_JOIN_EVERY = 4  # tokens; each joining costs a forward pass for the prompts and a copy of the cache


@dataclass(frozen=True, slots=True)
class Row:
    """One sample to be decoded.

    Attributes:
        prompt: Ids the model reads, at least one.
        sampling: How to draw.
        seed: Seed of the request; None draws fresh randomness.
        index: Number of the sample within its request.
    """

    prompt: tuple[int, ...]
    sampling: Sampling
    seed: int | None
    index: int

    def generator(self) -> np.random.Generator:
        """The generator of this sample's uniform numbers."""
        return np.random.default_rng(None if self.seed is None else [self.seed, self.index])


class Decoder:
    """Decodes batches of rows with one model.

    Args:
        model: A transformers causal language model.
        tokenizer: Its tokenizer.
        end_ids: Ids that end a completion.
        context: Most positions the model can use; None if it has no limit.
    """

    def __init__(self, model: Any, tokenizer: Any, *, end_ids: frozenset[int], context: int | None) -> None:
        require("torch", extra="train")
        self.model = model
        self.tokenizer = tokenizer
        self.end_ids = end_ids
        self.context = context
        self.vocabulary = int(model.config.get_text_config().vocab_size)
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._last_only = (
            {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(base.forward).parameters else {}
        )
        self._stops = StopTable(None, self.vocabulary)

    def run(
        self, rows: Sequence[Row], more: Callable[[], Sequence[Row]] | None = None
    ) -> Iterator[list[tuple[int, Completion]]]:
        """Decodes all `rows` and yields after each token those that finished, as `(index, completion)`.

        The caller has set the model to evaluation mode and switched gradients off.

        Args:
            rows: Those that begin together.
            more: Asked every few tokens for further rows, which join the others; indices go on in the order given.
        """
        batch: RunningBatch | None = None
        joining, known = rows, 0
        for step in itertools.count(1):
            if joining:
                limits = [self._limit(row) for row in joining]
                numbered = list(zip(range(known, known + len(joining)), joining, limits, strict=True))
                known += len(joining)
                yield [(i, _nothing(row)) for i, row, limit in numbered if limit <= 0]
                begun = [(i, row, limit) for i, row, limit in numbered if limit > 0]
                if begun and batch is None:
                    batch = RunningBatch(self, begun)
                elif begun and batch is not None:
                    batch.join(RunningBatch(self, begun))
            if batch is None:
                return
            yield batch.draw()
            if not batch.active.any():
                return
            batch.advance()
            joining = more() if more is not None and step % _JOIN_EVERY == 0 and batch.can_grow else ()

    def stop_strings(self, stop: tuple[str, ...]) -> StopStrings | None:
        """The prepared stop strings, None for none."""
        return self._stops.get(self.tokenizer, stop)

    def forward(self, **inputs: Any) -> Any:
        """The model's output with the logits of the last position only, where the model can do that."""
        return self.model(**inputs, **self._last_only, use_cache=True)

    def _limit(self, row: Row) -> int:
        room = row.sampling.max_tokens
        return room if self.context is None else min(room, self.context - len(row.prompt))


def _nothing(row: Row) -> Completion:
    """The answer to a prompt that leaves no room."""
    return Completion("", prompt_token_ids=row.prompt, token_ids=(), logprobs=(), finish_reason="length")
