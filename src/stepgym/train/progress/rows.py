"""Rows of Monte-Carlo values as the trainer reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stepgym.agents.progress.buckets import balanced_buckets, bucket_weights
from stepgym.errors import InvalidInputError
from stepgym.train.credited_episodes import CreditedEpisode
from stepgym.train.progress.config import Balance
from stepgym.train.tokenize import Segment, TokenizeReport

Row = Mapping[str, Any]


def value_rows(
    rows: Iterable[Row],
    *,
    balance: Balance = "weight",
    edges: Sequence[float] = (0.5,),
    weigh_by_n: bool = False,
    max_length: int | None = None,
    vocabulary: int | None = None,
    seed: int = 0,
) -> tuple[list[CreditedEpisode], TokenizeReport]:
    """Rows as episodes with a state at each row's last token: the target stands in `returns`, the weight in `credit`.

    Rows of which one continues the other, such as the prefixes of one logged episode, share an episode: the trunk reads
    each token once, not once for every prefix that holds it. The loss is the same.

    Args:
        rows: With "ids" and "q", and "n", "prefix" and "task" where known, see `stepgym.agents.pav_rows`.
        balance: See `StepValueConfig`, as for `edges` and `weigh_by_n`. Weights have the mean 1.
        edges: Of the buckets of q.
        weigh_by_n: Weigh by the number of roll-outs.
        max_length: Longer prefixes are dropped and counted; None keeps all.
        vocabulary: Ids must be below it.
        seed: Of the draw.

    Raises:
        InvalidInputError: A row without ids, with a q that is no chance, or with an id the tokenizer does not know.
    """
    report = TokenizeReport()
    kept: list[Row] = []
    for number, row in enumerate(rows):
        _check(row, number, vocabulary)
        if max_length is not None and len(row["ids"]) > max_length:
            report.dropped["longer than the context"] += 1
        else:
            kept.append(row)
    if kept and balance == "draw":
        kept = balanced_buckets(kept, edges, seed=seed)
    weights = np.ones(len(kept))
    if balance == "weight":
        weights *= bucket_weights([row["q"] for row in kept], edges)
    if weigh_by_n:
        weights *= _counts(kept)
    weights /= max(weights.mean(), np.finfo(float).tiny) if len(kept) else 1.0
    report.kept = len(kept)
    report.tokens = sum(len(row["ids"]) for row in kept)
    return [_episode([(kept[i], weights[i]) for i in group], group[-1]) for group in _shared(kept)], report


def _shared(rows: Sequence[Row]) -> list[list[int]]:
    """Numbers of the rows in groups, in which each row but the first continues the one before it."""
    ids = [tuple(row["ids"]) for row in rows]
    groups: list[list[int]] = []
    # In this order whatever continues a prefix comes right after it: these are the groups that may still grow.
    growing: list[list[int]] = []
    for i in sorted(range(len(rows)), key=ids.__getitem__):
        growing = [g for g in growing if ids[i][: len(ids[g[-1]])] == ids[g[-1]]]
        # The same prefix twice needs two episodes: a position has one target.
        group = next((g for g in growing if len(ids[g[-1]]) < len(ids[i])), None)
        if group is None:
            group = []
            groups.append(group)
            growing.append(group)
        group.append(i)
    return sorted(groups, key=min)


def _episode(rows: Sequence[tuple[Row, float]], number: int) -> CreditedEpisode:
    longest = rows[-1][0]
    ids = longest["ids"]
    at = [len(row["ids"]) - 1 for row, _ in rows]
    state = np.zeros(len(ids), np.bool_)
    target, credit = np.zeros(len(ids), np.float32), np.zeros(len(ids), np.float32)
    state[at] = True
    target[at] = [row["q"] for row, _ in rows]
    credit[at] = [weight for _, weight in rows]
    # The last position speaks about one more token (`losses`), which it cannot see: any will do.
    segment = Segment(np.asarray([*ids, ids[-1]], np.int64), np.zeros(len(ids), np.bool_), state, target)
    name = str(longest.get("prefix", number))
    return CreditedEpisode((segment,), name, str(longest.get("task", name)), float(longest["q"]), credit=(credit,))


def _counts(rows: Sequence[Row]) -> Any:
    known = [float(row["n"]) for row in rows if row.get("n") is not None]
    most = max(known, default=1.0)
    counts = np.asarray([most if row.get("n") is None else float(row["n"]) for row in rows])
    if counts.size and counts.min() <= 0:
        raise InvalidInputError("weigh_by_n needs roll-outs: a row has n = 0")
    return counts


def _check(row: Row, number: int, vocabulary: int | None) -> None:
    name = f"row {number} ({str(row.get('prefix', 'without a name'))[:40]})"
    ids = row.get("ids")
    if not ids:
        raise InvalidInputError(f"{name} has no token ids: roll out from a log that has them, with its tokenizer")
    q = row.get("q")
    if not isinstance(q, int | float) or not (math.isfinite(q) and 0 <= q <= 1):
        raise InvalidInputError(f"{name}: expected q in [0, 1], got {q!r}")
    if min(ids) < 0 or (vocabulary is not None and max(ids) >= vocabulary):
        raise InvalidInputError(
            f"{name} holds token id {min(ids) if min(ids) < 0 else max(ids)}, but there are {vocabulary} tokens: train "
            "with the tokenizer of the model that wrote the log"
        )
