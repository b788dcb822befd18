"""Lookahead: every action in an environment chosen by V of what it leads to, tried out in forks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium

from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.policy import Completion, Policy, Request, Sampling, ValueFunction
from stepgym.agents.running import run_sync
from stepgym.agents.search.position import Position
from stepgym.agents.search.result import SearchBudget, SearchedEpisode
from stepgym.agents.search.scoring import Scorer, check_tokenizer
from stepgym.agents.search.searching_agent import SearchingAgent, play_with
from stepgym.agents.search.spending import Spending
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError


def lookahead(
    policy: Policy,
    value: ValueFunction,
    env: gymnasium.Env[Any, Any],
    k: int,
    *,
    depth: int = 1,
    task: str | None = None,
    use_outcome: bool = False,
    budget: SearchBudget | None = None,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    after_end: bool = False,
    seed: int | None = None,
    episode_id: str | None = None,
) -> SearchedEpisode:
    """An episode in `env` in which every action is the best of `k` drawn ones, by V of where it leads.

    Each different action is played in a fork, then the policy plays on for `depth - 1` turns; V is read after the
    observation that comes last, or after the last action where the episode is over. Needs an environment that can fork.
    What the environment shows in a fork is seen: one that says "that is not right" thereby judges.

    Args:
        policy: Draws the actions.
        value: See above.
        env: Is reset and stays open.
        k: Actions drawn at every turn; equal ones are tried once.
        depth: Turns tried, the action itself included, at least 1.
        task: `options["task"]` of the reset.
        use_outcome: Let rewards count: those of the fork are added, and an episode that is over is worth them alone.
            False is the honest setting where rewards are what is measured.
        budget: For each turn; when it does not allow to play on, V is read where the fork stands.
        sampling: How to draw, `Sampling()` if absent.
        prompt: How the conversation is shown, `PlainPrompt()` if absent.
        after_end: See `Scorer`.
        seed: Of the reset and of the policy; drawn, and kept in the episode, if absent.
        episode_id: For a log.

    Raises:
        InvalidInputError: The environment cannot fork, or the policy has no tokenizer.
    """
    return run_sync(
        lookahead_async(
            policy,
            value,
            env,
            k,
            depth=depth,
            task=task,
            use_outcome=use_outcome,
            budget=budget,
            sampling=sampling,
            prompt=prompt,
            after_end=after_end,
            seed=seed,
            episode_id=episode_id,
        )
    )


async def lookahead_async(
    policy: Policy,
    value: ValueFunction,
    env: gymnasium.Env[Any, Any],
    k: int,
    *,
    depth: int = 1,
    task: str | None = None,
    use_outcome: bool = False,
    budget: SearchBudget | None = None,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    after_end: bool = False,
    seed: int | None = None,
    episode_id: str | None = None,
) -> SearchedEpisode:
    """`lookahead` inside an event loop."""
    if k < 1 or depth < 1:
        raise InvalidInputError(f"expected k >= 1 and depth >= 1, got {k} and {depth}")
    check_tokenizer(policy)
    scorer = Scorer(value, getattr(policy, "tokenizer", None), after_end=after_end)
    agent = _LookaheadAgent(policy, env, scorer, k, depth, use_outcome, budget or SearchBudget(), prompt, sampling)
    episode = await play_with(agent, env, task=task, seed=seed, episode_id=episode_id)
    return SearchedEpisode(episode, agent.tokens_spent, scorer.tokens)


class _LookaheadAgent(SearchingAgent):
    def __init__(
        self,
        policy: Policy,
        env: gymnasium.Env[Any, Any],
        scorer: Scorer,
        k: int,
        depth: int,
        use_outcome: bool,
        budget: SearchBudget,
        prompt: PromptFormat | None,
        sampling: Sampling | None,
    ) -> None:
        super().__init__(policy, env, name=f"lookahead-{k}x{depth}", prompt=prompt, sampling=sampling)
        self._drawn_from, self._scorer, self._budget = policy, scorer, budget
        self._k, self._depth, self._use_outcome = k, depth, use_outcome

    async def choose(self, position: Position, request: Request) -> Completion:
        spending = Spending(self._drawn_from, self._budget)
        try:
            return await self._chosen(position, request, spending)
        finally:
            self.tokens_spent += spending.tokens

    async def _chosen(self, position: Position, request: Request, spending: Spending) -> Completion:
        limit = spending.share(self._k, request.sampling.max_tokens)
        if limit < 1:
            raise InvalidInputError(f"the budget does not give each of {self._k} actions a token")
        drawn = await spending.draw(replace(request, n=self._k), limit)
        actions = {completion.text: completion for completion in drawn[::-1] if completion.finish_reason == "stop"}
        actions = {c.text: actions[c.text] for c in drawn if c.text in actions}  # in the order of the draws
        if not actions:
            return drawn[0]
        reached = []
        for i, action in enumerate(actions.values()):
            there = await self.forks.after(position, action)
            for turn in range(1, self._depth):
                left = spending.share(len(actions) - i, request.sampling.max_tokens)
                if there.end is not None or left < 1:
                    break
                seed = None if request.seed is None else derive_seed(request.seed, "ahead", i, turn)
                asked = replace(request, messages=there.messages, prompt_token_ids=there.prompt, n=1, seed=seed)
                (answer,) = await spending.draw(asked, left)
                if answer.finish_reason != "stop":
                    break  # cut: V of where the fork stands
                there = await self.forks.after(there, answer)
            reached.append(there)
        scores = await self._scorer.score([there.reading() for there in reached])
        values = [0.0 if score is None else score for score in scores]
        if self._use_outcome:
            values = [
                there.reward + (0.0 if there.end else value) for there, value in zip(reached, values, strict=True)
            ]
        best = max(range(len(values)), key=values.__getitem__)
        return list(actions.values())[best]
