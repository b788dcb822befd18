"""Supervised fine-tuning on episodes, and rejection sampling: the same on the successful ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, TrainingArguments

from stepgym.agents.episodes import Episode
from stepgym.errors import InvalidInputError
from stepgym.train.losses import LossNorm, supervised_loss, token_logprobs
from stepgym.train.tokenize import TokenizeOptions
from stepgym.train.trainer import Episodes, EpisodeTrainer, StepCounts

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback


@dataclass
class SupervisedConfig(TrainingArguments):
    """Settings of `SupervisedTrainer`; everything else is as in transformers' `TrainingArguments`.

    Attributes:
        loss_norm: "token" averages over the action tokens of the batch, "episode" first within each episode.
        max_length: Longest episode in tokens; longer ones are dropped and counted. None takes the model's context.
    """

    loss_norm: LossNorm = "token"
    max_length: int | None = None

    output_dir: str | None = field(default="runs/supervised")
    learning_rate: float = field(default=2e-5)
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
        if self.loss_norm not in get_args(LossNorm):
            raise InvalidInputError(f"loss_norm must be one of {get_args(LossNorm)}, got {self.loss_norm!r}")


class SupervisedTrainer(EpisodeTrainer):
    """Maximises the likelihood of the action tokens of all given episodes; arguments as of `OREOTrainer`."""

    args: SupervisedConfig

    def __init__(
        self,
        model: PreTrainedModel | str | Path,
        args: SupervisedConfig | None = None,
        train_dataset: Episodes | None = None,
        eval_dataset: Episodes | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        *,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        args = args or SupervisedConfig()
        if isinstance(model, str | Path):
            model = cast("PreTrainedModel", AutoModelForCausalLM.from_pretrained(model))
        context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        limits = [n for n in (args.max_length, context) if n]
        super().__init__(
            model,
            args,
            train_dataset,
            eval_dataset,
            processing_class,
            options=TokenizeOptions(max_length=min(limits, default=None)),
            callbacks=callbacks,
        )

    def compute_loss(  # type: ignore[override]
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: StepCounts | None = None,
    ) -> Tensor | tuple[Tensor, Any]:
        """This micro-batch's share of the mean negative log-likelihood of the optimiser step."""
        step = self.counts(inputs, num_items_in_batch)
        out = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
        loss = supervised_loss(
            token_logprobs(out.logits, inputs["input_ids"]),
            inputs["action_mask"],
            loss_norm=self.args.loss_norm,
            episode_ids=inputs["episode_ids"],
            denominator=step.actions if self.args.loss_norm == "token" else step.episodes_with_actions,
        )
        loss = loss * step.processes
        return (loss, out) if return_outputs else loss


def successes(episodes: Iterable[Episode]) -> list[Episode]:
    """The episodes rejection sampling keeps: a positive outcome and a genuine end.

    Raises `InvalidInputError` if there is none.
    """
    kept = [e for e in episodes if e.success]
    if not kept:
        raise InvalidInputError("the log holds no successful episode: rejection sampling has nothing to learn from")
    return kept
