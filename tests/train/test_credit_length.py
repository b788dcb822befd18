"""A 0/1 vector inside an undiscounted return rewards length: measured on brackets of two kinds.

Tokens `( ) [ ]` and an end token, at most 10. Right: balanced, ended, 4 to 8 brackets, at least one `[`. The policy is
a softmax table, trained by REINFORCE with Adam and a mean baseline per position; `ResponseCredit.weights` gives what
multiplies the gradients. The page docs/credit.md shows the table printed by
`python tests/train/test_credit_length.py`.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
import pytest

from stepgym.train.credit import CreditConfig, CreditWarning, ResponseCredit, credit_spans
from stepgym.verifiers import Finding, Verdict

BRACKETS = "()[]"
END = 4
LIMIT = 10


def check_brackets(text: str, ended: bool) -> Verdict:
    """Matched brackets are proved, others refuted; an ended, balanced text without `[` or of wrong length is fatal."""
    open_at: list[int] = []
    matched = set()
    for i, c in enumerate(text):
        if c in "([":
            open_at.append(i)
        elif open_at and text[open_at[-1]] + c in ("()", "[]"):
            matched |= {open_at.pop(), i}
    findings = [Finding(i, i + 1, "bracket", "proved" if i in matched else "refuted") for i in range(len(text))]
    if len(matched) < len(text):
        return Verdict.wrong(*findings)
    if not ended:
        return Verdict.wrong(*findings, reason="not ended")
    if "[" not in text or not 4 <= len(text) <= 8:
        return Verdict.wrong(*findings, Finding(0, len(text), "form", "fatal"))
    return Verdict.correct(*findings)


def credit_of(ids: tuple[int, ...], config: CreditConfig) -> ResponseCredit:
    ended = ids[-1:] == (END,)
    text = "".join(BRACKETS[i] for i in ids if i != END)
    spans = [(i, i + 1) for i in range(len(text))] + [(len(text), len(text))] * ended
    return credit_spans(check_brackets(text, ended), spans, ended=ended, config=config)


def train(config: CreditConfig, *, outcome: bool, seed: int, iterations: int = 400) -> tuple[float, float, float]:
    """Accuracy at iterations 50 to 100, and accuracy and length over the last 50 (of `iterations`)."""
    rng = np.random.default_rng(seed)
    shape = (LIMIT, 3, 5, 2)  # position, open bracket on top, depth up to 4, whether `[` was seen
    table = np.zeros((int(np.prod(shape)), 5))
    first, second = np.zeros_like(table), np.zeros_like(table)
    accuracy, lengths = [], []

    @lru_cache(maxsize=100_000)
    def judged(ids: tuple[int, ...]) -> tuple[np.ndarray, bool]:
        credit = credit_of(ids, config)
        return credit.weights(float(bool(credit.right)) if outcome else 0.0), bool(credit.right)

    for iteration in range(iterations):
        rows = [[] for _ in range(64)]
        written: list[list[int]] = [[] for _ in range(64)]
        stacks: list[list[int]] = [[] for _ in range(64)]
        for position in range(LIMIT):
            alive = [i for i in range(64) if END not in written[i]]
            if not alive:
                break
            states = []
            for i in alive:
                top = 1 + stacks[i][-1] // 2 if stacks[i] else 0
                states.append(
                    int(np.ravel_multi_index((position, top, min(len(stacks[i]), 4), int(2 in written[i])), shape))
                )
            chances = np.exp(table[states])
            chances = (chances / chances.sum(-1, keepdims=True)).cumsum(-1)
            chosen = (rng.random((len(alive), 1)) > chances).sum(-1).clip(max=4)
            for i, state, token in zip(alive, states, chosen.tolist(), strict=True):
                rows[i].append(state)
                written[i].append(token)
                if token in (0, 2):
                    stacks[i].append(token)
                elif token != END and stacks[i] and stacks[i][-1] == token - 1:
                    stacks[i].pop()
        found = [judged(tuple(w)) for w in written]
        accuracy.append(np.mean([right for _, right in found]))
        lengths.append(np.mean([len(w) for w in written]))

        length = np.asarray([len(w) for w in written])
        alive_at = np.arange(LIMIT) < length[:, None]  # (batch, positions), as the weights
        weights = np.zeros(alive_at.shape)
        weights[alive_at] = np.concatenate([w for w, _ in found])
        weights -= weights.sum(0) / alive_at.sum(0).clip(min=1)
        flat_rows, flat_tokens = np.concatenate(rows).astype(int), np.concatenate(written).astype(int)
        advantage = weights[alive_at][:, None] / 64
        policy = np.exp(table[flat_rows])
        policy /= policy.sum(-1, keepdims=True)
        gradient = np.zeros_like(table)
        np.add.at(gradient, flat_rows, advantage * (np.eye(5)[flat_tokens] - policy))
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        size = 0.05 / (1 - 0.9 ** (iteration + 1))
        table += size * first / (np.sqrt(second / (1 - 0.999 ** (iteration + 1))) + 1e-8)
    return float(np.mean(accuracy[50:100])), float(np.mean(accuracy[-50:])), float(np.mean(lengths[-50:]))


def vector(mode: str, *, shift: float = 0.0, weight: float = 1.0) -> CreditConfig:
    """The 0/1 vector of the paper, moved by `shift`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CreditWarning)
        return CreditConfig(mode, good=1.0 + shift, unknown=1.0 + shift, bad=shift, weight=weight)


ROWS = {
    "outcome alone": (vector("local", weight=0.0), True),
    "mean of the vector as scalar": (vector("scalar_mean"), False),
    "local": (vector("local"), False),
    "local, vector - 1, plus outcome": (vector("local", shift=-1.0), True),
    "local, +1 / 0 / -1, plus outcome (the default entries)": (CreditConfig(weight=1.0), True),
    "return to go": (vector("return_to_go"), False),
    "return to go, vector - 1": (vector("return_to_go", shift=-1.0), False),
}


def test_return_to_go_warns_and_the_default_does_not():
    with pytest.warns(CreditWarning, match="rewards length"):
        CreditConfig(mode="return_to_go")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CreditConfig()
        CreditConfig(mode="scalar_mean")


def test_return_to_go_of_a_0_1_vector_never_stops():
    _, accuracy, length = train(ROWS["return to go"][0], outcome=False, seed=0, iterations=200)
    assert accuracy < 0.02
    assert length > 9.5


def test_return_to_go_of_penalties_stops_at_once():
    _, accuracy, length = train(ROWS["return to go, vector - 1"][0], outcome=False, seed=0, iterations=200)
    assert accuracy < 0.02
    assert length < 1.1


def test_local_credit_with_the_outcome_solves_the_task():
    early, accuracy, length = train(CreditConfig(weight=1.0), outcome=True, seed=0, iterations=200)
    assert early > 0.7
    assert accuracy > 0.97
    assert length < 6


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_the_table(name: str):
    config, outcome = ROWS[name]
    _, accuracy, length = np.mean([train(config, outcome=outcome, seed=s) for s in (0, 1)], axis=0)
    if name.startswith("return to go"):
        assert accuracy < 0.01
        assert length > 9.9 if "- 1" not in name else length < 1.05
    else:
        assert accuracy > 0.9
        assert 4.9 < length < 6


if __name__ == "__main__":
    for name, (config, outcome) in ROWS.items():
        early, final, length = np.mean([train(config, outcome=outcome, seed=s) for s in (0, 1)], axis=0)
        print(f"| {name} | {early:.2f} | {final:.3f} | {length:.1f} |", flush=True)  # noqa: T201
