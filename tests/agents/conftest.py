"""Tiny real parts: tokenizers, a random Llama, a text environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest


@pytest.fixture(scope="session")
def char_tokenizer() -> Any:
    """One token per character, no special tokens but <pad> and <eos>."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = ["<pad>", "<eos>", *"0123456789+-*/=?:. \nabcdefghijklmnopqrstuvwxyzABCDEFG"]
    tokenizer = Tokenizer(models.WordLevel({c: i for i, c in enumerate(vocabulary)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(?m)."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>")


@pytest.fixture(scope="session")
def chat_tokenizer(make_byte_tokenizer: Any, chat_templates: dict[str, tuple[str, str, str | None]]) -> Any:
    template, eos, _ = chat_templates["chatml"]
    return make_byte_tokenizer(template, eos=eos)


def tiny_llama(tokenizer: Any, *, seed: int = 0, context: int = 256) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=context,
        initializer_range=0.3,  # far from uniform, so that greedy decoding has clear winners
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def make_llama() -> Any:
    return tiny_llama


@pytest.fixture(scope="session")
def char_policy(char_tokenizer: Any) -> Any:
    from stepgym.agents import TransformersPolicy

    return TransformersPolicy(tiny_llama(char_tokenizer), char_tokenizer, name="tiny")


@pytest.fixture(scope="session")
def chat_policy(chat_tokenizer: Any) -> Any:
    from stepgym.agents import TransformersPolicy

    return TransformersPolicy(tiny_llama(chat_tokenizer), chat_tokenizer, name="tiny-chat")


class EchoEnv(gymnasium.Env[str, str]):
    """Shows a number; the right answer is that number. `turns` tries; `broken` raises instead of judging."""

    instructions = "Repeat the number."

    def __init__(self, turns: int = 1, broken: bool = False) -> None:
        self.turns, self.broken, self.left, self.closed = turns, broken, 0, False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.number = (options or {}).get("task") or str(self.np_random.integers(1000))
        self.left = self.turns
        return self.number, {"task": self.number}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if self.broken:
            raise ZeroDivisionError("a defect")
        self.left -= 1
        right = action.strip() == self.number
        return f"{self.number} again", float(right), right or not self.left, False, {"task": self.number}

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def echo_env() -> type[EchoEnv]:
    return EchoEnv
