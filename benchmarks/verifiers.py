"""The scorecard of the math answer verifier, with Math-Verify beside it.

    python benchmarks/verifiers.py                          # ours alone
    python benchmarks/verifiers.py --math-verify .cache/mv  # installs math-verify into that virtual environment

Reads the shared cases from $STEPGYM_SHARED (default ../shared): labelled answers, hostile answers, MATH, GSM8K, model
solutions. Sections: `answers` (labelled answers), `hostile`, `references` (worked reference solutions and re-spelled
golds against the gold), `pairs` (different MATH references of one kind; every pair that is called equal is printed),
`models` (GSM8K model solutions) and `worked` (generated worked solutions, both graders). The last line is one JSON
object.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from worked_solutions import SHARED, worked_solutions

from stepgym.errors import InvalidInputError
from stepgym.verifiers.math.answer import MathAnswerVerifier
from stepgym.verifiers.math.read import read
from stepgym.verifiers.math.recheck import check_finding
from stepgym.verifiers.math.symbolic import warm_up

HERE = Path(__file__).parent
VERIFIER = MathAnswerVerifier()
Figures = dict[str, Any]


def rows(name: str) -> Iterator[dict[str, Any]]:
    """The rows of a shared JSON-lines file."""
    opener = gzip.open if name.endswith(".gz") else open
    with opener(SHARED / name, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


# The bench runner, once per grader ----------------------------------------------------------------------------------


def run_bench(graders: dict[str, tuple[str, str, Path]], arguments: list[str]) -> Figures:
    """The table of the shared runner for each grader, and its figures."""
    figures: Figures = {}
    for label, (python, target, folder) in graders.items():
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch) / "out.json"
            command = [
                python,
                str(SHARED / "bench/verifier_bench.py"),
                "-g",
                f"{label}={target}",
                "--path",
                str(folder),
            ]
            done = subprocess.run(
                [*command, "--out", str(out), *arguments], capture_output=True, text=True, check=False
            )
            print(done.stdout if done.returncode == 0 else done.stderr)
            if done.returncode == 0:
                header, _, *lines = done.stdout.splitlines()
                names = re.split(r"\s{2,}", header.strip())
                figures[label] = [dict(zip(names, re.split(r"\s{2,}", line.strip()), strict=False)) for line in lines]
    return figures


def answers(graders: dict[str, tuple[str, str, Path]]) -> Figures:
    """Labelled answers with both graders; undecided share and re-checked findings of ours."""
    figures = run_bench(graders, [str(SHARED / "bench/answers_dev.jsonl.gz")])
    statuses: Counter[str] = Counter()
    methods: Counter[str] = Counter()
    findings = failed = 0
    for row in rows("bench/answers_dev.jsonl.gz"):
        verdict = VERIFIER.verify(row["prediction"], row["gold"])
        statuses[verdict.status] += row["convention"] is None
        for finding in verdict.findings:
            findings += 1
            failed += not check_finding(finding, row["prediction"], row["gold"])
            methods[str(finding.evidence.get("method", finding.kind))] += 1
    total = sum(statuses.values())
    print(f"core statuses: {dict(statuses)}; undecided {statuses['undecided'] / total:.2%}")
    print(f"methods: {dict(methods.most_common())}; by SymPy {methods['symbolic'] / total:.2%}")
    print(f"findings re-checked: {findings - failed} of {findings}\n")
    return {
        **figures,
        "undecided": statuses["undecided"],
        "symbolic_share": round(methods["symbolic"] / total, 5),
        "findings": findings,
        "findings_failing_recheck": failed,
    }


def hostile(graders: dict[str, tuple[str, str, Path]]) -> Figures:
    """Hostile answers with both graders."""
    return run_bench(graders, ["--hostile", str(SHARED / "bench/hostile_answers_dev.jsonl")])


# References against themselves --------------------------------------------------------------------------------------


def references(_: object) -> Figures:
    """Worked reference solutions and re-spelled golds against the gold."""
    rng = random.Random(0)
    figures: Figures = {}
    cases: dict[str, list[tuple[str, str]]] = defaultdict(list)
    several = 0
    for name in ("math_train", "math_test"):
        for row in rows(f"data/math/{name}.jsonl.gz"):
            solution, answer = row["solution"], row["answer"]
            boxes = len(re.findall(r"\\(?:boxed|fbox)\b", solution))
            if boxes > 1:  # `answer` is only the last box there, so the solution is its own reference.
                several += 1
                cases["MATH solutions"].append((solution, solution))
            else:
                cases["MATH solutions"].append((solution, answer))
            cases["MATH re-spelled"].append((respelled(answer, rng), answer))
    for name in ("gsm8k_train", "gsm8k_test"):
        for row in rows(f"data/math/{name}.jsonl.gz"):
            answer = row["answer"].rpartition("####")[2].strip()
            cases["GSM8K solutions"].append((row["answer"], answer))
            cases["GSM8K re-spelled"].append((respelled(answer, rng), answer))
    for name, pairs in cases.items():
        wrong = [(s, *p) for p in pairs if (s := status(*p)) != "correct"]
        share = 1 - len(wrong) / len(pairs)
        figures[name] = {"cases": len(pairs), "not_correct": len(wrong), "share": round(share, 5)}
        print(f"{name:>18}: {len(pairs) - len(wrong):,} of {len(pairs):,} correct ({share:.4%})")
        for state, response, reference in wrong[:12]:
            print(f"{'':20}{state}: {response[-70:]!r} against {reference[-50:]!r}")
    print(f"{'':20}({several} MATH solutions hold several boxes; their own text is the reference)\n")
    return figures


def status(response: str, reference: str) -> str:
    try:
        return VERIFIER.verify(response, reference).status
    except InvalidInputError:
        return "reference refused"


_RESPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda a: a,
    lambda a: f"${a}$",
    lambda a: f"\\({a}\\)",
    lambda a: f"\\boxed{{{a}}}",
    lambda a: f"The answer is ${a}$.",
    lambda a: a.replace("\\frac", "\\dfrac"),
    lambda a: re.sub(r"\\[dt]?frac\{(-?\d+)\}\{(\d+)\}", r"\1/\2", a) if re.fullmatch(r"-?\\[dt]?frac.*\}", a) else a,
    lambda a: a.replace("(", "\\left(").replace(")", "\\right)") if "\\left" not in a else a,
    lambda a: a.replace("\\left", "").replace("\\right", ""),
    lambda a: f"{int(a):,}" if re.fullmatch(r"-?\d{4,}", a) else a,
    lambda a: f"{a}.0" if re.fullmatch(r"-?\d+", a) else a,
    lambda a: re.sub(r"(?<=[+\-=,])\s*(?![^{]*text)", " ", a),
    lambda a: a.replace(" ", "") if "\\" not in a and not re.search(r"[a-zA-Z]{2}", a) else a,
    lambda a: a.replace("\\pi", "π").replace("\\infty", "∞").replace("\\cup", "∪"),
    lambda a: a.replace("^\\circ", "^{\\circ}").replace("\\%", "%"),
    lambda a: a.replace(",\\!", ",").replace("{,}", ","),
)


def respelled(answer: str, rng: random.Random) -> str:
    """The same answer written in another way."""
    for _ in range(6):
        text = rng.choice(_RESPELLINGS)(answer)
        if text != answer:
            return text
    return answer


def pairs(_: object, count: int = 100_000, *, every: bool = False) -> Figures:
    """Different MATH references of one kind: every pair called equal is printed, for people to judge."""
    kinds: dict[str, list[str]] = defaultdict(list)
    seen = set()
    for name in ("math_train", "math_test"):
        for row in rows(f"data/math/{name}.jsonl.gz"):
            answer = row["answer"].strip()
            reading = read(answer)
            squeezed = re.sub(r"\s|\\[!,;]|\\left|\\right|(?<=frac)|[dt](?=frac)", "", answer)
            if reading.readings and squeezed not in seen:
                seen.add(squeezed)
                op = reading.readings[0].op
                kinds["number" if op in ("num", "dec", "div", "neg") else op].append(answer)
    states: Counter[str] = Counter()
    hits = set()
    for one, other in every_pair(kinds) if every else sampled_pairs(kinds, count):
        state = status(one, other)
        states[state] += 1
        if state == "correct":
            hits.add((*sorted((one, other)),))
        elif state == "undecided":
            print(f"    undecided: {one!r} and {other!r}")
    total = sum(states.values())
    print(f"{total:,} pairs: {dict(states)}; called equal ({len(hits)} different pairs):")
    for one, other in sorted(hits):
        print(f"    {one!r:40} = {other!r}")
    print()
    return {"pairs": total, "statuses": dict(states), "called_equal": len(hits)}


def sampled_pairs(kinds: dict[str, list[str]], count: int) -> Iterator[tuple[str, str]]:
    """Random pairs of one kind; small kinds are drawn more often than their number of pairs would give."""
    rng = random.Random(0)
    names = [k for k, v in kinds.items() if len(v) > 1]
    weights = [min(len(kinds[k]), 600) for k in names]
    for _ in range(count):
        one, other = rng.sample(kinds[rng.choices(names, weights)[0]], 2)
        yield one, other


def every_pair(kinds: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Every pair of one kind."""
    for answers_of_kind in kinds.values():
        yield from itertools.combinations(answers_of_kind, 2)


# Whole responses ----------------------------------------------------------------------------------------------------


def models(_: object) -> Figures:
    """GSM8K model solutions against their labels; every disagreement is listed."""
    agree = total = 0
    started = time.process_time()
    for row in rows("data/math/gsm8k_example_model_solutions_half.jsonl.gz"):
        for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
            solution, label = row[model]["solution"], row[model]["is_correct"]
            state = status(solution, row["ground_truth"])
            total += 1
            agree += (state == "correct") == label
            if (state == "correct") != label:
                print(f"    {state}, label {label}: {solution[-80:]!r} against {row['ground_truth'][-20:]!r}")
    seconds = time.process_time() - started
    print(f"GSM8K model solutions: {agree} of {total} agree ({agree / total:.3%}), {total / seconds:,.0f} per CPU s\n")
    return {
        "solutions": total,
        "agree": agree,
        "share": round(agree / total, 5),
        "per_cpu_second": round(total / seconds),
    }


def worked(graders: dict[str, tuple[str, str, Path]], count: int = 4_000) -> Figures:
    """Generated worked solutions in many phrasings, both graders."""
    cases = worked_solutions(count)
    by_family: dict[str, Counter[bool]] = defaultdict(Counter)
    for case in cases:
        by_family[case.family][(status(case.response, case.reference) == "correct") == case.right] += 1
    for family, counts in by_family.items():
        print(f"{family:>12}: {counts[True]} of {sum(counts.values())} as labelled")
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for k, case in enumerate(cases[:1_500]):
            row = {"id": str(k), "gold": case.reference, "prediction": case.response, "expected": case.right}
            file.write(json.dumps({**row, "kind": "text", "convention": None, "source_repo": case.family}) + "\n")
        file.flush()
        table = run_bench(graders, [file.name])
    right = sum(c[True] for c in by_family.values())
    return {"cases": count, "as_labelled": right, "share": round(right / count, 5), "bench_of_1500": table}


SECTIONS: dict[str, Callable[[Any], Figures]] = {
    "answers": answers,
    "hostile": hostile,
    "references": references,
    "pairs": pairs,
    "models": models,
    "worked": worked,
}


def math_verify(folder: Path) -> str:
    """The interpreter of a virtual environment with Math-Verify in it, made when it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    found = subprocess.run([str(python), "-c", "import math_verify"], capture_output=True, check=False)
    if found.returncode:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "math-verify[antlr4_13_2]==0.9.0"], check=True)
    return str(python)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--math-verify", type=Path, metavar="VENV", help="run Math-Verify 0.9.0 too, from this environment"
    )
    parser.add_argument(
        "--every-pair", action="store_true", help="`pairs` compares all pairs of one kind, some 3 million, not a sample"
    )
    parser.add_argument("--only", nargs="*", choices=SECTIONS, default=list(SECTIONS))
    options = parser.parse_args()
    graders = {"stepgym": (sys.executable, "verifier_adapter:grade", HERE)}
    if options.math_verify is not None:
        graders["math-verify"] = (math_verify(options.math_verify), "math_verify_adapter:grade", SHARED / "bench")
    warm_up()
    result: Figures = {}
    for name in options.only:
        print(f"== {name} " + "=" * (80 - len(name)), flush=True)
        run = functools.partial(pairs, every=options.every_pair) if name == "pairs" else SECTIONS[name]
        result[name] = run(graders)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
