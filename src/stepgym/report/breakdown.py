"""What several samples give together, and success by kind of task, as tables with small bars."""

from __future__ import annotations

from collections.abc import Sequence

from stepgym.report import wording
from stepgym.report.bars import interval_bar
from stepgym.report.evaluation_records import Figure
from stepgym.report.markup import Safe, join, tag, text
from stepgym.report.records import SuccessRow


def at_k_html(evaluations: Sequence[SuccessRow]) -> Safe:
    """pass@k and maj@k of every policy that was sampled several times; nothing if none was."""
    voted = any(row.majority is not None for e in evaluations for row in e.at_k)
    heads = ["k", "pass@k", "95 % interval", *(("maj@k", "95 % interval") if voted else ())]
    rows = []
    for e in evaluations:
        rows += [_head_row(e, len(heads))] if e.at_k else []
        for row in e.at_k:
            figures = [*_figure(row.solved_by_any), *(_figure(row.majority) if voted else ())]
            cells = (tag("td", figure, class_="num") for figure in figures)
            rows.append(tag("tr", tag("th", str(row.k), scope="row", class_="kind"), *cells))
    if not rows:
        return Safe("")
    words = "The chance that at least one of k samples of a task is solved (pass@k)"
    words += ", and that their most frequent answer is right (maj@k)." if voted else "."
    note = tag("p", words, class_="note")
    table = _table(heads, rows, numbers_from=1, name="Several samples of a task")
    return join((tag("h3", "Several samples of a task"), note, table))


def groups_html(evaluations: Sequence[SuccessRow]) -> Safe:
    """Success by kind of task, one table for each way of sorting them; nothing where no kinds are known."""
    parts = []
    for by in dict.fromkeys(group.by for e in evaluations for group in e.groups):
        heads = [wording.label(by, capital=True), "", "Solved", "95 % interval", "Tasks"]
        rows = []
        for e in evaluations:
            groups = [group for group in e.groups if group.by == by]
            rows += [_head_row(e, len(heads))] if groups else []
            for group in groups:
                kind = tag("th", text(wording.label(group.group), limit=80), scope="row", class_="kind")
                words = f"{group.group}: {wording.percent(group.success)}"
                bar = tag("td", interval_bar(group.success, group.low, group.high, words=words), class_="draw")
                figures = (
                    wording.percent(group.success),
                    wording.interval(group.low, group.high),
                    "–" if group.tasks is None else f"{group.tasks:,}",
                )
                rows.append(tag("tr", kind, bar, *(tag("td", figure, class_="num") for figure in figures)))
        parts.append(tag("h3", text(f"By {wording.label(by)} of the task", limit=120)))
        parts.append(_table(heads, rows, numbers_from=2, name=f"Success by {by}"))
    return join(parts)


def _head_row(e: SuccessRow, columns: int) -> Safe:
    """Policy and method above their rows."""
    method = tag("span", text(wording.label(e.method), limit=60), class_="muted")
    name = tag("b", text(wording.label(e.policy), limit=60))
    return tag("tr", tag("th", name, " ", method, colspan=columns, scope="rowgroup", class_="who"), class_="of")


def _figure(figure: Figure | None) -> tuple[str, str]:
    if figure is None:
        return "–", "–"
    return wording.percent(figure.value), wording.interval(figure.low, figure.high)


def _table(heads: Sequence[str], rows: Sequence[Safe], *, numbers_from: int, name: str) -> Safe:
    cells = (
        tag(
            "th",
            text(head, limit=80),
            scope="col",
            class_="num" if index >= numbers_from else None if head else "draw-head",
        )
        for index, head in enumerate(heads)
    )
    table = tag("table", tag("thead", tag("tr", *cells)), tag("tbody", join(rows)))
    return tag("div", table, class_="scroll", tabindex="0", role="region", aria_label=name)
