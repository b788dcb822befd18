"""Supervised fine-tuning on episodes, and rejection sampling: the same on the successful ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from stepgym.agents.episodes import Episode
from stepgym.errors import InvalidInputError
from stepgym.train.config import EpisodeTrainingArguments
from stepgym.train.losses import supervised_loss, token_logprobs
from stepgym.train.models import loaded
from stepgym.train.tokenize import TokenizeOptions
from stepgym.train.trainer import Episodes, EpisodeTrainer, StepCounts

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback


@dataclass
class SupervisedConfig(EpisodeTrainingArguments):
    """Settings of `SupervisedTrainer`; everything else is as in transformers' `TrainingArguments`.

    Attributes:
        loss_norm: "token" averages over the action tokens of the batch, "episode" first within each episode.
        max_length: Longest episode in tokens; longer ones are dropped and counted. None takes the model's context.
    """

    output_dir: str | None = field(default="runs/supervised")
    learning_rate: float = field(default=2e-5)


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
        model, context = loaded(model)
        super().__init__(
            model,
            args,
            train_dataset,
            eval_dataset,
            processing_class,
            options=TokenizeOptions(max_length=args.longest(context)),
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
