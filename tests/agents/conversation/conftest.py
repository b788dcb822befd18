"""Chat templates shaped like those of models in use, and tokenizers of two kinds that know their special tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

# Qwen3: thoughts of earlier turns are stripped; without thinking an empty thought opens the answer.
QWEN3 = (
    "{%- for m in messages %}"
    "{%- if m.role == 'assistant' %}{%- set c = m.content.split('</think>')[-1].lstrip('\\n') %}"
    "{%- else %}{%- set c = m.content %}{%- endif %}"
    "{{- '<|im_start|>' + m.role + '\\n' + c + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
    "{%- endif %}"
)
QWEN2 = (
    "{%- if messages[0]['role'] != 'system' %}{{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}{%- endif %}"
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
LLAMA3 = (
    "{{- bos_token }}{%- if messages[0]['role'] == 'system' %}{%- set told = messages[0]['content'] | trim %}"
    "{%- set messages = messages[1:] %}{%- else %}{%- set told = '' %}{%- endif %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\\n\\nToday Date: 26 Jul 2024\\n\\n' + told + '<|eot_id|>' }}"
    "{%- for m in messages %}{{- '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' }}"
    "{{- m.content | trim + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)
GEMMA = (
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' + m['content'] | trim }}"
    "{{ '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
# DeepSeek-R1: the template opens the thought, so that answers have its end alone; earlier thoughts are stripped.
R1 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}"
    "{% elif m['role'] == 'user' %}{{ '<｜User｜>' + m['content'] }}"
    "{% else %}{{ '<｜Assistant｜>' + m['content'].split('</think>')[-1] + '<｜end｜>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)
SPECIALS = ["<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<start_of_turn>"]
SPECIALS += ["<end_of_turn>", "<｜User｜>", "<｜Assistant｜>", "<｜end｜>", "<bos>", "<s>", "</s>", "<pad>"]
CORPUS = [
    "You are in the middle of a room. take apple 1 from desk 2",
    "né à l'été, 你好!",
    "<think>so</think>\nanswer 12",
]


@dataclass(frozen=True)
class Shape:
    """A template with its tokens.

    Attributes:
        template: Jinja.
        eos: The end-of-turn token.
        bos: The first token, if there is one.
        instructions: Where the template takes them.
        strips: Whether it strips the thoughts of earlier turns.
        opens: Whether its generation prompt has something that is not in the history.
        kwargs: Switches.
    """

    template: str
    eos: str
    bos: str | None = None
    instructions: str = "system"
    strips: bool = False
    opens: bool = False
    kwargs: tuple[tuple[str, Any], ...] = ()


SHAPES = {
    "qwen2": Shape(QWEN2, "<|im_end|>"),
    "qwen3": Shape(QWEN3, "<|im_end|>", strips=True),
    "qwen3-no-thinking": Shape(QWEN3, "<|im_end|>", strips=True, opens=True, kwargs=(("enable_thinking", False),)),
    "llama3": Shape(LLAMA3, "<|eot_id|>", "<bos>"),
    "gemma": Shape(GEMMA, "<end_of_turn>", "<bos>", instructions="user"),
    "deepseek-r1": Shape(R1, "<｜end｜>", "<bos>", strips=True, opens=True),
    "mistral": Shape(MISTRAL, "</s>", "<s>", instructions="user"),
}


def make_tokenizer(shape: Shape, kind: str) -> Any:
    """A tokenizer with the template: byte-level BPE, or pieces with a mark for spaces as SentencePiece makes them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    if kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=None, byte_fallback=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        tokenizer.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        alphabet = []
    trainer = trainers.BpeTrainer(vocab_size=len(SPECIALS) + 330, special_tokens=SPECIALS, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(CORPUS, trainer)
    if kind == "pieces":
        state = json.loads(tokenizer.to_str())
        vocabulary = state["model"]["vocab"]
        for byte in range(256):  # what no piece covers is written in bytes
            vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
        tokenizer = Tokenizer.from_str(json.dumps(state))
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=shape.eos,
        bos_token=shape.bos,
        pad_token="<pad>",
        additional_special_tokens=SPECIALS,
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = shape.template
    return made


@pytest.fixture(scope="session")
def shaped() -> Callable[[str], tuple[Shape, Any]]:
    """The shape of a name with a byte-level tokenizer, or one of `kind` "pieces"."""

    @cache
    def find(name: str, kind: str = "bytes") -> tuple[Shape, Any]:
        return SHAPES[name], make_tokenizer(SHAPES[name], kind)

    return find
