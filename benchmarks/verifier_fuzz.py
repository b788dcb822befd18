# ruff: noqa: E501  (one list of seeds per line)
"""Fuzz the math answer verifier: no crash, no call over one second, flat memory.

    python benchmarks/verifier_fuzz.py --count 1000000

Strings are made by mutating answers and responses: characters and LaTeX pieces are inserted, deleted, repeated and
swapped, two answers are spliced, brackets are nested. Every string is verified against a reference, and every few
strings are also used as a reference. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
import traceback

from stepgym.errors import InvalidInputError
from stepgym.verifiers.math.answer import MathAnswerVerifier
from stepgym.verifiers.math.symbolic import warm_up

SEEDS = r"""
5 | -3.75 | 1,234,567 | 1\frac{2}{3} | \frac{3}{4} | 28\% | \$36.50 | 90^\circ | 0.\overline{3} | 1.5\times 10^{-3} | 204_5
\sqrt{3+2\sqrt{2}} | \sqrt[3]{x^2+1} | 2^{100}-1 | 100! | \binom{10}{3} | \log_2 8 | e^{i\pi}+1 | |x-3|+2 | \lfloor 2.7 \rfloor
x^2+2x+1 | \frac{x+1}{x-1} | (a+b)^3 | \sin^2 x+\cos^2 x | \tan(2x) | f(x)=x^2-1 | y=2x+1 | 2x-3y=6 | x=\pm\sqrt{2}
(1,2,3) | [1,2) | (-\infty,3]\cup(5,\infty) | \{1,2,3\} | \{x\mid x>2\} | x\in[0,1] | 1<x\le 2 | x\neq 3 | 1,2 \text{ and } 3
\begin{pmatrix}1&2\\3&4\end{pmatrix} | \begin{bmatrix}x\\y\end{bmatrix} | \left[\begin{array}{cc}1&0\\0&1\end{array}\right]
\text{(C)} | \text{Evelyn} | 3:30\text{ p.m.} | 12\text{ cm}^2 | 5 miles per hour | The answer is \boxed{42}. | #### 18 | A: 7
So the result is **12**. | \boxed{\frac{1}{2}} or \boxed{0.5} | <think>1</think> The final answer is $x=3$. I hope it is correct.
I don't know | cannot be determined | two hundred and five | three quarters | twenty-first | June 20th, 2020 | noon | 3:30 pm
]1,2[ | 1011 base 2 | 0xFF | 1'000'000 | 0.(3) | 45^\circ 30' | |x-1|<2 | 3 hours 20 minutes | 5 red marbles | 12 ways | (C)\ 12
x \equiv 3 \pmod 7 | 10 \pmod 7 | 3 to 4 | {x : x>2} | \pm 3 | +/-5 | Yes, it is | 25\% of students | f(t)=t+1 | \sqrt[n]{a}
9 \pmod{11} | 2^{10} \bmod 7 | \gcd(12,18) | \sum_{k=1}^{n} k | \lim_{x\to 0}\frac{\sin x}{x} | \int_0^1 x\,dx
""".replace("\n", " | ").split(" | ")
PIECES = [
    "\\frac",
    "\\sqrt",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\\{",
    "\\}",
    "^",
    "_",
    "!",
    "!!",
    "\\left",
    "\\right",
    "\\boxed{",
    "\\text{",
    "\\begin{pmatrix}",
    "\\end{pmatrix}",
    "&",
    "\\\\",
    "\\pm",
    "\\cup",
    "\\in",
    "\\infty",
    "\\pi",
    "\\cdot",
    "\\times",
    "%",
    "\\%",
    "$",
    "$$",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "|",
    "||",
    "\\lfloor",
    "\\rfloor",
    "\\binom",
    "\\log",
    "\\sin",
    "ln",
    "exp(",
    "sqrt(",
    ",",
    ";",
    ":",
    ".",
    "..",
    "...",
    "=",
    "==",
    "<",
    ">",
    "<=",
    ">=",
    "!=",
    "\\le",
    "\\ne",
    "\\approx",
    "+",
    "-",
    "*",
    "**",
    "/",
    "//",
    "~",
    "#",
    "####",
    "'",
    '"',
    "`",
    "@",
    "\\mathbb{R}",
    "\\emptyset",
    "\\pmod{",
    "\\bmod",
    "\\overline{",
    "0",
    "1",
    "9",
    "999",
    "1e99",
    "1e-9",
    "0.",
    ".5",
    "x",
    "y",
    "i",
    "e",
    "n",
    "AB",
    "nan",
    "inf",
    "None",
    "and",
    "or",
    "not",
    "\x00",
    "\x1b",
    "\u202e",
    "\u200b",
    "１",
    "١",
    "²",
    "√",
    "π",
    "−",
    "𝟙",
    "́",
]


def mutate(rng: random.Random, seeds: list[str]) -> str:
    """One string made from one or two seeds."""
    text = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 2, 3, 5, 9))):
        kind = rng.random()
        k = rng.randrange(len(text) + 1)
        if kind < 0.35:
            text = text[:k] + rng.choice(PIECES) + text[k:]
        elif kind < 0.5:
            text = text[:k] + text[k + rng.choice((1, 1, 2, 5)) :]
        elif kind < 0.6:
            other = rng.choice(seeds)
            text = text[:k] + other[rng.randrange(len(other) + 1) :]
        elif kind < 0.7:
            j = rng.randrange(k, min(len(text), k + 8) + 1)
            text = text[:k] + text[k:j] * rng.choice((2, 3, 30)) + text[j:]
        elif kind < 0.8:
            left, right = rng.choice(
                (("\\frac{1}{", "}"), ("\\sqrt{", "}"), ("(", ")"), ("{", "}"), ("2^{", "}"), ("\\sin(", ")"))
            )
            n = rng.choice((1, 2, 20, 60))
            text = left * n + text + right * n
        elif kind < 0.9:
            text = (
                text[:k]
                + chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x3000), rng.randrange(0x1FFFF))))
                + text[k:]
            )
        else:
            text = text + rng.choice((" ", ", ", "=", "+", "^", " or ", "\n")) + rng.choice(seeds)
        text = text[:3000]
    return text


def fuzz(count: int, seed: int, *, report: bool = True) -> dict[str, object]:
    """Verify `count` mutated strings; the figures that matter."""
    rng = random.Random(seed)
    seeds = [s for s in SEEDS if s.strip()]
    verifier = MathAnswerVerifier()
    statuses: dict[str, int] = {}
    crashes: list[str] = []
    slowest, slowest_text, slow = 0.0, "", 0
    memory_start = 0
    started = time.perf_counter()
    for k in range(count):
        text = mutate(rng, seeds)
        reference = mutate(rng, seeds) if k % 4 == 0 else rng.choice(seeds)
        begun = time.perf_counter()
        try:
            status = verifier.verify(text, reference).status
        except InvalidInputError:
            status = "reference refused"
        except BaseException as problem:
            if isinstance(problem, KeyboardInterrupt):
                raise
            status = "crash"
            crashes.append(f"{text!r} / {reference!r}: {traceback.format_exc(limit=-3)}")
        took = time.perf_counter() - begun
        statuses[status] = statuses.get(status, 0) + 1
        slow += took > 1.0
        if took > slowest:
            slowest, slowest_text = took, f"{text!r} / {reference!r}"
        if k == count // 5:
            memory_start = _memory()
        if report and k and k % 50_000 == 0:
            print(f"{k:>9,} strings, {k / (time.perf_counter() - started):,.0f} per second, {statuses}", flush=True)
    return {
        "strings": count,
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
        "statuses": statuses,
        "crashes": len(crashes),
        "crash_examples": crashes[:5],
        "slower_than_1s": slow,
        "slowest_seconds": round(slowest, 3),
        "slowest": slowest_text[:300],
        "memory_growth_mb": round((_memory() - memory_start) / 1024, 1),
    }


def _memory() -> int:
    """Peak resident memory in KiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warm_up()
    result = fuzz(options.count, options.seed)
    for example in result["crash_examples"]:  # type: ignore[attr-defined]
        print(example)
    for name, value in result.items():
        if name != "crash_examples":
            print(f"{name:>18}  {value}")
    print(json.dumps(result))
    return 1 if result["crashes"] or result["slower_than_1s"] else 0


if __name__ == "__main__":
    sys.exit(main())
