"""`WrittenPolicy`: a policy that knows actions, in an environment that reads them out of a text."""

from __future__ import annotations

from dataclasses import replace

from stepgym.agents.policy import Completion, Policy, Request, policy_name
from stepgym.envs.actions import ActionsLike, action_format


class WrittenPolicy:
    """Writes the actions of another policy, an expert for instance, as an action format reads them.

    Args:
        policy: Answers with actions, in text without ids.
        actions: The format, see `stepgym.envs.action_format`.
    """

    def __init__(self, policy: Policy, actions: ActionsLike) -> None:
        self.name = policy_name(policy)
        self._policy = policy
        self._format = action_format(actions)

    async def generate(self, request: Request) -> list[Completion]:
        """The other policy's completions, as texts that read as them."""
        return [
            replace(one, text=self._format.write(one.text), prompt_token_ids=None, token_ids=None, logprobs=None)
            for one in await self._policy.generate(request)
        ]
