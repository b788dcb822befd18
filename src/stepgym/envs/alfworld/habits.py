"""Where objects usually are in ALFWorld's rooms."""

from __future__ import annotations

from types import MappingProxyType

# Counted over the receptacles of the 3,553 official training games, most likely first; opening one counts as a step.
HABITS = MappingProxyType(
    {
        "alarmclock": "diningtable desk countertop dresser sidetable shelf",
        "apple": "diningtable sidetable fridge garbagecan countertop sinkbasin microwave",
        "book": "bed coffeetable desk diningtable countertop sofa dresser armchair "
        "tvstand sidetable cabinet drawer shelf",
        "bowl": "desk coffeetable diningtable dresser tvstand fridge countertop shelf "
        "sidetable sinkbasin microwave cabinet",
        "box": "diningtable coffeetable sofa desk tvstand ottoman sidetable dresser cabinet armchair shelf",
        "bread": "diningtable countertop fridge sidetable garbagecan",
        "butterknife": "diningtable countertop sidetable sinkbasin drawer",
        "candle": "sidetable countertop toilet coffeetable cart tvstand diningtable dresser shelf cabinet drawer",
        "cd": "diningtable dresser desk sidetable garbagecan armchair drawer cabinet shelf safe",
        "cellphone": "bed desk diningtable coffeetable ottoman dresser tvstand countertop sofa "
        "sidetable armchair safe shelf drawer",
        "cloth": "bathtubbasin cart countertop dresser cabinet sinkbasin toilet shelf drawer sidetable",
        "creditcard": "desk dresser diningtable tvstand sofa countertop coffeetable sidetable "
        "armchair ottoman shelf drawer",
        "cup": "diningtable sidetable fridge sinkbasin countertop microwave shelf cabinet",
        "desklamp": "sidetable desk dresser coffeetable shelf",
        "dishsponge": "bathtubbasin cart diningtable countertop toilet sinkbasin sidetable "
        "garbagecan shelf drawer cabinet",
        "egg": "diningtable sidetable fridge garbagecan sinkbasin countertop microwave",
        "floorlamp": "sinkbasin",
        "fork": "diningtable countertop sidetable sinkbasin drawer",
        "glassbottle": "diningtable countertop sinkbasin garbagecan fridge shelf cabinet",
        "handtowel": "handtowelholder countertop",
        "kettle": "diningtable stoveburner countertop sinkbasin cabinet shelf",
        "keychain": "desk dresser coffeetable diningtable tvstand safe sidetable ottoman sofa "
        "armchair shelf drawer countertop cabinet",
        "knife": "diningtable countertop sidetable sinkbasin drawer",
        "ladle": "diningtable countertop sinkbasin drawer cabinet",
        "laptop": "bed countertop diningtable desk coffeetable sofa tvstand dresser ottoman armchair sidetable",
        "lettuce": "diningtable countertop sidetable fridge sinkbasin garbagecan",
        "mug": "desk coffeemachine dresser diningtable sidetable countertop fridge sinkbasin microwave shelf cabinet",
        "newspaper": "diningtable dresser coffeetable sofa ottoman sidetable armchair tvstand shelf drawer",
        "pan": "countertop stoveburner diningtable fridge cabinet",
        "papertowelroll": "diningtable toilet sidetable countertop cart garbagecan shelf",
        "pen": "desk diningtable coffeetable dresser countertop sidetable tvstand shelf garbagecan drawer",
        "pencil": "desk diningtable coffeetable dresser sidetable countertop tvstand shelf garbagecan drawer",
        "peppershaker": "sidetable diningtable countertop shelf drawer cabinet",
        "pillow": "bed sofa armchair ottoman",
        "plate": "diningtable coffeetable countertop tvstand dresser fridge sidetable "
        "shelf sinkbasin cabinet microwave",
        "pot": "stoveburner countertop diningtable fridge shelf sinkbasin",
        "potato": "diningtable fridge countertop sidetable sinkbasin garbagecan microwave",
        "remotecontrol": "countertop desk coffeetable tvstand dresser diningtable sofa ottoman "
        "sidetable armchair shelf drawer",
        "saltshaker": "diningtable sidetable countertop shelf cabinet drawer",
        "soapbar": "sidetable countertop bathtubbasin toilet cart sinkbasin shelf garbagecan cabinet drawer",
        "soapbottle": "diningtable dresser toilet countertop sidetable cart garbagecan shelf cabinet",
        "spatula": "diningtable countertop sinkbasin sidetable drawer",
        "spoon": "diningtable sidetable countertop sinkbasin drawer",
        "spraybottle": "sidetable cart toilet countertop dresser diningtable shelf garbagecan cabinet",
        "statue": "coffeetable desk diningtable dresser tvstand countertop sidetable shelf",
        "teddybear": "bed",
        "tissuebox": "coffeetable desk countertop diningtable cart tvstand shelf sidetable "
        "dresser cabinet toilet drawer garbagecan",
        "toiletpaper": "toilet sidetable countertop dresser cart toiletpaperhanger shelf garbagecan cabinet drawer",
        "tomato": "diningtable fridge sidetable countertop garbagecan sinkbasin",
        "towel": "towelholder countertop",
        "vase": "dresser coffeetable desk diningtable tvstand countertop shelf sidetable cabinet",
        "watch": "tvstand desk diningtable dresser coffeetable sidetable drawer shelf",
        "wateringcan": "shelf coffeetable sidetable",
        "winebottle": "diningtable countertop garbagecan shelf cabinet sidetable fridge",
    }
)  # fmt: skip
"""For each type of object, the types of receptacle it is usually found in, most likely first."""


def likelihood(thing: str, receptacle: str) -> float:
    """How early to look for a type of object in a type of receptacle: larger is earlier."""
    places = HABITS.get(thing, "").split()
    return 1 / (1 + places.index(receptacle)) if receptacle in places else 0.0
