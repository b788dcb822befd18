"""How figures and names are worded, the same on the page, in the picture and in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from stepgym.report.records import ComparisonRow, SuccessRow

_ACRONYMS = {"oreo": "OREO", "sft": "SFT", "kl": "KL", "auc": "AUC", "dpo": "DPO", "kto": "KTO"}
_NBSP = "\u00a0"
_MINUS = "\u2212"


def label(name: str, *, capital: bool = False) -> str:
    """A name from a file in words: "rejection_sampling" becomes "rejection sampling"."""
    words = " ".join(_ACRONYMS.get(word, word) for word in name[:200].replace("_", " ").split(" "))
    return words[:1].upper() + words[1:] if capital else words


def number(value: float) -> str:
    """Three significant digits, whole numbers in full with thousands separated."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e9:
        return _signed(f"{int(value):,}")
    if 1e-3 <= abs(value) < 1e6:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        return _signed(f"{value:,.{digits}f}")
    return _signed(f"{value:.2e}")


def tick(value: float, ticks: Sequence[float]) -> str:
    """A number at an axis, with as many decimals as the widest of its neighbours needs."""
    written = [f"{each:.6g}" for each in ticks]
    if any("e" in each for each in written) or max(map(abs, ticks)) > 100 * min(
        (abs(t) for t in ticks if t), default=1
    ):
        return _signed(f"{value:,.6g}")
    decimals = max(len(each.partition(".")[2]) for each in written)
    return _signed(f"{value:,.{decimals}f}")


def value_text(value: float | None, *, digits: int = 2) -> str:
    """A learned value with so many decimals."""
    return "–" if value is None else _signed(f"{value:.{digits}f}")


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage with one decimal."""
    return f"{_tenths(share)}{_NBSP}%"


def interval(low: float | None, high: float | None) -> str:
    """The ends of a 95 % interval of a share, in percent."""
    return "–" if low is None or high is None else f"{_tenths(low)} to {_tenths(high)}"


def points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    size = _tenths(abs(difference))
    return size if float(size) == 0 else f"{'+' if difference > 0 else _MINUS}{size}"


def points_interval(comparison: ComparisonRow) -> str:
    """The 95 % interval of a difference in percentage points, with signs."""
    if comparison.low is None or comparison.high is None:
        return "–"
    return f"{points(comparison.low)} to {points(comparison.high)}"


def probability(p_value: float | None) -> str:
    """A p-value as it is usually written."""
    if p_value is None:
        return "–"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def seconds(duration: float) -> str:
    """A duration: "0.42 s", "12.3 s", "3 min 05 s", "2 h 07 min"."""
    if duration < 60:
        return f"{duration:.2f}{_NBSP}s" if duration < 1 else f"{duration:.1f}{_NBSP}s"
    whole = round(duration)
    if whole < 3600:
        return f"{whole // 60}{_NBSP}min {whole % 60:02d}{_NBSP}s"
    return f"{whole // 3600}{_NBSP}h {whole % 3600 // 60:02d}{_NBSP}min"


def moment(started: str) -> str:
    """An ISO time for people; anything else as it is."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return started
    zone = f" {when.tzname()}" if when.tzinfo else ""
    return f"{when.day} {when:%B %Y, %H:%M}{zone}"


def who(evaluation: SuccessRow) -> str:
    """Policy and method of an evaluation, as comparisons name them."""
    return f"{label(evaluation.policy)} {label(evaluation.method)}"


def sentence(comparison: ComparisonRow) -> str:
    """A paired comparison in words, with its interval, and plainly when the interval contains 0."""
    a, b = label(comparison.a), label(comparison.b)
    difference, low, high = comparison.difference, comparison.low, comparison.high
    more = difference >= 0
    words = f"{a} solves {_tenths(abs(difference))} points {'more' if more else 'fewer'} than {b}"
    paired = f", {comparison.tasks:,} paired tasks" if comparison.tasks is not None else ""
    if low is None or high is None:
        return f"{words}{paired}."
    if low > 0 or high < 0:
        near, far = sorted((abs(low), abs(high)))
        return f"{words} ({_tenths(near)} to {_tenths(far)}){paired}."
    ends = f"{points(low)} to {points(high)}"
    return f"{words} (95 % interval {ends}){paired}: the interval contains 0, so this is no clear difference."


def _tenths(share: float) -> str:
    """A share in percent, rounded as people do: 69 of 400 is 17.3, not the 17.2 of binary fractions."""
    return str((Decimal(repr(share)) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP))


def _signed(written: str) -> str:
    return written.replace("-", _MINUS)
