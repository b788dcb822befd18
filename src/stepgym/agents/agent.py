"""`Agent`: a policy with a prompt format and sampling settings, ready to act in an environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from stepgym.agents.conversation.conversation import Conversation, PromptEncoder, SummaryError
from stepgym.agents.conversation.prompts import ChatPrompt, PlainPrompt, PromptFormat, template_hash
from stepgym.agents.policy import Completion, Policy, Request, Sampling, policy_name
from stepgym.agents.seeds import derive_seed
from stepgym.errors import StepgymError


class PolicyError(StepgymError):
    """The policy failed to answer; the cause is what it raised."""


class Agent:
    """Acts with a policy, one `Conversation` per episode; the whole completion text is the action.

    Args:
        policy: The policy; if it has a `tokenizer`, prompts are sent as ids.
        prompt: How the conversation is shown; if absent, `ChatPrompt()` for a policy whose attribute `takes_messages`
            is true (a server that renders messages itself), and `PlainPrompt()` for every other.
        sampling: How completions are drawn.
    """

    def __init__(self, policy: Policy, prompt: PromptFormat | None = None, sampling: Sampling | None = None) -> None:
        self.policy = policy
        self.prompt: PromptFormat = default_prompt(policy) if prompt is None else prompt
        self.sampling = Sampling() if sampling is None else sampling
        tokenizer = getattr(policy, "tokenizer", None)
        self._encoder = None if tokenizer is None else PromptEncoder(self.prompt, tokenizer)

    @property
    def name(self) -> str:
        """The policy's name."""
        return policy_name(self.policy)

    @cached_property
    def template_hash(self) -> str:
        """Identifies tokenizer and prompt template; "" for policies without a tokenizer."""
        return "" if self._encoder is None else template_hash(self.prompt, self._encoder.tokenizer)

    @property
    def _context(self) -> int | None:
        """Most tokens the policy reads and writes together; None if it does not say."""
        context = getattr(self.policy, "context", None)
        return context if isinstance(context, int) else None

    def start(self, *, instructions: str = "", seed: int | None = None) -> Conversation:
        """A new conversation; `seed` fixes the policy's randomness in it as far as the policy promises."""
        context = self._context
        room = None if context is None else max(1, context - self.sampling.max_tokens)
        return Conversation(self.prompt, self._encoder, instructions=instructions, seed=seed, room=room)

    async def act(
        self, conversation: Conversation, observation: str, *, info: Mapping[str, Any] | None = None
    ) -> Completion:
        """The policy's answer to `observation`, recorded in the `conversation`.

        A prompt that fills the policy's `context` is not sent: the answer is empty and cut by "length", and
        `conversation.overflow` says so.

        Args:
            conversation: From `start`.
            observation: What the environment shows.
            info: What it said with it; prompt formats may show some of that, such as the possible actions.

        Raises:
            PolicyError: The policy, or the summary of the history, raised an exception, or the policy did not return
                exactly one completion.
        """
        turn = len(conversation.turns)
        try:
            prompt = await conversation.ask_async(observation, info)
        except SummaryError as error:
            raise PolicyError(f"{self.name}: {error}") from error
        if self._context is not None and prompt.token_ids is not None and len(prompt.token_ids) >= self._context:
            conversation.overflow = (
                f"the prompt of turn {turn // 2 + 1} has {len(prompt.token_ids):,} tokens, the policy's context holds "
                f"{self._context:,}: drop earlier turns (stepgym.agents.FitContext) or shorten the instructions"
            )
            return conversation.record(
                Completion("", prompt_token_ids=prompt.token_ids, token_ids=(), logprobs=(), finish_reason="length")
            )
        seed = None if conversation.seed is None else derive_seed(conversation.seed, turn)
        request = Request(prompt.messages, prompt.token_ids, self.sampling, seed=seed)
        try:
            completions = await self.policy.generate(request)
        except Exception as error:
            raise PolicyError(f"{self.name}: {type(error).__name__}: {error}") from error
        if len(completions) != 1:
            raise PolicyError(f"{self.name}: expected 1 completion, got {len(completions)}")
        return conversation.record(completions[0])


def default_prompt(policy: Policy) -> PromptFormat:
    """The prompt format where none was chosen: a policy that takes messages is told the instructions in one."""
    return ChatPrompt() if takes_messages(policy) else PlainPrompt()


def takes_messages(policy: Policy) -> bool:
    """Whether the policy sends chat messages on, so that a model behind it reads the messages and no rendered text."""
    return getattr(policy, "tokenizer", None) is None and bool(getattr(policy, "takes_messages", False))
