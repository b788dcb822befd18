"""`episode_progress`: the progress of each step of a logged episode, and where in the log the step is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.agents.monte_carlo.prefixes import prefixes
from stepgym.agents.monte_carlo.store import McValue
from stepgym.agents.progress.advantages import Progress, progress
from stepgym.agents.spans import DEFAULT_DELIMITERS
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class StepProgress:
    """One reasoning step of a logged episode.

    Attributes:
        turn: The turn it lies in.
        step: Its number in the episode, over all turns.
        text: What was written, its delimiter included.
        characters: Where, `[start, end)` in the turn's action.
        tokens: Where, `[start, end)` in the turn's `completion.token_ids`; None where the log has no ids.
        progress: What it changed.
    """

    turn: int
    step: int
    text: str
    characters: tuple[int, int]
    tokens: tuple[int, int] | None
    progress: Progress


def episode_progress(
    episode: Episode,
    values: McValue,
    policy: str | None = None,
    *,
    tokenizer: Any = None,
    delimiters: Sequence[str] = DEFAULT_DELIMITERS,
    best_of: int = 1,
) -> tuple[StepProgress, ...]:
    """The progress of each step under a policy that was rolled out from the prefixes of the episode.

    The last step ends in the outcome, which is exact (1 for a success); an outcome that is undecided or cut leaves its
    progress unknown, as a prefix that was not rolled out does. Where a turn's end is followed by an observation, the
    step is judged together with it: what the environment's luck added is in its advantage.

    Args:
        episode: From a log.
        values: Filled by `monte_carlo_values` from this episode, or one that shares its prefixes.
        policy: Whose roll-outs; the store's only policy if None. Any prover, not only the policy of the log.
        tokenizer: As in `prefixes`: the one of the roll-outs, None where only turns are steps.
        delimiters: Those of the roll-outs.
        best_of: The prover is the best of so many continuations.

    Raises:
        InvalidInputError: None of the prefixes was rolled out: another tokenizer, other delimiters or another policy.
    """
    states = list(prefixes(episode, tokenizer, delimiters=delimiters))
    estimates = [values.estimate(state, policy) for state in states]
    if not any(found.n or found.truncated or found.undecided for found in estimates):
        raise InvalidInputError(
            f"there are no roll-outs from any of the {len(states)} prefixes of episode {episode.id!r:.80}: expected "
            f"the tokenizer, delimiters and policy of the roll-outs; there are {', '.join(values.policies) or 'none'}"
        )
    steps = progress([*estimates, outcome_value(episode)], best_of=best_of)
    found = []
    for number, (state, step) in enumerate(zip(states, steps, strict=True)):
        turn = len(state.turns)
        done = episode.steps[turn].completion
        ids = None if done is None or done.prompt_token_ids is None else done.token_ids
        after = states[number + 1] if number + 1 < len(states) and len(states[number + 1].turns) == turn else None
        action = episode.steps[turn].action
        start = len(state.text)
        end = len(action) if after is None else len(after.text)
        tokens = None if ids is None else (len(state.written), len(ids) if after is None else len(after.written))
        found.append(StepProgress(turn, number, action[start:end], (start, end), tokens, step))
    return tuple(found)


def outcome_value(episode: Episode) -> float | None:
    """The value after the last step: 1 or 0, None if undecided or cut."""
    return None if episode.success is None else float(episode.success)
