"""Roll-outs: many episodes at once, each written when it is finished."""

from stepgym.agents.rollout.budget import CollectBudget
from stepgym.agents.rollout.cluster import ClusterError, RayWorkers
from stepgym.agents.rollout.collected import Collected
from stepgym.agents.rollout.collection import CollectionInterrupted, collect, collect_async
from stepgym.agents.rollout.local import LocalPlayer
from stepgym.agents.rollout.plan import Job
from stepgym.agents.rollout.player import EpisodeFailed, Player, WorkerLost, Workers
from stepgym.agents.rollout.source import EnvLike, EnvSource

__all__ = [
    "ClusterError",
    "CollectBudget",
    "Collected",
    "CollectionInterrupted",
    "EnvLike",
    "EnvSource",
    "EpisodeFailed",
    "Job",
    "LocalPlayer",
    "Player",
    "RayWorkers",
    "WorkerLost",
    "Workers",
    "collect",
    "collect_async",
]
