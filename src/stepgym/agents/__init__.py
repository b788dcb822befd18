"""Agents decide and record: policies, prompts, episodes, roll-outs, search, evaluation."""

from stepgym.agents.agent import Agent, PolicyError
from stepgym.agents.conformance import ConformanceReport, check_policy, check_value
from stepgym.agents.conversation.conversation import Conversation, Prompt
from stepgym.agents.conversation.history import FitContext, FullHistory, History, LastTurns, WithHistory
from stepgym.agents.conversation.prompts import ChatPrompt, PlainPrompt, PromptFormat
from stepgym.agents.conversation.step_prompt import StepPrompt
from stepgym.agents.conversation.summaries import PolicySummary
from stepgym.agents.doctor.diagnosis import Diagnosis
from stepgym.agents.doctor.examine import examine
from stepgym.agents.engines.openai_policy import OpenAIPolicy, load_openai_policy
from stepgym.agents.engines.served_value import ServedValue
from stepgym.agents.engines.serving import ServingError
from stepgym.agents.engines.transformers_policy import TransformersPolicy, load_transformers_policy
from stepgym.agents.engines.vllm_policy import VLLMPolicy, load_vllm_policy
from stepgym.agents.episodes import Episode, Step
from stepgym.agents.evaluation.breakdown import AtK, GroupSuccess
from stepgym.agents.evaluation.calibration import Calibration, ReliabilityBin, calibration
from stepgym.agents.evaluation.evaluate import compare, evaluate
from stepgym.agents.evaluation.records import Comparison, Evaluation
from stepgym.agents.evaluation.summary import summarize
from stepgym.agents.evaluation.tables import table
from stepgym.agents.evaluation.task_groups import task_groups
from stepgym.agents.evaluation.value_metrics import ValueMetrics, value_metrics
from stepgym.agents.exporters.minari_bridge import from_minari, to_minari
from stepgym.agents.exporters.rows import to_chat, to_dpo, to_kto, to_oreo, to_sft, to_step_dpo, write_rows
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
from stepgym.agents.judges import (
    Judge,
    JudgeAudit,
    JudgedEpisode,
    Judgement,
    LLMJudge,
    RuleJudge,
    StepState,
    audit_judge,
    judge_episodes,
    process_labels,
)
from stepgym.agents.log.episode_log import EpisodeLog, split_by_task
from stepgym.agents.log.jsonlines import Problem
from stepgym.agents.monte_carlo.estimate import McEstimate, RollOut
from stepgym.agents.monte_carlo.prefixes import Prefix, prefixes
from stepgym.agents.monte_carlo.roller import RolledOut, policy_id
from stepgym.agents.monte_carlo.store import McValue
from stepgym.agents.monte_carlo.values import monte_carlo_values, monte_carlo_values_async
from stepgym.agents.policy import Completion, Message, Policy, Request, Sampling, ValueFunction, generate_batch
from stepgym.agents.presets import AgentPreset, preset, preset_names
from stepgym.agents.progress import (
    Pit,
    Progress,
    ProverReport,
    StepProgress,
    episode_progress,
    first_pits,
    pav_rows,
    prover_report,
    sibling_states,
)
from stepgym.agents.reverify import AgreementReport, Disagreement, reverify
from stepgym.agents.rollout import (
    ClusterError,
    CollectBudget,
    Collected,
    CollectionInterrupted,
    RayWorkers,
    collect,
    collect_async,
)
from stepgym.agents.scripted.alfworld_expert import ALFWorldExpertPolicy
from stepgym.agents.scripted.policies import HumanPolicy, RandomPolicy, ScriptedPolicy
from stepgym.agents.scripted.puzzle_expert import PuzzleExpertPolicy
from stepgym.agents.scripted.written_policy import WrittenPolicy

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
    "Judge",
    "JudgeAudit",
    "JudgedEpisode",
    "Judgement",
    "LLMJudge",
    "LastTurns",
    "McEstimate",
    "McValue",
    "Message",
    "OpenAIPolicy",
    "Pit",
    "PlainPrompt",
    "Policy",
    "PolicyError",
    "PolicySummary",
    "Prefix",
    "Problem",
    "Progress",
    "Prompt",
    "PromptFormat",
    "ProverReport",
    "PuzzleExpertPolicy",
    "RandomPolicy",
    "RayWorkers",
    "ReliabilityBin",
    "ReplayReport",
    "Request",
    "RollOut",
    "RolledOut",
    "RuleJudge",
    "Sampling",
    "ScriptedPolicy",
    "ServedValue",
    "ServingError",
    "Step",
    "StepProgress",
    "StepPrompt",
    "StepState",
    "TransformersPolicy",
    "VLLMPolicy",
    "ValueFunction",
    "ValueMetrics",
    "WithHistory",
    "WrittenPolicy",
    "audit_judge",
    "calibration",
    "check_policy",
    "check_value",
    "collect",
    "collect_async",
    "compare",
    "episode_progress",
    "evaluate",
    "examine",
    "first_pits",
    "from_minari",
    "generate_batch",
    "import_alfworld",
    "import_log",
    "judge_episodes",
    "load_openai_policy",
    "load_transformers_policy",
    "load_vllm_policy",
    "monte_carlo_values",
    "monte_carlo_values_async",
    "pav_rows",
    "policy_id",
    "prefixes",
    "preset",
    "preset_names",
    "process_labels",
    "prover_report",
    "read_alfworld",
    "read_chats",
    "read_oreo",
    "read_references",
    "read_responses",
    "replay_episode",
    "reverify",
    "sibling_states",
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
