"""Tools that are called by tags in a text: reading calls, a calculator, search."""

from stepgym.envs.tools.calculator import calculate
from stepgym.envs.tools.dense import DenseIndex
from stepgym.envs.tools.full_text import FullTextIndex
from stepgym.envs.tools.function_calls import FunctionCalls
from stepgym.envs.tools.search_index import Document, IndexLike, SearchIndex, make_index
from stepgym.envs.tools.tool_env import ToolEnv
from stepgym.envs.tools.turns import Turn, read_turn
from stepgym.envs.tools.word_problems import word_problem, word_problem_from_id

__all__ = [
    "DenseIndex",
    "Document",
    "FullTextIndex",
    "FunctionCalls",
    "IndexLike",
    "SearchIndex",
    "ToolEnv",
    "Turn",
    "calculate",
    "make_index",
    "read_turn",
    "word_problem",
    "word_problem_from_id",
]
