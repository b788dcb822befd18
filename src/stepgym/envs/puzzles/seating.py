"""Seats in a row: who sits where, from clues about neighbours, order, ends and distances."""

from __future__ import annotations

import random
from typing import Any

from stepgym.envs.puzzles.drawing import Frame, Proposal, listed, names_of

PEOPLE = {1: 3, 2: 4, 3: 5, 4: 6, 5: 7}
ANSWER = "the seats in order, one line each, like '1. Bob'"
_KINDS = {
    1: ("left", "seat", "not-seat", "next-left"),
    2: ("left", "seat", "not-seat", "next-left", "next", "end"),
    3: ("left", "left", "not-seat", "next-left", "next", "end", "not-next"),
    4: ("left", "not-seat", "next-left", "next", "end", "not-next", "apart", "between"),
    5: ("left", "not-seat", "next", "end", "not-next", "apart", "between", "either", "if"),
}


def frame(rng: random.Random, difficulty: int) -> Frame:
    """The people of a puzzle."""
    people = names_of(rng, PEOPLE[difficulty], difficulty)
    seats = range(1, len(people) + 1)

    def propose(rng: random.Random) -> Proposal:
        words, tree = _clue(rng, rng.choice(_KINDS[difficulty]), rng.sample(people, 3), len(people), difficulty)
        return Proposal(repr(tree), f"{words}.", tree)

    return Frame(
        f"{listed(people)} sit in a row, in seats 1 (far left) to {len(people)} (far right). Who sits where?",
        dict.fromkeys(people, seats),
        {"form": "list"},
        propose,
        rules=[{"words": "Everyone has a seat of their own.", "holds": ["different", *people]}],
        extra=max(0, difficulty - 3),
    )


def _clue(rng: random.Random, kind: str, who: list[str], count: int, difficulty: int) -> tuple[str, Any]:
    one, two, three = who
    seat, distance = rng.randrange(1, count + 1), rng.randrange(2, max(3, count - 1))
    phrase = rng.randrange(2) if difficulty > 1 else 0
    gap = ["abs", ["-", one, two]]
    if kind == "left":
        words = (f"{one} sits left of {two}", f"{two} sits somewhere to the right of {one}")
        return words[phrase], ["<", one, two]
    if kind == "next-left":
        words = (f"{one} sits directly left of {two}", f"{two} sits directly to the right of {one}")
        return words[phrase], ["=", ["+", one, 1], two]
    if kind == "next":
        return (f"{one} sits next to {two}", f"{one} and {two} are neighbours")[phrase], ["=", gap, 1]
    if kind == "not-next":
        words = (f"{one} does not sit next to {two}", f"{one} and {two} are not neighbours")
        return words[phrase], [">", gap, 1]
    if kind == "seat":
        return (f"{one} sits in seat {seat}", f"Seat {seat} is taken by {one}")[phrase], ["is", one, seat]
    if kind == "not-seat":
        words = (f"{one} does not sit in seat {seat}", f"Seat {seat} is not taken by {one}")
        return words[phrase], ["not", ["is", one, seat]]
    if kind == "end":
        words = (f"{one} sits at one end", f"{one} has only one neighbour")
        return words[phrase], ["or", ["is", one, 1], ["is", one, count]]
    if kind == "apart":
        others = "one person sits" if distance == 2 else f"{distance - 1} people sit"
        words = (f"Exactly {others} between {one} and {two}", f"Between {two} and {one} exactly {others}")
        return words[phrase], ["=", gap, distance]
    if kind == "between":
        words = (
            f"{one} sits somewhere between {two} and {three}",
            f"{two} and {three} sit on different sides of {one}",
        )
        return words[phrase], [
            "or",
            ["and", ["<", two, one], ["<", one, three]],
            ["and", ["<", three, one], ["<", one, two]],
        ]
    other = rng.randrange(1, count + 1)
    if kind == "either":
        return f"{one} sits in seat {seat} or {two} sits in seat {other}, or both", [
            "or",
            ["is", one, seat],
            ["is", two, other],
        ]
    return f"If {one} sits left of {two}, then {three} sits in seat {seat}", [
        "implies",
        ["<", one, two],
        ["is", three, seat],
    ]
