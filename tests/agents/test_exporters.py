"""Episodes as rows for other programs, and back again where that is possible."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepgym.agents import (
    Episode,
    Step,
    read_chats,
    read_oreo,
    to_chat,
    to_dpo,
    to_kto,
    to_oreo,
    to_sft,
    write_rows,
)
from stepgym.errors import InvalidInputError


def episode(name: str, *turns: tuple[str, str], outcome: float | None = 1.0, task: str = "t", **kwargs: str) -> Episode:
    steps = tuple(Step(observation, action) for observation, action in turns)
    return Episode(name, "env", task, steps, outcome, **kwargs)  # type: ignore[arg-type]


ONE = episode("one", ("1+1?", "2"))
WRONG = episode("wrong", ("1+1?", "3"), outcome=0.0)
TWO = episode("two", ("a door", "open"), ("it is open", "go"))
UNDECIDED = episode("undecided", ("1+1?", "?"), outcome=None)
CUT = episode("cut", ("1+1?", "2"), end="context")
ALL = [ONE, WRONG, TWO, UNDECIDED, CUT]
DIALOGUE = [
    {"role": "user", "content": "a door"},
    {"role": "assistant", "content": "open"},
    {"role": "user", "content": "it is open"},
    {"role": "assistant", "content": "go"},
]


def test_oreo_rows_leave_out_what_has_no_judgement() -> None:
    assert list(to_oreo(ALL)) == [
        {"prompt": "1+1?", "response": "2", "reward": 1.0},
        {"prompt": "1+1?", "response": "3", "reward": 0.0},
        {"conversations": DIALOGUE, "reward": 1.0},
    ]


def test_chats_hold_everything() -> None:
    rows = list(to_chat(ALL))
    assert [row["reward"] for row in rows] == [1.0, 0.0, 1.0, None, None]
    assert rows[2] == {"id": "two", "task": "t", "messages": DIALOGUE, "reward": 1.0}
    (shared,) = to_chat([ONE], style="conversations")
    assert shared["conversations"] == [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}]


def test_rows_for_trl() -> None:
    assert list(to_sft(ALL)) == [{"prompt": "1+1?", "completion": "2"}, {"messages": DIALOGUE}]
    assert list(to_kto(ALL)) == [
        {"prompt": "1+1?", "completion": "2", "label": True},
        {"prompt": "1+1?", "completion": "3", "label": False},
        {"prompt": DIALOGUE[:1], "completion": DIALOGUE[1:], "label": True},
    ]
    assert list(to_dpo(ALL)) == [{"prompt": "1+1?", "chosen": "2", "rejected": "3"}]


def test_pairs_are_distinct_limited_and_repeatable() -> None:
    good = [episode(f"g{i}", ("q", f"right {i}")) for i in range(4)]
    bad = [episode(f"b{i}", ("q", f"wrong {i}"), outcome=0.0) for i in range(4)]
    other = [episode("x", ("another question", "wrong"), outcome=0.0)]
    pairs = [(row["chosen"], row["rejected"]) for row in to_dpo(good + bad + other, pairs_per_task=6, seed=1)]
    assert len(pairs) == len(set(pairs)) == 6
    assert all(chosen.startswith("right") and rejected.startswith("wrong ") for chosen, rejected in pairs)
    again = [(row["chosen"], row["rejected"]) for row in to_dpo(good + bad + other, pairs_per_task=6, seed=1)]
    assert pairs == again
    assert len(list(to_dpo(good + bad, pairs_per_task=100))) == 16


def test_exported_logs_can_be_imported_again(tmp_path: Path) -> None:
    assert write_rows(to_oreo([ONE, WRONG]), tmp_path / "oreo.jsonl") == 2
    assert [(e.steps[0].action, e.outcome) for e in read_oreo(tmp_path / "oreo.jsonl")] == [("2", 1.0), ("3", 0.0)]
    write_rows(to_chat([TWO, UNDECIDED]), tmp_path / "chat.jsonl")
    two, undecided = read_chats(tmp_path / "chat.jsonl", task="task")
    assert [(s.observation, s.action) for s in two.steps] == [("a door", "open"), ("it is open", "go")]
    assert (two.outcome, undecided.outcome, two.task_id) == (1.0, None, "t")


def test_files_are_not_overwritten_and_bad_arguments_are_refused(tmp_path: Path) -> None:
    write_rows([{"a": "é"}], tmp_path / "rows.jsonl")
    assert json.loads((tmp_path / "rows.jsonl").read_text(encoding="utf-8")) == {"a": "é"}
    with pytest.raises(InvalidInputError, match="exists"):
        write_rows([], tmp_path / "rows.jsonl")
    with pytest.raises(InvalidInputError, match="cannot write"):
        write_rows([], tmp_path / "no" / "rows.jsonl")
    with pytest.raises(InvalidInputError, match="style must be"):
        list(to_chat([ONE], style="x"))  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="pairs_per_task"):
        list(to_dpo([ONE], pairs_per_task=0))
