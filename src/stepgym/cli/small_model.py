"""`--from-scratch`: a small random Llama and a byte-level tokenizer learned from the log, without any download."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from stepgym.agents.episodes import Episode
from stepgym.errors import require

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Hidden units, layers, heads.
SIZES = {"tiny": (64, 2, 2), "small": (128, 4, 4)}
VOCABULARY = 512
CONTEXT = 2048
LEARNING_RATE = 2e-3


def small_tokenizer(episodes: Iterable[Episode], *, vocabulary: int = VOCABULARY) -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer of the episodes' text; every text can be encoded."""
    require("transformers", extra="train")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<pad>", "<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(_texts(episodes), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")


def small_model(size: str, tokenizer: PreTrainedTokenizerBase, *, seed: int) -> PreTrainedModel:
    """A Llama of `SIZES[size]` with random weights drawn from `seed`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    hidden, layers, heads = SIZES[size]
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=CONTEXT,
        initializer_range=0.1 if size == "tiny" else 0.05,  # narrow models need wider weights to begin to learn
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def without_ids(episode: Episode) -> Episode:
    """The episode as text alone: its ids are of another tokenizer."""
    return replace(episode, steps=tuple(replace(step, completion=None) for step in episode.steps))


def _texts(episodes: Iterable[Episode]) -> Iterator[str]:
    for episode in episodes:
        for step in episode.steps:
            yield step.observation
            yield step.action
