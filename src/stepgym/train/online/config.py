"""`OnlineConfig`: the settings of `OnlineTrainer`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from stepgym.errors import InvalidInputError
from stepgym.train.online.weights import Baseline

Schedule = Literal["constant", "cosine"]
Cut = Literal["drop", "failure"]


@dataclass(frozen=True, slots=True)
class OnlineConfig:
    """How an online training goes.

    Attributes:
        iterations: Each plays episodes with the policy as it is and makes one update from them.
        tasks: Different tasks in an iteration, drawn anew each time.
        samples: Episodes of each.
        alpha: Weight of the dense rewards beside the outcome. The paper: 5 (2B), 3 (9B).
        cut: What becomes of episodes without an end (token limit, full context): "drop" leaves them out, as everywhere
            here; "failure" gives them the outcome 0. A policy that is paid for steps can learn to go on forever, and
            what is left out cannot tell it not to.
        baseline: What is taken off the outcome: the mean of the "task"'s other episodes, of the whole "batch"'s, or
            "none".
        kl: Weight of KL(policy || start), exact over the vocabulary and summed over the tokens of an episode. The
            paper: 0.001.
        learning_rate: Of Adam, at its highest.
        warmup: Share of the iterations in which it rises.
        schedule: What it does then: stays "constant", or falls to 0 as a "cosine".
        max_grad_norm: Gradients are clipped there.
        batch_size: Episodes in one forward pass; changes nothing but memory.
        save_every: Iterations between checkpoints; one more is written at the end.
        seed: Of tasks, roll-outs and dense rewards.
    """

    iterations: int = 100
    tasks: int = 16
    samples: int = 4
    alpha: float = 1.0
    cut: Cut = "drop"
    baseline: Baseline = "task"
    kl: float = 0.001
    learning_rate: float = 1e-6
    warmup: float = 0.1
    schedule: Schedule = "constant"
    max_grad_norm: float = 1.0
    batch_size: int = 16
    save_every: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("iterations", "tasks", "samples", "batch_size", "save_every"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("alpha", "kl"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise InvalidInputError(f"{name} must be a number of at least 0, got {value}")
        for name in ("learning_rate", "max_grad_norm"):
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0:
                raise InvalidInputError(f"{name} must be above 0, got {value}")
        if not 0 <= self.warmup <= 1:
            raise InvalidInputError(f"warmup is a share of the iterations, from 0 to 1, got {self.warmup}")
        for name, kind in (("baseline", Baseline), ("schedule", Schedule), ("cut", Cut)):
            allowed = get_args(kind)
            if getattr(self, name) not in allowed:
                raise InvalidInputError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")

    def rate(self, iteration: int) -> float:
        """The learning rate of an iteration, from 0."""
        rising = self.warmup * self.iterations
        if iteration + 1 < rising:
            return self.learning_rate * (iteration + 1) / rising
        if self.schedule == "constant":
            return self.learning_rate
        done = (iteration - rising) / max(1.0, self.iterations - rising)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done))))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)
