from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rdkit", reason="RDKit (the extra chem) is not installed")

from stepgym.envs.chemistry import load_mol_instructions, smiles_of, write_solution
from stepgym.errors import InvalidInputError, MissingExtraError
from stepgym.verifiers.molecule.molecules import canonical_smiles

DESIGN = "description_guided_molecule_design"
needs_selfies = pytest.mark.skipif(importlib.util.find_spec("selfies") is None, reason="selfies is not installed")


def row(task: str, given: str, output: str, split: str = "train", **more: Any) -> dict[str, Any]:
    metadata = {"task": task, "split": split, **more}
    return {"instruction": f"About {task}:", "input": given, "output": output, "metadata": metadata}


def array(path: Path, *rows: Any) -> Path:
    text = json.dumps(list(rows))
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_the_three_tasks_become_references_of_their_verifiers(tmp_path: Path) -> None:
    design = load_mol_instructions(array(tmp_path / "a.json", row(DESIGN, "It is ethanol.", "CCO")), DESIGN)
    assert design[0].prompt == f"About {DESIGN}:\nIt is ethanol."
    assert design[0].reference == {"smiles": "CCO"}
    assert design[0].id == f"{DESIGN}/train/0"
    forward = load_mol_instructions(
        array(tmp_path / "b.json", row("forward_reaction_prediction", "CC(=O)O.OCC", "CCOC(C)=O")),
        "forward_reaction_prediction",
    )
    assert forward[0].reference == {"reactants": "CC(=O)O.OCC", "product": "CCOC(C)=O"}
    retro = load_mol_instructions(
        array(tmp_path / "c.json", row("retrosynthesis", "CCOC(C)=O", "CC(=O)O.OCC")), "retrosynthesis"
    )
    assert retro[0].reference == {"product": "CCOC(C)=O", "reactants": "CC(=O)O.OCC"}
    assert [write_solution(tasks[0], tags=False) for tasks in (design, forward, retro)] == [
        "CCO",
        "CCOC(C)=O",
        "CC(=O)O.OCC",
    ]


def test_a_split_keeps_the_positions_of_the_file(tmp_path: Path) -> None:
    rows = [row(DESIGN, f"number {i}", "C" * (i + 1), split="test" if i % 3 == 0 else "train") for i in range(7)]
    path = array(tmp_path / f"{DESIGN}.json.gz", *rows)
    tasks = load_mol_instructions(tmp_path, DESIGN, split="test")
    assert [task.id for task in tasks] == [f"{DESIGN}/test/{i}" for i in (0, 3, 6)]
    assert tasks.skipped == ()
    assert len(load_mol_instructions(path, DESIGN)) == 7
    assert load_mol_instructions(tmp_path, DESIGN, split="test") is tasks  # read once while it is held


def test_metadata_as_json_text_and_json_lines(tmp_path: Path) -> None:
    line = {**row(DESIGN, "methane", "C"), "metadata": '{"task": "' + DESIGN + '", "split": "test", "annots": "x"}'}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(line) + "\n")
    assert load_mol_instructions(path, DESIGN, split="test")[0].meta == {
        "split": "test",
        "annots": "x",
        "asks": "smiles",
    }
    bare = {"instruction": "Write", "input": "methane", "output": "C"}
    assert load_mol_instructions(array(tmp_path / "bare.json", bare), DESIGN)[0].id == f"{DESIGN}/all/0"


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (row(DESIGN, "x", "CC("), "neither a SMILES nor SELFIES|valid SMILES"),
        (row(DESIGN, "x", ""), "expected a molecule"),
        (row(DESIGN, "x", "C" * 100_000), "expected a molecule"),
        ({"instruction": "x", "input": "y"}, "expected a text in 'output'"),
        ({**row(DESIGN, "x", "C"), "metadata": "{"}, "expected JSON in 'metadata'"),
        ({**row(DESIGN, "x", "C"), "metadata": ["train"]}, "expected a mapping as 'metadata'"),
        (17, "expected a JSON object"),
    ],
)
def test_a_bad_row_is_an_error_with_its_place_or_is_counted(tmp_path: Path, bad: Any, problem: str) -> None:
    path = array(tmp_path / "rows.json", row(DESIGN, "methane", "C"), bad)
    with pytest.raises(InvalidInputError, match=rf"row 1: .*(?:{problem})"):
        load_mol_instructions(path, DESIGN)
    tasks = load_mol_instructions(path, DESIGN, on_error="skip")
    assert len(tasks) == 1
    assert len(tasks.skipped) == 1
    assert tasks.skipped[0].startswith("row 1")


def test_rows_of_other_tasks_are_left_out_and_counted(tmp_path: Path) -> None:
    path = array(tmp_path / "rows.json", row(DESIGN, "methane", "C"), row("retrosynthesis", "CCO", "CC=O"))
    tasks = load_mol_instructions(path, DESIGN)
    assert len(tasks) == 1
    assert "of the task 'retrosynthesis'" in tasks.skipped[0]
    assert load_mol_instructions(path, "retrosynthesis")[0].id == "retrosynthesis/train/1"


def test_a_split_needs_rows_that_name_theirs(tmp_path: Path) -> None:
    path = array(tmp_path / "rows.json", {"instruction": "a", "input": "b", "output": "C"})
    with pytest.raises(InvalidInputError, match="expected metadata with a 'split'"):
        load_mol_instructions(path, DESIGN, split="test")


def test_missing_files_and_wrong_arguments_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"does not exist.*Molecule-oriented_Instructions\.zip"):
        load_mol_instructions(tmp_path / "no.json", DESIGN)
    with pytest.raises(InvalidInputError, match=f"has no {DESIGN}.json"):
        load_mol_instructions(tmp_path, DESIGN)
    with pytest.raises(InvalidInputError, match="split must be one of"):
        load_mol_instructions(tmp_path, DESIGN, split="dev")
    with pytest.raises(InvalidInputError, match="task must be one of"):
        load_mol_instructions(tmp_path, "reagent_prediction")  # type: ignore[arg-type]


def test_without_the_package_selfies_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "selfies", None)
    with pytest.raises(MissingExtraError, match=r"stepgym\[chem\]"):
        smiles_of("[C][C][O]")


@pytest.mark.parametrize("smiles", ["CCO", " C[C@H](N)C(=O)O ", "[Na+].[Cl-]", "[NH4+].[Cl-]", "[H][H]", "c1cc[nH]c1"])
def test_smiles_are_taken_as_they_are(smiles: str) -> None:
    assert smiles_of(smiles) == smiles.strip()


@needs_selfies
@pytest.mark.parametrize(
    ("selfies", "smiles"),
    [
        ("[C][C][O]", "CCO"),
        ("[O]", "O"),
        ("[O][C][=Branch1][C][=O][C][C@H1][Branch1][C][N][C][=Branch1][C][=O][O]", "OC(=O)C[C@H](N)C(=O)O"),
        (
            "[O][=N+1][Branch1][C][O-1][C][=C][C][=C][Branch1][C][C][C][=C][Ring1][#Branch1].[Fe]",
            "O=[N+]([O-])c1ccc(C)cc1.[Fe]",
        ),
        ("[Na+1].[Cl-1]", "[Na+].[Cl-]"),
    ],
)
def test_selfies_are_decoded(selfies: str, smiles: str) -> None:
    decoded = smiles_of(selfies)
    assert "Branch" not in decoded
    assert decoded.count(".") == selfies.count(".")
    assert canonical_smiles(decoded) == canonical_smiles(smiles)


@needs_selfies
def test_what_looks_like_selfies_and_is_none_is_a_bad_row() -> None:
    with pytest.raises(InvalidInputError, match="cannot be decoded"):
        smiles_of("[C][Xx]")
