"""DPO on episodes (Rafailov et al., Direct Preference Optimization, arXiv 2305.18290): TRL's trainer on a log's ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepgym.agents.exporters.preference_pairs import PairOrder, check_pairing
from stepgym.errors import InvalidInputError, require
from stepgym.train.logged_rows import LoggedRows, begin, frozen_copy, pad_id, required
from stepgym.train.preference_rows import (
    PairCollator,
    Row,
    as_dataset,
    pair_rows,
    ready_rows,
    single_segments,
)
from stepgym.train.tokenize import TokenizeReport
from stepgym.train.trainer import Episodes

require("trl", extra="baselines")
from trl import DPOConfig, DPOTrainer  # noqa: E402 - named in the error above where it is missing

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback


class EpisodeDPOTrainer(LoggedRows, DPOTrainer):  # type: ignore[misc]
    """TRL's `DPOTrainer` on pairs of a success and a failure of the same task.

    Several turns are one response: its log-likelihood is the sum over the tokens the agent wrote. An episode whose
    context was rewritten on the way has several segments and cannot be one response; such logs are refused.

    Args:
        model: A causal language model or where to load it from; a frozen copy of it is the reference.
        args: TRL's settings. Its defaults are not ours: bfloat16 and gradient checkpointing are on, `max_length` is
            1024. Episodes longer than `max_length` or the model's context are dropped and counted, never cut.
            `per_device_train_batch_size` counts pairs, each of two episodes.
        train_dataset: An episode log, any iterable of `Episode`, tokenised episodes, or rows with `prompt_ids`,
            `chosen_ids` and `rejected_ids` (and masks), as `to_dpo` and `to_step_dpo` write them with `ids=True`.
        eval_dataset: The same for evaluation.
        processing_class: The tokenizer of the model that wrote the log.
        peft_config: For adapters; the reference is then the model with adapters off.
        pairs_per_task: Pairs of one task at most.
        order: "random" draws the pairs with `args.seed`, "shortest" takes the shortest ones.
        callbacks: Further transformers callbacks.
    """

    def __init__(
        self,
        model: PreTrainedModel | str | Path,
        args: DPOConfig | None = None,
        train_dataset: Episodes | Sequence[Row] | None = None,
        eval_dataset: Episodes | Sequence[Row] | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        peft_config: Any = None,
        *,
        pairs_per_task: int = 6,
        order: PairOrder = "random",
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        check_pairing(pairs_per_task, order)
        args = DPOConfig(output_dir="runs/dpo", report_to="none") if args is None else args
        model, tokenizer, length = begin(model, args, processing_class)

        def rows(data: Episodes | Sequence[Row]) -> tuple[Any, TokenizeReport]:
            ready = ready_rows(data, ("prompt_ids", "chosen_ids", "rejected_ids"), length)
            if ready is not None:
                return ready
            episodes, report = single_segments(data, tokenizer, length)
            pairs = list(pair_rows(episodes, pairs_per_task, order, int(args.seed)))
            if not pairs:
                raise InvalidInputError(
                    "DPO needs pairs, and no task of the log has both a success and a failure after the same prompt "
                    f"({report})"
                )
            return as_dataset(pairs), report

        train, self.tokenize_report = required(train_dataset, rows)
        super().__init__(
            model=model,
            ref_model=None if peft_config is not None else frozen_copy(model),
            args=args,
            data_collator=PairCollator(pad_id(tokenizer)),
            train_dataset=train,
            eval_dataset=None if eval_dataset is None else rows(eval_dataset)[0],
            processing_class=tokenizer,
            peft_config=peft_config,
            callbacks=callbacks,
        )
        self._check_rows({"prompt_ids", "chosen_ids", "rejected_ids"})

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = [
            *("prompt_ids", "chosen_ids", "chosen_mask", "rejected_ids", "rejected_mask"),
            *("ref_chosen_logps", "ref_rejected_logps"),
        ]
