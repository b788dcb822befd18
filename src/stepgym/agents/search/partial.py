"""`Partial`: an answer as far as it is written, which a step-level search continues."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stepgym.agents.engines.stops import decode
from stepgym.agents.policy import Completion, FinishReason, Sampling
from stepgym.agents.search.scoring import ids_of


@dataclass(frozen=True, slots=True)
class Partial:
    """What was written after the prompt so far.

    Attributes:
        ids: Written ids.
        logprobs: One for each, None where the policy gives none.
        text: The decoded ids.
        finish_reason: Of the last step; "length" before the first.
        score: V after the last step.
        logprob_mode: Of `logprobs`.
        chance: What a prover makes of it, see `ProgressRanking`; None without one.
        advantage: What the last step changed for the prover, likewise.
        rank: What its last step is ranked by.
    """

    ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] | None = ()
    text: str = ""
    finish_reason: FinishReason = "length"
    score: float = 0.0
    logprob_mode: Any = "raw"
    chance: float | None = None
    advantage: float | None = None
    rank: float = 0.0

    def grown(self, step: Completion, tokenizer: Any) -> Partial:
        """This answer with one more step, not scored yet."""
        ids = self.ids + ids_of(step)[1]
        known = self.logprobs is not None and step.logprobs is not None
        logprobs = (*(self.logprobs or ()), *(step.logprobs or ())) if known else None
        return Partial(ids, logprobs, decode(tokenizer, ids), step.finish_reason, logprob_mode=step.logprob_mode)

    def completion(self, prompt: tuple[int, ...]) -> Completion:
        """The answer as if it had been written in one go."""
        return Completion(
            self.text,
            prompt_token_ids=prompt,
            token_ids=self.ids,
            logprobs=self.logprobs,
            logprob_mode=self.logprob_mode,
            finish_reason=self.finish_reason,
        )


def goes_on(
    before: Partial, after: Partial, step: Completion, delimiters: tuple[str, ...], stops: tuple[str, ...]
) -> bool:
    """Whether the answer goes on after this step: it ended with a delimiter, and no stop string of the request's own.

    Args:
        before: The answer without the step.
        after: The answer with it.
        step: What the policy returned.
        delimiters: What ends a step.
        stops: What ends an answer.
    """
    if step.finish_reason != "stop" or not any(d in step.text for d in delimiters):
        return False
    return not any(s in after.text[max(0, len(before.text) - len(s) + 1) :] for s in stops if s not in delimiters)


def probability(completion: Completion, sampling: Sampling) -> float | None:
    """The probability with which `completion` is drawn; None where its log-probabilities do not tell."""
    plain = sampling.temperature == 1 and sampling.top_p == 1 and sampling.top_k == 0
    if completion.logprobs is None or not (plain or completion.logprob_mode == "sampled"):
        return None
    return min(1.0, math.exp(math.fsum(completion.logprobs)))
