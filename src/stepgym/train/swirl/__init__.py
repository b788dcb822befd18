"""SWiRL: reinforcement of single steps from stored states, judged one by one.

A. Goldie et al., "Synthetic Data Generation & Multi-Step RL for Reasoning & Tool Use",
https://arxiv.org/abs/2504.04736. Data and filters need no torch; the trainers are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepgym.errors import require
from stepgym.train.swirl.decompose import StepRow, decompose, decompose_all
from stepgym.train.swirl.filters import FilterReport, Keep, filter_episodes, good_steps, size_matched
from stepgym.train.swirl.trl_rows import JudgeReward, judge_as_trl_reward, to_step_grpo, to_step_kto, to_step_sft

if TYPE_CHECKING:
    from stepgym.train.swirl.logged_steps import LoggedStepConfig, LoggedStepTrainer
    from stepgym.train.swirl.objective import bandit_optimum, bandit_weights, sibling_weights
    from stepgym.train.swirl.stepwise import StepwiseConfig, StepwiseTrainer

_HOMES = {
    "LoggedStepConfig": "logged_steps",
    "LoggedStepTrainer": "logged_steps",
    "StepwiseConfig": "stepwise",
    "StepwiseTrainer": "stepwise",
    "bandit_optimum": "objective",
    "bandit_weights": "objective",
    "sibling_weights": "objective",
}

__all__ = [
    "FilterReport",
    "JudgeReward",
    "Keep",
    "LoggedStepConfig",
    "LoggedStepTrainer",
    "StepRow",
    "StepwiseConfig",
    "StepwiseTrainer",
    "bandit_optimum",
    "bandit_weights",
    "decompose",
    "decompose_all",
    "filter_episodes",
    "good_steps",
    "judge_as_trl_reward",
    "sibling_weights",
    "size_matched",
    "to_step_grpo",
    "to_step_kto",
    "to_step_sft",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("torch", extra="train")
    require("transformers", extra="train")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
