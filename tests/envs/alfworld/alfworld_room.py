"""A small kitchen, written by hand, in which every quirk of the engine shows."""

from __future__ import annotations

from dataclasses import replace

from stepgym.envs.alfworld.generate import DIALECT
from stepgym.envs.alfworld.problems import build_game
from stepgym.envs.alfworld.world import Game, Goal

OLD_DIALECT = replace(
    DIALECT, put="put {o} in/on {r}", put_feedback="You put the {o} in/on the {r}.", arrive_at_location=True, help=None
)

# Sorted ids: the first of a type has the highest number.
CABINET_2, CABINET_1 = "cabinet_bar_a", "cabinet_bar_b"
FRIDGE, MICROWAVE, SINK, TABLE = "fridge_bar_a", "microwave_bar_a", "sink_bar_a_bar_sinkbasin", "diningtable_bar_a"
APPLE_2, APPLE_1, KNIFE, LAMP, BOWL, SINK_ITSELF = (
    "apple_bar_a", "apple_bar_b", "knife_bar_a", "desklamp_bar_a", "bowl_bar_a", "sink_bar_a",
)  # fmt: skip
_SPOTS = {CABINET_2: 1, CABINET_1: 1, FRIDGE: 2, MICROWAVE: 3, SINK: 4, TABLE: 5}
_IN = ((APPLE_2, FRIDGE), (APPLE_1, TABLE), (KNIFE, TABLE), (LAMP, CABINET_1), (BOWL, TABLE))
_ABLE = {
    "pickupable": (APPLE_2, APPLE_1, KNIFE, BOWL),
    "cleanable": (APPLE_2, APPLE_1, KNIFE),
    "heatable": (APPLE_2, APPLE_1),
    "coolable": (APPLE_2, APPLE_1),
    "sliceable": (APPLE_2, APPLE_1),
    "toggleable": (LAMP,),
    "isreceptacleobject": (BOWL,),
}


Facts = tuple[tuple[str, tuple[str, ...]], ...]
COOK = Goal("place", "apple", "cabinet", ("heatable",), ("ishot",))
TASK = "Your task is to: cook."
ODD: Facts = (
    ("inreceptacle", (APPLE_1, SINK)),
    ("inreceptacleobject", (APPLE_1, BOWL)),
    ("inreceptacleobject", (KNIFE, BOWL)),
    ("iscool", (APPLE_2,)),
    ("opened", (CABINET_2,)),
    ("objectatlocation", (APPLE_1, "loc_bar_4")),
    ("pickupable", (LAMP,)),
    ("cancontain", ("cabinettype", "desklamptype")),
)
"""Facts that official games hold rarely or never."""


def facts(*more: tuple[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    """The beginning, with more facts if wanted."""
    found: list[tuple[str, tuple[str, ...]]] = [("atlocation", ("agent1", "loc_bar_0"))]
    for name, spot in _SPOTS.items():
        kind = "sinkbasin" if name == SINK else name.partition("_")[0]
        found += [("receptacletype", (name, f"{kind}type")), ("receptacleatlocation", (name, f"loc_bar_{spot}"))]
        if kind != "sinkbasin" and ("cancontain", (f"{kind}type", "appletype")) not in found:
            found += [("cancontain", (f"{kind}type", f"{thing}type")) for thing in ("apple", "knife", "bowl")]
    found += [("openable", (name,)) for name in (CABINET_2, CABINET_1, FRIDGE, MICROWAVE)]
    for thing, place in _IN:
        found += [("inreceptacle", (thing, place)), ("objectatlocation", (thing, f"loc_bar_{_SPOTS[place]}"))]
        found.append(("objecttype", (thing, f"{thing.partition('_')[0]}type")))
    found += [("objecttype", (SINK_ITSELF, "sinktype")), ("objectatlocation", (SINK_ITSELF, "loc_bar_4"))]
    found += [(ability, (thing,)) for ability, things in _ABLE.items() for thing in things]
    return [*found, *more]


def kitchen(goal: Goal = COOK, *, more: Facts = (), old: bool = False) -> Game:
    """The kitchen, with more facts if wanted."""
    return build_game("kitchen", TASK, goal, OLD_DIALECT if old else DIALECT, facts(*more))
