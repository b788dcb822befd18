"""`Game` to compact JSON bytes and back; bytes may come from anywhere, so reading them never trusts them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from stepgym.envs.alfworld.world import ABILITIES, Dialect, Game, Goal, Receptacle, Thing
from stepgym.errors import InvalidInputError

_LARGEST = 4 << 20  # bytes of one game, uncompressed; the largest official one has about 20 kB

_ABILITY_SETS = [
    frozenset(ability for bit, ability in enumerate(ABILITIES) if flags >> bit & 1)
    for flags in range(1 << len(ABILITIES))
]


def encode(game: Game, dialects: list[Dialect]) -> bytes:
    """The game as compressed JSON; its dialect is kept as a place in `dialects`, which grows when needed."""
    if game.dialect not in dialects:
        dialects.append(game.dialect)
    goal = game.goal
    value = [
        game.task,
        [goal.form, goal.object, goal.target, goal.abilities, goal.conditions],
        dialects.index(game.dialect),
        game.locations,
        game.start,
        [[r.name, r.kind, r.location, int(r.openable)] for r in game.receptacles],
        [[t.name, t.kind, sum(1 << ABILITIES.index(a) for a in t.abilities)] for t in game.things],
        game.contents,
        game.places,
        {outer: sorted(inner) for outer, inner in sorted(game.fits.items())},
        game.opened,
        game.conditions,
        game.inside,
        game.walkthrough,
    ]
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 9)


def decode(data: bytes, game_id: str, dialects: Sequence[Dialect]) -> Game:
    """The inverse of `encode`; raises `InvalidInputError` for other bytes."""
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(data, _LARGEST)
        if not unpacker.eof:
            raise InvalidInputError(f"{game_id}: the stored game is cut off or larger than {_LARGEST} bytes")
        return _game(json.loads(text), game_id, dialects)
    except (zlib.error, ValueError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise InvalidInputError(f"{game_id}: not a stored game: {type(error).__name__}: {error}") from error


def encode_dialect(dialect: Dialect) -> list[Any]:
    """A dialect as a JSON value."""
    return [dialect.put, dialect.put_feedback, dialect.arrive_at_location, dialect.help]


def decode_dialect(value: Any) -> Dialect:
    """The inverse of `encode_dialect`."""
    put, feedback, by_location, helping = value
    return Dialect(str(put), str(feedback), bool(by_location), None if helping is None else str(helping))


def _game(value: Any, game_id: str, dialects: Sequence[Dialect]) -> Game:
    task, goal, dialect, locations, start, receptacles, things, contents, places, fits, *rest = value
    opened, conditions, inside, walkthrough = rest
    form, wanted, target, abilities, needs = goal
    game = Game(
        id=game_id,
        task=task,
        goal=Goal(form, wanted, target, tuple(abilities), tuple(needs)),
        dialect=dialects[dialect],
        locations=tuple(locations),
        start=start,
        receptacles=tuple(Receptacle(name, kind, spot, bool(openable)) for name, kind, spot, openable in receptacles),
        things=tuple(Thing(name, kind, _ABILITY_SETS[flags]) for name, kind, flags in things),
        contents=tuple(map(tuple, contents)),
        places=tuple(map(tuple, places)),
        fits={outer: frozenset(inner) for outer, inner in fits.items()},
        opened=tuple(opened),
        conditions=tuple(map(tuple, conditions)),
        inside=tuple((outer, tuple(those)) for outer, those in inside),
        walkthrough=tuple(walkthrough),
    )
    if len(game.contents) != len(game.receptacles) or len(game.places) != len(game.things) or len(game.conditions) != 5:
        raise InvalidInputError(f"{game_id}: not a stored game: its parts do not belong together")
    return game
