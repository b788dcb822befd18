"""`reverify`: a second opinion on logged outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.envs.actions import action_format, read_action
from stepgym.verifiers.verdict import Verdict, printable
from stepgym.verifiers.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One episode on which log and verifier differ.

    Attributes:
        id, task_id: Of the episode.
        logged: Whether the log calls it a success.
        verdict: What the verifier says; "undecided" is a disagreement too.
    """

    id: str
    task_id: str
    logged: bool
    verdict: Verdict

    def __str__(self) -> str:
        logged = "correct" if self.logged else "wrong"
        return printable(f"{self.id}: logged as {logged}, verified as {self.verdict}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"id": self.id, "task_id": self.task_id, "logged": self.logged, "verdict": self.verdict.to_dict()}


@dataclass(slots=True)
class AgreementReport:
    """How far a verifier and a log agree; complete when the stream has ended.

    Attributes:
        episodes: Episodes read.
        compared: Those with a logged outcome, an action and a reference.
        agreed: Those of `compared` on which both say the same.
        without_reference, without_outcome: Those that could not be compared.
        disagreements: All of the others, one by one.
    """

    episodes: int = 0
    compared: int = 0
    agreed: int = 0
    without_reference: int = 0
    without_outcome: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)

    @property
    def share(self) -> float | None:
        """Agreement in [0, 1]; None if nothing was compared."""
        return self.agreed / self.compared if self.compared else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "episodes": self.episodes,
            "compared": self.compared,
            "agreed": self.agreed,
            "share": self.share,
            "without_reference": self.without_reference,
            "without_outcome": self.without_outcome,
            "disagreements": [d.to_dict() for d in self.disagreements],
        }

    def __str__(self) -> str:
        share = "nothing to compare" if self.share is None else f"{100 * self.share:.2f} % agreement"
        lines = [f"{share}: {self.agreed:,} of {self.compared:,} compared, of {self.episodes:,} episodes"]
        if self.without_reference:
            lines.append(f"{self.without_reference:,} have no reference or no action")
        if self.without_outcome:
            lines.append(f"{self.without_outcome:,} have no logged outcome")
        return "\n".join([*lines, *(f"  {d}" for d in self.disagreements)])


def reverify(
    episodes: Iterable[Episode],
    verifier: Verifier,
    reference_of: Callable[[str], Any],
    *,
    report: AgreementReport | None = None,
) -> Iterator[Episode]:
    """The episodes, each with the verdict of `verifier` added to its last step; outcomes stay as they were logged.

    Args:
        episodes: A log or any other stream.
        verifier: Judges the last action, with the last observation as context; where the environment reads actions
            out of a text (its argument "actions"), what it read, with offsets into the text.
        reference_of: The reference by task id, None if there is none; for example the `get` of a dictionary.
        report: Is filled while the stream is read.
    """
    report = AgreementReport() if report is None else report
    for episode in episodes:
        report.episodes += 1
        reference = reference_of(episode.task_id) if episode.steps else None
        if reference is None:
            report.without_reference += 1
            yield episode
            continue
        verdict = _judged(verifier, episode, reference)
        if episode.success is None:
            report.without_outcome += 1
        else:
            report.compared += 1
            if verdict.status == ("correct" if episode.success else "wrong"):
                report.agreed += 1
            else:
                report.disagreements.append(Disagreement(episode.id, episode.task_id, episode.success, verdict))
        yield episode.with_verdicts({len(episode.steps) - 1: verdict})


def _judged(verifier: Verifier, episode: Episode, reference: Any) -> Verdict:
    last, actions = episode.steps[-1], episode.env_kwargs.get("actions")
    if actions is None:
        return verifier.verify(last.action, reference, context=last.observation)
    reading = read_action(action_format(actions), last.action)
    return reading.placed(verifier.verify(reading.text, reference, context=last.observation))
