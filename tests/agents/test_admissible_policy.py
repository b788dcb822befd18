"""A policy that writes only possible commands, and what it remembers between turns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from stepgym.agents import Conversation, PlainPrompt, Request, Sampling  # noqa: E402
from stepgym.agents.conversation.conversation import PromptEncoder  # noqa: E402
from stepgym.agents.engines.admissible_policy import AdmissiblePolicy  # noqa: E402
from stepgym.agents.policy import generate_batch  # noqa: E402
from stepgym.errors import InvalidInputError, StepgymError  # noqa: E402

WORDS = ["go", "take", "open", "look", "help", "a", "b", "c", "to", "from", "see", "you", "nothing", ">", "n"]
COMMANDS = ("go to a", "go to b", "take a from b", "take a from c", "open c", "look", "help")


@dataclass(frozen=True)
class CommandPrompt(PlainPrompt):
    info_keys: ClassVar[tuple[str, ...]] = ("admissible_commands",)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(("<pad>", "<eos>", "<unk>", *WORDS))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")


@pytest.fixture(scope="module", params=[4, 2])
def model(tokenizer: Any, request: pytest.FixtureRequest) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=request.param,
        initializer_range=0.5,
        max_position_embeddings=256,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(config).eval()


def play(policy: AdmissiblePolicy, tokenizer: Any, *, turns: int, episodes: int, sampling: Sampling) -> list[list[Any]]:
    """Some conversations side by side, their observations of different lengths."""
    prompt = CommandPrompt(suffix=" > ")
    talks = [Conversation(prompt, PromptEncoder(prompt, tokenizer), seed=i) for i in range(episodes)]
    found: list[list[Any]] = [[] for _ in talks]
    for turn in range(turns):
        requests = []
        for i, talk in enumerate(talks):
            commands = COMMANDS if (turn + i) % 3 else COMMANDS[2:5]
            asked = talk.ask("you see " + "a b c " * ((turn * 7 + i) % 5 + 1), {"admissible_commands": list(commands)})
            requests.append(Request(asked.messages, asked.token_ids, sampling, seed=1000 * turn + i))
        for i, (completion,) in enumerate(generate_batch(policy, requests)):
            found[i].append((requests[i], completion))
            talks[i].record(completion)
    return found


@torch.no_grad()
def brute_force(model: Any, tokenizer: Any, request: Request, written: tuple[int, ...]) -> list[dict[int, float]]:
    """At each token that was written, the log-probabilities of what could have been, by reading everything anew."""
    commands = request.messages[-1]["info"]["admissible_commands"]  # type: ignore[typeddict-item]
    ids = [(*tokenizer.encode(c, add_special_tokens=False), tokenizer.eos_token_id) for c in commands if c != "help"]
    shares = []
    for at in range(len(written)):
        branches = sorted({c[at] for c in ids if c[:at] == written[:at]})
        logits = model(torch.tensor([[*(request.prompt_token_ids or ()), *written[:at]]])).logits[0, -1]
        scores = logits[branches].double() / (request.sampling.temperature or 1.0)
        shares.append(dict(zip(branches, scores.log_softmax(0).tolist(), strict=True)))
    return shares


@pytest.mark.parametrize("slots", [3, 64])
def test_draws_from_the_possible_commands_as_reading_everything_anew_says(
    model: Any, tokenizer: Any, slots: int
) -> None:
    policy = AdmissiblePolicy(model, tokenizer, slots=slots, ignored=("help",))
    for talk in play(policy, tokenizer, turns=6, episodes=7, sampling=Sampling(temperature=1.5, max_tokens=8)):
        for request, completion in talk:
            assert completion.text in request.messages[-1]["info"]["admissible_commands"]
            assert completion.text != "help"
            assert tokenizer.decode(completion.token_ids, skip_special_tokens=True) == completion.text
            shares = brute_force(model, tokenizer, request, completion.token_ids)
            for token, logprob, expected in zip(completion.token_ids, completion.logprobs, shares, strict=True):
                assert logprob == pytest.approx(expected[token], abs=1e-4)
                assert len(expected) > 1 or logprob == 0


def test_greedy_takes_the_likeliest_branch(model: Any, tokenizer: Any) -> None:
    policy = AdmissiblePolicy(model, tokenizer, ignored=("help",))
    for talk in play(policy, tokenizer, turns=4, episodes=5, sampling=Sampling(max_tokens=8).greedy()):
        for request, completion in talk:
            for token, shares in zip(
                completion.token_ids, brute_force(model, tokenizer, request, completion.token_ids), strict=True
            ):
                assert shares[token] == max(shares.values())


def test_the_memory_changes_nothing(model: Any, tokenizer: Any) -> None:
    sampling = Sampling(max_tokens=8)
    few, many = (
        play(AdmissiblePolicy(model, tokenizer, slots=n), tokenizer, turns=5, episodes=9, sampling=sampling)
        for n in (2, 64)
    )
    assert [[c.text for _, c in talk] for talk in few] == [[c.text for _, c in talk] for talk in many]


def test_samples_of_one_request_follow_the_distribution(model: Any, tokenizer: Any) -> None:
    policy = AdmissiblePolicy(model, tokenizer, slots=50)
    turn: Any = {"role": "user", "content": "you see a", "info": {"admissible_commands": ["go to a", "look", "open c"]}}
    ids = tuple(tokenizer.encode("you see a >"))
    count = 1500
    (found,) = generate_batch(policy, [Request((turn,), ids, Sampling(temperature=2.0), n=count, seed=3)])
    for text in {c.text for c in found}:
        drawn = [c for c in found if c.text == text]
        share = math.exp(sum(drawn[0].logprobs or ()))
        assert len(drawn) / count == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / count))


def test_training_needs_forgetting(model: Any, tokenizer: Any) -> None:
    import copy

    changing = copy.deepcopy(model)
    policy = AdmissiblePolicy(changing, tokenizer)
    turn: Any = {"role": "user", "content": "", "info": {"admissible_commands": list(COMMANDS)}}
    first = tuple(tokenizer.encode("you see a >"))
    ((said,),) = generate_batch(policy, [Request((turn,), first, Sampling(), seed=0)])
    with torch.no_grad():
        for weights in changing.parameters():
            weights.mul_(1.5)
    policy.forget()
    request = Request((turn,), (*first, *(said.token_ids or ()), *tokenizer.encode("you see b >")), Sampling(), seed=1)
    ((after,),) = generate_batch(policy, [request])
    fresh = AdmissiblePolicy(changing, tokenizer)
    assert generate_batch(fresh, [request])[0][0] == after


def test_refuses_what_it_cannot_do(model: Any, tokenizer: Any) -> None:
    policy = AdmissiblePolicy(model, tokenizer)
    ids = (3, 4)
    with pytest.raises(InvalidInputError, match="admissible_commands"):
        generate_batch(policy, [Request(({"role": "user", "content": "x"},), ids)])
    turn: Any = {"role": "user", "content": "x", "info": {"admissible_commands": ["take a from b"]}}
    with pytest.raises(InvalidInputError, match="top_p"):
        generate_batch(policy, [Request((turn,), ids, Sampling(top_p=0.9))])
    with pytest.raises(InvalidInputError, match="2 tokens"):
        generate_batch(policy, [Request((turn,), ids, Sampling(max_tokens=2))])
    with pytest.raises(InvalidInputError, match="prompt_token_ids"):
        generate_batch(policy, [Request((turn,), None)])


def test_broken_weights_are_reported_and_the_policy_stays_usable(model: Any, tokenizer: Any) -> None:
    import copy

    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.lm_head.weight.fill_(float("nan"))
    policy = AdmissiblePolicy(broken, tokenizer, slots=1)
    turn: Any = {"role": "user", "content": "x", "info": {"admissible_commands": list(COMMANDS)}}
    for _ in range(2):
        with pytest.raises(StepgymError, match="not finite"):
            generate_batch(policy, [Request((turn,), (3, 4), Sampling(), seed=0)])
