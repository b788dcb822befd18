"""`picture_of`: what a verifier that can draw shows of a response it judged."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from stepgym.errors import MissingExtraError
from stepgym.verifiers.verdict import Verdict
from stepgym.verifiers.verifier import registry


def picture_of(response: str, verdicts: Iterable[Verdict]) -> str:
    """The SVG of the first verdict whose verifier draws one (see `Draws`), "" without any.

    The verifier is found by the name in the verdict ("molecule/1" is "molecule") and made without arguments; one that
    is not installed here, or whose package is not, draws nothing.
    """
    for verdict in verdicts:
        name = verdict.verifier.partition("/")[0]
        if name not in registry.names():
            continue
        try:
            maker = registry.get(name)
            # Asked before it is made: making one may need a compiler or a solver.
            drawn = maker().picture(response, verdict) if hasattr(maker, "picture") else ""
        except MissingExtraError:
            continue
        except Exception as error:  # a picture is an extra: a plug-in that cannot draw must not cost the report
            warnings.warn(
                f"{name} cannot draw a response: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=2
            )
            continue
        if drawn:
            return drawn
    return ""
