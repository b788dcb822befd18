"""What the tiny ALFWorld model reads and writes: its tokenizer, its prompt and its weights before training."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from stepgym.agents.policy import Message

# Sentences that say nothing new: what was done, where one stands.
_SILENT = (
    r"-= welcome to textworld, alfred! =-",
    r"you are in the middle of a room\.",
    r"looking quickly around you,",
    r"your task is to:",
    r"you arrive at [a-z]+ [0-9]+\. ",
    r"you (pick up|move|put|clean|heat|cool|close|turn on) [^.]*\.",
    r"you open the [a-z]+ [0-9]+\. the [a-z]+ [0-9]+ is open\.",
    r"on the [a-z]+ [0-9]+, you see",
)
_STOP = "you your see a an and the is are on in it its of at some them task s there this what"
_WORD = rf"\bgo to\b|\b(?!(?:{_STOP.replace(' ', '|')})\b)[a-z]+(?: [0-9]+)?\b|>"
_SPECIAL = ("<pad>", "<eos>", "<unk>")


@dataclass(frozen=True, slots=True)
class GoalPrompt:
    """Observations and commands in turn; after each observation the task is told again, and ">" asks for a command.

    A tiny model finds the goal a few tokens back and need not search the whole episode for it.
    """

    adds_special_tokens: ClassVar[bool] = False
    info_keys: ClassVar[tuple[str, ...]] = ("admissible_commands",)

    def messages(self, turns: Sequence[Message], *, instructions: str = "") -> tuple[Message, ...]:
        """The turns, with what the environment said of possible commands."""
        return tuple(turns)

    def render(self, messages: Sequence[Message], tokenizer: Any = None) -> str:
        """The text of the conversation."""
        goal = messages[0]["content"].partition("Your task is to: ")[2]
        parts = [messages[0]["content"], "\n>"]
        for message in messages[1:]:
            parts.append(f"\n{message['content']}\n{goal}\n>" if message["role"] == "user" else message["content"])
        return "".join(parts)

    def settings(self) -> dict[str, Any]:
        """The name."""
        return {"format": "alfworld, goal in every turn"}


def word_tokenizer(texts: Iterable[str]) -> Any:
    """One token per word of `texts`, numbers included ("drawer 17"); words without content have none.

    Numbered things get all numbers from 1 to the highest seen.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    rules = [normalizers.Lowercase(), *(normalizers.Replace(Regex(rule), " ") for rule in _SILENT)]
    normalizer = normalizers.Sequence(rules)
    splitter = pre_tokenizers.Split(Regex(_WORD), "removed", invert=True)
    seen: set[str] = set()
    for text in set(texts):
        seen.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    highest: dict[str, int] = {}
    for word in seen:
        name, _, number = word.rpartition(" ")
        if number.isdigit():
            highest[name] = max(highest.get(name, 0), int(number))
    seen |= {f"{name} {i}" for name, top in highest.items() for i in range(1, top + 1)} | {">", "go to"}
    vocabulary = {word: i for i, word in enumerate((*_SPECIAL, *sorted(seen)))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.normalizer, core.pre_tokenizer = normalizer, splitter
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


def word_model(tokenizer: Any, *, seed: int, size: Mapping[str, int]) -> Any:
    """A Llama of random weights, in which a numbered word begins as the sum of its name, its number and a bit of noise.

    So the model sees from the first update on that "soapbar 2" is what the goal "soapbar" means.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    width = size["hidden_size"]
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **size,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        parts: dict[str, torch.Tensor] = {}
        table = model.get_input_embeddings().weight.data
        for word, i in sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1]):
            name, number = re.fullmatch(r"(.*?)(?: ([0-9]+))?", word).groups()  # type: ignore[union-attr]
            for part in (name, number):
                if part is not None and part not in parts:
                    parts[part] = torch.randn(width)
            own = torch.randn(width)
            if number is None:
                table[i] = 0.09 * parts[name] + 0.045 * own
            else:
                table[i] = 0.07 * parts[name] + 0.05 * parts[number] + 0.045 * own
    return model
