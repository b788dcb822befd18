"""Online training on dense rewards: REINFORCE whose steps are each credited with their own progress."""

from __future__ import annotations

from stepgym.train.online.certificates import CertificateRewards
from stepgym.train.online.config import OnlineConfig
from stepgym.train.online.progress_rewards import MonteCarloProgress, VerifierProgress
from stepgym.train.online.rewards import OutcomeOnly, StepRewards
from stepgym.train.online.trainer import OnlineTrainer
from stepgym.train.online.weights import step_weights

__all__ = [
    "CertificateRewards",
    "MonteCarloProgress",
    "OnlineConfig",
    "OnlineTrainer",
    "OutcomeOnly",
    "StepRewards",
    "VerifierProgress",
    "step_weights",
]
