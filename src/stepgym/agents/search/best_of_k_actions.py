"""Best of K actions: every action in an environment chosen by V, nothing tried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium

from stepgym.agents.agent import Agent
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.policy import Policy, Sampling, ValueFunction
from stepgym.agents.running import run_sync
from stepgym.agents.search.best_of_n import Choose
from stepgym.agents.search.policies import BestOfNPolicy
from stepgym.agents.search.result import SearchBudget, SearchedEpisode
from stepgym.agents.search.scoring import check_tokenizer
from stepgym.agents.search.searching_agent import play_with
from stepgym.verifiers import Verifier


def best_of_k_actions(
    policy: Policy,
    value: ValueFunction | None,
    env: gymnasium.Env[Any, Any],
    k: int,
    *,
    task: str | None = None,
    choose: Choose = "value",
    budget: SearchBudget | None = None,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    answer_of: Callable[[str], str] = str.strip,
    verifier: Verifier | str | None = None,
    after_end: bool = False,
    seed: int | None = None,
    episode_id: str | None = None,
) -> SearchedEpisode:
    """An episode in `env` in which every action is the best of `k` drawn ones, by V of the conversation with it.

    Nothing is tried out, so it works in every environment. For many episodes at once give `BestOfNPolicy`, which this
    is, to `stepgym.agents.collect`.

    Args:
        policy: Draws the actions.
        value: Read after the action, before its end-of-turn token (see `Scorer`); may be None for other choices.
        env: Is reset and stays open.
        k: Actions drawn at every turn; equal ones are read once.
        task: `options["task"]` of the reset.
        choose: As in `best_of_n`; actions vote with their whole text.
        budget: For each turn.
        sampling: How to draw, `Sampling()` if absent.
        prompt: How the conversation is shown, `PlainPrompt()` if absent.
        answer_of: What an action votes for.
        verifier: For `choose="verifier"`, one that judges an action without a reference.
        after_end: See `Scorer`.
        seed: Of the reset and of the policy; drawn, and kept in the episode, if absent.
        episode_id: For a log.
    """
    return run_sync(
        best_of_k_actions_async(
            policy,
            value,
            env,
            k,
            task=task,
            choose=choose,
            budget=budget,
            sampling=sampling,
            prompt=prompt,
            answer_of=answer_of,
            verifier=verifier,
            after_end=after_end,
            seed=seed,
            episode_id=episode_id,
        )
    )


async def best_of_k_actions_async(
    policy: Policy,
    value: ValueFunction | None,
    env: gymnasium.Env[Any, Any],
    k: int,
    *,
    task: str | None = None,
    choose: Choose = "value",
    budget: SearchBudget | None = None,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    answer_of: Callable[[str], str] = str.strip,
    verifier: Verifier | str | None = None,
    after_end: bool = False,
    seed: int | None = None,
    episode_id: str | None = None,
) -> SearchedEpisode:
    """`best_of_k_actions` inside an event loop."""
    if value is not None:
        check_tokenizer(policy)
    searching = BestOfNPolicy(
        policy, value, k, choose=choose, budget=budget, answer_of=answer_of, verifier=verifier, after_end=after_end
    )
    agent = Agent(searching, prompt, sampling)
    episode = await play_with(agent, env, task=task, seed=seed, episode_id=episode_id)
    return SearchedEpisode(episode, searching.tokens_spent, searching.tokens_scored)
