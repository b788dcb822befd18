"""`random_molecule`: a molecule drawn from chains, rings and functional groups, as a SMILES.

A molecule is a tree of frames (chains and rings) that linkers join; each frame offers places for end groups. Texts are
put together so that every atom keeps its valence: a place takes one single bond, and is used once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from stepgym.errors import InvalidInputError

END_GROUPS = (
    "O", "N", "C(=O)O", "C=O", "C#N", "Cl", "Br", "F", "S", "C=C", "C#C",  # also of the smallest molecules
    "I", "C(N)=O", "[N+](=O)[O-]", "S(N)(=O)=O", "C(=O)Cl", "OC", "C(=O)OC", "NC", "N(C)C", "C(C)=O", "C1CO1",
    "NC(C)=O", "N=[N+]=[N-]", "SC", "C(F)(F)F", "OC(C)=O",
)  # fmt: skip
"""What can fill a place, the first atom bonded to it."""

LINKERS = ("O", "C(=O)", "C(=O)O", "C(=O)N", "N", "S", "C=C", "NC(=O)N", "OC(=O)N", "C#C", "S(=O)(=O)", "S(=O)(=O)N")
"""What can join two frames, written from the first to the second."""

# {} is a place; the first atom of a frame is the one that is bonded to the frame before.
CARBOCYCLES = ("c1c{}c{}c{}c{}c1{}", "C1C{}C{}C{}C{}C1", "C1C{}C{}C{}C1", "C1C{}C1")
HETEROCYCLES = (
    "c1c{}c{}nc{}c1", "c1c{}c{}co1", "c1c{}c{}cs1", "c1cnc{}c{}n1", "C1C{}CNCC1{}", "C1C{}COC1", "c1c{}[nH]c{}c1",
    "c1ccc2c{}c{}ccc2c1", "c1c[nH]c2cc{}ccc12",  # the two below are bonded by nitrogen
    "N1CCOCC1", "N1CCC{}CC1",
)  # fmt: skip

_SMALL_ENDS = 11
_SMALL_LINKERS = 7


@dataclass(frozen=True, slots=True)
class MoleculeShape:
    """How large and how rich drawn molecules are; pairs are the smallest and the largest number, both included.

    Attributes:
        frames: How many chains and rings are joined.
        chain: Carbon atoms of a chain.
        ends: How many end groups are wanted; fewer where there are fewer places.
        rings: The rings that frames may be; empty for chains alone.
        end_groups: Out of `END_GROUPS`.
        linkers: Out of `LINKERS`; empty joins no frames.
        branches: Whether chains may have methyl branches.
        alike: Whether the end groups of a molecule are all the same.
    """

    frames: tuple[int, int]
    chain: tuple[int, int]
    ends: tuple[int, int]
    rings: tuple[str, ...] = ()
    end_groups: tuple[str, ...] = END_GROUPS
    linkers: tuple[str, ...] = LINKERS
    branches: bool = True
    alike: bool = False


SHAPES: dict[int, MoleculeShape] = {
    1: MoleculeShape(
        (1, 1),
        (1, 8),
        (1, 2),
        end_groups=(*END_GROUPS[:_SMALL_ENDS], "OC", "NC", "SC", "C(C)=O"),
        linkers=(),
        branches=False,
        alike=True,
    ),
    2: MoleculeShape((1, 2), (2, 4), (1, 2), CARBOCYCLES[:2], END_GROUPS[:_SMALL_ENDS], LINKERS[:_SMALL_LINKERS]),
    3: MoleculeShape((1, 2), (2, 5), (1, 3), CARBOCYCLES, END_GROUPS[:18]),
    4: MoleculeShape((2, 3), (2, 5), (1, 3), (*CARBOCYCLES, *HETEROCYCLES)),
    5: MoleculeShape((3, 4), (2, 5), (2, 5), (*CARBOCYCLES, *HETEROCYCLES)),
}
"""The shape of molecules by difficulty, 1 to 5."""


@dataclass(slots=True)
class _Frame:
    """A chain or ring with what is written into its places, and the frames bonded to it."""

    template: str
    filled: list[str] = field(default_factory=list)
    open: list[int] = field(default_factory=list)


def random_molecule(rng: np.random.Generator, shape: MoleculeShape) -> str:
    """The SMILES of a molecule of this shape: one fragment, neutral as a whole, not canonical.

    Every text is a valid molecule; whether it is a stable one is not promised.
    """
    count = _between(rng, shape.frames)
    frames: list[_Frame] = []
    parents: list[tuple[int, int, str]] = []  # of each frame but the first: parent, place, linker
    for number in range(count):
        free = [(i, place) for i, frame in enumerate(frames) for place in frame.open]
        if number and not (free and shape.linkers):
            break
        frames.append(_draw_frame(rng, shape, first=number == 0))
        if number:
            parent, place = free[int(rng.integers(len(free)))]
            frames[parent].open.remove(place)
            linker = _pick(rng, shape.linkers) if _carbon_first(frames[-1].template) else "C(=O)"
            parents.append((parent, place, linker))
    free = [(i, place) for i, frame in enumerate(frames) for place in frame.open]
    group = _pick(rng, shape.end_groups)
    for _ in range(min(_between(rng, shape.ends), len(free))):
        i, place = free.pop(int(rng.integers(len(free))))
        frames[i].filled[place] = group
        frames[i].open.remove(place)
        group = group if shape.alike else _pick(rng, shape.end_groups)
    if shape.branches and rng.integers(3) == 0 and (free := [(i, p) for i, f in enumerate(frames) for p in f.open]):
        i, place = free[int(rng.integers(len(free)))]
        frames[i].filled[place] = "C"
    # Children come after their parents, so the last frame is finished first.
    for number in range(len(frames) - 1, 0, -1):
        parent, place, linker = parents[number - 1]
        frames[parent].filled[place] = linker + _written(frames[number])
    return _written(frames[0])


def shape_of(difficulty: int) -> MoleculeShape:
    """The shape of molecules of a difficulty, 1 to 5."""
    check_difficulty(difficulty)
    return SHAPES[difficulty]


def check_difficulty(difficulty: int) -> None:
    """Raises `InvalidInputError` if `difficulty` is not an integer from 1 to 5."""
    if type(difficulty) is not int or difficulty not in SHAPES:
        raise InvalidInputError(f"difficulty must be an integer from 1 to {max(SHAPES)}, got {difficulty!r}")


def _draw_frame(rng: np.random.Generator, shape: MoleculeShape, *, first: bool) -> _Frame:
    if shape.rings and rng.integers(2):
        rings = tuple(ring for ring in shape.rings if _carbon_first(ring)) if first else shape.rings
        template = _pick(rng, rings)
    else:
        length = _between(rng, shape.chain)
        # The first atom of a later chain is bonded to a linker: a hetero atom beside it would make an acetal.
        template = ("C{}" if first else "C") + "C{}" * (length - 1) if length > 1 else "C{}"
    places = template.count("{}")
    return _Frame(template, [""] * places, list(range(places)))


def _written(frame: _Frame) -> str:
    """The frame with what fills its places; ring digits within a place do not meet those of the frame."""
    inner = (f"({_shifted(text)})" if text else "" for text in frame.filled)
    return frame.template.format(*inner)


def _shifted(text: str) -> str:
    """The text with two added to its ring closures, which are its only digits beyond those of brackets."""
    if "1" not in text and "2" not in text:
        return text
    shifted = []
    position = 0
    while position < len(text):
        character = text[position]
        if character == "%":
            shifted.append(f"%{int(text[position + 1 : position + 3]) + 2}")
            position += 3
            continue
        if character.isdigit():
            number = int(character) + 2
            character = str(number) if number < 10 else f"%{number}"
        shifted.append(character)
        position += 1
    return "".join(shifted)


def _carbon_first(template: str) -> bool:
    return template[0] in "Cc"


def _between(rng: np.random.Generator, bounds: tuple[int, int]) -> int:
    return int(rng.integers(bounds[0], bounds[1] + 1))


def _pick(rng: np.random.Generator, texts: tuple[str, ...]) -> str:
    return texts[int(rng.integers(len(texts)))]
