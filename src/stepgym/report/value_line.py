"""The learned value along an episode as a small line, as wide as its column."""

from __future__ import annotations

import math

from stepgym.report import wording
from stepgym.report.alignment import Alignment
from stepgym.report.certificate import MOST_BOXES, numbered
from stepgym.report.markup import Safe, join, tag, text
from stepgym.report.records import Trace

_HEIGHT = 64
_MOST_DOTS = 40
_MOST_POINTS = 1_500
_HARDLY = 0.05  # a value this little outside 0 to 1 does not widen the axis


def value_line_html(trace: Trace, alignment: Alignment) -> Safe:
    """The line, with the spans of the findings shaded; nothing where no token has a value."""
    points = line_points(alignment)
    if not points or not alignment.pieces:
        return tag("p", "No learned values were logged for this episode.", class_="note")
    low, high = value_range(alignment)
    count = len(alignment.pieces)

    def height(value: float) -> float:
        return 100 * (high - value) / (high - low)

    drawn = points[:: 1 + len(points) // _MOST_POINTS]
    path = "M" + "L".join(f"{100 * x / count:.2f} {height(v):.2f}" for x, v in drawn)
    line = tag("path", d=path, class_="value-line", vector_effect="non-scaling-stroke")
    inner = tag("svg", line, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%", height=str(_HEIGHT))
    shades = []
    for number, finding in numbered(trace.findings)[:MOST_BOXES]:
        if finding.start >= len(trace.text) or finding.severity == "warning":
            continue
        first, last = (100 * edge / count for edge in alignment.extent(finding))
        shades.append(
            tag("rect", x=f"{first:.2f}%", width=f"{last - first:.2f}%", y="0", height="100%", class_="shade")
        )
        middle = min(98.0, max(2.0, (first + last) / 2))
        shades.append(
            tag("text", str(number), x=f"{middle:.2f}%", y=f"{_HEIGHT - 5}", text_anchor="middle", class_="shade-mark")
        )
    ground = [
        tag("line", x1="0", x2="100%", y1=f"{height(v):.2f}%", y2=f"{height(v):.2f}%", class_="grid")
        for v in (0, 0.5, 1)
    ]
    dots = [
        tag("circle", cx=f"{100 * x / count:.2f}%", cy=f"{height(v):.2f}%", r="2.5", class_="dot0")
        for x, v in (points if len(points) <= _MOST_DOTS else ())
    ]
    cursor = tag("line", x1="0", x2="0", y1="0", y2="100%", class_="cursor", visibility="hidden")
    words = f"Learned value after each of {count:,} tokens: {_in_words(trace, alignment)}"
    chart = tag(
        "svg", *ground, *shades, inner, *dots, cursor, width="100%", height=str(_HEIGHT), role="img", aria_label=words
    )
    scale = tag("div", tag("span", wording.number(high)), tag("span", wording.number(low)), class_="ends num")
    return tag("div", scale, chart, class_="value-chart")


def line_points(alignment: Alignment) -> list[tuple[float, float]]:
    """The points (tokens written, value) of the line, the value before the first token included where it is known."""
    points = [] if alignment.before is None else [(0.0, alignment.before)]
    points += [(index + 1.0, piece.value) for index, piece in enumerate(alignment.pieces) if piece.value is not None]
    return points


def value_range(alignment: Alignment) -> tuple[float, float]:
    """The range of the vertical axis: 0 to 1, wider in tenths where the values clearly leave it."""
    values = [value for _, value in line_points(alignment)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (
        math.floor(10 * low) / 10 if low < -_HARDLY else 0.0,
        math.ceil(10 * high) / 10 if high > 1 + _HARDLY else 1.0,
    )


def _in_words(trace: Trace, alignment: Alignment) -> str:
    points = line_points(alignment)
    words = [f"{wording.value_text(points[0][1])} at the start, {wording.value_text(points[-1][1])} at the end"]
    for number, finding in numbered(trace.findings)[:MOST_BOXES]:
        before, after = alignment.across(finding)
        if before is not None and after is not None:
            words.append(f"{wording.value_text(before)} to {wording.value_text(after)} across finding {number}")
    return "; ".join(words)


def values_table(trace: Trace, alignment: Alignment) -> Safe:
    """The value after each line of the text, or after each token where there is one line only."""
    ends = [index + 1 for index, character in enumerate(trace.text) if character == "\n"] + [len(trace.text)]
    if len(ends) < 3:
        ends = [piece.end for piece in alignment.pieces]
    rows: list[Safe] = []
    start = 0
    for end in ends[:80]:
        words = trace.text[start:end].strip("\n")
        start = end
        if words:
            cell = tag("td", wording.value_text(alignment.value_at(end)), class_="num")
            rows.append(tag("tr", tag("td", tag("code", text(words, limit=100))), cell))
    if len(ends) > 80:
        rows.append(tag("tr", tag("td", f"… {len(ends) - 80:,} more"), tag("td", "")))
    head = tag("tr", tag("th", "Written", scope="col"), tag("th", "Value after it", scope="col", class_="num"))
    table = tag("table", tag("thead", head), tag("tbody", join(rows)))
    return tag("details", tag("summary", "Values as a table"), tag("div", table, class_="scroll"))
