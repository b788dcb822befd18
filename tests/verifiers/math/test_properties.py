"""Properties: re-spelling, symmetry, commutation, scaling, and refutation of random expressions."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stepgym.errors import InvalidInputError
from stepgym.verifiers.math.answer import MathAnswerVerifier
from stepgym.verifiers.math.recheck import check_finding

VERIFIER = MathAnswerVerifier()
QUICK = settings(max_examples=120, deadline=None)

integers = st.integers(-(10**9), 10**9)
fractions = st.fractions(min_value=-1000, max_value=1000, max_denominator=500)


def status(response: str, reference: str) -> str:
    return VERIFIER.verify(response, reference).status


def latex(value: Fraction) -> str:
    sign = "-" if value < 0 else ""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


SPELLINGS = (
    latex,
    lambda v: f"{v.numerator}/{v.denominator}",
    lambda v: f"\\dfrac{{{v.numerator}}}{{{v.denominator}}}",
    lambda v: f"\\frac{{{3 * v.numerator}}}{{{3 * v.denominator}}}",
    lambda v: f"({v.numerator}) \\div {v.denominator}",
    lambda v: f"{v.numerator} \\cdot {v.denominator}^{{-1}}",
    lambda v: f"x = {latex(v)}",
    lambda v: f"$\\boxed{{{latex(v)}}}$",
    lambda v: f"Therefore, the answer is ${latex(v)}$.",
)


@QUICK
@given(fractions, st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS))
def test_every_spelling_of_a_fraction_equals_every_other(value: Fraction, one: object, other: object) -> None:
    assert status(one(value), other(value)) == "correct"  # type: ignore[operator]


@QUICK
@given(fractions, fractions, st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS))
def test_different_fractions_are_wrong_in_every_spelling(a: Fraction, b: Fraction, one: object, other: object) -> None:
    assume(a != b)
    response, reference = one(a), other(b)  # type: ignore[operator]
    verdict = VERIFIER.verify(response, reference)
    assert verdict.status == "wrong"
    assert all(check_finding(f, response, reference) for f in verdict.findings)


@QUICK
@given(integers)
def test_spellings_of_integers(n: int) -> None:
    for text in (
        f"{n:,}",
        f"{n}.0",
        f"{n:,}".replace(",", "{,}"),
        f"{n:,}".replace(",", "\\,"),
        f"${n}$",
        f"\\text{{{n}}}",
    ):
        assert status(text, str(n)) == "correct"


expressions = st.recursive(
    st.sampled_from(["x", "y", "2", "3", "5", "\\pi", "\\frac{1}{2}", "\\sqrt{2}", "\\sqrt{3}"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda t: f"({t[0]} + {t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} - {t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"{{{t[0]}}} \\cdot {{{t[1]}}}"),
        st.tuples(inner, inner).map(lambda t: f"\\frac{{{t[0]}}}{{{t[1]} + 7}}"),
        inner.map(lambda e: f"\\left({e}\\right)^2"),
        inner.map(lambda e: f"\\sin({e})"),
    ),
    max_leaves=6,
)


@QUICK
@given(expressions, expressions)
def test_verdicts_are_symmetric(a: str, b: str) -> None:
    assert status(a, b) == status(b, a)


@QUICK
@given(expressions, expressions)
def test_sums_and_products_commute(a: str, b: str) -> None:
    assert status(f"{a} + {b}", f"{b} + {a}") == "correct"
    assert status(f"({a})({b})", f"({b})({a})") == "correct"
    assert status(f"({a})^2 - ({b})^2", f"(({a}) - ({b}))(({a}) + ({b}))") == "correct"


@QUICK
@given(expressions)
def test_adding_something_is_refuted_with_evidence_that_holds(a: str) -> None:
    response = f"{a} + \\frac{{1}}{{1000}}"
    verdict = VERIFIER.verify(response, a)
    assert verdict.status == "wrong"
    assert all(check_finding(f, response, a) for f in verdict.findings)


@QUICK
@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 9), st.booleans())
def test_equations_scale(a: int, b: int, c: int, k: int, negative: bool) -> None:
    assume((a, b) != (0, 0))
    k = -k if negative else k
    line = f"{a}x + {b}y = {c}"
    scaled = f"{k * a}x + {k * b}y = {k * c}"
    other = f"{a}x + {b}y = {c + 1}"
    assert status(scaled, line) == "correct"
    assert status(other, line) == "wrong"


@QUICK
@given(st.lists(fractions, min_size=2, max_size=5, unique=True), st.randoms(use_true_random=False))
def test_sets_have_no_order_and_tuples_have_one(values: list[Fraction], rng: object) -> None:
    shuffled = list(values)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = ", ".join(map(latex, values)), ", ".join(map(latex, shuffled))
    assert status(f"\\{{{one}\\}}", f"\\{{{other}\\}}") == "correct"
    assert status(f"({one})", f"({other})") == ("correct" if values == shuffled else "wrong")


@QUICK
@given(st.text(max_size=60), st.sampled_from(["5", "x^2+1", "(1,2)", "\\text{yes}", "[0,1)"]))
def test_any_text_gets_a_verdict_and_findings_that_hold(text: str, reference: str) -> None:
    verdict = VERIFIER.verify(text, reference)
    assert verdict.status in ("correct", "wrong", "undecided")
    assert all(check_finding(f, text, reference) for f in verdict.findings)
    assert VERIFIER.verify(text, reference) == verdict


@QUICK
@given(st.text(alphabet="0123456789xy+-*/^(){}[],.=<>\\ fracsqtboed$%!|_&", max_size=40))
def test_formula_like_text_equals_itself_or_is_refused(text: str) -> None:
    try:
        verdict = VERIFIER.verify(text, text)
    except InvalidInputError:
        return
    assert (
        verdict.status in ("correct", "undecided")
        or "undefined" in str(verdict.findings)
        or "different answers" in verdict.reason
    )


UNITS = (
    ("cm", "centimeters", "centimetre"),
    ("hours", "hrs", "hour"),
    ("square units", "sq units", "units^2"),
    ("dogs", "dog", "dogs in total"),
    ("multiples", "multiple"),
    ("values", "possible values"),
    ("people", "persons"),
    ("boxes", "box"),
    ("degrees", "degree"),
    ("percent", "percentage points"),
    ("dollars", "dollar", "USD"),
    ("units", "unit"),
    ("cubic meters", "m^3"),
    ("mph", "miles per hour"),
)
units = st.sampled_from(UNITS)


@QUICK
@given(integers, units, units, st.data())
def test_a_unit_may_be_missing_or_spelled_otherwise_but_not_be_another(
    n: int, one: tuple[str, ...], other: tuple[str, ...], data: st.DataObject
) -> None:
    response = f"{n} {data.draw(st.sampled_from(one))}"
    reference = f"{n}\\text{{ {data.draw(st.sampled_from(other))}}}"
    verdict = VERIFIER.verify(response, reference)
    assert verdict.status == ("correct" if one == other else "wrong")
    assert all(check_finding(f, response, reference) for f in verdict.findings)
    assert status(response, str(n)) == status(str(n), reference) == "correct"
    assert status(response, str(n + 1)) == "wrong"
