"""Preference pairs from logs: ids of the log, order and number of pairs, siblings at a fork."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents import Completion, Episode, Step
from stepgym.agents.exporters.preference_pairs import draw_pairs
from stepgym.agents.exporters.rows import to_dpo, to_kto, to_step_dpo
from stepgym.errors import InvalidInputError


def episode(
    name: str,
    turns: Sequence[tuple[str, str]],
    outcome: float | None = 1.0,
    *,
    ids: bool = True,
    new_segments: Sequence[int] = (0,),
    **fields: object,
) -> Episode:
    """An episode whose ids are the code points of its texts, with 0 after each action."""

    def completion(i: int, observation: str, action: str) -> Completion | None:
        prompt, written = tuple(map(ord, observation)), (*map(ord, action), 0)
        return Completion(action, i in new_segments, prompt, written) if ids else None

    steps = tuple(Step(o, a, completion(i, o, a)) for i, (o, a) in enumerate(turns))
    return Episode(name, "env", "t", steps, outcome, **fields)  # type: ignore[arg-type]


def codes(text: str) -> list[int]:
    return list(map(ord, text))


def test_rows_with_the_ids_of_the_log() -> None:
    two = [("a", "bc"), ("de", "f")]
    log = [episode("w", two), episode("l", [("a", "g")], 0.0)]
    kto = list(to_kto(log, ids=True))
    assert kto[0]["prompt_ids"] == codes("a")
    assert kto[0]["completion_ids"] == [*codes("bc"), 0, *codes("def"), 0]
    assert kto[0]["completion_mask"] == [1, 1, 1, 0, 0, 1, 1]
    assert list(to_dpo(log, ids=True)) == [], "a conversation and a single answer make no pair of texts"
    (row,) = to_dpo([episode("w", [("a", "b")]), episode("l", [("a", "cd")], 0.0)], ids=True)
    assert row == {
        "prompt": "a",
        "chosen": "b",
        "rejected": "cd",
        "prompt_ids": codes("a"),
        "chosen_ids": [98, 0],
        "chosen_mask": [1, 1],
        "rejected_ids": [99, 100, 0],
        "rejected_mask": [1, 1, 1],
    }


@pytest.mark.parametrize(
    "good",
    [
        episode("w", [("a", "b")], ids=False),
        episode("w", [("a", "b"), ("c", "d")], new_segments=(0, 1)),
        episode("w", [("a", "b"), ("c", "d")], ids=False),
    ],
)
def test_ids_are_none_where_the_log_has_no_single_sequence(good: Episode) -> None:
    (row,) = to_kto([good], ids=True)
    assert row["prompt_ids"] is row["completion_ids"] is row["completion_mask"] is None
    bad = episode("l", [("a", "x")] * len(good.steps), 0.0)
    (pair,) = to_dpo([good, bad], ids=True)
    assert pair["prompt_ids"] is pair["chosen_ids"] is pair["rejected_ids"] is None


def test_the_shortest_pairs_by_tokens() -> None:
    good = [episode(f"g{n}", [("q", "y" * n)]) for n in (5, 1, 3)]
    bad = [episode(f"b{n}", [("q", "n" * n)], 0.0) for n in (4, 2)]
    rows = list(to_dpo(good + bad, pairs_per_task=3, order="shortest"))
    assert [(len(r["chosen"]), len(r["rejected"])) for r in rows] == [(1, 2), (1, 4), (3, 2)]
    with pytest.raises(InvalidInputError, match="order must be one of"):
        list(to_dpo(good + bad, order="longest"))  # type: ignore[arg-type]


@given(
    st.lists(st.integers(0, 9), max_size=6),
    st.lists(st.integers(0, 9), max_size=6),
    st.integers(1, 40),
    st.sampled_from(["random", "shortest"]),
)
def test_as_many_distinct_pairs_as_there_are(a: list[int], b: list[int], most: int, order: str) -> None:
    chosen, rejected = list(enumerate(a)), list(enumerate(b))
    pairs = list(
        draw_pairs(
            chosen,
            rejected,
            most,
            order=order,  # type: ignore[arg-type]
            generator=np.random.default_rng(0),
            length=lambda item: item[1],
        )
    )
    assert len(pairs) == len(set(pairs)) == min(most, len(a) * len(b))
    assert all(c in chosen and r in rejected for c, r in pairs)
    if order == "shortest":
        sums = [c[1] + r[1] for c, r in pairs]
        assert sums == sorted(sums)
        left = {(c, r) for c in chosen for r in rejected} - set(pairs)
        assert not sums or all(c[1] + r[1] >= sums[-1] for c, r in left)


def test_siblings_at_a_fork() -> None:
    root = episode("root", [("q", "s"), ("o", "left")], 0.0)
    right = [
        episode(f"r{i}", [("q", "s"), ("o", "right"), ("p", "go")], float(i > 0), parent="root", forked_at=1)
        for i in range(4)
    ]
    up = episode("u", [("q", "s"), ("o", "up")], 1.0, parent="root", forked_at=1)
    undecided = episode("x", [("q", "s"), ("o", "down")], None, parent="root", forked_at=1)
    rows = list(to_step_dpo([root, *right, up, undecided], pairs_per_step=5, ids=True))
    found = [
        (r["chosen"][0]["content"], r["rejected"][0]["content"], r["chosen_score"] - r["rejected_score"]) for r in rows
    ]
    assert found == [("up", "left", 1.0), ("right", "left", 0.75), ("up", "right", 0.25)]
    assert rows[0]["prompt"] == [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "s"},
        {"role": "user", "content": "o"},
    ]
    assert rows[0]["prompt_ids"] == [*codes("qs"), 0, *codes("o")]
    assert rows[0]["chosen_ids"] == [*codes("up"), 0]
    assert len(list(to_step_dpo([root, *right, up]))) == 1
    assert [r["rejected"][0]["content"] for r in to_step_dpo([*right, up], pairs_per_step=5)] == ["right"]
    assert not list(to_step_dpo([root, *right, up], margin=1.0))


def test_a_fork_within_a_rewritten_context_reads_that_context_alone() -> None:
    turns = [("q", "s"), ("new", "a")]
    log = [
        episode("a", turns, 1.0, parent="root", forked_at=1, new_segments=(0, 1)),
        episode("b", [turns[0], ("new", "b")], 0.0, parent="root", forked_at=1, new_segments=(0, 1)),
    ]
    (row,) = to_step_dpo(log, ids=True)
    assert row["prompt_ids"] == codes("new")


def test_logs_that_are_no_siblings_are_refused() -> None:
    a = episode("a", [("q", "s"), ("o", "left")], parent="root", forked_at=1)
    other = episode("b", [("q", "t"), ("o", "right")], 0.0, parent="root", forked_at=1)
    with pytest.raises(InvalidInputError, match="'a' and 'b' were both forked from 'root' at step 1"):
        list(to_step_dpo([a, other]))
    short = episode("c", [("q", "s")], 0.0, parent="root", forked_at=1)
    with pytest.raises(InvalidInputError, match="'c' was forked from 'root' at step 1 but has 1 steps"):
        list(to_step_dpo([a, short]))
    with pytest.raises(InvalidInputError, match="pairs_per_step"):
        list(to_step_dpo([a], pairs_per_step=0))
