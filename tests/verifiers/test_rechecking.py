from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.errors import UnknownNameError
from stepgym.verifiers import (
    ArithmeticChainVerifier,
    ExactMatchVerifier,
    Finding,
    Game24Verifier,
    MathAnswerVerifier,
    MathStepsVerifier,
    check_finding,
)
from stepgym.verifiers.steps.reckon import reckon

CHAIN = {"operands": [3, 4, 5], "operations": "+*", "modulus": 7}
JUDGED = [
    (ExactMatchVerifier(), "yes", ["no", "yes"]),
    (ExactMatchVerifier(), "maybe", ["no", "yes"]),
    (MathStepsVerifier(), "48/2 = <<48/2=24>>25 clips, 20% of 80 = 17, 10/3 = 3.33\n#### 25", None),
    (MathStepsVerifier(), "48/2 = 24\n#### 24", "24"),
    (Game24Verifier(), "8 / 8 = 1 (left: 1 4 7)\nAnswer: (7 - 8/8) * 4", [4, 7, 8, 8]),
    (Game24Verifier(), "8 - 8 = 0 (left: 0 4 7)\nAnswer: 7 * 8 - 4 * 8", [4, 7, 8, 8]),
    (Game24Verifier(), "(7 - 8) * 4", [4, 7, 8, 8]),
    (ArithmeticChainVerifier(), "3+4=0\n0*5=0\nanswer 0", CHAIN),
    (ArithmeticChainVerifier(), "3+4=1\n1*5=5\nanswer 5", CHAIN),
    (ArithmeticChainVerifier(), "4+4=1\n1+5=6\nanswer 6", CHAIN),
    (MathAnswerVerifier(), r"so \boxed{\frac{1}{2}}", "0.5"),
    (MathAnswerVerifier(), r"so \boxed{x+1}", "x-1"),
]


@pytest.mark.parametrize(("verifier", "response", "reference"), JUDGED)
def test_every_finding_of_a_built_in_verifier_holds(verifier, response, reference):
    findings = verifier.verify(response, reference).findings
    assert findings
    for finding in findings:
        assert check_finding(finding, response, reference), finding


@pytest.mark.parametrize(("verifier", "response", "reference"), JUDGED)
def test_a_claim_turned_round_does_not_hold(verifier, response, reference):
    turned = {"proved": "refuted", "refuted": "proved"}
    checked = ("calculation", "arithmetic", "value", "final-answer", "exact-match", "line-arithmetic")
    for finding in verifier.verify(response, reference).findings:
        if finding.kind in checked and finding.severity in turned:
            lie = replace(finding, severity=turned[finding.severity])
            assert not check_finding(lie, response, reference), lie


def test_evidence_must_be_about_the_response():
    response = "48 / 2 = 24"
    finding = MathStepsVerifier().verify(response, None).findings[0]
    assert check_finding(finding, response, None)
    assert not check_finding(finding, "48 / 2 = 25", None)
    assert not check_finding(finding, "48 / 2", None)


def test_warnings_claim_nothing_and_unknown_kinds_are_refused():
    assert check_finding(Finding(0, 1, "anything", "warning"), "x", None)
    assert not check_finding(Finding(0, 2, "anything", "warning"), "x", None)
    with pytest.raises(UnknownNameError, match="'anything'"):
        check_finding(Finding(0, 1, "anything", "refuted"), "x", None)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2+3*4", 14), ("(2+3)*4", 20), ("-2^2", -4), ("8/4/2", 1), ("7//2", 3), ("2-(-3)", 5), (" 1 ", 1)],
)
def test_the_second_reckoner(text, value):
    assert reckon(text) == value


@pytest.mark.parametrize("text", ["", "1/0", "2+", "(1", "1)", "1 2", "x", "9^99999", "1e5", "2**3", "9" * 6000])
def test_the_second_reckoner_refuses_the_rest(text):
    assert reckon(text) is None


@given(st.text(alphabet="0123456789+-*/^(). ", max_size=30))
def test_the_second_reckoner_never_raises(text):
    value = reckon(text)
    assert value is None or value == value
