"""`PolicySummary`: a model tells what happened in the turns that are no longer shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from stepgym.agents.conversation.prompt_encoder import PromptEncoder
from stepgym.agents.conversation.prompts import ChatPrompt, PromptFormat
from stepgym.agents.policy import Message, Policy, Request, Sampling, policy_name
from stepgym.errors import StepgymError

TASK = """\
Below is the beginning of a conversation between a user, who shows an environment, and an assistant, who acts in it. \
Sum up in at most five sentences what the assistant must remember to go on: what was found where, what was done, what \
failed."""


@dataclass(frozen=True, slots=True)
class PolicySummary:
    """Makes the summary of `WithHistory` by asking a policy, usually the one that plays.

    Attributes:
        policy: Who is asked.
        task: What it is asked to do.
        prompt: How it is asked.
        sampling: How its answer is drawn; greedy by default, so that the same episode gets the same summary.
    """

    policy: Policy
    task: str = TASK
    prompt: PromptFormat = field(default_factory=ChatPrompt)
    sampling: Sampling = field(default_factory=partial(Sampling, temperature=0.0, max_tokens=200))

    def settings(self) -> dict[str, Any]:
        """What makes this summary differ from others, as JSON values."""
        return {
            "policy": policy_name(self.policy),
            "task": self.task,
            "prompt": self.prompt.settings(),
            "sampling": self.sampling.to_dict(),
        }

    async def __call__(self, before: str, dropped: Sequence[Message]) -> str:
        """The new summary.

        Raises:
            StepgymError: The policy did not finish its answer, or answered nothing.
        """
        told = [self.task, f"What happened before:\n{before}" if before else ""]
        told += [f"{message['role'].capitalize()}: {message['content']}" for message in dropped]
        turns: list[Message] = [{"role": "user", "content": "\n\n".join(part for part in told if part)}]
        messages = self.prompt.messages(turns)
        tokenizer = getattr(self.policy, "tokenizer", None)
        ids = None
        if tokenizer is not None:
            ids = PromptEncoder(self.prompt, tokenizer).encode(self.prompt.render(messages, tokenizer))
        (completion, *_) = await self.policy.generate(Request(messages, ids, self.sampling))
        if completion.finish_reason == "error" or not completion.text.strip():
            raise StepgymError(f"{policy_name(self.policy)} gave no summary: {completion.text!r:.80}")
        return completion.text.strip()
