"""Preference data in token ids: rows of pairs and of labelled episodes, and the batches TRL's losses read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from stepgym.agents.exporters.preference_pairs import PairOrder, draw_pairs
from stepgym.errors import InvalidInputError
from stepgym.train.tokenize import TokenizedEpisode, TokenizeOptions, TokenizeReport, tokenize_episodes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Row = Mapping[str, Any]
_SIDES = ("chosen", "rejected")
_Part = tuple[Sequence[int], Sequence[int], Sequence[int] | None]


@dataclass(frozen=True, slots=True)
class PairCollator:
    """Pairs as TRL's DPO loss reads them: all chosen, then all rejected. `(2 * pairs, n)`, right-padded."""

    pad_token_id: int

    def __call__(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """The batch of `rows`."""
        parts = [(r["prompt_ids"], r[f"{side}_ids"], r.get(f"{side}_mask")) for side in _SIDES for r in rows]
        batch = _padded(parts, self.pad_token_id)
        return batch | _reference(rows, ("ref_chosen_logps", "ref_rejected_logps"))


@dataclass(frozen=True, slots=True)
class UnpairedCollator:
    """Labelled episodes as TRL's KTO loss reads them. `(batch, n)`, right-padded.

    With `kl` also `KL_*`: each prompt with the answer of the row before, from which the reference point is estimated.
    """

    pad_token_id: int
    kl: bool = True

    def __call__(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """The batch of `rows`."""
        parts = [(r["prompt_ids"], r["completion_ids"], r.get("completion_mask")) for r in rows]
        batch = _padded(parts, self.pad_token_id)
        if self.kl:
            moved = [(parts[i][0], *parts[i - 1][1:]) for i in range(len(parts))]
            batch |= {f"KL_{name}": tensor for name, tensor in _padded(moved, self.pad_token_id).items()}
        batch["label"] = torch.tensor([bool(r["label"]) for r in rows])
        return batch | _reference(rows, ("ref_logps", "ref_KL_logps"))


def single_segments(
    data: Any, tokenizer: PreTrainedTokenizerBase, length: int | None
) -> tuple[list[TokenizedEpisode], TokenizeReport]:
    """The episodes that can be trained on; raises `InvalidInputError` if one of them is no single sequence."""
    if isinstance(data, Sequence) and data and isinstance(data[0], TokenizedEpisode):
        episodes, report = list(cast(Sequence[TokenizedEpisode], data)), TokenizeReport(kept=len(data))
    else:
        episodes, report = tokenize_episodes(data, tokenizer, TokenizeOptions(max_length=length))
    several = [e for e in episodes if len(e.segments) > 1]
    if several:
        raise InvalidInputError(
            f"{len(several)} of {len(episodes)} episodes have several segments (their context was rewritten on the "
            f"way, first {several[0].id!r}): a preference compares single sequences. Train such logs with OREO or by "
            "rejection sampling, or on the pairs of single actions that `to_step_dpo` writes"
        )
    return episodes, report


def _split(episode: TokenizedEpisode) -> tuple[list[int], list[int], list[int]]:
    """Ids before the first action, all ids after them, and 1 for each of those that the agent wrote."""
    (segment,) = episode.segments
    ids, written = segment.token_ids.tolist(), [0, *segment.action_mask.astype(int).tolist()]
    first = written.index(1)
    return ids[:first], ids[first:], written[first:]


def pair_rows(episodes: Sequence[TokenizedEpisode], most: int, order: PairOrder, seed: int) -> Iterator[Row]:
    """Rows of a success and a failure of one task after the same prompt, at most `most` of a task."""
    tasks: dict[tuple[str, tuple[int, ...]], tuple[list[Any], list[Any]]] = {}
    for episode in episodes:
        prompt, ids, mask = _split(episode)
        rejected, chosen = tasks.setdefault((episode.task_id, tuple(prompt)), ([], []))
        (chosen if episode.outcome > 0 else rejected).append((ids, mask))
    generator = np.random.default_rng(seed)
    for (_, prompt_ids), (rejected, chosen) in tasks.items():
        for good, bad in draw_pairs(chosen, rejected, most, order=order, generator=generator, length=_written):
            yield {
                "prompt_ids": list(prompt_ids),
                "chosen_ids": good[0],
                "chosen_mask": good[1],
                "rejected_ids": bad[0],
                "rejected_mask": bad[1],
            }


def _written(part: tuple[list[int], list[int]]) -> int:
    return sum(part[1])


def unpaired_row(episode: TokenizedEpisode) -> Row:
    """The episode and whether it was a success."""
    prompt, ids, mask = _split(episode)
    return {"prompt_ids": prompt, "completion_ids": ids, "completion_mask": mask, "label": episode.outcome > 0}


def ready_rows(data: Any, columns: Sequence[str], length: int | None) -> tuple[Any, TokenizeReport] | None:
    """Rows of ids as they are; None if `data` are episodes."""
    if not (isinstance(data, Sequence) and data and isinstance(data[0], Mapping)):
        return None
    kept: list[Row] = []
    dropped: Counter[str] = Counter()
    for i, row in enumerate(data):
        missing = [name for name in columns if row.get(name) is None]
        if missing:
            raise InvalidInputError(f"row {i}: expected token ids and a label, {', '.join(missing)} missing")
        longest = max(len(row[name]) for name in columns[1:] if name != "label")
        if length is not None and len(row["prompt_ids"]) + longest > length:
            dropped["too long"] += 1
        else:
            kept.append({name: value for name, value in row.items() if name.endswith(("_ids", "_mask", "label"))})
    if not kept:
        raise InvalidInputError(f"all {len(data)} rows are longer than {length} tokens")
    return as_dataset(kept), TokenizeReport(kept=len(kept), dropped=dropped)


def _padded(parts: Sequence[_Part], pad: int) -> dict[str, Tensor]:
    longest = max(len(prompt) + len(ids) for prompt, ids, _ in parts)
    batch = {
        "input_ids": torch.full((len(parts), longest), pad),
        "attention_mask": torch.zeros(len(parts), longest, dtype=torch.long),
        "completion_mask": torch.zeros(len(parts), longest, dtype=torch.long),
    }
    for row, (prompt, ids, mask) in enumerate(parts):
        n = len(prompt) + len(ids)
        batch["input_ids"][row, :n] = torch.tensor([*prompt, *ids])
        batch["attention_mask"][row, :n] = 1
        batch["completion_mask"][row, len(prompt) : n] = 1 if mask is None else torch.tensor(mask)
    return batch


def _reference(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Tensor]:
    """Log-probabilities of the reference, where TRL was asked to compute them beforehand."""
    return {name: torch.tensor([r[name] for r in rows]) for name in names if name in rows[0]}


def as_dataset(rows: Sequence[Row]) -> Any:
    """The rows as TRL takes them."""
    from datasets import Dataset

    return Dataset.from_list([dict(row) for row in rows])
