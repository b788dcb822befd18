from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("rdkit", reason="RDKit (the extra chem) is not installed")

from stepgym.envs.chemistry import SHAPES, describe, random_molecule
from stepgym.envs.chemistry.descriptions import _EASY
from stepgym.verifiers.molecule.groups import GROUPS
from stepgym.verifiers.molecule.molecules import parse
from stepgym.verifiers.molecule.requirements import parse_requirements


@pytest.mark.parametrize("difficulty", sorted(SHAPES))
def test_a_molecule_meets_its_own_description(difficulty: int) -> None:
    rng = np.random.default_rng(difficulty)
    described = 0
    for _ in range(200):
        molecule = parse(random_molecule(rng, SHAPES[difficulty]))
        description = describe(rng, molecule, difficulty)
        if description is None:
            continue
        described += 1
        for requirement in parse_requirements(list(description.requirements)):
            assert requirement.holds(requirement.measure(molecule)), (description, requirement)
    assert described > 150


def test_the_words_say_what_the_requirements_say() -> None:
    rng = np.random.default_rng(0)
    molecule = parse("OCCC(=O)O")
    description = describe(rng, molecule, 2)
    assert description is not None
    assert sorted(map(str, description.requirements)) == sorted(
        map(
            str,
            [
                {"group": "alcohol", "count": 1},
                {"group": "carboxylic acid", "count": 1},
                {"atoms": {"C": 3}},
                {"rings": 0},
                {"fragments": 1},
            ],
        )
    )
    for words in ("one alcohol", "one carboxylic acid", "3 carbon atoms", "no rings"):
        assert words in description.text


def test_every_requirement_is_told() -> None:
    rng = np.random.default_rng(8)
    for difficulty in SHAPES:
        for _ in range(50):
            description = describe(rng, parse(random_molecule(rng, SHAPES[difficulty])), difficulty)
            if description is None:
                continue
            for requirement in description.requirements:
                if "group" in requirement:
                    group = GROUPS[requirement["group"]]
                    assert (group.name if requirement["count"] == 1 else group.plural) in description.text
                elif "property" in requirement and requirement["low"] != requirement["high"]:
                    shown = re.findall(r"from (-?[0-9]+(?:\.[0-9]+)?) to (-?[0-9]+(?:\.[0-9]+)?)", description.text)
                    assert (requirement["low"], requirement["high"]) in [tuple(map(float, pair)) for pair in shown]
                elif "atoms" in requirement and difficulty == 5:
                    for element, count in requirement["atoms"].items():
                        assert f"{element}{count if count > 1 else ''}" in description.text


def test_the_value_lies_anywhere_in_its_range() -> None:
    rng = np.random.default_rng(2)
    molecule = parse("CCOC(=O)c1ccccc1N")
    places = []
    for _ in range(300):
        description = describe(rng, molecule, 4)
        assert description is not None
        for requirement in description.requirements:
            if requirement.get("property") == "weight":
                places.append((165.19 - requirement["low"]) / (requirement["high"] - requirement["low"]))
    assert min(places) < 0.15
    assert max(places) > 0.85


def test_a_molecule_without_groups_has_no_description() -> None:
    assert describe(np.random.default_rng(0), parse("CCC"), 1) is None


def test_easy_words_are_groups() -> None:
    assert set(_EASY) <= set(GROUPS)
