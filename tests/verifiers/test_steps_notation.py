"""Calculations in mathematical notation that look wrong and are not, and wrong ones that stay wrong."""

from __future__ import annotations

import pytest

from stepgym.verifiers import MathStepsVerifier, check_finding
from stepgym.verifiers.steps import check_steps


def refuted(text: str, question: str = "") -> list[str]:
    found = [f for f in check_steps(text, question) if f.severity == "refuted"]
    assert all(check_finding(f, text, None) for f in found)
    return [text[f.start : f.end] for f in found]


@pytest.mark.parametrize(
    "text",
    [
        "$1 - \\frac{1}{2} -\n\\frac{1}{5} = \\frac{3}{10}$",  # lines end with an operator
        "there are $7\\cdot 6\\cdot\n5\\cdot 4\\cdot 3 = 2520$ of them",
        "The perimeter is $2(12) - 2(2) = 24\n- 4 = \\boxed{20}$ inches.",
        "\\[2(12) - 2(2) = 24\n- 4 = 20\\]",
        "$5!+6!=5!(1+6)=2\\cdot3\\cdot4\\cdot5\\cdot7$",
        "$\\frac{1}{2}(3)(4) = 6=\\frac{1}{2}(PH)(5)$",
        "$(6)(10)=(12)(DM)$, so $DM = 5$",
        "$0 - 37 \\cdot 72 = -3 (m-1)$",
        "$324000+28800+2880 = 355\\boxed{680}$",
        "$\\frac{3+(-6)}{2}+\\frac{-4}{2}=-\\frac{3}{2}-\\boxed{2}$",
        "$\\frac{23}{9} = 2+0.\\overline{5}$",
        "$10^5 s = 279.\\overline{00279}$",
        "$107^{11}(109^5)^{11}=107^{11}109^{55}$",
        "$2^{2abcd} = 2^3$",
        "$88 \\text{ cm on map} : 15 \\cdot 88 \\text{ km in reality} =88 \\text{ cm on map} : 1320 \\text{ km}$",
        "because .8 + . 84 + .82 = 2.46",
        "i.e. 0900-0130 = 0730 hours",
    ],
)
def test_what_reaches_beyond_what_can_be_read_is_not_judged(text):
    assert refuted(text) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a $6-8-10 = 3-4-5$ triangle", "lists with hyphens"),
        ("the factor $\\frac{7\\text{ knicks}}{2\\text{ knacks}} = 1$", "converts units"),
        ("$-22 + 2g + 12 = 0$", "a letter"),
        ("since $10+3\\approx 12$", "only about"),
        ("\\[500 \\div 13=13 \\cdot 38+6.\\]", "remainder"),
        ("we get $1^2 + 2 = 2^2 + 2$, which simplifies to a contradiction", "rejects"),
    ],
)
def test_readings_of_mathematical_notation_are_warnings(text, why):
    findings = check_steps(text)
    assert any(why in f.message for f in findings if f.severity == "warning"), findings
    assert refuted(text) == []


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("If $a*b=a^2+ab-b^2$, find $3*2$.", "$3*2=3^2+3\\cdot 2-2^2=9+6-4=11$"),
        ("Given $(a)$ x $(b) = a^2 + 2ab + b^2$, what is it?", "$(3)$ x $(5) = (3 + 5)^2 = 64$"),
        ("If $*$ represents an operation defined by $a*b=a^b+b$, find $(1*2)*3$.", "$(1*2)*3=(1^2+2)*3=3*3=3^3+3=30$"),
        ("Find the units digit of $n$.", "we find that $7 \\cdot 3 = 1$"),
        ("Solve $24x \\equiv 15 \\pmod{1199}$.", "multiplying by $50^{-1}=24$"),
        ("What is the remainder when the sum is divided by 7?", "$3 + 5 = 1$"),
        ("In what base does $44 \\times 55 = 3506$?", "we have $44 \\times 55 = 3506$"),
    ],
)
def test_the_question_may_set_up_a_notation_of_its_own(question, text):
    assert refuted(text, question) == []
    assert refuted(text) != []


@pytest.mark.parametrize(
    ("question", "text", "span"),
    [
        ("Find the units digit of $n$.", "7 * 3 = 2", "7 * 3 = 2"),
        ("If $a*b=a^2$, find $3*2$.", "9 + 4 = 14", "9 + 4 = 14"),
        ("What is the base of a triangle of area 6?", "2 * 6 = 13", "2 * 6 = 13"),
        ("In what base does $44 \\times 55 = 3506$?", "$44 \\times 55 = 3507$", "44 \\times 55 = 3507"),
        ("Write 17 in base $7$.", "2 * 7 + 3 = 23, and 2 * 7 + 3 = 24", "2 * 7 + 3 = 24"),
    ],
)
def test_a_notation_excuses_no_other_error(question, text, span):
    assert refuted(text, question) == [span]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("**Step 1**\n5 + 3 = 9", "5 + 3 = 9"),
        ("---\n5 + 3 = 9", "5 + 3 = 9"),
        ("She pays 5 * 3 = $16\n- Then she leaves.", "5 * 3 = $16"),
        ("She pays 5 * 3 = $16\n- Then $20 remain.", "5 * 3 = $16"),
        ("She pays 5 * 3 = $16\n**Step 2**", "5 * 3 = $16"),
        ("That makes 48 + 24 = 73 #### 73", "48 + 24 = 73"),
        ("She has 48 / 2 = 25 (clips)", "48 / 2 = 25"),
        ("Total: 5 + 3 = 9: wrong", "5 + 3 = 9"),
        ("5g + 3g = 9g", "5g + 3g = 9"),
        ("\\[\\frac{3}{4} + 1 = 3.\\]", "\\frac{3}{4} + 1 = 3"),
    ],
)
def test_errors_beside_marks_that_are_no_notation_are_still_refuted(text, span):
    assert refuted(text) == [span]


def test_a_solution_cannot_excuse_itself_by_defining_a_notation():
    text = "Let $a*b = a^2$ modulo 7 in base 5. Then 3 * 4 = 13."
    assert refuted(text) == ["3 * 4 = 13"]
    assert MathStepsVerifier().verify(text, None, context="What is 3 times 4?").status == "wrong"
