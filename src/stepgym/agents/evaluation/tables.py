"""`table`: evaluations and comparisons as plain aligned text."""

from __future__ import annotations

from collections.abc import Sequence

from stepgym.agents.evaluation.records import Comparison, Evaluation
from stepgym.agents.statistics import Interval
from stepgym.agents.text_table import text_table

_LEFT_OUT = (
    "success counts all episodes, undecided and cut ones as not solved; of judged: the share of solved ones among "
    "those that were neither."
)


def table(evaluations: Sequence[Evaluation], comparisons: Sequence[Comparison] = ()) -> str:
    """Evaluations and comparisons in percent and percentage points with 95 % intervals.

    After the table of success: pass@k and maj@k where tasks were sampled several times, success by kind of task where
    the kinds are known, and the comparisons.
    """
    parts = []
    if evaluations:
        parts.append(_success(evaluations))
    if any(e.at_k for e in evaluations):
        parts.append(_at_k(evaluations))
    parts += [_groups(evaluations, by) for by in dict.fromkeys(g.by for e in evaluations for g in e.groups)]
    if comparisons:
        columns = ("compared", "with", "tasks", "difference", "95 % interval", "p", "test")
        pairs = [
            (
                c.a,
                c.b,
                f"{c.tasks}",
                f"{100 * c.difference:+.1f}",
                f"{100 * c.low:+.1f} to {100 * c.high:+.1f}",
                f"{c.p_value:.2g}",
                c.test,
            )
            for c in comparisons
        ]
        parts.append(text_table(columns, pairs, left=2))
    return "\n\n".join(parts)


def _success(evaluations: Sequence[Evaluation]) -> str:
    judged = any(e.undecided or e.truncated for e in evaluations)
    headers = ["policy", "method", "tasks", "samples", "success", "95 % interval", "undecided", "cut"]
    headers += ["of judged"] if judged else []
    rows = []
    for e in evaluations:
        row = [e.policy, e.method, f"{e.tasks}", f"{e.samples}", f"{100 * e.success:.1f} %"]
        row += [_ends(e.low, e.high), f"{100 * e.undecided:.1f} %", f"{100 * e.truncated:.1f} %"]
        if judged:
            row.append("-" if e.of_judged is None else f"{100 * e.of_judged:.1f} %")
        row.append("-" if e.tokens is None else f"{e.tokens}")
        row.append("-" if e.seconds is None else f"{e.seconds:.1f}")
        rows.append(row)
    found = text_table([*headers, "tokens", "s"], rows, left=2)
    return f"{found}\n{_LEFT_OUT}" if judged else found


def _at_k(evaluations: Sequence[Evaluation]) -> str:
    rows = [
        (e.policy, e.method, f"{a.k}", *_figure(a.solved_by_any), *_figure(a.majority))
        for e in evaluations
        for a in e.at_k
    ]
    return text_table(("policy", "method", "k", "pass@k", "95 % interval", "maj@k", "95 % interval"), rows, left=2)


def _groups(evaluations: Sequence[Evaluation], by: str) -> str:
    rows = [
        (e.policy, e.method, g.group, f"{g.tasks}", f"{g.samples}", f"{100 * g.success:.1f} %", _ends(g.low, g.high))
        for e in evaluations
        for g in e.groups
        if g.by == by
    ]
    return text_table(("policy", "method", by, "tasks", "samples", "success", "95 % interval"), rows, left=3)


def _figure(interval: Interval | None) -> tuple[str, str]:
    if interval is None:
        return "-", "-"
    return f"{100 * interval.value:.1f} %", _ends(interval.low, interval.high)


def _ends(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f}"
