"""Token-by-token decoding of a causal language model: left padding, key-value cache, sampling by inverse CDF.

Every sample has a random generator of its own and uses one uniform number per token, so what a sample becomes does not
depend on the other samples of its batch, except through floating-point differences of the model's logits.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stepgym.agents.policy import Completion, FinishReason, Sampling
from stepgym.agents.stops import StopStrings, StopTable
from stepgym.errors import StepgymError, require

if TYPE_CHECKING:
    import torch

_UNIFORMS = 64  # uniform numbers drawn ahead per row
_CHUNK = 1 << 24  # elements of a float64 (rows, vocabulary) block while sampling


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


def draw(
    logits: torch.Tensor,
    uniforms: torch.Tensor,
    temperature: torch.Tensor,
    top_p: torch.Tensor,
    top_k: torch.Tensor,
) -> torch.Tensor:
    """One token id per row, the inverse of the cumulative distribution at the row's uniform number.

    The distribution is the softmax of `logits / temperature`, cut to the `top_k` likeliest tokens, then to the smallest
    set of likeliest tokens that holds `top_p` of the mass that is left; computed in float64. Rows with temperature 0
    take the likeliest token.

    Args:
        logits: (rows, vocabulary).
        uniforms: (rows,) float64 in [0, 1).
        temperature: (rows,) float64, >= 0.
        top_p: (rows,) float64 in (0, 1].
        top_k: (rows,) int64, 0 is off.
    """
    import torch

    likeliest = logits.argmax(dim=-1)
    if not bool((temperature > 0).any()):
        return likeliest
    chosen = torch.empty_like(likeliest)
    size = max(1, _CHUNK // logits.shape[-1])
    for i in range(0, len(logits), size):
        part = slice(i, i + size)
        heat = torch.where(temperature[part] > 0, temperature[part], 1.0)
        weights = torch.softmax(logits[part].double() / heat[:, None], dim=-1)
        if bool((top_p[part] < 1).any()) or bool((top_k[part] > 0).any()):
            weights = _truncated(weights, top_p[part], top_k[part])
        cumulative = weights.cumsum(dim=-1)
        total = cumulative[:, -1]
        # Below the total, so that rounding never lands on a token of weight 0 at the end.
        target = torch.minimum(uniforms[part] * total, torch.nextafter(total, torch.zeros_like(total)))
        chosen[part] = torch.searchsorted(cumulative, target[:, None], right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
    return torch.where(temperature > 0, chosen, likeliest)


def _truncated(weights: torch.Tensor, top_p: torch.Tensor, top_k: torch.Tensor) -> torch.Tensor:
    import torch

    vocabulary = weights.shape[-1]
    ordered, order = weights.sort(dim=-1, descending=True, stable=True)
    kept = torch.where(top_k > 0, top_k, vocabulary)
    ordered = ordered * (torch.arange(vocabulary, device=weights.device) < kept[:, None])
    before = ordered.cumsum(dim=-1) - ordered
    total = ordered.sum(dim=-1)
    keep = (before < (top_p * total)[:, None]) | (top_p >= 1)[:, None]
    return torch.zeros_like(weights).scatter_(-1, order, ordered * keep)


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

    def run(self, rows: Sequence[Row]) -> Iterator[list[tuple[int, Completion]]]:
        """Decodes all `rows` and yields after each token those that finished, as `(index in rows, completion)`.

        The caller has set the model to evaluation mode and switched gradients off.
        """
        limits = np.array([self._limit(row) for row in rows])
        yield [
            (i, Completion("", prompt_token_ids=row.prompt, token_ids=(), logprobs=(), finish_reason="length"))
            for i, row in enumerate(rows)
            if limits[i] <= 0
        ]
        index = np.flatnonzero(limits > 0)
        if len(index):
            batch = _Batch(self, [rows[int(i)] for i in index], limits[index])
            for finished in batch.run():
                yield [(int(index[i]), completion) for i, completion in finished]

    def stop_strings(self, stop: tuple[str, ...]) -> StopStrings | None:
        """The prepared stop strings, None for none."""
        return self._stops.get(self.tokenizer, stop)

    def forward(self, **inputs: Any) -> Any:
        """The model's output with the logits of the last position only, where the model can do that."""
        return self.model(**inputs, **self._last_only, use_cache=True)

    def _limit(self, row: Row) -> int:
        room = row.sampling.max_tokens
        return room if self.context is None else min(room, self.context - len(row.prompt))


class _Batch:
    """The state of one batch: `rows` are fixed, `alive` are the rows still in the model's cache."""

    def __init__(self, decoder: Decoder, rows: list[Row], limits: NDArray[np.int64]) -> None:
        import torch

        self.decoder = decoder
        self.rows = rows
        self.limits = limits
        self.device = next(decoder.model.parameters()).device
        # Metal has no float64: sampling happens on the CPU there.
        self.sampling_device = torch.device("cpu") if self.device.type == "mps" else self.device
        horizon = int(limits.max())
        self.tokens = np.zeros((len(rows), horizon), dtype=np.int64)
        self.logprobs = np.zeros((len(rows), horizon), dtype=np.float32)
        self.lengths = np.array([len(row.prompt) for row in rows])
        self.stops = [decoder.stop_strings(row.sampling.stop) for row in rows]
        self.stop_index, self.stop_tables = StopTable.stack(self.stops, decoder.vocabulary)
        self.ends = np.zeros((len(self.stop_tables), decoder.vocabulary), dtype=bool)
        self.ends[:, [i for i in decoder.end_ids if i < decoder.vocabulary]] = True
        for row, stop in enumerate(self.stops):
            if stop is not None and stop.end_ids:
                self.ends[self.stop_index[row], list(stop.end_ids)] = True
        self.generators = [row.generator() if row.sampling.temperature > 0 else None for row in rows]
        self.uniforms = np.zeros((len(rows), _UNIFORMS))
        self.settings = [
            torch.tensor([getattr(row.sampling, name) for row in rows], dtype=dtype, device=self.sampling_device)
            for name, dtype in (("temperature", torch.float64), ("top_p", torch.float64), ("top_k", torch.int64))
        ]

    def run(self) -> Iterator[list[tuple[int, Completion]]]:
        """The decoding loop."""
        import torch

        logits, cache, mask = self._prefill()
        width = int(self.lengths.max())
        alive = np.arange(len(self.rows))
        active = np.ones(len(self.rows), dtype=bool)
        for step in range(self.tokens.shape[1]):
            ids = self._choose(logits, alive, step)
            finished, reasons = self._finished(alive, step)
            finished &= active
            yield self._completions(alive[finished], reasons[finished], step + 1)
            active &= ~finished
            if not active.any():
                return
            # A smaller cache costs one copy; worth it as soon as a few rows are done.
            if np.count_nonzero(active) <= 0.94 * len(active):
                keep = torch.as_tensor(np.flatnonzero(active), device=self.device)
                cache.batch_select_indices(keep)
                ids = ids[keep]
                mask = None if mask is None else mask[keep]
                alive, active = alive[active], np.ones(len(keep), dtype=bool)
            extra: dict[str, Any] = {}
            if mask is not None:
                extra["attention_mask"] = mask[:, : width + step + 1]
                extra["position_ids"] = torch.as_tensor(self.lengths[alive] + step, device=self.device)[:, None]
            output = self.decoder.forward(input_ids=ids[:, None], past_key_values=cache, **extra)
            logits, cache = output.logits[:, -1], output.past_key_values

    def _prefill(self) -> tuple[torch.Tensor, Any, torch.Tensor | None]:
        """Logits after each row's prompt (rows, vocabulary), the cache, and the mask (rows, width + horizon) if needed.

        Equal prompts are read once.
        """
        import torch

        unique: dict[tuple[int, ...], int] = {}
        source = [unique.setdefault(row.prompt, len(unique)) for row in self.rows]
        width = max(len(prompt) for prompt in unique)
        padded = any(len(prompt) < width for prompt in unique)
        ids = np.zeros((len(unique), width), dtype=np.int64)
        seen = np.ones((len(unique), width + self.tokens.shape[1]), dtype=np.int64)
        for i, prompt in enumerate(unique):
            ids[i, width - len(prompt) :] = prompt
            seen[i, : width - len(prompt)] = 0
        mask = torch.as_tensor(seen, device=self.device)
        extra = {}
        if padded:
            extra["attention_mask"] = mask[:, :width]
            extra["position_ids"] = (mask[:, :width].cumsum(dim=1) - 1).clamp(min=0)
        output = self.decoder.forward(input_ids=torch.as_tensor(ids, device=self.device), **extra)
        logits, cache = output.logits[:, -1], output.past_key_values
        if len(unique) < len(self.rows):
            expand = torch.as_tensor(source, device=self.device)
            cache.batch_select_indices(expand)
            logits, mask = logits[expand], mask[expand]
        return logits, cache, mask if padded else None

    def _choose(self, logits: torch.Tensor, alive: NDArray[np.intp], step: int) -> torch.Tensor:
        """The next token of each row in the cache (rows,), with its raw log-probability recorded."""
        import torch

        column = step % _UNIFORMS
        if column == 0:
            for row in alive:
                generator = self.generators[row]
                if generator is not None:
                    self.uniforms[row] = generator.random(_UNIFORMS)
        logits = logits.float().to(self.sampling_device)
        where = torch.as_tensor(alive, device=self.sampling_device)
        uniforms = torch.as_tensor(self.uniforms[alive, column], device=self.sampling_device)
        ids = draw(logits, uniforms, *(setting[where] for setting in self.settings))
        logprobs = logits.gather(1, ids[:, None])[:, 0] - logits.logsumexp(dim=-1)
        if not bool(torch.isfinite(logprobs).all()):
            raise StepgymError("the model's logits are not finite (NaN or infinity); its weights may have diverged")
        self.tokens[alive, step] = ids.cpu().numpy()
        self.logprobs[alive, step] = logprobs.cpu().numpy()
        return ids.to(self.device)

    def _finished(self, alive: NDArray[np.intp], step: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which rows end with this token, and which of those by an end token or stop string."""
        ids = self.tokens[alive, step]
        stopped = self.ends[self.stop_index[alive], ids]
        for i in np.flatnonzero(self.stop_tables[self.stop_index[alive], ids] & ~stopped):
            stop = self.stops[alive[i]]
            stopped[i] = stop is not None and stop.found(self.tokens[alive[i], : step + 1].tolist())
        return stopped | (self.limits[alive] <= step + 1), stopped

    def _completions(
        self, rows: NDArray[np.intp], stopped: NDArray[np.bool_], length: int
    ) -> list[tuple[int, Completion]]:
        if not len(rows):
            return []
        ids = [tuple(row) for row in self.tokens[rows, :length].tolist()]
        logprobs = self.logprobs[rows, :length].tolist()
        texts = self.decoder.tokenizer.batch_decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        reasons: tuple[FinishReason, FinishReason] = ("length", "stop")
        return [
            (
                int(row),
                Completion(
                    text,
                    prompt_token_ids=self.rows[row].prompt,
                    token_ids=ids[i],
                    logprobs=tuple(logprobs[i]),
                    finish_reason=reasons[int(stopped[i])],
                ),
            )
            for i, (row, text) in enumerate(zip(rows, texts, strict=True))
        ]
