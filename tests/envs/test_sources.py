from __future__ import annotations

import copy
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.envs import Task, TaskList, check_tasks, load_tasks
from stepgym.errors import ConformanceError, InvalidInputError, UnknownNameError

ROWS = [{"id": "a", "prompt": "1+1?", "reference": "2"}, {"id": "b", "prompt": "2∈{2}?", "reference": ["yes", 1]}]


def write(path: Path, lines: list[str]) -> Path:
    text = "\n".join(lines) + "\n"
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.ndjson", "t.json"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name, [json.dumps(ROWS[0]), "", json.dumps(ROWS[1])])
    tasks = load_tasks(file)
    assert list(tasks) == [Task("a", "1+1?", "2"), Task("b", "2∈{2}?", ["yes", 1])]
    assert list(load_tasks(str(file))) == list(tasks)


def test_a_json_array_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("\ufeff " + json.dumps(ROWS), encoding="utf-8")
    (tmp_path / "t.jsonl").write_text("\ufeff" + json.dumps(ROWS[0]), encoding="utf-8")
    assert len(load_tasks(tmp_path / "t.json")) == 2
    assert len(load_tasks(tmp_path / "t.jsonl")) == 1


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"question": f"q{i}", "answer": str(i), "level": i} for i in range(5)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "train.parquet", row_group_size=2)
    tasks = load_tasks(tmp_path / "train.parquet", columns={"prompt": "question", "reference": "answer"})
    assert tasks[4] == Task("train/4", "q4", "4", {"level": 4})
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InvalidInputError, match=r"broken\.parquet is not a Parquet file"):
        load_tasks(tmp_path / "broken.parquet")


def test_a_column_map_ids_of_rows_without_one_and_meta(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": None, "level": 3, "meta": {"x": 1}}, {"n": 7, "question": "r", "answer": 2}]
    file = write(tmp_path / "train.jsonl", [json.dumps(r) for r in rows])
    tasks = load_tasks(file, columns={"prompt": "question", "reference": "answer", "id": "n"})
    assert list(tasks) == [Task("train/0", "q", None, {"level": 3, "x": 1}), Task("7", "r", 2)]


def test_rows_tasks_and_datasets_in_memory() -> None:
    assert list(load_tasks(ROWS)) == list(load_tasks(iter(ROWS)))
    tasks = [Task("x", "p", "r")]
    assert list(load_tasks(tasks)) == tasks
    loaded = load_tasks(tasks)
    assert load_tasks(loaded) is loaded
    assert copy.deepcopy(loaded) is loaded


@pytest.mark.slow
def test_a_hugging_face_dataset() -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list([{"question": "q", "answer": "a", "level": 1}])
    columns = {"prompt": "question", "reference": "answer"}
    assert list(load_tasks(data, columns=columns)) == [Task("task/0", "q", "a", {"level": 1})]
    with pytest.raises(InvalidInputError, match=r"choose a split"):
        load_tasks(datasets.DatasetDict({"train": data}), columns=columns)


BAD_LINES = {
    '{"id": "c", "prompt": "p", "refer': "not valid JSON at column",
    "[1]": "expected a JSON object, got list",
    '{"id": "c", "prompt": "p", "reference": NaN}': "NaN is no JSON number",
    '{"id": "c", "prompt": "p"}': "no column 'reference'",
    '{"id": "c", "prompt": " ", "reference": 1}': "the prompt is empty",
    '{"id": "c", "prompt": 3, "reference": 1}': "the prompt must be a text, got int",
    '{"id": "c", "prompt": "\\ud800", "reference": 1}': "half a surrogate pair",
    '{"id": "", "prompt": "p", "reference": 1}': "the id must be a text",
    '{"id": true, "prompt": "p", "reference": 1}': "the id must be a text",
    '{"id": "a", "prompt": "p", "reference": 1}': "the id 'a' was used before, at line 1",
    "[" * 100_000: "nested too deeply",
    '{"id": "c", "prompt": "p", "reference": ' + "9" * 5_000 + "}": "Exceeds the limit",
}


@pytest.mark.parametrize(("line", "message"), BAD_LINES.items(), ids=BAD_LINES.values())
def test_a_bad_line_is_refused_with_its_number_or_skipped_and_counted(tmp_path: Path, line: str, message: str) -> None:
    good = [json.dumps(r) for r in ROWS]
    file = write(tmp_path / "t.jsonl", [good[0], "", line, good[1]])
    with pytest.raises(InvalidInputError, match=r"t\.jsonl, line 3: ") as caught:
        load_tasks(file)
    assert message in str(caught.value)
    tasks = load_tasks(file, on_error="skip")
    assert [task.id for task in tasks] == ["a", "b"]
    assert len(tasks.skipped) == 1
    assert tasks.skipped[0].startswith("line 3: ")
    assert "skipped=1" in repr(tasks)


def test_text_that_is_not_utf8_and_a_cut_off_gzip_file(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(json.dumps(ROWS[0]).encode() + b"\n\xff\xfe\n")
    with pytest.raises(InvalidInputError, match="line 2: not UTF-8 at byte 0"):
        load_tasks(tmp_path / "t.jsonl")
    many = "\n".join(json.dumps({**ROWS[0], "id": f"{i}-{hash(str(i))}"}) for i in range(5_000))
    (tmp_path / "u.jsonl.gz").write_bytes(gzip.compress(many.encode())[:20_000])
    with pytest.raises(InvalidInputError, match="damaged or cut off"):
        load_tasks(tmp_path / "u.jsonl.gz")
    tasks = load_tasks(tmp_path / "u.jsonl.gz", on_error="skip")
    assert 0 < len(tasks) < 5_000
    assert "damaged or cut off" in tasks.skipped[-1]
    (tmp_path / "v.jsonl.gz").write_text("no gzip at all")
    with pytest.raises(InvalidInputError, match="damaged or cut off"):
        load_tasks(tmp_path / "v.jsonl.gz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.jsonl", None, "no file"),
        ("t.csv", "a,b", r"expected \.jsonl"),
        ("https://example.org/t.jsonl", None, "download it first"),
        ("empty.jsonl", "", "expected at least one task, got none"),
        ("bad.json", "[1, 2", "not valid JSON"),
    ],
)
def test_sources_without_tasks(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InvalidInputError, match=message):
        load_tasks(name if "://" in name else tmp_path / name)


@pytest.mark.parametrize("source", [3, [], ["text"], {"train": []}, [None]])
def test_things_that_are_no_rows(source: Any) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        load_tasks(source)


def test_wrong_column_maps_are_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'prompt'"):
        load_tasks(ROWS, columns={"promt": "question"})
    with pytest.raises(InvalidInputError, match=r"no column 'question'; there are 'id', 'prompt', 'reference'"):
        load_tasks(ROWS, columns={"prompt": "question"})
    with pytest.raises(InvalidInputError, match="on_error must be one of"):
        load_tasks(ROWS, on_error="ignore")  # type: ignore[arg-type]


def test_a_file_beside_a_module_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "taskpackage"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "units.py").write_text("raise RuntimeError('looking for a file must not import this')")
    write(package / "t.jsonl", [json.dumps(ROWS[0])])
    monkeypatch.syspath_prepend(tmp_path)
    assert len(load_tasks("taskpackage:t.jsonl")) == 1
    assert len(load_tasks("taskpackage.units:t.jsonl")) == 1
    with pytest.raises(InvalidInputError, match=r"no file 'taskpackage:u\.jsonl'"):
        load_tasks("taskpackage:u.jsonl")
    with pytest.raises(InvalidInputError, match="there is no package 'nosuchpackage'"):
        load_tasks("nosuchpackage:t.jsonl")
    sys.modules.pop("taskpackage", None)


def test_a_file_is_read_once_while_it_is_in_use_and_again_when_it_changed(tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", [json.dumps(ROWS[0])])
    first = load_tasks(file)
    assert load_tasks(file) is first
    write(file, [json.dumps(r) for r in ROWS])
    assert len(load_tasks(file)) == 2


def test_find_suggests_near_ids() -> None:
    tasks = TaskList(Task(f"train/algebra/{i}", "p", "r") for i in range(3_000))
    assert tasks.find("train/algebra/77").id == "train/algebra/77"
    with pytest.raises(UnknownNameError, match=r"No task is called 'train/algbra/77'.*Did you mean") as caught:
        tasks.find("train/algbra/77")
    assert "has 3000 tasks" in str(caught.value)


def test_task_lists_refuse_duplicates() -> None:
    with pytest.raises(InvalidInputError, match=r"'x' is used twice \(tasks 0 and 2\)"):
        TaskList([Task("x", "p", 1), Task("y", "p", 1), Task("x", "q", 2)])


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "at least one"),
        ([{"id": "a"}], "expected a stepgym.envs.Task"),
        ([Task("a", "p", 1), Task("a", "q", 2)], "used before"),
        ([Task("", "p", 1)], "the id must be a text"),
        ([Task("a", "", 1)], "the prompt is empty"),
        ([Task("a", "p", object())], "the reference is no JSON value"),
        ([Task("a", "p", float("nan"))], "the reference is no JSON value"),
        ([Task("a", "p", (1, 2))], "the reference changes in a JSON round trip"),
        ([Task("a", "p", 1, {"x": {1}})], "the meta is no JSON value"),
    ],
)
def test_check_tasks_names_the_broken_promise(tasks: list[Any], message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_tasks(tasks)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.tuples(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), json_values), min_size=1)
)
def test_any_rows_survive_a_file(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, Any]]) -> None:
    file = tmp_path_factory.mktemp("rows") / "t.jsonl.gz"
    tasks = [Task(str(i), prompt, reference) for i, (prompt, reference) in enumerate(rows)]
    lines = [json.dumps({"id": t.id, "prompt": t.prompt, "reference": t.reference}) for t in tasks]
    assert list(load_tasks(write(file, lines))) == tasks
    assert list(check_tasks(tasks)) == tasks
