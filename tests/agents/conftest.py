"""Tiny real parts: tokenizers, a random Llama, a text environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest

CORPUS = [
    "3+4=0\n0+1=1\nanswer 1",
    "The quick brown fox jumps over the lazy dog. né à l'été, 你好, 你们好!",
    "system user assistant Question: Answer: what is 12 * 3? look, take apple 1 from desk 2",
]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


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


def byte_tokenizer(chat_template: str | None, *, eos: str = "<|im_end|>", bos: str | None = None) -> Any:
    """A byte-level BPE tokenizer in which most characters outside ASCII take several tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    specials = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>", "<|start_header_id|>"]
    specials += ["<|end_header_id|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "<pad>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=eos, pad_token="<pad>", additional_special_tokens=specials, bos_token=bos
    )
    made.chat_template = chat_template
    return made


@pytest.fixture(scope="session")
def chat_tokenizer() -> Any:
    return byte_tokenizer(CHATML)


@pytest.fixture(scope="session")
def make_byte_tokenizer() -> Any:
    return byte_tokenizer


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
