"""Chemistry tasks: random molecules and their descriptions, reactions of building blocks, files of Mol-Instructions."""

from __future__ import annotations

from stepgym.envs.chemistry.descriptions import Description, describe
from stepgym.envs.chemistry.mol_instructions import MOL_INSTRUCTIONS_HELP, load_mol_instructions, smiles_of
from stepgym.envs.chemistry.random_molecules import SHAPES, MoleculeShape, random_molecule
from stepgym.envs.chemistry.reaction_tasks import EASY_REACTIONS, ReactionExample, draw_reaction, reactions_of
from stepgym.envs.chemistry.solutions import write_solution
from stepgym.envs.chemistry.task_env import ChemistryEnv

__all__ = [
    # reactions of building blocks
    "EASY_REACTIONS",
    # files
    "MOL_INSTRUCTIONS_HELP",
    # molecules and their descriptions
    "SHAPES",
    # the environments' base
    "ChemistryEnv",
    "Description",
    "MoleculeShape",
    "ReactionExample",
    "describe",
    "draw_reaction",
    "load_mol_instructions",
    "random_molecule",
    "reactions_of",
    "smiles_of",
    # demonstrations
    "write_solution",
]
