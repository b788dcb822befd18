"""Real episodes, right and wrong side by side: tokens coloured by the learned value, findings underlined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from stepgym.report import wording
from stepgym.report.alignment import Alignment, Piece, align, decisive
from stepgym.report.certificate import certificate_html, numbered
from stepgym.report.colours import VALUE_BINS, value_bin
from stepgym.report.markup import Safe, join, tag, text
from stepgym.report.pictures import picture_html
from stepgym.report.records import Trace
from stepgym.report.value_line import value_line_html, values_table
from stepgym.verifiers.verdict import Severity

TEXT_LIMIT = 3_000
MOST_LINES = 60
MOST_PAIRS = 8

_WORST_FIRST: tuple[Severity, ...] = ("fatal", "refuted", "warning", "proved", "note")


def best_trace(traces: Sequence[Trace]) -> Trace | None:
    """The episode that shows most: a wrong one with a refuted span, evidence for it and the steepest fall of the value.

    None when no wrong episode has a refuted span.
    """

    def rank(trace: Trace) -> tuple[bool, float]:
        alignment = align(trace)
        spans = [finding for finding in decisive(trace) if finding.start < min(finding.end, len(trace.text))]
        return max((bool(f.evidence), _fall(*alignment.across(f))) for f in spans)

    shown = [t for t in traces if is_wrong(t) and any(f.start < min(f.end, len(t.text)) for f in decisive(t))]
    return max(shown, key=rank, default=None)


def is_wrong(trace: Trace) -> bool:
    """True for an episode that ended without success; one without an outcome is neither right nor wrong."""
    return trace.outcome is not None and trace.outcome < 1.0


def is_right(trace: Trace) -> bool:
    """True for an episode that ended with success."""
    return trace.outcome is not None and not is_wrong(trace)


def partner_of(trace: Trace, others: Sequence[Trace]) -> Trace | None:
    """The first right episode of the same task."""
    same = (other for other in others if trace.task_id and other.task_id == trace.task_id)
    return next(filter(is_right, same), None)


def episodes_html(traces: Sequence[Trace]) -> Safe:
    """The episodes in rows of two: a wrong and a right one, of the same task if there are both; then what is left."""
    rows, left_out = _pairs(traces)
    parts = [tag("div", *(trace_html(trace) for trace in row), class_="pair") for row in rows]
    if left_out:
        parts.append(tag("p", f"{left_out:,} more episodes are in value_traces.jsonl.", class_="note"))
    return join(parts)


def legend_html(traces: Sequence[Trace]) -> Safe:
    """What the colours and lines under the tokens of these episodes mean."""
    refuted = tag("span", tag("span", "text", class_="f-refuted"), " refuted by the verifier")
    proved = tag("span", tag("span", "text", class_="f-proved"), " proved")
    if not any(trace.valued for trace in traces):
        return tag("div", refuted, proved, class_="legend")
    steps = (tag("i", class_=f"v{index}") for index in range(VALUE_BINS))
    scale = tag("span", tag("b", "0"), tag("span", *steps, class_="ramp", aria_hidden="true"), tag("b", "1"))
    title = tag("span", "Learned value after each token, 0 = expects failure, 1 = expects success", class_="grow")
    return tag("div", title, scale, refuted, proved, class_="legend")


def trace_html(trace: Trace, *, large: bool = False) -> Safe:
    """One episode: what was asked, what was written, the value along it, and the certificate."""
    alignment = align(trace)
    body = []
    if trace.prompt:
        body.append(tag("div", text(trace.prompt, limit=800), class_="prompt"))
    body.append(_written(trace, alignment))
    body.append(picture_html(trace.picture))
    parts = [certificate_html(trace, alignment)]
    if trace.valued:
        body.append(value_line_html(trace, alignment))
        body.append(tag("div", "Point at a token to read its value.", class_="readout", aria_hidden="true"))
        parts.append(values_table(trace, alignment))
    foot = join(parts)
    return tag("article", _head(trace), tag("div", *body), tag("div", foot), class_="trace large" if large else "trace")


def _head(trace: Trace) -> Safe:
    sign = ("wrong", "✗ wrong") if is_wrong(trace) else ("right", "✓ right")
    if trace.outcome is None:
        sign = ("open", "? undecided")
    entries = [tag("span", sign[1], class_=f"chip {sign[0]}")]
    entries.append(tag("span", text(wording.label(trace.policy), limit=60)))
    entries.append(tag("span", text(trace.task_id, limit=60), class_="muted"))
    if trace.reference:
        entries.append(tag("span", "reference ", tag("code", text(trace.reference, limit=80)), class_="muted push"))
    return tag("header", *entries)


def _written(trace: Trace, alignment: Alignment) -> Safe:
    """The text line by line, each line with the value at its end."""
    start, end = _window(trace)
    lines = [tag("div", ""), tag("div", "value" if trace.valued else "", class_="at")]
    if start:
        lines.append(tag("div", f"… {start:,} earlier characters", class_="more"))
    position = start
    while position < end and len(lines) < 2 * MOST_LINES:
        newline = trace.text.find("\n", position, end)
        line_end = end if newline < 0 else newline + 1
        value = alignment.value_at(line_end)
        shown = tag("div", join(_marked(trace, alignment, position, line_end)), class_="tokens")
        lines += [shown, tag("div", wording.value_text(value) if trace.valued else "", class_="at num")]
        position = line_end
    if position < len(trace.text):
        lines.append(tag("div", f"… {len(trace.text) - position:,} more characters", class_="more"))
    if not trace.text:
        lines.append(tag("div", "The policy wrote nothing.", class_="more"))
    return tag("div", *lines, class_="written")


def _window(trace: Trace) -> tuple[int, int]:
    """The part of the text that is shown: its beginning, or the surroundings of the first refuted span."""
    first = next((f.start for f in decisive(trace) if f.start < len(trace.text)), 0)
    start = 0 if first < TEXT_LIMIT * 3 // 4 else first - TEXT_LIMIT // 2
    if trace.text.count("\n", start, first) > MOST_LINES * 3 // 4:
        start = max(0, first - TEXT_LIMIT // 10)
    return start, min(len(trace.text), start + TEXT_LIMIT)


def _marked(trace: Trace, alignment: Alignment, start: int, end: int) -> Iterator[Safe]:
    """The characters [start, end), cut where a finding begins or ends."""
    near = [finding for finding in trace.findings if finding.start < end and finding.end > start]
    edges = {start, end}
    for finding in near:
        edges.update(edge for edge in (finding.start, finding.end) if start < edge < end)
    cuts = sorted(edges)
    boxes = numbered(trace.findings)
    for left, right in pairwise(cuts):
        covering = [f.severity for f in near if f.start <= left and right <= f.end]
        tokens = join(_tokens(trace, alignment, left, right))
        worst = next((severity for severity in _WORST_FIRST if severity in covering), None)
        yield tag("mark", tokens, class_=f"f-{worst}") if worst else tokens
        for number, finding in boxes:
            if finding.end == right or (finding.start == finding.end == left):
                yield tag("sup", str(number), class_="mark")


def _tokens(trace: Trace, alignment: Alignment, start: int, end: int) -> Iterator[Safe]:
    count = max(1, len(alignment.pieces))
    position = start
    index = alignment.first_ending_at(start + 1)
    while position < end:
        if index == len(alignment.pieces) or alignment.pieces[index].start >= end:
            yield _plain(trace.text[position:end])
            return
        piece = alignment.pieces[index]
        if piece.start > position:
            yield _plain(trace.text[position : piece.start])
            position = piece.start
        stop = min(end, piece.end)
        yield _token(trace.text[position:stop], piece, 100 * (index + 1) / count)
        position = stop
        index += 1


def _token(words: str, piece: Piece, place: float) -> Safe:
    # Each line of the text is a row of its own, so its newline is not shown.
    words = words.replace("\n", "")
    if not words or piece.value is None or not piece.action:
        return _plain(words)
    shade = f"v{value_bin(piece.value)}"
    return tag("span", text(words), class_=shade, data_x=place, title=f"V {wording.value_text(piece.value)}")


def _plain(words: str) -> Safe:
    words = words.replace("\n", "")
    return tag("span", text(words, limit=TEXT_LIMIT), class_="other") if words else Safe("")


def _fall(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else before - after


def _pairs(traces: Sequence[Trace]) -> tuple[list[list[Trace]], int]:
    wrong = [trace for trace in traces if is_wrong(trace)]
    right = [trace for trace in traces if is_right(trace)]
    rest = [trace for trace in traces if trace.outcome is None]
    rows: list[list[Trace]] = []
    for trace in list(wrong):
        partner = partner_of(trace, right)
        if partner is not None:
            rows.append([trace, partner])
            wrong = [other for other in wrong if other is not trace]
            right = [other for other in right if other is not partner]
    while wrong and right:
        rows.append([wrong.pop(0), right.pop(0)])
    rest = [*wrong, *right, *rest]
    rows.extend(rest[i : i + 2] for i in range(0, len(rest), 2))
    shown = rows[:MOST_PAIRS]
    return shown, len(traces) - sum(map(len, shown))
