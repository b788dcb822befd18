"""What a report shows of episodes along which no value is known."""

from __future__ import annotations

from stepgym.agents import Episode, Step
from stepgym.cli.shown_episodes import MOST, shown_episodes
from stepgym.verifiers import Finding, Verdict

FOUND = Finding(0, 1, kind="arithmetic", severity="refuted", message="no")


def episode(name: str, verdict: Verdict | None, *, steps: int = 1) -> Episode:
    judged = () if verdict is None else (verdict,)
    outcome = None if verdict is None or verdict.status == "undecided" else verdict.score
    written = [Step(f"say {i}", f"{name} {i}", reward=0.0) for i in range(steps - 1)]
    last = Step("say", name, reward=0.0, terminated=True, verdicts=judged)
    return Episode(name, "test/Env-v0", name, (*written, last), outcome=outcome)


def test_each_kind_is_shown_and_certificates_come_first() -> None:
    wrong, right, open_ = Verdict.wrong(), Verdict.correct(), Verdict.undecided("no time")
    log = [episode(f"{word}{i}", v) for i in range(9) for word, v in (("w", wrong), ("r", right), ("u", open_))]
    log += [episode("pointed", Verdict.wrong(FOUND), steps=3), episode("nobody judged it", None)]
    shown = shown_episodes(log)
    assert [line["text"] for line in shown[:MOST]] == ["pointed", "w0", "w1", "w2"]
    assert [line["text"] for line in shown[MOST:]] == [f"{word}{i}" for word in "ru" for i in range(MOST)]
    assert [line["outcome"] for line in shown] == [0.0] * MOST + [1.0] * MOST + [None] * MOST
    assert shown[0]["prompt"] == "say"
    assert [f["kind"] for f in shown[0]["findings"]] == ["arithmetic"]
    assert all(line["values"] == line["tokens"] == [] for line in shown)


def test_undecided_episodes_do_not_push_wrong_ones_out() -> None:
    log = [episode(f"u{i}", Verdict.undecided("no time")) for i in range(20)] + [episode("w", Verdict.wrong())]
    assert shown_episodes(log)[0]["text"] == "w"
    assert shown_episodes([]) == []
