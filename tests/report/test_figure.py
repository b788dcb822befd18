"""The picture of one episode: a card of its own with text, finding and value."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from stepgym.errors import InvalidInputError
from stepgym.report import best_trace, figure_svg, read_run

SVG = "{http://www.w3.org/2000/svg}"


def words_of(picture: str) -> str:
    texts = ElementTree.fromstring(picture).iter(f"{SVG}text")
    return "|".join((text.text or "").replace("\u00a0", " ") for text in texts)


def test_the_picture_shows_text_finding_counterexample_and_fall(run_dir: Path) -> None:
    trace = best_trace(read_run(run_dir).traces)
    assert trace is not None
    picture = figure_svg(trace)
    words = words_of(picture)
    for part in ("✗ wrong", "Compute ((3 + 6) * 4) - 1 modulo 7.", "2 * 4 is 1 modulo 7, not 5.", "exact = 1"):
        assert part in words
    assert "Learned value across this span: 0.91 → 0.12" in words
    assert "|0.91|" in words
    assert "|0.12|" in words
    assert "3+6=2↵2*4=5↵5-1=4↵#4" in words.replace("|", "")
    root = ElementTree.fromstring(picture)
    title, description, card = root[0], root[1], root[2]
    assert "wrong" in (title.text or "")
    assert "2 * 4 is 1 modulo 7" in (description.text or "")
    # Its own light card: the page around it may be dark.
    assert card.tag == f"{SVG}rect"
    assert card.get("fill") == "#ffffff"
    assert picture.count("http") == 1


def test_everything_stays_on_the_card(files: dict[str, Any]) -> None:
    for trace in files["value_traces.jsonl"]:
        root = ElementTree.fromstring(figure_svg(trace))
        _, _, width, height = map(float, (root.get("viewBox") or "").split())
        for element in root.iter():
            x, y = float(element.get("x", 0)), float(element.get("y", 0))
            assert 0 <= x <= width
            assert 0 <= y <= height
            assert x + float(element.get("width", 0) if element.tag == f"{SVG}rect" else 0) <= width


def test_a_right_episode_has_no_certificate(files: dict[str, Any]) -> None:
    words = words_of(figure_svg(files["value_traces.jsonl"][1]))
    assert "✓ right" in words
    assert "Refuted" not in words


def test_long_texts_show_the_rows_around_the_finding(files: dict[str, Any]) -> None:
    trace = dict(files["value_traces.jsonl"][2])
    filler = "A step that says nothing at all.\n" * 200
    trace["tokens"] = [filler, *trace["tokens"]]
    trace["values"] = [0.9, *trace["values"]]
    trace["action"] = [True, *trace["action"]]
    trace["text"] = filler + trace["text"]
    finding = dict(trace["findings"][0])
    finding["start"] += len(filler)
    finding["end"] += len(filler)
    trace["findings"] = [finding]
    words = words_of(figure_svg(trace)).replace("|", "")
    assert "48 + 24 = 82" in words
    assert "more characters" in words


def test_a_mapping_that_is_no_trace_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="1 tokens, 2 values"):
        figure_svg({"tokens": ["a"], "values": [1, 2]})
