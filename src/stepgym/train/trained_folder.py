"""What a trainer of ours leaves in a folder: networks, tokenizer and a model card."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from stepgym.train.model_card import Part, Plain, TrainingData, licence_of, model_card

if TYPE_CHECKING:
    from stepgym.train.trainer import EpisodeTrainer

_PACKAGES = ("stepgym", "torch", "transformers", "peft")
_SETTINGS = ("learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "max_length", "seed")
_FIGURES = ("loss", "value_loss", "policy_loss", "kl", "explained_variance", "auc_first", "auc_last")


class SavedNetworks(Protocol):
    """What can be written as whole models or, for a checkpoint, as adapters alone."""

    config: Any

    def save(self, folder: Path) -> None:
        """Write whole models."""

    def save_adapters(self, folder: Path) -> None:
        """Write adapters where there are any."""


def save_networks(trainer: EpisodeTrainer, networks: SavedNetworks, folder: Path) -> None:
    """Checkpoints hold adapters; the trained folder too if `merge_adapters` is off."""
    if trainer.args.merge_adapters and not trainer.writing_checkpoint:
        networks.save(folder)
    else:
        networks.save_adapters(folder)


def write_card(
    trainer: EpisodeTrainer,
    networks: SavedNetworks,
    folder: Path,
    part: Part,
    method: str,
    settings: Mapping[str, Plain],
) -> None:
    """Write the model card of `folder`; checkpoints go without, for it takes a pass over all episodes."""
    if trainer.writing_checkpoint:
        return
    base = str(getattr(networks.config, "name_or_path", "") or "")
    lines = [line for line in trainer.state.log_history if "loss" in line]
    last: Mapping[str, Any] = lines[-1] if lines else {}
    card = model_card(
        part,
        method=method,
        base=base,
        licence=licence_of(base) if base else None,
        data=None if trainer.train_dataset is None else TrainingData.of(cast(Any, trainer.train_dataset)),
        settings={**settings, **{name: getattr(trainer.args, name) for name in _SETTINGS}},
        figures={name: float(last[name]) for name in _FIGURES if name in last},
        versions={name: found for name in _PACKAGES if (found := _version(name))},
        updates=trainer.state.global_step,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
