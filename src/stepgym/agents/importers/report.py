"""`ImportReport`: what became of the rows of a foreign log."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.verifiers.verdict import printable

_EXAMPLES = 5


@dataclass(slots=True)
class ImportReport:
    """Counts kept while rows become episodes; complete when the stream has ended.

    Attributes:
        source: The file.
        rows: Rows read, bad ones included.
        episodes: Episodes made of them; a row can give several.
        successes, failures, undecided: How the episodes ended, see `Episode.success`.
        present: Episodes left out because the log already had them.
        skipped: Bad rows (or single responses of a row) by reason.
        examples: The first few bad rows with their places.
    """

    source: str = ""
    rows: int = 0
    episodes: int = 0
    successes: int = 0
    failures: int = 0
    undecided: int = 0
    present: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def skip(self, place: str, reason: str) -> None:
        """Count a bad row."""
        # Positions and the columns of this very row would make every reason its own kind.
        self.skipped[re.split(r" at (?:column|byte) \d+|; there is ", reason)[0]] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{place}: {reason}")

    def add(self, episode: Episode) -> None:
        """Count an episode."""
        self.episodes += 1
        self.successes += episode.success is True
        self.failures += episode.success is False
        self.undecided += episode.success is None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "source": self.source,
            "rows": self.rows,
            "episodes": self.episodes,
            "successes": self.successes,
            "failures": self.failures,
            "undecided": self.undecided,
            "present": self.present,
            "skipped": dict(self.skipped),
            "examples": list(self.examples),
        }

    def __str__(self) -> str:
        lines = [
            f"{self.rows:,} rows gave {self.episodes:,} episodes: {self.successes:,} successes, "
            f"{self.failures:,} failures, {self.undecided:,} without an outcome"
        ]
        if self.present:
            lines.append(f"{self.present:,} were already in the log")
        if self.skipped:
            lines.append(f"{self.skipped.total():,} skipped:")
            lines += [f"  {count:,} x {reason}" for reason, count in self.skipped.most_common()]
            lines += ["for example:", *(f"  {example}" for example in self.examples)]
        return printable("\n".join(lines))
