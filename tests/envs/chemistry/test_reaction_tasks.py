from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rdkit", reason="RDKit (the extra chem) is not installed")

from stepgym.envs.chemistry import EASY_REACTIONS, draw_reaction, reactions_of
from stepgym.envs.chemistry.building_blocks import GROUPS, REAGENTS, put_on, random_rest
from stepgym.envs.chemistry.reaction_tasks import check_reactions, gives_one_part, reaction_of_slug, slug
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers.molecule.molecules import canonical_smiles, parse
from stepgym.verifiers.molecule.reactions import REACTIONS, run


@pytest.mark.parametrize("reaction", sorted(REACTIONS))
def test_every_reaction_is_drawn_with_exactly_one_product(reaction: str) -> None:
    for difficulty in range(1, 6):
        rng = np.random.default_rng(difficulty)
        for _ in range(6):
            example = draw_reaction(rng, reaction, difficulty)
            assert run(reaction, list(example.reactants)) == {example.product}
            assert example.product not in example.reactants
            assert example.product == canonical_smiles(example.product)
            assert [canonical_smiles(smiles) for smiles in example.reactants] == list(example.reactants)


@pytest.mark.parametrize("difficulty", [4, 5])
def test_where_only_conditions_are_told_they_settle_the_product(difficulty: int) -> None:
    rng = np.random.default_rng(difficulty)
    for reaction in REACTIONS:
        for _ in range(5):
            example = draw_reaction(rng, reaction, difficulty)
            for other in REACTIONS.values():
                if other.conditions == example.conditions:
                    assert run(other.name, list(example.reactants)) <= {example.product}, (other.name, example)


def test_the_same_generator_gives_the_same_reactions() -> None:
    first, second = (
        [draw_reaction(rng, "amide coupling", 4) for _ in range(20)]
        for rng in (np.random.default_rng(5) for _ in range(2))
    )
    assert first == second
    assert len(set(first)) > 15


def test_every_group_is_a_molecule_on_every_kind_of_rest() -> None:
    rng = np.random.default_rng(0)
    for group in GROUPS:
        for level in range(1, 6):
            for _ in range(5):
                smiles = put_on(random_rest(rng, "alkyl", level), group)
                assert parse(smiles) is not None, smiles
                smiles = put_on(random_rest(rng, "aryl", level), group)
                assert parse(smiles) is not None, smiles


def test_reagents_are_molecules_and_easy_reactions_exist() -> None:
    assert all(parse(smiles) is not None for smiles in REAGENTS)
    assert set(EASY_REACTIONS) <= set(REACTIONS)
    assert reactions_of(1) == EASY_REACTIONS
    assert reactions_of(5) == tuple(REACTIONS)
    assert len(REACTIONS) >= 15


def test_names_stand_in_ids() -> None:
    assert {reaction_of_slug(slug(name)) for name in REACTIONS} == set(REACTIONS)
    assert all(slug(name).replace("-", "").isalnum() and slug(name).islower() for name in REACTIONS)
    assert reaction_of_slug(None) is None
    assert reaction_of_slug("no-such-reaction") is None


def test_reactions_that_take_a_molecule_apart() -> None:
    assert not gives_one_part("ester hydrolysis")
    assert gives_one_part("ester formation")
    with pytest.raises(InvalidInputError, match="'ester hydrolysis' takes one apart"):
        check_reactions(["ester hydrolysis"], known=(), one_part=True)


@pytest.mark.parametrize("names", ["ester formation", [], {"ester formation"}, ["suzuki coupling", "suzuki coupling"]])
def test_bad_lists_of_reactions_are_refused(names: object) -> None:
    with pytest.raises(InvalidInputError, match="reactions must be"):
        check_reactions(names, known=EASY_REACTIONS)  # type: ignore[arg-type]


def test_an_unknown_reaction_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'ester formation'"):
        check_reactions(["ester formatoin"], known=EASY_REACTIONS)
