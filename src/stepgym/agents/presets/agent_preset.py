"""`AgentPreset`: one name for a way to play an environment, and where presets of an environment are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.conversation.prompts import ChatPrompt, PlainPrompt, PromptFormat
from stepgym.agents.policy import Message, Policy, Sampling
from stepgym.agents.scripted.policies import HumanPolicy, RandomPolicy, ScriptedPolicy
from stepgym.errors import InvalidInputError, PluginError, unknown_name
from stepgym.plugins import PluginRegistry


def _as_it_is(policy: Policy) -> Policy:
    return policy


@dataclass(frozen=True, slots=True)
class AgentPreset:
    """How an agent plays one environment: what the environment is told, what the model reads, how it is sampled.

    Attributes:
        name: Its name.
        summary: One line for people.
        env_kwargs: Arguments of the environment that belong to it.
        prompt: The prompt format; None takes the tokenizer's chat template, or plain text where there is none.
        sampling: Sampling settings; a caller may change them.
        bare: Scripted policies that read observations, not prompts.
        adapt: Makes a policy answer as this preset wants it, for scripted policies that can.
        examples: Worked examples for a prompt that this preset does not bring: messages of user and assistant in turn.
    """

    name: str
    summary: str = ""
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    prompt: PromptFormat | None = None
    sampling: Sampling = field(default_factory=Sampling)
    bare: tuple[type, ...] = (ScriptedPolicy, RandomPolicy, HumanPolicy)
    adapt: Callable[[Policy], Policy] = field(default=_as_it_is, repr=False)
    examples: tuple[Message, ...] = ()

    def agent(self, policy: Policy, **sampling: Any) -> Agent:
        """The policy with the prompt format of this preset.

        Args:
            policy: Any policy. Scripted ones and people read the bare observations.
            **sampling: Fields of `Sampling` in place of the preset's.
        """
        policy = self.adapt(policy)
        settings = replace(self.sampling, **sampling)
        if isinstance(policy, self.bare):
            return Agent(policy, PlainPrompt(), settings)
        return Agent(policy, self.prompt or _suited(getattr(policy, "tokenizer", None), self.examples), settings)


registry = PluginRegistry("environment with presets", "stepgym.presets")
registry.add(
    "stepgym/ALFWorld-v0",
    "stepgym.agents.presets.alfworld:PRESETS",
    summary="plain, oreo, verl-agent, react: as published harnesses play it",
)
for _name in ("ArithmeticChain", "Countdown", "Game24"):
    registry.add(
        f"stepgym/{_name}-v0",
        f"stepgym.agents.presets.numbers:{_name.upper()}",
        summary="chat, few-shot, think, tool-call; where there are lines: lines, lines-few-shot",
    )
for _name in ("GSM8K", "MATH", "MathSteps"):
    registry.add(
        f"stepgym/{_name}-v0",
        f"stepgym.agents.presets.mathematics:{_name.upper()}",
        summary="chat, few-shot, think, tool-call",
    )


def preset_names(env_id: str) -> list[str]:
    """The names of an environment's presets, sorted; empty if it has none."""
    name = env_id.rpartition(":")[2]
    return sorted(_presets(name)) if name in registry.names() else []


def preset(env_id: str, name: str) -> AgentPreset:
    """The preset called `name` of an environment.

    Presets are found by the id of the environment, in the entry-point group `stepgym.presets`: the entry is called like
    the environment, its value is "module:PRESETS", a mapping from names to presets. In a program of your own,
    `stepgym.agents.presets.registry.add(env_id, "module:PRESETS")` does it.

    Raises:
        UnknownNameError: It has no such preset; the nearest ones are named.
        InvalidInputError: The environment has none.
        PluginError: The presets of an installed package cannot be loaded.
    """
    env_id = env_id.rpartition(":")[2]
    if env_id not in registry.names():
        known = ", ".join(registry.names())
        raise InvalidInputError(f"{env_id} has no presets; there are some for {known}")
    found = _presets(env_id)
    if name not in found:
        raise unknown_name(f"preset of {env_id}", str(name), found)
    return found[name]


def _presets(env_id: str) -> Mapping[str, AgentPreset]:
    found = registry.get(env_id)
    if not isinstance(found, Mapping) or not all(isinstance(one, AgentPreset) for one in found.values()):
        raise PluginError(f"the presets of {env_id} must be a mapping from names to AgentPreset, got {found!r:.80}")
    return found


def _suited(tokenizer: Any, examples: tuple[Message, ...]) -> PromptFormat:
    if tokenizer is None or getattr(tokenizer, "chat_template", None):
        return ChatPrompt(opening=examples)
    return PlainPrompt(suffix="\n> ", instructions=True, opening=examples)
