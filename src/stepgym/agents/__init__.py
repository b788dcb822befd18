"""Agents decide and record: policies, prompts, episodes, roll-outs, search, evaluation."""

from stepgym.agents.agent import Agent, PolicyError
from stepgym.agents.alfworld_expert import ALFWorldExpertPolicy
from stepgym.agents.collector import Collected
from stepgym.agents.conformance import ConformanceReport, check_policy, check_value
from stepgym.agents.conversation import Conversation, Prompt
from stepgym.agents.diagnosis import Diagnosis
from stepgym.agents.doctor import examine
from stepgym.agents.episodes import Episode, Step
from stepgym.agents.evaluate import compare, evaluate, summarize, table
from stepgym.agents.evaluation import Comparison, Evaluation
from stepgym.agents.exporters import to_chat, to_dpo, to_kto, to_oreo, to_sft, to_step_dpo, write_rows
from stepgym.agents.history import FitContext, FullHistory, History, LastTurns, WithHistory
from stepgym.agents.importers import (
    ImportReport,
    ReplayReport,
    import_alfworld,
    import_log,
    read_alfworld,
    read_chats,
    read_oreo,
    read_references,
    read_responses,
    replay_episode,
)
from stepgym.agents.jsonlines import Problem
from stepgym.agents.log import EpisodeLog, split_by_task
from stepgym.agents.minari_bridge import from_minari, to_minari
from stepgym.agents.policy import Completion, Message, Policy, Request, Sampling, ValueFunction, generate_batch
from stepgym.agents.presets import AgentPreset, preset, preset_names
from stepgym.agents.prompts import ChatPrompt, PlainPrompt, PromptFormat
from stepgym.agents.puzzle_expert import PuzzleExpertPolicy
from stepgym.agents.reverify import AgreementReport, Disagreement, reverify
from stepgym.agents.rollout import CollectionInterrupted, collect, collect_async
from stepgym.agents.scripted import HumanPolicy, RandomPolicy, ScriptedPolicy
from stepgym.agents.step_prompt import StepPrompt
from stepgym.agents.transformers_policy import TransformersPolicy, load_transformers_policy
from stepgym.agents.value_metrics import ValueMetrics, value_metrics

__all__ = [
    "ALFWorldExpertPolicy",
    "Agent",
    "AgentPreset",
    "AgreementReport",
    "ChatPrompt",
    "Collected",
    "CollectionInterrupted",
    "Comparison",
    "Completion",
    "ConformanceReport",
    "Conversation",
    "Diagnosis",
    "Disagreement",
    "Episode",
    "EpisodeLog",
    "Evaluation",
    "FitContext",
    "FullHistory",
    "History",
    "HumanPolicy",
    "ImportReport",
    "LastTurns",
    "Message",
    "PlainPrompt",
    "Policy",
    "PolicyError",
    "Problem",
    "Prompt",
    "PromptFormat",
    "PuzzleExpertPolicy",
    "RandomPolicy",
    "ReplayReport",
    "Request",
    "Sampling",
    "ScriptedPolicy",
    "Step",
    "StepPrompt",
    "TransformersPolicy",
    "ValueFunction",
    "ValueMetrics",
    "WithHistory",
    "check_policy",
    "check_value",
    "collect",
    "collect_async",
    "compare",
    "evaluate",
    "examine",
    "from_minari",
    "generate_batch",
    "import_alfworld",
    "import_log",
    "load_transformers_policy",
    "preset",
    "preset_names",
    "read_alfworld",
    "read_chats",
    "read_oreo",
    "read_references",
    "read_responses",
    "replay_episode",
    "reverify",
    "split_by_task",
    "summarize",
    "table",
    "to_chat",
    "to_dpo",
    "to_kto",
    "to_minari",
    "to_oreo",
    "to_sft",
    "to_step_dpo",
    "value_metrics",
    "write_rows",
]
