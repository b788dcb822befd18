"""Bucket-balanced sampling."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents.progress import balanced_buckets, bucket_weights
from stepgym.errors import InvalidInputError

ROWS = [{"q": q, "id": i} for i, q in enumerate([0.0] * 6 + [0.45, 0.5, 1.0])]


def test_both_buckets_are_drawn_equally_and_all_rows_before_any_again() -> None:
    drawn = balanced_buckets(ROWS, count=14)
    counts = Counter(row["id"] for row in drawn)
    assert sum(counts[i] for i in range(7)) == 7
    assert all(counts[i] == 1 for i in range(7)), "0.45 lies below the edge"
    assert sorted(counts[i] for i in (7, 8)) == [3, 4], "0.5 lies above it"
    assert [row["id"] for row in drawn] == [row["id"] for row in balanced_buckets(ROWS, count=14)]
    assert drawn != balanced_buckets(ROWS, count=14, seed=1)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.lists(st.floats(0, 1), max_size=4, unique=True).map(sorted),
    st.integers(0, 60),
)
def test_shares_differ_by_at_most_one(q: list[float], edges: list[float], count: int) -> None:
    def bucket(value: float) -> int:
        return sum(value >= edge for edge in edges)

    drawn = balanced_buckets([{"q": value} for value in q], edges, count=count)
    shares = Counter(bucket(row["q"]) for row in drawn)
    full = [shares[b] for b in {bucket(value) for value in q}]
    assert sum(full) == len(drawn) == count
    assert max(full) - min(full) <= 1
    weights = bucket_weights(q, edges)
    sums = [sum(w for w, v in zip(weights, q, strict=True) if bucket(v) == b) for b in {bucket(v) for v in q}]
    assert sums == pytest.approx([len(q) / len(sums)] * len(sums))


def test_one_bucket_alone_is_drawn_as_it_is() -> None:
    assert len(balanced_buckets([{"q": 0.1}, {"q": 0.2}])) == 2
    assert bucket_weights([0.1, 0.2]) == [1, 1]
    with pytest.raises(InvalidInputError, match="rows to draw from"):
        balanced_buckets([])
    with pytest.raises(InvalidInputError, match="must rise"):
        balanced_buckets(ROWS, (0.5, 0.5))
