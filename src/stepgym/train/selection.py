"""Which episodes are trained on, and what their rewards are worth: the data recipes of the OREO paper.

Source: Wang et al., "Offline Reinforcement Learning for LLM Multi-Step Reasoning", arXiv 2412.16145, and the authors'
code. What is too short or too long is left to `TokenizeOptions` (`min_actions`, `max_length`), which knows tokens.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from stepgym.agents.episodes import Episode
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError

# What ends a reasoning step, by name: "newline" is the paper's choice for GSM8K, "period" for MATH.
DELIMITERS: Mapping[str, tuple[str, ...]] = {"newline": ("\n",), "period": ("\n", ". ", ".$ ")}


@dataclass(slots=True)
class SelectionReport:
    """What became of the episodes of a log.

    Attributes:
        successes, failures: Kept episodes of either outcome.
        tasks: Tasks with at least one kept episode.
        one_sided: Of them, those whose kept episodes all have one outcome.
        dropped: How many were left out, by reason.
    """

    successes: int = 0
    failures: int = 0
    tasks: int = 0
    one_sided: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def kept(self) -> int:
        """Episodes that are trained on."""
        return self.successes + self.failures

    def __str__(self) -> str:
        parts = [
            f"{self.kept:,} episodes of {self.tasks:,} tasks ({self.successes:,} successes, {self.failures:,} failures)"
        ]
        if self.one_sided:
            parts.append(f"{self.one_sided:,} tasks with one outcome only")
        parts += [f"{count:,} left out: {reason}" for reason, count in sorted(self.dropped.items())]
        return "; ".join(parts)


def balanced(
    episodes: Iterable[Episode], *, successes: int = 4, failures: int = 4, seed: int = 0
) -> tuple[list[Episode], SelectionReport]:
    """The paper's balanced sample of a log, in the order of the log, and an account of what was left out.

    Of each task at most `successes` and at most `failures` episodes are kept; then at most as many successes as
    failures, but at least one success if there is any. Which ones is drawn with `seed` and depends on the ids of the
    episodes alone: a log in another order, or with further tasks, gives the same sample of a task.

    Args:
        episodes: A log or another iterable; it is read twice, and only the kept episodes are held.
        successes: Most of a task, >= 0.
        failures: Likewise; not both are 0.
        seed: Of the draw.
    """
    if min(successes, failures) < 0 or successes == failures == 0:
        raise InvalidInputError(
            f"a balanced sample needs successes >= 0 and failures >= 0, not both 0, got {successes} and {failures}"
        )
    again = list(episodes) if isinstance(episodes, Iterator) else episodes
    report = SelectionReport()
    ranked: dict[str, dict[bool, list[tuple[int, int]]]] = defaultdict(lambda: {True: [], False: []})
    for place, episode in enumerate(again):
        if episode.success is None:
            cut = episode.end in ("context", "error")
            report.dropped["cut by the system" if cut else "undecided"] += 1
            continue
        ranked[episode.task_id][episode.success].append((derive_seed(seed, episode.id), place))
    chosen: set[int] = set()
    for outcomes in ranked.values():
        kept = _quota(len(outcomes[True]), len(outcomes[False]), successes, failures, report)
        for success, count in zip((True, False), kept, strict=True):
            chosen.update(place for _, place in sorted(outcomes[success])[:count])
        report.successes += kept[0]
        report.failures += kept[1]
        report.tasks += any(kept)
        report.one_sided += any(kept) and not all(kept)
    return [episode for place, episode in enumerate(again) if place in chosen], report


def _quota(good: int, bad: int, successes: int, failures: int, report: SelectionReport) -> tuple[int, int]:
    """How many successes and failures of a task are kept; the others are counted in `report`."""
    kept_bad = min(bad, failures)
    within = min(good, successes)
    kept_good = min(within, max(kept_bad, 1))
    for reason, count in (
        (f"more than {successes} successes of a task", good - within),
        ("more successes than failures of a task", within - kept_good),
        (f"more than {failures} failures of a task", bad - kept_bad),
    ):
        if count:
            report.dropped[reason] += count
    return kept_good, kept_bad


@dataclass(frozen=True, slots=True)
class RewardMap:
    """Returns as `scale * G + shift`, the "reward map" of the authors' code (`rew_mul`, `rew_add`).

    Every reward is scaled; `shift` is given once, with the last reward, so that the return to go is mapped at every
    state alike and the outcome stays the sum of the rewards.

    Attributes:
        scale: > 0.
        shift: Added to each episode's outcome.
    """

    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and math.isfinite(self.shift) and self.scale > 0):
            raise InvalidInputError(f"a reward map needs a finite scale > 0 and a finite shift, got {self}")

    def __call__(self, episode: Episode) -> Episode:
        """The episode with its rewards mapped; one without an outcome stays as it is.

        Raises:
            InvalidInputError: A failure would become a success or the reverse, see `Episode.success`.
        """
        if episode.outcome is None or not episode.steps:
            return episode
        steps = [replace(step, reward=self.scale * step.reward) for step in episode.steps]
        steps[-1] = replace(steps[-1], reward=steps[-1].reward + self.shift)
        mapped = replace(episode, steps=tuple(steps), outcome=self.scale * episode.outcome + self.shift)
        if mapped.success != episode.success:
            raise InvalidInputError(
                f"the reward map {self.scale:g} * R {self.shift:+g} turns the outcome {episode.outcome:g} of episode "
                f"{episode.id!r} into {mapped.outcome:g}: a success is an outcome above 0, and must remain one"
            )
        return mapped
