r"""`StepValueTrainer`: a value model that predicts the chance of success from Monte-Carlo values.

With `p` the predicted chance after a prefix, `q` the share of the roll-outs from there that succeeded and `w` a weight,
the loss is the mean over the rows of

.. math::
    -w \, (q \log p + (1 - q) \log (1 - p)),

whose minimum is at `p = E[q]`. Setlur et al., Rewarding Progress: Scaling Automated Process Verifiers for LLM
Reasoning, arXiv:2410.08146, appendix D, reads the prediction from the logits of a scoring token; here it is a scalar
head, and the targets are soft, which the paper leaves open.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import set_seed

from stepgym.errors import InvalidInputError
from stepgym.train.collate import model_inputs
from stepgym.train.credited_episodes import CreditedEpisode
from stepgym.train.pretrained import loaded
from stepgym.train.progress.config import StepValueConfig
from stepgym.train.progress.network import StepValueNetwork
from stepgym.train.progress.rows import value_rows
from stepgym.train.tokenize import TokenizeReport
from stepgym.train.trained_folder import save_networks, write_card
from stepgym.train.trainer import EpisodeTrainer, StepCounts
from stepgym.train.value_function import TransformersValueFunction
from stepgym.train.value_model import ValueModel

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

logger = logging.getLogger(__name__)


class StepValueTrainer(EpisodeTrainer):
    """Trains a verifier of steps; what it saves is read by `stepgym.train.load_value_function`.

    One verifier predicts the values of one policy, the one whose roll-outs made the rows: that of the policy to be
    improved (`Q^pi`) or that of a prover. The best-of-k prover of a policy needs none of its own.

    Args:
        model: A causal language model or where to load it from, whose trunk the verifier begins with; or a verifier.
        args: Settings.
        train_dataset: Rows, see `stepgym.agents.pav_rows`.
        eval_dataset: Rows of other tasks.
        processing_class: The tokenizer of the model that wrote the log.
        peft_config: Train an adapter of the trunk.
        callbacks: Further transformers callbacks.
    """

    args: StepValueConfig

    def __init__(
        self,
        model: PreTrainedModel | ValueModel | str | Path,
        args: StepValueConfig | None = None,
        train_dataset: Iterable[Mapping[str, Any]] | None = None,
        eval_dataset: Iterable[Mapping[str, Any]] | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        peft_config: PeftConfig | None = None,
        *,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        args = args or StepValueConfig()
        network = model
        if not isinstance(network, ValueModel):
            network = loaded(network)[0]
        config = network.trunk.config if isinstance(network, ValueModel) else network.config
        context = getattr(cast(Any, config).get_text_config(), "max_position_embeddings", None)
        # A row is one token longer than its prefix, see `value_rows`.
        longest = args.longest(None if context is None else context - 1)
        size = None if processing_class is None else len(processing_class)

        def read(rows: Iterable[Mapping[str, Any]]) -> tuple[list[CreditedEpisode], TokenizeReport]:
            return value_rows(
                rows,
                balance=args.balance,
                edges=args.edges,
                weigh_by_n=args.weigh_by_n,
                max_length=longest,
                vocabulary=size,
                seed=args.seed,
            )

        train, report = ([], TokenizeReport()) if train_dataset is None else read(train_dataset)
        if train_dataset is not None and not train:
            raise InvalidInputError(f"there are no rows to train on: {report}")
        if report.dropped:
            logger.warning("%s", report)
        set_seed(args.seed)
        super().__init__(
            StepValueNetwork(network, peft_config=peft_config, packing=args.packing),
            args,
            train or None,
            None if eval_dataset is None else read(eval_dataset)[0],
            processing_class,
            callbacks=callbacks,
        )
        self.tokenize_report = report

    def compute_loss(  # type: ignore[override]
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: StepCounts | None = None,
    ) -> Tensor | tuple[Tensor, Any]:
        """This micro-batch's share of the weighted mean cross-entropy of the optimiser step."""
        step = self.counts(inputs, num_items_in_batch)
        seen = {name: tensor for name, tensor in model_inputs(inputs).items() if name != "action_mask"}
        at = inputs["state_mask"].bool()
        scores = model(**seen)[:, :-1][at]  # (prefixes,), as everything below
        q, weight = inputs["returns"][at], inputs["credit"][at]
        loss = (weight * binary_cross_entropy_with_logits(scores, q, reduction="none")).sum() / step.states
        brier = (weight * (scores.detach().sigmoid() - q).square()).sum() / step.states
        self.record_shares(value_loss=loss, brier=brier)
        loss = loss * step.processes
        return (loss, scores) if return_outputs else loss

    @property
    def networks(self) -> StepValueNetwork:
        """The verifier, out of any wrapper."""
        return cast(StepValueNetwork, self.accelerator.unwrap_model(self.model))

    def value_function(self) -> TransformersValueFunction:
        """The verifier as it is now, for search and for rewards."""
        return TransformersValueFunction(self.networks.value, self.processing_class)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir or ".")
        save_networks(self, self.networks, folder)
        settings = {name: getattr(self.args, name) for name in ("balance", "weigh_by_n")}
        settings["edges"] = ", ".join(map(str, self.args.edges))
        (folder / "step-value.json").write_text(json.dumps(settings, indent=2) + "\n")
        cast(Any, self.processing_class).save_pretrained(folder / "value")
        write_card(self, self.networks, folder / "value", "value", "cross-entropy on Monte-Carlo values", settings)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        self.networks.restore(Path(resume_from_checkpoint))
