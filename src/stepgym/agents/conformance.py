"""`check_policy` and `check_value`: does a policy or a value function keep the promises of its protocol?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from stepgym.agents.conversation.conversation import Conversation, PromptEncoder
from stepgym.agents.conversation.prompts import PlainPrompt, PromptFormat
from stepgym.agents.engines.stops import REPLACEMENT, decode
from stepgym.agents.policy import Completion, Policy, Request, Sampling, ValueFunction, policy_name
from stepgym.agents.running import run_sync
from stepgym.errors import ConformanceError, InvalidInputError

QUESTIONS = ("3+4=", "1+2+5=", "12+30=", "7=")
_MAX_TOKENS = 24
_NO_IDS = "the policy gives no token ids"


@dataclass(frozen=True, slots=True)
class ConformanceReport:
    """The promises that were kept.

    Attributes:
        name: Of the policy or value function.
        kept: The promises that were checked and hold.
        not_checked: Promise and reason, where a promise could not be checked.
    """

    name: str
    kept: tuple[str, ...]
    not_checked: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        lines = [f"Promises of {self.name}", *(f"  kept         {promise}" for promise in self.kept)]
        return "\n".join([*lines, *(f"  not checked  {promise}: {reason}" for promise, reason in self.not_checked)])


def check_policy(
    policy: Policy,
    *,
    questions: Sequence[str] = QUESTIONS,
    prompt: PromptFormat | None = None,
    sampled: bool | None = None,
) -> ConformanceReport:
    """Plays requests against `policy` and returns what was checked.

    Checked for every policy: exactly n completions, known finish reasons, stop strings end the text and stay in it,
    greedy decoding repeats, requests at the same time do not mix. Where the policy gives ids: prompt ids echoed, as
    many log-probabilities as ids, none above 0, text is the decoded ids, `max_tokens` kept, `score` agrees with the
    log-probabilities. For sampling policies: seeds repeat, and other seeds give other samples.

    Args:
        policy: The policy.
        questions: At least two observations to answer, all different.
        prompt: How they are shown, `PlainPrompt()` if absent.
        sampled: Whether seeds must matter; by default for policies with a tokenizer.

    Raises:
        ConformanceError: A promise is broken; the message says what was expected and what came.
    """
    if len(set(questions)) < 2:
        raise InvalidInputError("check_policy needs at least two different questions")
    return run_sync(_PolicyCheck(policy, list(questions), prompt or PlainPrompt(), sampled).run())


def check_value(value: ValueFunction, token_ids: Sequence[int], *, other_id: int | None = None) -> ConformanceReport:
    """Asks `value` about the prefixes of `token_ids` and returns what was checked.

    Checked: finite floats; the same value when asked again and beside others (to 1e-3, floating point); the last token
    is read: V changes when only that one is replaced.

    Args:
        value: The value function; one that was never trained may be constant, and then fails.
        token_ids: A prompt and completion.
        other_id: Another id to replace the last one; by default one of `token_ids` that differs from it.

    Raises:
        ConformanceError: A promise is broken.
    """
    ids = tuple(token_ids)
    other = next((i for i in ids if i != ids[-1]), None) if other_id is None else other_id
    if not ids or other is None or other == ids[-1]:
        raise InvalidInputError("check_value needs an id that differs from the last of token_ids: pass other_id")
    return run_sync(_check_value(value, ids, other))


async def _check_value(value: ValueFunction, ids: tuple[int, ...], other: int) -> ConformanceReport:
    name = str(getattr(value, "name", type(value).__name__))
    prefixes = [ids[:n] for n in range(1, len(ids) + 1)]
    alone = [await value.value(prefix) for prefix in prefixes]
    for prefix, found in zip(prefixes, alone, strict=True):
        if not isinstance(found, float) or not math.isfinite(found):
            raise ConformanceError(f"{name}: expected a finite float after {len(prefix)} tokens; got {found!r}")
    together = await asyncio.gather(*(value.value(prefix) for prefix in prefixes))
    for prefix, one, two in zip(prefixes, alone, together, strict=True):
        if not math.isclose(one, two, rel_tol=1e-3, abs_tol=1e-3):
            raise ConformanceError(
                f"{name}: expected the same value alone and beside others after {len(prefix)} tokens; "
                f"got {one} and {two}"
            )
    if await value.value((*ids[:-1], other)) == alone[-1]:
        raise ConformanceError(
            f"{name}: expected V to change with the last token (id {ids[-1]} or {other}); got {alone[-1]} for both: "
            "it is read one token too early, or the function is constant"
        )
    return ConformanceReport(name, ("finite floats", "the same alone and beside others", "reads the last token"))


class _PolicyCheck:
    """Each check returns "" when its promise holds, or the reason why it cannot be checked."""

    def __init__(self, policy: Policy, questions: list[str], prompt: PromptFormat, sampled: bool | None) -> None:
        self.policy = policy
        self.name = policy_name(policy)
        self.tokenizer: Any = getattr(policy, "tokenizer", None)
        self.sampled = self.tokenizer is not None if sampled is None else sampled
        self.encoder = None if self.tokenizer is None else PromptEncoder(prompt, self.tokenizer)
        self.prompt = prompt
        self.questions = questions

    async def run(self) -> ConformanceReport:
        checks = (
            ("n completions with consistent ids, log-probabilities, text and finish reasons", self.completions),
            ("greedy decoding repeats", self.greedy),
            ("seeds repeat samples, and other seeds give others", self.seeds),
            ("stop strings end the text and stay in it", self.stop_strings),
            ("max_tokens is kept and reported", self.max_tokens),
            ("requests at the same time do not mix", self.concurrency),
            ("score agrees with the log-probabilities", self.scores),
        )
        kept, skipped = [], []
        for promise, check in checks:
            reason = await check()
            if reason:
                skipped.append((promise, reason))
            else:
                kept.append(promise)
        return ConformanceReport(self.name, tuple(kept), tuple(skipped))

    def request(self, question: int = 0, *, n: int = 1, seed: int | None = 0, **sampling: Any) -> Request:
        asked = Conversation(self.prompt, self.encoder).ask(self.questions[question])
        settings = Sampling(**{"max_tokens": _MAX_TOKENS, **sampling})
        return Request(asked.messages, asked.token_ids, settings, n=n, seed=seed)

    async def ask(self, request: Request) -> list[Completion]:
        """The policy's answer, checked for all that holds for any answer."""
        completions = await self.policy.generate(request)
        self.expect(isinstance(completions, list), "a list of completions", type(completions).__name__)
        self.expect(len(completions) == request.n, f"{request.n} completions for n={request.n}", len(completions))
        for completion in completions:
            self.expect(isinstance(completion, Completion), "a Completion", type(completion).__name__)
            self.check_record(request, completion)
        return completions

    def check_record(self, request: Request, completion: Completion) -> None:
        reason = completion.finish_reason
        self.expect(reason in ("stop", "length"), "finish_reason 'stop' or 'length'", repr(reason))
        for stop in request.sampling.stop:
            right = stop not in completion.text or reason == "stop"
            self.expect(right, f"finish_reason 'stop' after the stop string {stop!r}", repr(reason))
        if self.tokenizer is None or completion.token_ids is None:
            return
        ids, logprobs, limit = completion.token_ids, completion.logprobs, request.sampling.max_tokens
        self.expect(completion.new_segment, "new_segment=True (only the agent shortens prompts)", False)
        same = completion.prompt_token_ids == request.prompt_token_ids
        self.expect(same, f"the prompt ids as sent, {request.prompt_token_ids}", completion.prompt_token_ids)
        text = decode(self.tokenizer, ids)
        self.expect(completion.text == text, f"the decoded ids as text, {text!r}", repr(completion.text))
        self.expect(len(ids) <= limit, f"at most max_tokens={limit} tokens", len(ids))
        if logprobs is not None:
            self.expect(len(logprobs) == len(ids), f"{len(ids)} log-probabilities for as many ids", len(logprobs))
            bad = [x for x in logprobs if not -math.inf < x <= 1e-4]
            self.expect(not bad, "finite log-probabilities of at most 0", bad[:3])

    async def completions(self) -> str:
        for n in (1, 3):
            await self.ask(self.request(n=n))
        return ""

    async def greedy(self) -> str:
        texts = [(await self.ask(self.request(seed=seed, temperature=0.0)))[0].text for seed in (0, 1)]
        self.expect(texts[0] == texts[1], "the same greedy answer twice", texts)
        return ""

    async def seeds(self) -> str:
        if not self.sampled:
            return "the policy does not sample; pass sampled=True if it does"
        drawn = []
        for seed in (0, 0, 1):
            asks = [self.request(i, n=8, seed=seed) for i in range(len(self.questions))]
            drawn.append([[completion.text for completion in await self.ask(ask)] for ask in asks])
        first, again, other = drawn
        self.expect(first == again, "the same samples for the same seed", "different ones")
        self.expect(any(len(set(texts)) > 1 for texts in first), "samples of one request that differ", first)
        self.expect(first != other, "other samples for another seed", "the same")
        return ""

    async def stop_strings(self) -> str:
        request = self.request(temperature=0.0)
        free = (await self.ask(request))[0].text
        stop = free[len(free) // 2 : len(free) // 2 + 2]
        if not stop or REPLACEMENT in stop:
            return f"its greedy answer {free!r} has no text to stop at; choose other questions"
        stops = ("\0never", stop)
        cut = (await self.ask(replace(request, sampling=replace(request.sampling, stop=stops))))[0]
        self.expect(stop in cut.text, f"the stop string {stop!r} kept in the text", repr(cut.text))
        self.expect(free.startswith(cut.text), f"the beginning of {free!r} up to the stop string", repr(cut.text))
        if self.tokenizer is None or cut.token_ids is None:
            early = len(cut.text) < len(free) or free.endswith(stop)
        else:
            early = stop not in decode(self.tokenizer, cut.token_ids[:-1])
        self.expect(early, f"an end as soon as {stop!r} is complete", repr(cut.text))
        return ""

    async def max_tokens(self) -> str:
        (whole,) = await self.ask(self.request(temperature=0.0))
        if self.tokenizer is None or whole.token_ids is None:
            return _NO_IDS
        if len(whole.token_ids) < 2:
            return "its greedy answer is shorter than two tokens; choose other questions"
        limit = len(whole.token_ids) - 1
        (cut,) = await self.ask(self.request(temperature=0.0, max_tokens=limit))
        self.expect(cut.token_ids == whole.token_ids[:limit], f"the first {limit} greedy tokens", cut.token_ids)
        self.expect(cut.finish_reason == "length", "finish_reason 'length' at max_tokens", repr(cut.finish_reason))
        return ""

    async def concurrency(self) -> str:
        asks = [self.request(i, temperature=0.0) for i in range(len(self.questions))]
        alone = [(await self.ask(ask))[0].text for ask in asks]
        together = await asyncio.gather(*(self.ask(ask) for ask in asks * 4))
        for i, (completion,) in enumerate(together):
            text = alone[i % len(asks)]
            self.expect(completion.text == text, f"{text!r} as when asked alone", repr(completion.text))
        return ""

    async def scores(self) -> str:
        score = getattr(self.policy, "score", None)
        if score is None:
            return "the policy has no score method"
        (completion,) = await self.ask(self.request(temperature=0.0))
        if not completion.token_ids or completion.prompt_token_ids is None:
            return _NO_IDS
        ids = (*completion.prompt_token_ids, *completion.token_ids)
        found = await score(ids)
        self.expect(len(found) == len(ids) - 1, f"{len(ids) - 1} numbers, one per id after the first", len(found))
        if completion.logprobs is not None and completion.logprob_mode == "raw":
            pairs = zip(found[-len(completion.token_ids) :], completion.logprobs, strict=True)
            worst = max(abs(a - b) for a, b in pairs)
            self.expect(worst < 1e-2, "the log-probabilities that generate gave", f"numbers up to {worst:.2g} away")
        return ""

    def expect(self, holds: bool, promise: str, came: object) -> None:
        if not holds:
            raise ConformanceError(f"{self.name}: expected {promise}; got {came}")
