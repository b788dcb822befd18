from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.dom.minidom

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from stepgym.errors import InvalidInputError
from stepgym.verifiers import MoleculeVerifier, check_finding, check_verifier, get_verifier

VERIFIER = MoleculeVerifier()
REQUIREMENTS = [
    {"group": "carboxylic acid", "count": 1},
    {"group": "amine", "at_most": 0},
    {"rings": 1},
    {"atoms": {"C": 8}},
]
REFERENCE = {"requirements": REQUIREMENTS, "smiles": "OC(=O)c1ccc(C)cc1"}
ALONE = {"requirements": REQUIREMENTS}


@pytest.mark.parametrize("answer", ["OC(=O)c1ccc(C)cc1", "OC(=O)Cc1ccccc1", "OC(=O)C1CCCCCC1"])
def test_any_molecule_that_meets_the_requirements_is_right(judge, answer):
    for reference in (REFERENCE, ALONE):
        assert judge(answer, reference)[0].status == "correct"


def test_a_missing_group_is_fatal_to_the_whole_molecule(judge):
    verdict, marked = judge("OCc1ccc(C)cc1", ALONE)
    assert verdict.status == "wrong"
    assert verdict.reason == "exactly 1 carboxylic acid asked for, 0 found"
    assert marked["fatal"] == ["OCc1ccc(C)cc1"]


def test_a_surplus_group_is_refuted_at_its_atoms_and_what_was_asked_for_is_proved(judge):
    _, marked = judge("OC(=O)c1ccc(CN)cc1", ALONE)
    assert marked["refuted"] == ["N"]
    assert marked["fatal"] == []
    assert "".join(marked["proved"]) == "OCO"


@pytest.mark.parametrize(
    ("requirement", "answer", "refuted"),
    [
        ({"rings": 1}, "C1CC1CC1CC1", ["1"]),
        ({"aromatic_rings": 0}, "CCc1ccccc1", ["c", "ccccc"]),
        ({"atoms": {"N": 1}}, "NCCNCCN", ["N", "N"]),
        ({"heavy_atoms": [1, 3]}, "CCCCO", ["CO"]),
        ({"fragments": 1}, "CCO.CN", ["CN"]),
        ({"charge": 0}, "C[NH3+]", ["[NH3+]"]),
        ({"group": "alcohol", "count": 1}, "OCCCO", ["CO"]),
    ],
)
def test_a_surplus_is_refuted_where_it_comes_last(judge, requirement, answer, refuted):
    assert judge(answer, {"requirements": [requirement]})[1]["refuted"] == refuted


@pytest.mark.parametrize(
    "requirement", [{"property": "logp", "low": 4}, {"property": "weight", "high": 10}, {"atoms": {"N": 2}}]
)
def test_what_has_no_place_is_fatal(judge, requirement):
    assert judge("CCO", {"requirements": [requirement]})[1]["fatal"] == ["CCO"]


def test_one_token_from_the_example_is_refuted_too(judge):
    _, marked = judge("NC(=O)c1ccc(C)cc1", REFERENCE)
    assert marked["refuted"] == ["N"]
    assert marked["fatal"]


def test_the_length_of_a_long_answer_is_the_true_one():
    response = "<SMILES>" + "C" * 1_000_000 + "</SMILES>"
    (finding,) = VERIFIER.verify(response, REFERENCE).findings
    assert (finding.start, finding.end, finding.evidence["characters"]) == (8, 1_000_008, 1_000_000)
    assert check_finding(finding, response, REFERENCE, verifier=VERIFIER)


def test_a_broken_smiles_without_an_example_has_its_faults_refuted(judge):
    assert judge("OC(=O)c1ccc(C)cc", ALONE)[1]["refuted"] == ["1"]
    assert judge("OC(=O)(=O)c1ccccc1", ALONE)[1]["refuted"] == ["C", "=O"]
    assert judge("OC(=O)c1cncc1", ALONE)[1]["refuted"] == ["n"]  # [nH] would do
    assert judge("OC(=O)cC", ALONE)[1]["refuted"] == ["c"]
    assert judge("OC(=O)c1cccc1", ALONE)[1]["refuted"] == ["c1cccc"]


def test_one_molecule_may_be_asked_for(judge):
    assert judge("O=C(O)c1ccc(C)cc1", {"smiles": "Cc1ccc(C(O)=O)cc1"})[0].status == "correct"
    assert judge("OC(=O)Cc1ccccc1", {"smiles": "Cc1ccc(C(O)=O)cc1"})[0].status == "wrong"


@pytest.mark.parametrize(
    "reference",
    [None, {}, [], {"smiles": ""}, {"smiles": "C("}, {"requirements": []}, {"requirements": [{"group": "x"}]},
     {"smiles": "C", "other": 1}, {"requirements": None}],
)  # fmt: skip
def test_a_broken_reference_is_refused(reference):
    with pytest.raises(InvalidInputError):
        VERIFIER.verify("CCO", reference)


def test_it_keeps_the_promises_of_a_verifier():
    cases = [
        {"response": "so it is OC(=O)c1ccc(C)cc1", "reference": REFERENCE, "expected": "correct"},
        {"response": "<SMILES>OC(=O)Cc1ccccc1</SMILES>", "reference": ALONE, "expected": "correct"},
        {"response": "<SMILES>OC(=O)Cc1ccccc</SMILES>", "reference": REFERENCE, "expected": "wrong"},
        {"response": "OCc1ccc(C)cc1", "reference": ALONE, "expected": "wrong"},
    ]
    assert not check_verifier(get_verifier("molecule"), cases).disagreements


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("C" * 3000, "at most 2000 characters"),
        ("C" * 1999, "at most 400 atoms"),
        ("(" * 1500, "a branch begins at no atom"),
        ("C(" * 300 + "C" + ")" * 299, "never closed"),
    ],
)
def test_too_large_is_wrong_at_once(answer, reason):
    started = time.perf_counter()
    verdict = VERIFIER.verify(f"<SMILES>{answer}</SMILES>", REFERENCE)
    assert verdict.status == "wrong"
    assert reason in verdict.reason
    assert time.perf_counter() - started < 2


def test_a_large_molecule_is_judged_in_a_worker_process():
    answer = "OC(=O)" + "C" * 300
    reference = {"requirements": [{"group": "carboxylic acid"}, {"heavy_atoms": 303}]}
    verdict = VERIFIER.verify(f"<SMILES>{answer}</SMILES>", reference)
    assert verdict.status == "correct"
    assert verdict.verifier == "molecule/1"


@pytest.mark.parametrize("answer", ["[#999]", "[C@TB99](F)(Cl)Br", "[2H]" * 50, "[C+99]", "C->C", "*"])
def test_what_breaks_rdkit_inside_gets_a_verdict(answer):
    assert VERIFIER.verify(f"<SMILES>{answer}</SMILES>", REFERENCE).status == "wrong"


def test_a_picture_marks_the_refuted_atoms():
    response = "<SMILES>OC(=O)c1ccc(CN)cc1</SMILES>"
    marked = VERIFIER.picture(response, VERIFIER.verify(response, ALONE))
    plain = VERIFIER.picture(response, VERIFIER.verify(response, {"smiles": "OC(=O)c1ccc(CN)cc1"}))
    assert xml.dom.minidom.parseString(marked).documentElement.tagName == "svg"
    assert "#F28C7F" in marked
    assert "#F28C7F" not in plain


def test_a_picture_of_a_broken_smiles_shows_its_beginning_or_nothing():
    for response, shown in (("<SMILES>CCOCC(</SMILES>", True), ("<SMILES>(CC</SMILES>", False), ("no idea", False)):
        verdict = VERIFIER.verify(response, REFERENCE)
        assert ("<svg" in VERIFIER.picture(response, verdict)) is shown


def test_rdkit_says_nothing_and_logs_again_afterwards(capfd):
    from rdkit import Chem

    VERIFIER.verify("<SMILES>CC(=O)(=O)(=O)C</SMILES>", REFERENCE)
    assert capfd.readouterr().err == ""
    Chem.MolFromSmiles("CC(")
    assert "CC(" in capfd.readouterr().err


def test_importing_the_verifiers_does_not_import_rdkit():
    code = "import sys, stepgym.verifiers; stepgym.verifiers.MoleculeVerifier; print('rdkit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == "False"
