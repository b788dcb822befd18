from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from stepgym.errors import UnknownNameError
from stepgym.verifiers.molecule.groups import GROUPS, count_group, find_group, pattern
from stepgym.verifiers.molecule.molecules import parse

# Molecules with one of the group, and molecules that look like it and have none.
CASES = {
    "alcohol": (["CCO", "CC(C)O", "OC1CCCCC1"], ["CC(=O)O", "Oc1ccccc1", "COC", "C=CO", "CC(=O)OC"]),
    "primary alcohol": (["CCO", "CO"], ["CC(C)O", "CC(C)(C)O", "CC(=O)O"]),
    "secondary alcohol": (["CC(C)O"], ["CCO", "CC(C)(C)O"]),
    "tertiary alcohol": (["CC(C)(C)O"], ["CC(C)O", "CCO"]),
    "phenol": (["Oc1ccccc1"], ["OCc1ccccc1", "COc1ccccc1"]),
    "hydroxyl group": (["CCO", "Oc1ccccc1", "CC(=O)O"], ["COC", "CC=O"]),
    "carbonyl group": (["CC=O", "CC(=O)O", "CC(N)=O"], ["COC", "O=c1cc[nH]cc1"]),
    "carboxylic acid": (["CC(=O)O", "OC=O", "OC(=O)c1ccccc1"], ["CC(=O)OC", "OC(=O)N", "COC(=O)O", "CC(=O)[O-]"]),
    "carboxylate": (["CC(=O)[O-]"], ["CC(=O)O", "C[O-]"]),
    "ester": (["CC(=O)OC", "O=COC", "CC(=O)Oc1ccccc1", "O=C1CCCO1"], ["COC(=O)OC", "CC(=O)OC(C)=O", "CNC(=O)OC"]),
    "lactone": (["O=C1CCCO1"], ["CC(=O)OC", "O=C1CCCN1"]),
    "anhydride": (["CC(=O)OC(C)=O", "O=C1CCC(=O)O1"], ["CC(=O)OC", "COC(=O)OC"]),
    "aldehyde": (["CC=O", "C=O", "O=Cc1ccccc1"], ["CC(C)=O", "OC=O", "NC=O", "COC=O"]),
    "ketone": (["CC(C)=O", "O=C1CCCCC1"], ["CC=O", "CC(=O)O", "CC(N)=O", "CC(=O)Cl"]),
    "ether": (["COC", "COc1ccccc1", "C1CCOC1", "C1COCCN1"], ["CO", "CC(=O)OC", "C1CO1", "COCOC", "c1ccoc1"]),
    "methoxy group": (["COCC", "COc1ccccc1"], ["CC(=O)OC", "CCOCC", "CO"]),
    "acetal": (["COCOC", "C1OCCO1"], ["COC", "COCCOC"]),
    "epoxide": (["C1CO1", "CC1OC1C"], ["C1CCO1", "C1CC1"]),
    "peroxide": (["COOC", "COO"], ["COCO"]),
    "carbonate": (["COC(=O)OC"], ["COC(C)=O", "CNC(=O)OC"]),
    "primary amine": (["CN", "Nc1ccccc1"], ["CNC", "CC(N)=O", "CS(N)(=O)=O", "NN", "NC#N"]),
    "secondary amine": (["CNC", "C1CCNCC1"], ["CN", "CN(C)C", "CNC(C)=O", "c1cc[nH]c1"]),
    "tertiary amine": (["CN(C)C"], ["CNC", "CN(C)C(C)=O", "c1ccncc1", "C[N+](C)(C)C"]),
    "amine": (["CN", "CNC", "CN(C)C"], ["N", "CC(N)=O", "C[N+](=O)[O-]", "CC#N"]),
    "aniline": (["Nc1ccccc1", "CNc1ccccc1"], ["NCc1ccccc1", "CC(=O)Nc1ccccc1"]),
    "quaternary ammonium": (["C[N+](C)(C)C"], ["C[NH+](C)C", "CN(C)C"]),
    "amide": (["CC(N)=O", "CNC(C)=O", "NC=O"], ["NC(N)=O", "CNC(=O)OC", "CC(=O)NC(C)=O", "CC(C)=O"]),
    "primary amide": (["CC(N)=O"], ["CNC(C)=O", "NC(N)=O"]),
    "secondary amide": (["CNC(C)=O"], ["CC(N)=O", "CN(C)C(C)=O"]),
    "tertiary amide": (["CN(C)C(C)=O"], ["CNC(C)=O", "CN(C)C(=O)N(C)C"]),
    "lactam": (["O=C1CCCN1"], ["CNC(C)=O", "O=C1CCCO1"]),
    "imide": (["CC(=O)NC(C)=O", "O=C1CCC(=O)N1"], ["CNC(C)=O"]),
    "urea": (["NC(N)=O"], ["CC(N)=O", "NC(=O)OC", "O=c1cc[nH]c(=O)[nH]1"]),
    "carbamate": (["NC(=O)OC", "CC(C)(C)OC(=O)NC"], ["NC(N)=O", "COC(=O)OC"]),
    "nitrile": (["CC#N"], ["C#N", "CC#C", "[C-]#[N+]C"]),
    "nitro group": (["C[N+](=O)[O-]", "CN(=O)=O"], ["CON=O", "C[N+](C)(C)[O-]"]),
    "imine": (["CC=NC", "CC=N"], ["CC=NO", "NC(C)=N", "CC=NN"]),
    "oxime": (["CC=NO"], ["CC=NC", "CC=NOC"]),
    "hydrazone": (["CC=NN"], ["CC=NC"]),
    "guanidine": (["NC(N)=N"], ["NC(N)=O", "CC(N)=N"]),
    "azide": (["CN=[N+]=[N-]"], ["CN=NC"]),
    "isocyanate": (["CN=C=O"], ["CN=C=S", "CC#N"]),
    "azo group": (["CN=NC"], ["CN=[N+]=[N-]", "CNNC"]),
    "thiol": (["CS", "Sc1ccccc1"], ["CSC", "CC(=O)S"]),
    "sulfide": (["CSC", "CSc1ccccc1"], ["CS", "CSSC", "c1ccsc1", "CC(=O)SC", "CS(C)=O"]),
    "disulfide": (["CSSC"], ["CSC"]),
    "thioester": (["CC(=O)SC"], ["CSC", "CC(=O)OC"]),
    "sulfoxide": (["CS(C)=O", "C[S+](C)[O-]"], ["CS(C)(=O)=O", "CSC"]),
    "sulfone": (["CS(C)(=O)=O"], ["CS(C)=O", "CS(N)(=O)=O"]),
    "sulfonamide": (["CS(N)(=O)=O", "CNS(C)(=O)=O"], ["CS(C)(=O)=O", "CS(=O)(=O)O"]),
    "sulfonic acid": (["CS(=O)(=O)O"], ["CS(=O)(=O)OC", "CS(C)(=O)=O"]),
    "sulfonyl chloride": (["CS(=O)(=O)Cl"], ["CC(=O)Cl", "CS(N)(=O)=O"]),
    "acyl chloride": (["CC(=O)Cl"], ["CC(=O)CCl", "CCl"]),
    "fluoro group": (["CF", "Fc1ccccc1"], ["CC(=O)F", "CCl"]),
    "chloro group": (["CCl", "Clc1ccccc1"], ["CC(=O)Cl", "CS(=O)(=O)Cl", "[Cl-]"]),
    "bromo group": (["CBr"], ["BrBr", "CI"]),
    "iodo group": (["CI"], ["II", "CBr"]),
    "alkyl halide": (["CCl", "CBr"], ["Clc1ccccc1", "C=CCl"]),
    "aryl halide": (["Clc1ccccc1"], ["ClCc1ccccc1"]),
    "boronic acid": (["OB(O)c1ccccc1", "CB(O)O"], ["COB(C)OC", "OB(O)O"]),
    "phosphate": (["COP(=O)(O)O", "COP(=O)([O-])[O-]"], ["CP(=O)(O)O"]),
    "alkene": (["C=C", "C1=CCCCC1"], ["c1ccccc1", "C#C", "CC=O"]),
    "alkyne": (["C#C", "CC#CC"], ["C=C", "CC#N"]),
    "terminal alkyne": (["CC#C"], ["CC#CC"]),
    "methyl group": (["CO", "CN"], ["C", "C1CC1", "C=C"]),
    "trifluoromethyl group": (["CC(F)(F)F"], ["CC(F)F", "FC(F)F"]),
    "tert-butyl group": (["CC(C)(C)O"], ["CC(C)O", "CC(C)C"]),
    "benzene ring": (["c1ccccc1", "C1=CC=CC=C1"], ["C1CCCCC1", "c1ccncc1"]),
    "pyridine ring": (["c1ccncc1"], ["c1ccccc1", "c1cnccn1", "c1cc[nH]c1"]),
    "pyrimidine ring": (["c1cncnc1"], ["c1ccncc1", "c1cnccn1"]),
    "furan ring": (["c1ccoc1"], ["C1CCOC1", "c1ccsc1"]),
    "thiophene ring": (["c1ccsc1"], ["c1ccoc1", "C1CCSC1"]),
    "pyrrole ring": (["c1cc[nH]c1", "Cn1cccc1"], ["c1ccncc1", "c1c[nH]cn1"]),
    "imidazole ring": (["c1c[nH]cn1"], ["c1cc[nH]n1", "c1cc[nH]c1"]),
    "1,2,3-triazole ring": (["c1c[nH]nn1", "Cn1ccnn1"], ["c1nc[nH]n1", "c1c[nH]cn1"]),
    "cyclopropane ring": (["C1CC1"], ["C1CO1", "CCC"]),
    "cyclopentane ring": (["C1CCCC1"], ["C1CCOC1", "C1=CCCC1"]),
    "cyclohexane ring": (["C1CCCCC1"], ["c1ccccc1", "C1CCNCC1"]),
    "piperidine ring": (["C1CCNCC1"], ["c1ccncc1", "C1CNCCN1"]),
    "piperazine ring": (["C1CNCCN1"], ["C1CCNCC1", "C1COCCN1"]),
    "morpholine ring": (["C1COCCN1"], ["C1CNCCN1", "C1CCOCC1"]),
}  # fmt: skip


def test_every_group_has_cases_and_a_meaning():
    assert set(CASES) == set(GROUPS)
    assert len(GROUPS) >= 25
    assert all(group.meaning for group in GROUPS.values())


@pytest.mark.parametrize("name", CASES)
def test_a_group_is_where_it_is_and_nowhere_else(name):
    having, lacking = CASES[name]
    assert {smiles: count_group(parse(smiles), name) for smiles in having} == dict.fromkeys(having, 1)
    assert {smiles: count_group(parse(smiles), name) for smiles in lacking} == dict.fromkeys(lacking, 0)


@pytest.mark.parametrize(
    ("smiles", "name", "count"),
    [
        ("OCC(O)CO", "alcohol", 3),
        ("CC(=O)Oc1ccccc1C(=O)O", "ester", 1),
        ("OC(=O)CC(=O)O", "carboxylic acid", 2),
        ("c1ccc2ccccc2c1", "benzene ring", 2),
        ("ClC(Cl)Cl", "chloro group", 3),
        ("COCOC", "methoxy group", 2),
        ("OCC1OC(O)C(O)C(O)C1O", "alcohol", 4),
        ("COC", "methyl group", 2),
    ],
)
def test_groups_are_counted(smiles, name, count):
    assert count_group(parse(smiles), name) == count


def test_the_atoms_of_a_group_are_those_of_the_group_itself():
    assert find_group(parse("CCC(=O)OC"), "ester") == ((2, 3, 4),)
    assert find_group(parse("Oc1ccccc1"), "phenol") == ((0, 1),)


def test_an_unknown_group_is_named():
    with pytest.raises(UnknownNameError, match="carboxylic acid"):
        pattern("carboxylic acids")
