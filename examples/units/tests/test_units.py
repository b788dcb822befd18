"""Run with `pytest` after `pip install -e .`: both conformance checks, and one question answered three ways."""

import gymnasium
import pytest
import stepgym_units  # noqa: F401 - registers the id
from stepgym_units.verifier import UnitVerifier

from stepgym.envs import check_text_env
from stepgym.verifiers import check_verifier

CASES = [
    {"response": "so \\boxed{45 m}", "reference": "45 m", "expected": "correct"},
    {"response": "so \\boxed{45.0 m}", "reference": "45 m", "expected": "correct"},
    {"response": "so \\boxed{45 s}", "reference": "45 m", "expected": "wrong"},
    {"response": "so \\boxed{45}", "reference": "45 m", "expected": "wrong"},
    {"response": "so \\boxed{44 m}", "reference": "45 m", "expected": "wrong"},
    {"response": "45 m", "reference": "45 m", "expected": "wrong"},
]


def test_the_environment_keeps_its_promises():
    """Gymnasium's promises and those of stepgym; the report is a table."""
    print(check_text_env(gymnasium.make("units/Quantities-v0")))


def test_the_verifier_keeps_its_promises():
    """Labels, hostile text, determinism and time; the scorecard is a table."""
    print(check_verifier(UnitVerifier(), CASES))


@pytest.mark.parametrize(
    ("action", "reward", "kind"),
    [("it falls \\boxed{45 m}", 1.0, "quantity"), ("\\boxed{3 s}", 0.0, "unit"), ("\\boxed{30 m}", 0.0, "number")],
)
def test_an_answer(action, reward, kind):
    """Right, wrong unit, wrong number."""
    env = gymnasium.make("units/Quantities-v0")
    env.reset(options={"task": "units-0001"})
    _, got, terminated, truncated, info = env.step(action)
    assert (got, terminated, truncated) == (reward, True, False)
    assert info["verdict"].findings[0].kind == kind
