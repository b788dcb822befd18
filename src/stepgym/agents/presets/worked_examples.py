"""The presets that every question can have: chat, worked examples, thoughts first, an answer by a tool call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stepgym.agents.policy import Message, Policy, Sampling
from stepgym.agents.presets.agent_preset import AgentPreset
from stepgym.agents.scripted.policies import HumanPolicy, RandomPolicy, ScriptedPolicy
from stepgym.agents.scripted.puzzle_expert import PuzzleExpertPolicy
from stepgym.agents.scripted.written_policy import WrittenPolicy

Exchange = tuple[str, str]
"""What is shown, and the answer to it."""

_BARE = (ScriptedPolicy, RandomPolicy, HumanPolicy, PuzzleExpertPolicy, WrittenPolicy)


def dialogue(*exchanges: Exchange) -> tuple[Message, ...]:
    """The exchanges as messages of user and assistant."""
    found: list[Message] = []
    for shown, answer in exchanges:
        found += [{"role": "user", "content": shown}, {"role": "assistant", "content": answer}]
    return tuple(found)


def question_presets(
    examples: Sequence[Exchange], *, what: str, argument: str, tokens: int = 1024, thinking: int = 8192
) -> dict[str, AgentPreset]:
    """The presets of an environment whose actions are texts.

    Args:
        examples: Worked examples for "few-shot".
        what: What one answer is, for the summaries.
        argument: The argument of the tool call that holds it.
        tokens: Most tokens of an answer.
        thinking: The same with thoughts.
    """
    call = {"format": "tool-call", "argument": argument}
    presets = (
        question_preset("chat", f"{what}, in the tokenizer's chat or as plain text", tokens=tokens),
        question_preset("few-shot", f"{what}, after worked examples", tokens=tokens, examples=examples),
        question_preset("think", f"{what}, after thoughts that are not judged", {"actions": "think"}, tokens=thinking),
        question_preset(
            "tool-call", f"{what}, as the argument {argument!r} of a tool call", {"actions": call}, tokens=thinking
        ),
    )
    return {preset.name: preset for preset in presets}


def question_preset(
    name: str,
    summary: str,
    env_kwargs: Mapping[str, Any] | None = None,
    *,
    tokens: int,
    examples: Sequence[Exchange] = (),
) -> AgentPreset:
    """A preset in whatever form the tokenizer suggests; experts write as the environment reads."""
    kwargs = dict(env_kwargs or {})

    def adapt(policy: Policy) -> Policy:
        expert = isinstance(policy, PuzzleExpertPolicy) and "actions" in kwargs
        return WrittenPolicy(policy, kwargs["actions"]) if expert else policy

    return AgentPreset(
        name,
        summary,
        kwargs,
        sampling=Sampling(max_tokens=tokens),
        bare=_BARE,
        adapt=adapt,
        examples=dialogue(*examples),
    )
