"""`torch_compile=True`: the blocks of the transformers compiled, each kind once.

transformers' own way compiles the module that is trained as a whole. Ours loops over chunks of the head and over
segments of packed rows, which differ from batch to batch: it would be compiled again and again. The time is in the
blocks, and these are all alike.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from accelerate.utils import TorchDynamoPlugin  # type: ignore[import-untyped]
from torch import nn
from transformers import Trainer
from transformers.modeling_layers import GradientCheckpointingLayer

from stepgym.errors import InvalidInputError

# Of one function, in place of 8: with and without gradient, adapter, training mode, for policy, value and reference.
# Beyond that PyTorch would go on uncompiled, without a word.
_VARIANTS = 64


class BlockCompilingTrainer(Trainer):
    """A `Trainer` for which `torch_compile`, `torch_compile_backend` and `torch_compile_mode` mean the blocks."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        if self.args.torch_compile:
            networks = cast(nn.Module, self.model)
            compile_blocks(networks, backend=self.args.torch_compile_backend, mode=self.args.torch_compile_mode)

    def _build_accelerator_args(self, **arguments: Any) -> dict[str, Any]:
        """As in transformers, but nothing is compiled as a whole."""
        return super()._build_accelerator_args(**arguments) | {"dynamo_plugin": TorchDynamoPlugin(backend="no")}


def compile_blocks(networks: nn.Module, *, backend: str | None = None, mode: str | None = None) -> None:
    """Let all transformer blocks in `networks` run compiled, in place: names, saving and copying stay as they are.

    They are compiled when they first run, for batches of any size.

    Args:
        networks: Any module that holds transformers' models.
        backend: See `torch.compile`; None takes its default.
        mode: The same.

    Raises:
        InvalidInputError: There are no blocks.
    """
    blocks = [module for module in networks.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not blocks:
        raise InvalidInputError("torch_compile: transformers marks no blocks in this architecture: leave it out")
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, _VARIANTS)
    for block in blocks:
        # Dynamic from the start: else the first batch's length would be compiled for itself.
        block.compile(dynamic=True, backend=backend or "inductor", mode=mode)
