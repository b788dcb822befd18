from __future__ import annotations

import json

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers import CppVerifier, Verdict, check_finding, check_verifier
from stepgym.verifiers.cpp.reference import same_output

from .conftest import REFERENCE, SOLUTION, TESTS, TESTS_ONLY


def refuted(verdict: Verdict, response: str) -> list[tuple[str, str]]:
    return [(f.kind, response[f.start : f.end]) for f in verdict.findings if f.severity == "refuted"]


def note(verdict: Verdict, kind: str) -> dict:
    return next(dict(f.evidence) for f in verdict.findings if f.kind == kind)


def all_hold(verifier: CppVerifier, verdict: Verdict, response: str, reference=REFERENCE) -> bool:
    return all(check_finding(f, response, reference, verifier=verifier) for f in verdict.findings)


def test_a_right_program_is_proved(verifier):
    response = f"Like this:\n```cpp\n{SOLUTION}```\nDone."
    verdict = verifier.verify(response, REFERENCE)
    assert verdict.status == "correct"
    assert verdict.score == 1.0
    proved = [f for f in verdict.findings if f.severity == "proved"]
    assert [response[f.start : f.end] for f in proved] == [SOLUTION.strip()]
    assert note(verdict, "compiles") == {"compiled": True}
    assert note(verdict, "tests") == {"passed": 3, "tests": 3}
    assert all_hold(verifier, verdict, response)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("int s = 0;", "int s = 0", "0"),
        ("x * 2", "x * 3", "3"),
        ("s += twice", "s += twicee", "twicee"),
        ("% 2 == 0", "% 2 = 0", "="),
        ('"sum "', '"sum ', '<"'),
        ("cin >> n;", ">> cin n;", ">> cin"),
        ("    }\n  }\n  cout", "    }\n  cout", "}"),
        ("i < n; i++) {\n    cin", "i <= n; i++) {\n    cin", None),
        ("#include <vector>", "#include <vecttor>", "<vecttor>"),
        ("if (a[i]", "if a[i]", "if"),
        ("return x", "retrun x", "retrun"),
        ("int n;", "int é;", "é"),
    ],
)
def test_one_slip_is_found_with_the_change_that_mends_it(verifier, old, new, expected):
    assert old in SOLUTION
    program = SOLUTION.replace(old, new, 1)
    response = f"Füße 𝟒:\n```cpp\n{program}```"
    verdict = verifier.verify(response, REFERENCE)
    if expected is None:  # Reading one too many is no difference that these tests see.
        assert verdict.status in ("correct", "wrong")
        return
    assert verdict.status == "wrong"
    assert verdict.score == 0.0
    found = refuted(verdict, response)
    assert all(kind == "repair" for kind, _ in found)
    if expected == '<"':  # The quote is missing between these two places.
        assert len(found) == 1
    else:
        assert found == [("repair", expected)]
    assert all_hold(verifier, verdict, response)


@pytest.mark.parametrize(
    "headers", ["bits/stdc++.h", "iostream>\n#include <vector>\n#include <cmath", "bits/stdc++.h>\n#include <thread"]
)
def test_headers_in_any_combination(verifier, headers):
    program = SOLUTION.replace("iostream>\n#include <vector", headers)
    for number in range(3):  # The set of headers is precompiled when it comes again.
        assert verifier.verify(program + f"// {number}", REFERENCE).status == "correct"
    verdict = verifier.verify(program.replace("x * 2", "x * abs(-3)"), REFERENCE)
    assert verdict.status == "wrong"


def test_all_headers_are_there_with_bits(verifier):
    program = SOLUTION.replace("iostream>\n#include <vector", "bits/stdc++.h").replace(
        "x * 2", "2 * int(sqrt(double(x * x)))"
    )
    assert verifier.verify(program, REFERENCE).status == "correct"
    missing = SOLUTION.replace("x * 2", "x + int(map<int, int>().size())")
    assert verifier.verify(missing, TESTS_ONLY).status == "wrong"


def test_a_wrong_output_comes_with_its_counterexample(verifier):
    response = SOLUTION.replace("int s = 0", "int s = 1")
    verdict = verifier.verify(response, REFERENCE)
    (repair,) = [f for f in verdict.findings if f.severity == "refuted"]
    assert repair.evidence["replace"], repair.evidence["by"] == ("1", "0")
    assert repair.evidence["expected"] == TESTS[0]["output"]
    assert repair.evidence["got"] == "sum 13\n"
    assert note(verdict, "compiles") == {"compiled": True}
    assert note(verdict, "tests") == {"passed": 0, "tests": 3}
    assert not any(f.severity == "proved" for f in verdict.findings)
    assert verdict.reason == "prints 'sum 13' instead of 'sum 12' on test 1"


def test_only_the_difference_that_matters_is_refuted(verifier):
    response = (
        SOLUTION.replace("twice", "dbl")
        .replace("a[i] % 2", "a[i] % 3")
        .replace(" s ", " total ")
        .replace("<< s <<", "<< total <<")
    )
    verdict = verifier.verify(response, REFERENCE)
    assert refuted(verdict, response) == [("repair", "3")]
    assert all_hold(verifier, verdict, response)


@pytest.mark.parametrize(
    ("old", "new", "kind", "expected"),
    [
        ("int s = 0;", "int s = 0", "compile-error", "0"),
        ("twice(a", "twicee(a", "compile-error", "twicee"),
        ("int s = 0;", "int q = 0;", "compile-error", "q"),
        ("vector<int> a", "vectr<int> a", "compile-error", "vectr"),
        ("int main", "int man", "compile-error", "man"),
        ("#include <vector>", "#include <vecttor>", "compile-error", "<vecttor>"),
        ("return x * 2", "int *p = 0; return *p", "runtime-error", None),
    ],
)
def test_without_a_solution_the_tools_say_where(verifier, old, new, kind, expected):
    response = SOLUTION.replace(old, new, 1)
    verdict = verifier.verify(response, TESTS_ONLY)
    assert verdict.status == "wrong"
    (found,) = refuted(verdict, response)
    assert found[0] == kind
    assert expected is None or found[1] == expected
    assert all_hold(verifier, verdict, response, TESTS_ONLY)


def test_without_a_solution_a_wrong_output_has_no_place(verifier):
    response = SOLUTION.replace("x * 2", "x * 3")
    verdict = verifier.verify(response, TESTS_ONLY)
    (fatal,) = [f for f in verdict.findings if f.severity in ("refuted", "fatal")]
    assert (fatal.kind, fatal.severity) == ("wrong-output", "fatal")
    assert fatal.evidence["got"] == "sum 18\n"
    assert all_hold(verifier, verdict, response, TESTS_ONLY)


def test_a_finding_that_does_not_hold_is_not_confirmed(verifier):
    response = SOLUTION.replace("x * 2", "x * 3")
    verdict = verifier.verify(response, REFERENCE)
    (repair,) = [f for f in verdict.findings if f.severity == "refuted"]
    assert check_finding(repair, response, REFERENCE, verifier=verifier)
    assert not check_finding(repair, SOLUTION, REFERENCE, verifier=verifier)
    data = json.loads(json.dumps(repair.to_dict()))
    data["evidence"]["by"] = data["evidence"]["edits"][0][2] = "4"
    assert not check_finding(type(repair).from_dict(data), response, REFERENCE, verifier=verifier)
    proved = next(f for f in verifier.verify(SOLUTION, REFERENCE).findings if f.severity == "proved")
    assert not check_finding(proved, response, REFERENCE, verifier=verifier)


def test_a_solution_that_is_not_right_mends_nothing(verifier):
    reference = {"tests": TESTS, "solution": SOLUTION.replace("x * 2", "x * 4")}
    response = SOLUTION.replace("x * 2", "x * 3")
    verdict = verifier.verify(response, reference)
    assert refuted(verdict, response) == []
    assert verdict.status == "wrong"
    assert verdict.reason == "prints 'sum 18' instead of 'sum 12' on test 1"
    assert note(verdict, "reference") == {"compiled": True, "test": 0}
    itself = verifier.verify(reference["solution"], reference)
    assert (itself.status, note(itself, "reference")) == ("wrong", {"compiled": True, "test": 0})
    right = verifier.verify(response, REFERENCE), verifier.verify(SOLUTION, reference)
    assert not any(f.kind == "reference" for verdict in right for f in verdict.findings)


def test_a_decimal_point_does_not_make_an_integer_right(verifier):
    response = '#include <cstdio>\nint main() { puts("12345670.0"); }'
    reference = {"tests": [{"input": "", "output": "12345678"}]}
    assert verifier.verify(response, reference).status == "wrong"


def test_warnings_claim_nothing(verifier):
    response = SOLUTION.replace("int n;", "int n, unused;")
    verdict = verifier.verify(response, REFERENCE)
    assert verdict.status == "correct"
    (warning,) = [f for f in verdict.findings if f.kind == "compile-warning"]
    assert response[warning.start : warning.end] == "unused"


@pytest.mark.slow
def test_sanitizers_say_where(sanitizing):
    response = SOLUTION.replace("vector<int> a(n)", "int *a = new int[n]").replace("cin >> a[i];", "a[n] = i;")
    verdict = sanitizing.verify(response, TESTS_ONLY)
    assert verdict.status == "wrong"
    assert refuted(verdict, response) == [("runtime-error", "a[n] = i;")]
    overflow = SOLUTION.replace("x * 2", "x * 2000000000")
    verdict = sanitizing.verify(overflow, TESTS_ONLY)
    ((kind, place),) = refuted(verdict, overflow)
    assert kind == "runtime-error"
    assert place in "x * 2000000000"
    assert all_hold(sanitizing, verdict, overflow, TESTS_ONLY)
    assert sanitizing.verify(SOLUTION, REFERENCE).status == "correct"


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ("1 2\n3", "1\n2 3\n", True),
        ("1 2", "1 2 3", False),
        ("0.5", "0.50000001", True),
        ("0.5", "0.51", False),
        ("1000000.0", "1000000.5", True),
        ("1", "1.0", False),
        ("1.0", "1", True),
        ("12345678", "12345670.0", False),
        ("5", "5.", False),
        ("1e3", "1000", True),
        ("1000", "1e3", False),
        ("5.0", "٥.0", False),
        ("٥.0", "5.0", False),
        ("1_0.0", "10.0", False),
        ("1.0", "1_0e-1", False),
        ("1e999", "2e999", False),
        ("nan", "NaN", False),
        ("-inf", "-1e999", False),
        ("1", "01", False),
        ("nan.", "nan.", True),
        ("1.5", "inf", False),
        ("1.5", "nan", False),
        ("YES", "Yes", False),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_outputs_are_compared_word_by_word(expected, got, same):
    assert same_output(expected, got) is same


@pytest.mark.parametrize(
    "reference",
    [
        None,
        [],
        "x",
        {},
        {"tests": []},
        {"tests": "ab"},
        {"tests": [{"input": 1, "output": ""}]},
        {"tests": [1]},
        {"tests": TESTS, "solution": 3},
    ],
)
def test_a_reference_that_is_none_is_refused(verifier, reference):
    with pytest.raises(InvalidInputError):
        verifier.verify(SOLUTION, reference)


def test_arguments_are_checked():
    with pytest.raises(InvalidInputError, match="tests_per_verdict"):
        CppVerifier(tests_per_verdict=0)


def test_it_keeps_the_promises_of_a_verifier(verifier):
    cases = [
        {"response": SOLUTION, "reference": REFERENCE, "expected": True},
        {"response": SOLUTION.replace("* 2", "* 3"), "reference": REFERENCE, "expected": False},
        {"response": SOLUTION.replace("int n;", "int n"), "reference": TESTS_ONLY, "expected": False},
    ]
    card = check_verifier(verifier, cases, max_seconds=30, threads=4)
    assert card.accuracy == 1.0
