"""Run by `test_sharded.py` under torchrun: OREO losses and gradients of a model sharded by FSDP2."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from transformers import LlamaConfig, LlamaForCausalLM

from stepgym.train.adapters import plain
from stepgym.train.collate import model_inputs
from stepgym.train.compiled_blocks import compile_blocks
from stepgym.train.losses import oreo_loss
from stepgym.train.models import PolicyWithValue


def networks(kind: str) -> PolicyWithValue:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2
    )
    lora = None
    if "lora" in kind:
        from peft import LoraConfig

        lora = LoraConfig(r=4, target_modules="all-linear")
    critic = "shared" if "shared" in kind else "separate"
    model = PolicyWithValue(
        LlamaForCausalLM(config),
        critic=critic,
        peft_config=lora,
        value_peft_config=None if critic == "shared" else lora,
    )
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def batch(rows: slice) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(32, (4, 9), generator=generator)
    action = torch.rand(4, 8, generator=generator) < 0.7
    returns = torch.tensor([1.0, 0.0, 0.0, 1.0]).unsqueeze(-1).expand(4, 8)
    whole = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "action_mask": action,
        "state_mask": action,
        "returns": returns,
    }
    return {name: tensor[rows] for name, tensor in whole.items()}


def losses(kind: str, model: PolicyWithValue, part: dict[str, torch.Tensor]) -> torch.Tensor:
    reads = {"value_reads": torch.ones_like(part["action_mask"])} if "reads" in kind else {}
    out = model(**model_inputs(part), **reads)
    value, policy = oreo_loss(
        out.logp,
        out.ref_logp,
        out.values[:, :-1],
        part["action_mask"],
        part["state_mask"],
        part["returns"],
        beta=0.1,
        denominator=10.0,
    )
    value_lm = 0.0 if out.value_logp is None else -out.value_logp.sum()
    return value + policy + 0.01 * out.kl.sum() + 0.01 * value_lm


def main() -> None:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    mesh = init_device_mesh("cpu", (world,))
    model = networks(kind).train()
    model.unshare()
    if "compiled" in kind:
        compile_blocks(model, backend="eager")
    trunks = [plain(model.policy).base_model]
    if model.reference is not None:
        trunks.append(model.reference.base_model)
    if model.critic == "separate":
        trunks.append(plain(model.value.trunk))
    for trunk in trunks:
        for layer in trunk.layers:
            fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    # Gradients are averaged over the processes.
    loss = losses(kind, model, batch(slice(2 * rank, 2 * rank + 2))) * world
    loss.backward()
    gradients = {
        name: p.grad.full_tensor() if isinstance(p.grad, DTensor) else p.grad
        for name, p in model.named_parameters()
        if p.grad is not None
    }
    total = loss.detach().clone()
    dist.all_reduce(total)
    sharded = all(isinstance(p, DTensor) for p in model.parameters())
    if rank == 0:
        whole = networks(kind).train()
        expected = losses(kind, whole, batch(slice(None)))
        expected.backward()
        alone = {name: p.grad for name, p in whole.named_parameters() if p.grad is not None}
        results = {
            "sharded": sharded,
            "loss": (total / world, expected.detach()),
            "gradients": (gradients, alone),
        }
        torch.save(results, folder / "results.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
