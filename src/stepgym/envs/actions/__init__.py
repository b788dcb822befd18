"""What a model wrote becomes what an environment does: formats that read the action out of a text."""

from stepgym.envs.actions.formats import LastLine, ReAct, Tagged, Thinking, WholeText
from stepgym.envs.actions.names import ActionsLike, action_format
from stepgym.envs.actions.reading import ActionFormat, Chain, Reading, read_action
from stepgym.envs.actions.steps import ReadActions
from stepgym.envs.actions.tool_calls import ToolCall

__all__ = [
    "ActionFormat",
    "ActionsLike",
    "Chain",
    "LastLine",
    "ReAct",
    "ReadActions",
    "Reading",
    "Tagged",
    "Thinking",
    "ToolCall",
    "WholeText",
    "action_format",
    "read_action",
]
