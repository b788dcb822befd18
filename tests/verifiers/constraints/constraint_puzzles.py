"""Puzzles that the tests share."""

from __future__ import annotations

from typing import Any

SEATS: dict[str, Any] = {
    "variables": {"Ann": [1, 2, 3], "Bob": [1, 2, 3], "Cy": [1, 2, 3]},
    "rules": [{"words": "Different seats.", "holds": ["different", "Ann", "Bob", "Cy"]}],
    "clues": [
        {"words": "Ann sits left of Bob.", "holds": ["<", "Ann", "Bob"]},
        {"words": "Cy sits at an end.", "holds": ["or", ["is", "Cy", 1], ["is", "Cy", 3]]},
        {"words": "Cy sits left of Ann.", "holds": ["<", "Cy", "Ann"]},
    ],
    "answer": {"form": "list"},
}
KNIGHTS: dict[str, Any] = {
    "variables": {"Ann": ["knave", "knight"], "Bob": ["knave", "knight"]},
    "clues": [
        {"words": 'Ann says: "Bob is a knave."', "holds": ["=", ["is", "Ann", "knight"], ["is", "Bob", "knave"]]},
        {"words": 'Bob says: "We are the same."', "holds": ["=", ["is", "Bob", "knight"], ["=", "Ann", "Bob"]]},
    ],
    "aliases": {"liar": "knave", "truth-teller": "knight", "knights": "knight"},
}
VISITS: dict[str, Any] = {
    "variables": {
        "Ann's day": ["Monday", "Tuesday"],
        "Ann's hour": ["9:00", "14:00"],
        "Bob's day": ["Monday", "Tuesday"],
        "Bob's hour": ["9:00", "14:00"],
    },
    "clues": [
        {"words": "Ann comes on the day before Bob.", "holds": ["=", ["+", "Ann's day", 1], "Bob's day"]},
        {"words": "Bob comes later in the day.", "holds": ["<", "Ann's hour", "Bob's hour"]},
    ],
    "answer": {"rows": {"Ann": ["Ann's day", "Ann's hour"], "Bob": ["Bob's day", "Bob's hour"]}},
}
SUMS: dict[str, Any] = {
    "variables": {"A": list(range(1, 10)), "B": list(range(1, 10))},
    "clues": [
        {"words": "A + B = 7.", "holds": ["=", ["+", "A", "B"], 7]},
        {"words": "A = B + 1.", "holds": ["=", "A", ["+", "B", 1]]},
    ],
    "answer": {"form": "equations"},
}
OPEN: dict[str, Any] = {  # three solutions
    "variables": {"A": [1, 2, 3], "B": [1, 2, 3]},
    "clues": [{"words": "A < B.", "holds": ["<", "A", "B"]}],
}


def zebra() -> dict[str, Any]:
    """The puzzle of the five houses (Life International, 1962): 25 variables, too many assignments to list."""
    groups = [
        ["Englishman", "Spaniard", "Ukrainian", "Norwegian", "Japanese"],
        ["red", "green", "ivory", "yellow", "blue"],
        ["dog", "snails", "fox", "horse", "zebra"],
        ["coffee", "tea", "milk", "juice", "water"],
        ["Old Gold", "Kools", "Chesterfields", "Lucky Strike", "Parliaments"],
    ]

    def beside(one: str, two: str) -> list[Any]:
        return ["=", ["abs", ["-", one, two]], 1]

    clues: list[tuple[str, list[Any]]] = [
        ("The Englishman lives in the red house.", ["=", "Englishman", "red"]),
        ("The Spaniard owns the dog.", ["=", "Spaniard", "dog"]),
        ("Coffee is drunk in the green house.", ["=", "coffee", "green"]),
        ("The Ukrainian drinks tea.", ["=", "Ukrainian", "tea"]),
        ("The green house is directly right of the ivory house.", ["=", "green", ["+", "ivory", 1]]),
        ("The Old Gold smoker owns snails.", ["=", "Old Gold", "snails"]),
        ("Kools are smoked in the yellow house.", ["=", "Kools", "yellow"]),
        ("Milk is drunk in the middle house.", ["is", "milk", 3]),
        ("The Norwegian lives in the first house.", ["is", "Norwegian", 1]),
        ("Chesterfields are smoked beside the fox.", beside("Chesterfields", "fox")),
        ("Kools are smoked beside the horse.", beside("Kools", "horse")),
        ("The Lucky Strike smoker drinks juice.", ["=", "Lucky Strike", "juice"]),
        ("The Japanese smokes Parliaments.", ["=", "Japanese", "Parliaments"]),
        ("The Norwegian lives beside the blue house.", beside("Norwegian", "blue")),
    ]
    return {
        "variables": {name: [1, 2, 3, 4, 5] for group in groups for name in group},
        "rules": [{"words": "One to a house.", "holds": ["different", *group]} for group in groups],
        "clues": [{"words": words, "holds": tree} for words, tree in clues],
    }
