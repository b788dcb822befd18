"""The chunked head against whole logits."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.train import frozen_head, logprobs
from stepgym.train.logprobs import Head, Reference, token_logprobs_of, token_scores


def plain_scores(hidden, targets, head, ref_hidden, ref_head):
    logp = torch.log_softmax(head(hidden), dim=-1)
    ref = torch.log_softmax(ref_head(ref_hidden), dim=-1).detach()
    pick = targets.unsqueeze(-1)
    return logp.gather(-1, pick)[:, 0], ref.gather(-1, pick)[:, 0], (logp.exp() * (logp - ref)).sum(-1)


def make(positions, vocabulary, size, seed, *, frozen, dtype, scale=1.0, softcap=None):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    heads = []
    for trains in (not frozen, False):
        linear = torch.nn.Linear(size, vocabulary, bias=False, dtype=dtype)
        linear.weight.data = normal(vocabulary, size)
        linear.weight.requires_grad_(trains)
        heads.append(Head(linear, scale=scale, softcap=softcap))
    targets = torch.randint(vocabulary, (positions,), generator=generator)
    hidden = normal(positions, size).requires_grad_()
    return hidden, targets, heads[0], normal(positions, size), heads[1]


@settings(max_examples=40, deadline=None)
@given(
    positions=st.integers(0, 17),
    vocabulary=st.integers(1, 9),
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    seed=st.integers(0, 10_000),
    frozen=st.booleans(),
    softcap=st.sampled_from([None, 3.0]),
)
def test_values_and_gradients_are_those_of_whole_logits(
    positions, vocabulary, rows, columns, seed, frozen, softcap
) -> None:
    parts = make(positions, vocabulary, 4, seed, frozen=frozen, dtype=torch.float64, softcap=softcap)
    hidden, targets, head, ref_hidden, ref_head = parts
    weights = torch.randn(2, positions, dtype=torch.float64)
    inputs = [hidden] if frozen else [hidden, head.linear.weight]

    def run(function):
        out = function()
        loss = (out[0] * weights[0]).sum() + (out[2] * weights[1]).sum()
        return [t.detach() for t in out], torch.autograd.grad(loss, inputs, allow_unused=True)

    with pytest.MonkeyPatch.context() as patch:
        # Chunks of `rows` positions, and of a frozen head blocks of `columns` tokens.
        patch.setattr(logprobs, "CHUNK_BYTES", rows * 2 * 8 * vocabulary)
        patch.setattr(frozen_head, "ROWS", rows)
        patch.setattr(frozen_head, "COLUMNS", columns)
        ours = run(lambda: token_scores(hidden, targets, head, Reference(ref_hidden, ref_head)))
    plain = run(lambda: plain_scores(hidden, targets, head, ref_hidden, ref_head))
    for a, b in zip((*ours[0], *ours[1]), (*plain[0], *plain[1]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("frozen", [True, False])
def test_float32_is_within_1e_5_of_exact_at_a_large_vocabulary(frozen) -> None:
    parts = make(50, 20_000, 16, 0, frozen=frozen, dtype=torch.float32)
    hidden, targets, head, ref_hidden, ref_head = parts
    exact_hidden = hidden.detach().double().requires_grad_()
    exact_heads = [Head(copy.deepcopy(h.linear).double()) for h in (head, ref_head)]
    exact = plain_scores(exact_hidden, targets, exact_heads[0], ref_hidden.double(), exact_heads[1])
    ours = token_scores(hidden, targets, head, Reference(ref_hidden, ref_head))
    for a, b in zip(ours, exact, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-5, atol=1e-5)
    if frozen:
        # Not so for autograd through whole logits in float32: 2e-5 on the KL.
        for index in (0, 2):
            a = torch.autograd.grad(ours[index].mean(), hidden, retain_graph=True)[0].double()
            b = torch.autograd.grad(exact[index].mean(), exact_hidden, retain_graph=True)[0]
            assert float((a - b).norm() / b.norm()) < 1e-5


def test_a_policy_near_its_reference_is_told_from_it_in_bfloat16() -> None:
    """With one matrix for both; the difference of two products in bfloat16 would be nothing but rounding."""
    generator = torch.Generator().manual_seed(0)
    linear = torch.nn.Linear(256, 5_000, bias=False, dtype=torch.bfloat16).requires_grad_(False)
    linear.weight.copy_(torch.randn(5_000, 256, generator=generator) * 3 / 16)
    hidden = torch.randn(20, 256, generator=generator).bfloat16().requires_grad_()
    ref_hidden = (hidden.detach() + 0.01 * torch.randn(20, 256, generator=generator)).bfloat16()
    targets = torch.randint(5_000, (20,), generator=generator)
    head = Head(linear)
    ours = token_scores(hidden, targets, head, Reference(ref_hidden, head))
    exact_hidden, exact_head = hidden.detach().double().requires_grad_(), Head(copy.deepcopy(linear).double())
    exact = plain_scores(exact_hidden, targets, exact_head, ref_hidden.double(), exact_head)
    torch.testing.assert_close(ours.kl.double(), exact[2], rtol=0.05, atol=0)
    torch.testing.assert_close((ours.logp - ours.ref_logp).double(), exact[0] - exact[1], rtol=0.05, atol=2e-3)
    by_ours = torch.autograd.grad(ours.kl.sum(), hidden)[0].double()
    by_exact = torch.autograd.grad(exact[2].sum(), exact_hidden)[0]
    assert float((by_ours - by_exact).norm() / by_exact.norm()) < 0.05


def test_extreme_logits_give_no_nan() -> None:
    hidden, targets, head, ref_hidden, ref_head = make(6, 5, 4, 1, frozen=True, dtype=torch.float32)
    scores = token_scores(hidden * 2_000, targets, head, Reference(ref_hidden * 2_000, ref_head))
    gradient = torch.autograd.grad(scores.logp.sum() + scores.kl.sum(), hidden)[0]
    assert all(bool(torch.isfinite(t).all()) for t in (*scores, gradient))


def test_policy_and_reference_alike_have_no_divergence() -> None:
    hidden, targets, head, _, _ = make(6, 5, 4, 2, frozen=True, dtype=torch.float32)
    scores = token_scores(hidden, targets, head, Reference(hidden.detach(), head))
    assert torch.equal(scores.logp, scores.ref_logp)
    assert float(scores.kl.abs().max()) < 1e-6


@pytest.mark.parametrize("kind", ["trained", "frozen", "taken as frozen"])
def test_logprobs_alone_are_the_same(kind) -> None:
    hidden, targets, head, ref_hidden, ref_head = make(9, 7, 4, 3, frozen=kind == "frozen", dtype=torch.float64)
    head = head.frozen() if kind == "taken as frozen" else head
    both = plain_scores(hidden, targets, head, ref_hidden, ref_head)[0]
    weights = torch.linspace(-1, 1, len(targets), dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frozen_head, "ROWS", 4)
        patch.setattr(frozen_head, "COLUMNS", 3)
        alone = token_logprobs_of(hidden, targets, head)
    torch.testing.assert_close(alone, both, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad((logp * weights).sum(), hidden)[0] for logp in (alone, both)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)
    assert token_logprobs_of(hidden.detach(), targets, head).requires_grad == (kind == "trained")


@pytest.mark.parametrize("name", ["llama", "qwen2", "gemma2", "granite", "gpt2"])
def test_head_of_a_model_gives_its_logits(name) -> None:
    model = tiny(name)
    ids = torch.randint(20, (1, 6))
    with torch.no_grad():
        expected = model(ids).logits[0]
        hidden = model.base_model(ids).last_hidden_state[0]
        torch.testing.assert_close(Head.of(model)(hidden), expected, rtol=1e-4, atol=1e-5)


def tiny(name: str):
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"vocab_size": 24, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {
        "gemma2": {"head_dim": 16, "num_key_value_heads": 1, "intermediate_size": 48},
        "qwen2": {"num_key_value_heads": 1, "intermediate_size": 48},
    }
    if name == "gpt2":
        sizes = {"vocab_size": 24, "n_embd": 32, "n_layer": 2, "n_head": 2}
    config = AutoConfig.for_model(name, **(sizes | more.get(name, {} if name == "gpt2" else {"intermediate_size": 48})))
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()
