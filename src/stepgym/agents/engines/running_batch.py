"""`RunningBatch`: rows that a model decodes together; some leave when they are done, others join between two tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stepgym.agents.engines.draw import draw
from stepgym.agents.engines.stops import StopStrings, StopTable
from stepgym.agents.policy import Completion, FinishReason
from stepgym.errors import StepgymError

if TYPE_CHECKING:
    import torch

    from stepgym.agents.engines.decoding import Decoder, Row

_UNIFORMS = 64  # uniform numbers drawn ahead per row
_WORTH_A_COPY = 0.94  # share of rows still active, below which the others leave the cache
_PER_ROW = ("index", "limits", "lengths", "counts", "active", "tokens", "logprobs", "uniforms")


class RunningBatch:
    """The state of the rows, aligned with the rows of the model's cache, which is padded on the left.

    `draw` and `advance` alternate.

    Args:
        decoder: Has the model.
        begun: Index, row and most tokens to be written (at least 1) of each row.
    """

    cache: Any
    logits: torch.Tensor  # after what was read, (rows, vocabulary)
    ids: torch.Tensor  # chosen and not read yet, (rows,)
    seen: torch.Tensor | None  # 0 where the cache holds padding, (rows, length); None without padding
    settings: list[torch.Tensor]
    stops: list[StopStrings | None]
    stop_index: NDArray[np.intp]

    def __init__(self, decoder: Decoder, begun: Sequence[tuple[int, Row, int]]) -> None:
        import torch

        self.decoder = decoder
        self.device = next(decoder.model.parameters()).device
        # Metal has no float64: sampling happens on the CPU there.
        self.sampling_device = torch.device("cpu") if self.device.type == "mps" else self.device
        self.rows = [row for _, row, _ in begun]
        self.index = np.array([index for index, _, _ in begun])
        self.limits = np.array([limit for _, _, limit in begun])
        self.lengths = np.array([len(row.prompt) for row in self.rows])
        self.counts = np.zeros(len(begun), dtype=np.int64)  # tokens written
        self.active = np.ones(len(begun), dtype=bool)
        self.tokens = np.zeros((len(begun), int(self.limits.max())), dtype=np.int64)
        self.logprobs = np.zeros(self.tokens.shape, dtype=np.float32)
        self.uniforms = np.zeros((len(begun), _UNIFORMS))
        self.generators = [row.generator() if row.sampling.temperature > 0 else None for row in self.rows]
        self._prepare()
        self._prefill()

    @property
    def can_grow(self) -> bool:
        """Whether the cache is of the plain kind that rows can join."""
        from transformers.cache_utils import DynamicLayer

        layers = getattr(self.cache, "layers", ())
        return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)

    def draw(self) -> list[tuple[int, Completion]]:
        """Chooses the next token of every row; returns the rows that are done with it."""
        import torch

        alive = np.flatnonzero(self.active)
        for row in alive[self.counts[alive] % _UNIFORMS == 0]:
            generator = self.generators[row]
            if generator is not None:
                self.uniforms[row] = generator.random(_UNIFORMS)
        uniforms = self.uniforms[np.arange(len(self.rows)), self.counts % _UNIFORMS]
        logits = self.logits.float().to(self.sampling_device)
        ids = draw(logits, torch.as_tensor(uniforms, device=self.sampling_device), *self.settings)
        logprobs = logits.gather(1, ids[:, None])[:, 0] - logits.logsumexp(dim=-1)
        if not bool(torch.isfinite(logprobs).all()):
            raise StepgymError("the model's logits are not finite (NaN or infinity); its weights may have diverged")
        self.ids = ids.to(self.device)
        self.tokens[alive, self.counts[alive]] = ids.cpu().numpy()[alive]
        self.logprobs[alive, self.counts[alive]] = logprobs.cpu().numpy()[alive]
        self.counts[alive] += 1
        done, stopped = self._finished(alive)
        self.active[alive[done]] = False
        return self._completions(alive[done], stopped[done])

    def advance(self) -> None:
        """Reads the chosen tokens; rows that are done leave the cache once they are a few."""
        import torch

        # A smaller cache costs one copy.
        if np.count_nonzero(self.active) <= _WORTH_A_COPY * len(self.active):
            self._leave()
        extra: dict[str, Any] = {}
        if self.seen is not None:
            self.seen = torch.nn.functional.pad(self.seen, (0, 1), value=1)
            extra["attention_mask"] = self.seen
            extra["position_ids"] = torch.as_tensor(self.lengths + self.counts - 1, device=self.device)[:, None]
        output = self.decoder.forward(input_ids=self.ids[:, None], past_key_values=self.cache, **extra)
        self.logits, self.cache = output.logits[:, -1], output.past_key_values

    def join(self, other: RunningBatch) -> None:
        """Takes in the rows of `other`, after `advance`."""
        import torch

        if not self.active.all():
            self._leave()
        read = np.concatenate([self.lengths + self.counts, other.lengths + other.counts])
        width = int(read.max())  # what is left of the longest row is padding of rows that have left
        for mine, theirs in zip(self.cache.layers, other.cache.layers, strict=True):
            mine.keys = torch.cat([_fitted(mine.keys, width), _fitted(theirs.keys, width)])
            mine.values = torch.cat([_fitted(mine.values, width), _fitted(theirs.values, width)])
        first = torch.as_tensor(width - read, device=self.device)
        columns = torch.arange(width, device=self.device)
        self.seen = (columns >= first[:, None]).long() if int(read.min()) < width else None
        self.logits = torch.cat([self.logits, other.logits])
        horizon = max(self.tokens.shape[1], other.tokens.shape[1])
        for name in _PER_ROW:
            parts = [getattr(batch, name) for batch in (self, other)]
            if name in ("tokens", "logprobs"):
                parts = [np.pad(part, ((0, 0), (0, horizon - part.shape[1]))) for part in parts]
            setattr(self, name, np.concatenate(parts))
        self.rows += other.rows
        self.generators += other.generators
        self._prepare()

    def _leave(self) -> None:
        import torch

        kept = np.flatnonzero(self.active)
        keep = torch.as_tensor(kept, device=self.device)
        self.cache.batch_select_indices(keep)
        self.ids = self.ids[keep]
        self.logits = self.logits[keep]
        self.seen = None if self.seen is None else self.seen[keep]
        self.settings = [setting[keep.to(setting.device)] for setting in self.settings]
        self.stop_index = self.stop_index[kept]
        for name in _PER_ROW:
            setattr(self, name, getattr(self, name)[kept])
        self.rows = [self.rows[i] for i in kept]
        self.generators = [self.generators[i] for i in kept]
        self.stops = [self.stops[i] for i in kept]

    def _prepare(self) -> None:
        """What follows from the rows' settings."""
        import torch

        decoder = self.decoder
        self.stops = [decoder.stop_strings(row.sampling.stop) for row in self.rows]
        self.stop_index, self.stop_tables = StopTable.stack(self.stops, decoder.vocabulary)
        self.ends = np.zeros((len(self.stop_tables), decoder.vocabulary), dtype=bool)
        self.ends[:, [i for i in decoder.end_ids if i < decoder.vocabulary]] = True
        for row, stop in enumerate(self.stops):
            if stop is not None and stop.end_ids:
                self.ends[self.stop_index[row], list(stop.end_ids)] = True
        self.settings = [
            torch.tensor([getattr(row.sampling, name) for row in self.rows], dtype=dtype, device=self.sampling_device)
            for name, dtype in (("temperature", torch.float64), ("top_p", torch.float64), ("top_k", torch.int64))
        ]

    def _prefill(self) -> None:
        """Reads the prompts: logits after each (rows, vocabulary), the cache, and what of it is no padding.

        Equal prompts are read once.
        """
        import torch

        unique: dict[tuple[int, ...], int] = {}
        source = [unique.setdefault(row.prompt, len(unique)) for row in self.rows]
        width = max(len(prompt) for prompt in unique)
        ids = np.zeros((len(unique), width), dtype=np.int64)
        seen = np.ones((len(unique), width), dtype=np.int64)
        for i, prompt in enumerate(unique):
            ids[i, width - len(prompt) :] = prompt
            seen[i, : width - len(prompt)] = 0
        mask = None if seen.all() else torch.as_tensor(seen, device=self.device)
        extra = {}
        if mask is not None:
            extra["attention_mask"] = mask
            extra["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)
        output = self.decoder.forward(input_ids=torch.as_tensor(ids, device=self.device), **extra)
        logits, self.cache = output.logits[:, -1], output.past_key_values
        if len(unique) < len(self.rows):
            expand = torch.as_tensor(source, device=self.device)
            self.cache.batch_select_indices(expand)
            logits, mask = logits[expand], None if mask is None else mask[expand]
        self.logits = logits
        self.ids = torch.zeros(len(self.rows), dtype=torch.long, device=self.device)
        self.seen = mask

    def _finished(self, alive: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which of these rows end with their last token, and which of those by an end token or stop string."""
        ids = self.tokens[alive, self.counts[alive] - 1]
        stopped = self.ends[self.stop_index[alive], ids]
        for i in np.flatnonzero(self.stop_tables[self.stop_index[alive], ids] & ~stopped):
            stop = self.stops[alive[i]]
            stopped[i] = stop is not None and stop.found(self.tokens[alive[i], : self.counts[alive[i]]].tolist())
        return stopped | (self.limits[alive] <= self.counts[alive]), stopped

    def _completions(self, rows: NDArray[np.intp], stopped: NDArray[np.bool_]) -> list[tuple[int, Completion]]:
        if not len(rows):
            return []
        ids = [tuple(self.tokens[row, : self.counts[row]].tolist()) for row in rows]
        texts = self.decoder.tokenizer.batch_decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        reasons: tuple[FinishReason, FinishReason] = ("length", "stop")
        return [
            (
                int(self.index[row]),
                Completion(
                    text,
                    prompt_token_ids=self.rows[row].prompt,
                    token_ids=ids[i],
                    logprobs=tuple(self.logprobs[row, : self.counts[row]].tolist()),
                    finish_reason=reasons[int(stopped[i])],
                ),
            )
            for i, (row, text) in enumerate(zip(rows, texts, strict=True))
        ]


def _fitted(states: torch.Tensor, width: int) -> torch.Tensor:
    """Keys or values (rows, heads, length, dim) with `width` positions: cut or padded on the left."""
    import torch

    length = states.shape[-2]
    if length >= width:
        return states[..., length - width :, :]
    return torch.nn.functional.pad(states, (0, 0, width - length, 0))
