"""The simplest verifier: the response is the reference."""

from __future__ import annotations

import unicodedata
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Finding, Verdict


class ExactMatchVerifier:
    """Correct when the response equals one of the reference texts, white space around it aside.

    The reference is a text or a list of texts of which any one is right.

    Args:
        ignore_case: Compare case-folded texts.
        normalize: Compare in Unicode normal form KC, so that look-alike spellings of one character agree.
    """

    name = "exact/1"

    def __init__(self, *, ignore_case: bool = False, normalize: bool = False) -> None:
        self.ignore_case = ignore_case
        self.normalize = normalize

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`; raises `InvalidInputError` when `reference` holds no text."""
        accepted = [reference] if isinstance(reference, str) else reference
        if not isinstance(accepted, list) or not accepted or not all(isinstance(text, str) for text in accepted):
            raise InvalidInputError(f"exact: the reference must be a text or a list of texts, got {reference!r:.80}")
        start = len(response) - len(response.lstrip())
        end = max(start, len(response.rstrip()))
        given = self._canonical(response)
        for text in accepted:
            if given == self._canonical(text):
                found = Finding(start, end, "exact-match", "proved", "equal to the reference", {"expected": text})
                return Verdict.correct(found, verifier=self.name)
        wrong = Finding(
            start, end, "exact-match", "refuted", "differs from the reference", {"expected": accepted[0][:200]}
        )
        return Verdict.wrong(wrong, verifier=self.name)

    def _canonical(self, text: str) -> str:
        text = unicodedata.normalize("NFKC", text) if self.normalize else text
        text = text.casefold() if self.ignore_case else text
        return text.strip()
