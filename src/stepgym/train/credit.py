"""From the findings of a verifier to one reward per token and per reasoning step of the logged response.

Source: Jha, Jana, Suresh, Arora, Ganesh, "RLSF: Reinforcement Learning via Symbolic Feedback", arXiv 2405.16661: the
certificate of a symbolic tool becomes a vector with one entry per token of the response. Theirs is `good=1, bad=0,
unknown=1`; what no finding covers is unknown here and has an entry of its own.

A 0/1 vector must not be summed over the future. With the rewards `c` of a response of `n` tokens, the undiscounted
return to go of token `t` is `c[t] + ... + c[n - 1]`: if tokens earn at least 0, every further token pays and the best
policy never stops; if they earn at most 0, the best policy says nothing. So the default mode is "local": an entry
counts for its own token alone, and the outcome of the episode counts for all tokens as always.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from stepgym.agents.spans import token_spans
from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CreditMode = Literal["local", "return_to_go", "scalar_mean", "scalar_all"]
CreditPlace = Literal["term", "shaping"]


class CreditWarning(UserWarning):
    """A way of using credit that rewards something else than right answers."""


@dataclass(frozen=True, slots=True)
class CreditConfig:
    """What findings are worth and where that counts.

    Attributes:
        mode: What the rewards `c` of the tokens of a response become.
            "local": each counts for its own token only. "return_to_go": each counts for its token and all before it;
            warns, because it pays for length or for silence. "scalar_mean": their mean, for all tokens.
            "scalar_all": for all tokens, `good` if the whole response is right, `bad` if anything is known to be
            wrong, else 0.
        good: Reward of a token of a proved span, and of the end token if everything is right.
        unknown: Reward of a token that no finding decides.
        bad: Reward of a token that overlaps a refuted span, also where a proved one overlaps it.
        fatal_to_all: Whether a fatal finding makes every token bad, the end token too; else only its span.
        weight: Multiplies the credit, which is added to an outcome in units of reward.
        place: How local credit enters OREO: "term" beside the policy residual (see `credit_residuals`) or as
            potential-based "shaping" of the returns.
    """

    mode: CreditMode = "local"
    good: float = 1.0
    unknown: float = 0.0
    bad: float = -1.0
    fatal_to_all: bool = True
    weight: float = 0.1
    place: CreditPlace = "term"

    def __post_init__(self) -> None:
        for name, allowed in (("mode", get_args(CreditMode)), ("place", get_args(CreditPlace))):
            if getattr(self, name) not in allowed:
                raise InvalidInputError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        for name in ("good", "unknown", "bad", "weight"):
            if not np.isfinite(getattr(self, name)):
                raise InvalidInputError(f"{name} must be a finite number, got {getattr(self, name)!r}")
        if not self.bad <= self.unknown <= self.good:
            raise InvalidInputError(
                f"expected bad <= unknown <= good, got bad={self.bad}, unknown={self.unknown}, good={self.good}"
            )
        if self.weight < 0:
            raise InvalidInputError(f"weight must be >= 0, got {self.weight}")
        if self.place == "shaping" and self.mode != "local":
            raise InvalidInputError(f"place='shaping' is for mode 'local', got mode {self.mode!r}")
        if self.mode == "return_to_go":
            warnings.warn(_RETURN_TO_GO, CreditWarning, stacklevel=3)


@dataclass(frozen=True, slots=True)
class ResponseCredit:
    """The credit of one response.

    Attributes:
        tokens: Reward of each token of the logged response, end token included. float32 `(n,)`
        judged: 1 where a token is good, -1 where it is bad, 0 where nothing is known. int8 `(n,)`
        right: Whether the whole response is right; None if undecided.
        ended: Whether the last token is an end token; a cut response has none and earns nothing for ending.
        config: What the findings are worth.
    """

    tokens: NDArray[np.float32]
    judged: NDArray[np.int8]
    right: bool | None
    ended: bool
    config: CreditConfig

    def steps(self, starts: Sequence[int]) -> NDArray[np.float32]:
        """One reward per step, for steps that begin at the tokens `starts`, float32 `(len(starts),)`.

        A step is bad if any of its tokens is, else good if any is, else unknown. A step of one token has its reward,
        so `starts = range(n)` gives `tokens`. Tokens before the first start belong to no step.
        """
        n = len(self.tokens)
        if list(starts) != sorted(set(starts)) or any(not 0 <= s < n for s in starts):
            raise InvalidInputError(f"expected increasing token indices below {n}, got {list(starts)[:20]}")
        bounds = [*starts, n]
        rewards = [self._step(a, b) for a, b in pairwise(bounds)]
        return np.asarray(rewards, np.float32)

    def weights(self, outcome: float = 0.0) -> NDArray[np.float32]:
        """What multiplies the gradient of each token's log-probability, under the mode, float32 `(n,)`.

        Args:
            outcome: The reward of the episode, which counts for every token.
        """
        return np.float32(outcome) + np.float32(self.config.weight) * self._by_mode()

    def scalar(self) -> float:
        """The credit of the response as one number, without `weight`; only in the two scalar modes."""
        if self.config.mode == "scalar_mean":
            return float(self.tokens.mean()) if len(self.tokens) else 0.0
        if self.config.mode == "scalar_all":
            return {True: self.config.good, False: self.config.bad, None: 0.0}[self.right]
        raise InvalidInputError(f"a scalar needs mode 'scalar_mean' or 'scalar_all', got {self.config.mode!r}")

    def _by_mode(self) -> NDArray[np.float32]:
        if self.config.mode == "local":
            return self.tokens
        if self.config.mode == "return_to_go":
            return self.tokens[::-1].cumsum(dtype=np.float32)[::-1]
        return np.full(len(self.tokens), self.scalar(), np.float32)

    def _step(self, start: int, end: int) -> float:
        if end - start == 1:
            return float(self.tokens[start])
        judged = self.judged[start:end]
        return _worth(-1 if judged.min() < 0 else int(judged.max()), self.config)


def credit_response(
    verdict: Verdict,
    token_ids: Sequence[int],
    tokenizer: PreTrainedTokenizerBase,
    config: CreditConfig | None = None,
) -> ResponseCredit:
    """The credit of the response whose logged ids are `token_ids`; the same input always gives the same credit.

    The text is never encoded again: spans are mapped onto the logged ids by decoding these.

    Args:
        verdict: Its findings are character offsets into the decoded ids without special tokens (`Completion.text`).
        token_ids: What the policy wrote, with the end token if it was sampled.
        tokenizer: The tokenizer of the model that wrote them. A special token at the end is the end token.
        config: What findings are worth.

    Raises:
        InvalidInputError: A finding ends after the text, so it speaks about another one.
    """
    spans = token_spans(token_ids, tokenizer)
    ended = bool(spans) and spans[-1][0] == spans[-1][1] and token_ids[-1] in set(tokenizer.all_special_ids)
    return credit_spans(verdict, spans, ended=ended, config=config)


def credit_spans(
    verdict: Verdict, spans: Sequence[tuple[int, int]], *, ended: bool, config: CreditConfig | None = None
) -> ResponseCredit:
    """The credit of a response whose tokens wrote the character `spans` `[start, end)`.

    A token is bad if its span overlaps that of a refuted finding; for an empty finding, the token at its place or else
    the last one before it is bad. A token with an empty span (a special token) is bad if it lies inside a finding. With
    `ended` the last token is the end token: `good` if the verdict is "correct" and nothing is refuted, `bad` if a fatal
    finding counts for the whole response, else 0.
    """
    config = config or CreditConfig()
    starts, ends = (np.asarray([s[i] for s in spans], np.int64) for i in (0, 1))
    length = int(ends.max(initial=0))
    judged = np.zeros(len(spans), np.int8)
    refuting = [f for f in verdict.findings if f.severity in ("refuted", "fatal")]
    for finding in verdict.findings:
        if finding.end > length:
            raise InvalidInputError(
                f"a finding ({finding.kind}) ends at character {finding.end} of a response of {length}: findings must "
                "refer to the text decoded from the logged token ids"
            )
    for finding in verdict.findings:
        if finding.severity == "proved" and finding.start < finding.end:
            judged[_overlapping(finding, starts, ends)] = 1
    for finding in refuting:
        judged[_overlapping(finding, starts, ends)] = -1
    fatal = config.fatal_to_all and any(f.severity == "fatal" for f in refuting)
    if fatal:
        judged[:] = -1
    right = False if refuting else {"correct": True, "wrong": False, "undecided": None}[verdict.status]
    if ended and not fatal:
        judged[-1:] = 1 if right else 0
    tokens = np.asarray([_worth(int(j), config) for j in judged], np.float32)
    if ended and not fatal and not right:
        tokens[-1:] = 0.0
    return ResponseCredit(tokens, judged, right, ended, config)


def _overlapping(finding: Finding, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the tokens that a finding is about."""
    if finding.start < finding.end:
        inside = (np.maximum(starts, finding.start) < np.minimum(ends, finding.end)) | (
            (starts == ends) & (finding.start < starts) & (starts < finding.end)
        )
        return np.flatnonzero(inside)
    at_or_before = np.flatnonzero((starts < ends) & (starts <= finding.start))
    if not len(at_or_before):
        return at_or_before
    # All tokens of one character share its span.
    last = at_or_before[-1]
    return np.flatnonzero((starts == starts[last]) & (ends == ends[last]))


def _worth(judged: int, config: CreditConfig) -> float:
    return {1: config.good, 0: config.unknown, -1: config.bad}[judged]


_RETURN_TO_GO = (
    "mode 'return_to_go' sums the rewards of all later tokens: if they are mostly positive it rewards length, if they "
    "are mostly negative it rewards stopping at once, whatever the answer. Use mode 'local' (or a scalar mode) with "
    "the outcome, see docs/credit.md"
)
