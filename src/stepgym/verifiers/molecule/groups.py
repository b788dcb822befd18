"""Functional groups by their names: what the words "carboxylic acid" or "pyridine ring" mean, as SMARTS.

Each pattern matches the atoms of the group itself; what must or must not surround them stands in recursive SMARTS. So
an acid's OH is no alcohol, the OH of a phenol neither, an ester's oxygen is no ether, an amide's nitrogen no amine.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import MappingProxyType

from stepgym.errors import unknown_name
from stepgym.verifiers.molecule.molecules import Molecule, chem

MAX_MATCHES = 1_000

# A carbonyl carbon that is bound to carbon or hydrogen and to nothing else but what the pattern names.
ACYL = "$([CX3][#6]),$([CX3H1])"
# A neutral nitrogen that holds on to carbon and hydrogen only, and to no C=O, C=S, C=N or C#N.
AMINE = "NX3;+0;!$(N[!#6;!#1]);!$(N-C=[O,S,N]);!$(N-C#N)"
# A saturated carbon that does not hold two oxygens (those are acetals and hydrates).
CARBINOL = "CX4;!$(C([OX2])[OX2])"
_NO_ACYL = "!$(C=[O,S,N]);!$(C#N)"


@dataclass(frozen=True, slots=True)
class FunctionalGroup:
    """A functional group or ring.

    Attributes:
        name: In English, lower case, singular.
        smarts: The pattern of its atoms.
        meaning: One line that settles what counts.
    """

    name: str
    smarts: str
    meaning: str = ""

    @property
    def plural(self) -> str:
        """The name for several."""
        return self.name + "s"


_OXYGEN = (
    ("alcohol", f"[OX2H][{CARBINOL}]", "OH on a saturated carbon; no acid, phenol, enol or hemiacetal"),
    ("primary alcohol", f"[OX2H][{CARBINOL};H2,H3]", "OH on CH2 or CH3"),
    ("secondary alcohol", f"[OX2H][{CARBINOL};H1]", "OH on CH"),
    ("tertiary alcohol", f"[OX2H][{CARBINOL};H0]", "OH on a carbon without hydrogen"),
    ("phenol", "[OX2H]c", "OH on an aromatic carbon"),
    ("hydroxyl group", "[OX2H;$(O[#6])]", "any OH on carbon: alcohol, phenol, acid, enol"),
    ("carbonyl group", "[CX3]=[OX1]", "any C=O outside aromatic rings"),
    ("carboxylic acid", f"[CX3;{ACYL}](=[OX1])[OX2H]", "C(=O)OH on carbon or hydrogen"),
    ("carboxylate", f"[CX3;{ACYL}](=[OX1])[OX1-]", "C(=O)O- on carbon or hydrogen"),
    (
        "ester",
        f"[CX3;{ACYL}](=[OX1])[OX2H0;$(O[#6;{_NO_ACYL}])]",
        "carboxylic ester, lactones too; no carbonate, carbamate or anhydride",
    ),
    ("lactone", f"[CX3;R;{ACYL}](=[OX1])@[OX2R;$(O[#6;{_NO_ACYL}])]", "ester inside a ring"),
    ("anhydride", f"[CX3;{ACYL}](=[OX1])[OX2][CX3;{ACYL}]=[OX1]", "C(=O)OC(=O) of two carboxylic acids"),
    ("aldehyde", "[CX3;$([CX3H1][#6]),$([CX3H2])]=[OX1]", "CH=O on carbon, and formaldehyde"),
    ("ketone", "[CX3;$(C([#6])[#6])]=[OX1]", "C=O between two carbons"),
    (
        "ether",
        f"[OX2H0;!r3;$(O([#6;{_NO_ACYL}])[#6;{_NO_ACYL}]);!$(O[CX4][OX2])]",
        "oxygen between two carbons; no ester, acetal, epoxide or aromatic ring oxygen",
    ),
    ("methoxy group", f"[OX2;$(O([CH3])[#6;{_NO_ACYL}])][CX4H3]", "OCH3 on carbon, not of an ester"),
    ("acetal", "[CX4]([OX2H0;$(O([#6])[#6])])[OX2H0;$(O([#6])[#6])]", "two OR on one saturated carbon, ketals too"),
    ("epoxide", "[CX4]1[OX2][CX4]1", "three-membered ring of two carbons and an oxygen"),
    ("peroxide", "[OX2;$(O[#6])][OX2]", "O-O on carbon"),
    ("carbonate", "[OX2H0;$(O[#6])][CX3](=[OX1])[OX2H0;$(O[#6])]", "OC(=O)O, both oxygens on carbon"),
)
_NITROGEN = (
    ("primary amine", f"[{AMINE};H2;$(N[#6])]", "NH2 on carbon; no amide, sulfonamide, hydrazine, amidine"),
    ("secondary amine", f"[{AMINE};H1]", "NH between two carbons"),
    ("tertiary amine", f"[{AMINE};H0]", "N with three carbons, outside aromatic rings"),
    ("amine", f"[{AMINE};H0,H1,$([NH2][#6])]", "primary, secondary or tertiary amine"),
    ("aniline", f"[{AMINE};$(Nc)]", "amine on an aromatic carbon"),
    ("quaternary ammonium", "[NX4+;H0;!$(N[!#6])]", "N+ with four carbons"),
    ("amide", f"[CX3;{ACYL}](=[OX1])[NX3;!$(N(C=O)C=O)]", "C(=O)N on carbon or hydrogen; no urea, carbamate, imide"),
    ("primary amide", f"[CX3;{ACYL}](=[OX1])[NX3H2]", "C(=O)NH2"),
    ("secondary amide", f"[CX3;{ACYL}](=[OX1])[NX3H1;!$(N(C=O)C=O)]", "C(=O)NH"),
    ("tertiary amide", f"[CX3;{ACYL}](=[OX1])[NX3H0;!$(N(C=O)C=O)]", "C(=O)N without hydrogen on the nitrogen"),
    ("lactam", f"[CX3;R;{ACYL}](=[OX1])@[NX3R;!$(N(C=O)C=O)]", "amide inside a ring"),
    ("imide", f"[CX3;{ACYL}](=[OX1])[NX3][CX3;{ACYL}]=[OX1]", "C(=O)NC(=O)"),
    ("urea", "[NX3][CX3](=[OX1])[NX3]", "NC(=O)N outside aromatic rings"),
    ("carbamate", "[NX3][CX3](=[OX1])[OX2H0]", "NC(=O)O on carbon"),
    ("nitrile", "[CX2;$(C[#6])]#[NX1]", "C#N on carbon"),
    ("nitro group", "[NX3+;$(N[#6])](=[OX1])[OX1-]", "NO2 on carbon"),
    ("imine", "[CX3;!$(C[!#6;!#1])]=[NX2;!$(N[!#6;!#1])]", "C=N on carbon or hydrogen only"),
    ("oxime", "[CX3]=[NX2][OX2H]", "C=NOH"),
    ("hydrazone", "[CX3;!$(C[!#6;!#1])]=[NX2][NX3]", "C=NN"),
    ("guanidine", "[NX3][CX3](=[NX2])[NX3]", "NC(=N)N outside aromatic rings"),
    ("azide", "[NX2;$(N[#6])]=[NX2+]=[NX1-]", "N=[N+]=[N-] on carbon"),
    ("isocyanate", "[NX2;$(N[#6])]=[CX2]=[OX1]", "N=C=O on carbon"),
    ("azo group", "[NX2;$(N[#6])]=[NX2;$(N[#6])]", "N=N between carbons"),
)
_SULFUR_AND_OTHERS = (
    ("thiol", "[SX2H;$(S[#6]);!$(SC=[O,S])]", "SH on carbon"),
    ("sulfide", "[SX2H0;$(S([#6;!$(C=[O,S,N])])[#6;!$(C=[O,S,N])])]", "S between two carbons; no thioester, thiophene"),
    ("disulfide", "[SX2H0;$(S[#6])][SX2H0;$(S[#6])]", "S-S between carbons"),
    ("thioester", f"[CX3;{ACYL}](=[OX1])[SX2H0;$(S[#6])]", "C(=O)S on carbon"),
    ("sulfoxide", "[SX3;$(S([#6])[#6])]~[OX1]", "S=O between two carbons"),
    ("sulfone", "[SX4;$(S([#6])[#6])](=[OX1])=[OX1]", "S(=O)(=O) between two carbons"),
    ("sulfonamide", "[SX4;$(S[#6])](=[OX1])(=[OX1])[NX3]", "S(=O)(=O)N on carbon"),
    ("sulfonic acid", "[SX4;$(S[#6])](=[OX1])(=[OX1])[OX2H]", "S(=O)(=O)OH on carbon"),
    ("sulfonyl chloride", "[SX4;$(S[#6])](=[OX1])(=[OX1])[Cl]", "S(=O)(=O)Cl on carbon"),
    ("acyl chloride", f"[CX3;{ACYL}](=[OX1])[Cl]", "C(=O)Cl on carbon"),
    ("fluoro group", "[F;$(F[#6;!$(C=O)])]", "F on carbon, not of an acyl fluoride"),
    ("chloro group", "[Cl;$([Cl][#6;!$(C=O)])]", "Cl on carbon, not of an acyl chloride"),
    ("bromo group", "[Br;$([Br][#6;!$(C=O)])]", "Br on carbon"),
    ("iodo group", "[I;$(I[#6;!$(C=O)])]", "I on carbon"),
    ("alkyl halide", "[F,Cl,Br,I;$(*[CX4])]", "halogen on a saturated carbon"),
    ("aryl halide", "[F,Cl,Br,I;$(*c)]", "halogen on an aromatic carbon"),
    ("boronic acid", "[BX3;$(B[#6])]([OX2H])[OX2H]", "B(OH)2 on carbon"),
    ("phosphate", "[PX4](=[OX1])([OX2,OX1-])([OX2,OX1-])[OX2,OX1-]", "P(=O) with three more oxygens"),
)
_CARBON = (
    ("alkene", "[CX3]=[CX3]", "C=C outside aromatic rings"),
    ("alkyne", "[CX2]#[CX2]", "triple bond between carbons"),
    ("terminal alkyne", "[CX2H]#[CX2]", "triple bond with CH at one end"),
    ("methyl group", "[CX4H3]", "CH3"),
    ("trifluoromethyl group", "[CX4;$(C[#6])](F)(F)F", "CF3 on carbon"),
    ("tert-butyl group", "[CX4;H0;!$(C([CH3])([CH3])([CH3])[CH3])]([CX4H3])([CX4H3])[CX4H3]", "C(CH3)3"),
    ("benzene ring", "c1ccccc1", "aromatic ring of six carbons, fused ones too"),
    ("pyridine ring", "[nX2]1ccccc1", "aromatic ring of five carbons and a nitrogen"),
    ("pyrimidine ring", "[nX2]1c[nX2]ccc1", "aromatic six-membered ring with nitrogens 1 and 3"),
    ("furan ring", "o1cccc1", "aromatic ring of four carbons and an oxygen"),
    ("thiophene ring", "s1cccc1", "aromatic ring of four carbons and a sulfur"),
    ("pyrrole ring", "[nX3]1cccc1", "aromatic ring of four carbons and a nitrogen"),
    ("imidazole ring", "[nX3]1c[nX2]cc1", "aromatic five-membered ring with nitrogens 1 and 3"),
    ("1,2,3-triazole ring", "n1nncc1", "aromatic five-membered ring with nitrogens 1, 2 and 3"),
    ("cyclopropane ring", "[CX4]1[CX4][CX4]1", "saturated ring of three carbons"),
    ("cyclopentane ring", "[CX4]1[CX4][CX4][CX4][CX4]1", "saturated ring of five carbons"),
    ("cyclohexane ring", "[CX4]1[CX4][CX4][CX4][CX4][CX4]1", "saturated ring of six carbons"),
    ("piperidine ring", "[NX3]1[CX4][CX4][CX4][CX4][CX4]1", "saturated ring of five carbons and a nitrogen"),
    ("piperazine ring", "[NX3]1[CX4][CX4][NX3][CX4][CX4]1", "saturated ring of four carbons and nitrogens 1 and 4"),
    ("morpholine ring", "[NX3]1[CX4][CX4][OX2][CX4][CX4]1", "saturated ring with O and N opposite each other"),
)

GROUPS = MappingProxyType(
    {row[0]: FunctionalGroup(*row) for row in (*_OXYGEN, *_NITROGEN, *_SULFUR_AND_OTHERS, *_CARBON)}
)
"""All functional groups by name."""


@functools.cache
def pattern(name: str) -> Molecule:
    """The compiled pattern of a group; raises `UnknownNameError` for a name that `GROUPS` does not have."""
    if name not in GROUPS:
        raise unknown_name("functional group", name, GROUPS)
    return chem().MolFromSmarts(GROUPS[name].smarts)


def find_group(molecule: Molecule, name: str) -> tuple[tuple[int, ...], ...]:
    """The atom indices of each occurrence of a group in a molecule, at most `MAX_MATCHES`."""
    return tuple(molecule.GetSubstructMatches(pattern(name), maxMatches=MAX_MATCHES))


def count_group(molecule: Molecule, name: str) -> int:
    """How many of a group a molecule has."""
    return len(find_group(molecule, name))
