"""Questions about a world: chains of relations, with ids that spell them out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stepgym.envs.multi_hop.relations import RELATIONS, Relation, relations_from
from stepgym.envs.multi_hop.world import SIZES, World, world_of
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError, UnknownNameError

HOPS = range(2, 5)
"""Numbers of hops that a question may have."""

_ID = re.compile(
    r"multihop/(?P<seed>0|[1-9][0-9]{0,17})-(?P<size>[1-9][0-9]{1,2})/(?P<start>[a-z0-9-]{1,80})/(?P<path>[a-z.-]{1,80})"
)
_DRAWS = 10_000
_ENDS = frozenset({"year", "currency"})


@dataclass(frozen=True)
class Question:
    """A start, and the relations to follow from it one after the other.

    Attributes:
        world: Where it is asked.
        start: A name.
        relations: 2 to 4.
    """

    world: World
    start: str
    relations: tuple[Relation, ...]

    @property
    def text(self) -> str:
        """The question: "What is the capital of the country of the birthplace of Mira Valdoro?"."""
        phrase = self.world.spoken(self.start)
        for relation in self.relations:
            phrase = f"the {relation.noun} of {phrase}"
        return f"{'Who' if self.relations[-1].object == 'person' else 'What'} is {phrase}?"

    @property
    def chain(self) -> tuple[str, ...]:
        """The start, what each relation truly leads to, and so, last, the answer."""
        found = [self.start]
        for relation in self.relations:
            found.append(self.world.object_of(found[-1], relation.key))
        return tuple(found)

    @property
    def id(self) -> str:
        """The id of its task: world, start and relations."""
        path = ".".join(relation.key for relation in self.relations)
        return f"multihop/{self.world.seed}-{self.world.size}/{_slug(self.start)}/{path}"

    def task(self) -> Task:
        """The task: the reference is the answer; `meta` has "hops" and "chain"."""
        chain = self.chain
        return Task(self.id, self.text, chain[-1], {"hops": len(self.relations), "chain": list(chain)})


def multi_hop_task(
    seed: int | np.random.Generator, *, world_seed: int = 0, size: int = 60, hops: int | Sequence[int] = (2, 4)
) -> Task:
    """A random question, with the arguments of `MultiHopQAEnv`.

    With an integer `seed` it is the task of `reset(seed=seed)`; a generator is advanced.
    """
    rng = seed if isinstance(seed, np.random.Generator) else np.random.Generator(np.random.PCG64(seed))
    return draw_question(rng, world_of(world_seed, size), hops_range(hops)).task()


def hops_range(hops: int | Sequence[int]) -> range:
    """The numbers of hops to draw from, given as one number or as the smallest and the largest."""
    given = (hops, hops) if isinstance(hops, int) else tuple(hops)
    first, last = given if len(given) == 2 else (0, 0)
    if type(first) is not int or type(last) is not int or not 2 <= first <= last <= 4:
        raise InvalidInputError(f"hops must be a number from 2 to 4, or two such as (2, 4), got {hops!r:.80}")
    return range(first, last + 1)


def draw_question(rng: np.random.Generator, world: World, hops: range) -> Question:
    """A random question: hops, kind of the start, start and relations uniform; nothing is passed twice."""
    starts = sorted({relation.subject for relation in RELATIONS.values()})
    for _ in range(_DRAWS):
        kind = starts[int(rng.integers(len(starts)))]
        start = world.names[kind][int(rng.integers(len(world.names[kind])))]
        path: list[Relation] = []
        wanted = hops[int(rng.integers(len(hops)))]
        for hop in range(wanted):
            choices = [r for r in relations_from(kind) if hop == wanted - 1 or r.object not in _ENDS]
            path.append(choices[int(rng.integers(len(choices)))])
            kind = path[-1].object
        question = Question(world, start, tuple(path))
        if len(set(question.chain)) == wanted + 1:
            return question
    raise InvalidInputError(f"no question of {hops} hops in {_DRAWS} draws")


def question_from_id(task_id: str) -> Question:
    """The question that an id spells out; raises `UnknownNameError` if it spells none."""
    match = _ID.fullmatch(task_id)
    if match is not None and int(match["size"]) in SIZES:
        world = world_of(int(match["seed"]), int(match["size"]))
        start = _starts(world).get(match["start"])
        relations = tuple(RELATIONS[key] for key in match["path"].split(".") if key in RELATIONS)
        joined = start is not None and len(relations) == match["path"].count(".") + 1 and len(relations) in HOPS
        kinds = [world.kind(start or ""), *(relation.object for relation in relations)]
        if start is not None and joined and all(r.subject == k for r, k in zip(relations, kinds, strict=False)):
            question = Question(world, start, relations)
            if len(set(question.chain)) == len(relations) + 1:
                return question
    raise UnknownNameError(
        f"No multi-hop question is called {task_id!r:.120}. Ids look like "
        f"{draw_question(np.random.default_rng(0), world_of(0, 60), range(2, 3)).id!r}: seed and size of the world, "
        "a name of it, and 2 to 4 relations that lead on from there without coming back."
    )


def _starts(world: World) -> dict[str, str]:
    return {_slug(name): name for names in world.names.values() for name in names}


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")
