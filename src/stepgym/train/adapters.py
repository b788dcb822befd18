"""LoRA adapters on one frozen base: added, switched off, saved and merged through peft.

The policy's modules carry one adapter. The value's trunk is a second tree of modules over the *same* base tensors, with
an adapter of its own: nothing has to be switched between the two, so that activation checkpointing, which runs parts
of a forward pass again later, cannot meet the wrong adapter.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from torch import nn

from stepgym.errors import InvalidInputError, require
from stepgym.train.pretrained import from_folder

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from transformers import PreTrainedModel


def with_adapter(model: PreTrainedModel, config: PeftConfig, *, trunk_only: bool = False) -> PeftModel:
    """`model` frozen, with a new adapter.

    Args:
        model: Changed in place.
        config: What to add; not changed.
        trunk_only: Whether `model` is a trunk without a language-model head.
    """
    peft = require("peft", extra="train")
    config = copy.deepcopy(config)
    if trunk_only:
        config.task_type = peft.TaskType.FEATURE_EXTRACTION
    try:
        adapted = cast("PeftModel", peft.get_peft_model(model, config))
    except ValueError as error:
        raise InvalidInputError(f"peft_config does not fit {type(model).__name__}: {error}") from error
    from stepgym.train.adapted_linear import fuse_adapters

    fuse_adapters(adapted)
    return adapted


def sharing_base(trunk: PreTrainedModel) -> PreTrainedModel:
    """A second tree of modules over the parameters and buffers of `trunk`, which are frozen."""
    trunk.requires_grad_(False)
    tensors = (*trunk.parameters(), *trunk.buffers())
    return copy.deepcopy(trunk, {id(t): t for t in tensors})


def with_own_base(trunk: nn.Module, others: nn.Module) -> None:
    """Give `trunk` its own copies of what it shares with `others`, in place; FSDP refuses sharing."""
    shared = {id(p) for p in others.parameters()}
    for module in trunk.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if id(parameter) in shared:
                copied = nn.Parameter(parameter.detach().clone(), requires_grad=parameter.requires_grad)
                module.register_parameter(name, copied)


@contextmanager
def adapters_off(model: PeftModel) -> Iterator[None]:
    """The base alone, for as long as this lasts. peft's own context manager also inspects every layer, each time."""
    tuner = cast(Any, model.base_model)
    tuner.disable_adapter_layers()
    try:
        yield
    finally:
        tuner.enable_adapter_layers()


def is_adapted(model: nn.Module) -> TypeGuard[PeftModel]:
    """Whether `model` is a peft model."""
    return hasattr(model, "peft_config") and hasattr(model, "get_base_model")


def plain(model: PreTrainedModel | PeftModel) -> PreTrainedModel:
    """The transformers model itself; with an adapter, its layers still apply it."""
    return cast("PreTrainedModel", cast(Any, model).get_base_model() if is_adapted(model) else model)


def merged(model: PreTrainedModel | PeftModel) -> PreTrainedModel:
    """A transformers model with the adapter folded into the weights; the given one is left alone."""
    if not is_adapted(model):
        return cast("PreTrainedModel", model)
    return cast("PreTrainedModel", cast(Any, copy.deepcopy(model)).merge_and_unload())


def restore_adapter(model: PeftModel, folder: Path) -> None:
    """Load the weights of an adapter saved in `folder` into `model`, in place."""
    peft = require("peft", extra="train")
    saved = from_folder(peft.PeftConfig, folder)
    mine = cast(Any, model.peft_config["default"])
    for name in ("peft_type", "r", "lora_alpha", "target_modules"):
        there, here = getattr(saved, name, None), getattr(mine, name, None)
        if there != here:
            raise InvalidInputError(f"{folder} holds another adapter ({name}: {there} there, {here} here)")
    peft.set_peft_model_state_dict(model, peft.utils.load_peft_weights(str(folder), device="cpu"))
