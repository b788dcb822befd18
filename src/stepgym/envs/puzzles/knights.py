"""Knights and knaves: knights tell the truth, knaves lie, and everyone says at most one thing.

After Raymond Smullyan, "What Is the Name of This Book?" (1978).
"""

from __future__ import annotations

import random
from typing import Any

from stepgym.envs.puzzles.drawing import Frame, Proposal, listed, names_of

PEOPLE = {1: 2, 2: 3, 3: 4, 4: 5, 5: 7}
ANSWER = "one line for each person, like 'Ann: knight'"
_ALIASES = {"knights": "knight", "knaves": "knave", "liar": "knave", "truth-teller": "knight"}


def frame(rng: random.Random, difficulty: int) -> Frame:
    """The people of a puzzle."""
    people = names_of(rng, PEOPLE[difficulty], difficulty)

    def propose(rng: random.Random) -> Proposal:
        speaker = rng.choice(people)
        said, statement = _statement(rng, speaker, people, difficulty)
        verb = rng.choice(("says", "claims")) if difficulty > 1 else "says"
        return Proposal(speaker, f'{speaker} {verb}: "{said}."', ["=", ["is", speaker, "knight"], statement])

    return Frame(
        f"{listed(people)} are knights, who always tell the truth, or knaves, who always lie. Who is what?",
        dict.fromkeys(people, ("knave", "knight")),
        {"form": "pairs"},
        propose,
        aliases=_ALIASES,
        extra=max(0, difficulty - 3),
    )


def _statement(rng: random.Random, speaker: str, people: list[str], difficulty: int) -> tuple[str, Any]:
    """What a speaker says, and what it means."""
    kinds = ["one", "same", "at-least", "both", "exactly"]
    kinds += ["if", "or"] if difficulty >= 3 else []
    kinds += ["count"] if difficulty >= 4 else []
    kind = rng.choice(kinds)
    other = rng.choice([person for person in people if person != speaker])
    what = rng.choice(("knight", "knave"))
    if kind == "one":
        return f"{other} is a {what}", ["is", other, what]
    if kind == "count":
        number = rng.randrange(1, len(people))
        tree = ["=", ["count", *(["is", person, what] for person in people)], number]
        return (f"Exactly one of us is a {what}" if number == 1 else f"Exactly {number} of us are {what}s"), tree
    second = rng.choice([person for person in people if person != other])
    both = f"{other} and {'I' if second == speaker else second}"
    if kind == "same":
        same = rng.random() < 0.5
        words = rng.choice(("are of the same kind", "are the same")) if same else "are of different kinds"
        return f"{both} {words}", ["=" if same else "!=", other, second]
    one, two = ["is", other, what], ["is", second, what]
    if kind == "at-least":
        whom = f"{other} and {'me' if second == speaker else second}"
        return f"At least one of {whom} is a {what}", ["or", one, two]
    if kind == "both":
        return f"{both} are both {what}s", ["and", one, two]
    if kind == "exactly":
        words = f"Of {other} and {'me' if second == speaker else second}, exactly one is a {what}"
        return words, ["!=", one, two]
    whose = "I am" if second == speaker else f"{second} is"
    opposite = rng.choice(("knight", "knave"))
    if kind == "if":
        return f"If {other} is a {what}, then {whose} a {opposite}", ["implies", one, ["is", second, opposite]]
    return f"{other} is a {what} or {whose} a {opposite}", ["or", one, ["is", second, opposite]]
