"""What a policy is asked and what it answers: `Sampling`, `Request`, `Completion` and the `Policy` protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypedDict, cast, runtime_checkable

from stepgym.errors import InvalidInputError
from stepgym.plugins import PluginRegistry

FinishReason = Literal["stop", "length", "error"]


class Message(TypedDict):
    """One chat message; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; every field is pinned and logged, an engine's own defaults are overridden.

    Attributes:
        temperature: 0 is greedy decoding.
        top_p: Nucleus mass in (0, 1].
        top_k: 0 is off.
        max_tokens: Most tokens in one completion, at least 1.
        stop: Strings that end a completion; the string itself is kept in the text.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop", tuple(self.stop))
        if self.temperature < 0:
            raise InvalidInputError(f"temperature must be >= 0 (0 is greedy), got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise InvalidInputError(f"top_p must be in (0, 1], got {self.top_p}")
        if self.top_k < 0:
            raise InvalidInputError(f"top_k must be >= 0 (0 is off), got {self.top_k}")
        if self.max_tokens < 1:
            raise InvalidInputError(f"max_tokens must be >= 1, got {self.max_tokens}")
        if any(not s for s in self.stop):
            raise InvalidInputError("a stop string must not be empty")

    def greedy(self) -> Sampling:
        """The same limits, decoded greedily."""
        return replace(self, temperature=0.0, top_p=1.0, top_k=0)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "max_tokens": self.max_tokens,
            "stop": list(self.stop),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Sampling:
        """The inverse of `to_dict`."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Request:
    """One conversation to be continued `n` times.

    Attributes:
        messages: The conversation, for policies that take text.
        prompt_token_ids: The same conversation as the ids the model must read; the agent renders the template.
            None for policies without a tokenizer.
        sampling: How to draw.
        n: Number of samples, at least 1.
        seed: Repeats the samples as far as the engine promises; None draws fresh randomness.
    """

    messages: tuple[Message, ...]
    prompt_token_ids: tuple[int, ...] | None = None
    sampling: Sampling = Sampling()
    n: int = 1
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a policy read and wrote, in the token ids it really used.

    Attributes:
        text: The decoded `token_ids` without special tokens, stop string included.
        new_segment: True if `prompt_token_ids` is a full prompt; False if it holds only the ids that follow the
            previous prompt and completion of the episode.
        prompt_token_ids: The ids read, see `new_segment`; None where the policy gives no ids.
        token_ids: The ids written, end-of-turn token included when it was sampled; None likewise.
        logprobs: Natural log-probability of each of `token_ids`; None where unknown.
        logprob_mode: "raw" (of the model's own distribution) or "sampled" (after temperature and truncation).
        finish_reason: "stop" (end-of-turn token or stop string), "length" (cut at `max_tokens` or the context),
            "error" (the engine failed; text may be partial).
    """

    text: str
    new_segment: bool = True
    prompt_token_ids: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    logprob_mode: Literal["raw", "sampled"] = "raw"
    finish_reason: FinishReason = "stop"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "text": self.text,
            "new_segment": self.new_segment,
            "prompt_token_ids": _listed(self.prompt_token_ids),
            "token_ids": _listed(self.token_ids),
            "logprobs": _listed(self.logprobs),
            "logprob_mode": self.logprob_mode,
            "finish_reason": self.finish_reason,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Completion:
        """The inverse of `to_dict`."""
        values = dict(data)
        for key in ("prompt_token_ids", "token_ids", "logprobs"):
            if values.get(key) is not None:
                values[key] = tuple(values[key])
        return cls(**cast(Any, values))


@runtime_checkable
class Policy(Protocol):
    """Anything that continues a conversation.

    `generate` is asynchronous and takes one conversation: local engines gather requests that wait into one batch,
    servers get them concurrently. It returns exactly `request.n` completions. Optional attributes: `name` (for logs),
    `tokenizer` (a transformers tokenizer; the agent then renders prompts to ids), and
    `async score(token_ids) -> log-probabilities of token_ids[1:]`.
    """

    async def generate(self, request: Request) -> list[Completion]:
        """`request.n` completions of the conversation."""
        ...


@runtime_checkable
class ValueFunction(Protocol):
    """A learned value of partial episodes."""

    async def value(self, token_ids: Sequence[int]) -> float:
        """V at the last position, after all of `token_ids` have been read."""
        ...


registry = PluginRegistry("policy", "stepgym.policies")
registry.add(
    "transformers",
    "stepgym.agents.engines.transformers_policy:load_transformers_policy",
    summary="a causal language model of the transformers library, from a folder or the model hub",
)
registry.add(
    "openai",
    "stepgym.agents.engines.openai_policy:load_openai_policy",
    summary="a model behind an OpenAI-compatible server, openai:http://127.0.0.1:8000/v1#MODEL",
)
registry.add(
    "vllm", "stepgym.agents.engines.vllm_policy:load_vllm_policy", summary="a saved model in vLLM, vllm:FOLDER"
)
registry.add(
    "scripted", "stepgym.agents.scripted.policies:ScriptedPolicy", summary="answers from a function, mapping or list"
)
registry.add(
    "random", "stepgym.agents.scripted.policies:RandomPolicy", summary="one of given answers, all equally likely"
)
registry.add("human", "stepgym.agents.scripted.policies:HumanPolicy", summary="a person at the terminal")
registry.add(
    "alfworld-expert",
    "stepgym.agents.scripted.alfworld_expert:load_alfworld_expert",
    summary="a scripted player of ALFWorld; alfworld-expert:noise=0.7,strategy=wrong-object plays worse",
)
registry.add(
    "puzzle-expert",
    "stepgym.agents.scripted.puzzle_expert:load_puzzle_expert",
    summary="solves Game24, Countdown and MathSteps expressions; puzzle-expert:noise=0.3 makes slips",
)


def policy_name(policy: Policy) -> str:
    """The policy's `name`, or the name of its class."""
    return str(getattr(policy, "name", type(policy).__name__))


def generate_batch(policy: Policy, requests: Sequence[Request]) -> list[list[Completion]]:
    """All `requests` answered together, for scripts without an event loop; order is kept."""

    async def gather() -> list[list[Completion]]:
        return list(await asyncio.gather(*(policy.generate(request) for request in requests)))

    from stepgym.agents.running import run_sync

    return run_sync(gather())


def _listed(values: Sequence[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)
