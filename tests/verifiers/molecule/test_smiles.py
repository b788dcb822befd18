from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from hypothesis import given
from hypothesis import strategies as st

from stepgym.verifiers.molecule.molecules import chem, quiet
from stepgym.verifiers.molecule.smiles import read_smiles, tokenize

MOLECULES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "C/C=C/C(=O)N[C@@H](C)c1c[nH]c2ccccc12",
    "[Na+].[Cl-].O=S(=O)(O)c1ccc(Br)cc1",
    "C12C3C4C1C5C2C3C45",
    "[13CH3][C@](F)(Cl)Br",
    "C%11CCCCC%11",
    "C%(101)CCCCC%(101)",
    "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",
    "[2H]C([2H])([2H])O",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "O=[N+]([O-])c1ccc(I)cc1",
    "C1.C1",
    "F/C=C\\F",
    "F/C=C\\\\F",  # as escaped in JSON; RDKit reads it as one bond
    "C=1CCCCC1",
    "[nH]1cccc1",
    "[O-][n+]1ccccc1",
    "C[Si](C)(C)C#N",
    "*C(=O)[*:1]",
]
ALPHABET = "CNOScnos()[]=#123%.+-@H/\\FIBrl$x"


@pytest.mark.parametrize("smiles", MOLECULES)
def test_atoms_and_bonds_are_those_of_rdkit(smiles):
    agrees_with_rdkit(smiles)


@given(st.sampled_from(MOLECULES), st.randoms(use_true_random=False))
def test_atoms_and_bonds_are_those_of_rdkit_however_it_is_written(smiles, random):
    molecule = chem().MolFromSmiles(smiles)
    order = list(range(molecule.GetNumAtoms()))
    random.shuffle(order)
    written = chem().MolToSmiles(
        chem().RenumberAtoms(molecule, order), canonical=False, allBondsExplicit=random.random() < 0.3,
        kekuleSmiles=False, allHsExplicit=random.random() < 0.3,
    )  # fmt: skip
    agrees_with_rdkit(written)


@given(st.sampled_from(MOLECULES), st.data())
def test_a_fault_is_found_exactly_where_rdkit_finds_one(smiles, data):
    at = data.draw(st.integers(0, len(smiles) - 1))
    end = at + data.draw(st.integers(0, 1))
    mutant = smiles[:at] + data.draw(st.sampled_from(["", *ALPHABET])) + smiles[end:]
    with quiet():
        molecule = chem().MolFromSmiles(mutant, sanitize=False) if mutant else None
    if molecule is not None and not read_smiles(mutant).problems:
        agrees_with_rdkit(mutant)
    elif molecule is not None:
        # Two things RDKit reads and OpenSMILES does not: [C@OH] as octahedral, and [CH12].
        assert {problem.kind for problem in read_smiles(mutant).problems} == {"bracket"}
    for problem in read_smiles(mutant).problems:
        assert 0 <= problem.start < problem.end <= len(mutant)


@given(st.text(max_size=60))
def test_tokens_cover_every_text(text):
    tokens = tokenize(text)
    assert "".join(text[token.start : token.end] for token in tokens) == text


@pytest.mark.parametrize(
    ("smiles", "kind", "wrong"),
    [
        ("CC(C", "branch", "("),
        ("CC)C", "branch", ")"),
        ("C()C", "branch", "()"),
        ("C1CC", "ring", "1"),
        ("C11", "ring", "1"),
        ("C12CC12", "ring", "2"),
        ("C=1CCC-1", "ring", "1"),
        ("C1C1", "ring", "1"),
        ("CC=", "bond", "="),
        ("C(=)C", "bond", "="),
        ("C==C", "bond", "="),
        ("=CC", "bond", "="),
        ("CXC", "character", "X"),
        ("C C", "tail", " C"),
        ("C[Xy]C", "element", "[Xy]"),
        ("C[N+C", "bracket", "[N+C"),
        ("Cn]C", "bracket", "n]"),
        ("c1cnH]c1", "bracket", "nH]"),
        ("C[]C", "bracket", "[]"),
        ("C.", "dot", "."),
        ("C(.)C", "dot", ")"),
    ],
)
def test_a_fault_has_its_kind_and_place(smiles, kind, wrong):
    problem = read_smiles(smiles).problems[0]
    assert problem.kind == kind
    assert smiles[problem.start : problem.end] == wrong


def agrees_with_rdkit(smiles: str) -> None:
    with quiet():
        molecule = chem().MolFromSmiles(smiles, sanitize=False)
    reading = read_smiles(smiles)
    assert not reading.problems
    assert "".join(smiles[token.start : token.end] for token in reading.tokens) == smiles
    atoms = [reading.symbol(index) for index in range(len(reading.atoms))]
    elements = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    assert [a.capitalize() for a in atoms if a[0] != "#"] == [
        e for a, e in zip(atoms, elements, strict=True) if a[0] != "#"
    ]
    assert [a.islower() for a in atoms] == [atom.GetIsAromatic() for atom in molecule.GetAtoms()]
    ends = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    assert sorted(tuple(sorted(pair)) for pair in ends) == sorted(
        tuple(sorted((bond.first, bond.second))) for bond in reading.bonds
    )
