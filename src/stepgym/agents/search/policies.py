"""Searches as policies, so that everything that takes a policy (`collect`, evaluation) can search at every turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from stepgym.agents.policy import Completion, Policy, Request, ValueFunction, policy_name
from stepgym.agents.search.answers import last_number
from stepgym.agents.search.best_of_n import Choose, best_of_n_async, check_choice
from stepgym.agents.search.mcts import mcts_async
from stepgym.agents.search.result import SearchBudget, SearchResult
from stepgym.agents.search.step_beam import step_beam_async
from stepgym.agents.seeds import derive_seed
from stepgym.verifiers import Verifier


class SearchPolicy:
    """Answers each request by a search.

    Attributes:
        name: The search and the policy under it.
        tokenizer: That of the policy under it.
        context: Likewise.
        tokens_spent: Tokens the policy wrote since this object was made, thrown away ones included.
        tokens_scored: Tokens the value function read.
    """

    def __init__(self, policy: Policy, name: str, search: Callable[[Request], Awaitable[SearchResult]]) -> None:
        self.name = f"{name}({policy_name(policy)})"
        self.tokenizer: Any = getattr(policy, "tokenizer", None)
        self.context: Any = getattr(policy, "context", None)
        self.tokens_spent = 0
        self.tokens_scored = 0
        self._search = search

    async def generate(self, request: Request) -> list[Completion]:
        """`request.n` choices, each from a search of its own."""
        seeds = [None if request.seed is None else derive_seed(request.seed, "search", i) for i in range(request.n)]
        results = await asyncio.gather(*(self._search(replace(request, n=1, seed=seed)) for seed in seeds))
        self.tokens_spent += sum(result.tokens_spent for result in results)
        self.tokens_scored += sum(result.tokens_scored for result in results)
        return [result.completion for result in results]


class BestOfNPolicy(SearchPolicy):
    """`best_of_n` at every turn; the arguments are those of `best_of_n`."""

    def __init__(
        self,
        policy: Policy,
        value: ValueFunction | None,
        n: int,
        *,
        choose: Choose = "value",
        budget: SearchBudget | None = None,
        answer_of: Callable[[str], str] = last_number,
        verifier: Verifier | str | None = None,
        after_end: bool = False,
    ) -> None:
        check_choice(value, n, choose=choose, verifier=verifier)

        def search(request: Request) -> Awaitable[SearchResult]:
            return best_of_n_async(
                policy,
                value,
                request,
                n,
                choose=choose,
                budget=budget,
                answer_of=answer_of,
                verifier=verifier,
                after_end=after_end,
            )

        super().__init__(policy, f"best-of-{n}-by-{choose.replace('_', '-')}", search)


class StepBeamPolicy(SearchPolicy):
    """`step_beam` at every turn; the arguments are those of `step_beam`."""

    def __init__(
        self,
        policy: Policy,
        value: ValueFunction,
        *,
        width: int = 3,
        expand: int | None = None,
        first: int | None = None,
        budget: SearchBudget | None = None,
        delimiter: str | Sequence[str] = "\n",
        after_end: bool = False,
    ) -> None:
        def search(request: Request) -> Awaitable[SearchResult]:
            return step_beam_async(
                policy,
                value,
                request,
                width=width,
                expand=expand,
                first=first,
                budget=budget,
                delimiter=delimiter,
                after_end=after_end,
            )

        sizes = [width, *(() if expand is None else (expand,)), *(() if first is None else (first,))]
        super().__init__(policy, f"step-beam-{'x'.join(map(str, sizes))}", search)


class MCTSPolicy(SearchPolicy):
    """`mcts` on the question of every turn; the arguments are those of `mcts`."""

    def __init__(
        self,
        policy: Policy,
        value: ValueFunction,
        *,
        expand: int = 2,
        explore: float = 1.0,
        enough: float | None = None,
        budget: SearchBudget | None = None,
        delimiter: str | Sequence[str] = "\n",
        after_end: bool = False,
    ) -> None:
        def search(request: Request) -> Awaitable[SearchResult]:
            return mcts_async(
                policy,
                value,
                request,
                expand=expand,
                explore=explore,
                enough=enough,
                budget=budget,
                delimiter=delimiter,
                after_end=after_end,
            )

        super().__init__(policy, f"mcts-{expand}", search)
