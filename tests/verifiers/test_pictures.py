from __future__ import annotations

import pytest

from stepgym.errors import MissingExtraError
from stepgym.verifiers import Verdict, picture_of
from stepgym.verifiers.verifier import registry

SVG = "<svg xmlns='http://www.w3.org/2000/svg'/>"


class Drawing:
    """Draws what it is told to."""

    def verify(self, response, reference, *, context=""):
        return Verdict.correct(verifier="drawing/1")

    def picture(self, response, verdict):
        if response == "missing":
            raise MissingExtraError("needs something")
        if response == "broken":
            raise ValueError("cannot draw")
        return SVG if response == "box" else ""


@pytest.fixture
def drawing(monkeypatch):
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    registry.add("drawing", f"{__name__}:Drawing")
    monkeypatch.setitem(__import__("sys").modules, __name__, __import__("types").SimpleNamespace(Drawing=Drawing))


def verdict(name):
    return Verdict.correct(verifier=name)


@pytest.mark.usefixtures("drawing")
def test_the_first_verifier_that_draws_is_taken():
    assert picture_of("box", [verdict("exact/1"), verdict("nobody/3"), verdict(""), verdict("drawing/1")]) == SVG
    assert picture_of("circle", [verdict("drawing/1")]) == ""
    assert picture_of("box", []) == ""


@pytest.mark.usefixtures("drawing")
def test_what_cannot_be_drawn_is_left_out():
    assert picture_of("missing", [verdict("drawing/1")]) == ""
    with pytest.warns(RuntimeWarning, match="drawing cannot draw a response: ValueError: cannot draw"):
        assert picture_of("broken", [verdict("drawing/1")]) == ""
