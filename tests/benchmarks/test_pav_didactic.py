"""The planted-sequence experiment: exact tables, and learning curves in small."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import pav_didactic
from learning.planted import DONE, END, LENGTH, LOST, NEXT, SEQUENCE, STATES, prover, prover_states, values, visits
from learning.planted_training import Setting, gradient, updates_needed
from learning.progress_plot import Panel, Point, progress_svg

from stepgym.agents.progress import prover_report
from stepgym.agents.statistics import Interval

# gamma: V(start), and A(start, .) of the token 3, of any other token, of the end.
EXACT = {
    1: (0.000007, 0.000019, -0.000001, -0.000007),
    5: (0.005395, 0.002994, -0.000737, -0.005395),
    8: (0.024487, 0.008381, -0.003274, -0.024487),
    10: (0.045524, 0.012339, -0.005990, -0.045524),
    15: (0.118103, 0.020757, -0.014866, -0.118103),
    30: (0.362619, 0.029239, -0.039582, -0.362619),
    100: (0.815088, 0.015004, -0.052718, -0.815088),
    1000: (0.992650, 0.001125, -0.010198, -0.992650),
}


@pytest.mark.parametrize("gamma", EXACT)
def test_values_and_advantages_at_the_start(gamma: float) -> None:
    found = values(prover(gamma))
    right, *others = found.advantages[0, 0, [3, 0, 1, 2, *range(4, END)]]
    v, a_right, a_other, a_end = EXACT[gamma]
    assert found.v[0, 0] == pytest.approx(v, abs=5.1e-7)
    assert right == pytest.approx(a_right, abs=5.1e-7)
    assert others == pytest.approx([a_other] * 13, abs=5.1e-7)
    assert found.advantages[0, 0, END] == pytest.approx(a_end, abs=5.1e-7)


def test_advantages_of_the_last_token() -> None:
    found = [values(prover(gamma)).advantages[4, 4, 5] for gamma in (5, 8, 10, 15, 100)]
    assert found == pytest.approx([0.7349, 0.6301, 0.5732, 0.4613, 0.0615], abs=5e-5)


def test_the_automaton() -> None:
    assert [NEXT[k, token] for k, token in enumerate(SEQUENCE)] == [1, 2, 3, 4, DONE]
    assert [NEXT[k, 3] for k in range(STATES)] == [1, 1, 1, 4, 1]
    assert NEXT[4, 6] == 2, "...3 6 0 3 6 goes on as 3 6"
    assert set(NEXT[:, END]) == {LOST}
    assert NEXT[2, 6] == NEXT[1, 0] == 0


def test_values_are_those_of_texts_drawn_one_by_one() -> None:
    """The table against plain sampling of texts, with no automaton."""
    generator = np.random.default_rng(0)
    policy = prover(30)
    won = 0
    for _ in range(2_000):
        text: list[int] = []
        while len(text) < LENGTH and tuple(text[-5:]) != SEQUENCE:
            k = max(j for j in range(5) if tuple(text[len(text) - j :]) == SEQUENCE[:j])
            text.append(int(generator.choice(15, p=policy[k])))
            if text[-1] == END:
                break
        won += tuple(text[-5:]) == SEQUENCE
    assert won / 2_000 == pytest.approx(values(policy).v[0, 0], abs=0.043)


def test_what_the_provers_know_about_mu_5() -> None:
    reports = {g: prover_report(prover_states(prover(5), prover(g))) for g in (5, 10, 15, 100, 1000)}
    found = [report.variance for report in reports.values()]
    assert found == pytest.approx([0.00068, 0.00121, 0.00218, 0.0259, 0.0502], rel=0.005)
    found = [report.alignment for report in reports.values()]
    assert found == pytest.approx([0.00068, 0.00083, 0.00095, 0.00132, 0.00128], rel=0.007)
    assert reports[5].alignment == pytest.approx(reports[5].variance), "the policy as its own prover"
    assert reports[5].mean_advantage == pytest.approx(0, abs=1e-12)
    assert reports[1000].variance_inside < 0.6 * reports[1000].variance
    start = prover_report(prover_states(prover(5), prover(1000))[:1])
    assert start.variance_inside < 1e-3 * start.variance, "the strongest prover only fears the end"
    assert start.remarks[0].startswith("Nearly all of Var A comes from steps that end")


def test_thegradient_is_the_exact_one_in_the_mean() -> None:
    """grad = d(s) pi(a) (w - E w) with w = Q^pi + A^mu, from 400 batches of 64 texts."""
    policy = np.broadcast_to(prover(20), (LENGTH, STATES, 15))[None]
    bonus = values(prover(10)).advantages[None]
    generator = np.random.default_rng(0)
    drawn = np.stack([gradient(policy, bonus, generator.random((LENGTH, 1, 64)))[0] for _ in range(400)])
    weights = values(prover(20)).q + bonus[0]
    weights = weights - (policy[0] * weights).sum(-1, keepdims=True)
    exact = visits(prover(20))[..., None] * policy[0] * weights
    error = drawn.std(0) / np.sqrt(400)
    assert np.all(np.abs(drawn.mean(0) - exact) < 5 * error + 1e-4)


def test_provers_of_middle_strength_learn_fastest_with_adam() -> None:
    setting = Setting("Adam", 0.02, 5, 200)
    needed = updates_needed(setting, (None, 3, 10, 1000), (0, 1))
    assert needed.shape == (4, 2)
    outcome, weak, middle, strong = needed.mean(1)
    assert middle < weak < outcome < strong
    again = updates_needed(setting, (10,), (1,))
    assert again[0, 0] == needed[2, 1], "a run does not depend on its neighbours"


def test_sgd_from_a_weak_start_is_sped_up_and_gives_up_openly() -> None:
    needed = updates_needed(Setting("SGD", 3.0, 2, 400), (None, 10, 1000), (0, 1))
    assert needed[0].tolist() == [-1, -1], "the outcome alone is hardly ever seen"
    assert np.all(needed[2] < needed[1])
    assert np.all(needed[1] < 300)


@pytest.mark.slow
def test_the_bars() -> None:
    """Adam: the best prover is between 8 and 15. SGD from mu_2: 8 times fewer updates at gamma = 10."""
    strengths = (None, 3, 5, 8, 10, 15, 30, 100)
    needed = updates_needed(Setting("Adam", 1e-3, 5, 3_000), strengths, (0, 1)).mean(1)
    assert strengths[int(needed.argmin())] in (8, 10, 15)
    order = dict(zip(strengths, needed, strict=True))
    assert order[None] > order[100] > order[10]
    assert needed == pytest.approx([1446, 1333, 1265, 1207, 1196, 1197, 1242, 1343], rel=0.03)
    outcome, ten = updates_needed(Setting("SGD", 3.0, 2, 20_000), (None, 10), (0, 1, 2)).mean(1)
    assert outcome >= 8 * ten


def test_the_command_in_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ((Setting("SGD", 3.0, 5, 60), (None, 10, 100)), (Setting("Adam", 0.02, 5, 85), (None, 5, 10)))
    monkeypatch.setattr(pav_didactic, "SETTINGS", small)
    monkeypatch.setattr(sys, "argv", ["pav_didactic.py", "--seeds", "0", "1", "--out", str(tmp_path / "p.svg")])
    pav_didactic.main()
    printed = capsys.readouterr().out
    assert "SGD, step 3, from mu_5, batch 64, updates to 50 %" in printed
    assert "2 seeds never" in printed
    root = ElementTree.parse(tmp_path / "p.svg").getroot()
    words = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"SGD, step 3, from μ5", "Adam, step 0.02, from μ5"} <= words


def test_the_plot_shows_optimiser_start_and_every_prover() -> None:
    points = [Point(3, Interval(90, 80, 100)), Point(10, Interval(50, 45, 55)), Point(1000, Interval(20, 19, 21))]
    panels = [Panel("Adam, from μ5", points, Interval(130, 120, 140)), Panel("SGD & more", points, None)]
    root = ElementTree.fromstring(progress_svg(panels, title="Updates <half>", note="ten seeds"))
    space = "{http://www.w3.org/2000/svg}"
    words = {text.text for text in root.iter(f"{space}text")}
    assert {"Adam, from μ5", "SGD & more", "Updates <half>", "ten seeds", "1000"} <= words
    circles = [(float(c.get("cx", 0)), float(c.get("cy", 0))) for c in root.iter(f"{space}circle")]
    assert len(circles) == 6
    assert circles[0][0] < circles[1][0] < circles[2][0]
    assert circles[0][1] < circles[1][1] < circles[2][1], "fewer updates stand lower"
