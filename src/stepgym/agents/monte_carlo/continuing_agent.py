"""`ContinuingAgent`: repeats a logged episode up to a prefix and then plays on with its policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stepgym.agents.agent import Agent, PolicyError
from stepgym.agents.conversation.conversation import Conversation, Prompt
from stepgym.agents.engines.stops import decode
from stepgym.agents.episodes import Step
from stepgym.agents.monte_carlo.prefixes import Prefix
from stepgym.agents.policy import Completion, Request
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError


class ContinuingAgent(Agent):
    """An agent whose conversations begin as logged episodes did.

    Which one, the seed of the conversation says: `prefixes` maps it to a prefix. Turns that are over are recorded with
    their logged ids where the policy's prompt has the ids of the log, so that it reads exactly what was read then; for
    a policy with another tokenizer or prompt their text is encoded. An answer that is begun goes on behind its last
    token, and its limit counts the tokens that are there.

    Raises:
        InvalidInputError: From `act`, when the environment does not answer as it did in the log, or an answer that is
            begun is to be continued by a policy that does not read the same ids.
    """

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent.policy, agent.prompt, agent.sampling)
        self.prefixes: dict[int, Prefix] = {}

    async def act(
        self, conversation: Conversation, observation: str, *, info: Mapping[str, Any] | None = None
    ) -> Completion:
        """What was done in the log, or from the prefix on what the policy answers; see `Agent.act`."""
        prefix = None if conversation.seed is None else self.prefixes.get(conversation.seed)
        turn = len(conversation.turns) // 2
        if prefix is None or turn > len(prefix.turns):
            return await super().act(conversation, observation, info=info)
        logged = prefix.turns[turn] if turn < len(prefix.turns) else None
        expected = prefix.observation if logged is None else logged.observation
        if observation != expected:
            raise InvalidInputError(
                f"the environment of {prefix.task_id!r:.80} does not go as in the episode {prefix.episode_id!r:.80}: "
                f"before turn {turn} it shows {observation[:80]!r}, logged is {expected[:80]!r}. "
                "Continuing needs the environment, with its arguments, that the log was collected in."
            )
        if logged is not None:
            return _repeat(conversation, await conversation.ask_async(observation, info), logged)
        if not prefix.written:
            return await super().act(conversation, observation, info=info)
        return await self._go_on(conversation, await conversation.ask_async(observation, info), prefix, turn)

    async def _go_on(self, conversation: Conversation, prompt: Prompt, prefix: Prefix, turn: int) -> Completion:
        if prompt.token_ids is None or (prompt.new_segment, prompt.new_ids) != (
            prefix.new_segment,
            prefix.prompt_token_ids,
        ):
            raise InvalidInputError(
                f"{self.name} does not read the ids of the log, so it cannot continue an answer that is begun: use the "
                "tokenizer and the prompt of the log, or prefixes(..., delimiters=()), which end where turns do"
            )
        read, room = prompt.token_ids + prefix.written, self.sampling.max_tokens - len(prefix.written)
        context = getattr(self.policy, "context", None)
        written, reason = prefix.written, "length"
        if room > 0 and not (isinstance(context, int) and len(read) >= context):
            seed = None if conversation.seed is None else derive_seed(conversation.seed, turn)
            request = Request(prompt.messages, read, replace(self.sampling, max_tokens=room), seed=seed)
            try:
                (found,) = await self.policy.generate(request)
            except Exception as error:
                raise PolicyError(f"{self.name}: {type(error).__name__}: {error}") from error
            if found.token_ids is None:
                raise PolicyError(f"{self.name}: expected the ids of what was written, got text alone")
            written, reason = prefix.written + found.token_ids, found.finish_reason
        text = decode(self.policy.tokenizer, written)  # type: ignore[attr-defined]
        return conversation.record(
            Completion(text, prompt_token_ids=prompt.token_ids, token_ids=written, finish_reason=reason)  # type: ignore[arg-type]
        )


def _repeat(conversation: Conversation, prompt: Prompt, logged: Step) -> Completion:
    done = logged.completion
    if prompt.token_ids is None:
        return conversation.record(Completion(logged.action))
    if done is not None and (done.new_segment, done.prompt_token_ids) == (prompt.new_segment, prompt.new_ids):
        return conversation.record(replace(done, text=logged.action, prompt_token_ids=prompt.token_ids))
    return conversation.force(logged.action)
