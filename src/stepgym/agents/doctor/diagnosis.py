"""`Diagnosis`: what an episode log holds, and what that means for training on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from stepgym.agents.statistics import Interval
from stepgym.agents.text_table import text_table
from stepgym.verifiers.verdict import printable

Advice = Literal["no_outcomes", "one_class", "too_few", "rejection_sampling", "oreo", "both"]


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number is distributed over episodes: 5 % are at most `low`, 95 % at most `high`."""

    low: float
    median: float
    high: float
    largest: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of a log is about tasks of an evaluation set.

    Attributes:
        evaluation_tasks: Size of the evaluation set.
        tasks_by_id: Tasks of it that the log has under the same id.
        tasks_by_prompt: Tasks of it whose prompt, apart from case and white space, is the first observation of an
            episode.
        episodes: Episodes of the log on such tasks.
    """

    evaluation_tasks: int
    tasks_by_id: int
    tasks_by_prompt: int
    episodes: int


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Mean log-probability (nats) per action token under a reference policy, over a sample of episodes.

    Attributes:
        mean: Over all tokens.
        successes, failures: Over the tokens of such episodes; None if there are none.
        episodes, tokens: Size of the sample.
    """

    mean: float
    successes: float | None
    failures: float | None
    episodes: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a log holds.

    Attributes:
        episodes, tasks: Their numbers.
        envs, policies: Episodes by environment and by policy.
        ends: Episodes by `Episode.end`.
        successes, failures: Episodes that training can use.
        undecided: Episodes the verifier could not decide (dropped in training).
        cut: Episodes cut by the system (dropped in training).
        success: Share of successes among the usable, mean over tasks, with its 95 % interval; None without any.
        tasks_both, tasks_only_successes, tasks_only_failures: Tasks by the outcomes of their usable episodes.
        samples_per_task: Usable episodes per task.
        turns, characters, tokens: Per episode; characters and tokens of actions only, tokens None without ids.
        empty_actions: Episodes with an empty action.
        duplicates: Episodes that repeat task and actions of an earlier one.
        without_ids: Share of episodes that lack token ids and must be encoded from text.
        problems: Lines of the file that are no episodes.
        length_decides: Probability that of two answers to the same task the right one is longer than the wrong one;
            0.5 is no relation, None without tasks that have both.
        overlap: With an evaluation set, if one was given.
        likelihood: Under a reference policy, if one was given.
        advice: "oreo", "rejection_sampling" (would do as well), "both" (cannot be told from the log), or why nothing
            can be learned or told: "no_outcomes", "one_class", "too_few".
        reasons: The sentences behind the advice and other things to know before training.
        unread_actions: Turns in which the environment's action format found no action.
    """

    episodes: int
    tasks: int
    envs: Mapping[str, int]
    policies: Mapping[str, int]
    ends: Mapping[str, int]
    successes: int
    failures: int
    undecided: int
    cut: int
    success: Interval | None
    tasks_both: int
    tasks_only_successes: int
    tasks_only_failures: int
    samples_per_task: Spread
    turns: Spread
    characters: Spread
    tokens: Spread | None
    empty_actions: int
    duplicates: int
    without_ids: float
    problems: int
    length_decides: float | None
    overlap: Overlap | None
    likelihood: Likelihood | None
    advice: Advice
    reasons: tuple[str, ...]
    unread_actions: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"reasons": list(self.reasons)}

    def __str__(self) -> str:
        rows = [
            ("episodes", f"{self.episodes:,} of {self.tasks:,} tasks"),
            ("environments", _counts(self.envs)),
            ("policies", _counts(self.policies)),
            ("ends", _counts(self.ends)),
            ("usable", f"{self.successes:,} successes, {self.failures:,} failures"),
            ("not usable", f"{self.undecided:,} undecided, {self.cut:,} cut by the system"),
            ("success", _percent(self.success)),
            (
                "tasks with",
                f"both outcomes {self.tasks_both:,}, only successes {self.tasks_only_successes:,}, "
                f"only failures {self.tasks_only_failures:,}",
            ),
            (
                "right is longer",
                "-" if self.length_decides is None else f"in {100 * self.length_decides:.0f} % of pairs",
            ),
            ("duplicates", f"{self.duplicates:,} ({100 * self.duplicates / self.episodes:.1f} %)"),
            ("empty actions", f"{self.empty_actions:,}"),
            ("without token ids", f"{100 * self.without_ids:.1f} %"),
            ("corrupt lines", f"{self.problems:,}"),
        ]
        if self.unread_actions:
            rows.append(("unread actions", f"{self.unread_actions:,} turns"))
        if self.overlap is not None:
            o = self.overlap
            rows.append(
                (
                    "in evaluation set",
                    f"{o.tasks_by_id:,} of {o.evaluation_tasks:,} tasks by id, {o.tasks_by_prompt:,} by prompt; "
                    f"{o.episodes:,} episodes",
                )
            )
        if self.likelihood is not None:
            k = self.likelihood
            parts = f"successes {_nats(k.successes)}, failures {_nats(k.failures)}"
            rows.append(("log-likelihood", f"{k.mean:.2f} per token ({parts}; {k.episodes:,} episodes)"))
        spreads = [("per episode", "5 %", "median", "95 %", "largest")]
        named = [("turns", self.turns), ("characters", self.characters), ("tokens", self.tokens)]
        spreads += [(name, *_spread(s)) for name, s in named if s is not None]
        spreads.append(("episodes per task", *_spread(self.samples_per_task)))
        width = max(len(name) for name, _ in rows)
        facts = "\n".join(f"{name:<{width}}  {printable(text)}" for name, text in rows)
        sentences = "\n".join(f"- {printable(reason)}" for reason in self.reasons)
        return f"{facts}\n\n{text_table(spreads[0], spreads[1:])}\n\nWould rejection sampling do as well?\n{sentences}"


def _counts(counts: Mapping[str, int]) -> str:
    names = sorted(counts, key=lambda name: (-counts[name], name))
    shown = ", ".join(f"{name or '(unnamed)'} {counts[name]:,}" for name in names[:4]).replace("\n", "\\n")
    return shown + (f", {len(names) - 4} more" if len(names) > 4 else "")


def _percent(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _pairs(share: float | None) -> str:
    return "-" if share is None else f"in {100 * share:.0f} % of pairs"


def _nats(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _spread(spread: Spread) -> tuple[str, str, str, str]:
    return tuple(f"{v:,.0f}" for v in (spread.low, spread.median, spread.high, spread.largest))  # type: ignore[return-value]
