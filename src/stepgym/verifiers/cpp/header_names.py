"""Which names a preprocessed header declares where a program can meet them."""

from __future__ import annotations

import re

_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+).*$", re.MULTILINE)
_DIRECTIVE = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_LITERAL = re.compile(r'(?:operator\s*)?(?:u8|[uUL])?R?"(?:[^"\\\n]|\\.)*"\s*\w*|\'(?:[^\'\\\n]|\\.)*\'')
_PIECE = re.compile(r"(?:::\s*)?[^\W\d]\w*|[{};]")


def outer_names(text: str) -> set[str]:
    """Macros, and names outside the bodies of classes and functions, of the output of `g++ -E -dD`.

    What stands inside a body can be met only through a name outside it. The bodies of namespaces and enumerations are
    read. Suffixes of literals (`operator""i`) are no names.
    """
    macros = set(_MACRO.findall(text))
    plain = _LITERAL.sub(lambda match: ' "" ' if match[0].startswith('"C') else " ", _DIRECTIVE.sub("", text))
    names: set[str] = set()
    transparent = [True]
    pending: set[str] = set()
    for match in _PIECE.finditer(plain):
        piece = match.group()
        if piece == "{":
            opens = bool(pending & {"namespace", "enum"}) or pending <= {"extern", "__extension__"}
            transparent.append(transparent[-1] and opens)
            names |= pending if transparent[-2] else set()
            pending = set()
        elif piece == "}":
            names |= pending if transparent[-1] else set()
            pending = set()
            if len(transparent) > 1:
                transparent.pop()
        elif piece == ";":
            names |= pending if transparent[-1] else set()
            pending = set()
        elif transparent[-1] and (not piece.startswith("::") or "using" in pending):
            # A member defined outside its class (`valarray<T>::sum`) is met only through the class.
            pending.add(piece.lstrip(": \n"))
    return macros | names
