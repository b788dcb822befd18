"""From a log to what a trainer takes: read, split by task, tokenised, each with an account of what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stepgym.agents.engines.stops import decode
from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog, split_by_task
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.terminal import remark
from stepgym.errors import InvalidInputError
from stepgym.train.selection import DELIMITERS, RewardMap, balanced

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


def read_data(path: str, fraction: float, *, seed: int, balance: int | None = None) -> Data:
    """The log at `path`; tasks, not episodes, are split, so that no task is on both sides.

    With `balance` (see `--balance`) the log is read several times, and the episodes that are left out are never held.
    """
    if not 0 <= fraction < 1:
        raise InvalidInputError(f"--eval-fraction must be in [0, 1), got {fraction:g}")
    log = EpisodeLog(path)
    source: Iterable[Episode] = list(log) if balance is None else log
    train, held_back = split_by_task(source, fraction, seed=seed)
    if log.problem_count:
        remark(f"stepgym: warning: {path}: {log.problem_count:,} lines were left out, first {log.problems[0]}")
    if not train and not held_back:
        raise InvalidInputError(f"the log {path} holds no episodes")
    if not train:
        raise InvalidInputError(f"--eval-fraction {fraction:g} leaves none of {len(held_back)} tasks to train on")
    part = _OfTasks(source, train)
    return Data(
        list(part) if balance is None else _balanced(part, balance, seed),
        list(_OfTasks(source, held_back)) if held_back else [],
        sorted(held_back),
        str(log.meta.get("note", "")),
    )


@dataclass(frozen=True, slots=True)
class _OfTasks:
    """The episodes of some tasks, read anew by each iteration."""

    source: Iterable[Episode]
    tasks: frozenset[str]

    def __iter__(self) -> Iterator[Episode]:
        return (episode for episode in self.source if episode.task_id in self.tasks)


def _balanced(episodes: Iterable[Episode], most: int, seed: int) -> list[Episode]:
    kept, report = balanced(episodes, successes=most, failures=most, seed=seed)
    remark(f"balanced: {report}")
    if not kept:
        raise InvalidInputError("no episode of the log has an outcome that could be balanced")
    return kept


def add_selection(parser: Parser) -> None:
    """Which episodes of the log are used, and what their rewards are worth."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--balance",
        type=int,
        metavar="N",
        help="of each task at most N successes and N failures, then at most as many successes as failures, but at "
        "least one if there is any (the paper: 4; default: every episode)",
    )
    group.add_argument(
        "--reward-map",
        metavar="A,B",
        help="with --method oreo: A times the rewards, and B more at the end, such as 2,-1 for outcomes of -1 and 1",
    )
    group.add_argument(
        "--min-actions", type=int, metavar="N", help="leave out episodes with fewer tokens of the agent (default: 1)"
    )


def check_selection(args: Arguments) -> None:
    """Refuse what no selection is, before the log is read; named delimiters become what they stand for."""
    for name in ("balance", "min_actions"):
        count = getattr(args, name)
        if count is not None and count < 1:
            raise InvalidInputError(f"--{name.replace('_', '-')} must be 1 or more, got {count}")
    if args.reward_map is not None:
        if args.method != "oreo":
            raise InvalidInputError(f"--reward-map is a setting of --method oreo, not of {args.method}")
        _reward_map(args.reward_map)
    if args.delimiters is not None:
        args.delimiters = list(named_delimiters(args.delimiters))


def named_delimiters(given: Sequence[str]) -> tuple[str, ...]:
    """The delimiters, with "newline" and "period" replaced by those they name."""
    return tuple(dict.fromkeys(d for text in given for d in DELIMITERS.get(text, (text,))))


def mapped(data: Data, reward_map: str | None) -> Data:
    """The data with its rewards as `--reward-map` has them."""
    if reward_map is None:
        return data
    change = _reward_map(reward_map)
    return replace(data, train=[change(e) for e in data.train], held_back=[change(e) for e in data.held_back])


def _reward_map(text: str) -> RewardMap:
    scale, comma, shift = text.partition(",")
    try:
        return RewardMap(float(scale), float(shift) if comma else 0.0)
    except InvalidInputError:
        raise
    except ValueError:
        raise InvalidInputError(f"--reward-map takes two numbers A,B, such as 2,-1, got {text!r}") from None


def tokenized(
    episodes: Sequence[Episode], tokenizer: Any, options: TokenizeOptions, *, what: str, cache: str | None = None
) -> Sequence[TokenizedEpisode]:
    """The episodes that can be trained on; the others are counted on the terminal. `cache` is a folder for them."""
    from stepgym.train import tokenize_episodes
    from stepgym.train.token_cache import token_cache

    kept: Sequence[TokenizedEpisode]
    if cache is None:
        kept, report = tokenize_episodes(episodes, tokenizer, options)
    else:
        kept, report = token_cache(episodes, tokenizer, options, cache)
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
