"""Step-level beam search by a value function, or by value and progress (`ProgressRanking`).

Wang et al., "Offline Reinforcement Learning for LLM Multi-Step Reasoning" (OREO), arXiv 2412.16145, test-time search.
Three things differ from the code of the paper: V is read after the last token of a step, equal members of the beam are
one, and an answer cut at the step limit is not taken where another one ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.policy import Policy, Request, Sampling, ValueFunction
from stepgym.agents.running import run_sync
from stepgym.agents.search.partial import Partial, goes_on
from stepgym.agents.search.progress_ranking import ProgressRanking, StepScorer
from stepgym.agents.search.result import Candidate, ScoredStep, SearchBudget, SearchResult
from stepgym.agents.search.scoring import as_request
from stepgym.agents.search.spending import Spending
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError

STEP_SAMPLING = Sampling(temperature=1.0, max_tokens=2048)
ROUNDS = 20


def step_beam(
    policy: Policy,
    value: ValueFunction,
    question: str | Request,
    *,
    width: int = 3,
    expand: int | None = None,
    first: int | None = None,
    budget: SearchBudget | None = None,
    delimiter: str | Sequence[str] = "\n",
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    instructions: str = "",
    after_end: bool = False,
    progress: ProgressRanking | None = None,
    seed: int | None = None,
) -> SearchResult:
    """The answer to `question` found by beam search over steps.

    In each round every partial answer in the beam is continued `expand` times up to the next delimiter. Continuations
    that ended otherwise (end of turn, a stop string of `sampling`, its `max_tokens`) are done; of the others the
    `width` different ones with the highest V, or the best by `progress`, form the next beam. The answer is the one with
    the highest V of all that are done, one cut at `max_tokens` only where there is no other. When nothing is done
    within the budget, the best partial answer is returned, with `finish_reason="length"`.

    The paper has one number for `width`, `expand` and `first`. Where the beginning of an answer decides and the rest
    follows, a large `first` with a small `width` and `expand` finds more at the same cost (docs/search.md).

    Args:
        policy: Draws the steps; it must have a tokenizer, steps are continued as ids.
        value: V after each step.
        question: The text to answer, or a request as it is (then `sampling`, `prompt` and `seed` are the request's).
        width: Size of the beam.
        expand: Number of continuations of each of its members; `width` if absent.
        first: Number of first steps; `expand` if absent.
        budget: Tokens and rounds (20 if absent); a step cut by the token budget is given up.
        delimiter: What ends a step, one string or several.
        sampling: How to draw; `max_tokens` bounds one step. Temperature 1 and 2,048 tokens if absent.
        prompt: How a question is shown, `PlainPrompt()` if absent.
        instructions: The environment's instructions, for formats that show them.
        after_end: Where V of finished answers is read, see `stepgym.agents.search.Scorer`.
        progress: Ranks steps by V and by what the step just taken changed; the answer is chosen by V all the same.
            The paper of that ranking has `expand=3`.
        seed: Repeats the search as far as the policy promises.
    """
    request = as_request(
        policy,
        question,
        prompt=prompt,
        instructions=instructions,
        sampling=sampling or STEP_SAMPLING,
        seed=seed,
    )
    return run_sync(
        step_beam_async(
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
    )


async def step_beam_async(
    policy: Policy,
    value: ValueFunction,
    request: Request,
    *,
    width: int = 3,
    expand: int | None = None,
    first: int | None = None,
    budget: SearchBudget | None = None,
    delimiter: str | Sequence[str] = "\n",
    after_end: bool = False,
    progress: ProgressRanking | None = None,
) -> SearchResult:
    """`step_beam` inside an event loop; many at once share the batches of policy and value function."""
    expand = width if expand is None else expand
    first = expand if first is None else first
    delimiters = (delimiter,) if isinstance(delimiter, str) else tuple(delimiter)
    check_steps(policy, request, delimiters)
    if min(width, expand, first) < 1:
        raise InvalidInputError(f"width, expand and first must be at least 1, got {width}, {expand} and {first}")
    spending = Spending(policy, budget or SearchBudget())
    tokenizer = getattr(policy, "tokenizer", None)
    scorer = StepScorer(value, tokenizer, progress=progress, after_end=after_end)
    prompt = request.prompt_token_ids or ()
    most = request.sampling.max_tokens
    stops = tuple(dict.fromkeys((*request.sampling.stop, *delimiters)))
    asked = replace(request, sampling=replace(request.sampling, stop=stops))
    beam, done, dropped = [await scorer.start(prompt)], list[Partial](), list[Partial]()
    considered = list[ScoredStep]()
    rounds = 0
    while beam and rounds < (spending.budget.rounds or ROUNDS):
        draws = first if rounds == 0 else expand
        limit = spending.share(len(beam) * draws, most)
        if limit < 1:
            break
        requests = [
            replace(
                asked,
                prompt_token_ids=prompt + member.ids,
                n=draws,
                seed=None if request.seed is None else derive_seed(request.seed, rounds, i),
            )
            for i, member in enumerate(beam)
        ]
        answers = await asyncio.gather(*(spending.draw(one, limit) for one in requests))
        steps = [(member, step) for member, group in zip(beam, answers, strict=True) for step in group]
        grown = [(member, member.grown(step, tokenizer)) for member, step in steps]
        scored = await scorer.score(prompt, grown)
        open_ones: dict[tuple[int, ...], Partial] = {}
        for (before, step), after in zip(steps, scored, strict=True):
            if goes_on(before, after, step, delimiters, request.sampling.stop):
                open_ones.setdefault(after.ids, after)
            elif step.finish_reason == "length" and limit < most and len(after.ids) - len(before.ids) == limit:
                dropped.append(after)
            else:
                done.append(after)
        beam = sorted(open_ones.values(), key=lambda partial: -partial.rank)[:width]
        kept, ended = {id(partial) for partial in beam}, {id(partial) for partial in done}
        considered += [
            _considered(rounds, before, after, kept=id(after) in kept, finished=id(after) in ended)
            for (before, _), after in zip(steps, scored, strict=True)
        ]
        rounds += 1
    open_at_last = [replace(partial, finish_reason="length") for partial in (*beam, *dropped)]
    ranked = [p for p in done if p.finish_reason == "stop"] or done or open_at_last or [Partial()]
    choice = max(ranked, key=lambda partial: partial.score)
    candidates = tuple(
        Candidate(partial.completion(prompt), partial.score, finished=partial.finish_reason == "stop")
        for partial in (*done, *open_at_last)
    )
    return SearchResult(
        choice.completion(prompt),
        choice.score,
        candidates,
        tokens_spent=spending.tokens,
        tokens_scored=scorer.tokens,
        rounds=rounds,
        steps=tuple(considered),
    )


def _considered(number: int, before: Partial, after: Partial, *, kept: bool, finished: bool) -> ScoredStep:
    ids, rest = before.ids, after.ids[len(before.ids) :]
    return ScoredStep(number, ids, rest, after.text, after.score, after.advantage, after.rank, kept, finished)


def check_steps(policy: Policy, request: Request, delimiters: Sequence[str]) -> None:
    """Raise `InvalidInputError` unless answers of `policy` can be continued step by step."""
    if not delimiters or not all(delimiters):
        raise InvalidInputError(f"a step-level search needs delimiters that are not empty, got {delimiters!r}")
    if request.prompt_token_ids is None or getattr(policy, "tokenizer", None) is None:
        raise InvalidInputError("a step-level search continues token ids: it needs a policy with a tokenizer")
