"""What the tiny model of the multi-hop world reads and writes: one token per name, relation and tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from stepgym.agents.policy import Message
from stepgym.envs.multi_hop import World
from stepgym.envs.multi_hop.relations import RELATIONS

_SPECIAL = ("<pad>", "<eos>", "<unk>")
_TAGS = ("<search_query>", "</search_query>", "<answer>", "</answer>")
_MARKS = ("?", ">", "nothing was", "asked before", "no calls")


@dataclass(frozen=True, slots=True)
class QuestionPrompt:
    """Observations and actions in turn; after each result the question is told again, and ">" asks for an action.

    A tiny model finds the question a few tokens back and need not search the whole episode for it.
    """

    adds_special_tokens: ClassVar[bool] = False

    def messages(self, turns: Sequence[Message], *, instructions: str = "") -> tuple[Message, ...]:
        return tuple(turns)

    def render(self, messages: Sequence[Message], tokenizer: Any = None) -> str:
        question = messages[0]["content"]
        parts = [question, "\n>"]
        for message in messages[1:]:
            parts.append(f"\n{message['content']}\n{question}\n>" if message["role"] == "user" else message["content"])
        return "".join(parts)

    def settings(self) -> dict[str, Any]:
        return {"format": "search, question in every turn"}


def search_tokenizer(world: World) -> Any:
    """One token per name, relation, tag and mark; words that say nothing new have none."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = [name.lower() for found in world.names.values() for name in found]
    words = [*_TAGS, *_MARKS, *(relation.noun for relation in RELATIONS.values()), *names]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys((*_SPECIAL, *words)))}
    longest_first = sorted(words, key=len, reverse=True)
    pattern = "|".join(
        rf"\b{word}\b" if word[0].isalnum() and word[-1].isalnum() else _quoted(word) for word in longest_first
    )
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    # The echo of the query and the title of the document say nothing new.
    core.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace(Regex(r"[^\n]* ->[^:\n]*:"), " ")]
    )
    core.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


def search_model(tokenizer: Any, *, seed: int, size: Mapping[str, int]) -> Any:
    """A Llama of random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.06,  # a narrow model needs wider weights to begin to learn
        attention_dropout=0.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **size,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        # Names are told apart from the first update on: what has to be learned is to copy them.
        torch.nn.init.normal_(model.get_input_embeddings().weight, std=0.12)
    return model


def _quoted(word: str) -> str:
    return "".join(rf"\{c}" if c in "?</>" else c for c in word)
