"""Attention in blocks of queries against PyTorch's own, and inside of packed training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from stepgym.train import attention
from stepgym.train.blocked_attention import ROWS, blocked_attention, is_faster_blocked


def tensors(seed: int, heads: int, group: int, length: int, dtype: torch.dtype, episodes: int = 1) -> list[Tensor]:
    """Query, key, value, and the gradient of the output."""
    generator = torch.Generator().manual_seed(seed)
    sizes = (heads * group, heads, heads, heads * group)
    return [torch.randn(episodes, size, length, 8, generator=generator, dtype=dtype) for size in sizes]


def with_gradients(function: Any, query: Tensor, key: Tensor, value: Tensor, grad: Tensor) -> tuple[Tensor, ...]:
    leaves = [t.detach().requires_grad_() for t in (query, key, value)]
    out = function(*leaves)
    return out.detach(), *torch.autograd.grad(out, leaves, grad)


def fused(query: Tensor, key: Tensor, value: Tensor, scale: float | None = None) -> Tensor:
    return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale, enable_gqa=True)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    episodes=st.integers(1, 3),
    heads=st.integers(1, 3),
    group=st.integers(1, 3),
    length=st.one_of(st.integers(1, 3 * ROWS), st.sampled_from([ROWS - 1, ROWS, ROWS + 1, 2 * ROWS])),
    scale=st.sampled_from([None, 1.0, 0.05]),
)
def test_the_same_as_pytorchs_in_float64(
    seed: int, episodes: int, heads: int, group: int, length: int, scale: float | None
) -> None:
    given_tensors = tensors(seed, heads, group, length, torch.float64, episodes)
    ours = with_gradients(lambda q, k, v: blocked_attention(q, k, v, scale), *given_tensors)
    theirs = with_gradients(lambda q, k, v: fused(q, k, v, scale), *given_tensors)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


def test_large_scores_do_not_overflow() -> None:
    query, key, value, grad = tensors(0, 1, 2, 2 * ROWS, torch.float32)
    ours = with_gradients(blocked_attention, 1e3 * query, key, value, grad)
    assert all(t.isfinite().all() for t in ours)
    torch.testing.assert_close(ours[0], fused(1e3 * query, key, value))


@pytest.mark.parametrize("size", [1, 3])
def test_in_bfloat16_it_is_about_as_near_the_exact_result_as_pytorchs(size: int) -> None:
    query, *others = tensors(0, 2, 3, 5 * ROWS, torch.bfloat16)
    given_tensors = [size * query, *others]
    exact = with_gradients(fused, *(t.double() for t in given_tensors))
    ours, theirs = (with_gradients(f, *given_tensors) for f in (blocked_attention, fused))
    for mine, other, true in zip(ours, theirs, exact, strict=True):
        assert (mine - true).norm() < 1.7 * (other - true).norm()


def test_autocast_changes_nothing() -> None:
    given_tensors = tensors(0, 2, 3, 2 * ROWS, torch.bfloat16)
    alone = with_gradients(blocked_attention, *given_tensors)
    with torch.autocast("cpu", torch.bfloat16):
        within = with_gradients(blocked_attention, *given_tensors)
    assert all(torch.equal(a, b) for a, b in zip(alone, within, strict=True))


def test_a_query_kept_with_its_heads_last_is_read_as_it_is() -> None:
    query, key, value, grad = (
        t.transpose(1, 2).contiguous().transpose(1, 2) for t in tensors(0, 2, 2, 70, torch.float64)
    )
    for mine, other in zip(
        with_gradients(blocked_attention, query, key, value, grad),
        with_gradients(fused, query, key, value, grad),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


def test_packed_rows_come_out_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value, grad = tensors(1, 2, 2, 3 * ROWS + 5, torch.float64)
    lengths = torch.tensor([ROWS, ROWS, ROWS - 20, 25])
    assert lengths.sum() == query.shape[2]

    def packed(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out, _ = attention.packed_attention(torch.nn.Module(), q, k, v, None, segment_lengths=lengths)
        return out.transpose(1, 2)

    theirs = with_gradients(packed, query, key, value, grad)
    asked: list[int] = []
    monkeypatch.setattr(attention, "is_faster_blocked", lambda _, length: not asked.append(length))
    ours = with_gradients(packed, query, key, value, grad)
    assert asked == [ROWS, ROWS - 20, 25]
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


def test_only_what_it_was_measured_for_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    query = torch.zeros(1, 1, 1, 128, dtype=torch.bfloat16)
    assert is_faster_blocked(query, 512)
    assert not is_faster_blocked(query.float(), 512)
    assert not is_faster_blocked(query[..., :64], 512)
    assert not is_faster_blocked(query.to("meta"), 512)
    assert not is_faster_blocked(query, 16)
    assert not is_faster_blocked(query, 2048)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert not is_faster_blocked(query, 512)
