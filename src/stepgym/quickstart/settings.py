"""The quickstart's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class QuickstartSettings:
    """Everything the quickstart can vary; the defaults take a few minutes on two CPU cores.

    Attributes:
        seed: Redoes everything: tasks, weights, demonstrations, roll-outs.
        operands: Numbers in a chain.
        modulus: Of the arithmetic.
        habit: Share of demonstrations that guess the answer at once; the others work step by step.
        slip: Chance of a slip in each line of a worked demonstration; the lines after it go on from the wrong result.
        demonstrations: Demonstrations for supervised fine-tuning.
        train_tasks: Distinct tasks of the logged episodes.
        samples: Episodes logged per task.
        test_tasks: Distinct tasks of the evaluation; disjoint from all others.
        candidates: Samples per test task, for the sampled success and for best-of-n.
        hidden: Width of the language model.
        layers: Its layers.
        heads: Its attention heads; they divide `hidden`.
        batch: Episodes per update, in every phase.
        sft_updates: Updates of supervised fine-tuning.
        updates: Updates of OREO, and of rejection sampling.
        sft_rate: Learning rate of supervised fine-tuning.
        rate: Learning rate of OREO (policy and value) and of rejection sampling.
        beta: OREO's pull to the reference.
        alpha: OREO's weight of the KL to the reference.
        loss_norm: OREO's mean, over the batch's tokens or within each episode first.
    """

    seed: int = 0
    operands: int = 5
    modulus: int = 7
    habit: float = 0.9
    slip: float = 0.0
    demonstrations: int = 16_000
    train_tasks: int = 1_500
    samples: int = 8
    test_tasks: int = 400
    candidates: int = 8
    hidden: int = 64
    layers: int = 3
    heads: int = 2
    batch: int = 64
    sft_updates: int = 1_500
    updates: int = 300
    sft_rate: float = 2e-3
    rate: float = 2e-3
    beta: float = 0.1
    alpha: float = 0.01
    loss_norm: Literal["token", "episode"] = "token"

    def __post_init__(self) -> None:
        available = self.modulus**self.operands
        wanted = self.train_tasks + self.test_tasks
        if wanted > available // 2:
            raise InvalidInputError(
                f"{wanted} distinct tasks were asked for; chains of {self.operands} numbers modulo {self.modulus} "
                f"give {available}, and half of them are left to the demonstrations"
            )
        for name in ("habit", "slip"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInputError(f"{name} must be in [0, 1], got {getattr(self, name)}")
