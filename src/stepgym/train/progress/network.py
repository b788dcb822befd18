"""The network of a step verifier, as trainers and checkpoints see it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from stepgym.train.adapters import plain, with_adapter
from stepgym.train.attention import use_packed_attention
from stepgym.train.policy_model import Checkpointed, context, trunk_of
from stepgym.train.value_model import ValueModel

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel


class StepValueNetwork(Checkpointed):
    """A `ValueModel` whose score is the logit of a chance, whole or with an adapter.

    Args:
        model: A causal language model, whose trunk is copied, or a trained verifier to go on with.
        peft_config: Train an adapter (LoRA) of the trunk instead of its weights.
        packing: Whether batches come as one packed row.
    """

    def __init__(
        self, model: PreTrainedModel | ValueModel, *, peft_config: PeftConfig | None = None, packing: bool = False
    ) -> None:
        super().__init__()
        if isinstance(model, ValueModel):
            trunk, head = plain(model.trunk), model.head
        else:
            # The policy stays as it is.
            trunk, head = copy.deepcopy(trunk_of(model)).requires_grad_(True), None
        if packing:
            use_packed_attention(trunk)
        self.config = trunk.config
        adapted = trunk if peft_config is None else with_adapter(trunk, peft_config, trunk_only=True)
        self.value = ValueModel(adapted, head, link="logistic")

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        segment_lengths: Tensor | None = None,
    ) -> Tensor:
        """The logit of the chance after each token: `(rows, n)`; arguments as of `PolicyWithValue`."""
        where = context(plain(self.value.trunk), attention_mask, position_ids, segment_lengths)
        return self.value.scores(input_ids, **where)

    def transformers_models(self) -> list[PreTrainedModel]:
        """The trunk alone."""
        return [plain(self.value.trunk)]

    def save(self, folder: Path) -> None:
        """Write `value/` as a whole model, an adapter merged."""
        self.value.save(folder / "value")

    def save_adapters(self, folder: Path) -> None:
        """Write `value/` with the adapter alone where there is one."""
        if plain(self.value.trunk) is self.value.trunk:
            self.value.save(folder / "value")
        else:
            self.value.save_adapter(folder / "value")

    def restore(self, folder: Path) -> None:
        """Load what `save_adapters` wrote, in place."""
        if plain(self.value.trunk) is self.value.trunk:
            self.value.restore(folder / "value")
        else:
            self.value.restore_adapter(folder / "value")
