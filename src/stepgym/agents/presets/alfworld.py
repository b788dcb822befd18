"""How published harnesses show ALFWorld to a model: chat, one prompt per step, few-shot text.

The structure follows the harnesses (what is shown, in which role, how much history); the words are this project's. What
an action is, the step limit and what invalid actions bring is the environment's half, `stepgym.envs.alfworld.PRESETS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, ClassVar

from stepgym.agents.conversation.prompts import ChatPrompt
from stepgym.agents.conversation.step_prompt import StepPrompt
from stepgym.agents.policy import Message, Policy, Sampling
from stepgym.agents.presets.agent_preset import AgentPreset
from stepgym.agents.presets.alfworld_examples import all_examples, examples_for
from stepgym.agents.scripted.alfworld_expert import ALFWorldExpertPolicy
from stepgym.agents.scripted.policies import HumanPolicy, RandomPolicy, ScriptedPolicy

_HOUSE = """\
You are in a house that is described in text, and you have a task to complete there. Each turn you are told what you \
see, and you give one command.

The commands are:
go to RECEPTACLE
open RECEPTACLE
close RECEPTACLE
take OBJECT from RECEPTACLE
move OBJECT to RECEPTACLE
heat OBJECT with RECEPTACLE
cool OBJECT with RECEPTACLE
clean OBJECT with RECEPTACLE
slice OBJECT with OBJECT
use OBJECT
examine OBJECT or RECEPTACLE
inventory
look
help

Objects and receptacles are called by name and number, for example: take apple 1 from fridge 1. \
"Nothing happens." means that a command was not possible."""

_AGREED = "Understood. Tell me the task, and I will complete it step by step."


@dataclass(frozen=True, slots=True)
class VerlAgentPrompt(StepPrompt):
    """One prompt per step; of the earlier answers, the command alone is told."""

    def action_of(self, text: str) -> str:
        """The command that was sent to the engine."""
        from stepgym.envs.alfworld import PRESETS as RULES

        return RULES["verl-agent"].parse(text).command or ""


@dataclass(frozen=True, slots=True)
class ReActPrompt:
    """A text to be continued: two games of the same task type with thoughts, then the game in play.

    Attributes:
        examples: How many games are shown, 0 to 2.
    """

    examples: int = 2
    adds_special_tokens: ClassVar[bool] = True

    def messages(self, turns: Sequence[Message], *, instructions: str = "") -> tuple[Message, ...]:
        """The turns, the first after the worked games; the format is shown there, not told."""
        first = turns[0]["content"]
        games = examples_for(first, self.examples)
        intro = "A household task is solved by giving commands."
        if games:
            intro += f" Here {'is one game' if len(games) == 1 else f'are {len(games)} games'}.\n\n" + "\n\n".join(
                games
            )
        shown: Message = {"role": "user", "content": f"{intro}\n\nHere is the task.\n{first}"}
        return (shown, *turns[1:])

    def render(self, messages: Sequence[Message], tokenizer: Any = None) -> str:
        """The text up to the mark after which a command is written; no tokenizer is needed."""
        parts = []
        for message in messages:
            if message["role"] == "user":
                parts.append(f"{message['content']}\n>")
            else:
                content = message["content"]
                parts.append(content if content.endswith("\n") else f"{content}\n")
        return "".join(parts)

    def settings(self) -> dict[str, Any]:
        """The field, and what identifies the worked games."""
        games = "\0".join(all_examples(self.examples))
        return {"format": "react", "examples": self.examples, "games": sha256(games.encode()).hexdigest()[:16]}


_BARE = (ScriptedPolicy, RandomPolicy, HumanPolicy, ALFWorldExpertPolicy)


def _preset(name: str, summary: str, prompt: Any = None, sampling: Sampling | None = None) -> AgentPreset:
    def adapt(policy: Policy) -> Policy:
        if isinstance(policy, ALFWorldExpertPolicy) and policy.preset.name == "plain":
            return ALFWorldExpertPolicy(strategy=policy.strategy, noise=policy.noise, preset=name, name=policy.name)
        return policy

    return AgentPreset(
        name, summary, {"preset": name}, prompt, sampling or Sampling(max_tokens=512), bare=_BARE, adapt=adapt
    )


PRESETS = MappingProxyType(
    {
        "plain": _preset("plain", "the command alone, in the tokenizer's chat or as plain text"),
        "oreo": _preset(
            "oreo",
            "chat with 'Thought: ...' and 'Action: ...', 40 steps",
            ChatPrompt(
                instructions="user",
                opening=({"role": "user", "content": _HOUSE}, {"role": "assistant", "content": _AGREED}),
                prefix="Observation: ",
            ),
        ),
        "verl-agent": _preset(
            "verl-agent",
            "one prompt per step with the last 2 steps and the possible commands, <think> and <action> tags, 50 steps",
            VerlAgentPrompt(
                intro="You complete a task in a house that is described in text, one command at a time.",
                history=2,
                task_after="Your task is to: ",
                choices="admissible_commands",
                hidden=("help",),
            ),
        ),
        "react": _preset(
            "react",
            "two worked games as text, 'think: ...' between commands, greedy, 50 steps",
            ReActPrompt(),
            Sampling(temperature=0.0, max_tokens=100, stop=("\n",)),
        ),
    }
)
"""The presets by name."""
