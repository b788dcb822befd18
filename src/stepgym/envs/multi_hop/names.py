"""Names of the multi-hop world: made up, unique, and alike enough to be mixed up."""

from __future__ import annotations

import numpy as np

from stepgym.envs.multi_hop.relations import Kind

# fmt: off
_FIRST = (
    "Mira", "Tomas", "Ilse", "Joren", "Kalea", "Petra", "Anselm", "Rhea", "Viktor", "Lina", "Osric", "Tamsin",
    "Bruno", "Selma", "Edda", "Henrik", "Nadia", "Ruben", "Alma", "Casper", "Dora", "Emeric", "Freya", "Gregor",
    "Hanna", "Isak", "Jutta", "Kiran", "Leonie", "Magnus",
)
_STEMS = (
    "Val", "Kes", "Tar", "Bel", "Nor", "Dra", "Mor", "Hel", "Fen", "Gar", "Lin", "Sol", "Ost", "Bran", "Cal", "Dun",
    "Eld", "Far", "Gren", "Hol", "Jar", "Kor", "Lum", "Mar", "Nes", "Orl", "Pell", "Quin", "Ros", "Sten",
)
_WORKS = (
    "Foundry", "Press", "Bank", "Mill", "Guild", "Institute", "Theatre", "Shipyard", "Brewery", "Observatory",
    "Archive", "Museum",
)
_COLOURS = (
    "Amber", "Silver", "Crimson", "Hollow", "Gilded", "Ivory", "Jade", "Copper", "Velvet", "Marble", "Ashen",
    "Cobalt", "Scarlet", "Opal", "Ebony",
)
_THINGS = (
    "Lantern", "Crown", "Harp", "Clock", "Globe", "Mask", "Bell", "Chalice", "Compass", "Tapestry", "Mirror",
    "Dagger", "Violin", "Throne", "Casket", "Loom", "Sundial", "Fountain", "Statue", "Necklace",
)
# fmt: on
_ENDINGS: dict[Kind, tuple[str, ...]] = {
    "person": ("doro", "dane", "beck", "holm", "vari", "strand", "mond", "quist"),
    "city": ("har", "han", "ton", "vik", "port", "ford", "stead", "wick"),
    "country": ("ia", "land", "mark", "stan"),
    "currency": ("in", "ar", "ek"),
}


def draw_names(rng: np.random.Generator, kind: Kind, count: int, taken: set[str]) -> list[str]:
    """`count` new names of a kind, added to `taken`; there are at least 240 of each kind that the world needs."""
    pool = [name for name in _pool(rng, kind, count) if name.lower() not in taken]
    chosen = [pool[int(i)] for i in rng.permutation(len(pool))[:count]]
    taken.update(name.lower() for name in chosen)
    return chosen


def spoken(kind: Kind, name: str) -> str:
    """The name as it stands in a sentence: organisations, objects and currencies have an article."""
    return f"the {name}" if kind in ("organisation", "object", "currency") else name


def _pool(rng: np.random.Generator, kind: Kind, count: int) -> list[str]:
    if kind == "organisation":
        return [f"{stem}{end} {work}" for stem in _STEMS for end in ("vik", "mer") for work in _WORKS]
    if kind == "object":
        return [f"{colour} {thing}" for colour in _COLOURS for thing in _THINGS]
    stems = [f"{stem}{end}" for stem in _STEMS for end in _ENDINGS[kind]]
    if kind == "currency":
        return [name.lower() for name in stems]
    if kind != "person":
        return stems
    # About three people to a family name, so that neither name alone tells who is meant.
    families = [stems[int(i)] for i in rng.permutation(len(stems))[: max(4, count // 3)]]
    return [f"{first} {family}" for first in _FIRST for family in families]
