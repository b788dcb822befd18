from __future__ import annotations

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers import ExactMatchVerifier


def test_white_space_around_the_response_does_not_count_and_the_span_leaves_it_out():
    verdict = ExactMatchVerifier().verify("  yes\n", "yes")
    assert verdict.status == "correct"
    assert [(f.start, f.end) for f in verdict.findings] == [(2, 5)]


def test_any_of_several_references_and_the_options():
    assert ExactMatchVerifier().verify("b", ["a", "b"]).status == "correct"
    assert ExactMatchVerifier().verify("YES", "yes").status == "wrong"
    assert ExactMatchVerifier(ignore_case=True).verify("YES", "yes").status == "correct"
    assert ExactMatchVerifier(normalize=True).verify("４２", "42").status == "correct"


@pytest.mark.parametrize("reference", [None, 4, [], ["a", 4], {"a": 1}])
def test_other_references_are_refused(reference):
    with pytest.raises(InvalidInputError, match="exact: the reference"):
        ExactMatchVerifier().verify("a", reference)
