"""Appointments: who comes on which day and at which hour, from clues about order, days and hours."""

from __future__ import annotations

import random
from typing import Any

from stepgym.envs.puzzles.drawing import Frame, Proposal, listed, names_of

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
HOURS = ("9:00", "11:00", "14:00")
SIZES = {1: (2, 2, 2), 2: (3, 2, 2), 3: (4, 3, 2), 4: (5, 3, 2), 5: (5, 3, 3)}
"""People, days and hours, by difficulty."""
ANSWER = "one line for each person, like 'Ann: Monday 9:00'"
_KINDS = {
    1: ("before", "day", "hour", "not-day"),
    2: ("before", "day", "hour", "not-day", "same-day"),
    3: ("before", "hour", "not-day", "same-day", "other-day", "same-hour", "day-before"),
    4: ("before", "not-day", "same-day", "other-day", "same-hour", "day-before", "later-hour", "not-slot"),
    5: ("before", "not-day", "other-day", "same-hour", "day-before", "later-hour", "not-slot", "either", "if"),
}


def frame(rng: random.Random, difficulty: int) -> Frame:
    """The people, days and hours of a puzzle."""
    count, day_count, hour_count = SIZES[difficulty]
    people = names_of(rng, count, difficulty)
    days, hours = DAYS[:day_count], HOURS[:hour_count]
    variables: dict[str, tuple[str, ...]] = {}
    for person in people:
        variables |= {_day(person): days, _hour(person): hours}

    def propose(rng: random.Random) -> Proposal:
        kind, who = rng.choice(_KINDS[difficulty]), rng.sample(people, 2)
        words, tree = _clue(rng, kind, who, rng.choice(days), rng.choice(hours), hour_count, difficulty)
        return Proposal(repr(tree), f"{words}.", tree)

    return Frame(
        f"{listed(people)} each have one appointment, on {listed(days, 'or')}, at {listed(hours, 'or')}, no two at the "
        "same time. Who comes when?",
        variables,
        {"form": "pairs", "rows": {person: [_day(person), _hour(person)] for person in people}},
        propose,
        rules=[
            {
                "words": "No two come at the same time.",
                "holds": ["different", *(_slot(person, hour_count) for person in people)],
            }
        ],
        aliases={day[:3].lower(): day for day in days},
        extra=max(0, difficulty - 3),
    )


def _day(person: str) -> str:
    return f"{person}'s day"


def _hour(person: str) -> str:
    return f"{person}'s hour"


def _slot(person: str, hour_count: int) -> Any:
    return ["+", ["*", _day(person), hour_count], _hour(person)]


def _clue(
    rng: random.Random, kind: str, who: list[str], day: str, hour: str, hour_count: int, difficulty: int
) -> tuple[str, Any]:
    one, two = who
    phrase = rng.randrange(2) if difficulty > 1 else 0
    same_day, same_hour = ["=", _day(one), _day(two)], ["=", _hour(one), _hour(two)]
    on_day, at_hour = ["is", _day(one), day], ["is", _hour(one), hour]
    before = ["<", _slot(one, hour_count), _slot(two, hour_count)]
    if kind == "before":
        return (f"{one} comes before {two}", f"{two} comes some time after {one}")[phrase], before
    if kind == "day":
        return (f"{one} comes on {day}", f"The appointment of {one} is on {day}")[phrase], on_day
    if kind == "hour":
        return (f"{one} comes at {hour}", f"The appointment of {one} is at {hour}")[phrase], at_hour
    if kind == "not-day":
        return (f"{one} does not come on {day}", f"{one} has no time on {day}")[phrase], ["not", on_day]
    if kind == "same-day":
        return (f"{one} and {two} come on the same day", f"{one} comes on the day of {two}")[phrase], same_day
    if kind == "other-day":
        words = (f"{one} and {two} come on different days", f"{one} does not come on the day of {two}")
        return words[phrase], ["not", same_day]
    if kind == "same-hour":
        return (f"{one} and {two} come at the same hour", f"{one} comes at the hour of {two}")[phrase], same_hour
    if kind == "day-before":
        words = (f"{one} comes exactly one day before {two}", f"{two} comes on the day after {one}")
        return words[phrase], ["=", ["+", _day(one), 1], _day(two)]
    if kind == "later-hour":
        words = (f"{one} comes at a later hour than {two}", f"The hour of {two} is earlier than that of {one}")
        return words[phrase], [">", _hour(one), _hour(two)]
    if kind == "not-slot":
        words = (f"{one} does not come on {day} at {hour}", f"{one} has no time on {day} at {hour}")
        return words[phrase], ["not", ["and", on_day, at_hour]]
    if kind == "either":
        return f"{one} comes on {day} or {two} comes at {hour}, or both", ["or", on_day, ["is", _hour(two), hour]]
    return f"If {one} comes before {two}, then {one} comes at {hour}", ["implies", before, at_hour]
