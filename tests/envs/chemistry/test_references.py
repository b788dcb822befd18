"""References of 1,000 tasks of each environment are right, and drawing them is quick."""

from __future__ import annotations

import importlib
import time

import pytest

pytest.importorskip("rdkit", reason="RDKit (the extra chem) is not installed")

from stepgym.envs.chemistry import write_solution
from stepgym.verifiers import get_verifier

VERIFIERS = {
    "molecule_generation": "molecule",
    "forward_synthesis": "reaction-product",
    "retrosynthesis": "reactants",
}


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted(VERIFIERS))
def test_references_of_1000_tasks_are_right(module: str) -> None:
    draw_tasks = importlib.import_module(f"stepgym.envs.{module}").draw_tasks
    verifier = get_verifier(VERIFIERS[module])
    began = time.process_time()
    tasks = [task for difficulty in range(1, 6) for task in draw_tasks(200, 1_000 + difficulty, difficulty=difficulty)]
    per_second = len(tasks) / (time.process_time() - began)
    print(f"\n{module}: {len(tasks)} tasks, {per_second:.0f} drawn per CPU second")  # noqa: T201 (for the page)
    verdicts = [verifier.verify(write_solution(task), task.reference, context=task.prompt) for task in tasks]
    assert [task.id for task, verdict in zip(tasks, verdicts, strict=True) if verdict.status != "correct"] == []
    assert per_second > 100
