"""What training data must be, checked before anything is trained or written."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from stepgym.agents.engines.stops import decode
from stepgym.agents.episodes import Episode
from stepgym.errors import InvalidInputError
from stepgym.train.cached_episodes import CachedEpisodes
from stepgym.train.token_cache import outcomes
from stepgym.train.tokenize import States, TokenizedEpisode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

_COMPARED = 16


def check_returns(episodes: Sequence[TokenizedEpisode], expected: tuple[float, float] | None = None) -> None:
    """Raise `InvalidInputError` if a reward is not finite, or an outcome lies outside the `expected` range."""
    low, high = expected or (-np.inf, np.inf)
    values = outcomes(episodes)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high)))
    if wrong.size:
        named = ", ".join(f"{episodes[i].id!r} has {values[i]:g}" for i in wrong[:3].tolist())
        wanted = "a finite outcome" if expected is None else f"an outcome from {low:g} to {high:g}"
        raise InvalidInputError(f"expected {wanted} of each episode; {wrong.size:,} have not: {named}")
    if isinstance(episodes, CachedEpisodes):
        finite = all(
            bool(np.isfinite(part).all()) for part in np.array_split(episodes.returns, 1 + len(episodes) // 999)
        )
        bad = [] if finite else [e.id for e in episodes if not _finite(e)]
    else:
        bad = [e.id for e in episodes if not _finite(e)]
    if bad:
        raise InvalidInputError(f"expected finite rewards; {len(bad):,} episodes have others, first {bad[0]!r}")


def check_tokenizer(episodes: Iterable[Episode], tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise `InvalidInputError` if the logged ids do not say to `tokenizer` what the log says they say.

    The first logged completions are compared; most must agree, so that a single edited one does no harm.
    """
    logged = (c for e in episodes for c in (step.completion for step in e.steps) if c is not None and c.token_ids)
    size = len(tokenizer)
    compared = list(itertools.islice((c for c in logged if max(c.token_ids or ()) < size), _COMPARED))
    wrong = [c for c in compared if decode(tokenizer, c.token_ids or ()) != c.text]
    if 2 * len(wrong) > len(compared):
        first = wrong[0]
        raise InvalidInputError(
            f"the token ids of the log are of another tokenizer: {first.text[:60]!r} was written, and here its ids say "
            f"{decode(tokenizer, first.token_ids or ())[:60]!r}. Train with the tokenizer of the model that wrote the "
            "log, or on the texts alone (episodes whose completions have no ids)"
        )


def _finite(episode: TokenizedEpisode) -> bool:
    return all(bool(np.isfinite(s.returns).all()) for s in episode.segments)


def check_states(episodes: Sequence[TokenizedEpisode], states: States) -> None:
    """Warn where `states` has no effect, because the episodes come tokenised with a state at every token."""
    segments = [segment for i in range(min(100, len(episodes))) for segment in episodes[i].segments]
    longer = any(bool((s.action_mask[1:] & s.action_mask[:-1]).any()) for s in segments)
    if states != "token" and longer and all(bool((s.state_mask == s.action_mask).all()) for s in segments):
        logger.warning(
            "states=%r has no effect: the episodes come tokenised, with a state at every token. Tokenise them with "
            "TokenizeOptions(states=%r), or pass the log itself.",
            states,
            states,
        )
