"""`World`: people, places, objects and organisations, everything about them, and the documents that say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

import numpy as np

from stepgym.envs.multi_hop.names import draw_names, spoken
from stepgym.envs.multi_hop.relations import RELATIONS, Kind, Relation, relations_from
from stepgym.envs.tools.search_index import Document
from stepgym.errors import InvalidInputError

Passages: TypeAlias = Literal["facts", "articles"]
SIZES = range(12, 601)
"""Sizes that a world may have."""

_LONGEST = 300  # characters of a sentence

# Seeds of what is drawn about one world; the second number keeps the draws apart.
_FACTS, _FORMS, _NOISE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Fact:
    """The object of a relation for one subject; names without articles."""

    subject: str
    relation: Relation
    object: str


class World:
    """A made-up world, the same for the same `seed` and `size`: every relation has exactly one object per subject.

    There are `size` people, a third as many cities and organisations, half as many objects and a tenth as many
    countries (at least 3). Names are unique, but first names, family names and stems are shared, and an organisation
    may be called after a city, so that they are easily mixed up. The capital of a country lies in it.

    Args:
        seed: Any whole number from 0.
        size: 12 to 600.
    """

    def __init__(self, seed: int, size: int) -> None:
        if type(seed) is not int or not 0 <= seed < 2**63:
            raise InvalidInputError(f"the seed of a world must be a whole number from 0, got {seed!r:.80}")
        if type(size) is not int or size not in SIZES:
            raise InvalidInputError(f"the size of a world must be an integer from 12 to 600, got {size!r:.80}")
        self.seed = seed
        self.size = size
        rng = self._rng(_FACTS)
        countries = max(3, size // 10)
        counts: dict[Kind, int] = {
            "country": countries,
            "currency": countries,
            "city": max(size // 3, countries + 1),
            "person": size,
            "organisation": max(4, size // 3),
            "object": max(4, size // 2),
        }
        taken: set[str] = set()
        self.names: dict[Kind, tuple[str, ...]] = {
            kind: tuple(draw_names(rng, kind, count, taken)) for kind, count in counts.items()
        }
        self.names["year"] = tuple(str(year) for year in range(1780, 1960))
        self._kinds = {name.lower(): (kind, name) for kind, names in self.names.items() for name in names}
        self._objects = {(fact.subject, fact.relation.key): fact.object for fact in self._drawn(rng)}

    def kind(self, name: str) -> Kind | None:
        """The kind of the thing with this name, in any case and perhaps with an article; None if there is none."""
        found = self._kinds.get(_bare(name))
        return None if found is None else found[0]

    def name(self, text: str) -> str | None:
        """The name as this world spells it; None if there is none."""
        found = self._kinds.get(_bare(text))
        return None if found is None else found[1]

    def spoken(self, name: str) -> str:
        """The name in a sentence, with its article if it has one."""
        kind = self.kind(name)
        return name if kind is None else spoken(kind, name)

    def object_of(self, subject: str, relation: str) -> str:
        """The true object of a relation, given by its key; raises KeyError where there is none."""
        return self._objects[subject, relation]

    def facts(self) -> Iterator[Fact]:
        """All true facts, those about one subject together."""
        for (subject, key), object in self._objects.items():
            yield Fact(subject, RELATIONS[key], object)

    def documents(self, *, passages: Passages = "facts", noise: float = 0.0) -> list[Document]:
        """What can be read about this world.

        Args:
            passages: "facts": a document states one fact; "articles": it states all facts about one subject. Its title
                is the subject.
            noise: Share of documents, in [0, 1], that state one wrong object, of the right kind. Each document has a
                threshold of its own: more noise spoils further documents and leaves the spoiled ones as they are.
        """
        if passages not in get_args(Passages):
            raise InvalidInputError(f"passages must be one of {get_args(Passages)}, got {passages!r:.80}")
        if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise <= 1:
            raise InvalidInputError(f"noise must be a share from 0 to 1, got {noise!r:.80}")
        groups: list[list[Fact]] = []
        for fact in self.facts():
            if passages == "articles" and groups and groups[-1][0].subject == fact.subject:
                groups[-1].append(fact)
            else:
                groups.append([fact])
        rng, forms = self._rng(_NOISE), self._rng(_FORMS)
        documents = []
        for group in groups:
            threshold, which, other = rng.random(), int(rng.integers(len(group))), int(rng.integers(1 << 30))
            if threshold < noise:
                group[which] = self._spoiled(group[which], other)
            text = " ".join(
                fact.relation.stated(self.spoken(fact.subject), self.spoken(fact.object), int(forms.integers(2)))
                for fact in group
            )
            documents.append(Document(group[0].subject, text))
        return documents

    def read(self, text: str) -> list[Fact]:
        """The facts, true or not, that the sentences of `text` state about things of this world."""
        found = []
        for sentence in text.replace(". ", ".\n").split("\n"):
            for key, *names in _stated(sentence.strip()):
                relation = RELATIONS[key]
                subject, object = map(self.name, names)
                fits = [self.kind(name) for name in names] == [relation.subject, relation.object]
                if subject is not None and object is not None and fits:
                    found.append(Fact(subject, relation, object))
        return found

    def _drawn(self, rng: np.random.Generator) -> Iterator[Fact]:
        countries, cities = self.names["country"], self.names["city"]
        # The first cities are the capitals; every other one lies anywhere.
        lies_in = [*countries, *(countries[int(i)] for i in rng.integers(len(countries), size=len(cities)))]
        for kind, names in self.names.items():
            for number, subject in enumerate(names):
                for relation in relations_from(kind):
                    if relation.key in ("capital", "currency"):
                        yield Fact(subject, relation, self.names[relation.object][number])
                    elif relation.key == "country":
                        yield Fact(subject, relation, lies_in[number])
                    else:
                        others = [name for name in self.names[relation.object] if name != subject]
                        yield Fact(subject, relation, others[int(rng.integers(len(others)))])

    def _spoiled(self, fact: Fact, choice: int) -> Fact:
        others = [name for name in self.names[fact.relation.object] if name not in (fact.subject, fact.object)]
        return Fact(fact.subject, fact.relation, others[choice % len(others)])

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, self.size, purpose]))


@lru_cache(maxsize=16)
def world_of(seed: int, size: int) -> World:
    """The world with this seed and size, made once."""
    return World(seed, size)


@lru_cache(maxsize=1 << 16)
def _stated(sentence: str) -> tuple[tuple[str, str, str], ...]:
    """Relation, subject and object that a sentence states, in some world: the same ones are read again and again."""
    if len(sentence) > _LONGEST:
        return ()
    read = ((key, relation.read(sentence)) for key, relation in RELATIONS.items())
    return tuple((key, *names) for key, names in read if names is not None)


def _bare(name: str) -> str:
    plain = name.strip().lower()
    return plain.removeprefix("the ")
