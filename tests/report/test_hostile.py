"""Text from models and files is shown, never interpreted, and never long enough to drown the rest."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.report import Trace, figure_svg, terminal_report, write_report
from stepgym.report.markup import one_line, tag, text
from stepgym.report.page import page_html
from stepgym.report.records import Run, RunInfo

MakeRun = Callable[[dict[str, Any]], Path]

ATTACK = (
    "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\" onload='x' &amp; "
    "\x1b[31m\x07\x00\r\u202e\u2066\ud800\ufeff"
)
FORBIDDEN = "\x1b\x07\x00\r\u202e\u2066\ufeff"


class Tags(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.keys: set[str] = set()
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.keys.update(key for key, _ in attrs)


def poisoned(value: Any) -> Any:
    """The same structure with the attack in every string and key."""
    if isinstance(value, str):
        return value + ATTACK
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    if isinstance(value, dict):
        return {key: poisoned(item) for key, item in value.items()}
    return value


def poisoned_files(files: dict[str, Any]) -> dict[str, Any]:
    run = poisoned(files["run.json"])
    for part in ("config", "versions", "machine", "seconds"):
        run[part] = {key + ATTACK: value for key, value in run[part].items()}
    traces = [poisoned(trace) for trace in files["value_traces.jsonl"]]
    for trace in traces:
        trace["tokens"] = list(trace["text"])
        trace["action"] = [True] * len(trace["tokens"])
        trace["values"] = [0.5] * len(trace["tokens"])
        for finding in trace["findings"]:
            finding["severity"] = "refuted"
            finding["evidence"] = {key + ATTACK: value for key, value in finding["evidence"].items()}
    return {
        "run.json": run,
        "metrics/sft.jsonl": [{"step": s, "loss": 1.0, "x" + ATTACK: 2.0} for s in range(3)],
        "evaluations.json": poisoned(files["evaluations.json"]),
        "value_traces.jsonl": traces,
        "doctor.json": poisoned(files["doctor.json"]),
    }


def test_hostile_strings_everywhere_stay_text(make_run: MakeRun, files: dict[str, Any]) -> None:
    folder = make_run(poisoned_files(files))
    source = write_report(folder).read_text(encoding="utf-8")
    tags = Tags(source)
    assert tags.names.count("script") == 1
    assert tags.names.count("style") == 1
    assert "img" not in tags.names
    assert not any(key.startswith("on") for key in tags.keys)
    assert not any(character in source for character in FORBIDDEN)
    assert "&lt;script&gt;alert(1)" in source
    assert r"\x1b[31m" in source
    assert r"\u202e" in source
    assert r"\ud800" in source


def test_the_terminal_gets_no_control_characters(make_run: MakeRun, files: dict[str, Any]) -> None:
    words = terminal_report(make_run(poisoned_files(files)))
    assert all(character == "\n" or character.isprintable() for character in words)
    assert max(map(len, words.splitlines())) <= 80


def test_the_picture_is_xml_whatever_the_text(files: dict[str, Any]) -> None:
    for trace in poisoned_files(files)["value_traces.jsonl"]:
        picture = figure_svg(json.loads(json.dumps(trace)))
        root = ElementTree.fromstring(picture)
        names = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert names <= {"svg", "title", "desc", "rect", "text", "line", "polyline", "circle", "path"}
        assert not any(character in picture for character in FORBIDDEN)


def test_huge_texts_are_cut_with_a_note(make_run: MakeRun, files: dict[str, Any]) -> None:
    word = "x" * 1_000_000
    trace = {
        "task_id": word,
        "prompt": word,
        "reference": word,
        "policy": word,
        "outcome": 0.0,
        "text": "ab\n" * 60_000,
        "tokens": ["ab\n"] * 60_000,
        "action": [True] * 60_000,
        "values": [0.5] * 60_000,
        "findings": [
            {
                "start": 90_000,
                "end": 90_002,
                "kind": word,
                "message": word,
                "evidence": {word: word},
                "severity": "refuted",
            }
        ]
        * 20,
    }
    run = {**files["run.json"], "title": word, "notes": [word], "config": {word: word}, "command": word}
    folder = make_run({**files, "run.json": run, "value_traces.jsonl": [trace]})
    start = time.process_time()
    path = write_report(folder)
    picture = figure_svg(trace)
    assert time.process_time() - start < 10
    assert path.stat().st_size < 500_000
    assert len(picture) < 100_000
    page = path.read_text(encoding="utf-8")
    assert "… 999,200 more characters" in page  # of the prompt
    assert "… 89,700 earlier characters" in page  # earlier characters: the window is around the finding
    assert "14 more findings are not shown" in page
    assert max(map(len, terminal_report(folder).splitlines())) <= 80


def test_a_text_of_newlines_only_is_cut_too(make_run: MakeRun, files: dict[str, Any]) -> None:
    trace = {"text": "\n" * 2_000, "tokens": ["\n"] * 2_000, "values": [0.1] * 2_000, "outcome": 1.0}
    page = write_report(make_run({**files, "value_traces.jsonl": [trace]})).read_text(encoding="utf-8")
    assert "more characters" in page
    assert page.count('class="tokens"') < 100


@given(st.text())
def test_text_never_becomes_markup(words: str) -> None:
    for shown in (text(words), tag("b", words)[3:-4], tag("b", title=words)[10:-6]):
        assert "<" not in shown
        assert ">" not in shown
        assert '"' not in shown
        assert all(c == "\n" or c == "\u00a0" or c.isprintable() for c in shown)
    assert all(c == "\u00a0" or c.isprintable() for c in one_line(words, limit=20))
    assert len(one_line(words, limit=20)) <= 20


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    tokens = draw(st.lists(st.text(max_size=4), max_size=12))
    numbers = st.one_of(st.none(), st.floats(-1e300, 1e300))
    whole = "".join(tokens)
    size = len(tokens)
    spans = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)
    severity = st.sampled_from(["proved", "note", "warning", "refuted", "fatal"])
    finding = st.builds(lambda span, s: {"start": span[0], "end": span[1], "severity": s, "kind": "k"}, spans, severity)
    data = {
        "tokens": tokens,
        "action": draw(st.lists(st.booleans(), min_size=size, max_size=size)),
        "values": draw(st.lists(numbers, min_size=size, max_size=size)),
        "text": draw(st.one_of(st.just(whole), st.just(whole.strip()), st.text(max_size=30))),
        "findings": draw(st.lists(finding, max_size=4)),
        "outcome": draw(st.sampled_from([None, 0.0, 0.5, 1.0])),
        "task_id": draw(st.sampled_from(["", "a"])),
    }
    return Trace.from_dict(data)


@settings(max_examples=150, deadline=None)
@given(st.lists(traces(), max_size=4))
def test_any_well_typed_traces_make_a_page_and_pictures(some: list[Trace]) -> None:
    page = page_html(Run(RunInfo("t"), traces=tuple(some)))
    Tags(page)
    assert "nan" not in page.partition("<main>")[2].replace("&", "")
    for trace in some:
        ElementTree.fromstring(figure_svg(trace))
