"""`OREOConfig`: the settings of `OREOTrainer`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from stepgym.agents.spans import DEFAULT_DELIMITERS
from stepgym.errors import InvalidInputError
from stepgym.train.config import EpisodeTrainingArguments
from stepgym.train.diagnostics import GuardMode
from stepgym.train.divergence import KL, check_kl
from stepgym.train.losses import Level
from stepgym.train.models import Critic
from stepgym.train.tokenize import States, TokenizeOptions


@dataclass
class OREOConfig(EpisodeTrainingArguments):
    """Settings of `OREOTrainer`; everything else is as in transformers' `TrainingArguments`.

    The defaults are what worked in our runs (docs/oreo.md), `OREOConfig.paper()` is the published setting.

    Attributes:
        beta: Strength of the pull to the reference, > 0.
        alpha: Weight of KL(policy || reference). Without it nothing holds the tokens that were never logged:
            lowering every logged token's probability while V rises also solves the equation. The fixed point is pulled
            to the reference with strength alpha / beta^2.
        kl: The KL that alpha weights. "exact" needs the reference in every update; with a reference cache choose
            "top-k", a lower bound from its 64 most likely tokens and one class for the others, or "k3", which sees
            logged tokens alone and off-policy is a penalty, but no estimate of the KL.
        reference_cache: Folder for the reference's log-probabilities. It then runs once over the data before training,
            and is neither run nor, with a policy that is trained whole, kept in memory after that.
        level: Which policy loss. "full" and "response" are biased in environments that answer at random.
        loss_norm: "token" averages over the states of the whole batch; "episode" (the authors' code) first within each
            episode, which gives a decision in a short answer more weight than the same decision in a long one.
        critic: "separate" or "shared" trunk, see `PolicyWithValue`.
        value_learning_rate: Learning rate of the value; None takes `learning_rate`.
        value_lm_coef: Weight of a second loss of the value's own trunk: the cross-entropy of every token of the log,
            observations included, through the frozen language-model head (Cobbe et al., arXiv 2110.14168, section 4.2).
            One outcome an episode teaches a small trunk little about what it reads; this does. 0 leaves it out.
        policy_freeze_ratio: Share of the updates, from the start, in which only the value learns; 1 trains the value
            alone: with critic "separate" and no other reference the policy then does not run at all.
        states: Where V is trained; None follows the level ("step" for step level, else "token"). Episodes that come
            tokenised have theirs already.
        delimiters: What ends a reasoning step.
        max_length: Longest episode in tokens; longer ones are dropped and counted. None takes the model's context.
        guard: What to do when V leaves the range of returns or the policy collapses: "stop", "warn" or "off".
    """

    beta: float = 0.1
    alpha: float = 0.01
    kl: KL = "exact"
    reference_cache: str | None = None
    level: Level = "token"
    critic: Critic = "separate"
    value_learning_rate: float | None = None
    value_lm_coef: float = 0.0
    policy_freeze_ratio: float = 0.0
    states: States | None = None
    delimiters: tuple[str, ...] = DEFAULT_DELIMITERS
    guard: GuardMode = "stop"

    output_dir: str | None = field(default="runs/oreo")
    learning_rate: float = field(default=5e-6)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.delimiters = tuple(self.delimiters)
        for name, allowed in (("level", Level), ("critic", Critic), ("guard", GuardMode)):
            self.check_choice(name, allowed)
        check_kl(self.kl, self.reference_cache)
        if self.beta <= 0:
            raise InvalidInputError(f"beta must be > 0, got {self.beta}")
        if self.alpha < 0:
            raise InvalidInputError(f"alpha must be >= 0, got {self.alpha}")
        if self.value_lm_coef < 0:
            raise InvalidInputError(f"value_lm_coef must be >= 0, got {self.value_lm_coef}")
        if self.value_lm_coef and self.critic == "shared":
            raise InvalidInputError("value_lm_coef needs a trunk of the value's own: a shared one is the policy")
        if not 0 <= self.policy_freeze_ratio <= 1:
            raise InvalidInputError(f"policy_freeze_ratio must be from 0 to 1, got {self.policy_freeze_ratio}")

    @classmethod
    def paper(cls, **overrides: Any) -> Self:
        """The paper's setting: beta 0.03, alpha 0.01, mean over episodes, 128 episodes an update."""
        settings: dict[str, Any] = {
            "beta": 0.03,
            "alpha": 0.01,
            "loss_norm": "episode",
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 32,
            "max_length": 2048,
            "num_train_epochs": 1,
        }
        return cls(**(settings | overrides))

    def tokenize_options(self, context: int | None) -> TokenizeOptions:
        """How episodes are tokenised for this level; `context` is the model's, in tokens."""
        states = self.states or ("step" if self.level == "step" else "token")
        return TokenizeOptions(states=states, delimiters=self.delimiters, max_length=self.longest(context))
