"""`TransformersPolicy`: a transformers causal language model as a policy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepgym.agents.engines.batching import Batch, MicroBatcher, ModelThread
from stepgym.agents.engines.decoding import Decoder, Row
from stepgym.agents.policy import Completion, Request
from stepgym.errors import InvalidInputError, require


class TransformersPolicy:
    """A causal language model of the transformers library, with its tokenizer, as a `Policy` that can `score`.

    Requests that wait in the event loop are decoded in one batch, in a worker thread, while the loop goes on. Samples
    that are done leave the batch, and requests that come meanwhile join it between two tokens (in models whose layers
    all have full attention; in others they wait until the batch is done).

    What it promises: log-probabilities are "raw", the natural log-softmax of the model's own logits before temperature
    and truncation. Equal requests with equal seeds give equal completions whatever else is in the batch, up to
    floating point: a batch of another size or padding changes logits in their last digits, and a token changes when
    that moves it over a sampling threshold. The generators of torch are never touched. The model is in evaluation mode
    and without gradients while it decodes, and is left as it was found; do not train it at the same time.

    A stop string that is the text of a special token (such as `<|im_end|>`) ends the completion at that token.

    Args:
        model: A causal language model, for example from `AutoModelForCausalLM.from_pretrained`.
        tokenizer: Its tokenizer.
        name: Name for logs; the model's `name_or_path` if absent.
        device: Moves the model there; None leaves it where it is.
        batch_size: Most samples decoded at once.
        context: Most tokens of prompt and completion together; `max_position_embeddings` if absent.
        end_ids: Ids that end a completion; those of the generation config and the tokenizer's `eos_token` if absent.
        gather_seconds: How long a batch that is not full waits for further requests.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str | None = None,
        device: str | None = None,
        batch_size: int = 256,
        context: int | None = None,
        end_ids: Iterable[int] | None = None,
        gather_seconds: float = 0.001,
    ) -> None:
        if batch_size < 1:
            raise InvalidInputError(f"batch_size must be at least 1, got {batch_size}")
        require("torch", extra="train")
        self.model = model if device is None else model.to(device)
        self.tokenizer = tokenizer
        self.name = name or str(getattr(model, "name_or_path", "")) or type(model).__name__
        limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.context = context if context is not None else limit
        self.end_ids = frozenset(_end_ids(model, tokenizer) if end_ids is None else end_ids)
        self._decoder = Decoder(model, tokenizer, end_ids=self.end_ids, context=self.context)
        worker = ModelThread("stepgym-model")  # the model does one thing at a time
        self._samples: MicroBatcher[Row, Completion] = MicroBatcher(
            self._generate, max_size=batch_size, window=gather_seconds, executor=worker
        )
        self._scores: MicroBatcher[tuple[int, ...], list[float]] = MicroBatcher(
            self._score, max_size=batch_size, window=gather_seconds, executor=worker
        )

    async def generate(self, request: Request) -> list[Completion]:
        """`request.n` completions; a prompt that leaves no room in the context gives empty ones, cut by "length"."""
        if request.prompt_token_ids is None:
            raise InvalidInputError("TransformersPolicy needs prompt_token_ids: let an Agent render the conversation")
        prompt = self._checked(request.prompt_token_ids)
        rows = [Row(prompt, request.sampling, request.seed, i) for i in range(request.n)]
        if len(rows) == 1:
            return [await self._samples.submit(rows[0])]
        return list(await asyncio.gather(*(self._samples.submit(row) for row in rows)))

    async def score(self, token_ids: Sequence[int]) -> list[float]:
        """The raw log-probability of each of `token_ids[1:]` given the ids before it, `len(token_ids) - 1` numbers."""
        ids = self._checked(token_ids)
        if self.context is not None and len(ids) > self.context:
            raise InvalidInputError(f"the model reads at most {self.context} tokens, got {len(ids)}")
        return await self._scores.submit(ids) if len(ids) > 1 else []

    def _checked(self, token_ids: Sequence[int]) -> tuple[int, ...]:
        ids = tuple(token_ids)
        if not ids:
            raise InvalidInputError("the prompt is empty: expected at least one token id (a BOS token, an observation)")
        if min(ids) < 0 or max(ids) >= self._decoder.vocabulary:
            wrong = next(i for i in ids if not 0 <= i < self._decoder.vocabulary)
            raise InvalidInputError(
                f"token id {wrong} is outside the model's vocabulary of {self._decoder.vocabulary}: "
                "the tokenizer and the model do not belong together"
            )
        return ids

    def _generate(self, rows: Batch[Row]) -> Iterator[list[tuple[int, Completion]]]:
        with _inference(self.model):
            yield from self._decoder.run(rows, rows.more)

    def _score(self, rows: list[tuple[int, ...]]) -> Iterator[list[tuple[int, list[float]]]]:
        import torch

        device = next(self.model.parameters()).device
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        with _inference(self.model):
            while order:
                # Longest first; as many rows as keep the logits near 2**26 numbers.
                width = len(rows[order[-1]])
                size = max(1, (1 << 26) // (width * self._decoder.vocabulary))
                part, order = order[-size:], order[:-size]
                ids = torch.zeros(len(part), width, dtype=torch.long)
                mask = torch.zeros_like(ids)
                for i, row in enumerate(part):
                    ids[i, : len(rows[row])] = torch.tensor(rows[row])
                    mask[i, : len(rows[row])] = 1
                ids, mask = ids.to(device), mask.to(device)
                logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
                logprobs = logits.gather(2, ids[:, 1:, None])[..., 0] - logits.logsumexp(dim=-1)  # (rows, width - 1)
                found = logprobs.cpu().tolist()
                yield [(row, found[i][: len(rows[row]) - 1]) for i, row in enumerate(part)]


def load_transformers_policy(path_or_name: str | Path, **settings: Any) -> TransformersPolicy:
    """A policy from a saved model and tokenizer.

    Args:
        path_or_name: A folder written by `save_pretrained`, or a name on the model hub.
        settings: Arguments of `TransformersPolicy`, by name.
    """
    transformers = require("transformers", extra="train")
    from safetensors import SafetensorError

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(path_or_name)
        model = transformers.AutoModelForCausalLM.from_pretrained(path_or_name)
    except (OSError, ValueError, SafetensorError) as error:
        raise InvalidInputError(f"expected a saved model and tokenizer at {str(path_or_name)!r}: {error}") from error
    return TransformersPolicy(model, tokenizer, **{"name": str(path_or_name), **settings})


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    configured = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    ids = set(configured) if isinstance(configured, (list, tuple)) else {configured}
    return {int(i) for i in ids | {tokenizer.eos_token_id} if i is not None}


@contextmanager
def _inference(model: Any) -> Iterator[None]:
    """Evaluation mode without gradients in this thread; training mode is given back module by module."""
    import torch

    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
