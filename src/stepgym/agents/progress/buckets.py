"""Bucket-balanced sampling: most prefixes of a log are nearly lost or nearly won, and a verifier must see both."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stepgym.errors import InvalidInputError

Row = Mapping[str, Any]


def balanced_buckets(
    rows: Iterable[Row], edges: Sequence[float] = (0.5,), *, count: int | None = None, seed: int = 0
) -> list[Row]:
    """`count` rows in random order, equally many from each bucket of "q", up to one.

    A bucket's rows are all drawn once before one is drawn again. Empty buckets are left out: where all rows lie in one
    bucket there is nothing to balance.

    Args:
        rows: With a number "q", see `pav_rows`.
        edges: Where buckets end; the default makes the two of Setlur et al., q < 0.5 and q >= 0.5.
        count: As many as there are rows if None.
        seed: Of the draw.

    Raises:
        InvalidInputError: No rows, or edges that do not rise.
    """
    listed = list(rows)
    buckets = _buckets([row["q"] for row in listed], edges)
    wanted = len(listed) if count is None else count
    if not listed or wanted < 0:
        raise InvalidInputError(f"expected rows to draw from and a count of at least 0, got {len(listed)} and {wanted}")
    generator = np.random.default_rng(seed)
    drawn: list[int] = []
    for number, bucket in enumerate(buckets):
        share = wanted // len(buckets) + (number < wanted % len(buckets))
        rounds = -(-share // len(bucket))
        drawn += [i for _ in range(rounds) for i in generator.permutation(bucket).tolist()][:share]
    return [listed[i] for i in generator.permutation(drawn).tolist()] if drawn else []


def bucket_weights(q: Sequence[float], edges: Sequence[float] = (0.5,)) -> list[float]:
    """A weight for each value that gives every bucket that is not empty the same sum; their mean is 1."""
    weights = [0.0] * len(q)
    buckets = _buckets(q, edges)
    for bucket in buckets:
        for index in bucket:
            weights[index] = len(q) / (len(buckets) * len(bucket))
    return weights


def _buckets(q: Sequence[float], edges: Sequence[float]) -> list[list[int]]:
    if not all(a < b for a, b in itertools.pairwise(edges)):
        raise InvalidInputError(f"the edges of buckets must rise, got {list(edges)}")
    buckets: list[list[int]] = [[] for _ in range(len(edges) + 1)]
    for index, value in enumerate(q):
        buckets[bisect_right(edges, value)].append(index)
    return [bucket for bucket in buckets if bucket]
