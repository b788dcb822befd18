"""The networks OREO trains: a causal language model, a value model, and a frozen reference.

`PolicyWithValue` runs all three on one batch. On disk the policy is a plain causal language model and the value model a
plain one-label token-classification model, both of which transformers loads without stepgym; checkpoints of a run with
adapters hold the adapters alone.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn

from stepgym.errors import InvalidInputError
from stepgym.train.adapters import adapters_off, is_adapted, merged, plain, sharing_base, with_adapter, with_own_base
from stepgym.train.attention import use_packed_attention
from stepgym.train.divergence import CachedReference, cached_scores, reference_scores
from stepgym.train.logprobs import Head, Reference, token_logprobs_of, token_scores
from stepgym.train.outputs import Outputs, spread
from stepgym.train.policy_model import (
    Checkpointed,
    check_head,
    context,
    last_hidden,
    restore_policy,
    save_policy,
    trunk_of,
)
from stepgym.train.value_model import ValueModel

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from transformers import PreTrainedModel

Critic = Literal["separate", "shared"]


class PolicyWithValue(Checkpointed):
    """Policy, value and frozen reference as one module.

    | policy | reference | value, critic "separate" |
    |---|---|---|
    | trained whole | a frozen copy | a copy of the trunk |
    | trained whole, `value_peft_config` | a frozen copy | an adapter on the reference's trunk |
    | `peft_config` | the policy without its adapter | a copy of the trunk |
    | both | the policy without its adapter | another adapter on the same base: one model in memory |

    Args:
        policy: The causal language model to train. It is changed in place.
        critic: "separate" gives the value its own trunk or adapter; "shared" puts the head on the policy's trunk, at
            half the cost: the two losses then meet in one set of weights.
        value: A trained value model to start from, with critic "separate".
        peft_config: Train an adapter (LoRA) of the policy instead of its weights.
        value_peft_config: The same for the value.
        reference: The frozen reference, where it is not the policy as it is now.
        reference_cached: Batches bring the reference's log-probabilities: no copy of the policy is kept for them.
        value_only: The policy stays as it is, with critic "separate": it is its own reference, neither runs, and their
            log-probabilities are given as 0.
        packing: Whether batches come as one packed row.
    """

    def __init__(
        self,
        policy: PreTrainedModel,
        *,
        critic: Critic = "separate",
        value: ValueModel | None = None,
        peft_config: PeftConfig | None = None,
        value_peft_config: PeftConfig | None = None,
        reference: PreTrainedModel | None = None,
        reference_cached: bool = False,
        value_only: bool = False,
        packing: bool = False,
    ) -> None:
        super().__init__()
        if critic not in get_args(Critic):
            raise InvalidInputError(f"critic must be one of {get_args(Critic)}, got {critic!r}")
        if value is not None and critic == "shared":
            raise InvalidInputError("a trained value model has its own trunk: use critic='separate'")
        if value is not None and value.link != "identity":
            raise InvalidInputError("this value model predicts a chance (StepValueTrainer): OREO's V is another")
        check_head(policy)
        if value_only and (critic == "shared" or reference is not None):
            raise InvalidInputError("value_only: the value needs a trunk of its own, and the policy is the reference")
        if reference is None and peft_config is None and not (reference_cached or value_only):
            reference = copy.deepcopy(policy)
        if packing:
            trained = None if value is None else plain(value.trunk)
            for model in (policy, reference, trained):
                if model is not None:
                    use_packed_attention(model)
        self.critic, self.value_only = critic, value_only
        self.config = policy.config
        trunk: PreTrainedModel | PeftModel | None = None if value is None else value.trunk
        if critic == "separate" and value_peft_config is not None:
            if trunk is not None:
                base = plain(trunk)
            elif reference is None and peft_config is None and not value_only:
                # The policy's trunk does not stay as it is.
                base = copy.deepcopy(trunk_of(policy)).requires_grad_(False)
            else:
                base = sharing_base(trunk_of(policy if reference is None else reference))
            trunk = with_adapter(base, value_peft_config, trunk_only=True)
        elif critic == "separate" and trunk is None:
            # Also where the policy is frozen, so that the value alone learns.
            trunk = copy.deepcopy(trunk_of(policy)).requires_grad_(True)
        self.policy: PreTrainedModel | PeftModel = policy
        if peft_config is not None:
            self.policy = with_adapter(policy, peft_config)
        if value_only:
            self.policy.requires_grad_(False)
        self.value = ValueModel(trunk if trunk is not None else trunk_of(policy), None if value is None else value.head)
        self.reference = None if reference is None else reference.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> PolicyWithValue:
        """Training mode for policy and value; the reference never leaves evaluation mode."""
        super().train(mode)
        if self.reference is not None:
            self.reference.eval()
        return self

    def forward(
        self,
        input_ids: Tensor,
        action_mask: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        segment_lengths: Tensor | None = None,
        ref_logp: Tensor | None = None,
        ref_top_logp: Tensor | None = None,
        ref_top_ids: Tensor | None = None,
        value_reads: Tensor | None = None,
    ) -> Outputs:
        """Everything the losses need.

        Args:
            input_ids: `(rows, n)`
            action_mask: Where log-probabilities and KL are wanted. `(rows, n - 1)`
            attention_mask: Of right-padded rows. `(rows, n)`
            position_ids: Of one packed row. `(1, n)`
            segment_lengths: Of one packed row. `(segments,)`
            ref_logp: Of a cached reference, which then does not run. `(rows, n - 1)`
            ref_top_logp: See `CachedReference`. `(actions, k + 1)`
            ref_top_ids: The same. `(actions, k)`
            value_reads: Where the value's trunk, one of its own, is asked for the next token. `(rows, n - 1)`
        """
        policy = plain(self.policy)
        where = context(policy, attention_mask, position_ids, segment_lengths)
        at = action_mask.bool()
        if self.value_only:
            state = self.value.last_hidden(input_ids, **where)
            values = self.value.read(state)
            none = torch.zeros_like(at, dtype=values.dtype)
            return Outputs(none, none, none, values, self._value_logp(state, input_ids, value_reads))
        if ref_logp is None:
            self._check_reference()
            ref = Reference(*self._reference_pass(input_ids, at, where))
        hidden = last_hidden(policy, input_ids, where)
        state = hidden if self.critic == "shared" else self.value.last_hidden(input_ids, **where)
        values = self.value.read(state)
        actions = hidden[:, :-1][at], input_ids[:, 1:][at], Head.of(policy)
        if ref_logp is None:
            scores = token_scores(*actions, ref)
        else:
            scores = cached_scores(*actions, CachedReference(ref_logp[at], ref_top_logp, ref_top_ids))
        logp, ref_logp, kl = (spread(at, t) for t in scores)
        return Outputs(logp, ref_logp, kl, values, self._value_logp(state, input_ids, value_reads))

    def _value_logp(self, state: Tensor, input_ids: Tensor, at: Tensor | None) -> Tensor | None:
        """Log-probability of the tokens after the positions `at` by the value's trunk."""
        if at is None:
            return None
        head = Head.of(plain(self.policy) if self.reference is None else self.reference).frozen()
        return spread(at, token_logprobs_of(state[:, :-1][at], input_ids[:, 1:][at], head))

    @torch.no_grad()
    def reference_scores(
        self,
        input_ids: Tensor,
        action_mask: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        segment_lengths: Tensor | None = None,
        *,
        top: int = 0,
    ) -> CachedReference:
        """What to cache of the reference at the actions of a batch, with its `top` most likely tokens.

        Without a reference and without an adapter the policy is taken as it is: call this before training.
        """
        where = context(plain(self.policy), attention_mask, position_ids, segment_lengths)
        at = action_mask.bool()
        hidden, head = self._reference_pass(input_ids, at, where)
        return reference_scores(hidden, input_ids[:, 1:][at], head, top=top)

    def _check_reference(self) -> None:
        if self.reference is None and not is_adapted(self.policy):
            raise InvalidInputError(
                "the batch has no ref_logp, and no reference is in memory: collate with the reference cache"
            )

    @torch.no_grad()
    def _reference_pass(self, input_ids: Tensor, at: Tensor, where: dict[str, Any]) -> tuple[Tensor, Head]:
        """Final hidden states `(actions, hidden)` and head of the reference."""
        if self.reference is not None:
            return last_hidden(self.reference, input_ids, where)[:, :-1][at], Head.of(self.reference)
        model = plain(self.policy)
        was_training = model.training
        # Without dropout and without activation checkpointing.
        model.eval()
        with self._adapters_off():
            hidden = last_hidden(model, input_ids, where)[:, :-1][at]
        model.train(was_training)
        return hidden, Head.of(model)

    def _adapters_off(self) -> AbstractContextManager[None]:
        return adapters_off(self.policy) if is_adapted(self.policy) else nullcontext()

    def value_parameters(self) -> list[nn.Parameter]:
        """The parameters of the value's own group: the whole value model, or the head of a shared trunk."""
        module: nn.Module = self.value.head if self.critic == "shared" else self.value
        return list(module.parameters())

    def unshare(self) -> None:
        """Give the value's trunk a base of its own, in place: FSDP refuses shared parameters."""
        for other in (self.policy, self.reference):
            if other is not None and self.critic == "separate":
                with_own_base(self.value.trunk, other)

    def transformers_models(self) -> list[PreTrainedModel]:
        """The policy, and the value where it has a trunk of its own."""
        return [plain(self.policy), *([plain(self.value.trunk)] if self.critic == "separate" else [])]

    def save(self, folder: Path) -> None:
        """Write `policy/` and `value/` as whole models, adapters merged; the reference is not written."""
        policy = merged(self.policy)
        policy.save_pretrained(folder / "policy")
        value = self.value if self.critic == "separate" else ValueModel(trunk_of(policy), self.value.head)
        value.save(folder / "value")

    def save_adapters(self, folder: Path) -> None:
        """Write `policy/` and `value/` with the adapters alone where there are any."""
        save_policy(self.policy, folder / "policy")
        self.value.save_adapter(folder / "value") if self._value_is_adapted else self.value.save(folder / "value")

    def restore(self, folder: Path) -> None:
        """Load what `save_adapters` wrote into this module, in place."""
        restore_policy(self.policy, folder / "policy")
        if self._value_is_adapted:
            self.value.restore_adapter(folder / "value")
        else:
            self.value.restore(folder / "value", head_only=self.critic == "shared")

    @property
    def _value_is_adapted(self) -> bool:
        return is_adapted(self.value.trunk) or (self.critic == "shared" and is_adapted(self.policy))
