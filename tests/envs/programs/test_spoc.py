from __future__ import annotations

from pathlib import Path

import pytest

from stepgym.envs import check_tasks
from stepgym.envs.programs import write_solution
from stepgym.envs.programs.spoc import load_spoc
from stepgym.errors import InvalidInputError

HEAD = "text\tcode\tworkerid\tprobid\tsubid\tline\tindent"
DOUBLE = [
    "\tint main() {\t7\t1A\t100\t0\t0",
    "create integer n\tint n;\t7\t1A\t100\t1\t1",
    "read n\tcin >> n;\t7\t1A\t100\t2\t1",
    'print n * 2 and "!"\tcout << n * 2 << "!" << endl;\t7\t1A\t100\t3\t1',
    "\t}\t7\t1A\t100\t4\t0",
]
ANOTHER = [line.replace("\t100\t", "\t101\t") for line in DOUBLE]
TESTS = "1\n###ENDINPUT###\n2!\n###ENDOUTPUT###\n5\n###ENDINPUT###\n10!\n###ENDOUTPUT###\n"
HIDDEN = "7\n###ENDINPUT###\n14!\n###ENDOUTPUT###\n8\n###ENDINPUT###\n16!\n###ENDOUTPUT###\n"


def spoc(folder: Path, *rows: str, file: str = "train/spoc-train.tsv", ending: str = "\n") -> Path:
    place = folder / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(ending.join([HEAD, *rows, ""]).encode())
    tests = folder / "testcases" / "1A"
    tests.mkdir(parents=True, exist_ok=True)
    (tests / "1A_testcases_public.txt").write_text(TESTS)
    (tests / "1A_testcases_hidden.txt").write_text(HIDDEN)
    return folder


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_program_of_the_published_format(tmp_path: Path, ending: str) -> None:
    tasks = load_spoc(spoc(tmp_path, *DOUBLE, *ANOTHER, ending=ending))
    assert [task.id for task in tasks] == ["spoc/train/1A-100-7", "spoc/train/1A-101-7"]
    task = tasks[0]
    assert task.prompt.splitlines()[1:] == [
        "#include <bits/stdc++.h>",
        "using namespace std;",
        "int main() {",
        "  create integer n",
        "  read n",
        '  print n * 2 and "!"',
        "}",
    ]
    assert write_solution(task).splitlines()[2:] == [
        "int main() {",
        "  int n;",
        "  cin >> n;",
        '  cout << n * 2 << "!" << endl;',
        "}",
    ]
    assert task.reference["tests"] == [
        {"input": "1\n", "output": "2!\n"},
        {"input": "5\n", "output": "10!\n"},
        {"input": "7\n", "output": "14!\n"},
    ]
    assert (task.meta["probid"], task.meta["subid"], task.meta["workerid"], task.meta["lines"]) == ("1A", "100", "7", 7)
    check_tasks(tasks)


def test_number_of_tests_splits_and_single_files(tmp_path: Path) -> None:
    folder = spoc(tmp_path, *DOUBLE, file="test/spoc-testp.tsv")
    assert len(load_spoc(folder, split="testp", tests=1)[0].reference["tests"]) == 1
    assert len(load_spoc(folder, split="testp", tests=9)[0].reference["tests"]) == 4
    assert load_spoc(folder / "test" / "spoc-testp.tsv")[0].id == "spoc/testp/1A-100-7"
    with pytest.raises(InvalidInputError, match="no train split"):
        load_spoc(folder)
    with pytest.raises(InvalidInputError, match="split must be one of"):
        load_spoc(folder, split="dev")
    with pytest.raises(InvalidInputError, match="tests must be"):
        load_spoc(folder, split="testp", tests=0)
    with pytest.raises(InvalidInputError, match="does not exist"):
        load_spoc(folder / "nowhere")
    (tmp_path / "spoc.txt").write_text("")
    with pytest.raises(InvalidInputError, match=r"is no \.tsv file"):
        load_spoc(tmp_path / "spoc.txt")


def test_quotes_of_csv_writers_are_taken_off_and_others_kept(tmp_path: Path) -> None:
    rows = list(DOUBLE)
    rows[3] = '"print n * 2 and ""!"""\t"cout << n * 2 << ""!"" << endl;"\t7\t1A\t100\t3\t1'
    quoted = load_spoc(spoc(tmp_path / "quoted", *rows))[0]
    assert quoted.reference == load_spoc(spoc(tmp_path / "plain", *DOUBLE))[0].reference
    rows[3] = 'print a text\t"abc";\t7\t1A\t100\t3\t1'
    assert '  "abc";' in write_solution(load_spoc(spoc(tmp_path / "text", *rows))[0])


@pytest.mark.parametrize(
    ("place", "row", "message"),
    [
        (3, "read n\tcin >> n;\t7\t1A\t100\t1", "line 4: expected 7 columns, got 6"),
        (3, "read n\tcin >> n;\t7\t1A\t100\t9\t1", "line 4: expected line 2 of the program, got '9'"),
        (3, "read n\tcin >> n;\t7\t1A\t100\t2\tx", "line 4: expected a whole number as indent, got 'x'"),
        (3, "read n\tcin >> n;\t8\t1A\t100\t2\t1", "line 4: the workerid changes within a program"),
        (1, "\tint main() {\t7\t1A\t100\t0", "line 2: expected 7 columns, got 6"),
        (1, "\tint main() {\t7\t2B\t100\t0\t0", "the probid changes"),
    ],
)
def test_bad_rows_name_their_line_or_are_counted(tmp_path: Path, place: int, row: str, message: str) -> None:
    rows = list(DOUBLE)
    rows[place - 1] = row
    folder = spoc(tmp_path, *rows, *ANOTHER)
    with pytest.raises(InvalidInputError, match=message.replace("(", r"\(")):
        load_spoc(folder)
    tasks = load_spoc(folder, on_error="skip")
    assert [task.id for task in tasks] == ["spoc/train/1A-101-7"]
    assert len(tasks.skipped) == 1


def test_problems_without_tests_and_files_of_another_form(tmp_path: Path) -> None:
    rows = [line.replace("\t1A\t", "\t2B\t") for line in DOUBLE]
    folder = spoc(tmp_path, *DOUBLE, *rows)
    with pytest.raises(InvalidInputError, match="no tests of problem 2B"):
        load_spoc(folder)
    assert len(load_spoc(folder, on_error="skip").skipped) == 1
    outside = [line.replace("\t1A\t", "\t../1A\t") for line in DOUBLE]
    with pytest.raises(InvalidInputError, match="letters and digits"):
        load_spoc(spoc(tmp_path / "outside", *outside))
    (tmp_path / "train" / "spoc-train.tsv").write_text("text\tcode\n")
    with pytest.raises(InvalidInputError, match="no column 'workerid'"):
        load_spoc(folder)
    (tmp_path / "train" / "spoc-train.tsv").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        load_spoc(folder)
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "spoc-train.tsv").write_text(HEAD + "\n")
    spoc(tmp_path / "empty")
    with pytest.raises(InvalidInputError, match="at least one task"):
        load_spoc(tmp_path / "empty")
    (tmp_path / "testcases" / "1A" / "1A_testcases_public.txt").write_text("1\n###ENDOUTPUT###\n")
    with pytest.raises(InvalidInputError, match="expected ###ENDINPUT###"):
        load_spoc(spoc_again(tmp_path))


def spoc_again(folder: Path) -> Path:
    (folder / "train" / "spoc-train.tsv").write_text("\n".join([HEAD, *DOUBLE, ""]))
    return folder
