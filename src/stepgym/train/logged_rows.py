"""What DPO and KTO on episodes share: TRL's trainers, fed with the ids of the log.

TRL's own data preparation encodes text. Here the rows are built from `TokenizedEpisode`, so that the ids of the log are
used as they are, and only tokens that the agent wrote count towards the likelihood of a response: what an environment
says between two turns is read and never trained on. Objectives, settings and everything else are TRL's.

A preference is about a whole episode: there is no credit within it, and in environments that answer at random the
comparison of two episodes also compares their luck.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from stepgym.errors import InvalidInputError
from stepgym.train.pretrained import loaded
from stepgym.train.tokenize import TokenizeReport

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class LoggedRows:
    """Rows of ids in place of TRL's text, and a model that is left as it was found.

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


def begin(
    model: PreTrainedModel | str | Path, args: Any, tokenizer: PreTrainedTokenizerBase | None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, int | None]:
    """Model, tokenizer and the longest episode in tokens."""
    if tokenizer is None:
        raise InvalidInputError("processing_class is missing: pass the tokenizer of the model that wrote the log")
    if getattr(args, "truncation_mode", "keep_start") != "keep_start":
        raise InvalidInputError("truncation_mode has no use here: long episodes are dropped and counted, never cut")
    model, context = loaded(model)
    return model, tokenizer, min((n for n in (args.max_length, context) if n), default=None)


def required(data: Any, rows: Any) -> tuple[Any, TokenizeReport]:
    """The training rows and what became of the episodes."""
    if data is None:
        raise InvalidInputError("train_dataset is missing: pass an episode log")
    return cast("tuple[Any, TokenizeReport]", rows(data))


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """What rows are padded with; it is masked."""
    pad = tokenizer.pad_token_id
    return int(pad if pad is not None else tokenizer.eos_token_id or 0)


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """The reference. Left to itself TRL would load it from the name in the model's config."""
    frozen: PreTrainedModel = copy.deepcopy(model).eval().requires_grad_(False)
    return frozen
