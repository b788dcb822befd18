"""The search benchmark's plot."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from learning.search_plot import Point, search_svg


def test_the_plot_shows_every_point_and_name() -> None:
    lines = {
        "tree & V": [Point(10, 0.2, 0.1, 0.3), Point(40, 0.5, 0.4, 0.6)],
        "majority": [Point(10, 0.2, 0.2, 0.2), Point(80, 0.3, 0.2, 0.4)],
    }
    root = ElementTree.fromstring(search_svg(lines, title="Success <tokens>", note="two seeds"))
    space = "{http://www.w3.org/2000/svg}"
    circles = [(float(c.get("cx", 0)), float(c.get("cy", 0))) for c in root.iter(f"{space}circle")]
    assert len(circles) == 4
    assert circles[0] == circles[2]
    assert circles[0][0] < circles[1][0] < circles[3][0]
    assert circles[1][1] < circles[3][1], "more success stands higher"
    words = {text.text for text in root.iter(f"{space}text")}
    assert {"tree & V", "majority", "Success <tokens>", "two seeds", "16", "64"} <= words
