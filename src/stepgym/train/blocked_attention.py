"""Causal attention from matrix products, a block of queries at a time, for processors on which PyTorch's own is slow.

On a CPU PyTorch's fused attention is quick in bfloat16 if the processor has AMX. Where AVX-512 alone multiplies
bfloat16 (AMD since Zen 4, Intel's Cooper Lake), ordinary matrix products are quicker. A block of queries reads no key
behind its own last position, so that little more than a triangle of scores is computed, and only one block's scores
exist at a time (Dao et al., FlashAttention, arXiv 2205.14135, whose backward pass this is: kept are the output and the
logarithm of each row's sum).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Queries of one block.
ROWS = 64
# Where it is the quicker way, in tokens of an episode and in numbers of a head: `benchmarks/oreo_attention.py`. In
# longer episodes a block's scores no longer fit in the caches; smaller heads are mostly conversions.
LENGTHS = range(256, 1025)
SMALLEST_HEAD = 128


def is_faster_blocked(query: Tensor, length: int) -> bool:
    """Whether `blocked_attention` is the quicker way on this machine for a `query` of episodes of `length` tokens."""
    return (
        query.device.type == "cpu"
        and query.dtype == torch.bfloat16
        and query.shape[-1] >= SMALLEST_HEAD
        and length in LENGTHS
        and torch.cpu._is_avx512_bf16_supported()
        and not torch.cpu._is_amx_tile_supported()
    )


def blocked_attention(query: Tensor, key: Tensor, value: Tensor, scale: float | None = None) -> Tensor:
    """Softmax of `query key^T scale` over the positions up to each query's own, times `value`.

    Args:
        query: `(episodes, heads, n, dim)`.
        key: `(episodes, key_heads, n, dim)`; neighbouring heads of the query share one of them.
        value: The same.
        scale: None stands for `1 / sqrt(dim)`.

    Returns:
        `(episodes, heads, n, dim)` in the precision of `query`; sums are taken in float32 or better.
    """
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    grouped = query.unflatten(1, (key.shape[1], -1))
    # Autocast would take the scores in bfloat16 after all.
    with torch.autocast(query.device.type, enabled=False):
        result: Tensor = _Blocked.apply(grouped, key, value, scale)  # type: ignore[no-untyped-call]
    return result.flatten(1, 2)


class _Blocked(torch.autograd.Function):
    """With `query` as `(episodes, key_heads, group, n, dim)`."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        out = torch.empty_like(query)
        real = _sum_dtype(query)
        log_sums = query.new_empty(*query.shape[:-1], 1, dtype=real)
        for q, k, v, o, log_sum in zip(query.to(real), key.to(real), value, out, log_sums, strict=True):
            for rows in _blocks(q):
                scores = _scores(q, k, rows, scale)
                largest = scores.amax(-1, keepdim=True)
                total = scores.sub_(largest).exp_().sum(-1, keepdim=True)
                o[:, :, rows] = _grouped(_joined(scores.to(v.dtype)) @ v[:, : rows.stop], q) / total
                log_sum[:, :, rows] = largest.add_(total.log_())
        ctx.save_for_backward(query, key, value, out, log_sums)
        ctx.scale = scale
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out, log_sums = ctx.saved_tensors
        to, real = query.dtype, log_sums.dtype
        d_query = torch.empty_like(query)
        d_key, d_value = (torch.zeros(t.shape, dtype=real, device=t.device) for t in (key, value))
        means = (out.to(real) * grad).sum(-1, keepdim=True)
        exact = (query.to(real), key.to(real))
        every = (query, key, value, grad, *exact, log_sums, means, d_query, d_key, d_value)
        with torch.autocast(grad.device.type, enabled=False):
            for q, k, v, g, q_exact, k_exact, log_sum, mean, dq, dk, dv in zip(*every, strict=True):
                for rows in _blocks(q):
                    seen, g_rows = slice(rows.stop), _joined(g[:, :, rows])
                    weights = _scores(q_exact, k_exact, rows, ctx.scale).sub_(log_sum[:, :, rows]).exp_()
                    d_scores = _grouped((g_rows @ v[:, seen].mT).to(real), q)
                    d_scores.sub_(mean[:, :, rows]).mul_(weights).mul_(ctx.scale)
                    d_rows = _joined(d_scores.to(to))
                    dv[:, seen] += _joined(weights.to(to)).mT @ g_rows
                    dk[:, seen] += d_rows.mT @ _joined(q[:, :, rows])
                    dq[:, :, rows] = _grouped(d_rows @ k[:, seen], q)
        return d_query, d_key.to(key.dtype), d_value.to(value.dtype), None


def _blocks(q: Tensor) -> Iterator[slice]:
    length = q.shape[2]
    return (slice(start, min(start + ROWS, length)) for start in range(0, length, ROWS))


def _scores(q: Tensor, k: Tensor, rows: slice, scale: float) -> Tensor:
    """`(key_heads, group, rows, keys up to the last row)`, minus infinity where a query does not look.

    The one product that is taken in the precision of sums: what rounding does to a score, the exponential multiplies.
    """
    scores = _grouped((_joined(q[:, :, rows]) @ k[:, : rows.stop].mT).mul_(scale), q)
    size = rows.stop - rows.start
    ahead = torch.ones(size, size, dtype=torch.bool, device=q.device).triu_(1)
    scores[..., rows.start :].masked_fill_(ahead, -torch.inf)
    return scores


def _joined(t: Tensor) -> Tensor:
    """The rows of a group one after the other: `(key_heads, group * rows, ...)`."""
    return t.flatten(1, 2)


def _grouped(t: Tensor, q: Tensor) -> Tensor:
    """The opposite: `(key_heads, group, rows, ...)`."""
    return t.view(len(t), q.shape[1], -1, t.shape[-1])


def _sum_dtype(like: Tensor) -> torch.dtype:
    return torch.promote_types(like.dtype, torch.float32)
