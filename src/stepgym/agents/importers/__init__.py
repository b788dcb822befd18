"""Foreign logs become episodes: prompt/response/reward rows, chats, and any rows with a column map."""

from stepgym.agents.importers.alfworld import import_alfworld, read_alfworld, replay_episode
from stepgym.agents.importers.chats import read_chats
from stepgym.agents.importers.columns import prompt_id
from stepgym.agents.importers.importing import FORMATS, Format, import_log
from stepgym.agents.importers.replays import ReplayReport
from stepgym.agents.importers.report import ImportReport
from stepgym.agents.importers.responses import OREO_COLUMNS, read_oreo, read_references, read_responses

__all__ = [
    "FORMATS",
    "OREO_COLUMNS",
    "Format",
    "ImportReport",
    "ReplayReport",
    "import_alfworld",
    "import_log",
    "prompt_id",
    "read_alfworld",
    "read_chats",
    "read_oreo",
    "read_references",
    "read_responses",
    "replay_episode",
]
