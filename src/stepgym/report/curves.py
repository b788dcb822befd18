"""Learning curves: known keys grouped into panels, unknown ones each in a panel of their own, as small charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stepgym.report import wording
from stepgym.report.axes import Axis, step_axis, value_axis
from stepgym.report.markup import Safe, join, tag, text
from stepgym.report.records import Curves

MOST_POINTS = 300
MOST_PANELS = 24

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 340.0, 176.0, 46.0, 12.0, 10.0, 24.0

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Kind:
    title: str
    lines: tuple[tuple[str, str], ...]
    """Key and name of each line; a single line needs no name."""
    band: tuple[str, str] | None = None


_KINDS = (
    _Kind("Success on evaluation tasks", (("success", ""),), band=("low", "high")),
    _Kind("Loss", (("loss", ""),)),
    _Kind("Policy loss", (("policy_loss", ""),)),
    _Kind("Value loss", (("value_loss", ""),)),
    _Kind("KL to the reference", (("kl", ""),)),
    _Kind("Mean value by outcome", (("value_mean_success", "right"), ("value_mean_failure", "wrong"))),
    _Kind("AUC of the value", (("auc_last", "last state"), ("auc_first", "first state"))),
    _Kind("Explained variance", (("explained_variance", ""),)),
    _Kind("Log ratio by outcome", (("log_ratio_success", "right"), ("log_ratio_failure", "wrong"))),
    _Kind("Gradient norm", (("grad_norm_policy", "policy"), ("grad_norm_value", "value"))),
)


def curves_html(all_curves: Sequence[Curves]) -> Safe:
    """The panels of every metrics file, one group a file, and their figures as tables."""
    return join(_group(curves) for curves in all_curves)


def _group(curves: Curves) -> Safe:
    heading = tag("h3", text(wording.label(curves.name, capital=True), limit=80))
    if not curves.series:
        return join((heading, tag("p", "No points were logged.", class_="note")))
    used: set[str] = set()
    main: list[Safe] = []
    lines: list[tuple[str, Points]]
    for kind in _KINDS:
        lines = [(name, curves.series[key]) for key, name in kind.lines if key in curves.series]
        if lines:
            used.update(key for key, _ in kind.lines)
            used.update(kind.band or ())
            main.append(_panel(kind.title, lines, band=_band(kind, curves.series)))
    others = [(key, points) for key, points in curves.series.items() if key not in used]
    more = [_panel(wording.label(key, capital=True), [("", points)]) for key, points in others[:MOST_PANELS]]
    parts = [heading]
    if main:
        parts.append(tag("div", join(main), class_="panels"))
    if more:
        drawn = tag("div", join(more), class_="panels")
        rest = len(others) - len(more)
        left = tag("p", f"{rest:,} more keys are in the table only.", class_="note") if rest else Safe("")
        summary = tag("summary", f"Other curves ({len(others):,})")
        parts.append(tag("details", summary, drawn, left) if main else join((drawn, left)))
    parts.append(_table(curves))
    return tag("section", join(parts), class_="group")


def _band(kind: _Kind, series: Mapping[str, Points]) -> tuple[Points, Points] | None:
    if kind.band is None or not all(key in series for key in kind.band):
        return None
    low, high = (dict(series[key]) for key in kind.band)
    steps = sorted(low.keys() & high.keys())
    return [(s, low[s]) for s in steps], [(s, high[s]) for s in steps]


def _panel(title: str, lines: list[tuple[str, Points]], *, band: tuple[Points, Points] | None = None) -> Safe:
    thin = [(name, _thinned(points)) for name, points in lines]
    drawn = [point for _, points in thin for point in points] + [p for side in band or () for p in side]
    x = step_axis(min(s for s, _ in drawn), max(s for s, _ in drawn), _LEFT, _WIDTH - _RIGHT)
    y = value_axis([v for _, v in drawn], _HEIGHT - _BOTTOM, _TOP)
    parts = [_grid(x, y)]
    if band and band[0]:
        outline = [*band[1], *reversed(band[0])]
        parts.append(tag("polygon", points=_positions(outline, x, y), class_="band"))
    parts.extend(_line(points, x, y, index) for index, (_, points) in enumerate(thin))
    words = "; ".join(_in_words(name or title, points) for name, points in lines)
    chart = tag("svg", join(parts), viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}", role="img", aria_label=f"{title}. {words}")
    scale = tag("small", " log scale") if y.logarithmic else Safe("")
    head = tag("div", tag("b", text(title, limit=80), scale), _legend(lines), class_="panel-head")
    return tag("figure", head, chart, class_="panel")


def _legend(lines: list[tuple[str, Points]]) -> Safe:
    """Each line's sign, name and last value."""
    entries = []
    for index, (name, points) in enumerate(lines):
        sign = tag("path", d="M0 5H22", class_=f"line line{index}") if name else Safe("")
        key = tag("svg", sign, width=22, height=10, aria_hidden="true") if name else Safe("")
        last = tag("span", wording.number(points[-1][1]), class_="num")
        entries.append(tag("span", key, f" {name} " if name else "", last, class_="key"))
    return tag("span", join(entries), class_="keys")


def _grid(x: Axis, y: Axis) -> Safe:
    parts = []
    for tick in y.ticks:
        at = y.at(tick)
        parts.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=at, y2=at, class_="grid"))
        parts.append(tag("text", wording.tick(tick, y.ticks), x=_LEFT - 6, y=at + 3.5, text_anchor="end"))
    for tick in x.ticks:
        at = x.at(tick)
        anchor = "end" if at > _WIDTH - _RIGHT - 12 else "start" if at < _LEFT + 12 else "middle"
        parts.append(tag("text", wording.tick(tick, x.ticks), x=at, y=_HEIGHT - 7, text_anchor=anchor))
    return join(parts)


def _line(points: Points, x: Axis, y: Axis, index: int) -> Safe:
    if len(points) == 1:
        return tag("circle", cx=x.at(points[0][0]), cy=y.at(points[0][1]), r=3, class_=f"dot dot{index}")
    dots = []
    if len(points) <= 20:
        dots = [tag("circle", cx=x.at(s), cy=y.at(v), r=2.5, class_=f"dot dot{index}") for s, v in points]
    return join((tag("polyline", points=_positions(points, x, y), class_=f"line line{index}"), *dots))


def _positions(points: Points, x: Axis, y: Axis) -> str:
    return " ".join(f"{x.at(step):.1f},{y.at(value):.1f}" for step, value in points)


def _thinned(points: Points) -> Points:
    """At most `MOST_POINTS` points, each the mean of its neighbours."""
    if len(points) <= MOST_POINTS:
        return points
    edges = [round(i * len(points) / MOST_POINTS) for i in range(MOST_POINTS + 1)]
    buckets = [points[a:b] for a, b in pairwise(edges)]
    return [(sum(s for s, _ in b) / len(b), sum(v for _, v in b) / len(b)) for b in buckets]


def _in_words(name: str, points: Points) -> str:
    (first_step, first), (last_step, last) = points[0], points[-1]
    ends = f"{wording.number(first)} at step {wording.number(first_step)}"
    return f"{name}: {ends}, {wording.number(last)} at step {wording.number(last_step)}"


def _table(curves: Curves) -> Safe:
    head = tag("tr", tag("th", "Key", scope="col"), *(tag("th", h, scope="col") for h in _COLUMNS))
    rows = []
    for key, points in curves.series.items():
        values = [value for _, value in points]
        figures = (len(points), values[0], values[-1], min(values), max(values))
        cells = (tag("td", wording.number(figure), class_="num") for figure in figures)
        rows.append(tag("tr", tag("th", text(key, limit=80), scope="row"), *cells))
    body = tag("table", tag("thead", head), tag("tbody", join(rows)))
    scroll = tag("div", body, class_="scroll", tabindex="0", role="region", aria_label=f"Figures of {curves.name[:80]}")
    return tag("details", tag("summary", "The same as figures"), scroll)


_COLUMNS = ("Points", "First", "Last", "Lowest", "Highest")
