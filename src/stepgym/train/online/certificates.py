"""`CertificateRewards`: what a verifier's findings say about each token, credited to that token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.errors import InvalidInputError
from stepgym.train.credit import CreditConfig
from stepgym.train.credited_episodes import credit_episode
from stepgym.train.online.rewards import RewardedBatch
from stepgym.train.tokenize import TokenizedEpisode


class CertificateRewards:
    """Local credit from the verdicts of the environment, see docs/credit.md; it needs no roll-outs.

    Args:
        tokenizer: Of the policy.
        config: What findings are worth. Its weight multiplies that of the trainer, so it is 1 if absent.
        verifier: As in `credit_episode`.

    Raises:
        InvalidInputError: The credit is not local: put into a return it would pay for length or for silence.
    """

    name = "certificates"

    def __init__(self, tokenizer: Any, config: CreditConfig | None = None, *, verifier: str = "") -> None:
        self.config = config or CreditConfig(weight=1.0)
        if (self.config.mode, self.config.place) != ("local", "term"):
            raise InvalidInputError(
                f"dense rewards count for their own token: expected CreditConfig(mode='local', place='term'), got mode "
                f"{self.config.mode!r} and place {self.config.place!r}"
            )
        self._tokenizer, self._verifier = tokenizer, verifier

    def rewards(
        self, episodes: Sequence[Episode], tokenized: Sequence[TokenizedEpisode], *, seed: int
    ) -> RewardedBatch:
        """The credit of each token."""
        pairs = zip(episodes, tokenized, strict=True)
        credited = [credit_episode(e, t, self._tokenizer, self.config, verifier=self._verifier) for e, t in pairs]
        return RewardedBatch([episode.credit for episode in credited])
