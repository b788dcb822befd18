"""Training: what has a gradient or a mask.

Everything is imported on first use, because torch and transformers (extra `train`) are heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepgym.errors import require

if TYPE_CHECKING:
    from stepgym.train.baselines import make_trainer
    from stepgym.train.checkpoints import load, load_value_function
    from stepgym.train.credit import CreditConfig, CreditWarning, ResponseCredit, credit_response, credit_spans
    from stepgym.train.credit_residuals import credited_residuals
    from stepgym.train.credited_episodes import CreditedEpisode, credit_episode, credit_episodes
    from stepgym.train.dpo import EpisodeDPOTrainer
    from stepgym.train.kto import EpisodeKTOTrainer
    from stepgym.train.metrics_file import MetricsFile
    from stepgym.train.nonfinite import NonFiniteError
    from stepgym.train.online import (
        CertificateRewards,
        MonteCarloProgress,
        OnlineConfig,
        OnlineTrainer,
        StepRewards,
        VerifierProgress,
    )
    from stepgym.train.oreo import OREOTrainer
    from stepgym.train.oreo_config import OREOConfig
    from stepgym.train.progress import StepValueConfig, StepValueTrainer
    from stepgym.train.resumable import newest_checkpoint
    from stepgym.train.selection import DELIMITERS, RewardMap, SelectionReport, balanced
    from stepgym.train.supervised import SupervisedConfig, SupervisedTrainer, successes
    from stepgym.train.tokenize import TokenizedEpisode, TokenizeOptions, tokenize_episode, tokenize_episodes
    from stepgym.train.value_function import TransformersValueFunction

_HOMES = {
    "OREOConfig": "oreo_config",
    "OREOTrainer": "oreo",
    "SupervisedConfig": "supervised",
    "SupervisedTrainer": "supervised",
    "successes": "supervised",
    "EpisodeDPOTrainer": "dpo",
    "EpisodeKTOTrainer": "kto",
    "make_trainer": "baselines",
    "StepValueConfig": "progress",
    "StepValueTrainer": "progress",
    "CertificateRewards": "online",
    "MonteCarloProgress": "online",
    "OnlineConfig": "online",
    "OnlineTrainer": "online",
    "StepRewards": "online",
    "VerifierProgress": "online",
    "MetricsFile": "metrics_file",
    "NonFiniteError": "nonfinite",
    "newest_checkpoint": "resumable",
    "DELIMITERS": "selection",
    "RewardMap": "selection",
    "SelectionReport": "selection",
    "balanced": "selection",
    "TokenizeOptions": "tokenize",
    "TokenizedEpisode": "tokenize",
    "tokenize_episode": "tokenize",
    "tokenize_episodes": "tokenize",
    "CreditConfig": "credit",
    "CreditWarning": "credit",
    "ResponseCredit": "credit",
    "credit_response": "credit",
    "credit_spans": "credit",
    "CreditedEpisode": "credited_episodes",
    "credit_episode": "credited_episodes",
    "credit_episodes": "credited_episodes",
    "credited_residuals": "credit_residuals",
    "TransformersValueFunction": "value_function",
    "load": "checkpoints",
    "load_value_function": "checkpoints",
}

__all__ = [  # noqa: RUF022 - grouped by what they are for
    # trainers
    "OREOConfig",
    "OREOTrainer",
    "SupervisedConfig",
    "SupervisedTrainer",
    "EpisodeDPOTrainer",
    "EpisodeKTOTrainer",
    "make_trainer",
    "OnlineConfig",
    "OnlineTrainer",
    "StepValueConfig",
    "StepValueTrainer",
    "MetricsFile",
    "NonFiniteError",
    "newest_checkpoint",
    "successes",
    # data
    "DELIMITERS",
    "RewardMap",
    "SelectionReport",
    "balanced",
    "TokenizeOptions",
    "TokenizedEpisode",
    "tokenize_episode",
    "tokenize_episodes",
    # credit
    "CreditConfig",
    "CreditWarning",
    "CreditedEpisode",
    "ResponseCredit",
    "credit_episode",
    "credit_episodes",
    "credit_response",
    "credit_spans",
    "credited_residuals",
    # dense rewards
    "CertificateRewards",
    "MonteCarloProgress",
    "StepRewards",
    "VerifierProgress",
    # what training leaves behind
    "TransformersValueFunction",
    "load",
    "load_value_function",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("transformers", extra="train")
    require("torch", extra="train")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
