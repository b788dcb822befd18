"""The findings of a verifier as boxes that people can read and check."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from stepgym.report import wording
from stepgym.report.alignment import Alignment
from stepgym.report.markup import Safe, join, tag, text
from stepgym.report.records import Trace
from stepgym.verifiers.verdict import Finding

MOST_BOXES = 6

_WORDS = {
    "fatal": "Refuted as a whole",
    "refuted": "Refuted",
    "warning": "Warning",
    "proved": "Proved",
    "note": "Note",
}


def numbered(findings: Sequence[Finding]) -> list[tuple[int, Finding]]:
    """The findings that claim something is wrong, in order of their spans, numbered from 1."""
    shown = [finding for finding in findings if finding.severity in ("fatal", "refuted", "warning")]
    return list(enumerate(sorted(shown, key=lambda f: (f.start, f.end)), start=1))


def headline(finding: Finding) -> str:
    """What is claimed, and about what."""
    return f"{_WORDS[finding.severity]} · {wording.label(finding.kind)}"


def evidence_pairs(evidence: Mapping[str, object], *, limit: int = 160) -> list[tuple[str, str]]:
    """The facts of a finding as name and value in words, at most eight of them."""
    pairs = []
    for key, value in list(evidence.items())[:8]:
        written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        pairs.append((wording.label(str(key)[:60]), written if len(written) <= limit else written[: limit - 1] + "…"))
    return pairs


def certificate_html(trace: Trace, alignment: Alignment) -> Safe:
    """A box for each finding that claims an error; what was proved is one line."""
    boxes = numbered(trace.findings)
    parts = [_box(number, finding, trace, alignment) for number, finding in boxes[:MOST_BOXES]]
    if len(boxes) > MOST_BOXES:
        parts.append(tag("p", f"{len(boxes) - MOST_BOXES:,} more findings are not shown.", class_="note"))
    proved = sum(finding.severity == "proved" for finding in trace.findings)
    if proved:
        spans = "1 span is" if proved == 1 else f"{proved:,} spans are"
        parts.append(tag("p", f"✓ {spans} proved right (thin line below the text).", class_="note"))
    return join(parts)


def _box(number: int, finding: Finding, trace: Trace, alignment: Alignment) -> Safe:
    quote = trace.text[finding.start : finding.end].strip()
    parts = [tag("div", tag("span", str(number), class_="mark"), " ", tag("b", text(headline(finding), limit=80)))]
    if quote:
        parts.append(tag("div", tag("code", text(quote, limit=160)), class_="quote"))
    if finding.message:
        parts.append(tag("p", text(finding.message, limit=500)))
    pairs = evidence_pairs(finding.evidence)
    if pairs:
        facts = (tag("div", tag("dt", text(name)), tag("dd", text(value))) for name, value in pairs)
        parts.append(tag("dl", join(facts)))
    before, after = alignment.across(finding)
    if before is not None and after is not None and finding.end > finding.start:
        values = f"{wording.value_text(before)} → {wording.value_text(after)}"
        parts.append(tag("div", "Learned value across this span ", tag("b", values, class_="num"), class_="across"))
    return tag("div", *parts, class_=f"certificate c-{finding.severity}")
