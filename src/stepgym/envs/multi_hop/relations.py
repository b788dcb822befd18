"""The relations of the multi-hop world: what they join, how they are named, and the sentences that state them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Literal

Kind = Literal["person", "city", "country", "organisation", "object", "year", "currency"]


@dataclass(frozen=True)
class Relation:
    """A function from things of one kind to things of another: every subject has exactly one object.

    Attributes:
        key: Its name in task ids.
        subject, object: The kinds it joins.
        noun: Its name in questions: "the birthplace of ...".
        sentences: Ways to state it, with {s} and {o}; each holds the noun, so that a query can find it.
        cues: Words of a query that ask for it, besides the noun; in lower case.
    """

    key: str
    subject: Kind
    object: Kind
    noun: str
    sentences: tuple[str, ...]
    cues: tuple[str, ...] = ()

    def stated(self, subject: str, object: str, form: int) -> str:
        """The fact in a sentence; names as they are spoken, "the Amber Lantern"."""
        text = self.sentences[form % len(self.sentences)].format(s=subject, o=object)
        return text[0].upper() + text[1:]

    def read(self, sentence: str) -> tuple[str, str] | None:
        """Subject and object of a sentence that states this relation, as they are spoken; else None."""
        for pattern in self._patterns:
            match = pattern.fullmatch(sentence)
            if match is not None:
                return match["s"], match["o"]
        return None

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        found = []
        for sentence in self.sentences:
            text = re.escape(sentence).replace(r"\{s\}", "(?P<s>[^.,;]{1,60})").replace(r"\{o\}", "(?P<o>[^.,;]{1,60})")
            found.append(re.compile(text, re.IGNORECASE))
        return tuple(found)


def _relation(key: str, subject: Kind, object: Kind, noun: str, sentence: str, *cues: str) -> Relation:
    return Relation(key, subject, object, noun, (f"the {noun} of {{s}} is {{o}}.", sentence), cues)


RELATIONS = MappingProxyType(
    {
        relation.key: relation
        for relation in (
            _relation(
                "birthplace",
                "person",
                "city",
                "birthplace",
                "{s} was born in {o}, a birthplace of many sailors.",
                "place of birth",
                "born",
            ),
            _relation(
                "employer",
                "person",
                "organisation",
                "employer",
                "{s} works for {o}, an employer of long standing.",
                "works for",
                "work for",
                "employed by",
            ),
            _relation(
                "teacher",
                "person",
                "person",
                "teacher",
                "{s} learned the trade from {o}, a strict teacher.",
                "taught",
                "learned from",
            ),
            _relation(
                "birth-year",
                "person",
                "year",
                "birth year",
                "{s} came into the world in {o}, the birth year in the parish book.",
                "year of birth",
                "born in which year",
            ),
            _relation(
                "home-city",
                "organisation",
                "city",
                "home city",
                "{s} is based in {o}, its home city for generations.",
                "based",
                "headquarters",
            ),
            _relation(
                "founder",
                "organisation",
                "person",
                "founder",
                "{s} was set up by {o}, its founder and first head.",
                "founded by",
                "founded",
            ),
            _relation(
                "founding-year",
                "organisation",
                "year",
                "founding year",
                "{s} opened its doors in {o}, the founding year on its seal.",
                "year of foundation",
                "founded in which year",
            ),
            _relation(
                "country",
                "city",
                "country",
                "country",
                "{s} lies in {o}, a country of many rivers.",
                "lies in",
                "located",
            ),
            _relation("mayor", "city", "person", "mayor", "{s} is governed by {o}, its mayor.", "governed by"),
            _relation(
                "capital",
                "country",
                "city",
                "capital",
                "{s} is ruled from {o}, its capital.",
                "capital city",
                "ruled from",
            ),
            _relation("president", "country", "person", "president", "{s} is led by {o}, its president.", "led by"),
            _relation(
                "currency", "country", "currency", "currency", "{s} pays in {o}, its currency.", "money", "pays in"
            ),
            _relation("maker", "object", "person", "maker", "{s} is the work of {o}, its maker.", "made by", "made"),
            _relation("owner", "object", "organisation", "owner", "{s} belongs to {o}, its owner.", "owns", "owned by"),
        )
    }
)
"""The relations by key."""


def relations_from(kind: Kind) -> tuple[Relation, ...]:
    """The relations whose subjects are of this kind."""
    return tuple(relation for relation in RELATIONS.values() if relation.subject == kind)


def relations_asked(words: list[str]) -> set[str]:
    """The keys of the relations that a query of these words (lower case) asks for; longer cues win over shorter."""
    text = f" {' '.join(words)} "
    asked = set()
    for cue, key in _CUES:
        if f" {cue} " in text:
            asked.add(key)
            text = text.replace(f" {cue} ", " | ")
    return asked


_CUES = sorted(
    ((cue, relation.key) for relation in RELATIONS.values() for cue in (relation.noun, *relation.cues)),
    key=lambda pair: (-len(pair[0]), pair),
)
