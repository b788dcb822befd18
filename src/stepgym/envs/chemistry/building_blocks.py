"""Building blocks of reactions: a reactive group on a rest that does not react, or a small reagent.

`GROUPS` holds the reactive groups, `random_rest` draws the rest. Texts are put together as SMILES.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Kind = Literal["alkyl", "aryl"]
"""Whether a group is bonded to a carbon atom of a chain or to one of an aromatic ring."""

GROUPS: dict[str, str] = {
    "carboxylic acid": "C(=O)O",
    "hydroxyl": "O",
    "hydroxymethyl": "CO",
    "secondary alcohol": "C(C)O",
    "primary amine": "N",
    "secondary amine": "NC",
    "aldehyde": "C=O",
    "methyl ketone": "C(C)=O",
    "ethyl ketone": "C(=O)CC",
    "chloride": "Cl",
    "bromide": "Br",
    "iodide": "I",
    "halomethyl": "CBr",
    "boronic acid": "B(O)O",
    "azide": "N=[N+]=[N-]",
    "alkyne": "C#C",
    "inner alkyne": "C#CC",
    "vinyl": "C=C",
    "propenyl": "C=CC",
    "diene": "C=CC=C",
    "isoprenyl": "C(=C)C=C",
    "nitrile": "C#N",
    "nitro": "[N+](=O)[O-]",
    "methyl ester": "C(=O)OC",
    "ethyl ester": "C(=O)OCC",
    "acetate": "OC(C)=O",
    "primary amide": "C(N)=O",
    "methyl amide": "C(=O)NC",
    "dimethyl amide": "C(=O)N(C)C",
    "acetamide": "NC(C)=O",
    "acyl chloride": "C(=O)Cl",
    "sulfonyl chloride": "S(=O)(=O)Cl",
    "thiol": "S",
    "sulfide": "SC",
    "epoxide": "C1CO1",
    "Grignard reagent": "[Mg]Br",
    "phosphonium ylide": "C=P(c1ccccc1)(c1ccccc1)c1ccccc1",
    "isocyanate": "N=C=O",
    "carbamate": "NC(=O)OC(C)(C)C",
    "vinyl ketone": "C(=O)C=C",
}
"""Reactive groups by name, the first atom bonded to the rest; their ring digits are not those of rests."""

REAGENTS: tuple[str, ...] = (
    "BrBr", "CO", "CI", "CN", "CNC", "C1CCNCC1", "C1COCCN1", "C1CCNC1", "CN1CCNCC1", "O=C1CCCCC1", "O=C1CCCC1", "C=O",
    "OC1CCCCC1", "OC1CCCC1", "C1CO1", "CC1CO1", "C=C1CCCCC1", "C1=CCCCC1", "C1=CCCC1", "C[Mg]Br", "CC[Mg]Br",
    "Br[Mg]c1ccccc1", "C=P(c1ccccc1)(c1ccccc1)c1ccccc1",
)  # fmt: skip
"""Small molecules that reactions need whole, or that are rings the rest cannot be."""

DIELS_ALDER_GROUPS = ("vinyl ketone",)
DIELS_ALDER_REAGENTS: tuple[str, ...] = (
    "C=CC=C", "C=C(C)C(=C)C", "C1=CC=CC1", "C1=CC=CCC1", "O=C1C=CC(=O)O1", "O=C1C=CC(=O)N1", "C=CC#N", "C=CC=O",
    "COC(=O)C=CC(=O)OC", "COC(=O)C=C", "COC(=O)C#CC(=O)OC",
)  # fmt: skip
"""Blocks for that reaction alone: in others more than one of their parts could react."""

# Written towards the chain that follows.
_TAILS = (
    "", "CC(C)", "CC(C)(C)", "CO", "F", "c9ccccc9", "C9CCCCC9", "C9CCCC9", "FC(F)(F)", "c9ccoc9", "c9ccsc9",
)  # fmt: skip
_INERT = ("C", "F", "OC", "C(F)(F)F", "CC", "OCC", "C(C)C", "C(C)(C)C", "Oc9ccccc9")
# {0} is the reactive group, {1} and {2} are inert or empty.
_RINGS = (
    "c8c{1}cc{2}cc8{0}", "c8c{1}c{2}ccc8{0}", "c8cc{1}ccc8{0}", "c8c{1}ccc{2}c8{0}", "c8c{1}cc7ccccc7c8{0}",
    "c8c{1}cncc8{0}", "c8c{1}ccnc8{0}", "s8c{1}cc{2}c8{0}", "o8c{1}ccc8{0}", "c8c{1}ccc7c{0}cccc87",
)  # fmt: skip
# How many of each a level, 1 to 5, draws from.
_TAILS_OF_LEVEL = {1: 2, 2: 3, 3: 6, 4: 8, 5: len(_TAILS)}
_INERT_OF_LEVEL = {2: 3, 3: len(_INERT), 4: len(_INERT), 5: len(_INERT)}
_RINGS_OF_LEVEL = {2: 3, 3: 5, 4: len(_RINGS), 5: len(_RINGS)}


def random_rest(rng: np.random.Generator, kind: Kind, level: int) -> str:
    """A SMILES with the place "{}" for a reactive group, which is an alkyl or an aryl rest.

    Rests grow with the level, 1 to 5: short chains and phenyl; branches; one inert substituent; heterocycles.
    """
    if kind == "aryl":
        if level == 1:
            return "c8ccccc8{}"
        ring = _RINGS[int(rng.integers(_RINGS_OF_LEVEL[level]))]
        wanted = 1 if level <= 3 else int(rng.integers(3))
        inert = _INERT[: _INERT_OF_LEVEL[level]]
        first, second = (f"({inert[int(rng.integers(len(inert)))]})" if place < wanted else "" for place in range(2))
        return ring.replace("{1}", first).replace("{2}", second).replace("{0}", "{}")
    length = int(rng.integers(1, 4 + level))
    tail = _TAILS[int(rng.integers(_TAILS_OF_LEVEL[level]))]
    if length < 2 and tail in ("CO", "F"):
        length = 2  # a methylene between two hetero atoms would not last
    branch = int(rng.integers(length)) if level >= 3 and length > 2 and rng.integers(3) == 0 else -1
    chain = "".join("C(C)" if place == branch else "C" for place in range(length))
    return f"{tail}{chain}{{}}"


def put_on(rest: str, group: str) -> str:
    """The SMILES of `group` (of `GROUPS`) on a rest."""
    return rest.format(f"({GROUPS[group]})")
