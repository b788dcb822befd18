from __future__ import annotations

import json
from pathlib import Path

import gymnasium
import pytest

pytest.importorskip("rdkit", reason="RDKit (the extra chem) is not installed")

from stepgym.envs import ForwardSynthesisEnv, check_tasks, check_text_env
from stepgym.envs.forward_synthesis import draw_tasks, forward_task, forward_task_from_id, write_solution
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import get_verifier

ID = "stepgym/ForwardSynthesis-v0"


def test_golden_tasks() -> None:
    task = forward_task_from_id("forward-synthesis/1/ester-formation/4711")
    assert (task.prompt, task.reference) == (
        "Reactants: CO.CC(=O)O\nReaction: ester formation\nPredict the product.",
        {"reactants": "CO.CC(=O)O", "product": "COC(C)=O", "reaction": "ester formation"},
    )
    task = forward_task_from_id("forward-synthesis/4/suzuki-coupling/4711")
    assert (task.prompt, task.reference) == (
        "Reactants: OB(O)c1ccccc1.Brc1ccccc1\n"
        "Conditions: tetrakis(triphenylphosphine)palladium, sodium carbonate\nWhat is the product?",
        {"reactants": "OB(O)c1ccccc1.Brc1ccccc1", "product": "c1ccc(-c2ccccc2)cc1", "reaction": "suzuki coupling"},
    )


def test_reset_and_forward_task_draw_the_same_task_from_a_seed() -> None:
    for difficulty in range(1, 6):
        env = ForwardSynthesisEnv(difficulty=difficulty)
        for seed in range(8):
            observation, info = env.reset(seed=seed)
            task = forward_task(seed, difficulty=difficulty)
            assert (task.prompt, task.id, task) == (observation, info["task"], env.task)
            assert env.reset(options={"task": task.id})[0] == observation
            assert env.task == task


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_references_are_right_and_hidden(difficulty: int) -> None:
    verifier = get_verifier("reaction-product")
    tasks = draw_tasks(60, 7, difficulty=difficulty)
    check_tasks({task.id: task for task in tasks}.values())
    for task in tasks:
        for tags in (True, False):
            verdict = verifier.verify(write_solution(task, tags=tags), task.reference, context=task.prompt)
            assert verdict.status == "correct", (task, verdict)
        assert task.reference["product"] not in task.prompt.replace("\n", " ").split()
        assert verifier.verify(task.reference["reactants"], task.reference).status == "wrong"


def test_the_prompt_names_the_reaction_up_to_difficulty_3() -> None:
    for difficulty in range(1, 6):
        for task in draw_tasks(30, 3, difficulty=difficulty):
            assert (f"Reaction: {task.meta['reaction']}" in task.prompt) == (difficulty <= 3)
            assert ("Conditions: " in task.prompt) == (difficulty > 3)


def test_reactions_can_be_chosen() -> None:
    chosen = ["suzuki coupling", "wittig reaction"]
    env = gymnasium.make(ID, reactions=chosen, difficulty=2)
    seen = {env.reset(seed=seed)[1]["task"].split("/")[2] for seed in range(20)}
    assert seen == {"suzuki-coupling", "wittig-reaction"}
    env.reset(options={"task": "forward-synthesis/1/ester-formation/1"})  # ids work whatever is drawn


def test_tasks_of_a_file(tmp_path: Path) -> None:
    metadata = {"task": "forward_reaction_prediction", "split": "test"}
    row = {"instruction": "What comes out?", "input": "CC(=O)O.OCC", "output": "CCOC(C)=O", "metadata": metadata}
    path = tmp_path / "forward_reaction_prediction.json"
    path.write_text(json.dumps([row]))
    env = ForwardSynthesisEnv(path=tmp_path)
    observation, info = env.reset(seed=0)
    assert (observation, info["task"]) == (
        "What comes out?\nCC(=O)O.OCC",
        "forward_reaction_prediction/test/0",
    )
    assert env.step("O=C(C)OCC")[1] == 1.0
    with pytest.raises(InvalidInputError, match="reactions is for drawn tasks"):
        ForwardSynthesisEnv(path=path, reactions=["ester formation"])


def test_bad_settings_say_what_was_expected() -> None:
    with pytest.raises(InvalidInputError, match="difficulty must be"):
        gymnasium.make(ID, difficulty=9)
    with pytest.raises(UnknownNameError, match="Did you mean 'suzuki coupling'"):
        gymnasium.make(ID, reactions=["suzuki"])


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "forward-synthesis/1/4711",
        "forward-synthesis/1/ester formation/4711",
        "forward-synthesis/1/alchemy/4711",
        "forward-synthesis/0/ester-formation/4711",
        "retrosynthesis/1/ester-formation/4711",
    ],
)
def test_other_ids_are_unknown(task_id: str) -> None:
    with pytest.raises(UnknownNameError, match="No forward synthesis"):
        ForwardSynthesisEnv().reset(options={"task": task_id})


@pytest.mark.parametrize("difficulty", [1, 5])
def test_the_environment_keeps_its_promises(difficulty: int) -> None:
    assert check_text_env(gymnasium.make(ID, difficulty=difficulty, max_turns=3, feedback="reason"))
