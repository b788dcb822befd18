from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from hypothesis import given
from hypothesis import strategies as st

PENTANAL = [{"group": "aldehyde", "count": 1}, {"atoms": {"C": 5}}]


@pytest.mark.parametrize("example", [{}, {"smiles": "CCCCC=O"}, {"smiles": "CC(C)CC=O"}])
@pytest.mark.parametrize(
    ("answer", "atom"),
    [
        ("*CCCCC=O", "*"),
        ("CCCCC=O.[*]", "[*]"),
        ("[C]CCCC=O", "[C]"),
        ("[CH]CCCC=O", "[CH]"),
        ("C[C](C)CC=O", "[C]"),
        ("[C-10]CCCC=O", "[C-10]"),
        ("C[C-2]CCC=O", "[C-2]"),
        ("[300CH3]CCCC=O", "[300CH3]"),
    ],
)
def test_an_odd_atom_is_refuted_whatever_else_is_met(judge, answer, atom, example):
    verdict, marked = judge(answer, {"requirements": PENTANAL, **example})
    assert verdict.status == "wrong"
    assert atom in marked["refuted"]
    assert not any(atom in text for text in marked["proved"])


@pytest.mark.parametrize(
    "answer",
    ["O=[N+]([O-])CCCCC=O", "[NH3+]CCCCC=O", "[O-]OCCCCC=O", "CCCCC=O.[Na+].[Cl-]", "CCCCC=O.[Al+3]",
     "CCCCC=O.[O-]Cl(=O)(=O)=O", "CCCCC=O.[O-]S(=O)(=O)[O-]", "C[S+]([O-])CCCC=O", "[13CH3]CCCC=O",
     "F[B-](F)(F)CCCCC=O"],
)  # fmt: skip
def test_usual_charges_are_sound(judge, answer):
    assert judge(answer, {"requirements": PENTANAL})[0].status == "correct"


def test_an_example_may_have_odd_atoms_itself(judge):
    reference = {"requirements": PENTANAL, "smiles": "CCC[CH]C=O"}
    assert judge("CC[CH]CC=O", reference)[0].status == "correct"
    assert judge("C[CH][CH]CC=O", reference)[0].status == "wrong"
    assert judge("[C]CCCC=O", reference)[0].status == "wrong"
    assert judge("[CH2]C", {"smiles": "C[CH2]"})[0].status == "correct"


EVERYTHING = [
    *PENTANAL,
    {"fragments": 1},
    {"heavy_atoms": 6},
    {"rings": 0},
    {"charge": 0},
    {"group": "ketone", "at_most": 0},
]


@pytest.mark.parametrize("answer", ["*.CCCCC=O", "CCC.CC=O", "CCCCCC=O", "CCCC(=O)C=O", "CC1CCC1C=O"])
def test_a_known_repair_makes_the_surplus_a_note(judge, answer):
    reference = {"requirements": EVERYTHING, "smiles": "CCCCC=O"}
    judge_consistently(judge, answer, reference)
    findings = judge(answer, reference)[0].findings
    if any(f.kind == "repair" for f in findings):
        assert {f.severity for f in findings if f.kind.startswith("surplus-")} <= {"note"}
    assert any(f.kind == "repair" for f in findings) or "C1" in answer or "(" in answer


@given(st.sampled_from(["CCCCC=O", "CC(C)CC=O", "O=CCCCC", "CC(CC)C=O"]), st.data())
def test_nothing_is_proved_and_refuted_at_once(judge, smiles, data):
    pieces = ["", "C", "N", "*", ".", "*.", "=", "[C]", "[CH]", "[C-10]", "(=O)", " ", "->[Na+]", "[C@OH]", ".O"]
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(smiles)))
        smiles = smiles[:at] + data.draw(st.sampled_from(pieces)) + smiles[at + data.draw(st.integers(0, 1)) :]
    example = {"smiles": "CCCCC=O"}
    for reference in ({"requirements": EVERYTHING, **example}, {"requirements": EVERYTHING}, example):
        judge_consistently(judge, smiles, reference)


def judge_consistently(judge, answer, reference):
    verdict, _ = judge(answer, reference)
    covered = {
        severity: {at for f in verdict.findings if f.severity == severity for at in range(f.start, f.end)}
        for severity in ("proved", "refuted")
    }
    assert not covered["proved"] & covered["refuted"], verdict.findings
