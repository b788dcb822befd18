from __future__ import annotations

import itertools
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.verifiers import ExactMatchVerifier, MathStepsVerifier, check_finding, check_verifier, from_function
from stepgym.verifiers.steps import check_steps

NATALIA = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)


def severities(text: str, kind: str = "calculation") -> list[str]:
    return [finding.severity for finding in check_steps(text) if finding.kind == kind]


def test_a_worked_solution_with_annotations():
    good = "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\nIn all 48+24 = <<48+24=72>>72 clips.\n#### 72"
    verdict = MathStepsVerifier().verify(good, None, context=NATALIA)
    assert verdict.status == "correct"
    assert {f.severity for f in verdict.findings} == {"proved"}
    spans = [good[f.start : f.end] for f in verdict.findings if f.kind == "calculation"]
    assert spans == ["48/2 = <<48/2=24>>24", "48/2=24", "48+24 = <<48+24=72>>72", "48+24=72"]


def test_a_wrong_step_is_refuted_at_its_place_with_a_checkable_value():
    text = "She sold 48 / 2 = 25 clips in May.\nIn all 48 + 25 = 73."
    verdict = MathStepsVerifier().verify(text, None)
    assert verdict.status == "wrong"
    assert verdict.reason == "48/2 is 24, not 25"
    wrong = [f for f in verdict.findings if f.severity == "refuted"]
    assert [text[f.start : f.end] for f in wrong] == ["48 / 2 = 25"]
    assert wrong[0].evidence["left_value"] == "24"
    assert check_finding(wrong[0], text, None)


@pytest.mark.parametrize(
    "text",
    [
        "48 / 2 = 24 clips",
        "5 apples + 3 apples = 8 apples",
        "She earns $12/hour * 3 hours = $36.",
        "0.2 x 50 = $10",
        "4 + 5 = 9 - 2 = 7",  # a chain that goes on from its result
        "20% of 80 = 16",
        "2/3 of 60 is left, so 2/3 of 60 = 40",
        "10 / 3 = 3.33",
        "200 / 3 = 66.67",
        "10/3 ≈ 3.3",
        "1,000 * 3 = 3,000",
        "80,000*.5=40000.0",
        "100 - 20% = 80",
        "50 * 20% = 10",
        "3/4 = 75%",
        "2^10 = 1024",
        "(5 + 3) * 2 = 16",
        "5(3 + 1) = 20",
        "7/2 = 3 1/2",
        "4 / 3 = 1 and 1/3",
        "25 / 1/5 = 125",
        "3 × 4 = 12, 12 ÷ 4 = 3 and 9 − 4 = 5",
        r"\frac{1}{2} \times 8 = 4",
        r"\( 5 \cdot 3 = 15 \)",
        "- 5 + 3 = 8",  # a bullet, not a sign
        "1. 5 + 3 = 8",
        "**5 + 3 = 8**",
        "5 plus 3 equals 8",
        "She needs 4 + 3 = 7 and so on.",
    ],
)
def test_right_calculations_are_never_refuted(text):
    assert "refuted" not in severities(text), check_steps(text)
    assert severities(text), "nothing was read"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("48 / 2 = 25 clips", "48 / 2 = 25"),
        ("5 apples + 3 apples = 9 apples", "5 apples + 3 apples = 9"),
        ("so 2 * 3 = 6 = 7", "6 = 7"),
        ("2 + 2 = 4 + 1 = 6", "4 + 1 = 6"),
        ("$12/hour * 3 hours = $35", "12/hour * 3 hours = $35"),
        ("<<48/2=25>>25", "48/2=25"),
        ("<<100/5/2=11>>11", "100/5/2=11"),
        ("10 / 3 = 3.34", "10 / 3 = 3.34"),
        ("0.79 + 0 = 0.7", "0.79 + 0 = 0.7"),
        ("20% of 80 = 17", "20% of 80 = 17"),
        ("It runs 4*7=280 hours a week", "4*7=280"),
        ("(5 + 3) * 2 = 17", "(5 + 3) * 2 = 17"),
    ],
)
def test_wrong_calculations_are_refuted_at_their_place(text, span):
    refuted = [f for f in check_steps(text) if f.severity == "refuted"]
    assert [text[f.start : f.end] for f in refuted] == [span]
    assert all(check_finding(f, text, None) for f in refuted)


@pytest.mark.parametrize(
    "text",
    [
        "x + 3 = 10",
        "2x + 3 = 9x",
        "5 + 3 + x = 20",
        "the 5 friends = 75 / 15",
        "at 6:00 + 18 = 2",
        "he has 24 = two dozen",
        "f(3) + 2 = 9",
        r"\sqrt{16 + 9} = 5",
        r"= 2\sqrt{5}",
        r"\frac{x}{2} + 1 = 0",
        "Total - 5 - 3 = 2",
        "half of 10 + 5 = 10",
        "(a + 3) + 5 = 9",
        "4! + 1 = 25",
        r"b^2-4ac=400-4ac=0",
        "18 000 / 2 = 9 000",
        "1/0 + 2 = 5",
        "2^9999999 = 1",
        "9" * 40 + " + 1 = 2",
        "(" * 30 + "1 + 1" + ")" * 30 + " = 3",
    ],
)
def test_what_cannot_be_read_in_full_is_not_judged(text):
    assert not {"proved", "refuted"} & set(severities(text)), check_steps(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("$0.25/glass x 10 glasses = 250 cents", "units"),
        ("3 * 4 = 12 * 60 = 720", "goes on from the result"),
        ("100 / 3 = 33 stickers each", "whole number"),
        ("2 + 4 = 72 if counted in dozen, 36 / 12 = 36 dozen", "a word beside"),
        ("8 / 2 / 2 = 8", "grouped otherwise"),
        ("4 pounds - 6 ounces = 58 ounces", "mixes units"),
    ],
)
def test_mismatches_with_an_innocent_reading_are_warnings(text, why):
    warnings = [f for f in check_steps(text) if f.severity == "warning"]
    assert any(why in f.message for f in warnings), check_steps(text)


def test_a_copied_result_must_be_the_annotations():
    text = "48/2 = <<48/2=24>>42 clips"
    copied = [f for f in check_steps(text) if f.kind == "copied-result"]
    assert [(text[f.start : f.end], f.severity) for f in copied] == [("42", "refuted")]
    assert check_finding(copied[0], text, None)
    for fine in ("<<48/2=24>>24", "<<10/3=3.3333333333>>3.33", "$<<1200*2=2400>>2,400", "<<1/4=0.25>>25%"):
        assert not [f for f in check_steps(fine) if f.kind == "copied-result"], fine


def test_numbers_from_nowhere_are_warned_of_once_and_only_with_a_question():
    text = "48 + 17 = 65, 65 - 17 = 48"
    verdict = MathStepsVerifier().verify(text, None, context=NATALIA)
    warned = [f for f in verdict.findings if f.kind == "origin"]
    assert [(text[f.start : f.end], f.severity) for f in warned] == [("17", "warning")]
    assert verdict.status == "correct"
    assert not [f for f in check_steps(text) if f.kind == "origin"]


@pytest.mark.parametrize("question", ["seventeen", "There are 17.", "17%", "twenty-five and 17"])
def test_numbers_of_the_question_count_in_words_too(question):
    assert not [f for f in check_steps("48 - 17 = 31", question + " and 48") if f.kind == "origin"]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("3 * 4 = 12\n#### 12", "proved"),
        ("3 * 4 = 12\nThe answer is 13", "warning"),
        ("3 * 4 = 12\n12 - 2 = 10\n\\boxed{12}", "warning"),
        ("100 / 3 = 33.33\n#### 33", "proved"),
        ("3 * 4 = 12.5\nA: $12.50", "proved"),
    ],
)
def test_the_final_line_against_the_last_result(text, severity):
    closing = [f for f in check_steps(text) if f.kind == "final-line"]
    assert [f.severity for f in closing] == [severity]


def test_status_with_a_reference_is_that_of_the_answer_unless_a_step_is_refuted():
    last = from_function(lambda response, reference: response.split()[-1] == reference, name="last/1")
    steps = MathStepsVerifier(answer=last)
    assert steps.verify("3 * 4 = 12\n#### 12", "12").status == "correct"
    assert steps.verify("3 * 4 = 12\n#### 12", "13").status == "wrong"
    assert steps.verify("3 * 4 = 13\n#### 12", "12").status == "wrong"
    assert steps.verify("so it is 12", "12").status == "correct"


def test_without_reference_and_calculation_nothing_is_decided():
    verdict = MathStepsVerifier().verify("It is twelve.", None)
    assert verdict.status == "undecided"
    assert verdict.reason == "no calculation that can be checked"
    assert MathStepsVerifier().verify("1 + 1 = 2\n" * 10_000, None).status == "undecided"


def test_the_default_answer_verifier_judges_the_final_answer():
    verdict = MathStepsVerifier().verify("48 / 2 = 24\n#### 24", "24")
    assert verdict.status == "correct"


def test_conformance():
    cases = [
        {"response": "48 / 2 = 24", "reference": None, "expected": "correct"},
        {"response": "48 / 2 = 25", "reference": None, "expected": "wrong"},
        {"response": "none", "reference": None, "expected": "undecided"},
    ]
    card = check_verifier(MathStepsVerifier(answer=ExactMatchVerifier()), cases)
    assert card.agreed == 3


number = st.integers(0, 9999)
operator = st.sampled_from(["+", "-", "*"])


@given(st.lists(number, min_size=2, max_size=6), st.lists(operator, min_size=5, max_size=5), st.integers(-50, 50))
def test_any_chain_of_operations_is_decided_exactly(numbers, operators, error):
    expression = str(numbers[0])
    for sign, n in zip(operators, numbers[1:], strict=False):
        expression += f" {sign} {n}"
    value = eval(expression)  # noqa: S307 (made by this test from integers and three signs)
    text = f"we get <<{expression}={value + error}>>"
    assert severities(text) == ["refuted" if error else "proved"]
    assert all(check_finding(f, text, None) for f in check_steps(text))


@given(st.text(alphabet="0123456789+-*/x=().,%$<> \n\\{}^abof", max_size=80), st.text(max_size=20))
def test_any_text_gets_findings_that_lie_in_it_and_hold(text, question):
    findings = check_steps(text, question)
    assert [f.start for f in findings] == sorted(f.start for f in findings)
    for finding in findings:
        assert finding.end <= len(text)
        assert check_finding(finding, text, None), finding
        json.dumps(finding.to_dict())


def test_planted_errors_in_sentences_are_found_where_they_are():
    random_ = random.Random(0)
    phrases = ["She has {} apples left.", "That makes ${} in total", "so {} of them remain, he says.", "It is {}."]
    missed = 0
    for phrase, _ in itertools.product(phrases, range(100)):
        a, b = random_.randint(2, 500), random_.randint(2, 90)
        sign = random_.choice("+-*x")
        value = a + b if sign == "+" else a - b if sign == "-" else a * b
        wrong = value + random_.choice([-10, -2, -1, 1, 2, 10, 100])
        text = phrase.format(f"{a} {sign} {b} = {wrong}")
        refuted = [f for f in check_steps(text) if f.severity == "refuted"]
        missed += not any(text[f.start : f.end].endswith(str(abs(wrong))) for f in refuted)
    assert missed <= 2
