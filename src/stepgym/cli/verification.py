"""A second opinion on the outcomes of a log, written into the log."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_type_hints

from stepgym.agents.episodes import Episode
from stepgym.agents.importers import read_references
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.log.folder import EPISODES
from stepgym.agents.reverify import AgreementReport, reverify
from stepgym.cli.policies import look_here
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verifier, get_verifier
from stepgym.verifiers.verifier import registry


@dataclass(slots=True)
class References:
    """A verifier and what it judges by; made before anything is written, so that a wrong name or file is found early.

    Attributes:
        verifier: Its name.
        file, columns, after: As for `read_references`.
    """

    verifier: str
    file: str
    columns: Mapping[str, str]
    after: str = ""
    judge: Verifier = field(init=False)
    by_task: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        refuse_no_verifier(self.verifier)
        self.judge = get_verifier(self.verifier)
        self.by_task = read_references(self.file, columns=self.columns, after=self.after)
        if not self.by_task:
            raise InvalidInputError(
                f"{self.file} has no reference in the column {self.columns['reference']!r} of any row"
            )


def refuse_no_verifier(name: str) -> None:
    """Raise `InvalidInputError` if `name` is a "module:attribute" that is seen not to make a verifier; calls nothing.

    A function is taken for a maker of verifiers only if its return annotation is one: calling it to see could do
    anything.
    """
    if ":" not in name or name in registry.names():
        return
    look_here()
    target = registry.get(name)
    made: Any = target
    if inspect.isroutine(target):
        try:
            made = get_type_hints(target).get("return")
        except (NameError, TypeError):
            made = None
    if not (isinstance(made, type) and callable(getattr(made, "verify", None))):
        raise InvalidInputError(
            f"{name} is no verifier: expected a class with a method verify(response, reference, *, context), "
            "or a function that is annotated to return one"
        )


def verify_log(folder: str, references: References) -> AgreementReport:
    """The agreement of log and verifier; afterwards each episode carries the verdict, and only one of this verifier.

    The log is replaced when all is done: an interruption leaves it as it was.
    """
    report = AgreementReport()
    aside = Path(folder) / ".verified"
    shutil.rmtree(aside, ignore_errors=True)
    log = EpisodeLog(folder)
    try:
        with EpisodeLog(aside, mode="a") as out:
            fresh = _without_verdicts(log, references.verifier)
            out.extend(_shown(reverify(fresh, references.judge, references.by_task.get, report=report), len(log)))
        (aside / EPISODES).replace(Path(folder) / EPISODES)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return report


def _without_verdicts(episodes: Iterable[Episode], verifier: str) -> Iterator[Episode]:
    """The episodes without what this verifier said before (its name may carry a version, "math-answer/1")."""
    for episode in episodes:
        steps = tuple(
            replace(step, verdicts=tuple(v for v in step.verdicts if v.verifier.partition("/")[0] != verifier))
            for step in episode.steps
        )
        yield replace(episode, steps=steps)


def _shown(episodes: Iterable[Episode], total: int) -> Iterator[Episode]:
    from tqdm import tqdm

    yield from tqdm(episodes, total=total, desc="verify", unit=" episodes", disable=None, dynamic_ncols=True)
