"""`ReplayReport`: what became of logged conversations that were played again, and where they differ from the game."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stepgym.agents.importers.report import ImportReport
from stepgym.verifiers.verdict import printable

if TYPE_CHECKING:
    from stepgym.envs.alfworld import Replay
    from stepgym.envs.alfworld.conversations import Difference, Turn

_EXAMPLES = 5
_EXAMPLES_OF_A_KIND = 2

BEGINNING = "another first observation"
REFUSED = "the engine refuses a command that the log says worked"
ALLOWED = "the engine carries out a command that the log says failed"
ANSWER = "another answer"
OUTCOME = "another outcome"
AFTER = "the log goes on after the goal"


@dataclass(slots=True)
class ReplayReport(ImportReport):
    """What became of the conversations, and where they and the engine differ.

    Attributes:
        differing: Conversations with at least one difference.
        differences: Differences in all of them.
        kinds: The differences by kind: "another first observation", "the engine refuses a command that the log says
            worked", "the engine carries out a command that the log says failed", "another answer", "another outcome"
            (than the logged reward), "the log goes on after the goal".
        different: The first few, at most two of a kind, each with its place.
        thoughts: Turns that were thoughts alone ("think: ..."); they go with the command that follows.
        cut: Conversations that stop before the goal and do not say that they failed: they have no outcome and are not
            trained on.
    """

    differing: int = 0
    differences: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)
    thoughts: int = 0
    cut: int = 0

    def compare(
        self, episode_id: str, played: Replay, *, turns: Sequence[Turn] = (), outcome: float | None = None
    ) -> None:
        """Count the differences of one conversation.

        Args:
            episode_id: For the examples.
            played: The replay.
            turns: What was logged; shows what follows the goal.
            outcome: The logged reward, if there is one.
        """
        found = [(_kind(one), _place(one)) for one in played.differences]
        if outcome is not None and (outcome > 0) != played.won:
            found.append((OUTCOME, f"logged reward {outcome:g}, played {'won' if played.won else 'not won'}"))
        if len(turns) > len(played.commands):
            found.append((AFTER, f"won after {len(played.commands)} commands of {len(turns)}"))
        self.differing += bool(found)
        self.differences += len(found)
        for kind, place in found:
            if self.kinds[kind] < _EXAMPLES_OF_A_KIND and len(self.different) < 2 * _EXAMPLES:
                self.different.append(f"{episode_id}, {place}")
            self.kinds[kind] += 1

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return ImportReport.to_dict(self) | {
            "differing": self.differing,
            "differences": self.differences,
            "kinds": dict(self.kinds),
            "different": list(self.different),
            "thoughts": self.thoughts,
            "cut": self.cut,
        }

    def __str__(self) -> str:
        lines = [ImportReport.__str__(self)]
        if self.thoughts:
            lines.append(f"{self.thoughts:,} turns were thoughts alone and go with the command that follows")
        if self.cut:
            lines.append(f"{self.cut:,} stop before the goal and do not say that they failed: they are not trained on")
        if self.differing:
            lines.append(f"{self.differing:,} differ from the game, at {self.differences:,} places:")
            lines += [f"  {count:,} x {kind}" for kind, count in self.kinds.most_common()]
            lines += ["for example:", *(f"  {one}" for one in self.different)]
        elif self.episodes:
            lines.append("every observation is the engine's")
        return printable("\n".join(lines))


def _kind(found: Difference) -> str:
    if found.turn < 0:
        return BEGINNING
    if found.engine.startswith("Nothing happens"):
        return REFUSED
    return ALLOWED if "Nothing happens" in found.logged else ANSWER


def _place(found: Difference) -> str:
    return f"turn {found.turn} ({found.command!r:.60}): logged {found.logged[-120:]!r}, played {found.engine[-120:]!r}"
