"""What a verifier drew of a response, as an image that can do nothing."""

from __future__ import annotations

import base64

from stepgym.report.markup import Safe, tag

MOST_CHARACTERS = 300_000


def picture_html(svg: str) -> Safe:
    """An `<img>` of an SVG document, nothing for "".

    A browser runs no script and loads nothing from outside in an image, so it does not matter what an SVG from a log
    holds.
    """
    if not svg:
        return Safe("")
    if len(svg) > MOST_CHARACTERS:
        return tag("div", f"A picture of {len(svg):,} characters is left out.", class_="more")
    data = base64.b64encode(svg.encode("utf-8", "replace")).decode()
    image = tag("img", src=f"data:image/svg+xml;base64,{data}", alt="What the verifier drew of this answer")
    return tag("div", image, class_="picture")
