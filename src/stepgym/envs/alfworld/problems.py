"""Reading ALFWorld's game files (`game.tw-pddl`): PDDL problem, grammar and walkthrough to a `Game`."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stepgym.envs.alfworld.dialects import read_dialect, split_task
from stepgym.envs.alfworld.world import ABILITIES, CONDITIONS, Dialect, Game, Goal, Receptacle, Thing
from stepgym.errors import InvalidInputError

GAME_FILE = "game.tw-pddl"
LARGEST_FILE = 16 << 20
"""Bytes; official files have less than a fiftieth of that."""

_ARITY = {
    "atlocation": 2,
    "receptacleatlocation": 2,
    "objectatlocation": 2,
    "openable": 1,
    "opened": 1,
    "inreceptacle": 2,
    "inreceptacleobject": 2,
    "receptacletype": 2,
    "objecttype": 2,
    "cancontain": 2,
    **dict.fromkeys((*ABILITIES, *CONDITIONS), 1),
}
_UNUSED = {"checked", "examined", "full", "isreceptacleobjectfull", "moveable", "wasinreceptacle", "ison"}
_FACT = re.compile(r"\(\s*([^\s()]+)\s*([^()]*)\)")
_COST = re.compile(r"\(\s*=\s*\([^()]*\)\s*[^()]*\)")

_PLACE = re.compile(
    r"\(:goal\(and\(exists\(\?r - receptacle\)\(exists\(\?o - object\)\(and((?:\([^()]+\))+)\)\)\)\)\)\)*"
)
_TWO = re.compile(
    r"\(:goal\(and\(exists\(\?r - receptacle\)\(exists\(\?o1 - object\)\(and"
    r"\(objecttype \?o1 (?P<object>\S+)type\)\(receptacletype \?r (?P<target>\S+)type\)\(inreceptacle \?o1 \?r\)"
    r"\(exists\(\?o2 - object\)\(and\(not\(= \?o1 \?o2\)\)\(objecttype \?o2 (?P=object)type\)"
    r"\(receptacletype \?r (?P=target)type\)\(inreceptacle \?o2 \?r\)\)\)\)\)\)\)\)\)*"
)
_LIGHT = re.compile(
    r"\(:goal\(and\(exists\(\?ot - object \?r - receptacle \?a - agent \?l - location\)\(and"
    r"\(objecttype \?ot (?P<target>\S+)type\)\(toggleable \?ot\)\(istoggled \?ot\)\(receptacleatlocation \?r \?l\)"
    r"\(atlocation \?a \?l\)\(inreceptacle \?ot \?r\)\)\)\(exists\(\?o - object \?a - agent\)\(and"
    r"\(objecttype \?o (?P<object>\S+)type\)\(holds \?a \?o\)\)\)\)\)*"
)


class UnsolvableError(InvalidInputError):
    """A game that is whole but cannot be won, as its file says; it is left out like upstream leaves it out."""


def read_game_file(path: Path, game_id: str) -> Game:
    """The game in one `game.tw-pddl`; raises `InvalidInputError` naming the file and what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read: {error}") from error
    if len(content) > LARGEST_FILE:
        raise InvalidInputError(f"{path}: larger than {LARGEST_FILE:,} bytes, so it is no game file")
    try:
        data = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{path}: not JSON, perhaps unpacked only in part: {error}") from error
    try:
        return read_game(data, game_id)
    except InvalidInputError as error:
        raise type(error)(f"{path}: {error}") from error


def read_game(data: Any, game_id: str) -> Game:
    """The game in the JSON value of a game file.

    Raises:
        InvalidInputError: Something is missing or of another kind, or the game is known to be unsolvable.
    """
    if not isinstance(data, Mapping):
        raise InvalidInputError(f"expected a JSON object, got {type(data).__name__}")
    for key in ("pddl_domain", "grammar", "pddl_problem"):
        if not isinstance(data.get(key), str):
            raise InvalidInputError(f"expected a text under {key!r}, got {type(data.get(key)).__name__}")
    if data.get("solvable") is False:
        raise UnsolvableError("the game is marked as unsolvable")
    walkthrough = data.get("walkthrough") or []
    if not isinstance(walkthrough, list) or not all(isinstance(command, str) for command in walkthrough):
        raise InvalidInputError(f"expected a list of commands under 'walkthrough', got {walkthrough!r:.80}")
    grammar, task = split_task(data["grammar"])
    dialect = read_dialect(data["pddl_domain"], grammar)
    facts, goal = _read_problem(data["pddl_problem"])
    return build_game(game_id, task, _read_goal(goal), dialect, facts, tuple(walkthrough))


def _read_problem(problem: str) -> tuple[list[tuple[str, tuple[str, ...]]], str]:
    """The facts of the beginning and the text of the goal, in lower case."""
    text = re.sub(r";[^\n]*", "", problem).lower() if ";" in problem else problem.lower()
    begin, end = text.find("(:init"), text.find("(:goal")
    if not 0 <= begin < end:
        raise InvalidInputError("the PDDL problem has no (:init ...) followed by (:goal ...)")
    facts = []
    for name, rest in _FACT.findall(_COST.sub("", text[begin + 6 : end])):
        arguments = tuple(rest.split())
        if name in _UNUSED:
            continue
        if len(arguments) != _ARITY.get(name, -1):
            raise InvalidInputError(f"the fact ({name} {' '.join(arguments)!s:.80}) is not known to ALFWorld's games")
        facts.append((name, arguments))
    return facts, re.sub(r"\s*([()])\s*", r"\1", " ".join(text[end:].split()))


def _read_goal(text: str) -> Goal:
    if match := _TWO.fullmatch(text):
        return Goal("two", match["object"], match["target"])
    if match := _LIGHT.fullmatch(text):
        return Goal("light", match["object"], match["target"])
    match = _PLACE.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"the goal has none of the forms of ALFWorld's tasks: {text!r:.200}")
    kinds, needs, placed = {}, [], False
    for name, rest in _FACT.findall(match[1]):
        if rest in ("?o ?r",) and name == "inreceptacle":
            placed = True
        elif name in ("objecttype", "receptacletype") and name not in kinds:
            kinds[name] = _kind(rest.split()[-1])
        elif rest == "?o" and name in (*ABILITIES, *CONDITIONS):
            needs.append(name)
        else:
            raise InvalidInputError(f"the goal asks for ({name} {rest}), which ALFWorld's tasks do not")
    if not placed or len(kinds) != 2:
        raise InvalidInputError("the goal does not say what is to be placed where")
    abilities = tuple(name for name in needs if name in ABILITIES)
    return Goal(
        "place",
        kinds["objecttype"],
        kinds["receptacletype"],
        abilities,
        tuple(name for name in needs if name in CONDITIONS),
    )


def build_game(
    game_id: str,
    task: str,
    goal: Goal,
    dialect: Dialect,
    facts: Iterable[tuple[str, tuple[str, ...]]],
    walkthrough: tuple[str, ...] = (),
) -> Game:
    """A game from its facts; each is a predicate and its arguments, all in lower case."""
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    single: dict[str, set[str]] = defaultdict(set)
    ids: set[str] = set()
    for name, arguments in facts:
        ids.update(arguments)
        if len(arguments) == 2:
            pairs[name].append((arguments[0], arguments[1]))
        else:
            single[name].add(arguments[0])
    names = number_names(ids)
    spot_of = _single_valued(pairs["receptacleatlocation"], "receptacle is at one location")
    shape = _single_valued(pairs["receptacletype"], "receptacle has one type")
    kind_of = _single_valued(pairs["objecttype"], "object has one type")
    start = _single_valued(pairs["atlocation"], "agent is at one location")
    if len(start) != 1:
        raise InvalidInputError(f"expected one agent at one location, got {len(start)}")
    things = sorted(set(kind_of) | {o for name in ("inreceptacle", "objectatlocation") for o, _ in pairs[name]})
    receptacles = sorted(spot_of)
    spots = {spot for name in ("receptacleatlocation", "objectatlocation", "atlocation") for _, spot in pairs[name]}
    thing_at, receptacle_at, spot_at = (
        {name: number for number, name in enumerate(those)} for those in (things, receptacles, sorted(spots))
    )
    contents: list[set[int]] = [set() for _ in receptacles]
    for thing, receptacle in pairs["inreceptacle"]:
        if receptacle in receptacle_at:
            contents[receptacle_at[receptacle]].add(thing_at[thing])
    places: list[set[int]] = [set() for _ in things]
    for thing, spot in pairs["objectatlocation"]:
        places[thing_at[thing]].add(spot_at[spot])
    shapes = {shape[r] for r in receptacles if r in shape}
    kinds = {kind_of[o] for o in things if o in kind_of and o in single["pickupable"]}
    fits: dict[str, set[str]] = defaultdict(set)
    for outer, inner in pairs["cancontain"]:
        if outer in shapes and inner in kinds:
            fits[_kind(outer)].add(_kind(inner))
    inside: dict[int, set[int]] = defaultdict(set)
    for inner, outer in pairs["inreceptacleobject"]:
        if inner in thing_at and outer in thing_at and inner != outer:
            inside[thing_at[outer]].add(thing_at[inner])
    return Game(
        id=game_id,
        task=task,
        goal=goal,
        dialect=dialect,
        locations=tuple(names[spot] for spot in sorted(spots)),
        start=spot_at[next(iter(start.values()))],
        receptacles=tuple(
            Receptacle(names[r], _kind(shape.get(r, "")), spot_at[spot_of[r]], r in single["openable"])
            for r in receptacles
        ),
        things=tuple(
            Thing(names[o], _kind(kind_of.get(o, "")), frozenset(a for a in ABILITIES if o in single[a]))
            for o in things
        ),
        contents=tuple(tuple(sorted(those)) for those in contents),
        places=tuple(tuple(sorted(those)) for those in places),
        fits={outer: frozenset(inner) for outer, inner in fits.items()},
        opened=tuple(sorted(receptacle_at[r] for r in single["opened"] if r in receptacle_at)),
        conditions=tuple(tuple(sorted(thing_at[o] for o in single[c] if o in thing_at)) for c in CONDITIONS),
        inside=tuple((outer, tuple(sorted(those))) for outer, those in sorted(inside.items())),
        walkthrough=walkthrough,
    )


def number_names(ids: Iterable[str]) -> dict[str, str]:
    """The names that ALFWorld gives to PDDL ids: "apple_bar_..." is "apple 2" if another apple sorts after it."""
    kinds = {}
    for name in ids:
        kind, bar, _ = name.partition("_bar_")
        kinds[name] = (kind + "basin" if "basin" in name else kind) if bar else ""
    left = Counter(kinds.values())
    names = {}
    for name in sorted(kinds):
        kind = kinds[name]
        names[name] = f"{kind} {left[kind]}" if kind else f"{name} "
        left[kind] -= 1
    return names


def _single_valued(pairs: Iterable[tuple[str, str]], rule: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if found.setdefault(name, value) != value:
            raise InvalidInputError(f"every {rule}, but {name} has {found[name]} and {value}")
    return found


def _kind(name: str) -> str:
    return name.removesuffix("type")
