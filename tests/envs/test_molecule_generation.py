from __future__ import annotations

import json
from pathlib import Path

import gymnasium
import pytest

pytest.importorskip("rdkit", reason="RDKit (the extra chem) is not installed")

from stepgym.envs import MoleculeGenerationEnv, check_tasks, check_text_env
from stepgym.envs.molecule_generation import draw_tasks, molecule_task, molecule_task_from_id, write_solution
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import get_verifier

ID = "stepgym/MoleculeGeneration-v0"
TASK = {"task": "molecule-generation/2/11"}


def test_golden_tasks() -> None:
    task = molecule_task_from_id("molecule-generation/1/4711")
    requirements: list[dict[str, object]] = [{"group": "aldehyde", "count": 1}, {"atoms": {"C": 5}}, {"fragments": 1}]
    assert (task.prompt, task.reference) == (
        "Write a molecule with one aldehyde and 5 carbon atoms.",
        {"requirements": requirements, "smiles": "CCCCC=O"},
    )
    task = molecule_task_from_id("molecule-generation/3/4711")
    requirements = [{"group": "aldehyde", "count": 1}, {"rings": 0}, {"heavy_atoms": 4}, {"fragments": 1}]
    assert (task.prompt, task.reference) == (
        "Find a molecule that contains one aldehyde, no rings and 4 heavy atoms.",
        {"requirements": requirements, "smiles": "CCC=O"},
    )


def test_reset_and_molecule_task_draw_the_same_task_from_a_seed() -> None:
    for difficulty in range(1, 6):
        env = MoleculeGenerationEnv(difficulty=difficulty)
        for seed in range(8):
            observation, info = env.reset(seed=seed)
            task = molecule_task(seed, difficulty=difficulty)
            assert (task.prompt, task.id, task) == (observation, info["task"], env.task)
            assert env.reset(options={"task": task.id})[0] == observation
            assert env.task == task


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_references_are_right_and_hidden(difficulty: int) -> None:
    verifier = get_verifier("molecule")
    tasks = draw_tasks(60, 7, difficulty=difficulty)
    check_tasks({task.id: task for task in tasks}.values())
    for task in tasks:
        for tags in (True, False):
            verdict = verifier.verify(write_solution(task, tags=tags), task.reference, context=task.prompt)
            assert verdict.status == "correct", (task, verdict)
        assert task.reference["smiles"] not in task.prompt.split()


def test_another_molecule_that_fits_is_right_too() -> None:
    env = MoleculeGenerationEnv()
    env.reset(options={"task": "molecule-generation/1/4711"})
    assert env.step("<SMILES>CC(C)CC=O</SMILES>")[1:3] == (1.0, True)
    for wrong in ("C1CC", "CCCCC=O.O", "CCCC=O", "CCCCCO", "O=CCCCC=O"):
        env.reset(options={"task": "molecule-generation/1/4711"})
        _, reward, terminated, _, info = env.step(f"<SMILES>{wrong}</SMILES>")
        assert (reward, terminated, info["verdict"].status) == (0.0, True, "wrong"), wrong


def test_several_tries() -> None:
    env = MoleculeGenerationEnv(max_turns=2)
    env.reset(options=TASK)
    observation, reward, terminated, _, _ = env.step("C(")
    assert (observation, reward, terminated) == ("That is not right. Try again (1 try left).", 0.0, False)
    assert env.step(write_solution(env.task))[1:3] == (1.0, True)


def test_tasks_of_a_file(tmp_path: Path) -> None:
    metadata = {"task": "description_guided_molecule_design", "split": "test"}
    row = {"instruction": "Write it.", "input": "It is ethanol.", "output": "CCO", "metadata": metadata}
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([row, {**row, "output": "CC("}]))
    with pytest.raises(InvalidInputError, match="row 1"):
        gymnasium.make(ID, path=str(path))
    env = MoleculeGenerationEnv(path=path, split="test", on_error="skip")
    observation, info = env.reset(seed=0)
    assert (observation, info["task"]) == ("Write it.\nIt is ethanol.", "description_guided_molecule_design/test/0")
    assert env.step("It is `OCC`.")[1] == 1.0
    env.reset(options={"task": info["task"]})
    assert env.step("<SMILES>CCCO</SMILES>")[1] == 0.0
    with pytest.raises(UnknownNameError):
        env.reset(options=TASK)
    assert check_text_env(gymnasium.make(ID, path=str(path), on_error="skip", actions="think"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"difficulty": 0}, "difficulty must be"),
        ({"difficulty": "2"}, "difficulty must be"),
        ({"split": "test"}, "needs path="),
        ({"path": "no.json"}, "does not exist"),
        ({"path": "no.json", "difficulty": 2}, "leave it out with path="),
        ({"max_turns": 0}, "max_turns must be"),
    ],
)
def test_bad_settings_say_what_was_expected(arguments: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        gymnasium.make(ID, **arguments)


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "molecule-generation/6/1",
        "molecule-generation/1/01",
        "molecule-generation/1/2147483648",
        "molecule-generation/1/ester-formation/1",
        "forward-synthesis/1/1",
        "molecule-generation/1/1\n",
    ],
)
def test_other_ids_are_unknown(task_id: str) -> None:
    with pytest.raises(UnknownNameError, match="No molecule task"):
        MoleculeGenerationEnv().reset(options={"task": task_id})


@pytest.mark.parametrize("difficulty", [1, 5])
def test_the_environment_keeps_its_promises(difficulty: int) -> None:
    assert check_text_env(gymnasium.make(ID, difficulty=difficulty, max_turns=3))
