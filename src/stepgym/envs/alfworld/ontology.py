"""What there is in ALFWorld's rooms, where it fits and what can be done with it; the stuff of generated games."""

from __future__ import annotations

from types import MappingProxyType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPENABLE = _words("cabinet drawer fridge microwave safe")

_SMALL = "cd cellphone creditcard keychain pen pencil watch"
_DISHES = "bowl cup mug pan plate pot"
_CUTLERY = "butterknife fork knife ladle spatula spoon"
_FOOD = "apple bread egg lettuce potato tomato"
_BATH = "candle cloth dishsponge handtowel soapbar soapbottle spraybottle tissuebox toiletpaper"
_SEAT = "box cellphone creditcard keychain laptop newspaper pillow remotecontrol"
_TABLE = f"alarmclock book bowl box laptop mug remotecontrol statue tissuebox vase {_SMALL}"
_KITCHEN = "glassbottle kettle peppershaker saltshaker winebottle"
_COUNTER = f"{_SMALL} {_DISHES} {_CUTLERY} {_FOOD} {_BATH} {_KITCHEN} book statue vase"

FITS = MappingProxyType(
    {
        "armchair": _words(f"{_SEAT} book cloth"),
        "bathtubbasin": _words("cloth dishsponge handtowel soapbar"),
        "bed": _words("baseballbat basketball book cellphone laptop pillow tennisracket"),
        "cabinet": _words(f"{_BATH} {_DISHES} book glassbottle kettle ladle peppershaker saltshaker vase winebottle"),
        "cart": _words(_BATH),
        "coffeemachine": _words("mug"),
        "coffeetable": _words(f"{_TABLE} newspaper plate wateringcan"),
        "countertop": _words(_COUNTER),
        "desk": _words(f"{_TABLE} basketball cloth tennisracket"),
        "diningtable": _words(f"{_COUNTER} {_TABLE} newspaper"),
        "drawer": _words(f"{_SMALL} {_CUTLERY} {_BATH} book newspaper peppershaker remotecontrol saltshaker"),
        "dresser": _words(f"{_TABLE} basketball candle cloth newspaper spraybottle tennisracket toiletpaper"),
        "fridge": _words(f"{_FOOD} {_DISHES} glassbottle winebottle"),
        "garbagecan": _words(f"{_FOOD} {_BATH} cd newspaper pen pencil winebottle"),
        "handtowelholder": _words("handtowel"),
        "laundryhamper": _words("cloth"),
        "microwave": _words("apple bowl bread cup egg glassbottle mug plate potato tomato"),
        "ottoman": _words(f"{_SEAT} book"),
        "safe": _words("cd cellphone creditcard keychain statue vase"),
        "shelf": _words(f"{_TABLE} {_BATH} {_KITCHEN} cup newspaper plate pot"),
        "sidetable": _words(f"{_COUNTER} {_TABLE} newspaper"),
        "sinkbasin": _words(f"{_DISHES} {_CUTLERY} apple cloth dishsponge egg handtowel kettle lettuce potato soapbar"
                            " tomato"),
        "sofa": _words(f"{_SEAT} book"),
        "stoveburner": _words("kettle pan pot"),
        "toaster": _words(""),
        "toilet": _words(_BATH),
        "toiletpaperhanger": _words("toiletpaper"),
        "towelholder": _words("towel"),
        "tvstand": _words("tissuebox"),
    }
)  # fmt: skip
"""For each type of receptacle, the types of object that may be put there."""

ABLE = MappingProxyType(
    {
        "cleanable": _words(f"{_DISHES} {_CUTLERY} apple cloth dishsponge egg kettle lettuce potato soapbar tomato"),
        "heatable": _words("apple bread cup egg mug plate potato tomato"),
        "coolable": _words(f"{_FOOD} {_DISHES} winebottle"),
        "sliceable": _words("apple bread egg lettuce potato tomato"),
        "toggleable": _words("desklamp floorlamp"),
        "isreceptacleobject": _words("bowl box cup mug pan plate pot"),
    }
)
"""Which types of object have each ability; everything that fits somewhere is pickupable besides."""

LAMPS = ("desklamp", "floorlamp")
LAMP_PLACES = ("desk", "sidetable", "dresser", "diningtable", "shelf", "coffeetable")

# For each room: how many there are of each receptacle (fewest, most), and which objects are found in it.
ROOMS = MappingProxyType(
    {
        "kitchen": (
            {
                "cabinet": (3, 12), "coffeemachine": (1, 1), "countertop": (1, 3), "diningtable": (0, 2),
                "drawer": (1, 8), "fridge": (1, 1), "garbagecan": (1, 1), "microwave": (1, 1), "shelf": (0, 3),
                "sidetable": (0, 1), "sinkbasin": (1, 1), "stoveburner": (2, 4), "toaster": (1, 1),
            },
            f"{_FOOD} {_DISHES} {_CUTLERY} dishsponge glassbottle kettle peppershaker saltshaker soapbottle statue vase"
            " winebottle",
        ),
        "living": (
            {
                "armchair": (1, 2), "cabinet": (0, 4), "coffeetable": (1, 2), "diningtable": (0, 1), "drawer": (1, 7),
                "dresser": (0, 1), "garbagecan": (1, 1), "ottoman": (0, 1), "shelf": (1, 6), "sidetable": (1, 3),
                "sofa": (1, 2), "tvstand": (0, 1),
            },
            "book box creditcard keychain laptop newspaper pen pencil pillow plate remotecontrol statue tissuebox vase"
            " watch wateringcan",
        ),
        "bedroom": (
            {
                "armchair": (0, 1), "bed": (1, 2), "cabinet": (0, 3), "desk": (1, 2), "drawer": (2, 6),
                "dresser": (0, 1), "garbagecan": (1, 1), "laundryhamper": (0, 1), "safe": (0, 1), "shelf": (1, 5),
                "sidetable": (1, 2),
            },
            "alarmclock baseballbat basketball book bowl box cd cellphone cloth creditcard keychain laptop mug pen"
            " pencil pillow tennisracket tissuebox vase",
        ),
        "bath": (
            {
                "bathtubbasin": (0, 1), "cabinet": (1, 5), "cart": (0, 1), "countertop": (1, 1), "drawer": (0, 6),
                "garbagecan": (1, 1), "handtowelholder": (1, 2), "shelf": (0, 3), "sinkbasin": (1, 2),
                "toilet": (1, 1), "toiletpaperhanger": (1, 1), "towelholder": (1, 1),
            },
            _BATH,
        ),
    }
)  # fmt: skip
