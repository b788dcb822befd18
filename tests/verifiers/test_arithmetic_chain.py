from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.envs import task_from_id
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verdict, check_verifier, get_verifier
from stepgym.verifiers.arithmetic_chain import ArithmeticChainVerifier, Chain

QUESTION = task_from_id("chain/7/3+4+1+2+6").reference
RIGHT = "3+4=0\n0+1=1\n1+2=3\n3+6=2\nanswer 2"


def verify(response: str, reference: object = QUESTION) -> Verdict:
    return ArithmeticChainVerifier().verify(response, reference)


def test_a_worked_solution_is_proved_line_by_line() -> None:
    verdict = verify(RIGHT)
    assert verdict.status == "correct"
    assert verdict.score == 1.0
    assert [f.severity for f in verdict.findings] == ["proved"] * 5
    spans = [RIGHT[f.start : f.end] for f in verdict.findings]
    assert spans == ["3+4=0", "0+1=1", "1+2=3", "3+6=2", "2"]
    assert verdict.findings[0].evidence == {"left": "3+4", "modulus": 7, "claimed": 0, "exact": 0}


@pytest.mark.parametrize("response", ["answer 2", "2", " 2 \n", "= 2", "Answer: 2.", "thinking...\nanswer 2\n", "2."])
def test_a_bare_answer_is_enough(response: str) -> None:
    assert verify(response).status == "correct"


@pytest.mark.parametrize(
    "response",
    ["", "answer", "answer 3", "answer 9", "answer -5", "3+6=2", "the 2", "answer 2 or 3", "answer 2\nanswer 3", "²"],
)
def test_other_answers_are_wrong(response: str) -> None:
    verdict = verify(response)
    assert verdict.status == "wrong"
    assert verdict.score == 0.0
    assert verdict.reason


def test_the_last_answer_counts() -> None:
    assert verify("answer 3\nanswer 2").status == "correct"


def test_a_wrong_line_is_refuted_with_the_exact_value() -> None:
    response = "3+4=1\n1+1=2\n2+2=4\n4+6=3\nanswer 3"
    verdict = verify(response)
    first, *others, last = verdict.findings
    assert (first.kind, first.severity, response[first.start : first.end]) == ("arithmetic", "refuted", "3+4=1")
    assert first.evidence == {"left": "3+4", "modulus": 7, "claimed": 1, "exact": 0}
    # the lines that follow are consistent with what they start from
    assert [f.severity for f in others] == ["proved"] * 3
    assert last.evidence == {"claimed": 3, "exact": 2, "modulus": 7}
    assert verdict.reason == "3+4 mod 7 is 0, not 1"


def test_the_verdict_depends_on_the_answer_alone() -> None:
    verdict = verify("3+4=1\nanswer 2")
    assert verdict.status == "correct"
    assert verdict.findings[0].severity == "refuted"
    assert "worked lines are refuted: 1" in verdict.reason


@pytest.mark.parametrize(
    ("line", "span", "evidence"),
    [
        ("4+4=1", "4", {"expected": 3, "found": 4}),  # not the first operand
        ("3+5=1", "5", {"expected": 4, "found": 5}),  # not the next operand
        ("3*4=5", "*", {"expected": "+", "found": "*"}),
    ],
)
def test_an_operand_that_is_not_the_questions_is_refuted(line: str, span: str, evidence: dict[str, object]) -> None:
    finding = verify(f"{line}\nanswer 2").findings[0]
    assert (finding.kind, finding.severity, finding.evidence) == ("wrong-operand", "refuted", evidence)
    assert f"{line}\nanswer 2"[finding.start : finding.end] == span


def test_a_left_operand_that_is_not_the_previous_result_is_refuted() -> None:
    finding = verify("3+4=0\n1+1=2\nanswer 2").findings[1]
    assert (finding.kind, finding.evidence) == ("wrong-operand", {"expected": 0, "found": 1})


def test_lines_beyond_the_question_are_a_warning() -> None:
    findings = verify("3+4=0\n0+1=1\n1+2=3\n3+6=2\n2+0=2\nanswer 2").findings
    assert [f.severity for f in findings] == ["proved"] * 4 + ["warning", "proved"]


def test_findings_are_in_order_when_lines_follow_the_answer() -> None:
    findings = verify("answer 2\n3+4=0").findings
    assert [f.kind for f in findings] == ["final-answer", "arithmetic"]


def test_windows_line_ends_and_spaces_are_read() -> None:
    verdict = verify("3 + 4 = 0\r\n 0+1=1\t\r\nanswer 2\r\n")
    assert [f.severity for f in verdict.findings] == ["proved"] * 3


def test_without_a_modulus_results_may_be_negative_and_large() -> None:
    task = task_from_id("chain/int/3-9*1000000000*1000000000")
    assert task.reference["answer"] == -6 * 10**18
    response = (
        "3-9=-6\n-6*1000000000=-6000000000\n-6000000000*1000000000=-6000000000000000000\nanswer -6000000000000000000"
    )
    verdict = verify(response, task.reference)
    assert verdict.status == "correct"
    assert all(f.severity == "proved" for f in verdict.findings)


@pytest.mark.parametrize(
    "reference",
    [
        None,
        "2",
        {},
        {"operands": [3], "operations": ""},
        {"operands": [3, "4"], "operations": "+"},
        {"operands": [3, True], "operations": "+"},
        {"operands": [3, 4], "operations": "/"},
        {"operands": [3, 4], "operations": "++"},
        {"operands": [3, 4], "operations": "+", "modulus": 1},
        {"operands": [3, 4], "operations": "+", "modulus": 7, "answer": 1},
        {"operands": [3, 10**10], "operations": "+"},
        {"operands": [1] * 65, "operations": "+" * 64},
    ],
)
def test_a_reference_of_another_form_is_refused(reference: object) -> None:
    with pytest.raises(InvalidInputError):
        verify("answer 2", reference)


@pytest.mark.parametrize(
    "response",
    [
        "9" * 1_000_000,
        "answer " + "9" * 1_000_000,
        "answer " + " " * 1_000_000 + "x",
        " " * 1_000_000,
        "3+4=0\n" * 200_000,
        "3 + 4 =" + " " * 1_000_000,
        "answer\n" * 150_000,
        "\n" * 1_000_000,
        "\ud800\x00\u202e",
        "٢",
        "answer ２",
    ],
)
def test_hostile_text_is_judged_quickly(response: str) -> None:
    begun = time.process_time()
    assert verify(response).status == "wrong"
    assert time.process_time() - begun < 2.0


@given(st.text(alphabet="0123456789+-*= \n\rmodansweri.:", max_size=200))
def test_any_text_gets_the_same_verdict_twice_and_spans_inside_it(response: str) -> None:
    verdict = verify(response)
    assert verdict == verify(response)
    assert verdict.status in ("correct", "wrong")
    assert all(0 <= f.start <= f.end <= len(response) for f in verdict.findings)
    assert [f.start for f in verdict.findings] == sorted(f.start for f in verdict.findings)


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=12),
    st.integers(2, 60) | st.none(),
    st.data(),
)
def test_chains_agree_with_plain_arithmetic(operands: list[int], modulus: int | None, data: st.DataObject) -> None:
    operations = "".join(data.draw(st.sampled_from("+-*")) for _ in operands[1:])
    chain = Chain(tuple(operands), operations, modulus)
    # one nested expression, reduced once at the end: another route to the same number
    value = operands[0]
    for operation, operand in zip(operations, operands[1:], strict=True):
        value = {"+": value + operand, "-": value - operand, "*": value * operand}[operation]
    expected = value if modulus is None else value % modulus
    assert chain.partial_results()[-1] == expected
    assert verify(f"answer {expected}", chain.to_reference()).status == "correct"
    assert verify(f"answer {expected + 1}", chain.to_reference()).status == "wrong"
    assert Chain.from_reference(chain.to_reference()) == chain


def test_it_is_found_by_name() -> None:
    assert isinstance(get_verifier("arithmetic-chain"), ArithmeticChainVerifier)


def test_it_keeps_the_promises_of_a_verifier() -> None:
    cases = [
        {"response": RIGHT, "reference": QUESTION, "expected": "correct"},
        {"response": "answer 2", "reference": QUESTION, "expected": "correct"},
        {"response": "3+4=1\n1+1=2\n2+2=4\n4+6=3\nanswer 3", "reference": QUESTION, "expected": "wrong"},
        {"response": "3+6=2", "reference": QUESTION, "expected": "wrong"},
    ]
    scorecard = check_verifier(ArithmeticChainVerifier(), cases)
    assert scorecard.agreed == scorecard.cases == 4
    assert scorecard.hostile_accepted == ()
