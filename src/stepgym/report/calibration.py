"""The value against roll-outs: a reliability chart and the table behind it."""

from __future__ import annotations

from stepgym.report import wording
from stepgym.report.evaluation_records import CalibrationBin, CalibrationRecord
from stepgym.report.markup import Safe, join, tag

_SIZE, _LEFT, _TOP, _RIGHT, _BOTTOM = 340.0, 44.0, 12.0, 14.0, 44.0


def calibration_html(record: CalibrationRecord) -> Safe:
    """The chart, the figures in words, and the table."""
    chart = tag("div", _chart(record), class_="reliability")
    facts = tag("table", tag("tbody", *_facts(record)), class_="facts")
    return join((tag("div", chart, tag("div", facts), class_="card side"), _table(record)))


def _facts(record: CalibrationRecord) -> list[Safe]:
    brier = None if record.brier is None else wording.value_text(record.brier, digits=3)
    if brier is not None and record.base_rate_brier is not None:
        brier += f" ({wording.value_text(record.base_rate_brier, digits=3)} for always saying the base rate)"
    rows = (
        ("AUC of the value", None if record.auc is None else wording.value_text(record.auc, digits=3)),
        ("Brier score", brier),
        ("Calibration gap", None if record.gap is None else wording.value_text(record.gap, digits=3)),
        (
            "Distance to the true chance",
            None if record.distance is None else wording.value_text(record.distance, digits=3),
        ),
        ("States", None if record.states is None else f"{record.states:,}"),
        ("Roll-outs", None if record.rollouts is None else f"{record.rollouts:,}"),
        ("Cut roll-outs, left out", wording.percent(record.truncated) if record.truncated else None),
    )
    return [tag("tr", tag("th", name, scope="row"), tag("td", figure)) for name, figure in rows if figure is not None]


def _chart(record: CalibrationRecord) -> Safe:
    parts: list[Safe] = []
    for mark in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _x(mark), _y(mark)
        parts.append(tag("line", x1=x, x2=x, y1=_y(0), y2=_y(1), class_="grid"))
        parts.append(tag("line", x1=_x(0), x2=_x(1), y1=y, y2=y, class_="grid"))
        parts.append(tag("text", f"{mark:g}", x=x, y=_y(0) + 16, text_anchor="middle"))
        parts.append(tag("text", f"{mark:g}", x=_LEFT - 8, y=y + 4, text_anchor="end"))
    parts.append(tag("line", x1=_x(0), x2=_x(1), y1=_y(0), y2=_y(1), class_="line line1"))
    parts.append(tag("text", "learned value", x=_x(0.5), y=_SIZE - 8, text_anchor="middle"))
    middle = f"rotate(-90 12 {_y(0.5):g})"
    parts.append(tag("text", "roll-outs that succeed", x=12.0, y=_y(0.5), text_anchor="middle", transform=middle))
    most = max((b.rollouts or 1 for b in record.bins), default=1)
    parts += [_point(b, most) for b in record.bins]
    words = "Share of successful roll-outs against the learned value; on the dashed diagonal the value is right"
    return tag("svg", *parts, viewBox=f"0 0 {_SIZE:g} {_SIZE:g}", role="img", aria_label=words)


def _point(b: CalibrationBin, most: int) -> Safe:
    x, radius = _x(b.value), 3.0 + 5.0 * ((b.rollouts or 1) / most) ** 0.5
    words = f"value {wording.value_text(b.value)}: {wording.percent(b.success.value)} of the roll-outs succeed"
    return join(
        (
            tag("line", x1=x, x2=x, y1=_y(b.success.low), y2=_y(b.success.high), class_="whisker"),
            tag("circle", tag("title", words), cx=x, cy=_y(b.success.value), r=radius, class_="dot0"),
        )
    )


def _table(record: CalibrationRecord) -> Safe:
    heads = ("Value", "Mean value", "Roll-outs that succeed", "95 % interval", "States", "Tasks", "Roll-outs")
    head = tag("tr", *(tag("th", name, scope="col", class_="num" if i else None) for i, name in enumerate(heads)))
    rows = []
    for b in record.bins:
        figures = (
            wording.value_text(b.value, digits=3),
            wording.percent(b.success.value),
            wording.interval(b.success.low, b.success.high),
            *("–" if count is None else f"{count:,}" for count in (b.states, b.tasks, b.rollouts)),
        )
        cells = (tag("td", figure, class_="num") for figure in figures)
        rows.append(tag("tr", tag("th", f"{b.low:g} to {b.high:g}", scope="row"), *cells))
    table = tag("table", tag("thead", head), tag("tbody", join(rows)))
    scrolling = tag("div", table, class_="scroll", tabindex="0", role="region", aria_label="Reliability table")
    return tag("details", tag("summary", "The same as figures"), scrolling)


def _x(share: float) -> float:
    return _LEFT + min(1.0, max(0.0, share)) * (_SIZE - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _TOP + (1 - min(1.0, max(0.0, share))) * (_SIZE - _TOP - _BOTTOM)
