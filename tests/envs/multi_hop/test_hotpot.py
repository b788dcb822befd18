from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from stepgym.envs.multi_hop import load_hotpot
from stepgym.envs.tools import Document
from stepgym.errors import InvalidInputError

ROWS: list[dict[str, Any]] = [
    {
        "_id": "5a8b",
        "question": "Which city is the birthplace of the painter of The Blue Mill?",
        "answer": "Haarbeek",
        "type": "bridge",
        "level": "medium",
        "supporting_facts": [["The Blue Mill", 0], ["Jan Verlo", 1], ["Jan Verlo", 0]],
        "context": [
            ["The Blue Mill", ["The Blue Mill is a painting", " by Jan Verlo."]],
            ["Jan Verlo", ["Jan Verlo was a painter.", " He was born in Haarbeek."]],
        ],
    },
    {
        "_id": "5a8c",
        "question": "Was Jan Verlo a sculptor?",
        "answer": "no",
        "type": "comparison",
        "level": "easy",
        "supporting_facts": [["Jan Verlo", 0]],
        "context": [
            ["Jan Verlo", ["Jan Verlo was a painter.", " He was born in Haarbeek."]],
            ["Haarbeek", ["A town."]],
        ],
    },
]


def written(path: Path, rows: Any) -> Path:
    text = json.dumps(rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("name", ["hotpot.json", "hotpot.json.gz"])
def test_questions_and_all_paragraphs_each_once(tmp_path, name):
    file = load_hotpot(written(tmp_path / name, ROWS))
    assert [task.id for task in file.tasks] == ["hotpot/5a8b", "hotpot/5a8c"]
    assert file.tasks[0].prompt == ROWS[0]["question"]
    assert file.tasks[0].reference == "Haarbeek"
    assert file.tasks[0].meta == {"type": "bridge", "level": "medium", "supporting": ["Jan Verlo", "The Blue Mill"]}
    assert file.documents == (
        Document("The Blue Mill", "The Blue Mill is a painting by Jan Verlo."),
        Document("Jan Verlo", "Jan Verlo was a painter. He was born in Haarbeek."),
        Document("Haarbeek", "A town."),
    )


def test_the_columns_of_the_hub_are_read_too(tmp_path):
    row = {
        **{key: ROWS[1][key] for key in ("question", "answer", "type", "level")},
        "id": "5a8c",
        "supporting_facts": {"title": ["Jan Verlo"], "sent_id": [0]},
        "context": {"title": ["Haarbeek"], "sentences": [["A town."]]},
    }
    path = tmp_path / "hotpot.jsonl"
    path.write_text(json.dumps(row) + "\n")
    file = load_hotpot(path)
    assert (file.tasks[0].id, file.tasks[0].meta["supporting"]) == ("hotpot/5a8c", ["Jan Verlo"])
    assert file.documents == (Document("Haarbeek", "A town."),)


def test_a_file_is_read_once_and_again_after_a_change(tmp_path):
    path = written(tmp_path / "hotpot.json", ROWS)
    assert load_hotpot(path) is load_hotpot(str(path))
    written(path, ROWS[:1])
    assert len(load_hotpot(path).tasks) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"answer": None}, "expected an 'answer'"),
        ({"answer": " "}, "expected an 'answer'"),
        ({"question": ""}, "the prompt is empty"),
        ({"context": None}, "expected 'context' as pairs"),
        ({"context": [["title"]]}, "expected 'context' as pairs"),
        ({"context": [["title", [1, 2]]]}, "a title and a list of sentences"),
        ({"context": [[None, ["x"]]]}, "a title and a list of sentences"),
        ({"supporting_facts": 3}, "expected 'supporting_facts' as pairs"),
        ({"_id": "5a8b"}, "was used before"),
    ],
)
def test_a_bad_row_is_named_or_left_out(tmp_path, change, problem):
    path = written(tmp_path / "hotpot.json", [ROWS[0], {**ROWS[1], **change}])
    with pytest.raises(InvalidInputError, match="row 1") as caught:
        load_hotpot(path)
    assert problem in str(caught.value)
    file = load_hotpot(path, on_error="skip")
    assert (len(file.tasks), len(file.tasks.skipped)) == (1, 1)


def test_a_missing_file_says_where_to_get_one(tmp_path):
    with pytest.raises(InvalidInputError, match=r"no file .*HotPotQA is not part of stepgym.*hotpotqa/hotpot"):
        load_hotpot(tmp_path / "hotpot_dev.json")
    with pytest.raises(InvalidInputError, match="at least one task"):
        load_hotpot(written(tmp_path / "empty.json", []))
