"""The scorecard of the step checker: how much it decides, how seldom it refutes what is right, and what it misses.

    python benchmarks/math_steps.py                     # all sets, two tables
    python benchmarks/math_steps.py --only math --show  # and every refuted calculation of the MATH references

Sets, read from $STEPGYM_SHARED (default ../shared): `gsm8k` (the 7,473 reference solutions of the training set),
`models` (the published model solutions to GSM8K that are labelled correct), `math` (the 12,500 reference solutions of
MATH). A calculation counts as decided when it is proved or refuted. Solutions are taken to be correct, so that every
refuted calculation is either a slip of the writer or a mistake of the checker: read them with --show.

Errors are planted at places drawn with a seed, one per solution: in the result of a calculator annotation, of a plain
`a op b = c` in the text without annotations, and, in MATH, of a calculation that was proved before. An error is found
when a refuted calculation ends exactly with the planted number. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stepgym.agents.text_table import text_table
from stepgym.verifiers import Finding, check_finding
from stepgym.verifiers.steps import check_steps
from stepgym.verifiers.verdict import printable

FOLDER = Path(os.environ.get("STEPGYM_SHARED", "../shared")) / "data" / "math"
ANNOTATION = re.compile(r"<<[^<>\n]*>>")
NUMBER = r"\$?([0-9]+(?:\.[0-9]+)?)"
PLAIN = re.compile(rf"(?<![0-9.,/+*x^-])(?<![-+*/x] ){NUMBER} ?[-+*/x] ?{NUMBER} ?= ?{NUMBER}(?![0-9,/%a-z]|\.[0-9])")
DECIDED = ("proved", "refuted")
# What is added to a result: slips of one, of a digit, of a place.
ERRORS = (1, 2, 10, 100, 7)

Span = tuple[int, int]


class Solution(NamedTuple):
    """A worked solution that is taken to be correct."""

    id: str
    question: str
    text: str


# Sets ---------------------------------------------------------------------------------------------------------------


def rows(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(FOLDER / name, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def gsm8k() -> Iterator[Solution]:
    for number, row in enumerate(rows("gsm8k_train.jsonl.gz")):
        yield Solution(f"gsm8k/train/{number}", row["question"], row["answer"])


def models() -> Iterator[Solution]:
    for number, row in enumerate(rows("gsm8k_example_model_solutions_half.jsonl.gz")):
        for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
            if row[model]["is_correct"]:
                yield Solution(f"models/{number}/{model}", row["question"], row[model]["solution"])


def math() -> Iterator[Solution]:
    for name in ("math_train.jsonl.gz", "math_test.jsonl.gz"):
        for row in rows(name):
            yield Solution(row["id"], row["problem"], row["solution"])


# Figures ------------------------------------------------------------------------------------------------------------


def coverage(solutions: Iterable[Solution], shown: list[tuple[Solution, Finding]] | None = None) -> Counter[str]:
    """Counts of what there is and what is decided; refuted calculations are appended to `shown`."""
    counts: Counter[str] = Counter()
    for solution in solutions:
        findings = [f for f in check_steps(solution.text, solution.question) if f.kind == "calculation"]
        decided = [f for f in findings if f.severity in DECIDED]
        refuted = [f for f in decided if f.severity == "refuted"]
        bare = ANNOTATION.sub("", solution.text)
        spans = [
            (f.start, f.end)
            for f in (check_steps(bare, solution.question) if "<<" in solution.text else findings)
            if f.severity in DECIDED
        ]
        plain = list(PLAIN.finditer(bare))
        counts += Counter(
            solutions=1,
            decided=len(decided),
            refuted=len(refuted),
            warnings=sum(f.severity == "warning" for f in findings),
            failed_rechecks=sum(not check_finding(f, solution.text, None) for f in decided),
            annotations=len(ANNOTATION.findall(solution.text)),
            decided_annotations=sum(f.evidence["place"] == "annotation" for f in decided),
            plain=len(plain),
            decided_plain=sum(any(a <= m.start(1) and m.end() <= b for a, b in spans) for m in plain),
        )
        if shown is not None:
            shown.extend((solution, finding) for finding in refuted)
    return counts


def planted(
    solutions: Iterable[Solution], places: Callable[[Solution], tuple[str, list[Span]]], seed: int = 0
) -> Counter[str]:
    """How many errors, one in each solution that has a place for it, are planted and found."""
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    for solution in solutions:
        text, spans = places(solution)
        if not spans:
            continue
        start, end = rng.choice(spans)
        wrong = str(int(text[start:end]) + rng.choice(ERRORS))
        findings = check_steps(text[:start] + wrong + text[end:], solution.question)
        refuted = [f for f in findings if f.severity == "refuted" and f.kind == "calculation"]
        counts["planted"] += 1
        counts["found"] += any(f.start <= start and f.end == start + len(wrong) for f in refuted)
    return counts


def in_annotations(solution: Solution) -> tuple[str, list[Span]]:
    return solution.text, [m.span(1) for m in re.finditer(r"<<[^<>\n]*=([0-9]+)>>", solution.text)]


def in_sentences(solution: Solution) -> tuple[str, list[Span]]:
    bare = ANNOTATION.sub("", solution.text)
    return bare, [m.span(3) for m in PLAIN.finditer(bare) if m[3].isdigit()]


def in_proved(solution: Solution) -> tuple[str, list[Span]]:
    spans = []
    for finding in check_steps(solution.text, solution.question):
        if finding.kind == "calculation" and finding.severity == "proved":
            result = re.search(r"= ?([0-9]{1,12})$", solution.text[finding.start : finding.end])
            if result is not None:
                spans.append((finding.start + result.start(1), finding.start + result.end(1)))
    return solution.text, spans


SETS: dict[str, Callable[[], Iterator[Solution]]] = {"gsm8k": gsm8k, "models": models, "math": math}
PLACES: dict[str, tuple[tuple[str, Callable[[Solution], tuple[str, list[Span]]]], ...]] = {
    "gsm8k": (("annotations", in_annotations), ("sentences", in_sentences)),
    "models": (),
    "math": (("proved", in_proved),),
}


# Output -------------------------------------------------------------------------------------------------------------


def share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({part / whole:.2%})" if whole else "none"


def show(found: list[tuple[Solution, Finding]]) -> None:
    for solution, finding in found:
        before, after = solution.text[max(0, finding.start - 50) : finding.start], solution.text[finding.end :][:30]
        place = f"{before}>>>{solution.text[finding.start : finding.end]}<<<{after}".replace("\n", " ")
        print(f"  {solution.id}: {printable(place)}\n      {printable(finding.message)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take each N-th solution (default: all)")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1], help="of planted errors (default: 0 1)")
    parser.add_argument("--show", action="store_true", help="print every refuted calculation")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    table, errors = [], []
    for name in options.only:
        solutions = list(SETS[name]())[:: options.every]
        refuted: list[tuple[Solution, Finding]] = []
        started = time.process_time()
        counts = coverage(solutions, refuted)
        figures[name] = {**counts, "cpu_seconds": round(time.process_time() - started, 1), "planted": {}}
        table.append(
            (
                name,
                f"{len(solutions):,}",
                share(counts["decided_annotations"], counts["annotations"]),
                share(counts["decided_plain"], counts["plain"]),
                share(counts["refuted"], counts["decided"]),
            )
        )
        for place, places in PLACES[name]:
            found = [planted(solutions, places, seed) for seed in options.seeds]
            figures[name]["planted"][place] = [dict(count) for count in found]
            errors += [
                (name, place, str(seed), share(count["found"], count["planted"]))
                for seed, count in zip(options.seeds, found, strict=True)
            ]
        if options.show:
            print(f"{name}: {len(refuted)} refuted calculations")
            show(refuted)
    headers = ("set", "solutions", "annotations decided", "plain a op b = c decided", "decided calculations refuted")
    print(text_table(headers, table))
    if errors:
        print("\n" + text_table(("set", "errors in", "seed", "found at their place"), errors, left=2))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
