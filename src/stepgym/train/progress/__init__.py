"""Verifiers of steps: a value model that predicts the chance of success, trained on Monte-Carlo values."""

from __future__ import annotations

from stepgym.train.progress.config import StepValueConfig
from stepgym.train.progress.rows import value_rows
from stepgym.train.progress.trainer import StepValueTrainer

__all__ = ["StepValueConfig", "StepValueTrainer", "value_rows"]
