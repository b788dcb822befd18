from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

from stepgym.errors import InvalidInputError
from stepgym.verifiers.molecule.molecules import parse
from stepgym.verifiers.molecule.requirements import PROPERTIES, parse_requirements


@pytest.mark.parametrize(
    ("item", "words", "smiles", "value", "holds"),
    [
        ({"group": "ester", "count": 1}, "exactly 1 ester", "CC(=O)OC", 1, True),
        ({"group": "ester"}, "at least 1 ester", "CC(=O)O", 0, False),
        ({"group": "amine", "at_least": 2}, "at least 2 amines", "NCCN", 2, True),
        ({"group": "amine", "at_most": 1}, "at most 1 amine", "NCCN", 2, False),
        ({"group": "amine", "count": [1, 2]}, "1 to 2 amines", "NCCN", 2, True),
        ({"group": "amine", "at_least": 1, "at_most": 1}, "exactly 1 amine", "CN", 1, True),
        ({"rings": 1}, "exactly 1 ring", "C1CC1", 1, True),
        ({"rings": 3}, "exactly 3 rings", "C12C3C4C1C5C2C3C45", 5, False),  # cubane: not RDKit's six
        ({"aromatic_rings": [0, 1]}, "at most 1 aromatic ring", "c1ccc2ccccc2c1", 2, False),
        ({"heavy_atoms": [2, 4]}, "2 to 4 heavy atoms", "[2H]C([2H])O", 2, True),
        ({"fragments": 1}, "exactly 1 fragment", "C.C", 2, False),
        ({"charge": 0}, "exactly 0 units of charge", "CC(=O)[O-]", -1, False),
        ({"property": "weight", "low": 46, "high": 47}, "weight of 46 to 47", "CCO", 46.069, True),
        ({"property": "h_donors", "low": 2}, "h_donors of at least 2", "CCO", 1, False),
        ({"atoms": {"H": 6}}, "exactly 6 H atoms", "CCO", 6, True),
        ({"atoms": {"Cl": [1, 3]}}, "1 to 3 Cl atoms", "ClCCl", 2, True),
    ],
)
def test_a_requirement_measures_holds_and_says_so(item, words, smiles, value, holds):
    (requirement,) = parse_requirements([item])
    assert requirement.describe() == words
    assert requirement.measure(parse(smiles)) == pytest.approx(value, abs=1e-3)
    assert requirement.holds(requirement.measure(parse(smiles))) is holds


def test_several_elements_are_several_requirements():
    carbon, oxygen = parse_requirements([{"atoms": {"C": 2, "O": 1}}])
    assert (carbon.name, oxygen.name) == ("C", "O")


def test_every_property_is_a_number():
    molecule = parse("CC(=O)Oc1ccccc1C(=O)O")
    assert {name: round(measure(molecule), 2) for name, measure in PROPERTIES.items()} == {
        "logp": 1.31,
        "weight": 180.16,
        "tpsa": 63.6,
        "h_donors": 1.0,
        "h_acceptors": 3.0,
        "rotatable_bonds": 2.0,
    }


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        "ester",
        [1],
        [{}],
        [{"group": "estre"}],
        [{"group": ["ester"]}],
        [{"group": "ester", "count": 1, "at_least": 1}],
        [{"group": "ester", "count": "1"}],
        [{"group": "ester", "count": [2, 1]}],
        [{"group": "ester", "at_least": 3, "at_most": 1}],
        [{"group": "ester", "count": True}],
        [{"rings": 1, "atoms": {"C": 1}}],
        [{"rings": float("nan")}],
        [{"atoms": {"Xx": 1}}],
        [{"atoms": {}}],
        [{"property": "colour", "low": 1}],
        [{"property": "logp"}],
        [{"rings": 1}] * 51,
    ],
)
def test_what_is_no_requirement_is_refused(data):
    with pytest.raises(InvalidInputError):
        parse_requirements(data)
