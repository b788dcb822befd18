"""`Collected`, what a collection did, and `Tally`, which counts it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from stepgym.agents.episodes import Episode
from stepgym.agents.policy import Completion
from stepgym.verifiers.verdict import printable

_ERRORS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did.

    Attributes:
        episodes: The episodes, in the order they finished; empty when they were written to a log.
        finished: How many episodes were played now.
        skipped: How many were in the log already.
        spared: How many were not needed, because their task had enough successes and failures.
        missing: How many of those asked for are still to be played; 0 unless `stopped` or interrupted.
        stopped: The budget that ended the collection, in words; "" if none did.
        ends: Count by `Episode.end`.
        successes, failures, undecided: Count by `Episode.success`; undecided holds those cut by the system too.
        errors: Count by message of the policy (and, where recorded, worker and environment) errors behind
            `end="error"`.
        failures_by_kind: Count of failed attempts by kind ("policy", "worker", "environment"), those included after
            which an episode was played again.
        tokens: Tokens written by the policy in the episodes, where it gives ids or its server counts them.
        seconds: Wall time.
    """

    episodes: tuple[Episode, ...] = field(default=(), repr=False)
    finished: int = 0
    skipped: int = 0
    spared: int = 0
    missing: int = 0
    stopped: str = ""
    ends: Mapping[str, int] = field(default_factory=dict)
    successes: int = 0
    failures: int = 0
    undecided: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    failures_by_kind: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        judged = self.successes + self.failures
        parts = [f"{self.finished} episodes in {self.seconds:.1f} s"]
        if self.skipped:
            parts.append(f"{self.skipped} were there already")
        if self.spared:
            parts.append(f"{self.spared} not needed (their tasks had enough)")
        if judged:
            parts.append(f"{self.successes} of {judged} judged ones succeeded ({self.successes / judged:.1%})")
        parts += [f"{self.undecided} without an outcome"] if self.undecided else []
        parts += [f"{self.ends[end]} cut ({end})" for end in ("context", "error") if self.ends.get(end)]
        parts += [f"{count} failed attempts ({kind})" for kind, count in sorted(self.failures_by_kind.items())]
        parts += [f"{count} x {printable(message)[:200]}" for message, count in self.errors.items()]
        parts += [f"{self.tokens:,} tokens"] if self.tokens else []
        if self.stopped:
            parts.append(f"stopped by {self.stopped} with {self.missing} still to be played")
        return ", ".join(parts)


class Tally:
    """Counts what a collection does.

    Args:
        total: How many episodes are asked for.
        keep: Keep the episodes, because there is no log.
    """

    def __init__(self, total: int, *, keep: bool) -> None:
        self.total = total
        self.finished = 0
        self.skipped = 0
        self.spared = 0
        self.tokens = 0
        self.stopped = ""
        self.errors_in_a_row = 0
        self.last_error = ""
        self._keep = keep
        self._episodes: list[Episode] = []
        self._ends: Counter[str] = Counter()
        self._success: Counter[bool | None] = Counter()
        self._errors: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the collection began."""
        return time.perf_counter() - self._began

    def add(self, episode: Episode) -> None:
        """Count a finished episode."""
        if self._keep:
            self._episodes.append(episode)
        self.finished += 1
        self._ends[episode.end] += 1
        self._success[episode.success] += 1
        for step in episode.steps:
            if step.completion is not None:
                self.tokens += _tokens_of(step.completion)
        if episode.end != "error":
            self.errors_in_a_row = 0
            return
        self.errors_in_a_row += 1
        self.last_error = reason = episode.steps[-1].verdicts[-1].reason
        # Messages with a number of their own each must not fill the memory.
        self._errors[reason if reason in self._errors or len(self._errors) < _ERRORS_KEPT else "other errors"] += 1

    def failed(self, kind: str) -> None:
        """Count a failed attempt."""
        self._failures[kind] += 1

    def summary(self, *, with_episodes: bool = True) -> Collected:
        """What was done so far."""
        return Collected(
            episodes=tuple(self._episodes) if with_episodes else (),
            finished=self.finished,
            skipped=self.skipped,
            spared=self.spared,
            missing=self.total - self.finished - self.skipped - self.spared,
            stopped=self.stopped,
            ends=dict(self._ends),
            successes=self._success[True],
            failures=self._success[False],
            undecided=self._success[None],
            errors=dict(self._errors),
            failures_by_kind=dict(self._failures),
            tokens=self.tokens,
            seconds=self.seconds,
        )


def _tokens_of(completion: Completion) -> int:
    """The tokens written: the ids, else what the server counted (`tokens_written`), else 0."""
    if completion.token_ids is not None:
        return len(completion.token_ids)
    counted = getattr(completion, "tokens_written", 0)
    return counted if isinstance(counted, int) else 0
