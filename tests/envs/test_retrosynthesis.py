from __future__ import annotations

import json
from pathlib import Path

import gymnasium
import pytest

pytest.importorskip("rdkit", reason="RDKit (the extra chem) is not installed")

from stepgym.envs import RetrosynthesisEnv, check_tasks, check_text_env
from stepgym.envs.retrosynthesis import (
    draw_tasks,
    retrosynthesis_reactions,
    retrosynthesis_task,
    retrosynthesis_task_from_id,
    write_solution,
)
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import get_verifier

ID = "stepgym/Retrosynthesis-v0"
TASK = {"task": "retrosynthesis/1/ester-formation/4711"}


def test_golden_tasks() -> None:
    task = retrosynthesis_task_from_id("retrosynthesis/1/ester-formation/4711")
    assert (task.prompt, task.reference) == (
        "Product: COC(C)=O\nHint: ester formation\nSuggest the reactants.",
        {"product": "COC(C)=O", "reactants": "CO.CC(=O)O", "reaction": "ester formation"},
    )
    task = retrosynthesis_task_from_id("retrosynthesis/5/amide-coupling/4711")
    assert (task.prompt, task.reference) == (
        "Product: CNC(=O)CCC(C)C\nWhich reactants give it?",
        {"product": "CNC(=O)CCC(C)C", "reactants": "CN.CC(C)CCC(=O)O"},
    )


def test_reset_and_retrosynthesis_task_draw_the_same_task_from_a_seed() -> None:
    for difficulty in range(1, 6):
        env = RetrosynthesisEnv(difficulty=difficulty)
        for seed in range(8):
            observation, info = env.reset(seed=seed)
            task = retrosynthesis_task(seed, difficulty=difficulty)
            assert (task.prompt, task.id, task) == (observation, info["task"], env.task)
            assert env.reset(options={"task": task.id})[0] == observation
            assert env.task == task


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_references_are_right_and_hidden(difficulty: int) -> None:
    verifier = get_verifier("reactants")
    tasks = draw_tasks(60, 7, difficulty=difficulty)
    check_tasks({task.id: task for task in tasks}.values())
    for task in tasks:
        for tags in (True, False):
            verdict = verifier.verify(write_solution(task, tags=tags), task.reference, context=task.prompt)
            assert verdict.status == "correct", (task, verdict)
        assert not set(task.reference["reactants"].split(".")) & set(task.prompt.replace("\n", " ").split())
        assert verifier.verify(task.reference["product"], task.reference).status == "wrong"


def test_the_hint_is_told_up_to_difficulty_3() -> None:
    for difficulty in range(1, 6):
        for task in draw_tasks(30, 3, difficulty=difficulty):
            assert (f"Hint: {task.meta['reaction']}" in task.prompt) == (difficulty <= 3)
            assert ("reaction" in task.reference) == (difficulty <= 3)
            assert "." not in task.reference["product"]


def test_another_way_to_the_product_is_right_too() -> None:
    env = RetrosynthesisEnv(difficulty=5)
    env.reset(options={"task": "retrosynthesis/5/amide-coupling/4711"})
    _, reward, _, _, info = env.step("<SMILES>CC(C)CCC(=O)Cl.CN</SMILES>")
    assert reward == 1.0, info["verdict"]


def test_hydrolyses_are_left_out() -> None:
    assert "ester hydrolysis" not in retrosynthesis_reactions(5)
    with pytest.raises(InvalidInputError, match="takes one apart"):
        gymnasium.make(ID, reactions=["ester hydrolysis"])
    with pytest.raises(UnknownNameError, match="No retrosynthesis"):
        RetrosynthesisEnv().reset(options={"task": "retrosynthesis/2/ester-hydrolysis/1"})


def test_several_tries() -> None:
    env = RetrosynthesisEnv(max_turns=2)
    env.reset(options=TASK)
    assert env.step("<SMILES>CC.O</SMILES>")[2] is False
    assert env.step(write_solution(env.task))[1:3] == (1.0, True)


def test_tasks_of_a_file(tmp_path: Path) -> None:
    metadata = {"task": "retrosynthesis", "split": "train"}
    row = {"instruction": "Of what?", "input": "CCOC(C)=O", "output": "CC(=O)O.OCC", "metadata": metadata}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    env = RetrosynthesisEnv(path=path, split="train")
    observation, info = env.reset(seed=0)
    assert (observation, info["task"]) == ("Of what?\nCCOC(C)=O", "retrosynthesis/train/0")
    assert env.step("OCC.CC(O)=O")[1] == 1.0


@pytest.mark.parametrize(
    "task_id",
    ["", "retrosynthesis/1/4711", "retrosynthesis/1/ester-formation/-1", "forward-synthesis/1/ester-formation/1"],
)
def test_other_ids_are_unknown(task_id: str) -> None:
    with pytest.raises(UnknownNameError, match="No retrosynthesis"):
        RetrosynthesisEnv().reset(options={"task": task_id})


@pytest.mark.parametrize("difficulty", [1, 5])
def test_the_environment_keeps_its_promises(difficulty: int) -> None:
    assert check_text_env(gymnasium.make(ID, difficulty=difficulty, max_turns=3))
