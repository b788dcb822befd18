"""`load_mol_instructions`: molecule tasks in the file format of Mol-Instructions, which you bring along.

A row is `{"instruction": ..., "input": ..., "output": ..., "metadata": {"task": ..., "split": ...}}`. The published
files write molecules as SELFIES; tasks of stepgym are in SMILES, so SELFIES are decoded, also within prompts.

* Fang et al., "Mol-Instructions: A Large-Scale Biomolecular Instruction Dataset for Large Language Models",
  https://arxiv.org/abs/2306.08018.
* Krenn et al., "Self-referencing embedded strings (SELFIES)", https://arxiv.org/abs/1905.13741.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args
from weakref import WeakValueDictionary

from stepgym.envs.rows import Row, is_table, read_rows
from stepgym.envs.sources import OnError, UnusableRowError, collect_tasks
from stepgym.envs.tasks import Task, TaskList
from stepgym.errors import InvalidInputError, require
from stepgym.verifiers.molecule.molecules import MAX_CHARACTERS, reference_molecule

MolTask = Literal["description_guided_molecule_design", "forward_reaction_prediction", "retrosynthesis"]
SPLITS = ("train", "validation", "test")
MOL_INSTRUCTIONS_HELP = (
    "Mol-Instructions is not part of stepgym. Get data/Molecule-oriented_Instructions.zip of "
    "https://huggingface.co/datasets/zjunlp/Mol-Instructions and pass path= of the unpacked folder, or of one of its "
    'files, or of a .json, .jsonl or .parquet file with rows {"instruction": ..., "input": ..., "output": ..., '
    '"metadata": {"task": ..., "split": ...}}; molecules may be SELFIES or SMILES.'
)
# What a prompt tells and what it asks for, as keys of the reference.
_KNOWN_AND_ASKED: Mapping[MolTask, tuple[str, str]] = {
    "description_guided_molecule_design": ("", "smiles"),
    "forward_reaction_prediction": ("reactants", "product"),
    "retrosynthesis": ("product", "reactants"),
}
_LONGEST = 10 * MAX_CHARACTERS  # SELFIES are longer than SMILES
_SELFIES = re.compile(r"(?:\.?\[[^\[\]\s]{1,40}\])+")
_loaded: WeakValueDictionary[tuple[Any, ...], TaskList] = WeakValueDictionary()


def load_mol_instructions(
    path: str | PathLike[str], task: MolTask, *, split: str | None = None, on_error: OnError = "raise"
) -> TaskList:
    """The tasks of one kind in a file.

    Ids are "retrosynthesis/test/17": the task, the split of the row (or "all") and its position in the file, from 0,
    whatever `split` leaves out. The prompt is the row's instruction and, on the next line, its input. References are
    those of the verifiers "molecule", "reaction-product" and "reactants"; `task.meta` has what else `metadata` holds.

    Args:
        path: One file, or the folder that holds "<task>.json"; see `MOL_INSTRUCTIONS_HELP`.
        task: Which task the rows are for. Rows whose metadata names another one are left out and counted in `skipped`.
        split: Only rows of this split of `SPLITS`; None takes all.
        on_error: "raise" stops at the first bad row and names its place, "skip" leaves bad rows out and lists them in
            the `skipped` of the result.

    Raises:
        InvalidInputError: The file is missing or of another form, or a row is bad.
        MissingExtraError: RDKit is missing, or `selfies` where rows hold SELFIES.
    """
    if task not in get_args(MolTask):
        raise InvalidInputError(f"task must be one of {get_args(MolTask)}, got {task!r}")
    if split is not None and split not in SPLITS:
        raise InvalidInputError(f"split must be one of {SPLITS} or None, got {split!r}")
    if on_error not in ("raise", "skip"):
        raise InvalidInputError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
    require("rdkit.Chem", extra="chem")
    place = _find(path, task)
    stamp = place.stat()
    key = (place, stamp.st_mtime_ns, stamp.st_size, task, split, on_error)
    tasks = _loaded.get(key)
    if tasks is None:
        rows = _rows_of_split(place, split)
        _loaded[key] = tasks = collect_tasks(rows, _MoleculeRow(task), name=str(place), source=task, on_error=on_error)
    return tasks


def smiles_of(text: str) -> str:
    """The SMILES of a molecule or several, separated by dots, written as SELFIES or as SMILES.

    SMILES are returned as they are. Raises `InvalidInputError` for what is neither, `MissingExtraError` for SELFIES
    where the package `selfies` is not installed.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        raise InvalidInputError(f"expected a molecule of at most {_LONGEST} characters, got {text!r:.80}")
    # "[C]" and "[Fe]" are both; as SELFIES they mean methane and iron, and every row of a published file is SELFIES.
    if _SELFIES.fullmatch(text) and not _only_bracket_atoms(text):
        text = _decoded(text)
    reference_molecule(text, "a molecule of a row")
    return text


@dataclass(frozen=True)
class _MoleculeRow:
    task: MolTask

    def __call__(self, row: Mapping[str, Any], position: int, source: str) -> Task:
        metadata = _metadata(row)
        named = metadata.pop("task", self.task)
        if named != self.task:
            raise UnusableRowError(f"the row is of the task {named!r:.80}, not {self.task!r}")
        instruction, given, output = (_text(row, name) for name in ("instruction", "input", "output"))
        split = metadata.get("split")
        known, asks = _KNOWN_AND_ASKED[self.task]
        reference = {asks: smiles_of(output)}
        if known:
            reference[known] = given = smiles_of(given)
        prompt = "\n".join(part for part in (instruction.strip(), given.strip()) if part)
        return Task(f"{self.task}/{split or 'all'}/{row['position']}", prompt, reference, {**metadata, "asks": asks})


def _rows_of_split(path: Path, split: str | None) -> Iterator[Row]:
    """The rows of a split, each with its "position" in the file, counted from 0."""
    for position, (place, row, problem) in enumerate(read_rows(path)):
        if row is None:
            yield place, None, problem
            continue
        try:
            metadata = _metadata(row)
        except InvalidInputError as error:
            yield place, None, str(error)
            continue
        if split is None or metadata.get("split") == split:
            yield place, {**row, "position": position}, ""
        elif not isinstance(metadata.get("split"), str):
            yield place, None, f"expected metadata with a 'split', as split={split!r} was asked for, got {metadata!r}"


def _metadata(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row's metadata: a mapping, or JSON text of one, as tables that hold no mappings keep it."""
    value = row.get("metadata")
    if value is None:
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"expected JSON in 'metadata', got {value!r:.80}") from error
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"expected a mapping as 'metadata', got {value!r:.80}")
    return dict(value)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise InvalidInputError(f"expected a text in {name!r}, got {value!r:.80}; columns: {', '.join(map(repr, row))}")
    return value


def _only_bracket_atoms(text: str) -> bool:
    """Whether `text` holds bracket atoms that SELFIES cannot mean, such as "[Na+].[Cl-]" or "[H][H]"."""
    return bool(re.search(r"\[(?:[A-Z][a-z]?|[a-z]+)(?:H[0-9]?)?(?:[+-]|[+-]{2,3})\]|\[nH\]|\[H\]\[H\]", text))


def _decoded(text: str) -> str:
    selfies = require("selfies", extra="chem")
    try:
        return ".".join(selfies.decoder(part) for part in text.split("."))
    except selfies.DecoderError as error:
        raise InvalidInputError(f"{text!r:.80} looks like SELFIES and cannot be decoded: {error!s:.200}") from error


def _find(path: str | PathLike[str], task: str) -> Path:
    place = Path(path).expanduser()
    if place.is_dir():
        for pattern in ("{}.json", "{}.json.gz", "{}.jsonl", "{}.jsonl.gz", "{}.parquet"):
            for folder in (place, place / "Molecule-oriented_Instructions"):
                if (file := folder / pattern.format(task)).is_file():
                    return file.absolute()
        raise InvalidInputError(f"the folder {place} has no {task}.json. {MOL_INSTRUCTIONS_HELP}")
    if not place.is_file() or not is_table(place):
        what = "is no .json, .jsonl or .parquet file" if place.exists() else "does not exist"
        raise InvalidInputError(f"{place} {what}. {MOL_INSTRUCTIONS_HELP}")
    return place.absolute()
