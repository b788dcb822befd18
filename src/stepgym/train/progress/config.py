"""The settings of a step verifier's training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stepgym.errors import InvalidInputError
from stepgym.train.config import EpisodeTrainingArguments

Balance = Literal["weight", "draw", "none"]


@dataclass
class StepValueConfig(EpisodeTrainingArguments):
    """Settings of `StepValueTrainer`; everything else is as in transformers' `TrainingArguments`.

    Rows of which one continues the other are read as one episode (`value_rows`): batch sizes count episodes.

    Attributes:
        balance: How rows that are nearly lost and rows that are nearly won get equal shares: "weight" gives each bucket
            of q the same sum of weights, "draw" draws as many rows from each (the paper), "none" leaves it.
        edges: Of the buckets; the paper: (0.5,).
        weigh_by_n: Weigh a row by its number of roll-outs too; exact outcomes count as the largest number there is.
        max_length: Longest prefix in tokens; longer ones are dropped and counted. None takes the model's context.
    """

    balance: Balance = "weight"
    edges: tuple[float, ...] = (0.5,)
    weigh_by_n: bool = False

    output_dir: str | None = field(default="runs/step-value")
    learning_rate: float = field(default=2e-5)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_choice("balance", Balance)
        if self.loss_norm != "token":
            raise InvalidInputError("the loss is a mean over rows: loss_norm='episode' would say nothing of them")
