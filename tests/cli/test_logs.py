from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from stepgym.agents import EpisodeLog
from stepgym.verifiers import ExactMatchVerifier

from .conftest import lines, write_lines

SHARED = Path(os.environ.get("STEPGYM_SHARED", "../shared")) / "data/math/gsm8k_example_model_solutions_half.jsonl.gz"


def solutions(path: Path) -> Path:
    """Two rows of the published form, one label of them wrong; compressed if the name says so."""
    rows = []
    for number, label in ((4, True), (5, False)):
        double = 2 * number
        rows.append(
            {
                "question": f"What is {number} + {number}?",
                "ground_truth": f"It is {number} + {number} = <<{number}+{number}={double}>>{double}.\nA: {double}",
                "6b_finetuning": {
                    "is_correct": label,
                    "solution": f"{number} + {number} = {double}\nA: {double}",
                },
                "175b_verification": {"is_correct": False, "solution": f"{number} + 1 = {number + 1}\nA: {number + 1}"},
            }
        )
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
        return path
    return write_lines(path, rows)


def test_gsm8k_solutions_are_imported_and_verified_again(cli, tmp_path):
    file = solutions(tmp_path / "solutions.jsonl")
    result = cli("import", file, "--format", "gsm8k-solutions", "--out", tmp_path / "log")
    assert result.code == 0
    assert "2 rows gave 4 episodes: 1 successes, 3 failures" in result.err
    first, second, *_ = result.out.splitlines()
    assert first == "75.00 % agreement: 3 of 4 compared, of 4 episodes"
    assert "6b_finetuning: logged as wrong, verified as correct" in second
    log = EpisodeLog(tmp_path / "log")
    assert {e.policy for e in log} == {"6b_finetuning", "175b_verification"}
    assert [len(e.steps[-1].verdicts) for e in log] == [1] * 4
    assert "test split" in log.meta["note"]
    assert json.loads((tmp_path / "log" / "agreement.json").read_text())["agreed"] == 3
    assert not (tmp_path / "log" / ".verified").exists()
    again = cli("import", file, "--format", "gsm8k-solutions", "--out", tmp_path / "log", "--resume")
    assert again.out.splitlines()[0] == first
    assert [len(e.steps[-1].verdicts) for e in EpisodeLog(tmp_path / "log")] == [1] * 4, "one verdict, not two"


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason=f"third-party data not found at {SHARED} (set STEPGYM_SHARED)")
def test_the_verifier_agrees_with_the_published_labels(cli, tmp_path):
    result = cli("import", SHARED, "--format", "gsm8k-solutions", "--out", tmp_path / "log")
    assert result.code == 0
    agreement = json.loads((tmp_path / "log" / "agreement.json").read_text())
    assert agreement["compared"] == 2204
    assert agreement["share"] >= 0.995
    assert result.out.count("logged as") == len(agreement["disagreements"]), "every disagreement is listed"


ROWS = [
    {"q": "1 + 1?", "a": {"text": "2"}, "ok": True, "gold": "2"},
    {"q": "1 + 2?", "a": {"text": "\x1b[31m4"}, "ok": False, "gold": "3"},
]
MAP = ("--column", "prompt=q", "--column", "response=a.text", "--column", "reward=ok")


def test_any_rows_with_a_column_map(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    verify = ("--verify", "exact", "--reference", "gold")
    result = cli("import", file, "--format", "rows", *MAP, *verify, "--env-id", "my/Env-v0", "--out", tmp_path / "log")
    assert result.code == 0
    assert result.out.startswith("100.00 % agreement: 2 of 2")
    assert [e.outcome for e in EpisodeLog(tmp_path / "log")] == [1.0, 0.0]


def test_bad_rows_are_counted_or_refused_with_their_line(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    with file.open("a") as end:
        end.write('{"q": "cut o')
    words = ("import", file, "--format", "rows", *MAP, "--out")
    skipped = cli(*words, tmp_path / "a")
    assert skipped.code == 0
    assert "1 skipped" in skipped.err
    assert "line 3" in skipped.err
    refused = cli(*words, tmp_path / "b", "--on-error", "raise")
    assert refused.code == 2
    assert "line 3" in refused.err
    nothing = cli("import", file, "--out", tmp_path / "c")
    assert nothing.code == 2
    assert "could be imported" in nothing.err
    assert not (tmp_path / "c").exists(), "the corrected command is not refused"
    assert cli(*words, tmp_path / "c").code == 0
    assert cli("import", file, "--out", tmp_path / "c", "--overwrite").code == 2
    assert (tmp_path / "c").exists(), "only what this call made is removed"


def test_what_was_imported_before_an_error_is_kept(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", [*ROWS, {"q": 1}])
    words = ("import", file, "--format", "rows", *MAP, "--on-error", "raise", "--out", tmp_path / "log")
    assert cli(*words).code == 2
    assert len(lines(tmp_path / "log" / "episodes.jsonl")) == 2


def test_an_import_is_resumed_with_its_file_and_format_only(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "rows.jsonl", ROWS)
    write_lines(tmp_path / "more.jsonl", ROWS)
    end = ("--format", "rows", *MAP, "--out", "log", "--resume")
    assert cli("import", "rows.jsonl", *end).code == 0
    other = cli("import", "more.jsonl", *end)
    assert other.code == 2
    assert "begun with file = 'rows.jsonl', now it is 'more.jsonl'" in other.err
    other = cli("import", "rows.jsonl", "--out", "log", "--resume")
    assert other.code == 2
    assert "begun with format = 'rows', now it is 'oreo'" in other.err
    assert cli("import", tmp_path / "rows.jsonl", *end).code == 0, "the same file by another path"


CALLED = []


def dangerous() -> None:
    CALLED.append(1)


def maker() -> ExactMatchVerifier:
    return ExactMatchVerifier()


def test_what_makes_no_verifier_is_not_called(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    words = ("import", file, "--format", "rows", *MAP, "--reference", "gold", "--out", tmp_path / "log", "--verify")
    for target in ("os:system", "json:JSONDecoder", "json:JSONDecoder.decode", f"{__name__}:dangerous", "os:sep"):
        for result in (cli(*words, target), cli("verify", file, "--verifier", target)):
            assert result.code == 2
            assert f"{target} is no verifier" in result.err
    assert CALLED == []
    assert not (tmp_path / "log").exists()
    assert cli(*words, f"{__name__}:maker").code == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--verify", "exact"), "--reference"),
        (("--reference", "gold"), "--verify"),
        (("--verify", "exat", "--reference", "gold"), "'exact'"),
        (("--verify", "exact", "--reference", "golden"), "golden"),
    ],
)
def test_a_verification_that_cannot_work_is_refused_first(cli, tmp_path, words, hint):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    result = cli("import", file, "--format", "rows", *MAP, *words, "--out", tmp_path / "log")
    assert result.code == 2
    assert hint in result.err
    assert not (tmp_path / "log").exists()


def test_the_doctor_says_what_is_in_a_log(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    assert cli("import", file, "--format", "rows", *MAP, "--out", tmp_path / "log").code == 0
    with (tmp_path / "log" / "episodes.jsonl").open("a") as end:
        end.write("no episode\n")
    tasks = write_lines(tmp_path / "tasks.jsonl", [{"question": "1 + 1?", "answer": "2"}])
    columns = ("--column", "prompt=question", "--column", "reference=answer")
    words = ("doctor", tmp_path / "log", "--against", tasks)
    result = cli(*words, *columns, "--json", tmp_path / "found.json")
    assert result.code == 0
    assert "1 successes, 1 failures" in result.out
    assert "1 of 1 tasks" not in result.out.split("in evaluation set")[0]
    assert "1 by prompt; 1 episodes" in result.out
    assert "line 3: not valid JSON" in result.out
    assert json.loads((tmp_path / "found.json").read_text())["problems"] == 1
    assert "--column prompt=question" in cli(*words).err
    assert "1 by id" not in cli("doctor", tmp_path / "log", "--against", tmp_path / "log").err


def test_the_doctor_says_why_a_log_has_no_episodes(cli, tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", ROWS)
    result = cli("doctor", file)
    assert result.code == 2
    assert "no episodes to examine: all of its 2 lines were left out, the first is: line 1: " in result.err
    assert "`stepgym import FILE --out DIR`" in result.err


def test_an_empty_log_is_an_error_not_a_table(cli, tmp_path):
    EpisodeLog(tmp_path / "log", mode="a").close()
    for words in (("doctor", tmp_path / "log"), ("train", tmp_path / "log", "--from-scratch", "tiny", "--out", "x")):
        result = cli(*words)
        assert result.code == 2
        assert "no episodes" in result.err
    assert lines(tmp_path / "log" / "episodes.jsonl") == []
