"""Accuracy against tokens as a standalone SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepgym.report.colours import BLUE, HAIRLINE, INK, MUTED, ORANGE
from stepgym.report.markup import Safe, tag

_WIDTH, _HEIGHT = 760.0, 430.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 560.0, 56.0, 368.0
_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_STYLES = ((BLUE, None), (ORANGE, None), (INK, None), (BLUE, "6 4"), (ORANGE, "6 4"), (MUTED, "2 3"))


@dataclass(frozen=True, slots=True)
class Point:
    """Mean tokens a task, and success with its interval, all in [0, 1]."""

    tokens: float
    success: float
    low: float
    high: float


def search_svg(lines: Mapping[str, Sequence[Point]], *, title: str, note: str) -> str:
    """One line for each way of choosing, tokens on a logarithmic axis."""
    points = [point for line in lines.values() for point in line]
    low, high = math.log2(min(p.tokens for p in points)) - 0.2, math.log2(max(p.tokens for p in points)) + 0.2

    def x_of(tokens: float) -> float:
        return _LEFT + (math.log2(tokens) - low) / (high - low) * (_RIGHT - _LEFT)

    def y_of(success: float) -> float:
        return _BOTTOM - success * (_BOTTOM - _TOP)

    parts = [_words(title, 24, 32, size=16, fill=INK, weight="600")]
    for percent in range(0, 101, 20):
        y = y_of(percent / 100)
        parts.append(tag("line", x1=_LEFT, x2=_RIGHT, y1=y, y2=y, stroke=HAIRLINE))
        parts.append(_words(f"{percent} %", _LEFT - 8, y + 4, anchor="end"))
    for power in range(math.ceil(low), math.floor(high) + 1):
        parts.append(_words(f"{2**power:g}", x_of(2.0**power), _BOTTOM + 20, anchor="middle"))
    parts.append(_words("tokens the policy wrote for a task", (_LEFT + _RIGHT) / 2, _BOTTOM + 42, anchor="middle"))
    ends = sorted(((y_of(line[-1].success), name) for name, line in lines.items()), key=lambda pair: pair[0])
    label_at: dict[str, float] = {}
    last = -math.inf
    for y, name in ends:  # labels may not cover each other
        last = label_at[name] = max(y, last + 18)
    for (name, line), (colour, dashes) in zip(lines.items(), _STYLES, strict=False):
        parts += _line([(x_of(p.tokens), y_of(p.success), y_of(p.low), y_of(p.high)) for p in line], colour, dashes)
        end = line[-1]
        parts.append(
            tag(
                "line",
                x1=x_of(end.tokens) + 5,
                y1=y_of(end.success),
                x2=_RIGHT + 12,
                y2=label_at[name],
                stroke=colour,
                stroke_width=0.8,
                opacity=0.5,
            )
        )
        parts.append(_words(name, _RIGHT + 16, label_at[name] + 4, fill=colour))
    parts.append(_words(note, 24, _HEIGHT - 8, size=11))
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


def _line(points: Sequence[tuple[float, float, float, float]], colour: str, dashes: str | None) -> list[Safe]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)
    drawn = [tag("polyline", points=path, fill="none", stroke=colour, stroke_width=2, stroke_dasharray=dashes)]
    for x, y, low, high in points:
        drawn.append(tag("line", x1=x, x2=x, y1=low, y2=high, stroke=colour, stroke_width=1, opacity=0.6))
        drawn.append(tag("circle", cx=x, cy=y, r=3.2, fill=colour))
    return drawn


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
