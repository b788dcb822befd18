from __future__ import annotations

import csv
import gzip
import json
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import Episode, EpisodeLog, Step
from stepgym.cli import main
from stepgym.verifiers import Verdict

from .conftest import ENV, lines, write_lines

DATA = Path(os.environ.get("STEPGYM_SHARED", "../shared"))
SOLUTIONS = DATA / "data/math/gsm8k_example_model_solutions_half.jsonl.gz"
ANSWERS = DATA / "bench/answers_dev.jsonl.gz"

ROWS = [
    {"response": "The answer is 4.", "reference": "4", "ok": True},
    {"response": "4", "reference": "4", "ok": 1},
    {"response": "It is \x1b[31m5", "reference": "4", "ok": True, "context": "2 + 2?"},
    {"response": "0.5", "reference": "1/2", "ok": False},
    {"response": "7", "reference": "8", "ok": None},
]


class Crashing:
    """Fails on one response."""

    def verify(self, response, reference, *, context=""):
        if response == "7":
            raise KeyError("no such thing")
        return Verdict.correct()


class Interrupted:
    """Ctrl-C comes while it judges."""

    def verify(self, response, reference, *, context=""):
        raise KeyboardInterrupt


class Talking:
    """Returns no verdict."""

    def verify(self, response, reference, *, context=""):
        return "fine"


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def write_log(path: Path, *episodes: Episode) -> Path:
    with EpisodeLog(path, mode="a") as log:
        log.extend(episodes)
    return path


def episode(id: str, *actions: str, outcome: float | None = 1.0, task: str = "chain/7/3+4+1", env: str = ENV, **kwargs):
    steps = tuple(Step(f"question {i}" if i else "3 + 4 + 1 mod 7 =", a) for i, a in enumerate(actions))
    return Episode(id, env, task, steps, outcome, env_kwargs=kwargs)


def row_of(text: str, label: str) -> list[str]:
    """The cells of a row of a printed table."""
    (line,) = (line for line in text.splitlines() if line.startswith(label))
    return line[len(label) :].split()


def test_rows_are_judged_and_counted(cli, tmp_path):
    result = cli("verify", write_lines(tmp_path / "rows.jsonl", ROWS))
    assert result.code == 0
    assert result.out == "math-answer: 3 correct, 2 wrong, 0 undecided\n"


def test_two_verifiers_are_compared_and_every_item_is_written(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    result = cli("verify", file, "--against", "exact", "--out", tmp_path / "out.jsonl", "--json", tmp_path / "f.json")
    assert result.code == 0
    assert "exact: 1 correct, 4 wrong, 0 undecided" in result.out
    for label, number in {
        "both correct": "1",
        "both wrong": "2",
        "only math-answer says correct": "2",
        "only exact says correct": "0",
        "undecided by both": "0",
    }.items():
        assert row_of(result.out, label) == [number]
    assert "60.00 % agreement: 3 of 5 compared" in result.out
    assert "differences: 2\n  line 1: math-answer: correct" in result.out
    assert "line 4" in result.out
    written = lines(tmp_path / "out.jsonl")
    assert [r["differs"] for r in written] == [True, False, False, True, False]
    assert written[2]["response"] == ROWS[2]["response"]
    assert Verdict.from_dict(written[0]["verdicts"]["exact"]).status == "wrong"
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["items"] == 5
    assert figures["agreement"][0]["agreed"] == 3
    # What was written can be verified again.
    assert "3 correct, 2 wrong" in cli("verify", tmp_path / "out.jsonl").out


def test_rows_with_an_outcome_are_compared_with_it_and_text_is_shown_escaped(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    result = cli("verify", file, "--column", "reward=ok")
    assert row_of(result.out, "only the log says correct") == ["1"]
    assert row_of(result.out, "only math-answer says correct") == ["1"]
    assert row_of(result.out, "no outcome in the log") == ["1"]
    assert "50.00 % agreement: 2 of 4 compared, of 5 items" in result.out
    assert "line 3: logged as correct, math-answer: wrong" in result.out
    assert "\x1b" not in result.out


def test_the_list_of_differences_has_a_limit(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    words = ("verify", file, "--column", "reward=ok", "--limit")
    assert "differences: 2, of which the first 1\n" in cli(*words, 1).out
    assert "line 3" not in cli(*words, 0).out
    assert cli(*words, -1).code == 2


def test_conventions_can_be_chosen_and_compared(cli, tmp_path):
    rows = [{"response": "5 km", "reference": "5 m"}, {"response": "so 5", "reference": "5"}]
    file = write_lines(tmp_path / "rows.jsonl", rows)
    assert "1 correct, 1 wrong" in cli("verify", file).out
    assert "math-answer (gsm8k): 2 correct" in cli("verify", file, "--conventions", "gsm8k").out
    both = cli("verify", file, "--against-conventions", "gsm8k")
    assert row_of(both.out, "only math-answer (gsm8k) says correct") == ["1"]
    assert "no conventions" in cli("verify", file, "--verifier", "exact", "--conventions", "math").err
    assert "nothing to compare" in cli("verify", file, "--against", "math-answer").err
    assert cli("verify", file, "--verifier", "math-steps", "--conventions", "strict").code == 0


def test_a_log_is_judged_by_the_references_of_its_environment(cli, tmp_path):
    log = write_log(
        tmp_path / "log",
        episode("a", "answer 1"),
        episode("b", "answer 2"),
        episode("c", "answer 2", outcome=0.0),
        episode("d", "answer 1", outcome=None),
        episode("e"),
        episode("f", "answer 1", task="no chain"),
    )
    with (log / "episodes.jsonl").open("a") as end:
        end.write("no episode\n")
    result = cli("verify", log, "--verifier", "arithmetic-chain")
    assert result.code == 0
    assert "arithmetic-chain: 2 correct, 2 wrong, 0 undecided" in result.out
    assert "66.67 % agreement: 2 of 3 compared, of 4 items" in result.out
    assert "differences: 1\n  b: logged as correct, arithmetic-chain: wrong" in result.out
    assert "3 left out" in result.err
    for said in ("e: the episode has no action", "f: no reference: No arithmetic chain", "line 7: not valid JSON"):
        assert said in result.err
    again = cli("verify", log / "episodes.jsonl", "--verifier", "arithmetic-chain")
    assert again.out == result.out, "the file of a log is a log"


def test_a_log_is_judged_by_the_verifier_that_judged_it(cli, tmp_path):
    plain = episode("a", "answer 1")
    judged = replace(plain.steps[0], verdicts=(Verdict.correct(verifier="arithmetic-chain/1"),))
    result = cli("verify", write_log(tmp_path / "log", replace(plain, steps=(judged,))))
    assert result.code == 0, result.err
    assert "judged by arithmetic-chain, as in the log" in result.err
    assert "100.00 % agreement: 1 of 1 compared" in result.out
    unknown = replace(plain.steps[0], verdicts=(Verdict.correct(verifier="somebody/1"),))
    other = cli("verify", write_log(tmp_path / "other", replace(plain, steps=(unknown,))))
    assert "the reference of a math answer must be a text" in other.err


def test_episodes_of_several_steps_are_one_text(cli, tmp_path):
    log = write_log(tmp_path / "log", episode("a", "3 + 4 = 0", "0 + 1 = 1", "answer 1"), episode("b", "answer 1"))
    joined = cli("verify", log, "--verifier", "arithmetic-chain", "--out", tmp_path / "out.jsonl")
    assert "episodes of several steps: 1;" in joined.err
    first, second = lines(tmp_path / "out.jsonl")
    assert first["response"] == "3 + 4 = 0\n0 + 1 = 1\nanswer 1"
    assert first["context"] == second["context"] == "3 + 4 + 1 mod 7 ="
    words = ("verify", log, "--verifier", "arithmetic-chain", "--actions", "last", "--out", tmp_path / "out.jsonl")
    assert "is there already" in cli(*words).err
    last = cli(*words, "--overwrite")
    assert last.code == 0
    assert "of several steps" not in last.err
    assert lines(tmp_path / "out.jsonl")[0]["response"] == "answer 1"
    assert lines(tmp_path / "out.jsonl")[0]["context"] == "question 2"


def test_references_of_a_log_from_a_file(cli, tmp_path):
    rows = [{"q": "1 + 1?", "a": "2", "ok": 1, "gold": "So\n#### 2"}, {"q": "1 + 2?", "a": "4", "ok": 1, "gold": "3"}]
    file = write_lines(tmp_path / "rows.jsonl", rows)
    names = ("--column", "prompt=q", "--column", "response=a", "--column", "reward=ok")
    assert cli("import", file, "--format", "rows", *names, "--out", tmp_path / "log").code == 0
    without = cli("verify", tmp_path / "log")
    assert without.code == 2
    assert "--references" in without.err
    words = ("verify", tmp_path / "log", "--references", file, "--reference-after", "####")
    result = cli(*words, "--column", "prompt=q", "--column", "reference=gold", "--out", tmp_path / "out.jsonl")
    assert result.code == 0
    assert "50.00 % agreement: 1 of 2 compared" in result.out
    assert [r["reference"] for r in lines(tmp_path / "out.jsonl")] == ["2", "3"]
    assert "--column prompt=question" in cli(*words).err
    tasks = write_lines(tmp_path / "tasks.jsonl", [{"id": "one", "reference": "1"}])
    log = write_log(tmp_path / "other", episode("a", "1", task="one", env="my/Env-v0"))
    assert "1 correct" in cli("verify", log, "--references", tasks).out


@pytest.mark.parametrize(
    ("env", "kwargs"),
    [
        ("stepgym/Game24-v0", {"verifier": "os:mkdir", "verifier_kwargs": {"path": "PLACE"}}),
        ("evil:Env-v0", {}),
    ],
)
def test_a_log_cannot_name_code_to_run(cli, tmp_path, monkeypatch, env, kwargs):
    place = tmp_path / "executed"
    (tmp_path / "evil.py").write_text(f"import os; os.mkdir({str(place)!r})")
    monkeypatch.syspath_prepend(tmp_path)
    kwargs = json.loads(json.dumps(kwargs).replace("PLACE", str(place)))
    log = write_log(tmp_path / "log", episode("a", "1", env=env, **kwargs))
    result = cli("verify", log)
    assert result.code == 2
    assert "names code to import" in result.err
    assert not place.exists()


LABELLED = [
    ["response", "reference", "label", "context"],
    ["It is 4", "4", "correct", ""],
    ["two\nlines, 5", "4", "wrong", "2 + 2?"],
    ["It is 6", "6", "FALSE", ""],
    ["It is 7", "8", "1", ""],
]


def test_a_scorecard_from_a_csv_file(cli, tmp_path):
    file = write_csv(tmp_path / "cases.csv", LABELLED)
    result = cli("verify", "--labels", file, "--json", tmp_path / "card.json", "--out", tmp_path / "out.jsonl")
    assert result.code == 0
    assert "judged as labelled  2 (50.00 %)" in result.out
    assert "false accepts       1" in result.out
    assert "false rejects       1" in result.out
    assert "median latency" in result.out
    assert "hostile" not in result.out, "none were tried"
    assert "line 5: labelled wrong, math-answer: correct" in result.out, "the line in the file, not the number"
    assert "line 6: labelled correct, math-answer: wrong" in result.out
    (card,) = json.loads((tmp_path / "card.json").read_text())["scorecards"]
    assert (card["cases"], card["false_accepts"], card["false_rejects"], card["undecided"]) == (4, 1, 1, 0)
    assert [r["differs"] for r in lines(tmp_path / "out.jsonl")] == [False, False, True, True]


def test_labels_may_have_other_names_and_be_compressed(cli, tmp_path):
    rows = [["text", "gold", "expected"], ["It is 4", "x: 4", "yes"], ["It is 5", "x: 4", "no"]]
    plain = write_csv(tmp_path / "cases.csv", rows)
    packed = tmp_path / "cases.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + plain.read_bytes()))
    names = ("--column", "response=text", "--column", "reference=gold", "--reference-after", "x:")
    for file in (plain, packed):
        assert "2 (100.00 %)" in cli("verify", "--labels", file, *names).out
    records = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    table = write_lines(tmp_path / "cases.jsonl", [{**r, "expected": r["expected"] == "yes"} for r in records])
    assert "2 (100.00 %)" in cli("verify", "--labels", table, *names).out
    both = cli("verify", "--labels", table, *names, "--against", "exact")
    assert both.out.count("judged as labelled") == 2


def test_references_that_are_json_in_a_csv_file(cli, tmp_path):
    reference = json.dumps({"numbers": [1, 2, 3, 4], "target": 24})
    rows = [["response", "reference", "label"], ["1*2*3*4", reference, "correct"], ["1+2+3+4", reference, "wrong"]]
    file = write_csv(tmp_path / "cases.csv", rows)
    words = ("verify", "--labels", file, "--verifier", "game24")
    assert "2 (100.00 %)" in cli(*words, "--json-references").out
    refused = cli(*words)
    assert refused.code == 2
    assert "line 2: the reference is refused" in refused.err


def test_bad_rows_are_counted_with_their_lines(cli, tmp_path):
    file = tmp_path / "cases.csv"
    good = b"It is 4,4,correct\n"
    bad = [
        b"too,few\n",  # line 3
        b"It is 4,4,maybe\n",
        b"\xff\xfe,4,wrong\n",
        b'"quoted"badly,4,wrong\n',
        b"It is 4,,correct\n",  # line 7, a reference without an answer
    ]
    file.write_bytes(b"response,reference,label\n" + good + b"".join(bad) + b"\n" + good + b'"never closed,4,wrong\n')
    result = cli("verify", "--labels", file)
    assert result.code == 0
    assert "cases               2" in result.out
    assert "6 left out" in result.err
    for line in ("line 3: has 2 fields", "line 4: 'label'", "line 5: not UTF-8", "line 6: not valid CSV", "line 10:"):
        assert line in result.err
    assert "and 1 more" in result.err


def test_fields_of_a_megabyte_are_read_and_longer_ones_are_not(cli, tmp_path):
    limit = csv.field_size_limit()
    for length, code in ((1 << 20, 0), ((1 << 20) + 1, 2)):
        text = " " * (length - 1) + "4"
        file = write_csv(tmp_path / "cases.csv", [["response", "reference", "label"], [text, "4", "correct"]])
        result = cli("verify", "--labels", file)
        assert result.code == code
        assert ("line 2: not valid CSV: field larger" in result.err) == bool(code)
    assert csv.field_size_limit() == limit


def test_the_promises_are_checked_on_request(cli, tmp_path):
    file = write_csv(tmp_path / "cases.csv", [["response", "reference", "label"], ["4", "4", "1"], ["5", "4", "0"]])
    result = cli("verify", "--labels", file, "--verifier", "exact", "--check")
    assert result.code == 0, result.err
    assert "accepted: none" in result.out
    assert "keeps the promises" in result.out
    broken = cli("verify", "--labels", file, "--verifier", f"{__name__}:Crashing", "--check")
    assert broken.code == 2
    assert "none of 1 wrong cases is refuted" in broken.err
    assert "false accepts       1" in broken.out
    assert "keeps" not in broken.out
    assert "--labels" in cli("verify", file, "--check").err


def test_a_verifier_that_fails_is_a_defect_with_its_place(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    result = cli("verify", file, "--verifier", f"{__name__}:Crashing", "--out", tmp_path / "out.jsonl")
    assert result.code == 1
    assert "failed on line 5" in result.err
    assert list(tmp_path.iterdir()) == [file], "nothing is left behind"
    assert "must return a Verdict" in cli("verify", file, "--verifier", f"{__name__}:Talking").err
    assert "is no verifier" in cli("verify", file, "--verifier", "collections:OrderedDict").err


@pytest.mark.parametrize("threads", [1, 8])
def test_an_interruption_leaves_what_was_there(cli, tmp_path, threads):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    out = write_lines(tmp_path / "out.jsonl", ["before"])
    words = ("--verifier", f"{__name__}:Interrupted", "--out", out, "--overwrite", "--threads", threads)
    result = cli("verify", file, *words)
    assert result.code == 130
    assert "nothing was written" in result.err
    assert lines(out) == ["before"]
    assert sorted(tmp_path.iterdir()) == [out, file]


def test_the_scorecard_of_the_page(cli, tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "verifiers.md").read_text(encoding="utf-8")
    (cases,) = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    (command,) = re.findall(r"^\$ stepgym (verify .*)$", page, re.MULTILINE)
    (shown,) = re.findall(r"```text\n(math-answer \(gsm8k\)\n.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labelled.csv").write_text(cases, encoding="utf-8")
    milliseconds = re.compile(r"[0-9.]+ ms")
    assert milliseconds.sub("", cli(*command.split()).out) == milliseconds.sub("", shown)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "either FILE, or --labels"),
        (("FILE", "--labels", "FILE"), "either FILE, or --labels"),
        (("nowhere.jsonl",), "there is no file"),
        (("--labels", "nowhere.csv"), "there is no file"),
        (("FILE", "--verifier", "exat"), "'exact'"),
        (("FILE", "--conventions", "gsm"), "'gsm8k'"),
        (("FILE", "--column", "respons=a"), "'response'"),
        (("FILE", "--column", "response=a"), "no column 'a'"),
        (("FILE", "--references", "FILE"), "for episode logs"),
        (("FILE", "--out", "FILE", "--overwrite"), "is read here"),
        (("FILE", "--threads", "0"), "at least 1"),
        (("--labels", "FILE"), "no column 'expected'"),
    ],
)
def test_a_call_that_cannot_work_is_refused(cli, tmp_path, monkeypatch, words, hint):
    monkeypatch.chdir(tmp_path)
    before = write_lines(tmp_path / "FILE.jsonl", ROWS).read_bytes()
    result = cli("verify", *(word.replace("FILE", "FILE.jsonl") for word in words))
    assert result.code == 2
    assert hint in result.err
    assert result.out == ""
    assert (tmp_path / "FILE.jsonl").read_bytes() == before


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text("ab\",\n\r ';")), max_size=8))
def test_every_csv_row_arrives_as_it_was_written(rows):
    with tempfile.TemporaryDirectory() as folder:
        cases = write_csv(Path(folder) / "cases.csv", [["response", "reference"], ["first", "first"], *map(list, rows)])
        assert main(["verify", str(cases), "--verifier", "exact", "--out", f"{folder}/out.jsonl"]) == 0
        with (Path(folder) / "out.jsonl").open("rb") as file:
            found = [(r["response"], r["reference"]) for r in map(json.loads, file)]
    assert found == [("first", "first"), *rows]


@pytest.mark.shared
@pytest.mark.skipif(not SOLUTIONS.exists(), reason=f"third-party data not found at {SOLUTIONS} (set STEPGYM_SHARED)")
def test_published_solutions_and_labels(cli, tmp_path):
    names = [f"{name}=6b_finetuning.{path}" for name, path in (("response", "solution"), ("reward", "is_correct"))]
    words = [w for name in (*names, "reference=ground_truth") for w in ("--column", name)]
    result = cli("verify", SOLUTIONS, *words, "--reference-after", "A:", "--json", tmp_path / "figures.json")
    assert result.code == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    (agreement,) = figures["agreement"]
    assert agreement["compared"] == figures["items"] > 500
    assert figures["left_out"] == 0
    assert agreement["agreed"] >= 0.995 * agreement["compared"]


@pytest.mark.shared
@pytest.mark.skipif(not ANSWERS.exists(), reason=f"third-party data not found at {ANSWERS} (set STEPGYM_SHARED)")
def test_labelled_answers_of_other_projects_as_csv(cli, tmp_path):
    with gzip.open(ANSWERS, "rt", encoding="utf-8") as file:
        cases = [row for row in map(json.loads, file) if row["convention"] is None][::5]
    rows = [[c["prediction"], c["gold"], str(c["expected"])] for c in cases]
    file = write_csv(tmp_path / "cases.csv", [["prediction", "gold", "expected"], *rows])
    words = ("--column", "response=prediction", "--column", "reference=gold", "--json", tmp_path / "card.json")
    result = cli("verify", "--labels", file, *words)
    assert result.code == 0
    figures = json.loads((tmp_path / "card.json").read_text())
    (card,) = figures["scorecards"]
    assert card["cases"] > 100
    assert card["cases"] + figures["left_out"] == len(cases)
    assert figures["left_out"] <= 0.01 * len(cases)
    assert card["accuracy"] >= 0.95
