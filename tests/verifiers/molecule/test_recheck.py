from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from stepgym.verifiers import Finding, MoleculeVerifier, ReactantsVerifier, ReactionProductVerifier

PRODUCT = {"product": "CC(=O)OCCc1ccccc1"}


def finding_of(verifier, response, reference, kind, severity=None):
    verdict = verifier.verify(response, reference)
    finding = next(f for f in verdict.findings if f.kind == kind and severity in (None, f.severity))
    assert verifier.check_finding(finding, response, reference)
    return finding


def test_a_repair_that_mends_nothing_does_not_hold():
    verifier, response = ReactionProductVerifier(), "CC(=O)NCCc1ccccc1"
    finding = finding_of(verifier, response, PRODUCT, "repair")
    assert not verifier.check_finding(replace(finding, evidence={**finding.evidence, "by": "S"}), response, PRODUCT)
    assert not verifier.check_finding(replace(finding, start=0, end=1), response, PRODUCT)
    assert not verifier.check_finding(finding, response, {"product": "CC(=O)SCCc1ccccc1"})
    assert not verifier.check_finding(finding, "CC(=O)SCCc1ccccc1", PRODUCT)
    assert not verifier.check_finding(replace(finding, end=99), response, PRODUCT)


def test_what_is_proved_does_not_cover_the_place_of_the_repair():
    verifier, response = ReactionProductVerifier(), "CC(=O)NCCc1ccccc1"
    finding = finding_of(verifier, response, PRODUCT, "matching")
    assert not verifier.check_finding(replace(finding, end=len(response)), response, PRODUCT)


def test_pairs_of_unlike_atoms_are_no_common_part():
    verifier, response = ReactionProductVerifier(), "CC(=O)OCCc1ccc(CC(N)C)cc1"
    finding = finding_of(verifier, response, PRODUCT, "difference")
    swapped = [[a, 11 - b] for a, b in finding.evidence["pairs"]]
    assert not verifier.check_finding(
        replace(finding, evidence={**finding.evidence, "pairs": swapped}), response, PRODUCT
    )


def test_a_right_answer_is_not_right_for_another_reference():
    verifier, response = MoleculeVerifier(), "CCO"
    finding = finding_of(verifier, response, {"smiles": "OCC"}, "molecule")
    assert not verifier.check_finding(finding, response, {"smiles": "OCCC"})
    required = {"requirements": [{"group": "alcohol", "count": 1}]}
    finding = finding_of(verifier, response, required, "molecule")
    assert not verifier.check_finding(finding, response, {"requirements": [{"group": "ester", "count": 1}]})


def test_a_reaction_must_make_the_product_again():
    verifier, response = ReactantsVerifier(), "CC(=O)Cl.NCC"
    reference = {"product": "CCNC(C)=O", "reactants": "CC(=O)O.NCC"}
    finding = finding_of(verifier, response, reference, "molecule")
    assert not verifier.check_finding(finding, response, {**reference, "product": "CCCNC(C)=O"})


@pytest.mark.parametrize(
    ("answer", "requirement", "kind"),
    [
        ("CCO", {"group": "ester"}, "missing-group"),
        ("NCCN", {"group": "amine", "count": 1}, "surplus-group"),
        ("C1CC1CC1CC1", {"rings": 1}, "surplus-rings"),
        ("c1ccccc1", {"aromatic_rings": 0}, "surplus-aromatic_rings"),
        ("CCO", {"atoms": {"H": 4}}, "surplus-atom"),
        ("CCO", {"heavy_atoms": 4}, "missing-heavy_atoms"),
        ("C.C", {"fragments": 1}, "surplus-fragments"),
        ("C[NH3+]", {"charge": 0}, "surplus-charge"),
        ("CCO", {"property": "tpsa", "high": 1}, "surplus-property"),
    ],
)
def test_a_measured_quantity_must_come_out_again(answer, requirement, kind):
    verifier, reference = MoleculeVerifier(), {"requirements": [requirement]}
    finding = finding_of(verifier, answer, reference, kind)
    wrong = replace(finding, evidence={**finding.evidence, "found": finding.evidence["found"] + 1})
    assert not verifier.check_finding(wrong, answer, reference)


def test_a_fault_of_a_valid_smiles_does_not_hold():
    verifier, response = MoleculeVerifier(), "<SMILES>CC(C</SMILES>"
    finding = finding_of(verifier, response, {"requirements": [{"rings": 0}]}, "branch")
    valid = replace(finding, evidence={**finding.evidence, "smiles": "CC"})
    assert not verifier.check_finding(valid, response, {"requirements": [{"rings": 0}]})


@pytest.mark.parametrize(
    "kind", ["nonsense", "repair", "matching", "molecule", "difference", "radical", "stereo", "tail"]
)
@pytest.mark.parametrize("severity", ["refuted", "proved", "fatal"])
@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"smiles": "CCO"},
        {"smiles": 3},
        {"smiles": "CCO", "becomes": "CCO"},
        {"smiles": "CCO", "becomes": "CCN", "at": "x", "replace": None, "by": 1},
        {"smiles": "CCO", "pairs": [[0, 99]], "target": "CCN"},
        {"smiles": "CCO", "pairs": 3, "target": "CCN"},
        {"smiles": "CCO", "atom": 10**30, "amount": "much"},
    ],
)
def test_a_forged_finding_does_not_hold(kind, severity, evidence):
    forged = Finding(0, 3, kind, severity, "", evidence)
    reference = {"product": "CCN", "reactants": "CC.N"}
    for verifier, known in ((MoleculeVerifier(), {"smiles": "CCN"}), (ReactantsVerifier(), reference)):
        assert verifier.check_finding(forged, "CCO", known) is False


def test_a_finding_on_odd_atoms_must_lie_on_one():
    verifier, reference = MoleculeVerifier(), {"requirements": [{"group": "aldehyde"}]}
    for response in ("[CH]CCCC=O", "*CCCCC=O", "[C-10]CCCC=O", "[300CH3]CC=O"):
        (finding,) = [f for f in verifier.verify(response, reference).findings if f.severity == "refuted"]
        assert verifier.check_finding(finding, response, reference)
        assert not verifier.check_finding(
            replace(finding, start=len(response) - 1, end=len(response)), response, reference
        )
        assert not verifier.check_finding(
            replace(finding, evidence={**finding.evidence, "atom": 1}), response, reference
        )  # fmt: skip


def test_a_part_in_common_holds_no_other_atom():
    verifier, response = ReactionProductVerifier(), "CC(=O)OCCc1ccc(CC(N)C)cc1"
    finding = finding_of(verifier, response, PRODUCT, "matching")
    assert not verifier.check_finding(replace(finding, end=len(response)), response, PRODUCT)
