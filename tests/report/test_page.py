"""The page: well formed, loads nothing, its figures are those of the files, missing parts are left out."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from stepgym.errors import InvalidInputError
from stepgym.report import write_report

_VOID = {"meta", "br"}


class Page(HTMLParser):
    """The elements of a page, checked for balance, and its visible text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] == "style":
            self.styles.append(data)
        else:
            self.text += data

    def labels(self) -> list[str]:
        return [attrs["aria-label"] or "" for _, attrs in self.elements if "aria-label" in attrs]


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_loads_nothing(run_dir: Path) -> None:
    path = write_report(run_dir)
    assert path == run_dir / "report.html"
    page = read(path)
    for name, attrs in page.elements:
        assert name not in {"link", "img", "iframe", "object", "embed", "form", "base"}
        assert not any(key.startswith("on") or key in {"src", "srcdoc", "style"} for key in attrs)
        assert (attrs.get("href") or "#").startswith("#")
    source = path.read_text(encoding="utf-8")
    assert "http:" not in source
    assert "https:" not in source
    assert "url(" not in source
    assert "@import" not in source


def test_the_only_script_is_the_one_the_policy_of_the_page_allows(run_dir: Path) -> None:
    page = read(write_report(run_dir))
    (script,) = page.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_links_of_the_page_lead_to_its_parts(run_dir: Path) -> None:
    page = read(write_report(run_dir))
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    targets = {(attrs["href"] or "")[1:] for name, attrs in page.elements if name == "a"}
    assert targets == ids == {"success", "error", "episodes", "curves", "data", "settings"}


def test_every_picture_has_words(run_dir: Path) -> None:
    # A nested picture is part of the one around it.
    page = read(write_report(run_dir))
    pictures = [attrs for name, attrs in page.elements if name == "svg" and "preserveaspectratio" not in attrs]
    assert len(pictures) > 20
    for attrs in pictures:
        assert attrs.get("aria-hidden") == "true" or (attrs.get("role") == "img" and attrs.get("aria-label"))


def test_figures_on_the_page_are_those_of_the_files(run_dir: Path) -> None:
    page = read(write_report(run_dir))
    words = page.text.replace("\u00a0", " ")
    # 69 of 400 is 17.25 %: rounded up, as people do.
    for figures in ("17.3 %13.9 to 21.3", "66.3 %61.5 to 70.7", "37.0 %32.4 to 41.8", "97.0 %94.8 to 98.3"):
        assert figures in words
    assert (
        "OREO greedy solves 60.0 points more than rejection sampling greedy (55.2 to 64.8), 400 paired tasks." in words
    )
    assert "the interval contains 0, so this is no clear difference" in words
    assert "11,234" in words
    assert "1.3 %" in words  # truncated
    bars = [attrs["width"] for name, attrs in page.elements if name == "rect" and "bar" in (attrs.get("class") or "")]
    assert bars == ["17.25%", "66.25%", "20.50%", "37.00%", "97.00%", "94.25%"]
    assert "stepgym quickstart --seed 0 --out runs/quickstart" in words
    for setting in ("oreo.optimiser.lr", "0.002", "2.13.0", "11.3 s", "48.5 s", "1 min 02 s", "2 min 35 s"):
        assert setting in words
    assert "12000" in words


def test_the_picture_tells_finding_counterexample_and_fall_of_the_value(run_dir: Path) -> None:
    page = read(write_report(run_dir))
    words = page.text.replace("\u00a0", " ")
    assert "Where it went wrong" in words
    assert "2 * 4 is 1 modulo 7, not 5." in words
    assert "modulus7" in words
    assert "Learned value across this span 0.91 → 0.12" in words
    assert any("0.91 to 0.12 across finding 1" in label for label in page.labels())


def test_curves_say_in_words_what_they_show(run_dir: Path) -> None:
    page = read(write_report(run_dir))
    panels = [label for label in page.labels() if " at step " in label]
    assert len(panels) == 11
    assert any(label.startswith("Learning rate.") for label in panels)
    assert any("right: " in label and "wrong: " in label for label in panels)
    assert any(label.startswith("Loss. Loss: 2.47 at step 1, 0.475 at step 200") for label in panels)


def test_a_run_of_one_file_is_a_page_that_names_what_is_missing(
    make_run: Callable[[dict[str, Any]], Path],
) -> None:
    page = read(write_report(make_run({"run.json": {"title": "Only this"}})))
    assert "Only this" in page.text
    for part in ("metrics/*.jsonl", "evaluations.json", "value_traces.jsonl", "doctor.json"):
        assert part in page.text
    assert "Success" not in page.text
    assert not any(name == "section" for name, _ in page.elements)


@pytest.mark.parametrize("left_out", ["metrics", "evaluations.json", "value_traces.jsonl", "doctor.json"])
def test_each_part_can_be_missing(
    make_run: Callable[[dict[str, Any]], Path], files: dict[str, Any], left_out: str
) -> None:
    kept = {name: content for name, content in files.items() if not name.startswith(left_out)}
    page = read(write_report(make_run(kept)))
    assert left_out in page.text.partition("Not in this run folder")[2]


def test_empty_parts_are_no_error(make_run: Callable[[dict[str, Any]], Path], files: dict[str, Any]) -> None:
    empty = {
        "evaluations.json": {"evaluations": [], "comparisons": []},
        "value_traces.jsonl": [],
        "metrics/a.jsonl": [],
    }
    page = read(write_report(make_run({"run.json": files["run.json"], **empty})))
    assert "No points were logged." in page.text


def test_no_wrong_episode_with_a_finding_means_no_picture(
    make_run: Callable[[dict[str, Any]], Path], files: dict[str, Any]
) -> None:
    traces = [trace for trace in files["value_traces.jsonl"] if trace["outcome"] == 1.0]
    page = read(write_report(make_run({**files, "value_traces.jsonl": traces})))
    assert "Where it went wrong" not in page.text
    assert "Episodes side by side" in page.text


def test_without_values_the_answers_and_what_was_found_in_them_are_shown(
    make_run: Callable[[dict[str, Any]], Path],
) -> None:
    found = {"start": 0, "end": 3, "kind": "arithmetic", "severity": "refuted", "message": "that is 5"}
    line = {"task_id": "t", "policy": "p", "prompt": "2+2?", "tokens": [], "values": [], "outcome": 0.0}
    lines = [line | {"text": f"{i}+2=4", "task_id": str(i), "findings": [found]} for i in range(4)]
    lines[3] |= {"outcome": None, "findings": []}
    page = read(write_report(make_run({"run.json": {"title": "plain"}, "value_traces.jsonl": lines})))
    assert "Where it went wrong" in page.text
    assert page.text.count("that is 5") == 3
    assert "undecided" in page.text
    assert "earned value" not in page.text
    assert "Point at a token" not in page.text
    # One large, of the other three two wrong ones in a row.
    rows = [a for name, a in page.elements if name == "div" and a.get("class") == "pair"]
    assert len(rows) == 2


def test_the_report_replaces_an_older_one_only_when_complete(run_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "somewhere" / "else.html"
    assert write_report(run_dir, out) == out
    before = out.read_text(encoding="utf-8")
    (run_dir / "evaluations.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidInputError):
        write_report(run_dir, out)
    assert out.read_text(encoding="utf-8") == before
    assert [path.name for path in out.parent.iterdir()] == ["else.html"]


def test_a_folder_in_the_way_of_the_report_leaves_no_rubbish(run_dir: Path) -> None:
    (run_dir / "report.html").mkdir()
    with pytest.raises(OSError, match="report"):
        write_report(run_dir)
    assert not list(run_dir.glob(".report*"))


def test_shades_of_the_page_have_words_too(run_dir: Path) -> None:
    source = write_report(run_dir).read_text(encoding="utf-8")
    tokens = re.findall(r'<span class="v\d+" data-x="[\d.]+" title="V [−\d.]+">', source)
    assert len(tokens) >= 60
    assert "✗ wrong" in source
    assert "✓ right" in source
