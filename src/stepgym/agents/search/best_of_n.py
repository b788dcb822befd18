"""Best of n: draw n answers, choose one by the value function, by majority, or by both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

from stepgym.agents.policy import Completion, Policy, Request, Sampling, ValueFunction
from stepgym.agents.prompts import PromptFormat
from stepgym.agents.running import run_sync
from stepgym.agents.search.answers import elect, last_number
from stepgym.agents.search.result import Candidate, SearchBudget, SearchResult
from stepgym.agents.search.scoring import Scorer, as_request, ids_of
from stepgym.errors import InvalidInputError

Choose = Literal["value", "majority", "weighted_majority"]


def best_of_n(
    policy: Policy,
    value: ValueFunction | None,
    question: str | Request,
    n: int,
    *,
    choose: Choose = "value",
    sampling: Sampling | None = None,
    budget: SearchBudget | None = None,
    prompt: PromptFormat | None = None,
    instructions: str = "",
    answer_of: Callable[[str], str] = last_number,
    after_end: bool = False,
    seed: int | None = None,
) -> SearchResult:
    """The best of `n` sampled answers to `question`.

    Answers cut by a limit are chosen only when there is no other.

    Args:
        policy: Draws the answers.
        value: Scores them; may be None for "majority".
        question: The text to answer, or a request as it is (then `sampling`, `prompt` and `seed` are the request's).
        n: Number of samples, at least 1.
        choose: "value" takes the highest V; "majority" the most frequent answer, scored or not; "weighted_majority" the
            answer with the largest sum of V (negative ones count 0). Ties go to the earlier sample, and within the
            elected answer the highest V, if there is one, is taken.
        sampling: How to draw, `Sampling()` if absent.
        budget: `tokens` bounds all samples together, each gets an equal share.
        prompt: How a question is shown, `PlainPrompt()` if absent.
        instructions: The environment's instructions, for formats that show them.
        answer_of: What a text votes for; the last number in it by default.
        after_end: Where V is read, see `stepgym.agents.search.Scorer`.
        seed: Repeats the search as far as the policy promises.
    """
    request = as_request(policy, question, prompt=prompt, instructions=instructions, sampling=sampling, seed=seed)
    return run_sync(
        best_of_n_async(
            policy, value, request, n, choose=choose, budget=budget, answer_of=answer_of, after_end=after_end
        )
    )


async def best_of_n_async(
    policy: Policy,
    value: ValueFunction | None,
    request: Request,
    n: int,
    *,
    choose: Choose = "value",
    budget: SearchBudget | None = None,
    answer_of: Callable[[str], str] = last_number,
    after_end: bool = False,
) -> SearchResult:
    """`best_of_n` inside an event loop; many at once share the batches of policy and value function."""
    if n < 1:
        raise InvalidInputError(f"n must be at least 1, got {n}")
    if choose not in get_args(Choose):
        raise InvalidInputError(f"choose must be one of {get_args(Choose)}, got {choose!r}")
    if value is None and choose != "majority":
        raise InvalidInputError(f"choose={choose!r} needs a value function; only 'majority' works without one")
    limit = (budget or SearchBudget()).tokens_each(n, spent=0, at_most=request.sampling.max_tokens)
    if limit < 1:
        raise InvalidInputError(f"the budget does not give each of {n} samples a token")
    sampling = replace(request.sampling, max_tokens=limit)
    completions = await policy.generate(replace(request, sampling=sampling, n=n))
    scorer = Scorer(value, getattr(policy, "tokenizer", None), after_end=after_end)
    scores = await scorer.score([] if value is None else [ids_of(completion) for completion in completions])
    candidates = tuple(
        Candidate(completion, score, answer_of(completion.text), completion.finish_reason == "stop")
        for completion, score in zip(completions, scores or [None] * len(completions), strict=True)
    )
    choice = _choose(candidates, choose)
    spent = sum(_length(candidate.completion) for candidate in candidates)
    return SearchResult(choice.completion, choice.score, candidates, tokens_spent=spent, tokens_scored=scorer.tokens)


def _choose(candidates: tuple[Candidate, ...], choose: Choose) -> Candidate:
    eligible = [candidate for candidate in candidates if candidate.finished] or list(candidates)
    if choose != "value":
        weighted = choose == "weighted_majority"
        weights = [max(0.0, candidate.score or 0.0) if weighted else 1.0 for candidate in eligible]
        elected = elect([candidate.answer for candidate in eligible], weights)
        eligible = [candidate for candidate in eligible if candidate.answer == elected]
    return max(eligible, key=lambda candidate: candidate.score or 0.0)


def _length(completion: Completion) -> int:
    return len(completion.token_ids or ())
