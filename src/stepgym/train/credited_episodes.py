"""Tokenised episodes with credit: what `credit` finds, laid out as the losses read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stepgym.agents.episodes import Episode, Step
from stepgym.errors import InvalidInputError
from stepgym.train.credit import CreditConfig, credit_response
from stepgym.train.tokenize import TokenizedEpisode, TokenizeOptions, TokenizeReport, tokenize_episodes
from stepgym.verifiers.verdict import Verdict

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class CreditedEpisode(TokenizedEpisode):
    """A tokenised episode with credit.

    Attributes:
        credit: For each segment, at each state the reward of the action that begins there, times the weight; 0
            elsewhere, and everywhere unless local credit stands beside the policy residual. float32 `(n - 1,)` each
    """

    credit: tuple[NDArray[np.float32], ...] = ()


def credit_episodes(
    episodes: Iterable[Episode],
    tokenizer: PreTrainedTokenizerBase,
    config: CreditConfig | None = None,
    *,
    options: TokenizeOptions | None = None,
    verifier: str = "",
) -> tuple[list[CreditedEpisode], TokenizeReport]:
    """Like `tokenize_episodes`, with the credit of the verdicts in the log; `credit_episode` has the arguments."""
    episodes = list(episodes)
    kept, report = tokenize_episodes(episodes, tokenizer, options)
    by_id = {e.id: e for e in episodes}
    if len(by_id) < len(episodes):
        raise InvalidInputError("expected episodes with different ids, got some twice")
    return [credit_episode(by_id[t.id], t, tokenizer, config, verifier=verifier) for t in kept], report


def credit_episode(
    episode: Episode,
    tokenized: TokenizedEpisode,
    tokenizer: PreTrainedTokenizerBase,
    config: CreditConfig | None = None,
    *,
    verifier: str = "",
) -> CreditedEpisode:
    """`tokenized` with the credit of the verdicts in `episode`.

    There is one reward per state of `tokenized`: per token, reasoning step or turn. Local credit stands in `credit`, or
    with `place="shaping"` in `returns`, as the other modes do: "return_to_go" gives each reward at its state, the
    scalar modes give theirs at the end of the turn; these add to the outcome. Turns without a verdict have no credit.

    Args:
        episode: The logged episode.
        tokenized: The same, from `tokenize_episode`.
        tokenizer: The tokenizer used there.
        config: What findings are worth.
        verifier: Take the last verdict whose verifier's name begins so; by default the last of all.

    Raises:
        InvalidInputError: The text that a verdict is about is not what the token ids say.
    """
    config = config or CreditConfig()
    action, state, ids = (
        np.concatenate(parts)
        for parts in zip(*((s.action_mask, s.state_mask, s.token_ids[1:]) for s in tokenized.segments), strict=True)
    )  # (all positions,), as everything below
    rewards = np.zeros(len(action), np.float64)
    written = np.flatnonzero(action)
    at = 0
    for step, length in _lengths(episode, tokenized):
        turn = written[at : at + length]
        at += length
        verdict = _verdict(step, verifier)
        if verdict is None or not length:
            continue
        turn_ids = [int(i) for i in ids[turn]]
        credit = credit_response(_placed(verdict, step, turn_ids, tokenizer, episode.id), turn_ids, tokenizer, config)
        if config.mode.startswith("scalar"):
            rewards[turn[-1]] = credit.scalar()
        else:
            rewards[turn[state[turn]]] = credit.steps([int(i) for i in np.flatnonzero(state[turn])])
    rewards *= config.weight
    shift = np.zeros_like(rewards)
    if config.place == "shaping":
        shift = -running_potential(rewards)
    elif config.mode != "local":
        shift = rewards[::-1].cumsum()[::-1]
    local = rewards if (config.mode, config.place) == ("local", "term") else np.zeros_like(rewards)
    cuts = np.cumsum([len(s.action_mask) for s in tokenized.segments])[:-1]
    segments = tuple(
        replace(s, returns=(s.returns + d).astype(np.float32))
        for s, d in zip(tokenized.segments, np.split(shift, cuts), strict=True)
    )
    values = {f.name: getattr(tokenized, f.name) for f in fields(TokenizedEpisode)}
    if config.mode != "local":
        values["outcome"] += float(rewards.sum())
    parts = tuple(part.astype(np.float32) for part in np.split(local, cuts))
    return CreditedEpisode(**(values | {"segments": segments}), credit=parts)


def running_potential(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """The potential of each position: the rewards given before it. `(positions,)` of one whole episode.

    It is 0 at the beginning and, by definition, at the end of the episode, as shaping that leaves the optimal policy
    alone must be: the shaped return to go is `returns - potential`. See `credit_residuals`.
    """
    before: NDArray[np.float64] = np.cumsum(rewards) - rewards
    return before


def _lengths(episode: Episode, tokenized: TokenizedEpisode) -> list[tuple[Step, int]]:
    """The steps with the number of their action tokens."""
    if tokenized.retokenized:
        # Between two encoded turns there is a prompt.
        steps = [s for s in episode.steps if s.action]
        lengths = []
        for segment in tokenized.segments:
            edges = np.diff(np.concatenate([[0], segment.action_mask.astype(np.int8), [0]]))
            lengths += list(np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0))
    else:
        steps = list(episode.steps)
        lengths = [len((s.completion.token_ids if s.completion else None) or ()) for s in steps]
    actions = sum(int(s.action_mask.sum()) for s in tokenized.segments)
    if len(steps) != len(lengths) or sum(lengths) != actions:
        raise InvalidInputError(
            f"episode {episode.id!r} has {sum(lengths)} logged action tokens in {len(steps)} turns, but its tokenised "
            f"form has {actions}: pass the two forms of one episode, and one whose prompts are not empty"
        )
    return [(s, int(n)) for s, n in zip(steps, lengths, strict=True)]


def _verdict(step: Step, verifier: str) -> Verdict | None:
    return next((v for v in reversed(step.verdicts) if v.verifier.startswith(verifier)), None)


def _placed(verdict: Verdict, step: Step, ids: list[int], tokenizer: PreTrainedTokenizerBase, episode: str) -> Verdict:
    """The verdict with offsets into the decoded ids; the action may be a part of what was written."""
    text = str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
    if text == step.action or not verdict.findings:
        return verdict
    if text.count(step.action) != 1:
        raise InvalidInputError(
            f"episode {episode!r}: the findings are about {step.action[:60]!r}, but the token ids say {text[:60]!r}"
        )
    offset = text.index(step.action)
    moved = tuple(replace(f, start=f.start + offset, end=f.end + offset) for f in verdict.findings)
    return replace(verdict, findings=moved)
