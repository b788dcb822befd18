"""`Spending`: every token that a search lets a policy write is drawn and counted here."""

from __future__ import annotations

from dataclasses import replace

from stepgym.agents.agent import PolicyError
from stepgym.agents.policy import Completion, Policy, Request, policy_name
from stepgym.agents.search.result import SearchBudget
from stepgym.errors import StepgymError


class Spending:
    """Draws from a policy within a budget.

    Args:
        policy: Who writes.
        budget: Of the decision at hand.

    Attributes:
        tokens: Tokens written so far.
        draws: Requests made so far.
    """

    def __init__(self, policy: Policy, budget: SearchBudget) -> None:
        self.policy = policy
        self.budget = budget
        self.tokens = 0
        self.draws = 0

    def share(self, samples: int, at_most: int) -> int:
        """Tokens that each of `samples` may write; below 1 the budget is used up."""
        return self.budget.tokens_each(samples, spent=self.tokens, at_most=at_most)

    async def draw(self, request: Request, limit: int) -> list[Completion]:
        """`request.n` completions of at most `limit` tokens each.

        Raises:
            PolicyError: The policy failed, returned another number of completions or wrote more than it was allowed
                to, or it gives no token ids although the budget is one of tokens.
        """
        self.draws += 1
        sampling = replace(request.sampling, max_tokens=limit)
        name = policy_name(self.policy)
        try:
            completions = await self.policy.generate(replace(request, sampling=sampling))
        except StepgymError:
            raise
        except Exception as error:
            raise PolicyError(f"{name}: {type(error).__name__}: {error}") from error
        if len(completions) != request.n:
            raise PolicyError(f"{name}: asked for {request.n} completions, got {len(completions)}")
        for completion in completions:
            if completion.token_ids is None:
                if self.budget.tokens is not None:
                    raise PolicyError(f"{name} gives no token ids: a budget of tokens cannot be kept")
                continue
            self.tokens += len(completion.token_ids)
            if len(completion.token_ids) > limit:
                raise PolicyError(f"{name}: asked for at most {limit} tokens, got {len(completion.token_ids)}")
        return completions
