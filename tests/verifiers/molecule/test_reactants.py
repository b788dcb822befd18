from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from stepgym.errors import InvalidInputError
from stepgym.verifiers import ReactantsVerifier, check_finding, check_verifier, get_verifier

VERIFIER = ReactantsVerifier()
REFERENCE = {"product": "CCNC(=O)c1ccccc1", "reactants": "OC(=O)c1ccccc1.NCC", "reaction": "amide coupling"}


def judge(answer, verifier=VERIFIER):
    response = f"<SMILES>{answer}</SMILES>"
    verdict = verifier.verify(response, REFERENCE)
    for finding in verdict.findings:
        assert check_finding(finding, response, REFERENCE, verifier=verifier), finding
    marked = [response[f.start : f.end] for f in verdict.findings if f.severity in ("refuted", "fatal")]
    proved = [response[f.start : f.end] for f in verdict.findings if f.severity == "proved"]
    return verdict, marked, proved


@pytest.mark.parametrize("answer", ["OC(=O)c1ccccc1.NCC", "CCN.O=C(O)c1ccccc1"])
def test_the_reference_is_right_in_any_order(answer):
    assert judge(answer)[0].status == "correct"


def test_other_reactants_are_right_if_a_named_reaction_makes_the_product():
    verdict, _, proved = judge("ClC(=O)c1ccccc1.NCC")
    assert verdict.status == "correct"
    assert "amide formation from an acyl chloride" in verdict.reason
    assert proved == ["ClC(=O)c1ccccc1.NCC"]
    assert judge("ClC(=O)c1ccccc1.NCC", ReactantsVerifier(round_trip=False))[0].status == "wrong"


def test_a_right_fragment_is_proved_and_the_wrong_one_searched():
    verdict, marked, proved = judge("OC(=O)c1ccccc1.NCCC")
    assert verdict.status == "wrong"
    assert marked == ["C"]
    assert proved[0] == "OC(=O)c1ccccc1"


def test_a_broken_fragment_does_not_hide_the_place():
    assert judge("OC(=O)c1ccccc1.NC(C")[1] == ["("]


def test_a_missing_reactant_is_found_missing():
    verdict, marked, _ = judge("OC(=O)c1ccccc1")
    assert verdict.status == "wrong"
    assert marked


def test_a_surplus_reactant_is_refuted():
    verdict, marked, proved = judge("OC(=O)c1ccccc1.NCC.OCCBr")
    assert verdict.status == "wrong"
    assert marked == ["OCCBr"] or "".join(marked) == ".OCCBr"
    assert "".join(proved).replace(".", "") == "OC(=O)c1ccccc1NCC"


@pytest.mark.parametrize("besides", ["", ".O", ".NCC"])
def test_the_product_itself_is_refuted(besides):
    verdict, marked, proved = judge("CCNC(=O)c1ccccc1" + besides)
    assert verdict.status == "wrong"
    assert "CCNC(=O)c1ccccc1" in marked
    assert proved == (["NCC"] if besides == ".NCC" else [])


def test_what_binds_a_wrong_atom_is_not_proved():
    _, marked, proved = judge("OC(=O)c1ccc(CCBr)cc1.NCC")
    assert marked == ["CCBr"]
    assert proved == ["OC(=O)c1ccc", "cc1", "NCC"]


@pytest.mark.parametrize(
    "reference",
    [
        None,
        {"product": "C"},
        {
            "product": "C",
            "reactants": "C(",
        },
        {"product": "C", "reactants": "C", "reaction": 1},
    ],
)
def test_a_broken_reference_is_refused(reference):
    with pytest.raises(InvalidInputError, match="reactants"):
        VERIFIER.verify("CCO", reference)


def test_it_keeps_the_promises_of_a_verifier():
    cases = [
        {"response": "NCC.OC(=O)c1ccccc1", "reference": REFERENCE, "expected": "correct"},
        {"response": "ClC(=O)c1ccccc1.NCC", "reference": REFERENCE, "expected": "correct"},
        {"response": "NCC.OC(=O)c1cccc1", "reference": REFERENCE, "expected": "wrong"},
        {"response": "CCC.CCC", "reference": REFERENCE, "expected": "wrong"},
    ]
    assert not check_verifier(get_verifier("reactants"), cases).disagreements
