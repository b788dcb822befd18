"""Agents decide and record: policies, prompts, episodes, roll-outs, search, evaluation."""

from stepgym.agents.agent import Agent, PolicyError
from stepgym.agents.alfworld_expert import ALFWorldExpertPolicy
from stepgym.agents.breakdown import AtK, GroupSuccess
from stepgym.agents.calibration import Calibration, ReliabilityBin, calibration
from stepgym.agents.conformance import ConformanceReport, check_policy, check_value
from stepgym.agents.conversation import Conversation, Prompt
from stepgym.agents.diagnosis import Diagnosis
from stepgym.agents.doctor import examine
from stepgym.agents.episodes import Episode, Step
from stepgym.agents.evaluate import compare, evaluate
from stepgym.agents.evaluation import Comparison, Evaluation
from stepgym.agents.evaluation_summary import summarize
from stepgym.agents.evaluation_table import table
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
from stepgym.agents.mc_estimate import McEstimate, RollOut
from stepgym.agents.mc_value import McValue
from stepgym.agents.minari_bridge import from_minari, to_minari
from stepgym.agents.monte_carlo import monte_carlo_values, monte_carlo_values_async
from stepgym.agents.openai_policy import OpenAIPolicy, load_openai_policy
from stepgym.agents.policy import Completion, Message, Policy, Request, Sampling, ValueFunction, generate_batch
from stepgym.agents.prefixes import Prefix, prefixes
from stepgym.agents.presets import AgentPreset, preset, preset_names
from stepgym.agents.prompts import ChatPrompt, PlainPrompt, PromptFormat
from stepgym.agents.puzzle_expert import PuzzleExpertPolicy
from stepgym.agents.reverify import AgreementReport, Disagreement, reverify
from stepgym.agents.roller import RolledOut, policy_id
from stepgym.agents.rollout import (
    ClusterError,
    CollectBudget,
    Collected,
    CollectionInterrupted,
    RayWorkers,
    collect,
    collect_async,
)
from stepgym.agents.scripted import HumanPolicy, RandomPolicy, ScriptedPolicy
from stepgym.agents.served_value import ServedValue
from stepgym.agents.serving import ServingError
from stepgym.agents.step_prompt import StepPrompt
from stepgym.agents.summaries import PolicySummary
from stepgym.agents.task_groups import task_groups
from stepgym.agents.transformers_policy import TransformersPolicy, load_transformers_policy
from stepgym.agents.value_metrics import ValueMetrics, value_metrics
from stepgym.agents.vllm_policy import VLLMPolicy, load_vllm_policy
from stepgym.agents.written_policy import WrittenPolicy

__all__ = [
    "ALFWorldExpertPolicy",
    "Agent",
    "AgentPreset",
    "AgreementReport",
    "AtK",
    "Calibration",
    "ChatPrompt",
    "ClusterError",
    "CollectBudget",
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
    "GroupSuccess",
    "History",
    "HumanPolicy",
    "ImportReport",
    "LastTurns",
    "McEstimate",
    "McValue",
    "Message",
    "OpenAIPolicy",
    "PlainPrompt",
    "Policy",
    "PolicyError",
    "PolicySummary",
    "Prefix",
    "Problem",
    "Prompt",
    "PromptFormat",
    "PuzzleExpertPolicy",
    "RandomPolicy",
    "RayWorkers",
    "ReliabilityBin",
    "ReplayReport",
    "Request",
    "RollOut",
    "RolledOut",
    "Sampling",
    "ScriptedPolicy",
    "ServedValue",
    "ServingError",
    "Step",
    "StepPrompt",
    "TransformersPolicy",
    "VLLMPolicy",
    "ValueFunction",
    "ValueMetrics",
    "WithHistory",
    "WrittenPolicy",
    "calibration",
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
    "load_openai_policy",
    "load_transformers_policy",
    "load_vllm_policy",
    "monte_carlo_values",
    "monte_carlo_values_async",
    "policy_id",
    "prefixes",
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
    "task_groups",
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
