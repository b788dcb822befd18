"""One optimiser with two parameter groups, policy and value, each with its own rate and its own clipping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor

from stepgym.train.models import PolicyWithValue
from stepgym.train.oreo_config import OREOConfig
from stepgym.train.trainer import EpisodeTrainer


class TwoGroupTrainer(EpisodeTrainer):
    """Trains a `PolicyWithValue`; for the first `policy_freeze_ratio` of the updates its value alone."""

    args: OREOConfig

    @property
    def networks(self) -> PolicyWithValue:
        """Policy, value and reference, out of any wrapper."""
        return cast(PolicyWithValue, self.accelerator.unwrap_model(self.model))

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """As in transformers; a frozen policy receives no gradient."""
        if self.state.global_step >= self.args.policy_freeze_ratio * self.state.max_steps:
            return super().training_step(*args, **kwargs)
        policy, _ = self._groups()
        # Data parallelism has counted on every gradient: there the policy's is computed and thrown away.
        with frozen(policy) if self.args.world_size == 1 else nullcontext():
            loss = super().training_step(*args, **kwargs)
        for parameter in policy:
            parameter.grad = None
        return loss

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """One AdamW with a group for the policy and a group for the value."""
        if self.optimizer is None:
            optimizer_class, kwargs = self.get_optimizer_cls_and_kwargs(self.args)
            rate = self.args.value_learning_rate
            policy, value = self._groups()
            groups = [
                {"params": policy, "weight_decay": self.args.weight_decay},
                {
                    "params": value,
                    "weight_decay": self.args.weight_decay,
                    "lr": self.args.learning_rate if rate is None else rate,
                },
            ]
            self.optimizer = optimizer_class(groups, **kwargs)
        return cast(torch.optim.Optimizer, self.optimizer)

    def _clip_grad_norm(self, model: torch.nn.Module) -> Tensor:
        """Clip each group on its own, as the authors' two optimisers do; the policy's norm is returned."""
        policy, value = self._groups()
        value_norm = self.accelerator.clip_grad_norm_(value, self.args.max_grad_norm)
        policy_norm = self.accelerator.clip_grad_norm_(policy, self.args.max_grad_norm)
        self.check_gradients(policy=policy_norm, value=value_norm)
        self.record(grad_norm_value=value_norm, grad_norm_policy=policy_norm)
        return cast(Tensor, policy_norm)

    def _groups(self) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
        model = self.networks
        value = [p for p in model.value_parameters() if p.requires_grad]
        known = {id(p) for p in value}
        return [p for p in model.policy.parameters() if p.requires_grad and id(p) not in known], value


@contextmanager
def frozen(parameters: list[torch.nn.Parameter]) -> Iterator[None]:
    """Without gradients, so that no backward pass is made for them."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
