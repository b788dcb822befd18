"""What the settings of all our trainers share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_args

from transformers import TrainingArguments

from stepgym.errors import InvalidInputError
from stepgym.train.losses import LossNorm


@dataclass
class EpisodeTrainingArguments(TrainingArguments):
    """transformers' `TrainingArguments` with defaults for training on episodes.

    Attributes:
        loss_norm: "token" averages over the counted positions of the whole batch, "episode" first within each episode.
        max_length: Longest episode in tokens; longer ones are dropped and counted. None takes the model's context.
        packing: Put the episodes of a batch into one row without padding, each attending to itself alone.
        token_cache: Folder for the tokenised log, read back from disk instead of being held in memory.
        reward_range: Lowest and highest outcome that is right; others are an error. None takes any.
        merge_adapters: Whether the trained folder holds whole models, or adapters that need their base.
    """

    loss_norm: LossNorm = "token"
    max_length: int | None = None
    packing: bool = False
    token_cache: str | None = None
    reward_range: tuple[float, float] | None = None
    merge_adapters: bool = True

    per_device_train_batch_size: int = field(default=16)
    adam_beta2: float = field(default=0.95)
    lr_scheduler_type: Any = field(default="cosine")
    warmup_steps: float = field(default=0.03)
    logging_steps: float = field(default=10)
    save_total_limit: int | None = field(default=2)
    report_to: str | list[str] | None = field(default="none")
    remove_unused_columns: bool = field(default=False)

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[no-untyped-call]
        self.check_choice("loss_norm", LossNorm)

    def check_choice(self, name: str, allowed: Any) -> None:
        """Refuse a value that the `Literal` type `allowed` does not hold."""
        if getattr(self, name) not in get_args(allowed):
            raise InvalidInputError(f"{name} must be one of {get_args(allowed)}, got {getattr(self, name)!r}")

    def longest(self, context: int | None) -> int | None:
        """Most tokens of an episode for a model with this context."""
        return min((n for n in (self.max_length, context) if n), default=None)
