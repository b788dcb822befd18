"""A verifier's drawing on the page: an image, whatever it holds."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stepgym.report import write_report
from stepgym.report.pictures import MOST_CHARACTERS

MakeRun = Callable[[dict[str, Any]], Path]
HOSTILE = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(2)</script></svg>"


def page_with(make_run: MakeRun, files: dict[str, Any], picture: str) -> str:
    files["value_traces.jsonl"][0]["picture"] = picture
    return write_report(make_run(files)).read_text(encoding="utf-8")


def test_a_picture_is_an_image_that_cannot_do_anything(make_run: MakeRun, files: dict[str, Any]) -> None:
    page = page_with(make_run, files, HOSTILE)
    sources = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]*)"', page)
    assert {base64.b64decode(source).decode() for source in sources} == {HOSTILE}
    assert "alert" not in page
    assert "img-src data:;" in page


def test_no_picture_and_a_huge_one(make_run: MakeRun, files: dict[str, Any]) -> None:
    assert "<img" not in page_with(make_run, files, "")
    page = page_with(make_run, files, "<svg>" + "x" * MOST_CHARACTERS)
    assert "<img" not in page
    assert "A picture of 300,005 characters is left out." in page
