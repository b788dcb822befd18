"""`GSM8KEnv` and `MATHEnv`: questions from files in the published formats, which you bring along.

* GSM8K: Cobbe et al., "Training Verifiers to Solve Math Word Problems", https://arxiv.org/abs/2110.14168.
* MATH: Hendrycks et al., "Measuring Mathematical Problem Solving With the MATH Dataset",
  https://arxiv.org/abs/2103.03874.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.question import Feedback, QuestionEnv
from stepgym.envs.rows import Row, file_stem, is_table
from stepgym.envs.sources import OnError, UnusableRowError, collect_tasks, load_file
from stepgym.envs.tasks import Task, TaskList
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verifier

GSM8K_HELP = (
    "GSM8K is not part of stepgym. Get it with `git clone https://github.com/openai/grade-school-math` and pass "
    "path='grade-school-math/grade_school_math/data' (a folder with train.jsonl and test.jsonl), or a .jsonl, "
    '.jsonl.gz or .parquet file with rows {"question": ..., "answer": "... #### 72"}.'
)
MATH_HELP = (
    "MATH is not part of stepgym. Get the archive named in https://github.com/hendrycks/math and pass path='MATH' (the "
    "folder with train/algebra/1.json and so on), or a .jsonl, .jsonl.gz or .parquet file with rows "
    '{"problem": ..., "solution": "... \\\\boxed{72}", "level": ..., "type": ...} and optionally "answer".'
)
SPLITS = ("train", "test")

# Names under which a split lies in a folder, in order; {split} and {name} are filled in.
_FILES = (
    "{split}.jsonl",
    "{split}.jsonl.gz",
    "{name}_{split}.jsonl",
    "{name}_{split}.jsonl.gz",
    "{split}.parquet",
    "{split}-00000-of-00001.parquet",
    "main/{split}-00000-of-00001.parquet",
)
_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")


class _PublishedEnv(QuestionEnv):
    """A question environment over one split of a data set that the user brings."""

    def __init__(
        self,
        *,
        path: str | PathLike[str] | None = None,
        split: str | None = None,
        on_error: OnError = "raise",
        verifier: str | Verifier = "math-answer",
        verifier_kwargs: Mapping[str, Any] | None = None,
        max_turns: int = 1,
        feedback: Feedback = "status",
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(
            self.load(path, split=split, on_error=on_error),
            verifier,
            verifier_kwargs=verifier_kwargs,
            max_turns=max_turns,
            feedback=feedback,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )

    @classmethod
    def load(
        cls, path: str | PathLike[str] | None, *, split: str | None = None, on_error: OnError = "raise"
    ) -> TaskList:
        """The tasks of a split, without an environment around them."""
        raise NotImplementedError(f"{cls.__name__} must define load()")


class GSM8KEnv(_PublishedEnv):
    r"""Grade-school word problems; the gold answer is what follows "#### ".

    Task ids are "gsm8k/train/0" and so on, the row counted from 0; `task.meta["solution"]` is the worked solution.

    Args:
        path: A folder with train.jsonl and test.jsonl, or one file; see `GSM8K_HELP`.
        split: "train" (the default of a folder) or "test"; for a file it only names the tasks.
        on_error: "raise" or "skip" for rows that cannot be read, see `load_tasks`.
        verifier: See `TaskEnv`, as for the arguments that follow.
        verifier_kwargs: Arguments for a verifier given by name.
        max_turns: How many tries.
        feedback: What a wrong try is told.
        instructions: None for "reason step by step, end with #### and the number".
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    instructions = "Solve the problem step by step. End with a line '#### ' followed by the final number alone."

    @classmethod
    def load(
        cls, path: str | PathLike[str] | None, *, split: str | None = None, on_error: OnError = "raise"
    ) -> TaskList:
        """The tasks of a split, without an environment around them; arguments as for the class."""
        place = _find(path, split, name="gsm8k", help=GSM8K_HELP)
        return load_file(place, _GSM8KRow(_split_name(place, split)), on_error=on_error)


class MATHEnv(_PublishedEnv):
    r"""Competition mathematics; the gold answer is the row's "answer", else the last \boxed{} of its solution.

    Task ids are the rows' own where they have them, else "train/algebra/1" in the published folder, else
    "math/train/0", the row counted from 0. `task.meta` holds "solution", "level" and "type", and "boxes", how many
    boxes the solution has, where there are several: the gold answer may then be only part of the whole.
    Problems whose box is empty (two of the 7,500 for training) are left out; `tasks.skipped` names them.

    Args:
        path: The published folder, a folder with a file per split, or one file; see `MATH_HELP`.
        split: "train" (the default of a folder) or "test"; for a file it only names the tasks.
        on_error: "raise" or "skip" for rows that cannot be read, see `load_tasks`.
        verifier: See `TaskEnv`, as for the arguments that follow.
        verifier_kwargs: Arguments for a verifier given by name.
        max_turns: How many tries.
        feedback: What a wrong try is told.
        instructions: None for "reason step by step, put the final answer in a box".
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    instructions = "Solve the problem step by step. Put the final answer in \\boxed{}."

    @classmethod
    def load(
        cls, path: str | PathLike[str] | None, *, split: str | None = None, on_error: OnError = "raise"
    ) -> TaskList:
        """The tasks of a split, without an environment around them; arguments as for the class."""
        place = _find(path, split, name="math", help=MATH_HELP)
        if place.is_dir():
            return collect_tasks(_folder_rows(place), _MATHRow(place.name), name=str(place), on_error=on_error)
        return load_file(place, _MATHRow(_split_name(place, split)), on_error=on_error)


def last_box(solution: str) -> str | None:
    r"""The content of the last \boxed{...} or \fbox{...} (or `\boxed 5`), None if there is none that closes."""
    content = None
    for match in _BOX.finditer(solution):
        group = _group(solution, match.end())
        content = content if group is None else group
    return content


@dataclass(frozen=True)
class _GSM8KRow:
    split: str

    def __call__(self, row: Mapping[str, Any], position: int, source: str) -> Task:
        question, answer = row.get("question"), row.get("answer")
        if not isinstance(answer, str) or "####" not in answer:
            raise InvalidInputError(f"expected an 'answer' that ends with '#### ' and a number, got {answer!r:.80}")
        gold = answer.rpartition("####")[2].strip().replace(",", "")
        if not gold:
            raise InvalidInputError("nothing follows '####' in the answer")
        return Task(f"gsm8k/{self.split}/{position}", question, gold, {"solution": answer})  # type: ignore[arg-type]


@dataclass(frozen=True)
class _MATHRow:
    split: str

    def __call__(self, row: Mapping[str, Any], position: int, source: str) -> Task:
        solution, gold = row.get("solution"), row.get("answer")
        if gold is None and isinstance(solution, str):
            gold = last_box(solution)
        gold = gold.strip() if isinstance(gold, str) else gold
        if gold == "":
            raise UnusableRowError("the gold answer is empty")
        if not isinstance(gold, str):
            raise InvalidInputError(f"expected an 'answer', or a 'solution' with a \\boxed{{}}, got {solution!r:.80}")
        meta = {name: row[name] for name in ("solution", "level", "type", "subject") if row.get(name) is not None}
        boxes = len(_BOX.findall(solution)) if isinstance(solution, str) else 0
        if boxes > 1:
            meta["boxes"] = boxes
        task_id = row.get("id") or row.get("unique_id") or f"math/{self.split}/{position}"
        return Task(str(task_id), row.get("problem"), gold, meta)  # type: ignore[arg-type]


def _find(path: str | PathLike[str] | None, split: str | None, *, name: str, help: str) -> Path:
    """The file of a split, or its folder in the published layout."""
    if path is None:
        raise InvalidInputError(f"path=... is missing. {help}")
    if split is not None and split not in SPLITS:
        raise InvalidInputError(f"split must be one of {SPLITS}, got {split!r}")
    place = Path(path).expanduser()
    if place.is_file() and is_table(place):
        return place.absolute()
    if place.is_dir():
        split = split or "train"
        for pattern in _FILES:
            candidate = place / pattern.format(split=split, name=name)
            if candidate.is_file():
                return candidate.absolute()
        if name == "math" and next((place / split).glob("*/*.json"), None) is not None:
            return (place / split).absolute()
        raise InvalidInputError(f"the folder {place} has no {split} split of {name.upper()}. {help}")
    what = "has a name that ends otherwise than .jsonl, .jsonl.gz or .parquet" if place.exists() else "does not exist"
    raise InvalidInputError(f"{place} {what}. {help}")


def _split_name(place: Path, split: str | None) -> str:
    """The split for task ids: as given, else told by the file's name, else that name itself."""
    stem = file_stem(place)
    found = re.search(r"(?<![a-z])(train|test)(?![a-z])", stem.lower())
    return split or (found[1] if found else stem)


def _folder_rows(folder: Path) -> Iterator[Row]:
    def order(file: Path) -> tuple[str, int, str]:
        return file.parent.name, int(file.stem) if file.stem.isdecimal() else -1, file.stem

    for file in sorted(folder.glob("*/*.json"), key=order):
        place = f"{file.parent.name}/{file.name}"
        try:
            row = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            yield place, None, f"not a JSON file that can be read: {error}"
            continue
        if isinstance(row, dict):
            yield place, {"id": f"{folder.name}/{file.parent.name}/{file.stem}", **row}, ""
        else:
            yield place, None, f"expected a JSON object, got {type(row).__name__}"


def _group(text: str, start: int) -> str | None:
    """The braced group that begins at `start`, without its braces, or the single token there."""
    if not text.startswith("{", start):
        token = re.compile(r"[^\s${}.,]+").match(text, start)
        return token[0] if token else None
    depth = 0
    for position in range(start, len(text)):
        character = text[position]
        if character == "{" and text[position - 1] != "\\":
            depth += 1
        elif character == "}" and text[position - 1] != "\\":
            depth -= 1
            if depth == 0:
                return text[start + 1 : position].strip()
    return None
