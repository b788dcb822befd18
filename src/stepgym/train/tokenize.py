"""Episodes become token sequences with masks: the one place where text turns into what the losses see.

Index convention: `losses`. Logged ids are used as they are; only episodes without ids (imported text, people) are
encoded, once, by the same `Conversation` that agents use, and counted as `retokenized`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from stepgym.agents.conversation.conversation import Conversation, PromptEncoder
from stepgym.agents.conversation.prompts import ChatPrompt, PlainPrompt, PromptFormat
from stepgym.agents.episodes import Episode, Step
from stepgym.agents.spans import DEFAULT_DELIMITERS, step_start_tokens
from stepgym.errors import InvalidInputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

States = Literal["token", "step", "turn"]
_Turn = tuple[bool, Sequence[int], Sequence[int]]  # begins a segment, prompt ids, action ids
Dropped = Literal["undecided", "cut by the system", "no action", "too long"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One contiguous token sequence of an episode.

    Attributes:
        token_ids: `x`. int64 `(n,)`
        action_mask: Position `t` is True if `x[t+1]` was written by the agent. bool `(n - 1,)`
        state_mask: True right before the first token of an action, see `TokenizeOptions.states`. bool `(n - 1,)`
        returns: Sum of the rewards given at or after each position. float32 `(n - 1,)`
    """

    token_ids: NDArray[np.int64]
    action_mask: NDArray[np.bool_]
    state_mask: NDArray[np.bool_]
    returns: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TokenizedEpisode:
    """What training sees of one episode.

    Attributes:
        segments: In order; a new one begins where the agent's context was rewritten.
        id, task_id: Of the episode.
        outcome: Its sum of rewards.
        retokenized: Whether ids were made here because the log has none.
    """

    segments: tuple[Segment, ...]
    id: str
    task_id: str
    outcome: float
    retokenized: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of all segments."""
        return sum(len(s.token_ids) for s in self.segments)


@dataclass(frozen=True, slots=True)
class TokenizeOptions:
    """How episodes become states.

    Attributes:
        states: "token": every action token has a state; "step": each reasoning step of an action; "turn": each action.
        delimiters: What ends a reasoning step. The paper: newline for GSM8K; newline, ". " and ".$ " for MATH.
        max_length: Longest segment in tokens; longer episodes are dropped and counted, never cut.
        min_actions: Episodes with fewer action tokens are dropped.
        prompt: How episodes without ids are shown; None takes the tokenizer's chat template where there is one, else
            plain text.
    """

    states: States = "token"
    delimiters: tuple[str, ...] = DEFAULT_DELIMITERS
    max_length: int | None = None
    min_actions: int = 1
    prompt: PromptFormat | None = None


@dataclass(slots=True)
class TokenizeReport:
    """What became of the episodes of a log."""

    kept: int = 0
    retokenized: int = 0
    tokens: int = 0
    action_tokens: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        parts = [f"{self.kept:,} episodes, {self.tokens:,} tokens ({self.action_tokens:,} written by the agent)"]
        parts += [f"{count:,} dropped: {reason}" for reason, count in sorted(self.dropped.items())]
        if self.retokenized:
            parts.append(f"{self.retokenized:,} had no token ids and were encoded from their text")
        return "; ".join(parts)


def tokenize_episodes(
    episodes: Iterable[Episode],
    tokenizer: PreTrainedTokenizerBase,
    options: TokenizeOptions | None = None,
) -> tuple[list[TokenizedEpisode], TokenizeReport]:
    """All episodes that can be trained on, in order, and an account of those that cannot."""
    kept: list[TokenizedEpisode] = []
    options = options or TokenizeOptions()
    encoder = _encoder(tokenizer, options)
    report = TokenizeReport()
    for episode in episodes:
        result = _tokenize(episode, encoder, options)
        if isinstance(result, str):
            report.dropped[result] += 1
            continue
        kept.append(result)
        report.kept += 1
        report.retokenized += result.retokenized
        report.tokens += result.tokens
        report.action_tokens += sum(int(s.action_mask.sum()) for s in result.segments)
    return kept, report


def tokenize_episode(
    episode: Episode, tokenizer: PreTrainedTokenizerBase, options: TokenizeOptions | None = None
) -> TokenizedEpisode | Dropped:
    """The episode as the losses see it, or the reason why it cannot be trained on."""
    options = options or TokenizeOptions()
    return _tokenize(episode, _encoder(tokenizer, options), options)


def _tokenize(episode: Episode, encoder: PromptEncoder, options: TokenizeOptions) -> TokenizedEpisode | Dropped:
    if episode.outcome is None and episode.end not in ("context", "error"):
        return "undecided"
    if episode.outcome is None or episode.end in ("context", "error"):
        return "cut by the system"
    turns = _logged_turns(episode.steps, encoder.tokenizer)
    retokenized = turns is None
    if turns is None:
        turns = _encoded_turns(episode.steps, encoder)
    builders: list[_SegmentBuilder] = []
    # G at a turn is the sum of the rewards of this and all later turns.
    to_go = np.cumsum([s.reward for s in episode.steps][::-1])[::-1] if episode.steps else np.zeros(0)
    for (new_segment, prompt, action), reward in zip(turns, to_go, strict=True):
        if new_segment or not builders:
            builders.append(_SegmentBuilder())
        builders[-1].add(prompt, action, _state_tokens(action, encoder.tokenizer, options), float(reward))
    segments = tuple(b.build() for b in builders if len(b.ids) > 1)
    actions = sum(int(s.action_mask.sum()) for s in segments)
    if actions < max(1, options.min_actions):
        return "no action"
    if options.max_length is not None and max(len(s.token_ids) for s in segments) > options.max_length:
        return "too long"
    return TokenizedEpisode(segments, episode.id, episode.task_id, float(episode.outcome), retokenized)


class _SegmentBuilder:
    def __init__(self) -> None:
        self.ids: list[int] = []
        self.is_action: list[bool] = []
        self.is_state: list[bool] = []  # the token begins an action
        self.to_go: list[float] = []

    def add(self, prompt: Sequence[int], action: Sequence[int], state_tokens: Sequence[int], reward: float) -> None:
        states = set(state_tokens)
        self.ids += [*prompt, *action]
        self.is_action += [False] * len(prompt) + [True] * len(action)
        self.is_state += [False] * len(prompt) + [i in states for i in range(len(action))]
        self.to_go += [reward] * (len(prompt) + len(action))

    def build(self) -> Segment:
        # The one shift of the package: position t speaks about token t + 1.
        return Segment(
            np.asarray(self.ids, np.int64),
            np.asarray(self.is_action[1:], np.bool_),
            np.asarray(self.is_state[1:], np.bool_),
            np.asarray(self.to_go[1:], np.float32),
        )


def _state_tokens(action: Sequence[int], tokenizer: PreTrainedTokenizerBase, options: TokenizeOptions) -> Sequence[int]:
    if options.states == "token":
        return range(len(action))
    if options.states == "turn":
        return range(min(1, len(action)))
    return step_start_tokens(action, tokenizer, options.delimiters) if action else ()


def _logged_turns(steps: Sequence[Step], tokenizer: PreTrainedTokenizerBase) -> list[_Turn] | None:
    """The turns in the ids of the log, or None if a turn has none."""
    turns: list[_Turn] = []
    for step in steps:
        completion = step.completion
        if completion is None or completion.token_ids is None or completion.prompt_token_ids is None:
            return None
        _check_ids(completion.prompt_token_ids, completion.token_ids, tokenizer)
        turns.append((completion.new_segment, completion.prompt_token_ids, completion.token_ids))
    return turns


def _encoded_turns(steps: Sequence[Step], encoder: PromptEncoder) -> list[_Turn]:
    """The turns encoded from their text."""
    conversation = Conversation(encoder.prompt, encoder)
    turns: list[_Turn] = []
    for step in steps:
        conversation.ask(step.observation)
        completion = conversation.force(step.action)
        ids = completion.token_ids or ()
        # Nothing was written: an end-of-turn token alone is no action.
        turns.append((completion.new_segment, completion.prompt_token_ids or (), ids if step.action else ()))
    return turns


def _encoder(tokenizer: PreTrainedTokenizerBase, options: TokenizeOptions) -> PromptEncoder:
    has_template = bool(getattr(tokenizer, "chat_template", None))
    return PromptEncoder(options.prompt or (ChatPrompt() if has_template else PlainPrompt()), tokenizer)


def _check_ids(prompt: Sequence[int], action: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> None:
    highest = max((*prompt, *action), default=0)
    if highest >= len(tokenizer):
        raise InvalidInputError(
            f"the log holds token id {highest}, but the tokenizer knows only {len(tokenizer)}: "
            "train with the tokenizer of the model that wrote the log"
        )
