from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from stepgym.errors import InvalidInputError
from stepgym.verifiers import ReactionProductVerifier, check_finding, check_verifier, get_verifier

VERIFIER = ReactionProductVerifier()
REFERENCE = {"reactants": "CC(=O)O.OCCc1ccccc1", "product": "CC(=O)OCCc1ccccc1", "reaction": "ester formation"}


def judge(answer, reference=REFERENCE):
    response = f"Let me see. <SMILES>{answer}</SMILES>"
    verdict = VERIFIER.verify(response, reference)
    for finding in verdict.findings:
        assert check_finding(finding, response, reference, verifier=VERIFIER), finding
    marked = [response[f.start : f.end] for f in verdict.findings if f.severity in ("refuted", "fatal")]
    return verdict, marked


@pytest.mark.parametrize(
    "answer", ["CC(=O)OCCc1ccccc1", "c1ccccc1CCOC(C)=O", "C1=CC=CC=C1CCOC(=O)C", "[CH3]C(=O)OCCc1ccccc1"]
)
def test_the_product_is_right_however_it_is_written(answer):
    verdict, _ = judge(answer)
    assert (verdict.status, verdict.score) == ("correct", 1.0)
    assert any(f.severity == "proved" and f.end - f.start == len(answer) for f in verdict.findings)


@pytest.mark.parametrize(
    ("answer", "place", "by"),
    [
        ("CC(=O)NCCc1ccccc1", "N", "O"),  # another atom
        ("CC(=O)OCCCc1ccccc1", "C", ""),  # one too many
        ("CC(=OOCCc1ccccc1", "O", ")"),  # a branch
        ("CC(=O)OCCc1ccccc", "c", "1"),  # a ring
        ("CC(=O)=OCCc1ccccc1", "=", ""),  # valence
        ("CC(=O)OCCc1cccc1", "1", "c"),  # aromaticity
        ("CC(=O)OCQc1ccccc1", "Q", "C"),  # no character of SMILES
        ("c1ccccc1CCNC(C)=O", "N", "O"),  # spelled otherwise
        ("c1ccccc1CCOCC)=O", "C", "("),
        ("c1ccccc1CCOC(C)O", "O", "="),
    ],
)
def test_one_wrong_token_is_found_with_what_mends_it(answer, place, by):
    verdict, marked = judge(answer)
    assert verdict.status == "wrong"
    assert marked == [place]
    (repair,) = [f for f in verdict.findings if f.severity == "refuted"]
    assert repair.evidence["by"] == by
    proved = sum(f.end - f.start for f in verdict.findings if f.severity == "proved")
    assert proved == len(answer) - len(place)


def test_beyond_one_token_the_common_part_is_proved_and_the_rest_refuted():
    verdict, marked = judge("CC(=O)OCCc1ccc(CC(N)C)cc1")
    assert verdict.status == "wrong"
    assert "".join(marked) == "CCNC"
    assert {f.kind for f in verdict.findings} >= {"difference", "matching"}


def test_quite_another_molecule_is_fatal():
    verdict, marked = judge("ClCCBr")
    assert marked == ["ClCCBr"]
    assert [f.severity for f in verdict.findings if f.kind == "product"] == ["fatal"]


def test_what_went_in_is_named_so():
    assert judge("OCCc1ccccc1")[0].reason == "this is what went in, not the product"


@pytest.mark.parametrize(
    ("product", "answer", "right"),
    [
        ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", False),
        ("C[C@H](N)C(=O)O", "CC(N)C(=O)O", False),
        ("C[C@H](N)C(=O)O", "N[C@@H](C)C(=O)O", True),
        ("C/C=C/C", "C/C=C\\C", False),
        ("C/C=C/C", "C\\C=C\\C", True),
        ("[13CH3]CO", "CCO", False),
        ("CCO.CC(=O)O", "OC(C)=O.OCC", True),
        ("CCO.CCO", "CCO", False),
        ("[Na+].[O-]C(C)=O", "CC(=O)[O-].[Na+]", True),
        ("CCO", "[CH3:1][CH2:2][OH:3]", True),
        ("CCO", "[H]OCC", True),
    ],
)
def test_stereo_isotopes_and_fragments_count(product, answer, right):
    assert judge(answer, {"product": product})[0].status == ("correct" if right else "wrong")


@pytest.mark.parametrize(
    ("product", "answer", "place", "what"),
    [
        ("C[C@H](N)C(=O)O", "N[C@H](C)C(=O)O", ["[C@H]"], "handedness"),
        ("C[C@H](N)C(=O)O", "CC(N)C(=O)O", ["C"], "handedness"),
        ("CC(N)C(=O)O", "N[C@H](C)C(=O)O", ["[C@H]"], "handedness"),
        ("C[C@H](N)[C@H](O)CC", "C[C@@H](N)[C@@H](O)CC", ["[C@@H]", "[C@@H]"], "handedness"),
        ("C/C=C/C", "C/C=C\\C", ["\\"], "sides of a double bond"),
    ],
)
def test_another_stereo_is_named_and_refuted_at_its_atom(product, answer, place, what):
    verdict, marked = judge(answer, {"product": product})
    assert marked == place
    assert f"the same molecule but for its stereo ({what})" in verdict.reason


@pytest.mark.parametrize("answer", ["CCO ethanol", "CCO |$;;$|", "CCO\tx", "CCO\nCCO"])
def test_what_follows_white_space_is_refuted_as_one(answer):
    verdict, marked = judge(answer, {"product": "CCO"})
    assert marked == [answer[3:]]
    assert [f.end - f.start for f in verdict.findings if f.severity == "proved"] == [3]
    assert judge(answer, {"product": "CCN"})[1] == [answer[3:]]


def test_a_bond_to_a_wrong_atom_is_not_proved():
    verdict, marked = judge("CCO->[Na+]", {"product": "CCO"})
    assert marked == ["[Na+]"]
    assert [f.end - f.start for f in verdict.findings if f.severity == "proved"] == [3]


def test_a_message_holds_no_control_characters():
    assert all(f.message.isprintable() for f in judge("CCO \x1b[31m", {"product": "CCO"})[0].findings)


def test_scores_stand_beside_the_verdict():
    def scores(answer):
        return next(f.evidence for f in judge(answer)[0].findings if f.kind == "scores")

    assert scores("CC(=O)OCCc1ccccc1") == {"valid": True, "exact": True, "tanimoto": 1.0, "fragments": 1}
    assert scores("CC(=O)OCCc1cccc1") == {"valid": False, "exact": False, "tanimoto": 0.0, "fragments": 1}
    close = scores("CC(=O)OCc1ccccc1")
    assert close["valid"]
    assert not close["exact"]
    assert 0.3 < close["tanimoto"] < 1


def test_without_smiles_wrong_and_with_selfies_undecided():
    assert VERIFIER.verify("I do not know it", REFERENCE).status == "wrong"
    assert VERIFIER.verify("<SMILES>[C][C][=O]</SMILES>", REFERENCE).status == "undecided"


@pytest.mark.parametrize(
    "reference",
    [None, "CCO", {}, {"product": 3}, {"product": "CC("}, {"product": ""}, {"product": "C", "reactants": "X"},
     {"product": "C", "reaction": 3}, {"product": "C", "other": 1}, {"product": "C" * 3000}],
)  # fmt: skip
def test_a_broken_reference_is_refused(reference):
    with pytest.raises(InvalidInputError, match="reaction-product"):
        VERIFIER.verify("CCO", reference)


def test_it_keeps_the_promises_of_a_verifier():
    cases = [
        {"response": "<SMILES>CC(=O)OCCc1ccccc1</SMILES>", "reference": REFERENCE, "expected": "correct"},
        {"response": "<SMILES>CC(=O)OCCc1ccccc</SMILES>", "reference": REFERENCE, "expected": "wrong"},
        {"response": "CC(=O)NCCc1ccccc1", "reference": REFERENCE, "expected": "wrong"},
        {"response": "[C][C][O]", "reference": REFERENCE, "expected": "undecided"},
    ]
    card = check_verifier(get_verifier("reaction-product"), cases)
    assert not card.disagreements
