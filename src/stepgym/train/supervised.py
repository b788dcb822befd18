"""Supervised fine-tuning on episodes, and rejection sampling: the same on the successful ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from transformers import set_seed

from stepgym.agents.episodes import Episode
from stepgym.errors import InvalidInputError
from stepgym.train.collate import model_inputs
from stepgym.train.config import EpisodeTrainingArguments
from stepgym.train.losses import supervised_loss
from stepgym.train.policy_model import PolicyModel
from stepgym.train.pretrained import loaded
from stepgym.train.tokenize import TokenizeOptions
from stepgym.train.trained_folder import save_networks, write_card
from stepgym.train.trainer import Episodes, EpisodeTrainer, StepCounts

if TYPE_CHECKING:
    from peft import PeftConfig
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
        peft_config: PeftConfig | None = None,
        *,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        args = args or SupervisedConfig()
        model, context = loaded(model)
        # Adapters start at random, before transformers' trainer seeds its process.
        set_seed(args.seed)
        super().__init__(
            PolicyModel(model, peft_config=peft_config, packing=args.packing),
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
        logp = model(**model_inputs(inputs))
        loss = supervised_loss(
            logp,
            inputs["action_mask"],
            loss_norm=self.args.loss_norm,
            episode_ids=inputs["episode_ids"],
            denominator=step.actions if self.args.loss_norm == "token" else step.episodes_with_actions,
        )
        loss = loss * step.processes
        return (loss, logp) if return_outputs else loss

    @property
    def networks(self) -> PolicyModel:
        """The policy, out of any wrapper."""
        return cast(PolicyModel, self.accelerator.unwrap_model(self.model))

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir or ".")
        save_networks(self, self.networks, folder)
        cast(Any, self.processing_class).save_pretrained(folder)
        settings = {"loss_norm": self.args.loss_norm}
        write_card(self, self.networks, folder, "policy", "supervised fine-tuning", settings)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        self.networks.restore(Path(resume_from_checkpoint))


def successes(episodes: Iterable[Episode]) -> list[Episode]:
    """The episodes rejection sampling keeps: a positive outcome and a genuine end.

    Raises `InvalidInputError` if there is none.
    """
    kept = [e for e in episodes if e.success]
    if not kept:
        raise InvalidInputError("the log holds no successful episode: rejection sampling has nothing to learn from")
    return kept
