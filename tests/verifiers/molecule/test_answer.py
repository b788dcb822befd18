from __future__ import annotations

import time

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
        ("**SMILES:** CCO", "CCO"),
        ("**SMILES**: CCO", "CCO"),
        ("**SMILES: CCO**", "CCO"),
        ("SMILES: **CCO**", "CCO"),
        ("SMILES: *CC", "*CC"),
        ("**CCO**", "CCO"),
        ("The answer is **CCO**.", "CCO"),
        ("```\nCCO\n```", "CCO"),
        ("```smiles\nCCO\n```", "CCO"),
        ("SMILES:\n```\nCCO\n```\n", "CCO"),
        ("Answer: see below\n```\nSMILES: CCO\n```", "CCO"),
        ("```\nCCO\n```\nThis is it.", "CCO"),
        ("```CCO```", "CCO"),
        ("\\boxed{CCO}", "CCO"),
        ("so $\\boxed{\\text{CCO}}$.", "CCO"),
        ("Answer: \\boxed{C/C=C\\C}", "C/C=C\\C"),
        ('<answer>"CCO"</answer>', "CCO"),
        ("<answer>SMILES: CCO</answer>", "CCO"),
        ("<answer>**CCO**</answer>", "CCO"),
        ("<answer>\n```smiles\nCCO\n```\n</answer>", "CCO"),
        ("<answer>$\\boxed{CCO}$</answer>", "CCO"),
        ("<think><SMILES>CCN</SMILES></think>CCO", "CCO"),
        ("<think>SMILES: CCN</think>\nIt is `CCO`.", "CCO"),
        ("<think><SMILES>CCN</SMILES></think>\n", "CCN"),
        ("<answer>CCO ethanol</answer>", "CCO ethanol"),
        ("<SMILES>**</SMILES>", "**"),
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


@pytest.mark.parametrize("around", ["{}", "<SMILES>{}</SMILES>", "SMILES: {}", "so it is `{}`", "It is\n{}."])
def test_a_long_answer_is_found_from_its_beginning(around):
    answer = "C" * 1_000_000
    response = around.format(answer)
    start, end = find_smiles(response)
    assert (start, end - start) == (response.index("CC"), len(answer))


@pytest.mark.parametrize("response", ["`" * 20_000, "smiles" + " " * 19_000, "**" * 9_000, "<answer>" + "$" * 19_000])
def test_a_hostile_response_takes_no_time(response):
    started = time.perf_counter()
    find_smiles(response)
    assert time.perf_counter() - started < 1


PIECES = [
    "<SMILES>",
    "</SMILES>",
    "<answer>",
    "</think>",
    "**",
    "`",
    "```",
    "\n",
    "\\boxed{",
    "}",
    "SMILES:",
    "$",
    '"',
    "CCO",
    ".",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_a_span_lies_in_whatever_is_wrapped_around(response):
    span = find_smiles(response)
    assert span is None or 0 <= span[0] <= span[1] <= len(response)


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
