"""Searches as policies, so that everything that takes a policy (`collect`, evaluation) can search at every turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import blake2b
from typing import Any

from stepgym.agents.agent import takes_messages
from stepgym.agents.policy import Completion, Policy, Request, ValueFunction, policy_name
from stepgym.agents.rollout.identity import policy_settings
from stepgym.agents.search.answers import last_number
from stepgym.agents.search.best_of_n import Choose, best_of_n_async, check_choice
from stepgym.agents.search.mcts import mcts_async
from stepgym.agents.search.progress_ranking import ProgressRanking
from stepgym.agents.search.result import SearchBudget, SearchResult
from stepgym.agents.search.step_beam import step_beam_async
from stepgym.agents.seeds import derive_seed
from stepgym.verifiers import Verifier

_SEEN = 16  # numbers of a tensor, at either end


class SearchPolicy:
    """Answers each request by a search.

    Attributes:
        name: The search and the policy under it.
        tokenizer: That of the policy under it.
        context, takes_messages: Likewise.
        tokens_spent: Tokens the policy wrote since this object was made, thrown away ones included.
        tokens_scored: Tokens the value function read.
    """

    def __init__(
        self,
        policy: Policy,
        name: str,
        search: Callable[[Request], Awaitable[SearchResult]],
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = f"{name}({policy_name(policy)})"
        self.tokenizer: Any = getattr(policy, "tokenizer", None)
        self.context: Any = getattr(policy, "context", None)
        self.takes_messages = takes_messages(policy)
        self.tokens_spent = 0
        self.tokens_scored = 0
        self._search = search
        self._policy, self._settings = policy, dict(settings or {})

    @property
    def settings(self) -> dict[str, Any]:
        """What the search does and what the policy under it says of itself, for the ids of episodes."""
        under = policy_settings(self._policy)
        found = {key: _identity(value) for key, value in self._settings.items()}
        return {**({"search": found} if found else {}), **({"policy": under} if under else {})}

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

        settings = {
            "value": value,
            "budget": budget,
            "answer_of": answer_of,
            "verifier": verifier,
            "after_end": after_end,
        }
        super().__init__(policy, f"best-of-{n}-by-{choose.replace('_', '-')}", search, settings=settings)


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
        progress: ProgressRanking | None = None,
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
                progress=progress,
            )

        sizes = [width, *(() if expand is None else (expand,)), *(() if first is None else (first,))]
        settings: dict[str, Any] = {
            "value": value,
            "expand": expand,
            "first": first,
            "budget": budget,
            "delimiter": delimiter,
            "after_end": after_end,
        }
        kind = "step-beam"
        if progress is not None:
            kind = "progress-beam"
            settings |= {"alpha": progress.alpha, "best_of": progress.best_of, "prover": progress.prover}
        super().__init__(policy, f"{kind}-{'x'.join(map(str, sizes))}", search, settings=settings)


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

        settings = {
            "value": value,
            "explore": explore,
            "enough": enough,
            "budget": budget,
            "delimiter": delimiter,
            "after_end": after_end,
        }
        super().__init__(policy, f"mcts-{expand}", search, settings=settings)


def _identity(part: Any) -> Any:
    """JSON values that tell `part` of a search from another: by its own settings, weights or name."""
    if part is None or isinstance(part, str | int | float):
        return part
    if isinstance(part, SearchBudget):
        return asdict(part)
    if isinstance(part, list | tuple):
        return [_identity(item) for item in part]
    name = getattr(part, "name", None) or getattr(part, "__qualname__", type(part).__qualname__)
    own, model = getattr(part, "settings", None), getattr(part, "model", None)
    found = {"name": str(name), **({"settings": dict(own)} if isinstance(own, Mapping) else {})}
    if hasattr(model, "state_dict"):
        return {**found, "weights": _weights_id(model)}
    # A server is asked for a model by its name.
    return {**found, "model": model} if isinstance(model, str) else found


def _weights_id(model: Any) -> str:
    """10 hexadecimal digits of the shape, the beginning and the end of each tensor: enough to notice training."""
    digest = blake2b(digest_size=5)
    for name, tensor in model.state_dict().items():
        flat = tensor.detach().flatten()
        ends = [*flat[:_SEEN].tolist(), *flat[-_SEEN:].tolist()]
        digest.update(repr((name, tuple(tensor.shape), ends)).encode())
    return digest.hexdigest()
