"""The sentences of ALFWorld's text world, word for word, mistakes included ("a apple")."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING_HAPPENS = "Nothing happens."
BANNER = "-= Welcome to TextWorld, ALFRED! =-\n\n"
TASK = "Your task is to: "


def listing(names: Sequence[str]) -> str:
    """A list in words: "nothing", "a pen 1", or "a pen 1, a pen 2, and a pen 3"."""
    if not names:
        return "nothing"
    if len(names) == 1:
        return f"a {names[0]}"
    return f"a {', a '.join(names[:-1])}, and a {names[-1]}"


def room(receptacles: Sequence[str]) -> str:
    """What `look` says away from every receptacle."""
    return f"You are in the middle of a room. Looking quickly around you, you see {listing(receptacles)}."


def facing(receptacles: Sequence[str], beside: Sequence[str]) -> str:
    """What `look` says in front of `receptacles`."""
    faced = receptacles[0] if len(receptacles) == 1 else f"{', '.join(receptacles[:-1])}, and {receptacles[-1]}"
    return f"You are facing the {faced}. Next to it, you see {listing(beside)}."


def receptacle(name: str, inside: Sequence[str], *, openable: bool, opened: bool) -> str:
    """What is seen of a receptacle."""
    if not openable:
        return f"On the {name}, you see {listing(inside)}."
    if not opened:
        return f"The {name} is closed."
    return f"The {name} is open. In it, you see {listing(inside)}."


def thing(name: str, *, clean: bool, hot: bool, cool: bool, sliced: bool, switched_on: bool) -> str:
    """What is seen of an object that holds nothing."""
    if clean and (hot or cool):
        adjective = "hot and clean " if hot else "cool and clean "
    elif hot:
        adjective = "hot "
    elif clean:
        adjective = "clean "
    elif cool:
        adjective = "cool " if sliced else "cold "
    else:
        adjective = ""
    if adjective:
        return f"This is a {adjective}{'sliced ' if sliced else ''}{name}."
    if switched_on:
        return f"This {name} is on."
    return f"This is a sliced {name}." if sliced else f"There's nothing special about {name}."


def container(name: str, inside: Sequence[str]) -> str:
    """What is seen of an object that can hold others."""
    return f"This is a normal {name}. In it, you see {listing(inside)}."


def inventory(held: str | None) -> str:
    """What the agent carries."""
    return "You are not carrying anything." if held is None else f"You are carrying: a {held}."
