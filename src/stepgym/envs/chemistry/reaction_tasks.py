"""`draw_reaction`: reactants that a named reaction turns into exactly one product.

Which building blocks a reaction takes is found by its own templates: a block fits where the template matches it at one
place. Blocks hold one reactive group on a rest that does not react, so that there is one product by construction; the
reaction is run all the same, and what gives none or several products is drawn again.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from stepgym.envs.chemistry.building_blocks import (
    DIELS_ALDER_GROUPS,
    DIELS_ALDER_REAGENTS,
    GROUPS,
    REAGENTS,
    Kind,
    put_on,
    random_rest,
)
from stepgym.errors import InvalidInputError, unknown_name
from stepgym.verifiers.molecule.molecules import Molecule, canonical, parse
from stepgym.verifiers.molecule.reactions import REACTIONS, compiled, run_molecules

EASY_REACTIONS = (
    "ester formation",
    "amide coupling",
    "acyl chloride formation",
    "williamson ether synthesis",
    "alcohol bromination",
    "azide substitution",
    "alcohol oxidation to an aldehyde",
    "alcohol oxidation to a ketone",
    "ketone reduction",
    "aldehyde reduction",
    "nitrile reduction",
    "alkene hydrogenation",
)
"""The reactions of difficulty 1."""

_PROBES: dict[Kind, str] = {"alkyl": "CCC{}", "aryl": "c8ccccc8{}"}
_DRAWS = 300
_DRAWS_WITHOUT_REAGENTS = 10
_MOST_ATOMS = 60


@dataclass(frozen=True, slots=True)
class ReactionExample:
    """A reaction that was run.

    Attributes:
        reaction: The name of a reaction of `REACTIONS`.
        reactants: Their canonical SMILES, in no particular order.
        product: The canonical SMILES of the one product; with dots where the product comes in parts.
    """

    reaction: str
    reactants: tuple[str, ...]
    product: str

    @property
    def conditions(self) -> str:
        """Reagents and conditions in words."""
        return REACTIONS[self.reaction].conditions


def reactions_of(difficulty: int) -> tuple[str, ...]:
    """The names of the reactions of a difficulty: `EASY_REACTIONS` at 1, all above."""
    return EASY_REACTIONS if difficulty == 1 else tuple(REACTIONS)


def check_reactions(
    names: Sequence[str] | None, *, known: Sequence[str], path: object = None, one_part: bool = False
) -> tuple[str, ...]:
    """The names as a tuple, `known` if there are none.

    Args:
        names: What an environment got as `reactions`.
        known: The reactions of its difficulty.
        path: What it got as `path`, with which there is nothing to choose.
        one_part: Whether products in several parts are refused.

    Raises:
        InvalidInputError: They are no list of different names, or `path` is given too.
        UnknownNameError: A name is not one of a reaction.
    """
    if names is None:
        return tuple(known)
    if path is not None:
        raise InvalidInputError("reactions is for drawn tasks; leave it out with path=")
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise InvalidInputError(f"reactions must be a list of names such as ['ester formation'], got {names!r:.80}")
    for name in names:
        if name not in REACTIONS:
            raise unknown_name("reaction", f"{name}", REACTIONS)
        if one_part and not gives_one_part(name):
            raise InvalidInputError(f"reactions must give one molecule here; {name!r} takes one apart")
    if len(set(names)) < len(names):
        raise InvalidInputError(f"reactions must be different, got {names!r:.200}")
    return tuple(names)


def gives_one_part(name: str) -> bool:
    """Whether the product of a reaction is one molecule, not several with dots between them."""
    return "." not in REACTIONS[name].smarts.partition(">>")[2]


def slug(name: str) -> str:
    """The name of a reaction within an id: "ester-formation"."""
    return name.replace(" ", "-")


def reaction_of_slug(text: str | None) -> str | None:
    """The inverse of `slug`, None if there is no such reaction."""
    return _slugs().get(text or "")


@functools.cache
def _slugs() -> dict[str, str]:
    return {slug(name): name for name in REACTIONS}


def draw_reaction(rng: np.random.Generator, reaction: str, difficulty: int) -> ReactionExample:
    """Reactants of a difficulty, 1 to 5, with the one product that a reaction makes of them.

    Building blocks grow with the difficulty; from 2 on some of them are whole reagents or rings.
    """
    for draw in range(_DRAWS):
        # A cycloaddition of two unsymmetrical partners has two products, so it needs the reagents at any difficulty.
        whole = difficulty > 1 or draw >= _DRAWS_WITHOUT_REAGENTS
        molecules = []
        for role in range(REACTIONS[reaction].arity):
            molecule = parse(_draw_block(rng, reaction, role, difficulty, whole=whole))
            if molecule is not None:
                molecules.append(molecule)
        example = _example(reaction, molecules)
        if example is not None:
            order = rng.permutation(len(molecules)).tolist()
            return ReactionExample(reaction, tuple(example.reactants[i] for i in order), example.product)
    raise InvalidInputError(f"{reaction}: no reactants with exactly one product in {_DRAWS} draws")


def _example(reaction: str, molecules: list[Molecule]) -> ReactionExample | None:
    """What comes of these reactants, None if it is not one product that is something new."""
    if len(molecules) != REACTIONS[reaction].arity or sum(m.GetNumHeavyAtoms() for m in molecules) > _MOST_ATOMS:
        return None
    products = run_molecules(reaction, molecules)
    if len(products) != 1:
        return None
    (product,) = products
    reactants = tuple(canonical(molecule) for molecule in molecules)
    if product in reactants or parse(product) is None:
        return None
    return ReactionExample(reaction, reactants, product)


def _draw_block(rng: np.random.Generator, reaction: str, role: int, difficulty: int, *, whole: bool) -> str:
    """A building block that fits; `whole` lets it be a reagent where there are groups too."""
    groups, reagents = _blocks(reaction, role)
    if reagents and (not groups or (whole and rng.integers(4) == 0)):
        return reagents[int(rng.integers(len(reagents)))]
    group, kind = groups[int(rng.integers(len(groups)))]
    return put_on(random_rest(rng, kind, difficulty), group)


@functools.cache
def _blocks(reaction: str, role: int) -> tuple[tuple[tuple[str, Kind], ...], tuple[str, ...]]:
    """The groups, each with the kind of rest it is on, and the reagents that a reaction takes in a role."""
    template = compiled(reaction).GetReactants()[role]

    def fits(smiles: str) -> bool:
        molecule = parse(smiles)
        return molecule is not None and len(molecule.GetSubstructMatches(template)) == 1

    cycloaddition = reaction == "diels-alder reaction"
    names = GROUPS if cycloaddition else [group for group in GROUPS if group not in DIELS_ALDER_GROUPS]
    groups = tuple((group, kind) for group in names for kind in get_args(Kind) if fits(put_on(_PROBES[kind], group)))
    reagents = tuple(smiles for smiles in (*REAGENTS, *(DIELS_ALDER_REAGENTS if cycloaddition else ())) if fits(smiles))
    if not groups and not reagents:
        raise InvalidInputError(f"{reaction}: no building block fits reactant {role + 1}")
    return groups, reagents
