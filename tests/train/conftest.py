from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch

from stepgym.agents import Completion, Episode, Step

# Tiny models gain nothing from threads, and two test workers share the cores.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer():
    """One token per character."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = ["<pad>", "<eos>", *"0123456789+-*/=;?. \n", *"abcdefghijklmnopqrstuvwxyz"]
    core = Tokenizer(models.WordLevel({t: i for i, t in enumerate(vocabulary)}, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")


@pytest.fixture
def tiny_model(tokenizer):
    """A new random Llama with 2 layers."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        attention_dropout=0.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(config)


@pytest.fixture
def make_episode(tokenizer):
    def make(
        turns: Sequence[tuple[str, str]],
        reward: float = 1.0,
        *,
        name: str = "e",
        ids: bool = True,
        new_segments: Sequence[int] = (0,),
        **fields,
    ) -> Episode:
        """An episode of (observation, action) turns with the reward at the end."""
        steps = []
        for i, (observation, action) in enumerate(turns):
            completion = None
            if ids:
                completion = Completion(
                    text=action,
                    new_segment=i in new_segments,
                    prompt_token_ids=tuple(tokenizer(observation)["input_ids"]),
                    token_ids=(*tokenizer(action)["input_ids"], tokenizer.eos_token_id),
                )
            last = i == len(turns) - 1
            steps.append(Step(observation, action, completion, reward if last else 0.0, terminated=last))
        values = {"env_id": "test/Env-v0", "task_id": name, "outcome": reward} | fields
        return Episode(id=name, steps=tuple(steps), **values)

    return make


@pytest.fixture
def log(make_episode):
    """32 short episodes, half of them successes that say "=1", half failures that say "=0"."""
    rng = random.Random(0)
    episodes = []
    for i in range(32):
        good = i % 2 == 0
        question = f"{rng.randrange(10)}+{rng.randrange(10)}?"
        episodes.append(make_episode([(question, "=1" if good else "=0;;")], float(good), name=f"e{i}"))
    return episodes
