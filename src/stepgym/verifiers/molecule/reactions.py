"""Named reactions as reaction SMARTS: reactants to the main organic product, water and salts left out.

    run("amide coupling", "CC(=O)O.NCC")    # frozenset({'CCNC(C)=O'})

A reaction works at one place of each reactant. Where several places fit there are several products, one result each.
Stereo: what is made anew is left open, substitutions do not invert. Reagents are named in `conditions`, not drawn,
unless they end up in the product (bromine, an azide, a Grignard reagent).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

from stepgym.errors import InvalidInputError, unknown_name
from stepgym.verifiers.molecule.molecules import Molecule, canonical, chem, parse, quiet, rdkit
from stepgym.verifiers.molecule.named_reactions import REACTIONS as REACTIONS
from stepgym.verifiers.molecule.named_reactions import Reaction as Reaction

MAX_REACTANTS = 3
MAX_REACTANT_ATOMS = 120
MAX_PRODUCTS = 200


def run(name: str, reactants: str | Sequence[str]) -> frozenset[str]:
    """The canonical SMILES of every product a named reaction makes of these reactants; empty if it does not apply.

    A product in several parts (a hydrolysis) is one SMILES with dots. The order of the reactants does not matter; more
    or fewer than the reaction takes give no product.

    Args:
        name: A name of `REACTIONS`; `UnknownNameError` for any other.
        reactants: SMILES with dots between the molecules, or one SMILES each; `InvalidInputError` if not valid.
    """
    texts = reactants.split(".") if isinstance(reactants, str) else list(reactants)
    molecules = [parse(text) for text in texts]
    for text, molecule in zip(texts, molecules, strict=True):
        if molecule is None:
            raise InvalidInputError(f"a reactant must be a valid SMILES, got {text!r:.120}")
    return run_molecules(name, molecules)


def run_molecules(name: str, molecules: Sequence[Molecule]) -> frozenset[str]:
    """As `run`, for sanitised molecules; nothing comes of more than `MAX_REACTANT_ATOMS` atoms."""
    if name not in REACTIONS:
        raise unknown_name("reaction", name, REACTIONS)
    template = compiled(name)
    if len(molecules) != REACTIONS[name].arity or sum(m.GetNumAtoms() for m in molecules) > MAX_REACTANT_ATOMS:
        return frozenset()
    found = set()
    with quiet():
        for order in itertools.permutations(molecules):
            if all(m.HasSubstructMatch(part) for m, part in zip(order, template.GetReactants(), strict=True)):
                for products in template.RunReactants(order, MAX_PRODUCTS):
                    text = _sanitised(products)
                    if text is not None:
                        found.add(text)
    return frozenset(found)


@functools.lru_cache(maxsize=1024)
def possible_reactions(arity: int, change: int, fragments: int) -> tuple[str, ...]:
    """The reactions that can turn so many reactants into a product with `change` more heavy atoms, by counting."""
    names = []
    for name, reaction in REACTIONS.items():
        usual, open_ended, splits = _balance(name)
        fits = change == usual or (change < usual and (open_ended or (splits and fragments == 1)))
        if fits and reaction.arity == arity:
            names.append(name)
    return tuple(names)


@functools.cache
def _balance(name: str) -> tuple[int, bool, bool]:
    """By how many heavy atoms the product is larger; whether more may leave; whether it comes in parts."""
    template = compiled(name)
    before = [atom for part in template.GetReactants() for atom in part.GetAtoms()]
    after = sum(part.GetNumAtoms() for part in template.GetProducts())
    # Boron and phosphorus take what else they carry with them.
    open_ended = any(atom.GetAtomicNum() in (5, 15) for atom in before)
    return after - len(before), open_ended, ">>(" in REACTIONS[name].smarts


@functools.cache
def compiled(name: str) -> Any:
    """The reaction of RDKit, ready to run from several threads."""
    template = rdkit("rdkit.Chem.rdChemReactions").ReactionFromSmarts(REACTIONS[name].smarts)
    with quiet():
        template.Initialize()
    return template


def _sanitised(products: Sequence[Molecule]) -> str | None:
    """The canonical SMILES of what a template gave, None where that is no molecule."""
    flags = chem().SanitizeFlags
    parts = []
    for product in products:
        for atom in product.GetAtoms():
            # [C@H] says how many hydrogens it has; here they follow from what the reaction left it with.
            if atom.GetNoImplicit() and atom.GetAtomicNum() in (6, 7, 8) and _is_plain(atom):
                atom.SetNoImplicit(False)
                atom.SetNumExplicitHs(0)
        if chem().SanitizeMol(product, catchErrors=True) != flags.SANITIZE_NONE:
            return None
        # Read again: stereo marks on atoms that lost their stereo go only then.
        text = _canonical_again(canonical(product))
        if text is None:
            return None
        parts.extend(text.split("."))
    return ".".join(sorted(parts)) if len(parts) > 1 else parts[0]


def _is_plain(atom: Any) -> bool:
    return not (atom.GetFormalCharge() or atom.GetNumRadicalElectrons() or atom.GetIsAromatic())


@functools.lru_cache(maxsize=4096)
def _canonical_again(text: str) -> str | None:
    molecule = parse(text)
    return None if molecule is None else canonical(molecule)
