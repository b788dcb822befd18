"""Requirements: the exact meaning of a description of a molecule, as JSON.

A list of mappings, each one of:

    {"group": "carboxylic acid", "count": 1}          exactly; also "at_least", "at_most", or "count": [1, 2]
    {"rings": 1}   {"aromatic_rings": [0, 1]}         number of (aromatic) rings
    {"heavy_atoms": [6, 9]}                           number of atoms without hydrogen
    {"atoms": {"C": 6, "O": [1, 2]}}                  number of atoms of an element, "H" with all hydrogens
    {"property": "logp", "low": 1.0, "high": 2.5}     see `PROPERTIES`; one of the bounds may be missing
    {"fragments": 1}   {"charge": 0}                  unconnected parts; total charge

A number is exact, a list of two is a range with both ends in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stepgym.errors import InvalidInputError, unknown_name
from stepgym.verifiers.molecule.groups import GROUPS, count_group
from stepgym.verifiers.molecule.molecules import Molecule, chem, rdkit

MAX_REQUIREMENTS = 50
# Properties are sums of floating point numbers; a bound that was rounded to six digits still holds.
_SLACK = 1e-6
_IN_FORMULA = re.compile(r"([A-Z][a-z]?)([0-9]*)")


def _descriptor(name: str) -> Callable[[Molecule], float]:
    return lambda molecule: float(getattr(rdkit("rdkit.Chem.rdMolDescriptors"), name)(molecule))


PROPERTIES: Mapping[str, Callable[[Molecule], float]] = MappingProxyType(
    {
        "logp": lambda molecule: float(rdkit("rdkit.Chem.rdMolDescriptors").CalcCrippenDescriptors(molecule)[0]),
        "weight": _descriptor("_CalcMolWt"),
        "tpsa": _descriptor("CalcTPSA"),
        "h_donors": _descriptor("CalcNumHBD"),
        "h_acceptors": _descriptor("CalcNumHBA"),
        "rotatable_bonds": _descriptor("CalcNumRotatableBonds"),
    }
)
"""Properties by name: Crippen's logP, the molecular weight (g/mol), the polar surface (square ångström), and counts of
hydrogen-bond donors, acceptors and rotatable bonds, all as RDKit defines them."""

_COUNTS: Mapping[str, Callable[[Molecule], float]] = MappingProxyType(
    {
        # Not RDKit's ring count, which has more rings for cages.
        "rings": lambda molecule: molecule.GetNumBonds() - molecule.GetNumAtoms() + len(chem().GetMolFrags(molecule)),
        "aromatic_rings": _descriptor("CalcNumAromaticRings"),
        "heavy_atoms": lambda molecule: molecule.GetNumHeavyAtoms(),
        "fragments": lambda molecule: len(chem().GetMolFrags(molecule)),
        "charge": lambda molecule: chem().GetFormalCharge(molecule),
    }
)
_WORDS = {
    "rings": ("ring", "rings"),
    "aromatic_rings": ("aromatic ring", "aromatic rings"),
    "heavy_atoms": ("heavy atom", "heavy atoms"),
    "fragments": ("fragment", "fragments"),
    "charge": ("unit of charge", "units of charge"),
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One quantity of a molecule and the range it must lie in.

    Attributes:
        kind: "group", "atom", "property", "rings", "aromatic_rings", "heavy_atoms", "fragments" or "charge".
        name: The name of the group, element or property; empty for the others.
        low: The least value allowed, minus infinity if there is none.
        high: The greatest value allowed, infinity if there is none.
    """

    kind: str
    name: str
    low: float
    high: float

    def measure(self, molecule: Molecule) -> float:
        """The quantity in a sanitised molecule."""
        if self.kind == "group":
            return count_group(molecule, self.name)
        if self.kind == "atom":
            return count_atoms(molecule, self.name)
        if self.kind == "property":
            return PROPERTIES[self.name](molecule)
        return _COUNTS[self.kind](molecule)

    def holds(self, value: float) -> bool:
        """Whether a measured value lies in the range."""
        slack = _SLACK if self.kind == "property" else 0.0
        return self.low - slack <= value <= self.high + slack

    def describe(self) -> str:
        """The requirement in words, for example "exactly 1 carboxylic acid"."""
        low, high = (f"{bound:g}" for bound in (self.low, self.high))
        if self.low == self.high:
            amount = f"exactly {low}"
        elif math.isinf(self.high):
            amount = f"at least {low}"
        elif math.isinf(self.low) or (self.low == 0 and self.kind != "property"):
            amount = f"at most {high}"
        else:
            amount = f"{low} to {high}"
        return f"{self.name} of {amount}" if self.kind == "property" else f"{amount} {self._unit()}"

    def _unit(self) -> str:
        one = self.low == 1 if math.isinf(self.high) else self.high == 1
        if self.kind == "group":
            return self.name if one else GROUPS[self.name].plural
        if self.kind == "atom":
            return f"{self.name} atom" if one else f"{self.name} atoms"
        return _WORDS[self.kind][0 if one else 1]


def parse_requirements(data: Any) -> tuple[Requirement, ...]:
    """The requirements of a JSON list in the form above; raises `InvalidInputError` saying which item is not."""
    if not isinstance(data, list) or not 0 < len(data) <= MAX_REQUIREMENTS:
        raise InvalidInputError(f"requirements must be a list of 1 to {MAX_REQUIREMENTS} mappings, got {data!r:.120}")
    return tuple(requirement for item in data for requirement in _parse(item))


def count_atoms(molecule: Molecule, element: str) -> int:
    """How many atoms of an element a molecule has, hydrogens that are not drawn included."""
    formula = rdkit("rdkit.Chem.rdMolDescriptors").CalcMolFormula(molecule)
    return next((int(count or 1) for symbol, count in _IN_FORMULA.findall(formula) if symbol == element), 0)


def _parse(item: Any) -> list[Requirement]:
    if not isinstance(item, dict) or not all(isinstance(key, str) for key in item):
        raise InvalidInputError(f"a requirement must be a mapping, got {item!r:.120}")
    keys = set(item)
    if "group" in keys:
        name = item["group"]
        if not isinstance(name, str) or name not in GROUPS:
            raise InvalidInputError(str(unknown_name("functional group", f"{name!s:.60}", GROUPS)))
        bounds = keys - {"group"}
        if bounds == {"count"}:
            return [Requirement("group", name, *_range(item["count"], item))]
        if bounds <= {"at_least", "at_most"}:
            low = _number(item.get("at_least", 0 if "at_most" in keys else 1), item)
            return [_ordered(Requirement("group", name, low, _number(item.get("at_most", math.inf), item)), item)]
    elif "property" in keys and keys <= {"property", "low", "high"} and len(keys) > 1:
        name = item["property"]
        if not isinstance(name, str) or name not in PROPERTIES:
            raise InvalidInputError(f"property must be one of {sorted(PROPERTIES)}, got {name!r:.60}")
        low, high = _number(item.get("low", -math.inf), item), _number(item.get("high", math.inf), item)
        return [_ordered(Requirement("property", name, low, high), item)]
    elif keys == {"atoms"} and isinstance(item["atoms"], dict) and item["atoms"]:
        known = _elements()
        for element in item["atoms"]:
            if element not in known:
                raise InvalidInputError(f"atoms: {element!r:.20} is not the symbol of an element, in {item!r:.120}")
        return [Requirement("atom", element, *_range(count, item)) for element, count in item["atoms"].items()]
    elif len(keys) == 1 and keys <= set(_COUNTS):
        (kind,) = keys
        return [Requirement(kind, "", *_range(item[kind], item))]
    raise InvalidInputError(f"no requirement has this form: {item!r:.120}; see stepgym.verifiers.molecule.requirements")


def _elements() -> frozenset[str]:
    table = chem().GetPeriodicTable()
    return frozenset(table.GetElementSymbol(number) for number in range(1, 119))


def _range(value: Any, item: Any) -> tuple[float, float]:
    if isinstance(value, list) and len(value) == 2:
        low, high = (_number(bound, item) for bound in value)
        _ordered(Requirement("", "", low, high), item)
        return low, high
    exact = _number(value, item)
    return exact, exact


def _ordered(requirement: Requirement, item: Any) -> Requirement:
    if requirement.low > requirement.high:
        raise InvalidInputError(f"the lower bound is above the upper one in {item!r:.120}")
    return requirement


def _number(value: Any, item: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise InvalidInputError(f"expected a number or [low, high], got {value!r:.40} in {item!r:.120}")
    return value
