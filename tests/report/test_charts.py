"""Axes and wording: round ticks, all values inside, figures rounded as people do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.report import wording
from stepgym.report.axes import step_axis, value_axis
from stepgym.report.records import ComparisonRow

finite = st.floats(-1e300, 1e300)


@given(st.lists(finite, min_size=1, max_size=5))
def test_an_axis_holds_all_its_values(values: list[float]) -> None:
    axis = value_axis(values, 100, 0)
    room = 1e-9 * max(map(abs, (axis.low, axis.high)))
    assert axis.low <= min(values) + room
    assert max(values) <= axis.high + room
    assert 1 <= len(axis.ticks) <= 8
    assert list(axis.ticks) == sorted(axis.ticks)
    assert all(0 <= axis.at(value) <= 100 for value in (*values, *axis.ticks))
    assert all(wording.tick(tick, axis.ticks) for tick in axis.ticks)


@given(finite, finite)
def test_a_step_axis_keeps_its_ends(a: float, b: float) -> None:
    low, high = sorted((a, b))
    axis = step_axis(low, high, 0, 100)
    assert all(-1e-6 <= axis.at(value) <= 100 + 1e-6 for value in (low, high, *axis.ticks))
    assert len(axis.ticks) <= 6


def test_ticks_are_round() -> None:
    assert value_axis([0.03, 0.29], 100, 0).ticks == (0.0, 0.1, 0.2, 0.3)
    assert [wording.tick(t, (0.5, 1.0, 1.5)) for t in (0.5, 1.0, 1.5)] == ["0.5", "1.0", "1.5"]
    assert step_axis(1, 300, 0, 100).ticks == (100, 200, 300)


def test_three_decades_make_a_logarithmic_axis() -> None:
    axis = value_axis([0.002, 50.0], 100, 0)
    assert axis.logarithmic
    assert axis.low == pytest.approx(0.001)
    assert axis.high == pytest.approx(100)
    assert axis.at(1.0) == pytest.approx(40)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.1725, "17.3\u00a0%"),
        (1.0, "100.0\u00a0%"),
        (0.0, "0.0\u00a0%"),
        (0.00049, "0.0\u00a0%"),
        (1e-7, "0.0\u00a0%"),
    ],
)
def test_percent(value: float, written: str) -> None:
    assert wording.percent(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.12345, "0.123"), (1234.5, "1,234"), (-0.5, "−0.500"), (300, "300"), (1e-7, "1.00e−07"), (0.0, "0")],
)
def test_number(value: float, written: str) -> None:
    assert wording.number(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0.4, "0.40"), (12.34, "12.3"), (61.75, "1 min 02"), (185, "3 min 05"), (7620, "2 h 07")]
)
def test_seconds(value: float, written: str) -> None:
    assert wording.seconds(value).replace("\u00a0", " ").startswith(written)


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((0.6, 0.552, 0.648), "A solves 60.0 points more than b (55.2 to 64.8), 400 paired tasks."),
        ((-0.1, -0.2, -0.05), "A solves 10.0 points fewer than b (5.0 to 20.0), 400 paired tasks."),
        ((0.01, -0.02, 0.04), "no clear difference"),
        ((0.01, None, None), "A solves 1.0 points more than b, 400 paired tasks."),
    ],
)
def test_comparisons_in_words(figures: tuple[float, float | None, float | None], words: str) -> None:
    difference, low, high = figures
    assert words in wording.sentence(ComparisonRow("A", "b", difference, low, high, None, 400))
