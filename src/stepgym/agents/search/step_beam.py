"""Step-level beam search by a value function.

Wang et al., "Offline Reinforcement Learning for LLM Multi-Step Reasoning" (OREO), arXiv 2412.16145, test-time search.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stepgym.agents.policy import Completion, FinishReason, Policy, Request, Sampling, ValueFunction
from stepgym.agents.prompts import PromptFormat
from stepgym.agents.running import run_sync
from stepgym.agents.search.result import Candidate, SearchBudget, SearchResult
from stepgym.agents.search.scoring import Scorer, as_request, ids_of
from stepgym.agents.seeds import derive_seed
from stepgym.agents.stops import decode
from stepgym.errors import InvalidInputError

STEP_SAMPLING = Sampling(temperature=1.0, max_tokens=2048)


@dataclass(frozen=True, slots=True)
class _Node:
    """A partial answer: what was written so far, with V of it."""

    ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] | None = ()
    text: str = ""
    finish_reason: FinishReason = "length"
    score: float = 0.0


def step_beam(
    policy: Policy,
    value: ValueFunction,
    question: str | Request,
    *,
    width: int = 3,
    budget: SearchBudget | None = None,
    delimiter: str | Sequence[str] = "\n",
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    instructions: str = "",
    after_end: bool = False,
    seed: int | None = None,
) -> SearchResult:
    """The answer to `question` found by beam search over steps.

    In each round every partial answer in the beam is continued `width` times up to the next delimiter. Continuations
    that ended otherwise (end of turn, a stop string of `sampling`, its `max_tokens`) are done; of the others the
    `width` with the highest V form the next beam. The answer is the one with the highest V of all that are done. When
    nothing is done within the budget, the best partial answer is returned, with `finish_reason="length"`.

    Args:
        policy: Draws the steps; it must have a tokenizer, steps are continued as ids.
        value: V after each step.
        question: The text to answer, or a request as it is (then `sampling`, `prompt` and `seed` are the request's).
        width: Size of the beam and number of continuations of each of its members.
        budget: Tokens and rounds; a step cut by the token budget is given up.
        delimiter: What ends a step, one string or several.
        sampling: How to draw; `max_tokens` bounds one step. Temperature 1 and 2,048 tokens if absent.
        prompt: How a question is shown, `PlainPrompt()` if absent.
        instructions: The environment's instructions, for formats that show them.
        after_end: Where V of finished answers is read, see `stepgym.agents.search.Scorer`.
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
        step_beam_async(policy, value, request, width=width, budget=budget, delimiter=delimiter, after_end=after_end)
    )


async def step_beam_async(
    policy: Policy,
    value: ValueFunction,
    request: Request,
    *,
    width: int = 3,
    budget: SearchBudget | None = None,
    delimiter: str | Sequence[str] = "\n",
    after_end: bool = False,
) -> SearchResult:
    """`step_beam` inside an event loop; many at once share the batches of policy and value function."""
    delimiters = (delimiter,) if isinstance(delimiter, str) else tuple(delimiter)
    tokenizer = getattr(policy, "tokenizer", None)
    if width < 1 or not delimiters:
        raise InvalidInputError(f"step_beam needs width >= 1 and a delimiter, got {width} and {delimiter!r}")
    if request.prompt_token_ids is None or tokenizer is None:
        raise InvalidInputError("step_beam continues token ids: it needs a policy with a tokenizer")
    budget = budget or SearchBudget()
    scorer = Scorer(value, tokenizer, after_end=after_end)
    prompt = request.prompt_token_ids
    beam, done, dropped = [_Node()], list[_Node](), list[_Node]()
    spent = rounds = 0
    while beam and rounds < budget.rounds:
        most = request.sampling.max_tokens
        limit = budget.tokens_each(len(beam) * width, spent=spent, at_most=most)
        if limit < 1:
            break
        sampling = replace(
            request.sampling, max_tokens=limit, stop=tuple(dict.fromkeys((*request.sampling.stop, *delimiters)))
        )
        answers = await asyncio.gather(
            *(
                policy.generate(
                    replace(
                        request,
                        prompt_token_ids=prompt + node.ids,
                        sampling=sampling,
                        n=width,
                        seed=None if request.seed is None else derive_seed(request.seed, rounds, i),
                    )
                )
                for i, node in enumerate(beam)
            )
        )
        pairs = [(node, completion) for node, group in zip(beam, answers, strict=True) for completion in group]
        grown = [_grown(node, completion, tokenizer) for node, completion in pairs]
        spent += sum(len(ids_of(completion)[1]) for _, completion in pairs)
        scores = await scorer.score([(prompt, node.ids) for node in grown])
        scored = [replace(node, score=score or 0.0) for node, score in zip(grown, scores, strict=True)]
        beam = []
        for (parent, completion), node in zip(pairs, scored, strict=True):
            if _ended_by_delimiter(parent, node, completion, delimiters, request.sampling.stop):
                beam.append(node)
            elif completion.finish_reason == "length" and limit < most and len(node.ids) - len(parent.ids) == limit:
                dropped.append(node)
            else:
                done.append(node)
        beam = sorted(beam, key=lambda node: -node.score)[:width]
        rounds += 1
    open_nodes = [replace(node, finish_reason="length") for node in (*beam, *dropped)]
    ranked = done or open_nodes or [_Node()]
    choice = max(ranked, key=lambda node: node.score)
    candidates = [
        Candidate(_completion(prompt, node), node.score, finished=node.finish_reason == "stop")
        for node in (*done, *open_nodes)
    ]
    return SearchResult(
        _completion(prompt, choice),
        choice.score,
        tuple(candidates),
        tokens_spent=spent,
        tokens_scored=scorer.tokens,
        rounds=rounds,
    )


def _grown(node: _Node, completion: Completion, tokenizer: object) -> _Node:
    ids = node.ids + ids_of(completion)[1]
    known = node.logprobs is not None and completion.logprobs is not None
    logprobs = (*(node.logprobs or ()), *(completion.logprobs or ())) if known else None
    return _Node(ids, logprobs, decode(tokenizer, ids), completion.finish_reason)


def _ended_by_delimiter(
    parent: _Node, node: _Node, completion: Completion, delimiters: tuple[str, ...], stops: tuple[str, ...]
) -> bool:
    """Whether the step goes on after its delimiter; a stop string of the request's own ends the answer."""
    if completion.finish_reason != "stop" or not any(d in completion.text for d in delimiters):
        return False
    return not any(s in node.text[max(0, len(parent.text) - len(s) + 1) :] for s in stops if s not in delimiters)


def _completion(prompt: tuple[int, ...], node: _Node) -> Completion:
    return Completion(
        node.text,
        prompt_token_ids=prompt,
        token_ids=node.ids,
        logprobs=node.logprobs,
        finish_reason=node.finish_reason,
    )
