"""The names of units of measurement and of things that are counted."""

from __future__ import annotations

from fractions import Fraction

from stepgym.verifiers.math.vocabulary import words

# unit -> (dimension, factor to the base unit of the dimension)
UNITS: dict[str, tuple[str, Fraction]] = {}


def _units(dimension: str, text: str) -> None:
    for entry in text.split(";"):
        names, factor = entry.split("=")
        for name in names.split():
            UNITS[name] = (dimension, Fraction(factor.strip()))


_units(
    "length",
    "mm millimeter millimeters millimetre millimetres=1/1000;cm centimeter centimeters centimetre centimetres=1/100;"
    "dm decimeter decimeters=1/10;m meter meters metre metres=1;km kilometer kilometers kilometre kilometres=1000;"
    "in inch inches=0.0254;ft foot feet=0.3048;yd yard yards=0.9144;mi mile miles=1609.344",
)
_units(
    "mass",
    "mg milligram milligrams=1/1000000;g gm gram grams=1/1000;kg kilogram kilograms kilo kilos=1;"
    "ton tons tonne tonnes=1000;"
    "lb lbs pound pounds=0.45359237;oz ounce ounces=0.028349523125",
)
_units(
    "time",
    "ms millisecond milliseconds=1/1000;s sec secs second seconds=1;min mins minute minutes=60;"
    "h hr hrs hour hours=3600;day days=86400;week weeks=604800",
)
_units("calendar", "month months=1;yr yrs year years=12")
_units("volume", "ml mL milliliter milliliters=1/1000;L l liter liters litre litres=1;gallon gallons gal=3.785411784")
_units("money", "dollar dollars usd USD buck bucks=1;cent cents=1/100")
_units("euro", "euro euros=1")
_units("angle", "degree degrees deg=1")
UNIT_WORDS = frozenset(UNITS) | words(
    "square cubic sq cu unit units percent pct percentage percentages points point mph kph kmh hz newton newtons "
    "joule joules watt watts rupees yen people person students ways miles marbles apples mod rad radian radians per "
    "an each of the"
)
LONE_UNITS = words("m g s h L l")
# Words around a unit that say nothing about what is counted.
FILLERS = words(
    "of the a an in on for with if and to at is are there left remaining total altogether overall all more each per "
    "only exactly about approximately roughly different distinct possible extra together additional long wide tall "
    "away"
)
# Counting words in one spelling each; plurals of the common kinds need no entry.
ONE_SPELLING = {
    spelling: name
    for name, spellings in {
        "person": "people persons person",
        "child": "children child kids kid",
        "way": "ways way arrangements arrangement possibilities possibility",
        "percent": "percent pct percentage percentages",
        "radian": "rad rads radian radians",
        "point": "points point pts pt",
        "piece": "pieces piece pcs",
        "man": "men",
        "woman": "women",
        "mouse": "mice",
        "goose": "geese",
        "tooth": "teeth",
        "die": "dice",
        "vertex": "vertices",
        "matrix": "matrices",
        "axis": "axes",
        "half": "halves",
        "leaf": "leaves",
        "knife": "knives",
        "loaf": "loaves",
        "shelf": "shelves",
    }.items()
    for spelling in spellings.split()
}
