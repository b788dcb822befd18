"""`PolicyModel`: a causal language model that gives the log-probabilities of actions and never all logits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from stepgym.errors import InvalidInputError
from stepgym.train.adapters import is_adapted, merged, plain, restore_adapter, with_adapter
from stepgym.train.attention import segment_arguments, use_packed_attention
from stepgym.train.logprobs import Head, token_logprobs_of
from stepgym.train.outputs import spread
from stepgym.train.pretrained import from_folder

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from transformers import PreTrainedModel


class Checkpointed(nn.Module):
    """A module whose transformers recompute activations in the backward pass when `Trainer` asks for it."""

    def transformers_models(self) -> list[PreTrainedModel]:
        """The models that are trained."""
        raise NotImplementedError

    def activation_checkpointing_enable(
        self, activation_checkpointing_kwargs: dict[str, Any] | None = None, **options: Any
    ) -> None:
        """Called by `Trainer`. Reentrant checkpointing would need inputs with gradients: a frozen base has none."""
        settings = {**(activation_checkpointing_kwargs or {}), "use_reentrant": False}
        for model in self.transformers_models():
            new = hasattr(model, "activation_checkpointing_enable")
            enable: Any = model.activation_checkpointing_enable if new else model.gradient_checkpointing_enable
            enable(settings, **options)

    def gradient_checkpointing_enable(
        self, gradient_checkpointing_kwargs: dict[str, Any] | None = None, **options: Any
    ) -> None:
        """The name older versions of transformers call."""
        self.activation_checkpointing_enable(gradient_checkpointing_kwargs, **options)


class PolicyModel(Checkpointed):
    """A causal language model, whole or with an adapter.

    Args:
        model: Changed in place.
        peft_config: Train an adapter (LoRA) instead of the weights.
        packing: Whether batches come as one packed row.
    """

    def __init__(self, model: PreTrainedModel, *, peft_config: PeftConfig | None = None, packing: bool = False) -> None:
        super().__init__()
        check_head(model)
        if packing:
            use_packed_attention(model)
        self.config = model.config
        self.model: PreTrainedModel | PeftModel = model if peft_config is None else with_adapter(model, peft_config)

    def forward(
        self,
        input_ids: Tensor,
        action_mask: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        segment_lengths: Tensor | None = None,
    ) -> Tensor:
        """Log-probabilities of the actions, 0 elsewhere: `(rows, n - 1)`; arguments as of `PolicyWithValue`."""
        model = plain(self.model)
        at = action_mask.bool()
        hidden = last_hidden(model, input_ids, context(model, attention_mask, position_ids, segment_lengths))
        logp = token_logprobs_of(hidden[:, :-1][at], input_ids[:, 1:][at], Head.of(model))
        return spread(at, logp)

    def transformers_models(self) -> list[PreTrainedModel]:
        """The policy alone."""
        return [plain(self.model)]

    def save(self, folder: Path) -> None:
        """Write the whole model, an adapter merged."""
        merged(self.model).save_pretrained(folder)

    def save_adapters(self, folder: Path) -> None:
        """Write the adapter alone where there is one."""
        save_policy(self.model, folder)

    def restore(self, folder: Path) -> None:
        """Load what `save_adapters` wrote, in place."""
        restore_policy(self.model, folder)


def context(
    model: PreTrainedModel, attention_mask: Tensor | None, position_ids: Tensor | None, segment_lengths: Tensor | None
) -> dict[str, Any]:
    """What `model` needs beside the tokens, for padded rows or for a packed one."""
    if segment_lengths is None:
        return {"attention_mask": attention_mask}
    return segment_arguments(model, segment_lengths.tolist(), cast(Tensor, position_ids))


def trunk_of(model: PreTrainedModel) -> PreTrainedModel:
    """The transformer under the language-model head."""
    return cast("PreTrainedModel", model.base_model)


def last_hidden(model: PreTrainedModel, input_ids: Tensor, where: dict[str, Any]) -> Tensor:
    """The hidden states that the language-model head reads. `(rows, n, hidden)`."""
    trunk: Any = trunk_of(model)
    return cast(Tensor, trunk(input_ids=input_ids, use_cache=False, **where).last_hidden_state)


@torch.no_grad()
def check_head(model: PreTrainedModel) -> None:
    """Refuse an architecture whose logits are not its head on its trunk's last hidden states."""
    if model.device.type == "meta":
        return
    was_training = model.training
    model.eval()
    tokens = torch.arange(2, device=model.device).unsqueeze(0)
    logits = cast(Any, model)(input_ids=tokens, use_cache=False).logits[0].float()
    ours = Head.of(model)(last_hidden(model, tokens, {})[0]).float()
    model.train(was_training)
    if not torch.allclose(logits, ours, rtol=1e-3, atol=1e-3 * max(1.0, float(logits.abs().max()))):
        raise InvalidInputError(
            f"{type(model).__name__} does something between its trunk and its logits that is not known here"
        )


def save_policy(model: PreTrainedModel | PeftModel, folder: Path) -> None:
    """Write the adapter, or the whole model where there is none."""
    if is_adapted(model):
        cast(Any, model).save_pretrained(folder, save_embedding_layers=False)
    else:
        cast("PreTrainedModel", model).save_pretrained(folder)


def restore_policy(model: PreTrainedModel | PeftModel, folder: Path) -> None:
    """Load what `save_policy` wrote, in place."""
    if is_adapted(model):
        restore_adapter(model, folder)
    else:
        plain(model).load_state_dict(from_folder(AutoModelForCausalLM, folder).state_dict())
