from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from stepgym.agents import Completion, Episode, Judgement, Step
from stepgym.agents.judges import JudgedEpisode

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """One token per character."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = ["<pad>", "<eos>", *"?gb.abcdefhijk \n0123456789"]
    core = Tokenizer(models.WordLevel({t: i for i, t in enumerate(dict.fromkeys(vocabulary))}, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")


@pytest.fixture
def tiny_model(tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(config)


@pytest.fixture
def make_episode(tokenizer: Any) -> Callable[..., Episode]:
    def make(
        turns: Sequence[tuple[str, str]],
        outcome: float | None = 1.0,
        *,
        name: str = "e",
        ids: bool = True,
        new_segments: Sequence[int] = (0,),
        **fields: Any,
    ) -> Episode:
        steps = []
        for i, (observation, action) in enumerate(turns):
            completion = None
            if ids:
                written = (*tokenizer(action)["input_ids"], tokenizer.eos_token_id)
                read = tuple(tokenizer(observation)["input_ids"])
                completion = Completion(action, i in new_segments, read, written)
            steps.append(Step(observation, action, completion, (outcome or 0.0) if i == len(turns) - 1 else 0.0))
        return Episode(name, "me/Env-v0", fields.pop("task_id", "t"), tuple(steps), outcome, **fields)

    return make


class GoodG:
    """A step is good if its action begins with "g"; "?" is not judged."""

    name = "good-g"

    def __init__(self) -> None:
        self.asked = 0

    async def judge(self, state: Any, action: str) -> Judgement:
        self.asked += 1
        return Judgement(None if action.startswith("?") else action.startswith("g"))


@pytest.fixture
def judge() -> GoodG:
    return GoodG()


@pytest.fixture
def with_labels(make_episode: Callable[..., Episode]) -> Callable[..., JudgedEpisode]:
    def make(labels: Sequence[bool | None], correct: bool, name: str = "e") -> JudgedEpisode:
        episode = make_episode([("?", "g" if label else "b") for label in labels], float(correct), name=name, ids=False)
        return JudgedEpisode(episode, tuple(Judgement(label) for label in labels))

    return make
