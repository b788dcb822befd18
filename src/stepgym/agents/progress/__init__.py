"""Progress: what each step changes in the chance of success, and what a prover can tell about steps."""

from stepgym.agents.progress.advantages import Progress, progress
from stepgym.agents.progress.best_of import bok, bok_plug_in
from stepgym.agents.progress.buckets import balanced_buckets, bucket_weights
from stepgym.agents.progress.episode_progress import StepProgress, episode_progress
from stepgym.agents.progress.first_pit import Pit, first_pit, first_pits
from stepgym.agents.progress.pav_rows import pav_rows
from stepgym.agents.progress.prover_report import ProverReport, prover_report
from stepgym.agents.progress.prover_states import Fork, ProverState, sibling_states
from stepgym.agents.progress.ranking import effective_reward, rank_steps
from stepgym.agents.progress.vine import paint, vine_advantages

__all__ = [
    "Fork",
    "Pit",
    "Progress",
    "ProverReport",
    "ProverState",
    "StepProgress",
    "balanced_buckets",
    "bok",
    "bok_plug_in",
    "bucket_weights",
    "effective_reward",
    "episode_progress",
    "first_pit",
    "first_pits",
    "paint",
    "pav_rows",
    "progress",
    "prover_report",
    "rank_steps",
    "sibling_states",
    "vine_advantages",
]
