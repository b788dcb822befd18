"""The networks OREO trains: a causal language model, a value model, and a frozen reference.

`PolicyWithValue` runs all three on one batch. On disk the policy is a plain causal language model and the value model a
plain one-label token-classification model, both of which transformers loads without stepgym.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
)

from stepgym.errors import InvalidInputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Critic = Literal["separate", "shared"]


class Outputs(NamedTuple):
    """What one pass gives.

    Attributes:
        logits: The policy's. `(batch, n, vocabulary)`
        values: V after each token, float32. `(batch, n)`
        ref_logits: The reference's, without gradient. `(batch, n, vocabulary)`
    """

    logits: Tensor
    values: Tensor
    ref_logits: Tensor


class ValueModel(nn.Module):
    """A transformer trunk with a scalar head, read after each token.

    The head starts at zero, so V = 0 everywhere, and is computed in float32 whatever the trunk's precision: near 1,
    bfloat16 resolves only 0.008.
    """

    def __init__(self, trunk: PreTrainedModel, head: nn.Linear | None = None) -> None:
        super().__init__()
        if type(trunk.config) not in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING:
            raise InvalidInputError(
                f"a value model needs an architecture with a token-classification form in transformers, "
                f"{type(trunk.config).__name__} has none"
            )
        self.trunk = trunk
        if head is None:
            head = nn.Linear(trunk.config.get_text_config().hidden_size, 1, bias=False, dtype=torch.float32)
            nn.init.zeros_(head.weight)
        self.head = head

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """V after each token. `(batch, n)`, float32."""
        hidden = self.trunk(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).last_hidden_state
        return self.read(hidden)

    def read(self, hidden: Tensor) -> Tensor:
        """V from the last hidden states `(batch, n, hidden)`."""
        with torch.autocast(device_type=hidden.device.type, enabled=False):
            return cast(Tensor, self.head(hidden.float())).squeeze(-1)

    def save(self, folder: Path) -> None:
        """Write a one-label token-classification model (safetensors, `id2label = {0: "value"}`)."""
        config = copy.deepcopy(self.trunk.config)
        config.num_labels = 1
        config.id2label, config.label2id = {0: "value"}, {"value": 0}
        with torch.device("meta"):
            whole = AutoModelForTokenClassification.from_config(config)
        setattr(whole, whole.base_model_prefix, self.trunk)
        head = nn.Linear(self.head.in_features, 1, dtype=torch.float32)
        head.weight.data = self.head.weight.detach().cpu()
        head.bias.data = torch.zeros(1) if self.head.bias is None else self.head.bias.detach().cpu()
        setattr(whole, _head_name(whole), head)
        whole.save_pretrained(folder)

    @classmethod
    def load(cls, folder: Path) -> ValueModel:
        """The inverse of `save`."""
        whole = from_folder(AutoModelForTokenClassification, folder)
        if whole.config.num_labels != 1:
            raise InvalidInputError(f"{folder}: a value model has one label, this model has {whole.config.num_labels}")
        head = cast(nn.Linear, getattr(whole, _head_name(whole))).float()
        if not bool(head.bias.any()):
            head.bias = None  # type: ignore[assignment]
        return cls(whole.base_model, head)


class PolicyWithValue(nn.Module):
    """Policy, value and frozen reference as one module.

    Args:
        policy: The causal language model to train; the reference is a frozen copy of it as it is now.
        critic: "separate" gives the value its own copy of the trunk; "shared" puts the head on the policy's trunk, at
            half the cost: the two losses then meet in one set of weights.
        value: A trained value model to start from, with critic "separate".
    """

    def __init__(
        self, policy: PreTrainedModel, *, critic: Critic = "separate", value: ValueModel | None = None
    ) -> None:
        super().__init__()
        if critic not in get_args(Critic):
            raise InvalidInputError(f"critic must be one of {get_args(Critic)}, got {critic!r}")
        if value is not None and critic == "shared":
            raise InvalidInputError("a trained value model has its own trunk: use critic='separate'")
        self.critic = critic
        self.policy = policy
        self.config = policy.config
        trunk = policy.base_model if critic == "shared" else copy.deepcopy(policy.base_model)
        self.value = value or ValueModel(cast("PreTrainedModel", trunk))
        self.reference = copy.deepcopy(policy).eval().requires_grad_(False)

    def train(self, mode: bool = True) -> PolicyWithValue:
        """Training mode for policy and value; the reference never leaves evaluation mode."""
        super().train(mode)
        self.reference.eval()
        return self

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Outputs:
        """Everything the losses need, for right-padded rows."""
        shared = self.critic == "shared"
        out = self.policy(
            input_ids=input_ids, attention_mask=attention_mask, use_cache=False, output_hidden_states=shared
        )
        # The last hidden state is taken after the final norm, as by the language-model head.
        values = self.value.read(out.hidden_states[-1]) if shared else self.value(input_ids, attention_mask)
        with torch.no_grad():
            ref = self.reference(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
        return Outputs(out.logits, values, ref.logits)

    def value_parameters(self) -> list[nn.Parameter]:
        """The parameters of the value's own group: the whole value model, or the head of a shared trunk."""
        module: nn.Module = self.value.head if self.critic == "shared" else self.value
        return list(module.parameters())

    def save(self, folder: Path) -> None:
        """Write `policy/` and `value/`; the reference is not written."""
        self.policy.save_pretrained(folder / "policy")
        self.value.save(folder / "value")

    def restore(self, folder: Path) -> None:
        """Load the weights written by `save` into this module, in place."""
        policy = AutoModelForCausalLM.from_pretrained(folder / "policy")
        self.policy.load_state_dict(policy.state_dict())
        value = ValueModel.load(folder / "value")
        if self.critic == "separate":
            self.value.trunk.load_state_dict(value.trunk.state_dict())
        self.value.head.load_state_dict(value.head.state_dict())


def from_folder(kind: Any, folder: str | Path) -> Any:
    """`kind.from_pretrained(folder)`, with `InvalidInputError` for what is missing, foreign or damaged there."""
    try:
        return kind.from_pretrained(folder)
    except (OSError, ValueError, SafetensorError) as error:
        raise InvalidInputError(f"{str(folder)!r}: expected a saved model, and it cannot be read: {error}") from error


def loaded(model: PreTrainedModel | str | Path) -> tuple[PreTrainedModel, int | None]:
    """The causal language model, loaded if a name or folder was given, and the most tokens it reads, if it says so."""
    if isinstance(model, str | Path):
        model = cast("PreTrainedModel", from_folder(AutoModelForCausalLM, model))
    return model, getattr(model.config.get_text_config(), "max_position_embeddings", None)


def _head_name(model: nn.Module) -> str:
    return next(name for name, child in model.named_children() if isinstance(child, nn.Linear))
