"""The summary of a run for a terminal: plain text, nothing in it that a terminal would interpret."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from stepgym.report import wording
from stepgym.report.markup import one_line
from stepgym.report.records import Run, SuccessRow
from stepgym.report.run_files import read_run

_LEAST_WIDTH = 40


def terminal_report(run_dir: str | Path, *, width: int = 80) -> str:
    """Success with intervals, comparisons, seconds per phase, notes and warnings, in lines of at most `width`.

    Raises:
        InvalidInputError: As `read_run`.
    """
    run = read_run(run_dir)
    width = max(width, _LEAST_WIDTH)
    blocks = [_title(run, width)]
    for env_id in dict.fromkeys(e.env_id for e in run.evaluations):
        rows = [e for e in run.evaluations if e.env_id == env_id]
        blocks.append(_success(env_id, rows, width))
    if run.comparisons:
        sentences = (_wrapped(wording.sentence(c), width, first="  ", rest="    ") for c in run.comparisons)
        blocks.append("\n".join(("Paired comparisons", *sentences)))
    if run.info.seconds:
        blocks.append(_seconds(run, width))
    if run.info.notes:
        blocks.append("\n".join(("Notes", *(_wrapped(n, width, first="  ", rest="  ") for n in run.info.notes))))
    warnings = [*_warnings(run.evaluations), *run.problems]
    if warnings:
        blocks.append("\n".join(("Warnings", *(_wrapped(w, width, first="  ! ", rest="    ") for w in warnings))))
    return "\n\n".join(blocks).replace("\u00a0", " ") + "\n"


def _title(run: Run, width: int) -> str:
    lines = [one_line(run.info.title, limit=width)]
    facts = [wording.moment(run.info.started), run.info.kind]
    about = " · ".join(fact for fact in facts if fact)
    if about:
        lines.append(one_line(about, limit=width))
    return "\n".join(lines)


def _success(env_id: str, rows: Sequence[SuccessRow], width: int) -> str:
    # Figures take 8 + 15 + 7 columns; a bar is drawn where 20 columns or more are left for it.
    room = width - 2 - 8 - 15 - 7
    name_width = min(max(len(one_line(wording.who(e))) for e in rows), room)
    bar_width = min(room - name_width - 2, 20)
    title = "Success on " + one_line(env_id, limit=width - 11) if env_id else "Success"
    head = f"{'':{name_width + 2}}{'solved':>8}{'95 % interval':>15}{'tasks':>7}"
    lines = [title, head]
    for e in rows:
        tasks = "–" if e.tasks is None else f"{e.tasks:,}"
        between = wording.interval(e.low, e.high)
        name = one_line(wording.who(e), limit=name_width)
        line = f"  {name:<{name_width}}{wording.percent(e.success):>8}{between:>15}{tasks:>7}"
        lines.append(f"{line}  {'█' * round(e.success * bar_width)}".rstrip() if bar_width >= 10 else line)
    return "\n".join(lines)


def _seconds(run: Run, width: int) -> str:
    phases = dict(run.info.seconds)
    names = {one_line(wording.label(name, capital=True), limit=width - 16): d for name, d in phases.items()}
    names["In all"] = sum(phases.values())
    longest = max(len(name) for name in names)
    lines = [f"  {name:<{longest}}{wording.seconds(duration):>14}" for name, duration in names.items()]
    return "\n".join(("Time", *lines))


def _warnings(evaluations: Sequence[SuccessRow]) -> list[str]:
    found = []
    for e in evaluations:
        for share, what in ((e.undecided, "could not be decided"), (e.truncated, "were cut off")):
            if share:
                found.append(
                    f"{wording.who(e)}: {wording.percent(share)} of the answers {what}; they count as not solved."
                )
    return found


def _wrapped(words: str, width: int, *, first: str, rest: str) -> str:
    return fill(one_line(words, limit=1_000), width, initial_indent=first, subsequent_indent=rest)
