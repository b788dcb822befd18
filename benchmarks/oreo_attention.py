"""Attention of one packed episode on a CPU in bfloat16: PyTorch's fused kernel against blocks of queries.

    OMP_NUM_THREADS=1 python benchmarks/oreo_attention.py

Milliseconds of the process, medians of forward and of backward passes that alternate. Which way a training run takes
is decided by `stepgym.train.blocked_attention.is_faster_blocked`; what it says of this machine is in the last column.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from stepgym.train.blocked_attention import blocked_attention, is_faster_blocked

# Heads of query and key, and their size: Qwen2.5 of 0.5 and 1.5 B, Llama 3 of 8 B, and one key head a query head.
SHAPES = [(14, 2, 64), (12, 2, 128), (32, 8, 128), (16, 16, 64)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 256, 512, 2048], help="tokens of the episode")
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    print(f"{'heads':>12} {'size':>5} {'length':>7} {'fused':>15} {'blocks':>15}  {'ratio':>5}  taken")
    for heads, key_heads, size in SHAPES:
        for length in args.lengths:
            row(heads, key_heads, size, length, args.repeats)


def row(heads: int, key_heads: int, size: int, length: int, repeats: int) -> None:
    query, grad = (torch.randn(1, heads, length, size, dtype=torch.bfloat16) for _ in range(2))
    key, value = (torch.randn(1, key_heads, length, size, dtype=torch.bfloat16) for _ in range(2))
    leaves = [t.requires_grad_() for t in (query, key, value)]
    times: dict[str, list[tuple[float, float]]] = {"fused": [], "blocks": []}
    for _ in range(repeats):
        for name, function in (("fused", fused), ("blocks", blocked_attention)):
            start = time.process_time()
            out = function(*leaves)
            middle = time.process_time()
            torch.autograd.grad(out, leaves, grad)
            times[name].append((middle - start, time.process_time() - middle))
    medians = {
        name: [1e3 * statistics.median(part) for part in zip(*rows, strict=True)] for name, rows in times.items()
    }
    shown = "".join(f" {f'{forward:.1f} + {backward:.1f}':>15}" for forward, backward in medians.values())
    ratio = sum(medians["blocks"]) / sum(medians["fused"])
    taken = "blocks" if is_faster_blocked(query, length) else "fused"
    print(f"{heads:>6} / {key_heads:>3} {size:>5} {length:>7}{shown}  {ratio:5.2f}  {taken}", flush=True)


def fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)


if __name__ == "__main__":
    main()
