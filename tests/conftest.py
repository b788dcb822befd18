"""A tokenizer with many special tokens, and the shapes of chat templates found in the field."""

from __future__ import annotations

from typing import Any

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
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
# Drops the thoughts of all turns but the last, as reasoning models do.
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{{ m['content'].split('</think>')[-1] if m['role'] == 'assistant' else m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Headers are plain text, and the end-of-turn token closes the assistant's turns only.
MINICPM = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<用户>{{ m['content'] | trim }}<AI>"
    "{% elif m['role'] == 'system' %}{{ m['content'] }}{% else %}{{ m['content'] | trim }}<|endoftext|>"
    "{% endif %}{% endfor %}"
)
TEMPLATES: dict[str, tuple[str, str, str | None]] = {
    "chatml": (CHATML, "<|im_end|>", None),
    "llama3": (LLAMA3, "<|eot_id|>", "<|begin_of_text|>"),
    "gemma": (GEMMA, "<end_of_turn>", "<bos>"),
    "minicpm": (MINICPM, "<|endoftext|>", None),
    "thinking": (THINKING, "<|im_end|>", None),
}


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
def make_byte_tokenizer() -> Any:
    return byte_tokenizer


@pytest.fixture(scope="session")
def chat_templates() -> dict[str, tuple[str, str, str | None]]:
    """Template, end-of-turn token and beginning-of-text token by name."""
    return TEMPLATES
