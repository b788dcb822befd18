from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers.molecule.groups import GROUPS
from stepgym.verifiers.molecule.molecules import canonical_smiles
from stepgym.verifiers.molecule.reactions import MAX_REACTANT_ATOMS, REACTIONS, run

CASES = {
    "ester formation": ("CC(=O)O.OCC", "CC(=O)OCC"),
    "amide coupling": ("OC(=O)c1ccccc1.NCC", "CCNC(=O)c1ccccc1"),
    "ester hydrolysis": ("CC(=O)OCC", "CC(=O)O.CCO"),
    "amide hydrolysis": ("CC(=O)NCC", "CC(=O)O.CCN"),
    "acyl chloride formation": ("CC(=O)O", "CC(=O)Cl"),
    "amide formation from an acyl chloride": ("CC(=O)Cl.CNC", "CC(=O)N(C)C"),
    "ester formation from an acyl chloride": ("CC(=O)Cl.Oc1ccccc1", "CC(=O)Oc1ccccc1"),
    "sulfonamide formation": ("CS(=O)(=O)Cl.NC", "CNS(C)(=O)=O"),
    "boc protection": ("NCc1ccccc1", "CC(C)(C)OC(=O)NCc1ccccc1"),
    "boc deprotection": ("CNC(=O)OC(C)(C)C", "CN"),
    "urea formation": ("CN=C=O.CNC", "CNC(=O)N(C)C"),
    "carbamate formation": ("CN=C=O.OC", "CNC(=O)OC"),
    "williamson ether synthesis": ("Oc1ccccc1.CCBr", "CCOc1ccccc1"),
    "thioether formation": ("CS.CCI", "CSCC"),
    "azide substitution": ("CCBr", "CCN=[N+]=[N-]"),
    "cyanide substitution": ("CCCBr", "CCCC#N"),
    "alcohol bromination": ("CCO", "CCBr"),
    "epoxide opening by an amine": ("CC1CO1.CN", "CC(O)CNC"),
    "reductive amination": ("CC(C)=O.NC", "CNC(C)C"),
    "imine formation": ("O=Cc1ccccc1.NC", "CN=Cc1ccccc1"),
    "alcohol oxidation to an aldehyde": ("CCO", "CC=O"),
    "alcohol oxidation to a ketone": ("CC(O)CC", "CC(=O)CC"),
    "alcohol oxidation to a carboxylic acid": ("CCO", "CC(=O)O"),
    "aldehyde oxidation to a carboxylic acid": ("CC=O", "CC(=O)O"),
    "sulfide oxidation to a sulfone": ("CSC", "CS(C)(=O)=O"),
    "epoxidation": ("CC=CC", "CC1OC1C"),
    "ketone reduction": ("CC(=O)CC", "CC(O)CC"),
    "aldehyde reduction": ("CC=O", "CCO"),
    "carboxylic acid reduction": ("CC(=O)O", "CCO"),
    "amide reduction": ("CC(=O)NC", "CCNC"),
    "nitro reduction": ("O=[N+]([O-])c1ccccc1", "Nc1ccccc1"),
    "nitrile hydrolysis": ("CC#N", "CC(=O)O"),
    "nitrile reduction": ("CC#N", "CCN"),
    "alkene hydrogenation": ("C=CC", "CCC"),
    "alkyne hydrogenation": ("C#CC", "CCC"),
    "alkene bromination": ("C=CC.BrBr", "CC(Br)CBr"),
    "suzuki coupling": ("Brc1ccccc1.OB(O)c1ccncc1", "c1ccc(-c2ccncc2)cc1"),
    "buchwald-hartwig amination": ("Brc1ccccc1.C1COCCN1", "c1ccc(N2CCOCC2)cc1"),
    "sonogashira coupling": ("Ic1ccccc1.C#CCC", "CCC#Cc1ccccc1"),
    "grignard addition": ("CC=O.C[Mg]Br", "CC(C)O"),
    "wittig reaction": ("CC=O.C=P(c1ccccc1)(c1ccccc1)c1ccccc1", "C=CC"),
    "diels-alder reaction": ("C=CC=C.C=CC=O", "O=CC1CC=CCC1"),
    "azide-alkyne click reaction": ("CCN=[N+]=[N-].C#CC", "CCn1cc(C)nn1"),
}


def test_every_reaction_has_a_case():
    assert set(CASES) == set(REACTIONS)
    assert len(REACTIONS) >= 15
    assert all(reaction.conditions for reaction in REACTIONS.values())


@pytest.mark.parametrize("name", CASES)
def test_a_reaction_makes_its_product_in_any_order_of_the_reactants(name):
    reactants, product = CASES[name]
    assert run(name, reactants) == {canonical_smiles(product)}
    assert run(name, reactants.split(".")[::-1]) == {canonical_smiles(product)}


@pytest.mark.parametrize("name", CASES)
def test_reactants_without_the_groups_give_nothing(name):
    assert run(name, ".".join(["CC"] * REACTIONS[name].arity)) == frozenset()
    assert run(name, "CC.CC.CC.CC") == frozenset()


def test_reactants_are_described_by_groups_where_there_is_one():
    named = {words for reaction in REACTIONS.values() for words in reaction.reactants}
    assert len(named & set(GROUPS)) >= 15


@pytest.mark.parametrize(
    ("name", "reactants", "products"),
    [
        ("ester hydrolysis", "O=C1CCCCO1", {"O=C(O)CCCCO"}),  # one molecule, not two
        ("amide hydrolysis", "O=C1CCCCN1", {"NCCCCC(=O)O"}),
        ("ester formation", "OCC(O)C.CC(=O)O", {"CC(=O)OCC(C)O", "CC(=O)OC(C)CO"}),  # two places
        ("suzuki coupling", "Clc1ccccc1.CC1(C)OB(c2ccccc2)OC1(C)C", {"c1ccc(-c2ccccc2)cc1"}),  # pinacol ester
        ("alcohol oxidation to a ketone", "C[C@H](O)CC", {"CCC(C)=O"}),  # no stereo left
        ("amide coupling", "C[C@H](N)C(=O)OC.CC(=O)O", {"COC(=O)[C@H](C)NC(C)=O"}),  # stereo kept
        ("williamson ether synthesis", "CO.CC(C)(C)Br", set()),  # tertiary halide
        ("ester formation", "Oc1ccccc1.CC(=O)O", set()),  # no phenol
        ("amide coupling", "CC(=O)O.NC(C)=O", set()),  # an amide is no amine
        ("diels-alder reaction", "C1C=CC=C1.C=CC#N", {"N#CC1CC2C=CC1C2"}),
        ("nitro reduction", "CC.CC", set()),
    ],
)
def test_what_reactions_do_and_do_not(name, reactants, products):
    assert run(name, reactants) == {canonical_smiles(product) for product in products}


def test_names_and_reactants_are_checked():
    with pytest.raises(UnknownNameError, match="amide coupling"):
        run("amid coupling", "CC(=O)O.CN")
    with pytest.raises(InvalidInputError, match="CC"):
        run("amide coupling", "CC(=O.CN")


def test_large_reactants_give_nothing():
    assert run("ester formation", ["CC(=O)O", "C" * MAX_REACTANT_ATOMS + "O"]) == frozenset()
