"""Agents decide and record: policies, prompts, episodes, roll-outs, search, evaluation."""

from stepgym.agents.episodes import Episode, Step
from stepgym.agents.policy import Completion, Message, Policy, Request, Sampling, ValueFunction, generate_batch

__all__ = [
    "Completion",
    "Episode",
    "Message",
    "Policy",
    "Request",
    "Sampling",
    "Step",
    "ValueFunction",
    "generate_batch",
]
