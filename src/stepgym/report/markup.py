"""Markup that cannot be injected into: every plain string is made harmless, only `Safe` strings pass as they are.

Text in a report was written by models, data sets and users. It reaches the page only through `text` or `tag`, which
escape it, show control and direction characters as escapes, and (in `text`) cap its length.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from stepgym.verifiers.verdict import printable

_VOID = frozenset({"br", "img", "meta"})


class Safe(str):
    """Markup made by this module; joining or formatting it gives a plain string, which is escaped again."""

    __slots__ = ()


def text(value: object, *, limit: int = 2_000) -> Safe:
    """`value` as escaped text of at most `limit` characters, with a note about what was left out."""
    whole = str(value)
    shown = _escape(whole[:limit])
    if len(whole) <= limit:
        return Safe(shown)
    return Safe(f'{shown}<span class="more">… {len(whole) - limit:,} more characters</span>')


def one_line(value: object, *, limit: int = 200) -> str:
    """`value` as plain printable text on one line of at most `limit` characters; not yet escaped for HTML."""
    whole = str(value)
    shown = _visible(whole[:limit]).replace("\n", "\\n")
    return shown if len(shown) <= limit and len(whole) <= limit else shown[: max(0, limit - 1)] + "…"


def join(parts: Iterable[str], separator: str = "") -> Safe:
    """The parts one after the other; those that are not `Safe` are escaped."""
    return Safe(_child(separator).join(_child(part) for part in parts))


def tag(name: str, /, *children: str, **attributes: str | float | None) -> Safe:
    """An element. `class_` means class, `stroke_width` means stroke-width; an attribute that is None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Safe(f"<{name}{written}>")
    return Safe(f"<{name}{written}>{join(children)}</{name}>")


def _child(part: str) -> str:
    return str(part) if isinstance(part, Safe) else _escape(part)


def _attribute(value: str | float) -> str:
    if isinstance(value, str):
        return _escape(value)
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _escape(plain: str) -> str:
    return html.escape(_visible(plain), quote=True)


def _visible(plain: str) -> str:
    # The no-break space, which figures and units are joined with, is harmless and stays.
    return "\u00a0".join(printable(part) for part in plain.split("\u00a0"))
