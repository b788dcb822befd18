"""The page: what comes first, what is left out, and how it is written to disk."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from stepgym.report import wording
from stepgym.report.bars import comparisons_html, success_html
from stepgym.report.breakdown import at_k_html, groups_html
from stepgym.report.calibration import calibration_html
from stepgym.report.curves import curves_html
from stepgym.report.markup import Safe, join, one_line, tag, text
from stepgym.report.records import Run, Trace
from stepgym.report.run_files import read_run
from stepgym.report.settings import data_check_html, settings_html
from stepgym.report.style import style_sheet
from stepgym.report.traces import best_trace, episodes_html, legend_html, partner_of, trace_html

# Shows the value of the token under the pointer and its place on the line; opens folded parts for printing.
_SCRIPT = """
for (const kind of ['pointerover', 'click']) document.addEventListener(kind, event => {
  const token = event.target.closest('[data-x]'), card = token && token.closest('.trace');
  if (!card) return;
  card.querySelector('.readout').textContent = token.title + ' after “' + token.textContent + '”';
  const cursor = card.querySelector('.cursor');
  if (cursor) {
    for (const end of ['x1', 'x2']) cursor.setAttribute(end, token.dataset.x + '%');
    cursor.setAttribute('visibility', 'visible');
  }
});
addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(part => part.open = true));
"""


def write_report(run_dir: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of a run as one HTML file and return its path (default: `report.html` in the run folder).

    The page is made from the files of the folder alone and loads nothing. It replaces an older one only when complete.

    Raises:
        InvalidInputError: As `read_run`.
    """
    page = page_html(read_run(run_dir))
    target = Path(out) if out is not None else Path(run_dir) / "report.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_text(page, encoding="utf-8", newline="\n")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def page_html(run: Run) -> str:
    """The whole page of a run as text."""
    sections = _sections(run)
    links = (tag("a", name, href=f"#{anchor}") for anchor, name, _, _ in sections)
    nav = tag("nav", join(links), aria_label="Parts of this report") if len(sections) > 1 else Safe("")
    body = (
        tag("header", _top(run), nav, class_="top"),
        tag("main", *(_section(*section) for section in sections)),
        tag("footer", *_footer(run)),
        tag("script", Safe(_SCRIPT)),
    )
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'; base-uri 'none'"
    )
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", one_line(run.info.title, limit=120)),
        tag("style", Safe(style_sheet())),
    )
    return f"<!doctype html>\n{tag('html', tag('head', *head), tag('body', *body), lang='en')}\n"


def _top(run: Run) -> Safe:
    info = run.info
    about = [text(wording.moment(info.started), limit=60), text(info.kind, limit=40)]
    parts = [
        tag("h1", text(info.title, limit=160)),
        tag("div", join((part for part in about if part), " · "), class_="muted"),
        _tiles(run),
    ]
    if info.notes:
        parts.append(tag("div", *(tag("p", text(note, limit=1_000)) for note in info.notes), class_="callout"))
    if run.problems:
        problems = (tag("p", "⚠ ", text(problem, limit=500)) for problem in run.problems)
        parts.append(tag("div", *problems, class_="callout warn", role="note"))
    return join(parts)


def _tiles(run: Run) -> Safe:
    tiles: list[tuple[str, str]] = []
    if run.evaluations:
        best = max(run.evaluations, key=lambda e: e.success)
        tasks = f" of {best.tasks:,} tasks" if best.tasks is not None else ""
        tiles.append((wording.percent(best.success), f"{tasks.strip()} solved by {wording.who(best)}".strip()))
    if run.comparisons:
        first = run.comparisons[0]
        between = f"95 % interval {wording.points_interval(first)}" if first.low is not None else ""
        words = f"points, {wording.label(first.a)} minus {wording.label(first.b)} on the same tasks"
        tiles.append((wording.points(first.difference), f"{words}, {between}" if between else words))
    if run.info.seconds:
        tiles.append((wording.seconds(sum(run.info.seconds.values())), "in all on this machine"))
    if not tiles:
        return Safe("")
    return tag(
        "div",
        *(tag("div", tag("b", big), tag("span", text(words)), class_="tile") for big, words in tiles),
        class_="tiles",
    )


def _sections(run: Run) -> list[tuple[str, str, str, Safe]]:
    """Anchor, heading, explanation and content of each part that the run has."""
    found: list[tuple[str, str, str, Safe]] = []
    if run.evaluations or run.comparisons:
        parts = [tag("div", success_html(run.evaluations), class_="card")] if run.evaluations else []
        parts += [at_k_html(run.evaluations), groups_html(run.evaluations)]
        if run.comparisons:
            parts += [tag("h3", "Compared on the same tasks"), comparisons_html(run.comparisons)]
        found.append(("success", "Success", "Share of tasks solved, with 95 % intervals.", join(parts)))
    if run.calibration is not None:
        words = (
            "The policy was rolled out from states of its episodes. On the diagonal the value is the share of "
            "roll-outs that succeed; bars are 95 % intervals over tasks."
        )
        found.append(("calibration", "The value against roll-outs", words, calibration_html(run.calibration)))
    shown: tuple[Trace | None, ...] = ()
    best = best_trace(run.traces)
    if best is not None:
        words = "What the verifier found in one wrong solution."
        if best.valued:
            words = (
                "The verifier's finding and the learned value on one wrong solution. Of the "
                f"{len(run.traces):,} logged here, the one where the value falls most across a refuted span."
            )
        partner = partner_of(best, run.traces)
        cards = [trace_html(trace, large=True) for trace in (best, partner) if trace is not None]
        if partner is not None:
            words += " Beside it the same task, solved."
        parts = [legend_html(run.traces), tag("div", *cards, class_="pair" if partner is not None else None)]
        found.append(("error", "Where it went wrong", words, join(parts)))
        shown = (best, partner)
    others = [trace for trace in run.traces if not any(trace is other for other in shown)]
    if others:
        words = "Some of the answers, and what the verifier found in them."
        if any(trace.valued for trace in others):
            words = "Pairs of a wrong and a right one. The figure after a line is the learned value at its end."
        legend = Safe("") if best is not None else legend_html(others)
        found.append(("episodes", "Episodes side by side", words, join((legend, episodes_html(others)))))
    if run.curves:
        words = "Horizontal axis: training step. The figure beside a title is the last value."
        found.append(("curves", "Learning curves", words, curves_html(run.curves)))
    if run.data_check is not None:
        found.append(("data", "Data", "What a check of the log found.", data_check_html(run.data_check)))
    settings = settings_html(run.info)
    if settings:
        found.append(("settings", "Settings", "Everything needed to repeat and to judge the run.", settings))
    return found


def _section(anchor: str, heading: str, words: str, content: Safe) -> Safe:
    return tag("section", tag("h2", heading), tag("p", words, class_="lede"), content, id=anchor)


def _footer(run: Run) -> list[Safe]:
    parts = []
    if run.missing:
        parts.append(tag("p", "Not in this run folder, so not shown: ", join(run.missing, ", "), "."))
    parts.append(tag("p", "Made by stepgym from the files of the run folder alone. This page loads nothing."))
    return parts
