"""Word problems made up from a seed: a story of two to six calculations with one exact answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from stepgym.envs.tasks import Task
from stepgym.envs.tools.number_text import number_text
from stepgym.errors import InvalidInputError, UnknownNameError

STEPS = range(2, 7)
"""Numbers of calculations that a problem may have."""
LARGEST = range(10, 1001)
"""Bounds on the numbers in the text."""

_ID = re.compile(r"wordproblem/(?P<steps>[2-6])-(?P<largest>[1-9][0-9]{1,3})/(?P<seed>0|[1-9][0-9]{0,17})")
_SEEDS = 1 << 31
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class _Setting:
    """What a story is about: who gets what in which containers, and who takes it."""

    who: str
    items: str
    container: str
    takers: str


_SETTINGS = (
    _Setting("A bakery", "rolls", "trays", "shops"),
    _Setting("An orchard", "apples", "crates", "markets"),
    _Setting("A library", "books", "shelves", "schools"),
    _Setting("A workshop", "screws", "boxes", "builders"),
    _Setting("A nursery", "seedlings", "rows", "gardens"),
    _Setting("A printer", "posters", "rolls of paper", "theatres"),
    _Setting("A dairy", "cheeses", "racks", "inns"),
    _Setting("A mint", "coins", "bags", "banks"),
)


@dataclass(slots=True)
class _Story:
    """A story in the making: the sentences, the calculations, and how many things there are now."""

    setting: _Setting
    rng: np.random.Generator
    largest: int
    sentences: list[str]
    calculations: list[str]
    value: Fraction

    def number(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, max(low, high) + 1))

    def go_on(self, sentence: str, calculation: str, value: Fraction | int) -> None:
        self.sentences.append(sentence)
        self.calculations.append(calculation)
        self.value = Fraction(value)


def word_problem(seed: int, *, steps: int, largest: int = 60) -> Task:
    """The problem with this seed: `meta` has "calculations", one after the other, and "steps".

    Args:
        seed: Any whole number from 0.
        steps: How many calculations it takes, 2 to 6.
        largest: Bound on the numbers in the text, 10 to 1000; results may be larger.
    """
    if type(steps) is not int or steps not in STEPS or type(largest) is not int or largest not in LARGEST:
        raise InvalidInputError(f"expected steps from 2 to 6 and largest from 10 to 1000, got {steps!r}, {largest!r}")
    if type(seed) is not int or not 0 <= seed < 10**18:
        raise InvalidInputError(f"the seed of a problem must be a whole number from 0, got {seed!r:.80}")
    rng = np.random.Generator(np.random.PCG64([seed, steps, largest]))
    story = _Story(_SETTINGS[int(rng.integers(len(_SETTINGS)))], rng, largest, [], [], Fraction(0))
    _begin(story)
    while len(story.calculations) < steps:
        last = len(story.calculations) == steps - 1
        kinds = [*_TURNS, _price] if last else list(_TURNS)
        kinds[int(rng.integers(len(kinds)))](story)
    sold = story.sentences[-1].startswith("Each of the")
    asked = "dollars does that bring in" if sold else f"{story.setting.items} are there now"
    prompt = " ".join([*story.sentences, f"How many {asked}?"])
    meta = {"calculations": story.calculations, "steps": steps}
    return Task(f"wordproblem/{steps}-{largest}/{seed}", prompt, number_text(story.value), meta)


def draw_word_problem(rng: np.random.Generator, *, steps: range, largest: int) -> Task:
    """A random problem; the number of steps is uniform."""
    chosen = steps[int(rng.integers(len(steps)))]
    return word_problem(int(rng.integers(_SEEDS)), steps=chosen, largest=largest)


def word_problem_from_id(task_id: str) -> Task:
    """The problem with this id; raises `UnknownNameError` if it is none."""
    match = _ID.fullmatch(task_id)
    if match is None or int(match["largest"]) not in LARGEST:
        raise UnknownNameError(
            f"No word problem is called {task_id!r:.80}. Ids look like 'wordproblem/4-60/17': steps, largest, seed."
        )
    return word_problem(int(match["seed"]), steps=int(match["steps"]), largest=int(match["largest"]))


def _begin(story: _Story) -> None:
    boxes, each = story.number(3, story.largest), story.number(3, story.largest)
    about = story.setting
    story.go_on(
        f"{about.who} has {boxes} {about.container} with {each} {about.items} each.", f"{boxes} * {each}", boxes * each
    )


def _more(story: _Story) -> None:
    more = story.number(2, story.largest)
    story.go_on(f"Then {more} more {story.setting.items} come in.", f"{story.value} + {more}", story.value + more)


def _fewer(story: _Story) -> None:
    gone = story.number(2, min(story.largest, int(story.value) - 1))
    if gone >= story.value:
        return
    story.go_on(
        f"{gone} of the {story.setting.items} are damaged and thrown away.",
        f"{story.value} - {gone}",
        story.value - gone,
    )


def _taken(story: _Story) -> None:
    takers = story.number(2, min(12, story.largest))
    each = story.number(2, min(story.largest, int(story.value) // takers))
    if takers * each >= story.value:
        return
    text = f"{takers} {story.setting.takers} take {each} {story.setting.items} each."
    story.go_on(text, f"{story.value} - {takers} * {each}", story.value - takers * each)


def _shared(story: _Story) -> None:
    divisors = [d for d in range(2, 13) if story.value % d == 0 and story.value > d]
    if not divisors:
        return
    parts = divisors[story.number(0, len(divisors) - 1)]
    about = story.setting
    text = f"All {about.items} are shared equally among {parts} {about.takers}; from now on we look at one of them."
    story.go_on(text, f"{story.value} / {parts}", story.value / parts)


def _percent(story: _Story) -> None:
    shares = [p for p in (5, 10, 20, 25, 30, 40, 50, 60, 75, 80, 90) if story.value * p % 100 == 0]
    if not shares:
        return
    share = shares[story.number(0, len(shares) - 1)]
    story.go_on(
        f"{share} percent of the {story.setting.items} are given away.",
        f"{story.value} * (100 - {share}) / 100",
        story.value * (100 - share) / 100,
    )


def _times(story: _Story) -> None:
    factor = story.number(2, 9)
    if story.value * factor > _MOST:
        return
    story.go_on(
        f"A delivery makes it {factor} times as many {story.setting.items} as before.",
        f"{story.value} * {factor}",
        story.value * factor,
    )


def _price(story: _Story) -> None:
    cents = 5 * story.number(1, 20 * min(story.largest, 50))
    price = Fraction(cents, 100)
    text = f"Each of the {story.setting.items} is then sold for ${cents // 100}.{cents % 100:02}."
    story.go_on(text, f"{story.value} * {number_text(price)}", story.value * price)


_TURNS: tuple[Callable[[_Story], None], ...] = (_more, _fewer, _taken, _shared, _percent, _times)
