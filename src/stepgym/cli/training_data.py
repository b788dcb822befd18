"""From a log to what a trainer takes: read, split by task, tokenised, each with an account of what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepgym.agents.episodes import Episode
from stepgym.agents.log import EpisodeLog, split_by_task
from stepgym.agents.stops import decode
from stepgym.cli.terminal import remark
from stepgym.errors import InvalidInputError

if TYPE_CHECKING:
    from stepgym.train import TokenizedEpisode, TokenizeOptions

_COMPARED = 50  # completions; another tokenizer shows itself in the first few


@dataclass(frozen=True, slots=True)
class Data:
    """Episodes to train on, and those of tasks that are held back.

    Attributes:
        train, held_back: Episodes.
        held_back_tasks: Their task ids, sorted.
        note: What the log says about itself, "" if nothing.
    """

    train: Sequence[Episode]
    held_back: Sequence[Episode]
    held_back_tasks: Sequence[str]
    note: str = ""


def read_data(path: str, fraction: float, *, seed: int) -> Data:
    """The log at `path`; tasks, not episodes, are split, so that no task is on both sides."""
    if not 0 <= fraction < 1:
        raise InvalidInputError(f"--eval-fraction must be in [0, 1), got {fraction:g}")
    log = EpisodeLog(path)
    episodes = list(log)
    if log.problem_count:
        remark(f"stepgym: warning: {path}: {log.problem_count:,} lines were left out, first {log.problems[0]}")
    if not episodes:
        raise InvalidInputError(f"the log {path} holds no episodes")
    train, held_back = split_by_task(episodes, fraction, seed=seed)
    if not train:
        raise InvalidInputError(f"--eval-fraction {fraction:g} leaves none of {len(held_back)} tasks to train on")
    return Data(
        [e for e in episodes if e.task_id in train],
        [e for e in episodes if e.task_id in held_back],
        sorted(held_back),
        str(log.meta.get("note", "")),
    )


def tokenized(
    episodes: Sequence[Episode], tokenizer: Any, options: TokenizeOptions, *, what: str
) -> list[TokenizedEpisode]:
    """The episodes that can be trained on; the others are counted on the terminal."""
    from stepgym.train import tokenize_episodes

    kept, report = tokenize_episodes(episodes, tokenizer, options)
    remark(f"{what}: {report}")
    return kept


def ids_fit(episodes: Sequence[Episode], tokenizer: Any) -> bool:
    """Whether the log's token ids, where it has any, say to `tokenizer` what the log says they say."""
    completions = (step.completion for e in episodes for step in e.steps if step.completion is not None)
    seen = 0
    for completion in completions:
        if not completion.token_ids:
            continue
        if max(completion.token_ids) >= len(tokenizer) or decode(tokenizer, completion.token_ids) != completion.text:
            return False
        seen += 1
        if seen == _COMPARED:
            break
    return True
