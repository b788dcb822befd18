from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from hypothesis import given
from hypothesis import strategies as st

from stepgym.verifiers.molecule.answer import find_smiles, is_selfies


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("<SMILES>CCO</SMILES>", "CCO"),
        ("First <SMILES>CCN</SMILES>, no: <smiles> CCO </smiles> it is", "CCO"),
        ("<SMILES>CCO", "CCO"),
        ("<answer>$CCO$</answer>", "CCO"),
        ("<answer>`CCO`</answer>", "CCO"),
        ("think\nSMILES: CCO", "CCO"),
        ("The answer is: CCO.", "CCO"),
        ("Product: c1ccccc1 which is benzene", "c1ccccc1"),
        ("The product is `CCO`.", "CCO"),
        ("The product is $CCO$", "CCO"),
        ("It must be CC(=O)O.", "CC(=O)O"),
        ("an alcohol\n\nCCO\n\n", "CCO"),
        ("CCQO", "CCQO"),
        ("CC(=O)O.NCC", "CC(=O)O.NCC"),
    ],
)
def test_the_answer_is_where_it_is(response, answer):
    start, end = find_smiles(response)
    assert response[start:end] == answer


@pytest.mark.parametrize("response", ["", "  \n ", "I do not know it", "In fact so is No Iron"])
def test_there_may_be_none(response):
    assert find_smiles(response) is None


def test_offsets_hold_behind_a_megabyte():
    response = "word " * 200_000 + "<SMILES>CCO</SMILES>"
    assert response[slice(*find_smiles(response))] == "CCO"


@given(st.text(max_size=200))
def test_a_span_lies_in_the_response(response):
    span = find_smiles(response)
    assert span is None or 0 <= span[0] <= span[1] <= len(response)


def test_selfies_are_told_from_smiles():
    assert is_selfies("[C][C][=O]")
    assert is_selfies("[C][=C][Branch1][C][O][Ring1]")
    assert is_selfies("[C][C][O]")
    assert not is_selfies("[Na+].[Cl-]")
    assert not is_selfies("[13CH3][OH]")
    assert not is_selfies("CCO")
    assert not is_selfies("[CH4]")
