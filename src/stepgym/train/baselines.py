"""The trainers to compare on one log, by name: supervised, rejection sampling, DPO, KTO, and OREO at three levels.

All get the same start, the same episodes and the same settings where these mean the same; what a method needs of its
own (beta, alpha, its learning rate) is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from stepgym.agents.episodes import Episode
from stepgym.errors import require, unknown_name
from stepgym.train.oreo import OREOTrainer
from stepgym.train.oreo_config import OREOConfig
from stepgym.train.supervised import SupervisedConfig, SupervisedTrainer, successes

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerCallback

Method = Literal["sft", "rejection-sampling", "dpo", "kto", "oreo-token", "oreo-step", "oreo-response"]
METHODS: tuple[Method, ...] = get_args(Method)

# Arguments of `EpisodeDPOTrainer` itself, not of its config.
_PAIRING = ("pairs_per_task", "order")


def make_trainer(
    method: Method | str,
    model: PreTrainedModel,
    episodes: Sequence[Episode],
    tokenizer: PreTrainedTokenizerBase,
    *,
    settings: Mapping[str, Any],
    peft_config: Any = None,
    callbacks: list[TrainerCallback] | None = None,
) -> Trainer:
    """The trainer of `method`; its `train()` changes `model` in place (with `peft_config` it adds an adapter).

    Args:
        method: One of `METHODS`.
        model: The model that wrote the log; the reference of DPO, KTO and OREO is what it is now.
        episodes: The log; rejection sampling takes its successes, DPO pairs of a success and a failure of one task.
        tokenizer: Of the model.
        settings: Fields of `transformers.TrainingArguments` and of the method's own config; for DPO also
            `pairs_per_task` and `order`. `per_device_train_batch_size` counts episodes for every method, so DPO gets
            half as many pairs. What is not given is as in `SupervisedConfig` for all (TRL's own defaults would be
            bfloat16, checkpointing and cuts at 1024 tokens), but for the learning rate, which is the method's own; for
            KTO, successes and failures count the same unless `desirable_weight` or `undesirable_weight` is given.
        peft_config: Train an adapter.
        callbacks: Further transformers callbacks.

    Raises:
        UnknownNameError: the method or a setting is none.
        MissingExtraError: DPO and KTO without the extra `baselines`.
        InvalidInputError: the log has nothing for this method to learn from.
    """
    check_settings(method, settings)
    given = dict(settings)
    adapter = {} if peft_config is None else {"peft_config": peft_config}
    if method.startswith("oreo-"):
        given["level"] = method.removeprefix("oreo-")
        return OREOTrainer(
            model, OREOConfig(**given), episodes, processing_class=tokenizer, callbacks=callbacks, **adapter
        )
    if method in ("sft", "rejection-sampling"):
        data = episodes if method == "sft" else successes(episodes)
        return SupervisedTrainer(
            model, SupervisedConfig(**given), data, processing_class=tokenizer, callbacks=callbacks, **adapter
        )
    return _preference_trainer(method, model, episodes, tokenizer, given, adapter, callbacks)


def check_settings(method: Method | str, settings: Iterable[str]) -> None:
    """Raise `UnknownNameError` unless `make_trainer` takes settings of these names for `method`."""
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    known = [*(f.name for f in fields(_kind(method)) if f.init), *(_PAIRING if method == "dpo" else ())]
    for name in settings:
        if name not in known:
            raise unknown_name(f"setting of {method}", name, known)


def episodes_per_update(trainer: Trainer) -> int:
    """Episodes that one optimiser step of this process reads."""
    pairs = 2 if type(trainer).__name__ == "EpisodeDPOTrainer" else 1
    return pairs * int(trainer.args.per_device_train_batch_size) * int(trainer.args.gradient_accumulation_steps)


def _preference_trainer(
    method: str, model: Any, episodes: Any, tokenizer: Any, given: dict[str, Any], adapter: Any, callbacks: Any
) -> Trainer:
    from stepgym.train.dpo import EpisodeDPOTrainer
    from stepgym.train.kto import EpisodeKTOTrainer

    shared: dict[str, Any] = {f.name: f.default for f in fields(SupervisedConfig) if f.name in _SHARED}
    fixed = {"bf16": False, "gradient_checkpointing": False, "max_length": None}
    pairing = {name: given.pop(name) for name in _PAIRING if name in given and method == "dpo"}
    values: dict[str, Any] = shared | fixed | given
    if method == "dpo":
        values["per_device_train_batch_size"] = max(1, int(values["per_device_train_batch_size"]) // 2)
    config = _kind(method)(**values)
    common = {"processing_class": tokenizer, "callbacks": callbacks, **adapter}
    if method == "dpo":
        return EpisodeDPOTrainer(model, config, episodes, **pairing, **common)
    balanced = not {"desirable_weight", "undesirable_weight"} & given.keys()
    return EpisodeKTOTrainer(model, config, episodes, balanced=balanced, **common)


def _kind(method: str) -> Any:
    """The config class of a method."""
    if method in ("dpo", "kto"):
        trl = require("trl", extra="baselines")
        return trl.DPOConfig if method == "dpo" else trl.KTOConfig
    return OREOConfig if method.startswith("oreo-") else SupervisedConfig


_SHARED = frozenset(
    {
        "per_device_train_batch_size",
        "adam_beta2",
        "lr_scheduler_type",
        "warmup_steps",
        "logging_steps",
        "save_total_limit",
        "report_to",
    }
)
