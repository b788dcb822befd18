from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rdkit", reason="RDKit (the extra chem) is not installed")

from stepgym.envs.chemistry import SHAPES, MoleculeShape, random_molecule
from stepgym.envs.chemistry.random_molecules import END_GROUPS, LINKERS, shape_of
from stepgym.errors import InvalidInputError
from stepgym.verifiers.molecule.molecules import canonical_smiles, parse


@given(st.integers(0, 2**32), st.sampled_from(sorted(SHAPES)))
def test_every_drawn_text_is_one_valid_molecule(seed: int, difficulty: int) -> None:
    smiles = random_molecule(np.random.default_rng(seed), SHAPES[difficulty])
    molecule = parse(smiles)
    assert molecule is not None, smiles
    assert "." not in smiles
    assert all(atom.GetNumRadicalElectrons() == 0 for atom in molecule.GetAtoms())


def test_molecules_grow_with_the_difficulty() -> None:
    means = []
    for difficulty, shape in SHAPES.items():
        rng = np.random.default_rng(difficulty)
        means.append(np.mean([parse(random_molecule(rng, shape)).GetNumHeavyAtoms() for _ in range(200)]))
    assert means == sorted(means)
    assert means[0] < 9


def test_rings_within_rings_keep_their_bonds() -> None:
    # Frames of rings alone: ring digits of a child must not close those of its parent.
    shape = MoleculeShape((6, 6), (1, 1), (0, 0), ("C1C{}C{}C{}C{}C1",), linkers=("O",), branches=False)
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(200):
        smiles = random_molecule(rng, shape)
        molecule = parse(smiles)
        assert molecule is not None, smiles
        rings = molecule.GetRingInfo().AtomRings()
        assert {len(ring) for ring in rings} <= {6}
        found = max(found, len(rings))
    assert found >= 5


def test_all_parts_are_used_and_fit_on_carbon() -> None:
    for group in END_GROUPS:
        assert canonical_smiles(f"CC({group})C") is not None
    for linker in LINKERS:
        assert canonical_smiles(f"CC{linker}CC") is not None


def test_the_same_generator_gives_the_same_molecules() -> None:
    first, second = (
        [random_molecule(rng, SHAPES[4]) for _ in range(20)] for rng in (np.random.default_rng(5) for _ in range(2))
    )
    assert first == second


@pytest.mark.parametrize("difficulty", [0, 6, 2.0, "2", True, None])
def test_other_difficulties_are_refused(difficulty: object) -> None:
    with pytest.raises(InvalidInputError, match="difficulty must be an integer from 1 to 5"):
        shape_of(difficulty)  # type: ignore[arg-type]
