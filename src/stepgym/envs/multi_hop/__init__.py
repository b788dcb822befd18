"""Questions of several hops: a made-up world, its questions, what a good step is; files in HotPotQA's format."""

from stepgym.envs.multi_hop.hotpot import HOTPOT_HELP, QuestionFile, load_hotpot
from stepgym.envs.multi_hop.questions import Question, multi_hop_task, question_from_id
from stepgym.envs.multi_hop.solutions import Slip, SolutionStep, next_action, searcher_steps, slip_action
from stepgym.envs.multi_hop.steps import Judgement, SearchState, Trail, judge_step, trail
from stepgym.envs.multi_hop.world import Fact, World, world_of

__all__ = [
    "HOTPOT_HELP",
    "Fact",
    "Judgement",
    "Question",
    "QuestionFile",
    "SearchState",
    "Slip",
    "SolutionStep",
    "Trail",
    "World",
    "judge_step",
    "load_hotpot",
    "multi_hop_task",
    "next_action",
    "question_from_id",
    "searcher_steps",
    "slip_action",
    "trail",
    "world_of",
]
