"""Monte-Carlo tree search with V at the leaves and the policy as prior, over steps of an answer or over actions.

After Zhang et al., "ReST-MCTS*: LLM Self-Training via Process Reward Guided Tree Search", arXiv 2406.03816, with PUCT
instead of UCT: see `stepgym.agents.search.tree` for the rule.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, overload

import gymnasium

from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.policy import Policy, Request, Sampling, ValueFunction, policy_name
from stepgym.agents.running import run_sync
from stepgym.agents.search.action_tree import mcts_actions_async
from stepgym.agents.search.answer_tree import AnswerTree, Judge, answer_episodes
from stepgym.agents.search.result import Candidate, SearchBudget, SearchedEpisode, SearchResult
from stepgym.agents.search.scoring import Scorer, as_request
from stepgym.agents.search.simulation import SIMULATIONS, check_simulation, simulate
from stepgym.agents.search.spending import Spending
from stepgym.agents.search.step_beam import STEP_SAMPLING, check_steps
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verifier, get_verifier


@overload
def mcts(
    policy: Policy,
    value: ValueFunction,
    env_or_question: gymnasium.Env[Any, Any],
    *,
    expand: int = ...,
    explore: float = ...,
    budget: SearchBudget | None = ...,
    use_outcome: bool = ...,
    task: str | None = ...,
    sampling: Sampling | None = ...,
    prompt: PromptFormat | None = ...,
    after_end: bool = ...,
    seed: int | None = ...,
) -> SearchedEpisode: ...


@overload
def mcts(
    policy: Policy,
    value: ValueFunction,
    env_or_question: str | Request,
    *,
    expand: int = ...,
    explore: float = ...,
    budget: SearchBudget | None = ...,
    use_outcome: bool = ...,
    enough: float | None = ...,
    delimiter: str | Sequence[str] = ...,
    verifier: Verifier | str | None = ...,
    reference: Any = ...,
    task: str | None = ...,
    sampling: Sampling | None = ...,
    prompt: PromptFormat | None = ...,
    instructions: str = ...,
    after_end: bool = ...,
    seed: int | None = ...,
) -> SearchResult: ...


def mcts(
    policy: Policy,
    value: ValueFunction,
    env_or_question: gymnasium.Env[Any, Any] | str | Request,
    *,
    expand: int = 2,
    explore: float = 1.0,
    budget: SearchBudget | None = None,
    use_outcome: bool = False,
    enough: float | None = None,
    delimiter: str | Sequence[str] = "\n",
    verifier: Verifier | str | None = None,
    reference: Any = None,
    task: str | None = None,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    instructions: str = "",
    after_end: bool = False,
    seed: int | None = None,
) -> SearchResult | SearchedEpisode:
    r"""The answer to a question, or an episode in an environment that can fork, found by Monte-Carlo tree search.

    A question is answered in steps that end with `delimiter`; the answer is the finished one with the highest V. In an
    environment a tree is grown before every action, the most visited action is played, and its part of the tree is
    kept. Either way finished paths come back as episodes tied by `parent` and `forked_at`, with sibling actions for
    `stepgym.agents.exporters.preference_pairs.step_pairs`.

    Args:
        policy: Draws steps or actions; it must have a tokenizer.
        value: V of a step after its delimiter, of an action after the observation it brings (`Scorer` has the rest).
        env_or_question: An environment (reset here, left open), a text, or a request as it is.
        expand: Steps drawn at once at a node that is widened; a new node gets one. More than 1 saves time, not tokens.
        explore: Weight of the priors against V, for V and rewards of about [0, 1].
        budget: Tokens and simulations (64 if absent), for the question or for each action that is played. A simulation
            that comes to a finished leaf again costs no tokens.
        use_outcome: Let the search see how finished paths turned out: the verifier's verdict, or the rewards. False is
            the honest setting where that is what is measured.
        enough: For a question: an answer with a V of at least this ends the search, so that easy questions cost less.
        delimiter: What ends a step of an answer, one string or several.
        verifier: Judges finished answers, for the outcomes of the episodes (and for `use_outcome`).
        reference: For the verifier.
        task: `options["task"]` of the reset; for a question the `task_id` of the episodes, its text if absent.
        sampling: How to draw; `max_tokens` bounds one step or action. For questions temperature 1 and 2,048 tokens if
            absent, in environments `Sampling()`.
        prompt: How the question or conversation is shown, `PlainPrompt()` if absent.
        instructions: Shown with a question by formats that do so; an environment brings its own.
        after_end: See `Scorer`.
        seed: Repeats the search as far as the policy promises.

    Raises:
        InvalidInputError: The environment cannot fork, the policy has no tokenizer, or `use_outcome` without a
            verifier for a question.
    """
    if isinstance(env_or_question, gymnasium.Env):
        return run_sync(
            mcts_actions_async(
                policy,
                value,
                env_or_question,
                expand=expand,
                explore=explore,
                budget=budget,
                use_outcome=use_outcome,
                task=task,
                sampling=sampling,
                prompt=prompt,
                after_end=after_end,
                seed=seed,
            )
        )
    request = as_request(
        policy,
        env_or_question,
        prompt=prompt,
        instructions=instructions,
        sampling=sampling or STEP_SAMPLING,
        seed=seed,
    )
    return run_sync(
        mcts_async(
            policy,
            value,
            request,
            expand=expand,
            explore=explore,
            budget=budget,
            use_outcome=use_outcome,
            enough=enough,
            delimiter=delimiter,
            verifier=verifier,
            reference=reference,
            task=task,
            after_end=after_end,
        )
    )


async def mcts_async(
    policy: Policy,
    value: ValueFunction,
    request: Request,
    *,
    expand: int = 2,
    explore: float = 1.0,
    budget: SearchBudget | None = None,
    use_outcome: bool = False,
    enough: float | None = None,
    delimiter: str | Sequence[str] = "\n",
    verifier: Verifier | str | None = None,
    reference: Any = None,
    task: str | None = None,
    after_end: bool = False,
) -> SearchResult:
    """`mcts` on a question inside an event loop; many at once share the batches of policy and value function."""
    delimiters = (delimiter,) if isinstance(delimiter, str) else tuple(delimiter)
    check_steps(policy, request, delimiters)
    check_simulation(expand=expand, explore=explore)
    if use_outcome and verifier is None:
        raise InvalidInputError("use_outcome=True needs a verifier that says how an answer turned out")
    question = request.messages[-1]["content"] if request.messages else ""
    judging = get_verifier(verifier) if isinstance(verifier, str) else verifier
    judge = None if judging is None else Judge(judging, reference, question)
    spending = Spending(policy, budget or SearchBudget())
    scorer = Scorer(value, getattr(policy, "tokenizer", None), after_end=after_end)
    tree = AnswerTree(spending, scorer, request, delimiters, judge if use_outcome else None)
    await tree.start()
    rounds = spending.budget.rounds or SIMULATIONS
    played = await simulate(tree.root, tree, spending, expand=expand, explore=explore, rounds=rounds, enough=enough)
    leaves = [node for node in tree.root if not node.children]
    ended = [leaf for leaf in leaves if leaf.finished] or [leaf for leaf in leaves if leaf.ended] or leaves
    choice = tree.partial(max(ended, key=lambda leaf: leaf.value))
    identity = (request.prompt_token_ids, policy_name(policy), secrets.token_hex() if request.seed is None else request)
    return SearchResult(
        choice.completion(tree.prompt),
        choice.score,
        tuple(
            Candidate(tree.partial(leaf).completion(tree.prompt), leaf.value, finished=leaf.finished) for leaf in leaves
        ),
        tokens_spent=spending.tokens,
        tokens_scored=scorer.tokens,
        rounds=played,
        tree=tree.root,
        episodes=answer_episodes(
            tree,
            request,
            run=f"mcts/{blake2b(repr(identity).encode(), digest_size=8).hexdigest()}",
            task_id=question if task is None else task,
            judge=judge,
            policy=f"mcts({policy_name(policy)})",
        ),
    )
