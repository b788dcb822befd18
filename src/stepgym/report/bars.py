"""Success as horizontal bars with 95 % intervals, the same figures as a table, and paired comparisons in words."""

from __future__ import annotations

from collections.abc import Sequence

from stepgym.report import wording
from stepgym.report.markup import Safe, join, tag, text
from stepgym.report.records import ComparisonRow, SuccessRow


def success_html(evaluations: Sequence[SuccessRow]) -> Safe:
    """One chart for each environment, then one table of all figures."""
    environments = list(dict.fromkeys(e.env_id for e in evaluations))
    charts = []
    for env_id in environments:
        rows = [e for e in evaluations if e.env_id == env_id]
        charts.append(_chart(env_id, rows))
    return join((*charts, _table(evaluations)))


def comparisons_html(comparisons: Sequence[ComparisonRow]) -> Safe:
    """Each comparison as a sentence, with its figures beside it."""
    heads = ("Comparison", "Points", "95 % interval", "p", "Tasks")
    head = tag("tr", *(tag("th", name, scope="col", class_="num" if i else None) for i, name in enumerate(heads)))
    rows = []
    for c in comparisons:
        figures = (
            wording.points(c.difference),
            wording.points_interval(c),
            wording.probability(c.p_value),
            _count(c.tasks),
        )
        cells = (tag("td", figure, class_="num", data_head=heads[i + 1]) for i, figure in enumerate(figures))
        rows.append(tag("tr", tag("th", text(wording.sentence(c), limit=600), scope="row", class_="words"), *cells))
    return _scrolling(tag("table", tag("thead", head), tag("tbody", join(rows)), class_="stack"), "Paired comparisons")


def _chart(env_id: str, rows: Sequence[SuccessRow]) -> Safe:
    best = max(e.success for e in rows)
    title = tag("h3", tag("code", text(env_id, limit=80))) if env_id else Safe("")
    lines: list[Safe] = []
    previous = None
    for e in rows:
        lines.append(_row(e, first=e.policy != previous, best=e.success == best))
        previous = e.policy
    return tag("figure", title, tag("div", join(lines), _scale(), class_="bars"))


def _row(e: SuccessRow, *, first: bool, best: bool) -> Safe:
    policy = tag("b", text(wording.label(e.policy), limit=60), class_=None if first else "again")
    name = tag("div", policy, " ", tag("span", text(wording.label(e.method), limit=60)), class_="who")
    between = f", 95 % interval {wording.interval(e.low, e.high)} %" if e.low is not None else ""
    words = f"{wording.who(e)}: {wording.percent(e.success)} solved{between}"
    chart = interval_bar(e.success, e.low, e.high, words=words, best=best)
    figures = tag(
        "div",
        tag("b", wording.percent(e.success)),
        tag("span", wording.interval(e.low, e.high)),
        class_="figures num",
    )
    return tag("div", name, chart, figures, class_="bar-row first" if first else "bar-row")


def interval_bar(share: float, low: float | None, high: float | None, *, words: str, best: bool = False) -> Safe:
    """A share as a bar on a scale from 0 to 100 %, with its interval as a whisker."""
    parts = [tag("rect", x="0", y="5", width=_at(share), height="14", rx="2", class_="bar best" if best else "bar")]
    if low is not None and high is not None:
        parts.append(tag("line", x1=_at(low), x2=_at(high), y1="12", y2="12", class_="whisker"))
        parts.extend(tag("line", x1=_at(x), x2=_at(x), y1="8", y2="16", class_="whisker") for x in (low, high))
    ground = [tag("line", x1=f"{x}%", x2=f"{x}%", y1="0", y2="24", class_="grid") for x in (0, 25, 50, 75, 100)]
    return tag("svg", *ground, *parts, width="100%", height="24", role="img", aria_label=words)


def _scale() -> Safe:
    labels = []
    for share in (0, 25, 50, 75, 100):
        anchor = "start" if share == 0 else "end" if share == 100 else "middle"
        words = f"{share}{chr(0xA0)}%" if share == 100 else str(share)
        labels.append(tag("text", words, x=f"{share}%", y="12", text_anchor=anchor))
    return tag("div", tag("svg", *labels, width="100%", height="16", aria_hidden="true"), class_="bar-scale")


def _table(evaluations: Sequence[SuccessRow]) -> Safe:
    heads = (
        "Solved",
        "95 % interval",
        "Tasks",
        "Samples",
        "Undecided",
        "Truncated",
        "Solved of judged",
        "Tokens",
        "Time",
    )
    with_env = len({e.env_id for e in evaluations}) > 1
    names = ("Environment", "Policy", "Method")[0 if with_env else 1 :]
    head = [tag("th", name, scope="col") for name in names]
    head += [tag("th", name, scope="col", class_="num") for name in heads]
    rows = []
    for e in evaluations:
        cells = [tag("td", tag("code", text(e.env_id, limit=80)))] if with_env else []
        cells.append(tag("th", text(wording.label(e.policy), limit=60), scope="row"))
        cells.append(tag("td", text(wording.label(e.method), limit=60)))
        figures = (
            wording.percent(e.success),
            wording.interval(e.low, e.high),
            _count(e.tasks),
            _count(e.samples),
            _share(e.undecided),
            _share(e.truncated),
            _share(e.of_judged),
            _count(e.tokens),
            "–" if e.seconds is None else wording.seconds(e.seconds),
        )
        cells.extend(tag("td", figure, class_="num") for figure in figures)
        rows.append(tag("tr", *cells))
    table = tag("table", tag("thead", tag("tr", *head)), tag("tbody", join(rows)))
    words = (
        "Solved is the mean over all tasks; undecided and truncated answers count as not solved. "
        "Solved of judged leaves them out."
    )
    note = tag("p", words, class_="note")
    return tag("details", tag("summary", "The same as figures"), _scrolling(table, "Success of all policies"), note)


def _scrolling(table: Safe, name: str) -> Safe:
    return tag("div", table, class_="scroll", tabindex="0", role="region", aria_label=name)


def _at(share: float) -> str:
    return f"{100 * share:.2f}%"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "–" if value is None else wording.percent(value)
