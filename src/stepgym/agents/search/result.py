"""What a search may spend and what it found: a budget, and the records of candidates, steps, results and episodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from stepgym.agents.episodes import Episode
from stepgym.agents.policy import Completion
from stepgym.agents.search.tree import TreeNode
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class SearchBudget:
    """The most a search may spend on one decision.

    Attributes:
        tokens: Tokens that the policy writes, all candidates together; None is no limit. Never exceeded.
        rounds: Rounds of a step-level search, simulations of a tree search; None is the search's own default.
    """

    tokens: int | None = None
    rounds: int | None = None

    def __post_init__(self) -> None:
        if self.tokens is not None and self.tokens < 1:
            raise InvalidInputError(f"a budget needs at least 1 token, got {self.tokens}")
        if self.rounds is not None and self.rounds < 1:
            raise InvalidInputError(f"a budget needs at least 1 round, got {self.rounds}")

    def tokens_each(self, samples: int, *, spent: int, at_most: int) -> int:
        """How many tokens each of `samples` may still write, `at_most` if the budget allows it; 0 if none."""
        return at_most if self.tokens is None else min(at_most, (self.tokens - spent) // samples)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One whole answer that a search considered.

    Attributes:
        completion: From the prompt to its end.
        score: What the search ranks it by: V, or the verifier's score; None where nothing does.
        answer: What it votes for; "" where nobody votes.
        finished: Whether the policy ended it, in contrast to the search or a limit.
    """

    completion: Completion
    score: float | None = None
    answer: str = ""
    finished: bool = True


@dataclass(frozen=True, slots=True)
class ScoredStep:
    """One step that a beam search considered, kept or not: what a verifier can be trained on.

    Attributes:
        round: The round it was drawn in, from 0.
        before: Ids that were written before it.
        ids: Its own ids.
        text: The answer up to and with it.
        q: V after it.
        advantage: What it changed for the prover, see `ProgressRanking`; None without one.
        rank: What it was ranked by.
        kept: Whether the search went on from it.
        finished: Whether it ended the answer.
    """

    round: int
    before: tuple[int, ...]
    ids: tuple[int, ...]
    text: str
    q: float
    advantage: float | None
    rank: float
    kept: bool = False
    finished: bool = False


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The decision of a search and what it cost.

    Attributes:
        completion: The choice. With `finish_reason="length"` nothing was finished, and it counts as no answer.
        score: What the choice was ranked by; None where nothing does.
        candidates: All whole answers, the choice among them.
        tokens_spent: Tokens the policy wrote, thrown away ones included; 0 where it gives no ids.
        tokens_scored: Tokens the value function read.
        rounds: Rounds or simulations played.
        tree: The root of a tree search; None for other searches.
        episodes: The finished answers of a tree search as episodes with `parent` and `forked_at`, for training.
        steps: Every step that a beam search read V of, in the order they were drawn.
    """

    completion: Completion
    score: float | None
    candidates: tuple[Candidate, ...]
    tokens_spent: int
    tokens_scored: int = 0
    rounds: int = 1
    tree: TreeNode | None = None
    episodes: tuple[Episode, ...] = ()
    steps: tuple[ScoredStep, ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """The text of the choice."""
        return self.completion.text

    @property
    def finished(self) -> bool:
        """Whether the search came to an answer."""
        return self.completion.finish_reason == "stop"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class SearchedEpisode:
    """An episode whose actions were chosen by a search, and what that cost.

    Attributes:
        episode: What was played; its completions are the chosen ones.
        tokens_spent: Tokens the policy wrote, thrown away ones included; 0 where it gives no ids.
        tokens_scored: Tokens the value function read.
        branches: Episodes that a tree search played in forks to their end, tied to `episode` and to each other by
            `parent` and `forked_at`. Their outcomes are the environment's; the search saw them only if it was allowed
            to.
        tree: The root of a tree search; None for other searches.
    """

    episode: Episode
    tokens_spent: int
    tokens_scored: int = 0
    branches: tuple[Episode, ...] = ()
    tree: TreeNode | None = None
