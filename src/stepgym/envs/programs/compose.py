"""Whole programs: fragments of a family, put together up to the length of a difficulty."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stepgym.envs.programs import arrays, conditionals, functions, loops, strings
from stepgym.envs.programs.builder import Builder, Fragment
from stepgym.envs.programs.draw import Draw
from stepgym.envs.programs.inputs import Reads
from stepgym.envs.programs.lines import lines_of
from stepgym.envs.programs.tree import Program

FAMILIES = ("loops", "conditionals", "arrays", "strings", "functions")
LEVELS = (1, 2, 3, 4, 5)
LINES: Mapping[int, tuple[int, int]] = {1: (3, 6), 2: (6, 13), 3: (12, 17), 4: (18, 25), 5: (26, 36)}
"""Fewest and most lines of a program of each difficulty, without its frame."""
FRAME = 5
"""Lines that every program has: the header, `main`, `return 0;` and its end."""

_BEGIN: Mapping[str, Callable[[Builder], None]] = {
    "loops": loops.begin,
    "conditionals": conditionals.begin,
    "arrays": arrays.begin,
    "strings": strings.begin,
    "functions": functions.begin,
}
_MENUS: Mapping[str, tuple[Fragment, ...]] = {
    "loops": loops.FRAGMENTS,
    "conditionals": conditionals.FRAGMENTS,
    "arrays": arrays.FRAGMENTS,
    "strings": strings.FRAGMENTS,
    "functions": functions.FRAGMENTS,
}
_FIRST: Mapping[str, tuple[Fragment, ...]] = {"arrays": arrays.FIRST, "functions": functions.FIRST}
_ATTEMPTS = 12


def compose(draw: Draw, level: int, family: str) -> tuple[Program, list[Reads]] | None:
    """A program of a family and what it reads; None if no fragments fit this time."""
    fewest, most = LINES[level]
    builder = Builder(draw, level)
    _BEGIN[family](builder)
    menu = _FIRST.get(family, _MENUS[family]) if level == 1 else _MENUS[family]
    if level == 5:
        menu += _others(builder, family)
    menu = tuple(fragment for fragment in menu if fragment.level <= level)
    used: list[Fragment] = []
    must = level == 5 and family != "functions"
    goal = draw.between((fewest + most) // 2, most)
    for _ in range(_ATTEMPTS):
        room = most - builder.lines
        choices = functions.FRAGMENTS if must else menu
        fitting = [fragment for fragment in choices if fragment.lines <= room and fragment not in used]
        if not fitting or (used and builder.lines >= goal):
            break
        fragment = draw.choice(fitting)
        used.append(fragment)
        fragment.write(builder)
        must = False
    builder.print_pending()
    program, reads = builder.finish()
    lines = len(lines_of(program)) - FRAME
    return (program, reads) if used and reads and fewest <= lines <= most else None


def _others(builder: Builder, family: str) -> tuple[Fragment, ...]:
    """What the hardest programs take from other families: functions, loops in loops, arrays or strings."""
    menu: tuple[Fragment, ...] = () if family == "functions" else functions.FRAGMENTS
    menu += tuple(fragment for fragment in loops.FRAGMENTS if family != "loops" and fragment.level >= 3)
    if family in ("arrays", "strings"):
        return menu
    if builder.draw.chance(0.6):
        arrays.begin(builder)
        return menu + tuple(fragment for fragment in arrays.FRAGMENTS if fragment.level >= 2)
    strings.begin(builder)
    return menu + tuple(fragment for fragment in strings.FRAGMENTS if fragment.level >= 2)
