"""`ValueModel`: a transformer trunk with a scalar head, on disk a plain one-label token-classification model."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
)

from stepgym.errors import InvalidInputError, require
from stepgym.train.adapters import is_adapted, merged, plain, restore_adapter
from stepgym.train.pretrained import from_folder

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

Link = Literal["identity", "logistic"]

_HEAD_FILE = "value_head.safetensors"
_LINK = "value_link"


class ValueModel(nn.Module):
    """A transformer trunk with a scalar head, read after each token.

    The head starts at zero, so V = 0 everywhere, and is computed in float32 whatever the trunk's precision: near 1,
    bfloat16 resolves only 0.008.

    Args:
        trunk: Changed in place.
        head: A new one if None.
        link: "logistic" makes V a chance, `1 / (1 + exp(-score))` of the head's score; it is saved with the model.
    """

    def __init__(
        self, trunk: PreTrainedModel | PeftModel, head: nn.Linear | None = None, *, link: Link = "identity"
    ) -> None:
        super().__init__()
        if link not in get_args(Link):
            raise InvalidInputError(f"link must be one of {get_args(Link)}, got {link!r}")
        self.link = link
        config = plain(trunk).config
        if type(config) not in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING:
            raise InvalidInputError(
                f"a value model needs an architecture with a token-classification form in transformers, "
                f"{type(config).__name__} has none"
            )
        self.trunk = trunk
        if head is None:
            head = nn.Linear(config.get_text_config().hidden_size, 1, bias=False, dtype=torch.float32)
            nn.init.zeros_(head.weight)
        self.head = head

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **arguments: Any) -> Tensor:
        """V after each token. `(batch, n)`, float32. Further arguments go to the trunk."""
        return self._linked(self.scores(input_ids, attention_mask, **arguments))

    def scores(self, input_ids: Tensor, attention_mask: Tensor | None = None, **arguments: Any) -> Tensor:
        """The head's scores, which are V with the identity link and the logit of V with the logistic one."""
        return self._head_scores(self.last_hidden(input_ids, attention_mask, **arguments))

    def last_hidden(self, input_ids: Tensor, attention_mask: Tensor | None = None, **arguments: Any) -> Tensor:
        """The hidden states that the head reads. `(batch, n, hidden)`."""
        trunk: Any = plain(self.trunk)
        out = trunk(input_ids=input_ids, attention_mask=attention_mask, use_cache=False, **arguments)
        return cast(Tensor, out.last_hidden_state)

    def read(self, hidden: Tensor) -> Tensor:
        """V from the last hidden states `(batch, n, hidden)`."""
        return self._linked(self._head_scores(hidden))

    def _linked(self, scores: Tensor) -> Tensor:
        return scores.sigmoid() if self.link == "logistic" else scores

    def _head_scores(self, hidden: Tensor) -> Tensor:
        with torch.autocast(device_type=hidden.device.type, enabled=False):
            return cast(Tensor, self.head(hidden.to(self.head.weight.dtype))).squeeze(-1)

    def save(self, folder: Path) -> None:
        """Write a one-label token-classification model (safetensors, `id2label = {0: "value"}`), adapters merged."""
        trunk = merged(self.trunk)
        config = copy.deepcopy(trunk.config)
        config.num_labels = 1
        config.id2label, config.label2id = {0: "value"}, {"value": 0}
        if self.link != "identity":
            setattr(config, _LINK, self.link)
        with torch.device("meta"):
            whole = AutoModelForTokenClassification.from_config(config)
        setattr(whole, whole.base_model_prefix, trunk)
        head = nn.Linear(self.head.in_features, 1, dtype=torch.float32)
        head.weight.data = self.head.weight.detach().cpu()
        head.bias.data = torch.zeros(1) if self.head.bias is None else self.head.bias.detach().cpu()
        setattr(whole, _head_name(whole), head)
        whole.save_pretrained(folder)

    def save_adapter(self, folder: Path) -> None:
        """Write the head, and the trunk's adapter in peft's format; a trunk without one is the policy's."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        if is_adapted(self.trunk):
            cast(Any, self.trunk).save_pretrained(folder, save_embedding_layers=False)
        head = {name: t.detach().cpu().contiguous() for name, t in self.head.state_dict().items()}
        save_file(head, folder / _HEAD_FILE, metadata={_LINK: self.link})

    def restore(self, folder: Path, *, head_only: bool = False) -> None:
        """Load what `save` wrote into this module, in place."""
        saved = ValueModel.load(folder)
        if not head_only:
            plain(self.trunk).load_state_dict(saved.trunk.state_dict())
        self.head.load_state_dict(saved.head.state_dict())

    def restore_adapter(self, folder: Path) -> None:
        """Load what `save_adapter` wrote into this module, in place."""
        if is_adapted(self.trunk):
            restore_adapter(self.trunk, folder)
        self.head.load_state_dict(_head_weights(folder))

    @staticmethod
    def is_saved(folder: Path) -> bool:
        """Whether `load` would find something in `folder`."""
        return any((folder / name).is_file() for name in ("config.json", _HEAD_FILE))

    @classmethod
    def load(cls, folder: Path) -> ValueModel:
        """The inverse of `save`, and of `save_adapter` where the base can be found; adapters are merged."""
        if (folder / _HEAD_FILE).is_file():
            return cls(_adapted_trunk(folder), _head(_head_weights(folder)), link=_head_link(folder))
        whole = from_folder(AutoModelForTokenClassification, folder)
        if whole.config.num_labels != 1:
            raise InvalidInputError(f"{folder}: a value model has one label, this model has {whole.config.num_labels}")
        head = cast(nn.Linear, getattr(whole, _head_name(whole))).float()
        if not bool(head.bias.any()):
            head.bias = None  # type: ignore[assignment]
        return cls(whole.base_model, head, link=getattr(whole.config, _LINK, "identity"))


def _adapted_trunk(folder: Path) -> PreTrainedModel:
    """The trunk of a value adapter: its own, or the policy's beside it."""
    peft = require("peft", extra="train")
    if not (folder / "adapter_config.json").is_file():
        return cast("PreTrainedModel", from_folder(AutoModelForCausalLM, folder.parent / "policy").base_model)
    base = from_folder(peft.PeftConfig, folder).base_model_name_or_path
    trunk = from_folder(AutoModelForCausalLM, base or folder).base_model
    return cast("PreTrainedModel", peft.PeftModel.from_pretrained(trunk, folder).merge_and_unload())


def _head_weights(folder: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / _HEAD_FILE)


def _head_link(folder: Path) -> Link:
    from safetensors import safe_open

    with safe_open(folder / _HEAD_FILE, "pt") as file:
        return cast(Link, (file.metadata() or {}).get(_LINK, "identity"))


def _head(weights: dict[str, Tensor]) -> nn.Linear:
    head = nn.Linear(weights["weight"].shape[1], 1, bias="bias" in weights, dtype=torch.float32)
    head.load_state_dict(weights)
    return head


def _head_name(model: nn.Module) -> str:
    return next(name for name, child in model.named_children() if isinstance(child, nn.Linear))
