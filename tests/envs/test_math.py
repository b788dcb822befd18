from __future__ import annotations

import gzip
import json
import os
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.envs import check_text_env
from stepgym.envs.math import GSM8KEnv, MATHEnv, last_box
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verdict

SHARED = Path(os.environ.get("STEPGYM_SHARED", "../shared")) / "data" / "math"
needs_shared = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason=f"no {SHARED}: set STEPGYM_SHARED"),
]

GSM8K = [
    {"question": "Tom has 3 boxes of 24 pens. How many pens?", "answer": "3*24 = <<3*24=72>>72 pens.\n#### 72"},
    {"question": "What do 2 cars at $600 cost?", "answer": "2*600 = $<<2*600=1200>>1200.\n#### 1,200"},
]
MATH = [
    {"problem": "What is $1+1$?", "solution": "It is $\\boxed{2}$.", "level": "Level 1", "type": "Algebra"},
    {"problem": "Which?", "solution": "\\boxed{1} or \\boxed{\\frac{1}{2}}", "level": "Level 5", "type": "Geometry"},
]


class LastWord:
    """A stand-in that compares the last word."""

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        return Verdict.correct() if response.split()[-1:] == [reference] else Verdict.wrong()


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "\n".join(map(json.dumps, rows)).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["test.jsonl", "test.jsonl.gz", "gsm8k_test.jsonl", "gsm8k_test.jsonl.gz"])
def test_gsm8k_from_a_folder_or_a_file(tmp_path: Path, name: str) -> None:
    file = lines(tmp_path / name, GSM8K)
    for tasks in (GSM8KEnv.load(tmp_path, split="test"), GSM8KEnv.load(str(file)), GSM8KEnv.load(file, split="test")):
        assert [task.id for task in tasks] == ["gsm8k/test/0", "gsm8k/test/1"]
        assert [task.reference for task in tasks] == ["72", "1200"]
        assert tasks[0].prompt == GSM8K[0]["question"]
        assert tasks[0].meta["solution"] == GSM8K[0]["answer"]


def test_gsm8k_rows_without_a_gold_answer_are_named(tmp_path: Path) -> None:
    file = lines(tmp_path / "train.jsonl", [GSM8K[0], {"question": "?", "answer": "no marker"}, {"answer": "#### 3"}])
    with pytest.raises(InvalidInputError, match=r"train\.jsonl, line 2: expected an 'answer' that ends with '#### '"):
        GSM8KEnv.load(file)
    tasks = GSM8KEnv.load(file, on_error="skip")
    assert len(tasks) == 1
    assert [text.partition(":")[0] for text in tasks.skipped] == ["line 2", "line 3"]


def test_math_rows_and_the_published_folder(tmp_path: Path) -> None:
    file = lines(tmp_path / "rows" / "train.jsonl", [*MATH, {"id": "x/7", "problem": "p", "answer": " 5 "}])
    tasks = MATHEnv.load(file)
    assert [(task.id, task.reference) for task in tasks] == [
        ("math/train/0", "2"),
        ("math/train/1", "\\frac{1}{2}"),
        ("x/7", "5"),
    ]
    assert tasks[0].meta == {"solution": MATH[0]["solution"], "level": "Level 1", "type": "Algebra"}
    assert tasks[1].meta["boxes"] == 2
    for number in (10, 2, 1):
        lines(tmp_path / "MATH" / "train" / "algebra" / f"{number}.json", [{**MATH[0], "problem": f"p{number}"}])
    lines(tmp_path / "MATH" / "test" / "geometry" / "5.json", [MATH[1]])
    tasks = MATHEnv.load(tmp_path / "MATH")
    assert [task.id for task in tasks] == ["train/algebra/1", "train/algebra/2", "train/algebra/10"]
    assert [task.id for task in MATHEnv.load(tmp_path / "MATH", split="test")] == ["test/geometry/5"]


def test_math_problems_with_an_empty_box_are_left_out_and_counted(tmp_path: Path) -> None:
    tasks = MATHEnv.load(
        lines(tmp_path / "train.jsonl", [*MATH, {"problem": "p", "solution": "There are $\\boxed{}$."}])
    )
    assert len(tasks) == 2
    assert tasks.skipped == ("line 3: the gold answer is empty",)


def test_math_bad_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"line 1: expected an 'answer', or a 'solution' with a \\boxed"):
        MATHEnv.load(lines(tmp_path / "train.jsonl", [{"problem": "p", "solution": "2"}]))
    (tmp_path / "MATH" / "train" / "algebra").mkdir(parents=True)
    (tmp_path / "MATH" / "train" / "algebra" / "1.json").write_text("{")
    with pytest.raises(InvalidInputError, match=r"algebra/1\.json: not a JSON file"):
        MATHEnv.load(tmp_path / "MATH")


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("\\boxed{2}", "2"),
        ("\\boxed{1}, no, \\boxed{ \\frac{1}{2} }.", "\\frac{1}{2}"),
        ("\\fbox{3}", "3"),
        ("$\\boxed 5$ dollars", "5"),
        ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),
        ("\\boxed{}", ""),
        ("\\boxed{2", None),
        ("\\boxedx{2}", None),
        ("", None),
    ],
)
def test_the_last_box(solution: str, answer: str | None) -> None:
    assert last_box(solution) == answer


@given(st.text(alphabet="\\boxed{}fr 12$", max_size=80))
def test_any_text_has_a_last_box_or_none(text: str) -> None:
    found = last_box(text)
    assert found is None or found in text


@pytest.mark.parametrize(
    ("name", "source"), [("GSM8K", "github.com/openai/grade-school-math"), ("MATH", "hendrycks/math")]
)
def test_missing_data_says_where_to_get_it_and_what_it_looks_like(tmp_path: Path, name: str, source: str) -> None:
    (tmp_path / "x.txt").write_text("")
    for arguments in ({}, {"path": "no/such/folder"}, {"path": str(tmp_path)}, {"path": str(tmp_path / "x.txt")}):
        with pytest.raises(InvalidInputError, match=source) as caught:
            gymnasium.make(f"stepgym/{name}-v0", **arguments)
        assert "path=" in str(caught.value)
        assert "train" in str(caught.value)
    with pytest.raises(InvalidInputError, match="split must be one of"):
        gymnasium.make(f"stepgym/{name}-v0", path=str(tmp_path), split="validation")


@pytest.mark.parametrize(("name", "rows"), [("GSM8K", GSM8K), ("MATH", MATH)])
def test_the_ids_keep_every_promise(tmp_path: Path, name: str, rows: list[dict[str, Any]]) -> None:
    lines(tmp_path / "train.jsonl", rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(
            f"stepgym:stepgym/{name}-v0", path=str(tmp_path), verifier="stepgym.verifiers.exact:ExactMatchVerifier"
        )
        check_text_env(env)
    assert env.unwrapped.instructions


def test_an_episode_with_another_verifier(tmp_path: Path) -> None:
    file = lines(tmp_path / "train.jsonl", GSM8K)
    env = GSM8KEnv(path=file, verifier=LastWord())
    env.reset(options={"task": "gsm8k/train/1"})
    assert env.step("it is 1200")[1] == 1.0


@pytest.mark.parametrize("split", ["train", "test"])
class TestPublishedData:
    pytestmark = needs_shared

    def test_gsm8k(self, split: str) -> None:
        tasks = GSM8KEnv.load(SHARED, split=split)
        assert len(tasks) == {"train": 7_473, "test": 1_319}[split]
        assert not tasks.skipped
        assert all(task.reference.lstrip("-").replace(".", "", 1).isdecimal() for task in tasks)

    def test_math(self, split: str) -> None:
        tasks = MATHEnv.load(SHARED, split=split)
        assert len(tasks) + len(tasks.skipped) == {"train": 7_500, "test": 5_000}[split]
        assert len(tasks.skipped) == {"train": 2, "test": 0}[split]
        # the rows carry an "answer" that someone else cut from the solution
        assert [task.id for task in tasks if last_box(task.meta["solution"]) != task.reference] == []


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no {SHARED}: set STEPGYM_SHARED")
def test_math_500_agrees_with_the_boxes() -> None:
    tasks = MATHEnv.load(SHARED / "math500.jsonl.gz")
    assert len(tasks) == 500
    assert all(last_box(task.meta["solution"]) == task.reference for task in tasks)


@pytest.mark.parametrize(
    ("name", "rows", "right", "wrong"),
    [
        ("GSM8K", GSM8K, "3 boxes hold 3*24 = 72 pens.\n#### 72", "#### 73"),
        ("MATH", MATH, "It is $1 + 1 = \\boxed{2}$.", "\\boxed{3}"),
    ],
)
def test_the_built_in_verifier_judges_answers(
    tmp_path: Path, name: str, rows: list[dict[str, Any]], right: str, wrong: str
) -> None:
    lines(tmp_path / "train.jsonl", rows)
    env = gymnasium.make(f"stepgym:stepgym/{name}-v0", path=str(tmp_path), split="train")
    for answer, reward, status in ((right, 1.0, "correct"), (wrong, 0.0, "wrong")):
        _, info = env.reset(seed=0, options={"task": env.unwrapped.tasks[0].id})
        assert info["verdict"].status == "undecided"
        _, got, terminated, _, info = env.step(answer)
        assert (got, terminated, info["verdict"].status) == (reward, True, status)
    check_text_env(env)
