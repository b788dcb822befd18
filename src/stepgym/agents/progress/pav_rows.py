"""`pav_rows`: what a verifier that predicts the chance of success is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.agents.exporters.rows import chat_of
from stepgym.agents.monte_carlo.prefixes import Prefix, prefixes
from stepgym.agents.monte_carlo.store import McValue
from stepgym.agents.policy import Message
from stepgym.agents.progress.buckets import bucket_weights
from stepgym.agents.progress.chance import chance_of
from stepgym.agents.progress.episode_progress import outcome_value
from stepgym.agents.progress.first_pit import Pit
from stepgym.agents.search.scoring import Scorer
from stepgym.agents.spans import DEFAULT_DELIMITERS


def pav_rows(
    episodes: Iterable[Episode],
    values: McValue,
    policy: str | None = None,
    *,
    tokenizer: Any = None,
    delimiters: Sequence[str] = DEFAULT_DELIMITERS,
    best_of: int = 1,
    edges: Sequence[float] = (0.5,),
    pits: Iterable[Pit] = (),
) -> Iterator[dict[str, Any]]:
    """Rows for training a scalar head by soft cross-entropy, `-(q log p + (1 - q) log(1 - p))`; for `write_rows`.

    One row for each different state that was rolled out, and one for each finished answer, whose value is its outcome:

    * `task`, `prefix` (the key in the store) and `step` (how many steps lie before it).
    * `prompt`, the conversation as messages, `text`, what is written of the answer behind it, and `ids`, all of it as
      the log has it, up to where V is read; None without ids. A finished answer ends before its end-of-turn token if
      `tokenizer` is given.
    * `q`, the share of successes, of `n` judged roll-outs. `n` is None for an outcome, which is exact.
    * `weight`: gives each bucket of q the same sum, the mean is 1. Multiply by n to weigh roll-outs alike.
    * `final`: whether it is a finished answer.

    Args:
        episodes: A log; its rows are held in memory for the weights.
        values: Filled by `monte_carlo_values` from these episodes.
        policy: Whose roll-outs; the store's only policy if None.
        tokenizer: As in `prefixes`.
        delimiters: Those of the roll-outs.
        best_of: Train on the value of the best of so many continuations. Not needed for search: predicted chances
            become those of a best-of-k prover by `bok_plug_in`.
        edges: Of the buckets.
        pits: Episodes that have one here are used up to it, nothing after it, see `first_pits`.
    """
    ends = {pit.episode_id: pit.state for pit in pits if pit.state is not None}
    rows: dict[str, dict[str, Any]] = {}
    for episode in episodes:
        states = list(prefixes(episode, tokenizer, delimiters=delimiters))
        end = ends.get(episode.id, len(states))
        for state in states[: end + 1]:
            estimate = values.estimate(state, policy)
            chance = chance_of(estimate, best_of=best_of)
            if chance is not None and state.key not in rows:
                rows[state.key] = _row(episode, state, chance.mean, estimate.n, state.token_ids)
        outcome = outcome_value(episode)
        if outcome is not None and states and end == len(states):
            last = _finished(episode, states[-1])
            ids = last.token_ids if tokenizer is None else Scorer(None, tokenizer).position((), last.token_ids or ())
            row = _row(episode, last, outcome, None, ids or None)
            rows.setdefault(last.key, row)
    weights = bucket_weights([row["q"] for row in rows.values()], edges)
    for row, weight in zip(rows.values(), weights, strict=True):
        yield row | {"weight": weight}


def _finished(episode: Episode, last: Prefix) -> Prefix:
    """The state after the last step; without ids the turns name it."""
    step = episode.steps[-1]
    done = step.completion
    if last.prompt_token_ids is None or done is None or done.token_ids is None:
        return replace(last, turns=episode.steps, observation="", step=last.step + 1)
    return replace(last, written=done.token_ids, text=step.action, step=last.step + 1)


def _row(episode: Episode, state: Prefix, q: float, n: int | None, ids: tuple[int, ...] | None) -> dict[str, Any]:
    turns = min(len(state.turns), len(episode.steps) - 1)
    prompt: list[Message] = chat_of(replace(episode, steps=episode.steps[: turns + 1]))[:-1]
    text = episode.steps[-1].action if len(state.turns) == len(episode.steps) else state.text
    return {
        "task": state.task_id,
        "prefix": state.key,
        "step": state.step,
        "prompt": prompt,
        "text": text,
        "ids": None if ids is None else list(ids),
        "q": q,
        "n": n,
        "final": n is None,
    }
