# ruff: noqa: E501  (one phrasing per string)
"""Worked solutions in many phrasings, made from reference solutions: real reasoning, a right or a wrong ending.

Used by `benchmarks/verifiers.py`; third-party problems are read from $STEPGYM_SHARED and never stored.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SHARED = Path(os.environ.get("STEPGYM_SHARED", "../shared"))

ENDINGS = {
    "boxed": (
        "The answer is $\\boxed{@}$.", "Therefore, $\\boxed{@}$.", "\\[\\boxed{@}\\]", "So the final answer is \\(\\boxed{@}\\).",
        "Thus the result is\n$$\\boxed{@}.$$", "Hence we get \\boxed{@}", "**Final Answer**\n\\[ \\boxed{@} \\]",
        "$\\therefore$ the value is $\\fbox{@}$.", "Our answer is $\\boxed{\\,@\\,}$!",
    ),
    "marked": (
        "#### @", "Answer: @", "**Answer:** $@$", "**Answer**: @", "Final answer: @", "**Final Answer:** $@$", "### Final Answer\n\n$@$",
        "A: @", "ANSWER: $@$", "Final Answer: The final answer is $@$. I hope it is correct.", "<answer>@</answer>",
        "**Final answer: @**", "The final answer is: $@$", "## Answer\n$@$", "Answer: \\(@\\).",
    ),
    "sentence": (
        "Therefore, the answer is $@$.", "So the answer is @.", "The answer is $@$", "Hence the answer is \\(@\\).",
        "Thus, our answer is $@$.", "This means that the correct answer is $@$.", "So, the solution is $@$.",
        "We conclude that the final result is $@$.", "The answer to the problem is $@$.", "so the answer would be $@$.",
        "Therefore the desired value is $@$.", "Adding up, we obtain $@$.", "In total we have $@$.", "It follows that the result equals $@$.",
        "Thus, the answer is\n\n\\[ @ \\]", "Therefore, the answer is\n$$@$$",
    ),
    "bold": ("The answer is **@**.", "So we get **@**.", "**@**", "Therefore, the answer is: **@**", "**The answer is @.**", "The answer is **$@$**."),
    "repeated": (
        "The answer is $@$. So the final answer is $\\boxed{@}$.", "Thus $\\boxed{@}$.\n\nFinal Answer: The final answer is $@$. I hope it is correct.",
        "$\\boxed{@}$ Therefore the answer is $\\boxed{@}$.", "So we get $@$.\n\n#### @", "The answer is @. Answer: @",
    ),
    "corrected": (
        "So the answer is $#$. Wait, I made a mistake above. Let me redo it. The answer is $@$.",
        "At first I thought the answer is $#$, but that counts a case twice. Therefore, the answer is $@$.",
        "This would give $#$. However, that is wrong: we forgot one case. The correct answer is $\\boxed{@}$.",
        "Answer: $#$\n\nActually, let me double-check.\n\nAnswer: $@$",
        "<think>Maybe the answer is $\\boxed{#}$? No, one term is missing.</think>The answer is $\\boxed{@}$.",
        "Hmm, is it $#$? No. The final answer is $@$.",
    ),
    "remark": (
        "The answer is $\\boxed{@}$. Let me know if you have any questions!", "The answer is $@$. This can be checked with a calculator.",
        "Final answer: $@$\n\nNote that 2 of the 3 conditions were needed.", "The answer is $\\boxed{@}$.\n\nWe can verify this: for $n = 1$ both sides are equal.",
        "#### @\n", "The answer is $@$.\n\nI hope this helps.", "**Answer:** @\n\n*(see step 2)*", "So the answer is $@$. <|im_end|>\n",
        "The answer is $\\boxed{@}$ by the identity in step 1.",
    ),
}  # fmt: skip
HEDGES = (
    "The answer is $\\boxed{@}$ or $\\boxed{#}$.", "The answer is either $@$ or $#$.", "$\\boxed{#}$ \\quad $\\boxed{@}$ \\quad $\\boxed{#}$",
    "The answer is $@$. Wait, that is wrong. The answer is $#$.", "Answer: $@$\n\nActually, let me double-check.\n\nAnswer: $#$",
    "The answer is not $@$; the answer is $#$.", "#### @\n#### #",
)  # fmt: skip


class Solution(NamedTuple):
    """One case: a response, its reference, whether it is right, and the family of its ending."""

    response: str
    reference: str
    right: bool
    family: str


def worked_solutions(count: int, seed: int = 0) -> list[Solution]:
    """`count` cases, half of them right."""
    rng = random.Random(seed)
    sources = list(_sources())
    rng.shuffle(sources)
    by_length: dict[bool, list[str]] = {}
    for _, answer in sources:
        by_length.setdefault(answer.lstrip("-").isdigit(), []).append(answer)
    cases = []
    families = list(ENDINGS)
    for k in range(count):
        body, answer = sources[k % len(sources)]
        other = rng.choice(by_length[answer.lstrip("-").isdigit()])
        while "".join(other.split()) == "".join(answer.split()):
            other = rng.choice(by_length[answer.lstrip("-").isdigit()])
        right = k % 2 == 0
        if not right and k % 10 == 1:
            family, ending = "hedged", rng.choice(HEDGES)
            ending = ending.replace("####", "\0").replace("@", answer).replace("#", other).replace("\0", "####")
        else:
            family = families[k // 2 % len(families)]
            ending = rng.choice(ENDINGS[family]).replace("####", "\0")
            first, second = (answer, other) if right else (other, answer)
            # A wrong solution never names the right answer in its correction.
            second = second if right else "0" if other != "0" else "1"
            ending = (
                ending.replace("@", first).replace("#", second) if family == "corrected" else ending.replace("@", first)
            )
            ending = ending.replace("\0", "####")
        cases.append(Solution(f"{body}\n{ending}", answer, right, family))
    return cases


def _sources() -> Iterator[tuple[str, str]]:
    """Reasoning without its ending, and the answer."""
    with gzip.open(SHARED / "data/math/math_test.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            solution = row["solution"]
            if solution.count("\\boxed") != 1 or not row["answer"].strip() or re.search(r"\\text|\\\$", row["answer"]):
                continue
            yield _without_last_sentence(solution[: solution.index("\\boxed")]), row["answer"]
    with gzip.open(SHARED / "data/math/gsm8k_test.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            body, _, answer = json.loads(line)["answer"].rpartition("\n#### ")
            yield body, answer.strip()


def _without_last_sentence(text: str) -> str:
    text = re.sub(r"\[asy\].*?(\[/asy\]|$)", "", text, flags=re.DOTALL)
    cut = max(text.rfind(". "), text.rfind(".\n"))
    text = text[: cut + 1] if cut > 0 else ""
    # A display that was cut in the middle would swallow the ending.
    return text if text.count("$") % 2 == 0 and text.count("\\[") == text.count("\\]") and "\\begin" not in text else ""
