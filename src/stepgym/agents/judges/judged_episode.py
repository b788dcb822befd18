"""Episodes with a judgement of each step, and the share of good steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stepgym.agents.episodes import Episode
from stepgym.agents.judges.judge import Judge, Judgement, StepState, judge_all
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class JudgedEpisode:
    """An episode and what a judge says of its steps.

    Attributes:
        episode: As it happened.
        judgements: One for each step.
    """

    episode: Episode
    judgements: tuple[Judgement, ...]

    def __post_init__(self) -> None:
        if len(self.judgements) != len(self.episode.steps):
            raise InvalidInputError(
                f"{self.episode.id} has {len(self.episode.steps)} steps and {len(self.judgements)} judgements"
            )

    @property
    def all_good(self) -> bool:
        """Whether every step was judged to be good; a step without a verdict was not."""
        return bool(self.judgements) and all(judgement.good is True for judgement in self.judgements)


@dataclass(frozen=True, slots=True)
class ProcessLabels:
    """How many steps are good.

    Attributes:
        macro: Share of good steps within each episode, then the mean over episodes: the published metric.
        micro: Share of good steps among all.
        steps: Steps with a verdict.
        undecided: Steps without one, left out of the shares.
        episodes: Episodes with at least one verdict.
    """

    macro: float
    micro: float
    steps: int
    undecided: int
    episodes: int


def judge_episodes(judge: Judge, episodes: Iterable[Episode], *, concurrency: int = 64) -> list[JudgedEpisode]:
    """The episodes with a judgement of each step; equal steps in equal states are judged once."""
    kept = list(episodes)
    steps = [(StepState.of(episode, i), step.action) for episode in kept for i, step in enumerate(episode.steps)]
    found = iter(judge_all(judge, steps, concurrency=concurrency))
    return [JudgedEpisode(episode, tuple(next(found) for _ in episode.steps)) for episode in kept]


def process_labels(judged: Sequence[JudgedEpisode]) -> ProcessLabels:
    """The share of steps judged to be good.

    References:
        A. Goldie et al., "Synthetic Data Generation & Multi-Step RL for Reasoning & Tool Use",
        https://arxiv.org/abs/2504.04736, table 3.
    """
    verdicts = [[j.good for j in one.judgements if j.good is not None] for one in judged]
    decided = [labels for labels in verdicts if labels]
    if not decided:
        raise InvalidInputError("no step has a verdict: there is no share of good steps")
    steps = sum(map(len, decided))
    return ProcessLabels(
        macro=sum(sum(labels) / len(labels) for labels in decided) / len(decided),
        micro=sum(map(sum, decided)) / steps,
        steps=steps,
        undecided=sum(len(one.judgements) for one in judged) - steps,
        episodes=len(decided),
    )
