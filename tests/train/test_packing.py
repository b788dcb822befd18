"""One packed row gives what padded rows give."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.errors import InvalidInputError
from stepgym.train import OREOConfig, OREOTrainer, SupervisedConfig, SupervisedTrainer
from stepgym.train.attention import use_packed_attention
from stepgym.train.collate import EpisodeCollator, model_inputs
from stepgym.train.losses import oreo_loss
from stepgym.train.models import PolicyWithValue
from stepgym.train.tokenize import Segment, TokenizedEpisode


def episode(lengths: list[int], seed: int, vocabulary: int = 20) -> TokenizedEpisode:
    random = np.random.default_rng(seed)

    def segment(n: int) -> Segment:
        action = random.random(n - 1) < 0.6
        return Segment(
            random.integers(2, vocabulary, n),
            action,
            action & (random.random(n - 1) < 0.7),
            np.full(n - 1, float(seed % 2), np.float32),
        )

    return TokenizedEpisode(tuple(segment(n) for n in lengths), f"e{seed}", f"t{seed}", float(seed % 2))


def tiny(name: str, **more):
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {
        "vocab_size": 24,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
    }
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **(sizes | more))).eval()


def losses(networks: PolicyWithValue, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    out = networks(**model_inputs(batch))
    masks = (batch["action_mask"], batch["state_mask"], batch["returns"])
    value, policy = oreo_loss(
        out.logp, out.ref_logp, out.values[:, :-1], *masks, beta=0.3, level="step", episode_ids=batch["episode_ids"]
    )
    return value, policy, out.kl.sum()


@settings(max_examples=12, deadline=None)
@given(lengths=st.lists(st.lists(st.integers(2, 12), min_size=1, max_size=2), min_size=1, max_size=6))
def test_losses_and_gradients_are_those_of_padded_rows(lengths) -> None:
    episodes = [episode(part, seed) for seed, part in enumerate(lengths)]
    results = []
    for packing in (False, True):
        networks = PolicyWithValue(tiny("llama").double(), packing=packing)
        torch.nn.init.normal_(networks.value.head.weight, generator=torch.Generator().manual_seed(1))
        networks.double()
        with torch.no_grad():
            for p in networks.policy.parameters():
                p.mul_(1.01)  # away from the reference
        value, policy, kl = losses(networks, EpisodeCollator(0, packing=packing)(episodes))
        (value + policy + 0.1 * kl).backward()
        gradients = {n: p.grad for n, p in networks.named_parameters() if p.grad is not None}
        results.append(((value, policy, kl), gradients))
    for a, b in zip(*(r[0] for r in results), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    assert results[0][1].keys() == results[1][1].keys()
    for name, gradient in results[0][1].items():
        torch.testing.assert_close(results[1][1][name], gradient, rtol=1e-8, atol=1e-12)


def test_a_segment_sees_nothing_of_its_neighbours() -> None:
    networks = PolicyWithValue(tiny("qwen2"), packing=True).eval()
    first, second, other = episode([9], 1), episode([11], 2), episode([9], 4)
    collate = EpisodeCollator(0, packing=True)
    with torch.no_grad():
        a, b = (networks(**model_inputs(collate([e, second]))).values[0, 9:] for e in (first, other))
    assert torch.equal(a, b)


def test_sliding_windows_stay_inside_segments() -> None:
    model = tiny("mistral", sliding_window=4)
    alone = model.base_model
    ids = torch.randint(2, 20, (1, 9))
    with torch.no_grad():
        expected = torch.cat([alone(ids[:, :6]).last_hidden_state, alone(ids[:, 6:]).last_hidden_state], dim=1)
        use_packed_attention(model)
        networks = PolicyWithValue(model, packing=True)
        positions = torch.tensor([[*range(6), *range(3)]])
        mask = torch.ones(1, 8, dtype=torch.bool)
        out = networks(ids, mask, position_ids=positions, segment_lengths=torch.tensor([6, 3]))
    logp = torch.log_softmax(model.lm_head(expected), dim=-1)[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
    torch.testing.assert_close(out.logp, logp, rtol=1e-4, atol=1e-5)


def test_the_model_still_generates_as_before() -> None:
    model = tiny("llama")
    ids = torch.randint(2, 20, (2, 5))
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    settings = {"attention_mask": mask, "max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
    before = model.generate(ids, **settings)
    use_packed_attention(model)
    assert torch.equal(model.generate(ids, **settings), before)


def test_what_cannot_be_packed_is_refused() -> None:
    # Attention of its own, without the interface that carries the segment lengths.
    model = tiny("gemma2")
    model.config.attn_logit_softcapping = 50.0
    with pytest.raises(InvalidInputError, match="packing=False"):
        use_packed_attention(model)


@pytest.mark.parametrize("kind", ["oreo", "supervised"])
def test_training_packed_ends_with_the_same_weights(tiny_model, tokenizer, make_episode, tmp_path, kind) -> None:
    log = [make_episode([(f"{i}+1?=", f"{i}" * (i % 4 + 1))], reward=float(i % 2), name=f"e{i}") for i in range(8)]
    ends = []
    for packing in (False, True):
        model = type(tiny_model)(tiny_model.config)
        model.load_state_dict(tiny_model.state_dict())
        shared = {
            "output_dir": str(tmp_path),
            "max_steps": 3,
            "per_device_train_batch_size": 4,
            "learning_rate": 1e-3,
            "optim": "sgd",
            "use_cpu": True,
            "disable_tqdm": True,
            "save_strategy": "no",
            "packing": packing,
        }
        if kind == "oreo":
            trainer = OREOTrainer(model, OREOConfig(**shared), log, processing_class=tokenizer)
        else:
            trainer = SupervisedTrainer(model, SupervisedConfig(**shared), log, processing_class=tokenizer)
        trainer.train()
        ends.append(trainer.networks.state_dict())
    for name, weight in ends[0].items():
        torch.testing.assert_close(ends[1][name], weight, rtol=1e-4, atol=1e-6)


def test_segments_of_an_episode_keep_their_order() -> None:
    long_first = episode([9, 3], 0)
    batch = EpisodeCollator(0, packing=True)([long_first, episode([4], 1)])
    assert batch["segment_lengths"].tolist() == [4, 9, 3]
    ids = batch["episode_ids"][0].tolist()
    assert ids == [1] * 3 + [-1] + [0] * 8 + [-1] + [0] * 2
    changed = dataclasses.replace(long_first, segments=long_first.segments[::-1])
    assert EpisodeCollator(0, packing=True)([changed])["segment_lengths"].tolist() == [3, 9]
