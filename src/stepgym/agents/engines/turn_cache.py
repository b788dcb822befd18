"""`TurnCache`: what a causal language model remembers of many conversations between their turns."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stepgym.errors import InvalidInputError, require

if TYPE_CHECKING:
    import torch

_SHORTEST_RATIO = 0.65  # rows of one forward pass: more padding costs more than another pass
_FIRST_LENGTH = 256


@dataclass(slots=True, eq=False)
class Turn:
    """One conversation in a batch: `ids` of which the first `known` were read by the model, in place `slot`."""

    slot: int
    ids: list[int]
    known: int


class TurnCache:
    """Keys and values of up to `slots` conversations, so that a turn reads only what is new.

    `open` finds what is known of each prompt, `read` feeds the model, `close` keeps the conversations for their next
    turn; where there are more conversations than slots, the longest unused one is forgotten and read anew when it
    returns. What is kept is of the model's present weights: `clear` after training.

    Args:
        model: A causal language model of transformers with full attention in every layer, such as Llama's.
        slots: Most conversations.
        end_ids: Ids that end each of the model's turns.
    """

    def __init__(self, model: Any, *, slots: int, end_ids: Iterable[int]) -> None:
        require("torch", extra="train")
        config = model.config.get_text_config()
        kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
        if kinds:
            raise InvalidInputError(f"a model with full attention is expected, this one has layers of {sorted(kinds)}")
        if slots < 1:
            raise InvalidInputError(f"slots must be at least 1, got {slots}")
        self.model = model
        self.slots = slots
        self._ends = frozenset(end_ids)
        heads = config.num_attention_heads
        self._heads = getattr(config, "num_key_value_heads", None) or heads
        self._dim = getattr(config, "head_dim", None) or config.hidden_size // heads
        self._layers = config.num_hidden_layers
        self._store: list[tuple[torch.Tensor, torch.Tensor]] = []  # per layer, (slots, length, heads, dim)
        self._length = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._found: dict[tuple[int, ...], list[int]] = {}
        self._kept: OrderedDict[int, tuple[tuple[int, ...], int]] = OrderedDict()
        self._free = list(range(self.slots))[::-1]

    def open(self, prompts: Sequence[tuple[int, ...]]) -> list[Turn]:
        """The conversations that continue to `prompts`, at most `slots` of them."""
        past = [self._past(prompt) for prompt in prompts]
        turns: list[Turn | None] = [self._known(p, key) for p, key in zip(prompts, past, strict=True)]
        claimed = {key: turn for key, turn in zip(past, turns, strict=True) if key and turn is not None}
        opened = []
        for prompt, key, turn in zip(prompts, past, turns, strict=True):
            if turn is None:
                turn = self._new(prompt)
                if key in claimed:  # several ways to go on with one conversation
                    self.copy(claimed[key], [turn])
            opened.append(turn)
        return opened

    def copy(self, source: Turn, targets: Sequence[Turn]) -> None:
        """Let `targets`, whose ids begin as those of `source`, know what it knows."""
        for keys, values in self._store:
            for target in targets:
                keys[target.slot, : source.known] = keys[source.slot, : source.known]
                values[target.slot, : source.known] = values[source.slot, : source.known]
        for target in targets:
            target.known = source.known

    def read(self, turns: Sequence[Turn]) -> torch.Tensor:
        """The logits after the last id of each turn, float32 `(turns, vocabulary)`; each has ids not yet known."""
        import torch

        hidden: list[Any] = [None] * len(turns)
        for part in _alike([len(turn.ids) - turn.known for turn in turns]):
            states = self._forward([turns[i] for i in part])
            for row, i in enumerate(part):
                hidden[i] = states[row]
        logits: torch.Tensor = self.model.get_output_embeddings()(torch.stack(hidden)).float()
        return logits

    def close(self, turns: Iterable[Turn]) -> None:
        """Keep the conversations as they are now."""
        for turn in turns:
            key = tuple(turn.ids)
            self._found.setdefault(key, []).append(turn.slot)
            self._kept[turn.slot] = (key, turn.known)

    def _past(self, prompt: tuple[int, ...]) -> tuple[int, ...]:
        """The ids up to the end of the model's last turn."""
        return prompt[: next((i + 1 for i in range(len(prompt) - 2, -1, -1) if prompt[i] in self._ends), 0)]

    def _known(self, prompt: tuple[int, ...], past: tuple[int, ...]) -> Turn | None:
        slots = self._found.get(past)
        if not slots:
            return None
        slot = slots[-1]
        known = self._kept[slot][1]
        self._drop(slot)
        return Turn(slot, list(prompt), known)

    def _new(self, prompt: tuple[int, ...]) -> Turn:
        if not self._free:
            oldest = next(iter(self._kept))
            self._drop(oldest)
            return Turn(oldest, list(prompt), 0)
        return Turn(self._free.pop(), list(prompt), 0)

    def _drop(self, slot: int) -> None:
        key, _ = self._kept.pop(slot)
        self._found[key].remove(slot)
        if not self._found[key]:
            del self._found[key]

    def _forward(self, turns: Sequence[Turn]) -> torch.Tensor:
        """The last hidden state of each turn, `(turns, hidden)`."""
        import torch

        new = [turn.ids[turn.known :] for turn in turns]
        width = max(map(len, new))
        ids = np.zeros((len(turns), width), dtype=np.int64)
        for row, more in enumerate(new):
            ids[row, : len(more)] = more
        before = np.array([turn.known for turn in turns])
        length = int(before.max()) + width
        device = next(self.model.parameters()).device
        self._grow(length, device)
        positions = torch.as_tensor(before[:, None] + np.arange(width), device=device)  # (turns, width)
        # What pads a row is read too, at positions that the row's own next ids will overwrite.
        seen = torch.arange(length, device=device) <= positions[..., None]  # (turns, width, length)
        mask = torch.zeros(seen.shape, dtype=self._store[0][0].dtype, device=device).masked_fill_(~seen, -torch.inf)
        slots = [turn.slot for turn in turns]
        window = _Window(self._store, torch.as_tensor(slots, device=device), positions, length)
        out = self.model.base_model(
            input_ids=torch.as_tensor(ids, device=device),
            attention_mask=mask[:, None],
            position_ids=positions,
            past_key_values=window,
            use_cache=True,
        )
        last = torch.as_tensor([len(more) - 1 for more in new], device=device)
        for turn in turns:
            turn.known = len(turn.ids)
        states: torch.Tensor = out.last_hidden_state[torch.arange(len(turns), device=device), last]
        return states

    def _grow(self, length: int, device: Any) -> None:
        import torch

        if length <= self._length:
            return
        longer = max(_FIRST_LENGTH, self._length)
        while longer < length:
            longer *= 2
        dtype = next(self.model.parameters()).dtype
        old, self._store = self._store, []
        for layer in range(self._layers):
            pair = []
            for k in range(2):
                new = torch.zeros(self.slots, longer, self._heads, self._dim, dtype=dtype, device=device)
                if old:
                    new[:, : self._length] = old[layer][k]
                pair.append(new)
            self._store.append((pair[0], pair[1]))
        self._length = longer


class _Window:
    """The part of the store that one forward pass sees, in the form that transformers' attention layers expect."""

    def __init__(self, store: Any, slots: torch.Tensor, positions: torch.Tensor, length: int) -> None:
        self._store, self._slots, self._positions, self._length = store, slots, positions, length
        first, count = int(slots[0]), len(slots)
        consecutive = slots.tolist() == list(range(first, first + count))
        self._rows: Any = slice(first, first + count) if consecutive else slots

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer_idx: int, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Write `(turns, heads, width, dim)` and return all keys and values up to the longest turn."""
        found = []
        for store, new in zip(self._store[layer_idx], (keys, values), strict=True):
            store[self._slots[:, None], self._positions] = new.transpose(1, 2)
            rows = store[self._rows, : self._length]  # a view where the slots are consecutive
            found.append(rows.transpose(1, 2))
        return found[0], found[1]


def _alike(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Groups of about equal length, as indices in the order given."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        longest = lengths[order[0]]
        count = next((k for k, i in enumerate(order) if lengths[i] < _SHORTEST_RATIO * longest), len(order))
        if len(order) - count < 4:
            count = len(order)
        yield sorted(order[:count])
        order = order[count:]
