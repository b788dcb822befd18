"""DPO and KTO on episodes: TRL's trainers, fed with the ids of the log.

TRL's own data preparation encodes text. Here the rows are built from `TokenizedEpisode`, so that the ids of the log are
used as they are, and only tokens that the agent wrote count towards the likelihood of a response: what an environment
says between two turns is read and never trained on. Objectives, settings and everything else are TRL's.

A preference is about a whole episode: there is no credit within it, and in environments that answer at random the
comparison of two episodes also compares their luck.

Sources: Rafailov et al., Direct Preference Optimization, arXiv 2305.18290; Ethayarajh et al., KTO, arXiv 2402.01306.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from stepgym.agents.exporters.preference_pairs import PairOrder, check_pairing
from stepgym.errors import InvalidInputError, require
from stepgym.train.preference_rows import (
    PairCollator,
    Row,
    UnpairedCollator,
    as_dataset,
    pair_rows,
    ready_rows,
    single_segments,
    unpaired_row,
)
from stepgym.train.pretrained import loaded
from stepgym.train.tokenize import TokenizeReport
from stepgym.train.trainer import Episodes

require("trl", extra="baselines")
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer  # noqa: E402 - named in the error above where it is missing

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

logger = logging.getLogger(__name__)


class _LoggedRows:
    """What both trainers share: rows of ids in place of TRL's text, and a model that is left as it was found.

    Attributes:
        tokenize_report: What became of the training episodes.
    """

    tokenize_report: TokenizeReport
    train_dataset: Any
    model: Any
    _replaced: list[tuple[Any, Any]]

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """TRL's hook that would encode text; these rows are ids already."""
        return dataset

    def _send_telemetry(self) -> None:
        """Nothing: TRL would report model family, data source and machine over the network."""

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As in TRL; the model's `forward` is its own again afterwards."""
        with self._fused_head():
            return super().train(*args, **kwargs)  # type: ignore[misc]

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """As in TRL."""
        with self._fused_head():
            return super().evaluate(*args, **kwargs)  # type: ignore[misc]

    @contextmanager
    def _fused_head(self) -> Iterator[None]:
        """TRL's `forward` within it, the model's own outside.

        TRL replaces `forward` on the instance by a closure over this very model: a deep copy made later would compute
        with the weights of the original.
        """
        outermost = bool(self._replaced)
        for module, forward in self._replaced:
            module.forward = forward
        self._replaced = []
        try:
            yield
        finally:
            if outermost:
                self._restore_forward()

    def _restore_forward(self) -> None:
        base = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        modules = {id(module): module for module in (self.model, base)}.values()
        self._replaced = [(m, vars(m).pop("forward")) for m in modules if "forward" in vars(m)]

    def _check_rows(self, columns: set[str]) -> None:
        """Raise unless TRL kept the rows as they were given; the last step of making a trainer."""
        self._restore_forward()
        found = set(self.train_dataset.column_names)
        if not columns <= found:
            raise InvalidInputError(
                f"this version of trl prepares its data in another way than 1.16 (expected the columns "
                f"{sorted(columns)}, found {sorted(found)}): install the version that the extra 'baselines' asks for"
            )


class EpisodeDPOTrainer(_LoggedRows, DPOTrainer):  # type: ignore[misc]
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
        model, tokenizer, length = _begin(model, args, processing_class)

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

        train, self.tokenize_report = _required(train_dataset, rows)
        super().__init__(
            model=model,
            ref_model=None if peft_config is not None else _frozen_copy(model),
            args=args,
            data_collator=PairCollator(_pad(tokenizer)),
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


class EpisodeKTOTrainer(_LoggedRows, KTOTrainer):  # type: ignore[misc]
    """TRL's `KTOTrainer` on all decided episodes, labelled by success.

    Several turns are one response, as in `EpisodeDPOTrainer`, whose arguments it shares. TRL reads the rows in order,
    because it estimates the reference point from each answer paired with the next prompt of its batch; they are
    shuffled once with `args.seed`, so that samples of one task do not stand beside each other. A batch needs at least
    two episodes. TRL's weights of successes and failures are left alone: see `desirable_weight`.
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
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        args = KTOConfig(output_dir="runs/kto", report_to="none") if args is None else args
        if args.per_device_train_batch_size < 2:
            raise InvalidInputError(
                "KTO needs batches of at least 2 episodes for its reference point, got "
                f"per_device_train_batch_size={args.per_device_train_batch_size}"
            )
        model, tokenizer, length = _begin(model, args, processing_class)

        def rows(data: Episodes | Sequence[Row]) -> tuple[Any, TokenizeReport]:
            ready = ready_rows(data, ("prompt_ids", "completion_ids", "label"), length)
            if ready is not None:
                return ready
            episodes, report = single_segments(data, tokenizer, length)
            made = [unpaired_row(e) for e in episodes]
            if not made:
                raise InvalidInputError(f"no episode can be trained on: {report}")
            shuffled = np.random.default_rng(int(args.seed)).permutation(len(made))
            return as_dataset([made[i] for i in shuffled]), report

        train, self.tokenize_report = _required(train_dataset, rows)
        if len(set(train["label"])) == 1:
            logger.warning("All episodes have the label %s: KTO can only move all of them alike.", train["label"][0])
        super().__init__(
            model=model,
            ref_model=None if peft_config is not None else _frozen_copy(model),
            args=args,
            data_collator=UnpairedCollator(_pad(tokenizer), kl=args.loss_type != "apo_zero_unpaired"),
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


def _begin(
    model: PreTrainedModel | str | Path, args: Any, tokenizer: PreTrainedTokenizerBase | None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, int | None]:
    if tokenizer is None:
        raise InvalidInputError("processing_class is missing: pass the tokenizer of the model that wrote the log")
    if getattr(args, "truncation_mode", "keep_start") != "keep_start":
        raise InvalidInputError("truncation_mode has no use here: long episodes are dropped and counted, never cut")
    model, context = loaded(model)
    return model, tokenizer, min((n for n in (args.max_length, context) if n), default=None)


def _required(data: Any, rows: Any) -> tuple[Any, TokenizeReport]:
    if data is None:
        raise InvalidInputError("train_dataset is missing: pass an episode log")
    return cast("tuple[Any, TokenizeReport]", rows(data))


def _pad(tokenizer: PreTrainedTokenizerBase) -> int:
    pad = tokenizer.pad_token_id
    return int(pad if pad is not None else tokenizer.eos_token_id or 0)


def _frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    # Left to itself TRL would load the reference from the name in the model's config.
    frozen: PreTrainedModel = copy.deepcopy(model).eval().requires_grad_(False)
    return frozen
