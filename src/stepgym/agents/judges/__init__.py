"""Judges: whether a step is good, told from what was known before it, without the gold answer."""

from stepgym.agents.judges.audit import JudgeAudit, audit_judge
from stepgym.agents.judges.judge import Judge, Judgement, StepState, judge_all
from stepgym.agents.judges.judged_episode import JudgedEpisode, ProcessLabels, judge_episodes, process_labels
from stepgym.agents.judges.judgement_cache import JudgementCache
from stepgym.agents.judges.llm_judge import LLMJudge
from stepgym.agents.judges.rule_judge import RuleJudge, multi_hop_rule

__all__ = [
    "Judge",
    "JudgeAudit",
    "JudgedEpisode",
    "Judgement",
    "JudgementCache",
    "LLMJudge",
    "ProcessLabels",
    "RuleJudge",
    "StepState",
    "audit_judge",
    "judge_all",
    "judge_episodes",
    "multi_hop_rule",
    "process_labels",
]
