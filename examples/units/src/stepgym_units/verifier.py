"""`UnitVerifier`: a number and a unit, each judged on its own."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers import Finding, Verdict

# Bounded numbers and units: a response is text from a model and may hold anything.
_QUANTITY = r"[ \t]*+(?P<number>[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?)[ \t]*+(?P<unit>[A-Za-z][A-Za-z0-9/^]{0,20})?[ \t]*+"
_BOXED = re.compile(r"\\boxed\{" + _QUANTITY + r"\}")
_REFERENCE = re.compile(_QUANTITY)


class UnitVerifier:
    r"""Correct when the last `\boxed{number unit}` has exactly the number and the unit of the reference, "45 m"."""

    name = "units/1"

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`; raises `InvalidInputError` if `reference` is no quantity."""
        wanted = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
        if wanted is None or not wanted["unit"]:
            raise InvalidInputError(f"units: the reference must look like '45 m', got {reference!r:.80}")
        found = None
        for found in _BOXED.finditer(response):  # noqa: B007 - the last one counts
            pass
        if found is None:
            return Verdict.wrong(reason="no answer of the form \\boxed{45 m}", verifier=self.name)
        start, end = found.start("number"), max(found.end("number"), found.end("unit"))
        if found["unit"] != wanted["unit"]:
            evidence = {"expected": wanted["unit"], "found": found["unit"]}
            message = f"the unit is {found['unit'] or 'missing'} where {wanted['unit']} was asked"
            return Verdict.wrong(Finding(start, end, "unit", message=message, evidence=evidence), verifier=self.name)
        if Decimal(found["number"]) != Decimal(wanted["number"]):
            evidence = {"expected": wanted["number"], "found": found["number"]}
            message = f"{found['number']} {found['unit']} is not the quantity asked for"
            return Verdict.wrong(Finding(start, end, "number", message=message, evidence=evidence), verifier=self.name)
        proved = Finding(start, end, "quantity", "proved", "number and unit are right", {"expected": reference})
        return Verdict.correct(proved, verifier=self.name)
