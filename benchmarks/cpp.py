"""How well the C++ verifier points at errors, how fast it is, and whether it accepts what is right.

    python benchmarks/cpp.py                                    # all parts, some minutes
    python benchmarks/cpp.py --only planted --count 600 --show  # errors put into right programs
    python benchmarks/cpp.py --only speed                       # verdicts per second
    python benchmarks/cpp.py --only references --count 1000     # generated references against their own verifier

Needs g++ and bubblewrap. Programs come from the generator of `stepgym/PseudoToCpp-v0`.

`planted`: one error is put into a right program by a fixed operator (see `OPERATORS`); mutants that still pass all
tests are left out. An error is found if a refuted finding of at most one token or 12 characters contains or touches it;
where something was taken away, it may touch the white space around that place. Each mutant is judged with the right
program in the reference and without it. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepgym.envs import Task
from stepgym.envs.programs.tasks import draw_tasks
from stepgym.verifiers import Verdict, verify_many
from stepgym.verifiers.cpp import CppVerifier
from stepgym.verifiers.cpp.tokens import Token, tokenize
from stepgym.verifiers.sandbox import Finished, find_sandbox

Figures = dict[str, Any]
_ALPHABET = "abcxyz0159+-*/%=<>!&|()[]{};:,.\"'#_"
_OPERATORS = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "<",
    ">",
    "<=",
    ">=",
    "==",
    "!=",
    "&&",
    "||",
    "+=",
    "-=",
    "=",
    "++",
    "--",
    "<<",
    ">>",
]
_KEYWORDS = [
    "int",
    "long",
    "bool",
    "char",
    "string",
    "for",
    "if",
    "else",
    "while",
    "return",
    "break",
    "continue",
    "void",
]


@dataclass(frozen=True)
class Mutant:
    """A program with one error at the characters `[start, end)`; where something was taken away, all places it fits."""

    text: str
    start: int
    end: int
    operator: str
    removed: bool = False


def _replaced(text: str, start: int, end: int, by: str, operator: str) -> Mutant:
    mutant = text[:start] + by + text[end:]
    if by:
        return Mutant(mutant, start, start + len(by), operator)
    # Which of two equal neighbours is gone cannot be told: `f(g())` without a bracket.
    first, last, gone = start, start, text[start:end]
    while first > 0 and mutant[: first - 1] + gone + mutant[first - 1 :] == text:
        first -= 1
    while last < len(mutant) and mutant[: last + 1] + gone + mutant[last + 1 :] == text:
        last += 1
    return Mutant(mutant, first, last, operator, removed=True)


def _a_character(text: str, rng: random.Random) -> int:
    return rng.choice([i for i, character in enumerate(text) if not character.isspace()])


def _delete_character(text: str, tokens: list[Token], rng: random.Random) -> Mutant | None:
    place = _a_character(text, rng)
    return _replaced(text, place, place + 1, "", "delete a character")


def _insert_character(text: str, tokens: list[Token], rng: random.Random) -> Mutant | None:
    place = _a_character(text, rng)
    return _replaced(text, place, place, rng.choice(_ALPHABET), "insert a character")


def _replace_character(text: str, tokens: list[Token], rng: random.Random) -> Mutant | None:
    place = _a_character(text, rng)
    return _replaced(text, place, place + 1, rng.choice(_ALPHABET.replace(text[place], "")), "replace a character")


def _replace_token(
    name: str, chosen: Callable[[Token], bool], others: Callable[[list[Token], Token], list[str]]
) -> Callable[[str, list[Token], random.Random], Mutant | None]:
    def mutate(text: str, tokens: list[Token], rng: random.Random) -> Mutant | None:
        candidates = [token for token in tokens if chosen(token)]
        if not candidates:
            return None
        token = rng.choice(candidates)
        new = [other for other in others(tokens, token) if other != token.text]
        return _replaced(text, token.start, token.end, rng.choice(new), name) if new else None

    return mutate


def _drop_token(text: str, tokens: list[Token], rng: random.Random) -> Mutant | None:
    token = rng.choice(tokens)
    return _replaced(text, token.start, token.end, "", "drop a token")


def _swap_tokens(text: str, tokens: list[Token], rng: random.Random) -> Mutant | None:
    number = rng.randrange(len(tokens) - 1)
    one, other = tokens[number : number + 2]
    if one.text == other.text:
        return None
    swapped = other.text + text[one.end : other.start] + one.text
    return _replaced(text, one.start, other.end, swapped, "swap two tokens")


def _is_name(token: Token) -> bool:
    return token.text.isidentifier() and token.text not in _KEYWORDS


OPERATORS: tuple[Callable[[str, list[Token], random.Random], Mutant | None], ...] = (
    _delete_character,
    _insert_character,
    _replace_character,
    _replace_token("replace an operator", lambda t: t.text in _OPERATORS, lambda ts, t: _OPERATORS),
    _replace_token(
        "replace a constant",
        lambda t: t.text.isdigit(),
        lambda ts, t: [str(int(t.text) + 1), str(int(t.text) - 1), "0", "10"],
    ),
    _replace_token("replace an identifier", _is_name, lambda ts, t: [o.text for o in ts if _is_name(o)]),
    _replace_token("replace a keyword", lambda t: t.text in _KEYWORDS, lambda ts, t: _KEYWORDS),
    _drop_token,
    _swap_tokens,
)


def mutants(text: str, rng: random.Random) -> Iterator[Mutant]:
    """Endless mutants, the operators in turn."""
    tokens = tokenize(text)
    order = list(OPERATORS)
    while True:
        rng.shuffle(order)
        for operator in order:
            mutant = operator(text, tokens, rng)
            if mutant is not None and mutant.text != text:
                yield mutant


def hits(verdict: Verdict, mutant: Mutant) -> list[bool]:
    """For each refuted finding that is small enough, whether it contains or touches the error."""
    start, end = mutant.start, mutant.end
    if mutant.removed:
        while start > 0 and mutant.text[start - 1].isspace():
            start -= 1
        while end < len(mutant.text) and mutant.text[end].isspace():
            end += 1
    tokens = [(token.start, token.end) for token in tokenize(mutant.text)]
    found = []
    for finding in verdict.findings:
        if finding.severity != "refuted":
            continue
        small = finding.end - finding.start <= 12 or any(a <= finding.start and finding.end <= b for a, b in tokens)
        found.append(small and finding.start <= end and start <= finding.end)
    return found


def planted(verifier: CppVerifier, options: argparse.Namespace) -> Figures:
    """Errors put into right programs."""
    rng = random.Random(options.seed)
    tasks = list(draw_tasks(max(1, options.count // 5), options.seed))
    jobs: list[tuple[Mutant, Any]] = []
    for task in tasks:
        made = mutants(task.reference["solution"], rng)
        jobs += [(next(made), task.reference) for _ in range(6)]
    jobs = jobs[: options.count]
    started = time.perf_counter()
    results: dict[str, list[Verdict]] = {}
    for label in ("with the solution", "compiler alone"):
        items = [(mutant.text, ref if label.startswith("with") else {"tests": ref["tests"]}) for mutant, ref in jobs]
        results[label] = verify_many(verifier, items, threads=options.threads)
    figures: Figures = {"mutants": len(jobs), "seconds": round(time.perf_counter() - started, 1)}
    for label, verdicts in results.items():
        figures[label] = _table(label, jobs, verdicts, show=options.show)
    return figures


def _table(label: str, jobs: list[tuple[Mutant, Any]], verdicts: list[Verdict], *, show: bool) -> Figures:
    by_operator: dict[str, Counter[str]] = defaultdict(Counter)
    claims: Counter[bool] = Counter()
    statuses = Counter(verdict.status for verdict in verdicts)
    for (mutant, _), verdict in zip(jobs, verdicts, strict=True):
        if verdict.status != "wrong":
            continue
        compiles = any(f.kind == "compiles" and f.evidence["compiled"] for f in verdict.findings)
        found = hits(verdict, mutant)
        claims.update(found)
        kinds = ("all", mutant.operator, "mutants that compile" if compiles else "mutants that do not compile")
        for kind in kinds:
            by_operator[kind]["found" if any(found) else "missed"] += 1
        if show and not any(found):
            _show(label, mutant, verdict)
    print(f"\n{label}: {dict(statuses)}")
    for kind in sorted(by_operator):
        counts = by_operator[kind]
        print(f"{kind:>28}: {counts['found']:4} of {counts.total():4}  {counts['found'] / counts.total():.1%}")
    print(f"{'refuted findings that touch':>28}: {claims[True]:4} of {claims.total():4}")
    whole = by_operator["all"]
    return {
        "found": whole["found"],
        "failing_mutants": whole.total(),
        "share": round(whole["found"] / max(1, whole.total()), 4),
        "refuted": claims.total(),
        "refuted_touching": claims[True],
        "statuses": dict(statuses),
    }


def _show(label: str, mutant: Mutant, verdict: Verdict) -> None:
    line = mutant.text.count("\n", 0, mutant.start)
    around = mutant.text[max(0, mutant.start - 25) : mutant.end + 15]
    print(f"-- {label}, {mutant.operator}, line {line + 1}: {around!r} ({mutant.text[mutant.start : mutant.end]!r})")
    for finding in verdict.findings:
        if finding.severity in ("refuted", "fatal", "warning"):
            said = mutant.text[finding.start : finding.end][:30]
            print(f"     {finding.severity} {finding.kind} {said!r}: {finding.message[:100]}")


class CountingSandbox:
    """The sandbox of this machine, counting the CPU time of what runs in it."""

    def __init__(self) -> None:
        self._sandbox = find_sandbox()
        self._lock = threading.Lock()
        self.seconds = 0.0

    @property
    def name(self) -> str:
        return self._sandbox.name

    def run(self, command: Sequence[str], **arguments: Any) -> Finished:
        done = self._sandbox.run(command, **arguments)
        with self._lock:
            self.seconds += done.cpu_seconds
        return done


def plain_compiler(tasks: Sequence[Task], threads: int) -> float:
    """Programs per second that g++ itself compiles on this machine at this moment, for comparison."""

    def compile_one(task: Task) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "main.cpp"
            source.write_text(task.reference["solution"], encoding="utf-8")
            subprocess.run(["g++", "-std=c++17", "-O0", str(source), "-o", f"{folder}/main"], check=True)

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(compile_one, tasks))
    return len(tasks) / (time.perf_counter() - started)


def speed(verifier: CppVerifier, options: argparse.Namespace) -> Figures:
    """Verdicts per second on distinct programs with 3 tests each, after a warm-up."""
    rng = random.Random(options.seed)
    count = min(options.count, 120)
    tasks = list(draw_tasks(count + 5, options.seed + 1, tests=3))
    warm, tasks = tasks[:5], tasks[5:]
    wrong = [(next(mutants(task.reference["solution"], rng)).text, task.reference) for task in tasks[: count // 2]]
    figures: Figures = {"threads": options.threads, "load": [round(load, 1) for load in os.getloadavg()]}
    print(f"load of the machine before: {figures['load'][0]}")
    figures["plain g++ alone"] = {"per_second": round(plain_compiler(tasks[:12], options.threads), 2)}
    print(f"{'plain g++ alone':>28}: {figures['plain g++ alone']['per_second']:5.2f} programs/s, compiled and not run")
    for label, sanitize, items in (
        ("right programs", False, [(t.reference["solution"], t.reference) for t in tasks]),
        ("with one error", False, wrong),
        ("sanitizers, right programs", True, [(t.reference["solution"], t.reference) for t in tasks[: count // 6]]),
    ):
        sandbox = CountingSandbox()
        judge = CppVerifier(sanitize=sanitize, sandbox=sandbox)
        verify_many(judge, [(t.reference["solution"], t.reference) for t in warm], threads=1)
        sandbox.seconds = 0.0
        started, cpu = time.perf_counter(), time.process_time()
        verdicts = verify_many(judge, items, threads=options.threads)
        seconds = time.perf_counter() - started
        rate = len(items) / seconds
        each = (sandbox.seconds + time.process_time() - cpu) / len(items)
        print(
            f"{label:>28}: {rate:5.2f} verdicts/s, {1 / each:5.2f} per CPU second ({len(items)} programs)", flush=True
        )
        figures[label] = {
            "per_second": round(rate, 2),
            "per_cpu_second": round(1 / each, 2),
            "programs": len(items),
            "statuses": dict(Counter(verdict.status for verdict in verdicts)),
        }
    return figures


def references(verifier: CppVerifier, options: argparse.Namespace) -> Figures:
    """The solution of every generated task against its own tests."""
    tasks = list(draw_tasks(options.count, options.seed + 2))
    items = [(task.reference["solution"], task.reference) for task in tasks]
    started = time.perf_counter()
    verdicts = verify_many(verifier, items, threads=options.threads)
    seconds = time.perf_counter() - started
    bad = [(t.id, v) for t, v in zip(tasks, verdicts, strict=True) if v.status != "correct"]
    warned = sum(any(f.kind == "compile-warning" for f in v.findings) for v in verdicts)
    print(f"{len(tasks) - len(bad)} of {len(tasks)} references correct, {warned} with warnings, {seconds:.0f} s")
    for task_id, verdict in bad[:20]:
        print(f"    {task_id}: {verdict}")
    return {
        "tasks": len(tasks),
        "correct": len(tasks) - len(bad),
        "with_warnings": warned,
        "seconds": round(seconds, 1),
    }


PARTS = {"planted": planted, "speed": speed, "references": references}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--count", type=int, default=300, help="mutants, programs or tasks of each part")
    parser.add_argument("--threads", type=int, default=4, help="verdicts at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print every error that was missed")
    options = parser.parse_args()
    verifier = CppVerifier()
    result: Figures = {}
    for name in options.only:
        print(f"== {name} " + "=" * (80 - len(name)), flush=True)
        result[name] = PARTS[name](verifier, options)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
