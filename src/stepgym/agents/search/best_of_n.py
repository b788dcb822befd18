"""Best of n: draw n answers, choose one by V, by a verifier, by majority, or by majority weighted with V."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, get_args

from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.policy import Policy, Request, Sampling, ValueFunction
from stepgym.agents.running import run_sync
from stepgym.agents.search.answers import elect, last_number
from stepgym.agents.search.result import Candidate, SearchBudget, SearchResult
from stepgym.agents.search.scoring import Scorer, as_request, ids_of
from stepgym.agents.search.spending import Spending
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verifier, get_verifier

Choose = Literal["value", "verifier", "majority", "weighted_majority"]
_RANK = {"correct": 2.0, "undecided": 1.0, "wrong": 0.0}


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
    verifier: Verifier | str | None = None,
    reference: Any = None,
    after_end: bool = False,
    seed: int | None = None,
) -> SearchResult:
    """The best of `n` sampled answers to `question`.

    Answers cut by a limit are chosen only when there is no other.

    Args:
        policy: Draws the answers.
        value: Scores them; may be None for "majority" and "verifier".
        question: The text to answer, or a request as it is (then `sampling`, `prompt` and `seed` are the request's).
        n: Number of samples, at least 1.
        choose: "value" takes the highest V; "verifier" the best verdict (correct before undecided before wrong, then
            the verdict's score); "majority" the most frequent answer, scored or not; "weighted_majority" the answer
            with the largest sum of V (negative ones count 0). Among equals the highest V, if there is one, is taken,
            then the earlier sample.
        sampling: How to draw, `Sampling()` if absent.
        budget: `tokens` bounds all samples together, each gets an equal share.
        prompt: How a question is shown, `PlainPrompt()` if absent.
        instructions: The environment's instructions, for formats that show them.
        answer_of: What a text votes for; the last number in it by default.
        verifier: For "verifier", a verifier or the name of one. It is given the text, the reference, and as context
            the last message of the request.
        reference: Whatever the verifier takes as reference. With the right answer in it this is an oracle, an upper
            bound and no result; None goes to verifiers that judge without one, such as "math-steps".
        after_end: Where V is read, see `stepgym.agents.search.Scorer`.
        seed: Repeats the search as far as the policy promises.
    """
    request = as_request(policy, question, prompt=prompt, instructions=instructions, sampling=sampling, seed=seed)
    return run_sync(
        best_of_n_async(
            policy,
            value,
            request,
            n,
            choose=choose,
            budget=budget,
            answer_of=answer_of,
            verifier=verifier,
            reference=reference,
            after_end=after_end,
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
    verifier: Verifier | str | None = None,
    reference: Any = None,
    after_end: bool = False,
) -> SearchResult:
    """`best_of_n` inside an event loop; many at once share the batches of policy and value function."""
    check_choice(value, n, choose=choose, verifier=verifier)
    spending = Spending(policy, budget or SearchBudget())
    limit = spending.share(n, request.sampling.max_tokens)
    if limit < 1:
        raise InvalidInputError(f"the budget does not give each of {n} samples a token")
    completions = await spending.draw(replace(request, n=n), limit)
    scorer = Scorer(value, getattr(policy, "tokenizer", None), after_end=after_end)
    values = await scorer.score([] if value is None else [ids_of(completion) for completion in completions])
    values = values or [None] * n
    ranks = [0.0 if v is None else v for v in values]
    verdicts: list[float] = []
    if choose == "verifier" and verifier is not None:
        judge = get_verifier(verifier) if isinstance(verifier, str) else verifier
        context = request.messages[-1]["content"] if request.messages else ""
        texts = [completion.text for completion in completions]
        verdicts = await asyncio.to_thread(_judged, judge, texts, reference, context)
    candidates = tuple(
        Candidate(completion, score, answer_of(completion.text), completion.finish_reason == "stop")
        for completion, score in zip(completions, verdicts or values, strict=True)
    )
    chosen = _choose(candidates, choose, ranks)
    return SearchResult(
        candidates[chosen].completion,
        candidates[chosen].score,
        candidates,
        tokens_spent=spending.tokens,
        tokens_scored=scorer.tokens,
    )


def check_choice(value: ValueFunction | None, n: int, *, choose: str, verifier: Verifier | str | None) -> None:
    """Raise `InvalidInputError` unless n candidates can be chosen from that way."""
    if n < 1:
        raise InvalidInputError(f"n must be at least 1, got {n}")
    if choose not in get_args(Choose):
        raise InvalidInputError(f"choose must be one of {get_args(Choose)}, got {choose!r}")
    if value is None and choose not in ("majority", "verifier"):
        raise InvalidInputError(f"choose={choose!r} needs a value function; only 'majority' and 'verifier' do not")
    if (verifier is None) == (choose == "verifier"):
        raise InvalidInputError(f"a verifier goes with choose='verifier' and no other, got {choose!r} and {verifier!r}")


def _judged(verifier: Verifier, texts: list[str], reference: Any, context: str) -> list[float]:
    """One number for each text: the verdict's status, then its score; equal texts are judged once."""
    found: dict[str, float] = {}
    for text in texts:
        if text not in found:
            verdict = verifier.verify(text, reference, context=context)
            found[text] = (_RANK[verdict.status] + verdict.score) / 3  # in [0, 1]
    return [found[text] for text in texts]


def _choose(candidates: tuple[Candidate, ...], choose: Choose, ranks: list[float]) -> int:
    """The index of the choice; `ranks` are the V of the candidates, or 0."""
    eligible = [i for i, candidate in enumerate(candidates) if candidate.finished] or list(range(len(candidates)))
    if choose == "verifier":
        best = max(candidates[i].score or 0.0 for i in eligible)
        eligible = [i for i in eligible if (candidates[i].score or 0.0) == best]
    elif choose != "value":
        weighted = choose == "weighted_majority"
        weights = [max(0.0, ranks[i]) if weighted else 1.0 for i in eligible]
        elected = elect([candidates[i].answer for i in eligible], weights)
        eligible = [i for i in eligible if candidates[i].answer == elected]
    return max(eligible, key=ranks.__getitem__)
