"""Updates against the strength of the prover, one panel a setting, as a standalone SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stepgym.agents.statistics import Interval
from stepgym.report.colours import BLUE, HAIRLINE, INK, MUTED, ORANGE
from stepgym.report.markup import Safe, tag

_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_WIDTH, _HEIGHT = 760.0, 600.0
_PANEL = (290.0, 170.0)
_CORNERS = ((70.0, 92.0), (436.0, 92.0), (70.0, 346.0), (436.0, 346.0))


@dataclass(frozen=True, slots=True)
class Point:
    """A prover's strength and the updates needed with it."""

    strength: float
    updates: Interval


@dataclass(frozen=True, slots=True)
class Panel:
    """One setting: its provers, and the outcome alone (None if no two seeds got there)."""

    name: str
    points: Sequence[Point]
    outcome: Interval | None


def progress_svg(panels: Sequence[Panel], *, title: str, note: str) -> str:
    """At most four panels; both axes are logarithmic, each panel has a range of its own."""
    parts = [_words(title, 24, 32, size=16, fill=INK, weight="600")]
    parts.append(_words("outcome alone", 424, 56, fill=ORANGE, anchor="end"))
    parts.append(_words("outcome + progress under a prover of strength γ", 448, 56, fill=BLUE))
    for panel, (left, top) in zip(panels, _CORNERS, strict=False):
        parts += _panel(panel, left, top)
    parts.append(_words(note, 24, _HEIGHT - 12, size=11))
    card = tag("rect", x=0.5, y=0.5, width=_WIDTH - 1, height=_HEIGHT - 1, rx=14, fill="#ffffff", stroke=HAIRLINE)
    return tag(
        "svg",
        tag("title", title),
        card,
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        width=_WIDTH,
        role="img",
        font_family=_SANS,
    )


def _panel(panel: Panel, left: float, top: float) -> list[Safe]:
    width, height = _PANEL
    shown = [point.updates for point in panel.points] + ([] if panel.outcome is None else [panel.outcome])
    low, high = min(max(1.0, i.low) for i in shown) / 1.06, max(i.high for i in shown) * 1.06
    strengths = [point.strength for point in panel.points]

    def x_of(strength: float) -> float:
        return left + width * (math.log(strength / min(strengths)) / math.log(max(strengths) / min(strengths)))

    def y_of(updates: float) -> float:
        return top + height * (1 - math.log(max(updates, low) / low) / math.log(high / low))

    parts = [_words(panel.name, left, top - 10, fill=INK, weight="600")]
    for tick in _ticks(low, high):
        parts.append(tag("line", x1=left, x2=left + width, y1=y_of(tick), y2=y_of(tick), stroke=HAIRLINE))
        parts.append(_words(f"{tick:,.0f}", left - 6, y_of(tick) + 4, size=11, anchor="end"))
    for strength in (3.0, 10.0, 30.0, 100.0, 1000.0):
        parts.append(_words(f"{strength:g}", x_of(strength), top + height + 18, size=11, anchor="middle"))
    parts.append(_words("strength γ of the prover", left + width / 2, top + height + 36, size=11, anchor="middle"))
    if panel.outcome is not None:
        y_low, y_high = y_of(panel.outcome.high), y_of(panel.outcome.low)
        band = tag("rect", x=left, y=y_low, width=width, height=max(1.0, y_high - y_low), fill=ORANGE, opacity=0.15)
        y = y_of(panel.outcome.value)
        parts += [band, tag("line", x1=left, x2=left + width, y1=y, y2=y, stroke=ORANGE, stroke_width=2)]
    path = " ".join(f"{x_of(p.strength):.1f},{y_of(p.updates.value):.1f}" for p in panel.points)
    parts.append(tag("polyline", points=path, fill="none", stroke=BLUE, stroke_width=2))
    for point in panel.points:
        x, updates = x_of(point.strength), point.updates
        parts.append(tag("line", x1=x, x2=x, y1=y_of(updates.low), y2=y_of(updates.high), stroke=BLUE, opacity=0.6))
        parts.append(tag("circle", cx=x, cy=y_of(updates.value), r=3, fill=BLUE))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers, or what there is."""
    for steps in (
        (1.0,),
        (1.0, 3.0),
        (1.0, 2.0, 5.0),
        (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0),
    ):
        found = [10.0**power * step for power in range(6) for step in steps if low <= 10.0**power * step <= high]
        if len(found) >= 3:
            break
    return found


def _words(
    words: str,
    x: float,
    y: float,
    *,
    size: float = 12,
    fill: str = MUTED,
    anchor: str | None = None,
    weight: str | None = None,
) -> Safe:
    return tag("text", words, x=x, y=y, font_size=size, fill=fill, text_anchor=anchor, font_weight=weight)
