"""KTO on episodes (Ethayarajh et al., KTO, arXiv 2402.01306): TRL's trainer on a log's ids."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stepgym.errors import InvalidInputError, require
from stepgym.train.logged_rows import LoggedRows, begin, frozen_copy, pad_id, required
from stepgym.train.preference_rows import (
    Row,
    UnpairedCollator,
    as_dataset,
    ready_rows,
    single_segments,
    unpaired_row,
)
from stepgym.train.tokenize import TokenizeReport
from stepgym.train.trainer import Episodes

require("trl", extra="baselines")
from trl import KTOConfig, KTOTrainer  # noqa: E402 - named in the error above where it is missing

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

logger = logging.getLogger(__name__)


class EpisodeKTOTrainer(LoggedRows, KTOTrainer):  # type: ignore[misc]
    """TRL's `KTOTrainer` on all decided episodes, labelled by success.

    Several turns are one response, as in `EpisodeDPOTrainer`, whose arguments it shares. TRL reads the rows in order,
    because it estimates the reference point from each answer paired with the next prompt of its batch; they are
    shuffled once with `args.seed`, so that samples of one task do not stand beside each other. A batch needs at least
    two episodes.

    Args:
        balanced: Weigh the rarer outcome up until successes and failures count the same (arXiv 2402.01306, eq. 8, asks
            for that or a little more for the successes); where failures are many, KTO otherwise learns to say nothing
            of what was logged. False takes `desirable_weight` and `undesirable_weight` from `args`.
    """

    def __init__(
        self,
        model: PreTrainedModel | str | Path,
        args: KTOConfig | None = None,
        train_dataset: Episodes | Sequence[Row] | None = None,
        eval_dataset: Episodes | Sequence[Row] | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        peft_config: Any = None,
        *,
        balanced: bool = False,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        args = KTOConfig(output_dir="runs/kto", report_to="none") if args is None else args
        if args.per_device_train_batch_size < 2:
            raise InvalidInputError(
                "KTO needs batches of at least 2 episodes for its reference point, got "
                f"per_device_train_batch_size={args.per_device_train_batch_size}"
            )
        model, tokenizer, length = begin(model, args, processing_class)
        seed = int(args.seed)

        def rows(data: Episodes | Sequence[Row]) -> tuple[Any, TokenizeReport]:
            ready = ready_rows(data, ("prompt_ids", "completion_ids", "label"), length)
            if ready is not None:
                return ready
            episodes, report = single_segments(data, tokenizer, length)
            made = [unpaired_row(e) for e in episodes]
            if not made:
                raise InvalidInputError(f"no episode can be trained on: {report}")
            shuffled = np.random.default_rng(seed).permutation(len(made))
            return as_dataset([made[i] for i in shuffled]), report

        train, self.tokenize_report = required(train_dataset, rows)
        if len(set(train["label"])) == 1:
            logger.warning("All episodes have the label %s: KTO can only move all of them alike.", train["label"][0])
        elif balanced:
            args = copy.copy(args)
            args.desirable_weight, args.undesirable_weight = balanced_weights(train["label"])
        super().__init__(
            model=model,
            ref_model=None if peft_config is not None else frozen_copy(model),
            args=args,
            data_collator=UnpairedCollator(pad_id(tokenizer), kl=args.loss_type != "apo_zero_unpaired"),
            train_dataset=train,
            eval_dataset=None if eval_dataset is None else rows(eval_dataset)[0],
            processing_class=tokenizer,
            peft_config=peft_config,
            callbacks=callbacks,
        )
        self._check_rows({"prompt_ids", "completion_ids", "label"})

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = [
            *("prompt_ids", "completion_ids", "completion_mask", "label"),
            *("ref_logps", "ref_KL_logps"),
        ]


def balanced_weights(labels: Sequence[bool]) -> tuple[float, float]:
    """Weights of successes and failures with which both count the same; the more frequent ones have weight 1."""
    successes = sum(labels)
    failures = len(labels) - successes
    return max(1.0, failures / successes), max(1.0, successes / failures)
