"""Tasks in the format of SPoC, which you bring along: pseudo-code and C++ line by line, with tests.

Kulal et al., "SPoC: Search-based Pseudocode to Code", https://arxiv.org/abs/1906.04908. A `.tsv` file has the columns
text, code, workerid, probid, subid, line and indent; a program begins where `line` is 0 again. Lines without text
(braces, `return 0;`) are shown as they are. The tests of a problem lie in
`testcases/<probid>/<probid>_testcases_public.txt` and `..._hidden.txt`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from stepgym.envs.programs.cpp import HEADER
from stepgym.envs.programs.tasks import INDENT, prompt_of
from stepgym.envs.rows import Row
from stepgym.envs.sources import OnError, collect_tasks
from stepgym.envs.tasks import Task, TaskList
from stepgym.errors import InvalidInputError

SPOC_HELP = (
    "SPoC is not part of stepgym. Get the archive named in https://github.com/Sumith1896/spoc and pass path='spoc' "
    "(the folder with train/spoc-train.tsv, test/spoc-testp.tsv and testcases/), or one .tsv file beside or below "
    "such a folder testcases/."
)
SPLITS: Mapping[str, tuple[str, ...]] = {
    "train": ("train/split/spoc-train-train.tsv", "train/spoc-train.tsv", "spoc-train.tsv"),
    "eval": ("train/split/spoc-train-eval.tsv", "spoc-train-eval.tsv"),
    "test": ("train/split/spoc-train-test.tsv", "spoc-train-test.tsv"),
    "testp": ("test/spoc-testp.tsv", "spoc-testp.tsv"),
    "testw": ("test/spoc-testw.tsv", "spoc-testw.tsv"),
}
"""Where the splits lie in the published folder; "testp" has unseen problems, "testw" unseen annotators."""

COLUMNS = ("text", "code", "workerid", "probid", "subid", "line", "indent")
_END_INPUT = "###ENDINPUT###"
_END_OUTPUT = "###ENDOUTPUT###"
_LONGEST_TEST = 20_000


def load_spoc(
    path: str | PathLike[str], *, split: str | None = None, tests: int = 3, on_error: OnError = "raise"
) -> TaskList:
    """The programs of one split.

    Ids are "spoc/<split>/<probid>-<subid>-<workerid>"; `task.meta` has "probid", "subid", "workerid", "lines",
    "pseudocode" and "indents". The reference has the first `tests` tests of at most 20,000 characters, the public ones
    first, then hidden ones.

    Args:
        path: The published folder or one of its files, see `SPOC_HELP`.
        split: One of `SPLITS`; None is "train" for a folder, and the file's own name for a file.
        tests: How many tests of each program, at least 1.
        on_error: "raise" or "skip" for programs with rows that cannot be read, or without tests.

    Raises:
        InvalidInputError: Nothing of this form lies there, or a row is bad; the message names its line.
    """
    if split is not None and split not in SPLITS:
        raise InvalidInputError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    if type(tests) is not int or tests < 1:
        raise InvalidInputError(f"tests must be an integer of at least 1, got {tests!r}")
    file = _find_file(Path(path).expanduser(), split)
    folder = next((up / "testcases" for up in file.parents[:3] if (up / "testcases").is_dir()), None)
    if folder is None:
        raise InvalidInputError(f"no folder testcases/ beside or above {file}. {SPOC_HELP}")
    name = split or file.stem.removeprefix("spoc-")
    known: dict[str, list[dict[str, str]]] = {}

    def build(row: Mapping[str, Any], position: int, source: str) -> Task:
        problem = row["probid"]
        if problem not in known:
            known[problem] = _read_tests(folder, problem, tests)
        return _task(name, row, known[problem])

    return collect_tasks(_programs(file), build, name=str(file), source=name, on_error=on_error)


def _find_file(place: Path, split: str | None) -> Path:
    if place.is_file() and place.suffix == ".tsv":
        return place.absolute()
    if place.is_dir():
        for candidate in SPLITS[split or "train"]:
            if (place / candidate).is_file():
                return (place / candidate).absolute()
        raise InvalidInputError(f"the folder {place} has no {split or 'train'} split. {SPOC_HELP}")
    what = "is no .tsv file" if place.exists() else "does not exist"
    raise InvalidInputError(f"{place} {what}. {SPOC_HELP}")


def _programs(file: Path) -> Iterator[Row]:
    """One row for each program: its ids, and its lines as "text", "code" and "indent"."""
    program: dict[str, Any] | None = None
    first, problem = 0, ""
    for number, fields, trouble in _rows(file):
        begins = bool(fields) and fields.get("line") == "0"
        if begins and (program is not None or problem):
            yield f"line {first}", None if problem else program, problem
            program, problem = None, ""
        if begins or (program is None and not problem):
            first, program = number, {"text": [], "code": [], "indent": []}
            program |= {name: fields.get(name, "") for name in ("probid", "subid", "workerid")}
        if not problem and program is not None:
            problem = trouble or _problem(program, fields)
            problem = f"line {number}: {problem}" if problem and number != first else problem
            if not problem:
                program["text"].append(fields["text"].strip())
                program["code"].append(fields["code"].strip())
                program["indent"].append(int(fields["indent"]))
    if program is not None or problem:
        yield f"line {first}", None if problem else program, problem


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str], str]]:
    """Line number, fields and what is wrong with each row after the header."""
    try:
        lines = file.read_bytes().decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{file} cannot be read: {error}") from error
    header = lines[0].rstrip("\r").split("\t")
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InvalidInputError(f"{file}: no column {missing[0]!r}; expected {', '.join(COLUMNS)}, got {header!r:.200}")
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        fields = [_unquoted(field) for field in line.rstrip("\r").split("\t")]
        trouble = "" if len(fields) == len(header) else f"expected {len(header)} columns, got {len(fields)}"
        yield number, dict(zip(header, fields, strict=False)), trouble


def _unquoted(field: str) -> str:
    """The field without the quotes that CSV writers put around text with quotes in it."""
    inner = field[1:-1]
    quoted = len(field) > 1 and field[0] == field[-1] == '"' and '""' in inner and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else field


def _problem(program: Mapping[str, Any], fields: Mapping[str, str]) -> str:
    expected = str(len(program["code"]))
    if fields["line"] != expected:
        return f"expected line {expected} of the program, got {fields['line']!r:.40}"
    if not (fields["indent"].isascii() and fields["indent"].isdecimal() and len(fields["indent"]) <= 3):
        return f"expected a whole number as indent, got {fields['indent']!r:.40}"
    for name in ("probid", "subid", "workerid"):
        if fields[name] != program[name]:
            return f"the {name} changes within a program, from {program[name]!r:.40} to {fields[name]!r:.40}"
    return ""


def _task(split: str, row: Mapping[str, Any], tests: list[dict[str, str]]) -> Task:
    codes = [*HEADER, *row["code"]]
    indents = [0, 0, *row["indent"]]
    pseudocode = [text or code for text, code in zip(["", "", *row["text"]], codes, strict=True)]
    solution = "".join(f"{INDENT * indent}{code}\n" for indent, code in zip(indents, codes, strict=True))
    ids = {name: row[name] for name in ("probid", "subid", "workerid")}
    meta = {**ids, "lines": len(codes), "pseudocode": pseudocode, "indents": indents}
    reference = {"tests": tests, "solution": solution, "pseudocode": pseudocode}
    task_id = f"spoc/{split}/{'-'.join(ids.values())}"
    return Task(task_id, prompt_of(pseudocode, indents), reference, meta)


def _read_tests(folder: Path, problem: str, count: int) -> list[dict[str, str]]:
    """The first `count` usable tests of a problem."""
    if not problem or not problem.isalnum():
        raise InvalidInputError(f"expected a problem id of letters and digits, got {problem!r:.40}")
    found: list[dict[str, str]] = []
    for kind in ("_public", "_hidden", ""):
        file = folder / problem / f"{problem}_testcases{kind}.txt"
        if len(found) >= count or not file.is_file() or (found and not kind):
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError(f"{file} cannot be read: {error}") from error
        for part in text.split(_END_OUTPUT)[:-1]:
            given, separator, expected = part.partition(_END_INPUT)
            if not separator:
                raise InvalidInputError(f"{file}: expected {_END_INPUT} before each {_END_OUTPUT}")
            if len(part) <= _LONGEST_TEST:
                found.append({"input": given.lstrip("\n"), "output": expected.lstrip("\n")})
    if not found:
        raise InvalidInputError(f"no tests of problem {problem} in {folder / problem}")
    return found[:count]
