"""Search at test time: the learned value turned into better answers, at a stated cost in tokens."""

from stepgym.agents.search.action_tree import mcts_actions_async
from stepgym.agents.search.answers import last_number
from stepgym.agents.search.best_of_k_actions import best_of_k_actions, best_of_k_actions_async
from stepgym.agents.search.best_of_n import best_of_n, best_of_n_async
from stepgym.agents.search.lookahead import lookahead, lookahead_async
from stepgym.agents.search.mcts import mcts, mcts_async
from stepgym.agents.search.policies import BestOfNPolicy, MCTSPolicy, StepBeamPolicy
from stepgym.agents.search.progress_ranking import ProgressRanking
from stepgym.agents.search.result import Candidate, ScoredStep, SearchBudget, SearchedEpisode, SearchResult
from stepgym.agents.search.scoring import Scorer
from stepgym.agents.search.step_beam import step_beam, step_beam_async
from stepgym.agents.search.tree import TreeNode

__all__ = [
    "BestOfNPolicy",
    "Candidate",
    "MCTSPolicy",
    "ProgressRanking",
    "ScoredStep",
    "Scorer",
    "SearchBudget",
    "SearchResult",
    "SearchedEpisode",
    "StepBeamPolicy",
    "TreeNode",
    "best_of_k_actions",
    "best_of_k_actions_async",
    "best_of_n",
    "best_of_n_async",
    "last_number",
    "lookahead",
    "lookahead_async",
    "mcts",
    "mcts_actions_async",
    "mcts_async",
    "step_beam",
    "step_beam_async",
]
