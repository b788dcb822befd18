"""Which of two episodes, or of two actions after the same history, is preferred: the pairs behind DPO.

Episode pairs are a success and a failure of one task (as in the paper of OREO, at most a few per task). Step pairs need
a log with branches: episodes that share their history up to a step and go on differently from there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeVar, get_args

import numpy as np

from stepgym.agents.episodes import Episode
from stepgym.errors import InvalidInputError

PairOrder = Literal["random", "shortest"]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class LoggedIds:
    """An episode in the ids of its log, as one sequence.

    Attributes:
        prompt: Ids before the first action.
        completion: All ids after them: actions, and what was observed in between.
        written: For each of `completion` whether the agent wrote it.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    written: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class StepPair:
    """Two actions after the same history.

    Attributes:
        chosen, rejected: An episode that took each action.
        step: Index of the step in which they differ; all steps before are shared.
        chosen_score, rejected_score: Mean outcome of the episodes that took each action there.
    """

    chosen: Episode
    rejected: Episode
    step: int
    chosen_score: float
    rejected_score: float


def draw_pairs(
    chosen: Sequence[_Item],
    rejected: Sequence[_Item],
    most: int,
    *,
    order: PairOrder = "random",
    generator: np.random.Generator,
    length: Callable[[_Item], int],
) -> Iterator[tuple[_Item, _Item]]:
    """At most `most` of the pairs of one of `chosen` and one of `rejected`, none twice.

    Args:
        chosen: Successes of one task.
        rejected: Its failures.
        most: Pairs at most, at least 1.
        order: "random" draws with `generator`; "shortest" takes the smallest sums of both lengths, ties in the order
            given: cheap, but the pairs then say nothing about long answers.
        generator: For "random"; not advanced by "shortest".
        length: The length of an item.
    """
    check_pairing(most, order)
    count = len(chosen) * len(rejected)
    if order == "random":
        indices = generator.permutation(count)
    else:
        sums = np.add.outer([length(c) for c in chosen], [length(r) for r in rejected]).ravel()
        indices = np.argsort(sums, kind="stable")
    for index in indices[:most]:
        yield chosen[index // len(rejected)], rejected[index % len(rejected)]


def check_pairing(most: int, order: str) -> None:
    """Raise `InvalidInputError` unless `draw_pairs` takes these settings."""
    if most < 1:
        raise InvalidInputError(f"pairs_per_task must be at least 1, got {most}")
    if order not in get_args(PairOrder):
        raise InvalidInputError(f"order must be one of {get_args(PairOrder)}, got {order!r}")


def step_pairs(episodes: Iterable[Episode], *, pairs_per_step: int = 1, margin: float = 0.0) -> Iterator[StepPair]:
    """Sibling actions whose mean outcomes differ by more than `margin`, the largest differences first.

    Siblings are the episodes with the same `parent` and `forked_at`, and the parent itself where the log holds it. A
    branch holds all its steps from the beginning; the first `forked_at` of them are its parent's. Undecided and cut
    episodes have no outcome and are left out. Equal actions of several siblings are one action, scored by their mean.

    Args:
        episodes: A log; decided episodes are held in memory.
        pairs_per_step: At most so many pairs from one fork.
        margin: The smallest difference of mean outcomes that does not count.

    Raises:
        InvalidInputError: a branch has no step of its own, or siblings do not share their history.
    """
    if pairs_per_step < 1:
        raise InvalidInputError(f"pairs_per_step must be at least 1, got {pairs_per_step}")
    known: dict[str, Episode] = {}
    forks: dict[tuple[str, int], list[Episode]] = defaultdict(list)
    for episode in episodes:
        if episode.success is None:
            continue
        known[episode.id] = episode
        if episode.parent is not None and episode.forked_at is not None:
            forks[episode.parent, episode.forked_at].append(episode)
    for (parent, step), branches in forks.items():
        origin = known.get(parent)
        siblings = [origin, *branches] if origin is not None and len(origin.steps) > step else branches
        _check_siblings(siblings, parent, step)
        by_action: dict[str, list[Episode]] = defaultdict(list)
        for sibling in siblings:
            by_action[sibling.steps[step].action].append(sibling)
        scored = [(float(np.mean([e.outcome for e in group])), group[0]) for group in by_action.values()]
        pairs = [
            StepPair(max(a, b, key=_score)[1], min(a, b, key=_score)[1], step, max(a[0], b[0]), min(a[0], b[0]))
            for a, b in combinations(scored, 2)
            if abs(a[0] - b[0]) > margin
        ]
        yield from sorted(pairs, key=lambda p: p.rejected_score - p.chosen_score)[:pairs_per_step]


def logged_ids(episode: Episode) -> LoggedIds | None:
    """The episode in the ids of its log; None if a turn has none, or if its context was rewritten on the way."""
    ids: list[int] = []
    written: list[bool] = []
    for i, step in enumerate(episode.steps):
        completion = step.completion
        if completion is None or completion.token_ids is None or completion.prompt_token_ids is None:
            return None
        if i > 0 and completion.new_segment:
            return None
        ids += [*completion.prompt_token_ids, *completion.token_ids]
        written += [False] * len(completion.prompt_token_ids) + [True] * len(completion.token_ids)
    if True not in written:
        return None
    first = written.index(True)
    return LoggedIds(tuple(ids[:first]), tuple(ids[first:]), tuple(written[first:]))


def context_ids(episode: Episode, step: int) -> tuple[int, ...] | None:
    """What the policy had read before it wrote the action of `step`, in the ids of the log; None if a turn has none."""
    ids: list[int] = []
    for i, turn in enumerate(episode.steps[: step + 1]):
        completion = turn.completion
        if completion is None or completion.token_ids is None or completion.prompt_token_ids is None:
            return None
        if completion.new_segment:
            ids = []
        ids += completion.prompt_token_ids
        if i < step:
            ids += completion.token_ids
    return tuple(ids)


def _score(item: tuple[float, Episode]) -> float:
    return item[0]


def _check_siblings(siblings: Sequence[Episode], parent: str, step: int) -> None:
    def history(episode: Episode) -> list[str]:
        return [text for s in episode.steps[:step] for text in (s.observation, s.action)] + [
            episode.steps[step].observation
        ]

    first = siblings[0]
    for episode in siblings:
        if not 0 <= step < len(episode.steps):
            raise InvalidInputError(
                f"episode {episode.id!r} was forked from {parent!r} at step {step} but has {len(episode.steps)} steps: "
                "a branch holds all steps from the beginning and at least one of its own"
            )
        if history(episode) != history(first):
            raise InvalidInputError(
                f"episodes {first.id!r} and {episode.id!r} were both forked from {parent!r} at step {step}, but their "
                "steps before it differ"
            )
