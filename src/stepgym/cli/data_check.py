"""A log's diagnosis as the rows of a report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stepgym.agents.doctor.diagnosis import Diagnosis
from stepgym.agents.doctor.examine import examine
from stepgym.agents.episodes import Episode


def data_check(episodes: Iterable[Episode], *, title: str) -> dict[str, Any]:
    """What `doctor.json` of a run folder holds."""
    return as_rows(examine(episodes), title=title)


def as_rows(found: Diagnosis, *, title: str) -> dict[str, Any]:
    """The diagnosis as label, value and remark."""
    success = found.success
    interval = "" if success is None else f"95 % interval {100 * success.low:.1f} to {100 * success.high:.1f}"
    rows = [
        ("episodes", f"{found.episodes:,}", f"of {found.tasks:,} tasks"),
        ("usable", f"{found.successes + found.failures:,}", f"{found.successes:,} right, {found.failures:,} wrong"),
        ("success", "-" if success is None else f"{100 * success.value:.1f} %", interval),
        ("tasks with both outcomes", f"{found.tasks_both:,}", "only these show what makes the difference"),
        ("undecided or cut", f"{found.undecided + found.cut:,}", "left out of training"),
        ("duplicates", f"{found.duplicates:,}", "repeat task and actions of another episode"),
        ("without token ids", f"{100 * found.without_ids:.0f} %", "encoded from their text"),
        (
            "characters per episode",
            f"{found.characters.median:,.0f}",
            f"median; largest {found.characters.largest:,.0f}",
        ),
    ]
    rows += [("would rejection sampling do as well?" if i == 0 else "", "", r) for i, r in enumerate(found.reasons)]
    return {"title": title, "rows": [list(row) for row in rows]}
