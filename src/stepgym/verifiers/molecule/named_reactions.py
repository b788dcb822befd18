"""The named reactions, as a table of reaction SMARTS; `stepgym.verifiers.molecule.reactions` runs them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from stepgym.verifiers.molecule.groups import ACYL, AMINE


@dataclass(frozen=True, slots=True)
class Reaction:
    """A named reaction.

    Attributes:
        name: In English, lower case.
        smarts: Reactants and product; parts of the product that come apart stand in one pair of parentheses.
        reactants: In words what each reactant must be, most of them names of `GROUPS`.
        conditions: Reagents and conditions in words.
    """

    name: str
    smarts: str
    reactants: tuple[str, ...]
    conditions: str

    @property
    def arity(self) -> int:
        """How many reactants it takes."""
        return len(self.reactants)


_AMINE = f"{AMINE};H1,H2"
_ACID = f"[CX3;{ACYL}:1](=[OX1:2])[OX2H]"
_CHLORIDE = f"[CX3;{ACYL}:1](=[OX1:2])[Cl]"
_ALDEHYDE_OR_KETONE = "[CX3;$([CX3H1][#6]),$([CX3H2]),$(C([#6])[#6]):1]=[OX1{}]"
_ALCOHOL = "OX2H;$(O[CX4;!$(C([OX2])[OX2])])"
_ALCOHOL_OR_PHENOL = "OX2H;$(Oc),$(O[CX4;!$(C([OX2])[OX2])])"
_ALKYL_HALIDE = "[CX4;!H0:{}][Cl,Br,I]"
_ARYL_HALIDE = "[c:1][Cl,Br,I]"
_OX = _ALDEHYDE_OR_KETONE.format(":2")
_O = _ALDEHYDE_OR_KETONE.format("")
_ACTIVATED = "$(CC=[O,N]),$(CC#N),$(C[NX3+](=O)[O-])"

_ACYL_CHEMISTRY = (
    (
        "ester formation",
        f"{_ACID}.[{_ALCOHOL}:3]>>[C:1](=[O:2])[O:3]",
        ("carboxylic acid", "alcohol"),
        "sulfuric acid, heat",
    ),
    ("amide coupling", f"{_ACID}.[{_AMINE}:3]>>[C:1](=[O:2])[N:3]", ("carboxylic acid", "amine"), "EDC, HOBt"),
    (
        "ester hydrolysis",
        f"[CX3;{ACYL}:1](=[OX1:2])[OX2H0;$(O[#6;!$(C=[O,S,N])]):3]>>([C:1](=[O:2])O.[O:3])",
        ("ester",),
        "aqueous sodium hydroxide, then acid",
    ),
    (
        "amide hydrolysis",
        f"[CX3;{ACYL}:1](=[OX1:2])[NX3;!$(N(C=O)C=O);!$(N[!#6;!#1]):3]>>([C:1](=[O:2])O.[N:3])",
        ("amide",),
        "aqueous hydrochloric acid, heat, then base",
    ),
    ("acyl chloride formation", f"{_ACID}>>[C:1](=[O:2])Cl", ("carboxylic acid",), "thionyl chloride"),
    (
        "amide formation from an acyl chloride",
        f"{_CHLORIDE}.[{_AMINE}:3]>>[C:1](=[O:2])[N:3]",
        ("acyl chloride", "amine"),
        "triethylamine",
    ),
    (
        "ester formation from an acyl chloride",
        f"{_CHLORIDE}.[{_ALCOHOL_OR_PHENOL}:3]>>[C:1](=[O:2])[O:3]",
        ("acyl chloride", "alcohol or phenol"),
        "pyridine",
    ),
    (
        "sulfonamide formation",
        f"[SX4;$(S[#6]):1](=[OX1:2])(=[OX1:4])[Cl].[{_AMINE}:3]>>[S:1](=[O:2])(=[O:4])[N:3]",
        ("sulfonyl chloride", "amine"),
        "pyridine",
    ),
    ("boc protection", f"[{_AMINE}:1]>>[N:1]C(=O)OC(C)(C)C", ("amine",), "di-tert-butyl dicarbonate"),
    (
        "boc deprotection",
        "[NX3:1]C(=O)OC([CH3])([CH3])[CH3]>>[N:1]",
        ("tert-butyl carbamate",),
        "trifluoroacetic acid",
    ),
    (
        "urea formation",
        f"[NX2;$(N[#6]):1]=[CX2:2]=[OX1:3].[{_AMINE}:4]>>[N:1][C:2](=[O:3])[N:4]",
        ("isocyanate", "amine"),
        "dichloromethane",
    ),
    (
        "carbamate formation",
        f"[NX2;$(N[#6]):1]=[CX2:2]=[OX1:3].[{_ALCOHOL_OR_PHENOL}:4]>>[N:1][C:2](=[O:3])[O:4]",
        ("isocyanate", "alcohol or phenol"),
        "triethylamine",
    ),
)
_SUBSTITUTIONS = (
    (
        "williamson ether synthesis",
        f"[{_ALCOHOL_OR_PHENOL}:1].{_ALKYL_HALIDE.format(2)}>>[O:1][C:2]",
        ("alcohol or phenol", "alkyl halide"),
        "sodium hydride",
    ),
    (
        "thioether formation",
        f"[SX2H;$(S[#6]);!$(SC=[O,S]):1].{_ALKYL_HALIDE.format(2)}>>[S:1][C:2]",
        ("thiol", "alkyl halide"),
        "potassium carbonate",
    ),
    ("azide substitution", f"{_ALKYL_HALIDE.format(1)}>>[C:1]N=[N+]=[N-]", ("alkyl halide",), "sodium azide"),
    ("cyanide substitution", f"{_ALKYL_HALIDE.format(1)}>>[C:1]C#N", ("alkyl halide",), "sodium cyanide"),
    (
        "alcohol bromination",
        "[CX4;!H0;!$(C([OX2])[OX2]):1][OX2H]>>[C:1]Br",
        ("alcohol",),
        "phosphorus tribromide",
    ),
    (
        "epoxide opening by an amine",
        f"[CX4;H2:1]1[OX2:2][CX4:3]1.[{_AMINE}:4]>>[N:4][C:1][C:3][O:2]",
        ("epoxide", "amine"),
        "heat; attack at the CH2 of the epoxide",
    ),
    (
        "reductive amination",
        f"{_O}.[{_AMINE}:2]>>[C:1][N:2]",
        ("aldehyde or ketone", "amine"),
        "sodium triacetoxyborohydride",
    ),
    ("imine formation", f"{_O}.[{AMINE};H2:2]>>[C:1]=[N:2]", ("aldehyde or ketone", "primary amine"), "acid, - water"),
)
_OXIDATIONS_AND_REDUCTIONS = (
    (
        "alcohol oxidation to an aldehyde",
        "[CX4;H2;$(C[#6]):1][OX2H:2]>>[C:1]=[O:2]",
        ("primary alcohol",),
        "pyridinium chlorochromate",
    ),
    (
        "alcohol oxidation to a ketone",
        "[CX4;H1;$(C([#6])[#6]):1][OX2H:2]>>[C:1]=[O:2]",
        ("secondary alcohol",),
        "chromic acid",
    ),
    (
        "alcohol oxidation to a carboxylic acid",
        "[CX4;H2;$(C[#6]):1][OX2H:2]>>[C:1](=[O:2])O",
        ("primary alcohol",),
        "potassium permanganate",
    ),
    (
        "aldehyde oxidation to a carboxylic acid",
        "[CX3;H1;$(C[#6]):1]=[OX1:2]>>[C:1](=[O:2])O",
        ("aldehyde",),
        "sodium chlorite",
    ),
    (
        "sulfide oxidation to a sulfone",
        "[SX2;$(S([#6])[#6]):1]>>[S:1](=O)=O",
        ("sulfide",),
        "m-chloroperoxybenzoic acid, two equivalents",
    ),
    ("epoxidation", "[CX3:1]=[CX3;!$(C[!#6;!#1]):2]>>[C:1]1O[C:2]1", ("alkene",), "m-chloroperoxybenzoic acid"),
    ("ketone reduction", "[CX3;$(C([#6])[#6]):1]=[OX1:2]>>[C:1][O:2]", ("ketone",), "sodium borohydride"),
    (
        "aldehyde reduction",
        "[CX3;$([CX3H1][#6]),$([CX3H2]):1]=[OX1:2]>>[C:1][O:2]",
        ("aldehyde",),
        "sodium borohydride",
    ),
    ("carboxylic acid reduction", f"{_ACID}>>[C:1][O:2]", ("carboxylic acid",), "lithium aluminium hydride"),
    ("amide reduction", f"[CX3;{ACYL}:1](=[OX1])[NX3:2]>>[C:1][N:2]", ("amide",), "lithium aluminium hydride"),
    ("nitro reduction", "[#6:1][NX3+:2](=[OX1])[OX1-]>>[#6:1][N+0:2]", ("nitro group",), "iron, hydrochloric acid"),
    ("nitrile hydrolysis", "[CX2;$(C[#6]):1]#[NX1]>>[C:1](=O)O", ("nitrile",), "aqueous sulfuric acid, heat"),
    ("nitrile reduction", "[CX2;$(C[#6]):1]#[NX1:2]>>[C:1][N:2]", ("nitrile",), "lithium aluminium hydride"),
    ("alkene hydrogenation", "[CX3:1]=[CX3:2]>>[C:1]-[C:2]", ("alkene",), "hydrogen, palladium on carbon"),
    ("alkyne hydrogenation", "[CX2:1]#[CX2:2]>>[C:1]-[C:2]", ("alkyne",), "hydrogen (excess), palladium on carbon"),
    (
        "alkene bromination",
        "[CX3:1]=[CX3:2].[BrX1:3][BrX1:4]>>[C:1]([Br:3])-[C:2][Br:4]",
        ("alkene", "bromine"),
        "dichloromethane",
    ),
)
_CARBON_BONDS = (
    (
        "suzuki coupling",
        f"{_ARYL_HALIDE}.[#6;$(c),$(C=C):2][BX3]([OX2])[OX2]>>[c:1]-[#6:2]",
        ("aryl halide", "boronic acid"),
        "tetrakis(triphenylphosphine)palladium, sodium carbonate",
    ),
    (
        "buchwald-hartwig amination",
        f"{_ARYL_HALIDE}.[{_AMINE}:2]>>[c:1]-[N:2]",
        ("aryl halide", "amine"),
        "palladium acetate, BINAP, sodium tert-butoxide",
    ),
    (
        "sonogashira coupling",
        f"{_ARYL_HALIDE}.[CX2H:2]#[CX2;$(C[#6]):3]>>[c:1]-[C:2]#[C:3]",
        ("aryl halide", "terminal alkyne"),
        "palladium catalyst, copper iodide, triethylamine",
    ),
    (
        "grignard addition",
        f"{_OX}.[#6:3][Mg][Cl,Br,I]>>[C:1]([O:2])-[#6:3]",
        ("aldehyde or ketone", "Grignard reagent"),
        "diethyl ether, then aqueous acid",
    ),
    (
        "wittig reaction",
        f"{_O}.[CX3:2]=[PX4]>>[C:1]=[C:2]",
        ("aldehyde or ketone", "phosphonium ylide"),
        "tetrahydrofuran",
    ),
    (
        "diels-alder reaction",
        "[CX3:1]=[CX3:2]-[CX3:3]=[CX3:4].[CX3;" + _ACTIVATED + ":5]=[CX3:6]>>[C:1]1-[C:2]=[C:3]-[C:4]-[C:6]-[C:5]-1",
        ("conjugated diene", "electron-poor alkene"),
        "heat",
    ),
    (
        "azide-alkyne click reaction",
        "[NX2;$(N[#6]):1]=[NX2+:2]=[NX1-:3].[CX2H:5]#[CX2;$(C[#6]):4]>>[N:1]1-[N+0:2]=[N+0:3]-[C:4]=[C:5]-1",
        ("azide", "terminal alkyne"),
        "copper(I), the 1,4-product",
    ),
)

REACTIONS = MappingProxyType(
    {row[0]: Reaction(*row) for row in (*_ACYL_CHEMISTRY, *_SUBSTITUTIONS, *_OXIDATIONS_AND_REDUCTIONS, *_CARBON_BONDS)}
)
"""All named reactions by name."""
