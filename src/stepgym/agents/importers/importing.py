"""`import_log`: a foreign file becomes an `EpisodeLog` in one call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from stepgym.agents.episodes import Episode
from stepgym.agents.importers.chats import read_chats
from stepgym.agents.importers.report import ImportReport
from stepgym.agents.importers.responses import OREO_COLUMNS, read_responses
from stepgym.agents.importers.rows import OnError, Source
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.errors import InvalidInputError, unknown_name

Format = Literal["oreo", "chat", "rows"]
FORMATS: tuple[str, ...] = get_args(Format)


def import_log(
    source: Source,
    out: str | os.PathLike[str],
    *,
    format: Format = "oreo",
    columns: Mapping[str, str] | None = None,
    each: Sequence[str] = (),
    context_messages: int = 0,
    on_error: OnError = "skip",
    env_id: str = "imported",
    policy: str = "",
) -> ImportReport:
    """Write the episodes of `source` into the log `out` and return what became of the rows.

    Run again with the same arguments, it adds what is missing: an interrupted import is continued.

    Args:
        source: `.jsonl`, `.ndjson`, `.json` (each also with `.gz`) or `.parquet`.
        out: Folder of the log.
        format: "oreo" for rows of prompt, response and reward; "chat" for `messages` or `conversations` and a reward;
            "rows" for anything else, with `columns`.
        columns: For "rows" see `read_responses`; for "chat" the paths of "messages", "reward" and "task" if they have
            other names.
        each: See `read_responses`.
        context_messages: See `read_chats`.
        on_error: "skip" counts bad rows, "raise" stops at the first.
        env_id: The environment the episodes are said to be of.
        policy: The policy that wrote them, where the rows do not say.

    Raises:
        InvalidInputError: the file cannot be read, no row became an episode, or a row is bad and refused.
    """
    report = ImportReport()
    if format == "chat":
        paths = dict(columns or {})
        for name in paths:
            if name not in ("messages", "reward", "task"):
                raise unknown_name("field of a chat", name, ("messages", "reward", "task"))
        episodes = read_chats(
            source,
            messages=paths.get("messages"),
            reward=paths.get("reward", "reward") or None,
            task=paths.get("task"),
            context_messages=context_messages,
            report=report,
            on_error=on_error,
            env_id=env_id,
            policy=policy,
        )
    elif format in FORMATS:
        if format == "rows" and columns is None:
            raise InvalidInputError('rows need a column map, for example columns={"prompt": "question", ...}')
        episodes = read_responses(
            source,
            columns=columns or OREO_COLUMNS,
            each=each,
            report=report,
            on_error=on_error,
            env_id=env_id,
            policy=policy,
        )
    else:
        raise unknown_name("format", format, FORMATS)
    write_log(episodes, out, report, source=source, format=format, columns=columns)
    return report


def write_log(
    episodes: Iterable[Episode],
    out: str | os.PathLike[str],
    report: ImportReport,
    *,
    source: Source,
    format: str,
    columns: Mapping[str, str] | None = None,
) -> None:
    """Add the episodes that are not there yet to the log `out`, and count in `report`.

    Raises:
        InvalidInputError: No row became an episode.
    """
    meta = {"imported": {"source": os.path.basename(source), "format": format, "columns": dict(columns or {})}}
    with EpisodeLog(out, mode="a", meta=meta) as log:
        here = set[str]()
        for episode in episodes:
            if episode.id in here:
                report.skip(f"episode {episode.id!r}", "repeats an id")
            elif episode.id in log:
                report.present += 1
            else:
                here.add(episode.id)
                log.append(episode)
    if report.episodes == 0:
        raise InvalidInputError(f"nothing in {os.fspath(source)} could be imported as {format!r}.\n{report}")
