"""How to repeat a run: its command, where the time went, versions, machine and every setting."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stepgym.report import wording
from stepgym.report.markup import Safe, join, tag, text
from stepgym.report.records import DataCheck, RunInfo

MOST_SETTINGS = 400

_DEEPEST = 6


def settings_html(info: RunInfo) -> Safe:
    """Command, time, versions and machine; the settings folded."""
    parts = []
    if info.command:
        parts += [tag("h3", "Repeat this run"), tag("pre", tag("code", text(info.command, limit=4_000)))]
    if info.seconds:
        parts += [tag("h3", "Where the time went"), _time(info.seconds)]
    facts = {**info.versions, **info.machine}
    if info.seeds:
        facts["seeds"] = list(info.seeds)
    if facts:
        parts += [tag("h3", "Versions and machine"), _facts(facts)]
    if info.config:
        rows = list(flat(info.config))
        summary = tag("summary", f"All settings ({len(rows):,})")
        parts += [tag("details", summary, _facts(dict(rows[:MOST_SETTINGS])))]
    return join(parts)


def data_check_html(check: DataCheck) -> Safe:
    """The rows of a check of the log as a table."""
    rows = []
    for name, value, remark in check.rows:
        cells = (tag("td", text(value, limit=200), class_="num left"), tag("td", text(remark, limit=600)))
        rows.append(tag("tr", tag("th", text(name, limit=200), scope="row"), *cells))
    table = tag("table", tag("tbody", join(rows)), class_="facts three")
    return join((tag("h3", text(check.title, limit=120)), tag("div", table, class_="scroll")))


def flat(config: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Nested settings as dotted names and plain values."""
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value and depth < _DEEPEST:
            yield from flat(value, f"{name}.", depth + 1)
        else:
            yield name, value


def _facts(facts: Mapping[str, Any]) -> Safe:
    rows = []
    for key, value in facts.items():
        written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        rows.append(tag("tr", tag("th", text(key, limit=120), scope="row"), tag("td", text(written, limit=400))))
    return tag("div", tag("table", tag("tbody", join(rows)), class_="facts"), class_="scroll")


def _time(phases: Mapping[str, float]) -> Safe:
    total = sum(phases.values())
    bars, rows, start = [], [], 0.0
    for index, (name, duration) in enumerate(phases.items()):
        share = duration / total if total else 0.0
        shade = f"p{index % 6}"
        box = {"x": f"{100 * start:.3f}%", "width": f"{100 * share:.3f}%", "y": "0", "height": "100%"}
        bars.append(tag("rect", tag("title", f"{one_phase(name)}: {wording.seconds(duration)}"), class_=shade, **box))
        start += share
        sign = tag("span", class_=f"swatch {shade}", aria_hidden="true")
        figures = (wording.seconds(duration), wording.percent(share))
        cells = (tag("td", figure, class_="num") for figure in figures)
        rows.append(tag("tr", tag("th", sign, " ", text(one_phase(name), limit=80), scope="row"), *cells))
    whole = (tag("td", wording.seconds(total), class_="num"), tag("td", "", class_="num"))
    rows.append(tag("tr", tag("th", "In all", scope="row"), *whole, class_="total"))
    words = "Share of each phase of the run, as in the table below"
    chart = tag("svg", *bars, width="100%", height="20", role="img", aria_label=words, class_="time")
    return join((chart, tag("table", tag("tbody", join(rows)), class_="phases")))


def one_phase(name: str) -> str:
    """The name of a phase in words."""
    return wording.label(name, capital=True)
