"""A language model small enough to be trained from nothing in a minute, and its tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepgym.errors import require
from stepgym.quickstart.settings import QuickstartSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_SPECIAL = ("<pad>", "<eos>")
_WORDS = (" + ", " mod ", " =", "answer ")
_CHARACTERS = "0123456789+=\n"


def chain_tokenizer() -> PreTrainedTokenizerBase:
    """One token per character of a solution, and per word of a question."""
    require("transformers", extra="train")
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: i for i, token in enumerate((*_SPECIAL, *_WORDS, *_CHARACTERS))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r" \+ | mod | =|answer |[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")


def chain_model(settings: QuickstartSettings, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """A Llama of about 0.1 million random parameters, drawn from `settings.seed`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=2 * settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        max_position_embeddings=16 * settings.operands,
        initializer_range=0.1,  # a narrow model needs wider weights to begin to learn
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        return LlamaForCausalLM(config)
