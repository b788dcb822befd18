"""Intervals and tests for results on tasks: pure functions of numbers, no dependency beyond NumPy.

Tasks are the unit of evidence: several samples of one task are not independent, so everything that takes samples
resamples whole tasks (the cluster bootstrap) or works with one number per task.
"""

from stepgym.agents.statistics.intervals import (
    Interval,
    constant_interval,
    mean_interval,
    success_interval,
    wilson_interval,
)
from stepgym.agents.statistics.numbers import Floats
from stepgym.agents.statistics.paired import PairedDifference, paired_difference
from stepgym.agents.statistics.resampling import bootstrap_mean, bootstrap_statistic
from stepgym.agents.statistics.subsets import majority_at_k, pass_at_k

__all__ = [
    "Floats",
    "Interval",
    "PairedDifference",
    "bootstrap_mean",
    "bootstrap_statistic",
    "constant_interval",
    "majority_at_k",
    "mean_interval",
    "paired_difference",
    "pass_at_k",
    "success_interval",
    "wilson_interval",
]
