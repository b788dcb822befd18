"""Search at test time: the learned value turned into better answers, at a stated cost in tokens."""

from stepgym.agents.search.answers import last_number
from stepgym.agents.search.best_of_n import best_of_n, best_of_n_async
from stepgym.agents.search.policies import BestOfNPolicy, StepBeamPolicy
from stepgym.agents.search.result import Candidate, SearchBudget, SearchResult
from stepgym.agents.search.scoring import Scorer
from stepgym.agents.search.step_beam import step_beam, step_beam_async

__all__ = [
    "BestOfNPolicy",
    "Candidate",
    "Scorer",
    "SearchBudget",
    "SearchResult",
    "StepBeamPolicy",
    "best_of_n",
    "best_of_n_async",
    "last_number",
    "step_beam",
    "step_beam_async",
]
