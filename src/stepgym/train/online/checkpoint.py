"""Where an online training can go on: weights, optimiser, and how far it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from stepgym.errors import InvalidInputError
from stepgym.train.online.config import OnlineConfig
from stepgym.train.policy_model import restore_policy, save_policy
from stepgym.train.saving import settle, whole_folder

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

_FOLDER, _STATE, _OPTIMISER = "checkpoint", "online.json", "optimiser.pt"
# What may differ between a run and its continuation.
_FREE = ("iterations", "save_every", "batch_size")


def save_checkpoint(
    out: Path,
    policy: PreTrainedModel | PeftModel,
    optimiser: torch.optim.Optimizer,
    *,
    done: int,
    config: OnlineConfig,
    start: str,
    rewards: str,
    played: str,
) -> None:
    """Write the checkpoint of `out`, all of it or nothing, after `done` iterations."""
    with whole_folder(out / _FOLDER) as folder:
        save_policy(policy, folder / "policy")
        torch.save(optimiser.state_dict(), folder / _OPTIMISER)
        state = {"done": done, "config": config.to_dict(), "start": start, "rewards": rewards, "played": played}
        (folder / _STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def restore_checkpoint(
    out: Path,
    policy: PreTrainedModel | PeftModel,
    optimiser: torch.optim.Optimizer,
    *,
    config: OnlineConfig,
    start: str,
    rewards: str,
    played: str,
) -> int:
    """Take over what `save_checkpoint` wrote, if it did; returns how many iterations are done.

    Raises:
        InvalidInputError: It is of another start, of other rewards or of other settings.
    """
    folder = out / _FOLDER
    if not folder.is_dir():
        return 0
    settle(folder)
    if not (folder / _STATE).is_file():
        return 0
    state: dict[str, Any] = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    mine = config.to_dict()
    wrong = [
        f"{name}: {state['config'].get(name)!r} there, {mine[name]!r} here"
        for name in mine
        if name not in _FREE and state["config"].get(name) != mine[name]
    ]
    if config.schedule != "constant" or config.warmup:
        wrong += [f"iterations: {state['config']['iterations']} there, {mine['iterations']} here"] * (
            state["config"]["iterations"] != mine["iterations"]
        )
    if state["start"] != start:
        wrong.append("another model to start from")
    if state["rewards"] != rewards:
        wrong.append(f"rewards: {state['rewards']!r} there, {rewards!r} here")
    if state["played"] != played:
        wrong.append("another environment, other tasks, another prompt or sampling")
    if wrong:
        raise InvalidInputError(
            f"{out} holds a run with other settings ({'; '.join(wrong)}): go on with its own, or take another folder"
        )
    restore_policy(policy, folder / "policy")
    optimiser.load_state_dict(torch.load(folder / _OPTIMISER, weights_only=True))
    return int(state["done"])
