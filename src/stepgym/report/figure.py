"""One episode as a picture of its own: the text, the verifier's finding, and the learned value below every token.

A standalone SVG on its own light card, so that it reads the same on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stepgym.report import colours, wording
from stepgym.report.alignment import Alignment, align, decisive
from stepgym.report.certificate import evidence_pairs, headline
from stepgym.report.colours import BLUE, HAIRLINE, INK, MUTED, ORANGE
from stepgym.report.figure_layout import LEFT, WIDTH, Row, rows_of, wrapped
from stepgym.report.markup import Safe, join, one_line, tag
from stepgym.report.records import Trace
from stepgym.report.traces import is_wrong
from stepgym.report.value_line import value_range
from stepgym.verifiers.verdict import Finding

_MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
# Height of the value strip, and of the type per column width.
_STRIP = 66.0
_TYPE = 1.64


def figure_svg(trace: Trace | Mapping[str, Any]) -> str:
    """A standalone SVG of one episode, for example of `best_trace(read_run(folder).traces)`.

    Long texts are cut to the rows around the first refuted span; all text is escaped.

    Raises:
        InvalidInputError: `trace` is a mapping that is not a value trace.
    """
    record = trace if isinstance(trace, Trace) else Trace.from_dict(dict(trace))
    alignment = align(record)
    finding = next((f for f in decisive(record) if f.start < len(record.text)), None)
    head, top = _head(record)
    rows = rows_of(record.text, focus=finding.start if finding else 0)
    parts = [head]
    for row in rows:
        parts.append(_row(record, alignment, row, top, finding))
        top = _strip_top(row, top) + _STRIP + 24
    box, top = _certificate(finding, alignment, top) if finding else (Safe(""), top)
    foot, height = _foot(record, rows, top)
    card = tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=height - 1, rx=14, fill="#ffffff", stroke=HAIRLINE)
    title, described = _described(record, alignment, finding)
    return tag(
        "svg",
        tag("title", title),
        tag("desc", described),
        card,
        *parts,
        box,
        foot,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        width=WIDTH,
        role="img",
        font_family=_SANS,
    )


def _head(trace: Trace) -> tuple[Safe, float]:
    wrong = is_wrong(trace)
    words, colour = ("✗ wrong", ORANGE) if wrong else ("✓ right", BLUE)
    words, colour = ("? undecided", MUTED) if trace.outcome is None else (words, colour)
    width = 22 + 9.4 * len(words)
    parts = [
        tag("rect", x=LEFT, y=26, width=width, height=28, rx=14, fill=colour),
        tag(
            "text",
            words,
            x=LEFT + width / 2,
            y=45.5,
            font_size=15,
            fill="#ffffff",
            text_anchor="middle",
            font_weight=600,
        ),
    ]
    about = " · ".join(part for part in (wording.label(trace.policy), trace.task_id) if part)
    parts.append(_text(one_line(about, limit=60), WIDTH - LEFT, 45, size=15, fill=MUTED, anchor="end"))
    y = 84.0
    for line in wrapped(one_line(trace.prompt.strip(), limit=240), 84)[:3]:
        parts.append(_text(line, LEFT, y, size=17))
        y += 24
    return join(parts), y + 8


def _row(trace: Trace, alignment: Alignment, row: Row, top: float, finding: Finding | None) -> Safe:
    strip = _strip_top(row, top)
    size = _TYPE * row.column
    parts: list[Safe] = []
    pieces = [p for p in alignment.pieces if p.end > row.start and p.start < row.end]
    for piece in pieces:
        x, stop = row.x(max(piece.start, row.start)), row.x(min(piece.end, row.end))
        if piece.value is not None and piece.action:
            shade = colours.on_white(piece.value)
            parts.append(tag("rect", x=x, y=top, width=stop - x - 1, height=1.5 * size, rx=3, fill=shade))
    for x, width, words in row.words():
        shown = words.replace(" ", "\u00a0")
        parts.append(
            tag("text", shown, x=x, y=top + 1.08 * size, textLength=width, font_size=size, fill=INK, font_family=_MONO)
        )
    low, high = value_range(alignment)

    def y_of(value: float) -> float:
        return strip + _STRIP * (high - value) / (high - low)

    for mark in (high, low):
        y = y_of(mark)
        parts.append(tag("line", x1=LEFT, x2=WIDTH - LEFT, y1=y, y2=y, stroke=HAIRLINE))
        parts.append(_text(wording.number(mark), LEFT - 8, y + 4.5, size=13, fill=MUTED, anchor="end"))
    points = []
    before = alignment.value_at(row.start)
    if before is not None:
        points.append((row.x(row.start), y_of(before)))
    points += [(row.x(min(p.end, row.end)), y_of(p.value)) for p in pieces if p.value is not None and p.end <= row.end]
    if points:
        parts.append(_polyline(points, BLUE))
        if len(points) <= 40:
            parts.extend(tag("circle", cx=x, cy=y, r=3, fill=BLUE) for x, y in points)
    if finding is not None:
        parts.append(_marked(alignment, row, finding, strip, y_of))
    return join(parts)


def _strip_top(row: Row, top: float) -> float:
    """Where the values of a row begin, below its text and the line that underlines it."""
    return top + 1.5 * _TYPE * row.column + 18


def _marked(alignment: Alignment, row: Row, finding: Finding, strip: float, y_of: Callable[[float], float]) -> Safe:
    """Underline, shaded band and the fall of the value across the span, where it lies in this row."""
    start, end = max(finding.start, row.start), min(max(finding.end, finding.start + 1), row.end)
    if start >= end:
        return Safe("")
    x, stop = row.x(start), row.x(end)
    waves = max(1, round((stop - x) / 12))
    width = (stop - x) / waves
    wave = f"M{x:.1f} {strip - 9:.1f}" + "".join(
        f"q{width / 4:.2f} -4 {width / 2:.2f} 0t{width / 2:.2f} 0" for _ in range(waves)
    )
    parts = [
        tag("rect", x=x, y=strip - 1, width=stop - x, height=_STRIP + 2, fill=ORANGE, fill_opacity=0.1),
        tag("path", d=wave, fill="none", stroke=ORANGE, stroke_width=2.5),
    ]
    before = alignment.value_at(start)
    path = [] if before is None else [(x, y_of(before))]
    # The last token of the span may reach beyond it.
    inside = (p for p in alignment.pieces if p.end > start and p.start < end and p.end <= row.end)
    path += [(row.x(p.end), y_of(p.value)) for p in inside if p.value is not None]
    if len(path) > 1:
        parts.append(_polyline(path, ORANGE))
        parts.extend(tag("circle", cx=px, cy=py, r=4, fill=ORANGE) for px, py in path)
    first, last = alignment.across(finding)
    if start == finding.start and first is not None:
        below = 22 if y_of(first) < strip + _STRIP / 2 else -10
        wide = stop - x > 60
        place, anchor = (x + 4, "start") if wide else (x - 8, "end")
        parts.append(_halo(wording.value_text(first), place, y_of(first) + below, anchor))
    if end >= finding.end and last is not None:
        above = -10 if y_of(last) > strip + _STRIP / 2 else 22
        parts.append(_halo(wording.value_text(last), stop + 6, y_of(last) + above, "start"))
    return join(parts)


def _certificate(finding: Finding, alignment: Alignment, top: float) -> tuple[Safe, float]:
    lines = [(line, 16, INK, _SANS) for line in wrapped(one_line(finding.message, limit=300), 86)[:3]]
    facts = "   ".join(f"{name} = {value}" for name, value in evidence_pairs(finding.evidence, limit=60))
    lines += [(line, 16, INK, _MONO) for line in wrapped(one_line(facts, limit=240), 76)[:3]]
    first, last = alignment.across(finding)
    if first is not None and last is not None:
        across = f"Learned value across this span: {wording.value_text(first)} → {wording.value_text(last)}"
        lines.append((across, 16, ORANGE if last < first else BLUE, _SANS))
    height = 46 + 25 * len(lines)
    parts = [
        tag("rect", x=LEFT, y=top, width=WIDTH - 2 * LEFT, height=height, rx=8, fill="#fdf3ea"),
        tag("rect", x=LEFT, y=top, width=5, height=height, rx=2.5, fill=ORANGE),
        _text(one_line(headline(finding), limit=80), LEFT + 22, top + 28, size=16, fill=ORANGE, weight=600),
    ]
    for index, (line, size, fill, family) in enumerate(lines):
        shown = line.replace(" ", "\u00a0")
        parts.append(_text(shown, LEFT + 22, top + 55 + 25 * index, size=size, fill=fill, family=family))
    return join(parts), top + height + 12


def _foot(trace: Trace, rows: list[Row], top: float) -> tuple[Safe, float]:
    y = top + 24
    parts = []
    x = LEFT + 118.0
    parts.append(_text("learned value  0", x - 8, y, size=14, fill=MUTED, anchor="end"))
    for index in range(colours.VALUE_BINS):
        shade = colours.on_white(index / (colours.VALUE_BINS - 1))
        parts.append(tag("rect", x=x + 14 * index, y=y - 12, width=14, height=14, fill=shade))
    parts.append(_text("1", x + 14 * colours.VALUE_BINS + 8, y, size=14, fill=MUTED))
    left_out = len(trace.text) - sum(row.end - row.start for row in rows)
    if left_out:
        parts.append(_text(f"… {left_out:,} more characters", WIDTH - LEFT, y, size=14, fill=MUTED, anchor="end"))
    return join(parts), y + 24


def _described(trace: Trace, alignment: Alignment, finding: Finding | None) -> tuple[str, str]:
    outcome = "undecided" if trace.outcome is None else "wrong" if is_wrong(trace) else "right"
    title = f"A solution that is {outcome}, with the learned value after each token"
    words = [f"Task: {one_line(trace.prompt, limit=300)}", f"Written: {one_line(trace.text, limit=600)}"]
    if finding is not None:
        words.append(f"{one_line(headline(finding))}: {one_line(finding.message, limit=300)}")
        first, last = alignment.across(finding)
        words.append(f"Value across this span: {wording.value_text(first)} to {wording.value_text(last)}")
    return title, " | ".join(words)


def _polyline(points: list[tuple[float, float]], colour: str) -> Safe:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return tag("polyline", points=path, fill="none", stroke=colour, stroke_width=2.5, stroke_linejoin="round")


def _halo(words: str, x: float, y: float, anchor: str) -> Safe:
    return tag(
        "text",
        words,
        x=x,
        y=y,
        text_anchor=anchor,
        font_size=17,
        font_weight=700,
        fill=ORANGE,
        stroke="#ffffff",
        stroke_width=4,
        stroke_linejoin="round",
        paint_order="stroke",
    )


def _text(
    words: str,
    x: float,
    y: float,
    *,
    size: float,
    fill: str = INK,
    anchor: str = "start",
    weight: float = 400,
    family: str = _SANS,
) -> Safe:
    return tag(
        "text", words, x=x, y=y, fill=fill, text_anchor=anchor, font_family=family, font_size=size, font_weight=weight
    )
