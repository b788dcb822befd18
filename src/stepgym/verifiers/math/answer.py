"""The verifier of mathematical answers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.math.candidates import Candidate, Extraction
from stepgym.verifiers.math.compare import compare, letter
from stepgym.verifiers.math.conventions import AnswerConventions
from stepgym.verifiers.math.extract import extract, last_expressions
from stepgym.verifiers.math.messages import verdict_on
from stepgym.verifiers.math.outcome import Prover
from stepgym.verifiers.math.read import Reading, read
from stepgym.verifiers.math.symbolic import prove, shared_pool
from stepgym.verifiers.math.tree import Node
from stepgym.verifiers.math.words import has_words, is_sentence
from stepgym.verifiers.verdict import Finding, Verdict

NAME = "math-answer/1"


class _NeedsProofError(Exception):
    """Symbolic work is needed; `verify_many` does it beside the rest."""


def _postpone(left: Node, right: Node) -> bool | None:
    raise _NeedsProofError


class MathAnswerVerifier:
    r"""Decides whether the answer of a response equals the reference.

    The answer is read from `\boxed{}`, `####`, "the answer is" and the like, else from the last expression. Text is
    never evaluated as code; length, nesting and the size of numbers are capped before any number is built; what needs
    symbolic work is done in worker processes under a deadline. The verdict is symmetric and deterministic.

    Args:
        conventions: An `AnswerConventions`, or the name of a preset: "math" (default), "gsm8k", "strict".
    """

    def __init__(self, conventions: AnswerConventions | str | None = None) -> None:
        if conventions is None:
            conventions = AnswerConventions()
        elif isinstance(conventions, str):
            conventions = AnswerConventions.preset(conventions)
        elif not isinstance(conventions, AnswerConventions):
            raise InvalidInputError(f"conventions must be an AnswerConventions or a name, got {conventions!r}")
        self.conventions = conventions

    def __repr__(self) -> str:
        return f"MathAnswerVerifier({self.conventions!r})"

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on the answer of `response`.

        Args:
            response: The whole text, or a bare answer.
            reference: The right answer: a number or a text of the same forms, a worked solution included.
            context: Not used.

        Raises:
            InvalidInputError: `reference` is not a number or a text, or no answer can be read from it.
        """
        started = time.perf_counter()
        if not isinstance(response, str):
            raise InvalidInputError(f"response must be a str, got {type(response).__name__}")
        verdict = self._verify(response, _reference_text(reference), self._prover())
        return verdict.signed(NAME, time.perf_counter() - started)

    def verify_many(self, pairs: Iterable[Sequence[Any]]) -> list[Verdict]:
        """The verdicts on `(response, reference)` pairs, in order; symbolic work of several pairs runs side by side.

        Raises:
            InvalidInputError: As `verify`, for the first pair whose reference has no answer.
        """
        cases = list(pairs)
        verdicts: list[Verdict | Future[Verdict]] = []
        with ThreadPoolExecutor(shared_pool().size) as threads:
            for case in cases:
                response, reference = case[0], case[1]
                try:
                    started = time.perf_counter()
                    verdict = self._verify(response, _reference_text(reference), _postpone)
                    verdicts.append(verdict.signed(NAME, time.perf_counter() - started))
                except _NeedsProofError:
                    verdicts.append(threads.submit(self.verify, response, reference))
            return [v.result() if isinstance(v, Future) else v for v in verdicts]

    def _prover(self) -> Prover:
        """SymPy in the pool, all calls of one verdict under one deadline."""
        deadline = time.monotonic() + self.conventions.timeout

        def ask(left: Node, right: Node) -> bool | None:
            remaining = deadline - time.monotonic()
            return prove(left, right, timeout=remaining) if remaining > 0 else None

        return ask

    def _verify(self, response: str, reference: str, prover: Prover | None) -> Verdict:
        expected = _expected(reference, self.conventions)
        extraction = extract(response)
        if not extraction.candidates and extraction.window is None:
            return Verdict.wrong(Finding(0, len(response), "no-answer", "fatal", "the response holds no answer"))
        if self.conventions.strict and not extraction.marked:
            return Verdict.wrong(
                Finding(0, len(response), "no-answer", "fatal", "the response does not mark its answer")
            )
        chosen = self._chosen(response, extraction, expected)
        if chosen is None:
            return Verdict.wrong(Finding(0, len(response), "no-answer", "fatal", "the response holds no answer"))
        candidate, found = chosen
        boxes = extraction.boxes if candidate.mark == "box" else ()
        if len(boxes) > 1:
            several = self._several(response, boxes, expected, prover)
            if several is not None:
                return several
        outcome = compare(found, expected, self.conventions, prover) if found.readings else None
        return verdict_on(candidate, found, expected, outcome)

    def _chosen(self, response: str, extraction: Extraction, expected: Reading) -> tuple[Candidate, Reading] | None:
        """The first candidate that reads as the kind of answer that is expected, else the first that reads at all."""
        first: tuple[Candidate, Reading] | None = None
        expected_letter = letter(expected) is not None
        for candidate in _candidates(response, extraction):
            reading = self._read(response[candidate.start : candidate.end])
            if not reading.readings:
                if candidate.mark in ("whole", "mark") and not has_words(reading.text):
                    return candidate, reading  # A bare answer that cannot be read; no part of it is the answer.
                first = first or (candidate, reading)
                continue
            chosen = expected_letter and letter(reading) is not None
            if candidate.mark == "box" or chosen or reading.is_text == expected.is_text:
                return candidate, reading
            if first is None or not first[1].readings:
                first = candidate, reading
        return first

    def _read(self, text: str) -> Reading:
        return read(text, decimal_comma=self.conventions.decimal_comma)

    def _several(
        self, response: str, boxes: tuple[Candidate, ...], expected: Reading, prover: Prover | None
    ) -> Verdict | None:
        """The verdict when boxes differ: wrong, unless together they list the values of the reference."""
        readings = [self._read(response[b.start : b.end]) for b in boxes]
        last = readings[-1]
        distinct: list[tuple[Candidate, Reading]] = []
        for box, reading in zip(boxes, readings, strict=True):
            known = any(
                reading.text == r.text or compare(reading, r, self.conventions, prover).equal for _, r in distinct
            )
            if not known:
                distinct.append((box, reading))
        if len(distinct) == 1:
            return None
        together = _together([r for _, r in distinct])
        start, end = distinct[0][0].start, distinct[-1][0].end
        if together is not None:
            outcome = compare(together, expected, self.conventions, prover)
            if outcome.equal:
                return verdict_on(
                    Candidate(min(b.start for b in boxes), boxes[-1].end, "box"), together, expected, outcome
                )
        message = f"the response marks {len(distinct)} different answers as its own"
        evidence = {"expected": expected.text, "found": [r.text for _, r in distinct], "last": last.text}
        return Verdict.wrong(Finding(min(start, end), max(start, end), "several-answers", "refuted", message, evidence))


def _candidates(text: str, extraction: Extraction) -> Iterator[Candidate]:
    """The candidates, then, only if asked for more, the last expressions."""
    yield from extraction.candidates
    yield from last_expressions(text, extraction)


def _together(readings: list[Reading]) -> Reading | None:
    if any(not r.readings for r in readings):
        return None
    return Reading(", ".join(r.text for r in readings), (Node("list", tuple(r.readings[0] for r in readings), "and"),))


def _reference_text(reference: Any) -> str:
    if isinstance(reference, bool) or not isinstance(reference, str | int | float):
        raise InvalidInputError(
            "the reference of a math answer must be a text or a number, "
            f"got {type(reference).__name__}: {reference!r:.80}"
        )
    return reference if isinstance(reference, str) else repr(reference)


@lru_cache(maxsize=4096)
def _expected(reference: str, conventions: AnswerConventions) -> Reading:
    """The reading of a reference."""
    extraction = extract(reference)
    fallback: Reading | None = None
    if len(extraction.boxes) > 1:
        readings = [read(reference[b.start : b.end], decimal_comma=conventions.decimal_comma) for b in extraction.boxes]
        distinct: list[Reading] = []
        for reading in readings:
            if not any(reading.text == r.text or compare(reading, r, conventions).equal for r in distinct):
                distinct.append(reading)
        together = _together(distinct) if len(distinct) > 1 else None
        if together is not None:
            return together
    for candidate in _candidates(reference, extraction):
        reading = read(reference[candidate.start : candidate.end], decimal_comma=conventions.decimal_comma)
        if candidate.mark == "stated" and reading.is_text:
            fallback = reading
            continue
        if reading.readings and not (
            candidate.mark == "whole" and reading.is_text and (len(reading.text) > 60 or is_sentence(reading.text))
        ):
            return fallback if fallback is not None and reading.is_text else reading
        if candidate.mark in ("whole", "mark") and not reading.readings and not has_words(reading.text):
            break  # No part of a bare answer that cannot be read is the answer.
        if fallback is None and reading.readings:
            fallback = reading
    if fallback is not None:
        return fallback
    raise InvalidInputError(f"no answer can be read from the reference {reference[:80]!r}")
