"""Presets of the mathematics environments: word problems, competition problems, solutions step by step."""

from __future__ import annotations

from types import MappingProxyType

from stepgym.agents.presets.worked_examples import Exchange, question_presets

WORD_PROBLEMS: tuple[Exchange, ...] = (
    (
        "A baker fills 6 trays with 12 rolls each. At noon 45 rolls are sold, and 8 more in the evening. How many "
        "rolls are left?",
        "The baker makes 6 * 12 = 72 rolls.\n45 + 8 = 53 of them are sold.\n72 - 53 = 19 are left.\n#### 19",
    ),
    (
        "Nora reads 15 pages on each school day and 40 pages on each day of the weekend. Her book has 310 pages. How "
        "many pages are left after two full weeks?",
        "A week has 5 school days: 5 * 15 = 75 pages.\nThe weekend brings 2 * 40 = 80 pages.\n"
        "In two weeks she reads 2 * (75 + 80) = 310 pages.\n310 - 310 = 0 pages are left.\n#### 0",
    ),
)
"""Worked word problems; each calculation is right."""

COMPETITION: tuple[Exchange, ...] = (
    (
        "Find the sum of all positive integers $n$ with $n^2 - 9n + 18 = 0$.",
        "The left side factors: $n^2 - 9n + 18 = (n - 3)(n - 6)$.\nSo $n = 3$ or $n = 6$, both positive.\n"
        "Their sum is $3 + 6 = 9$.\n\\boxed{9}",
    ),
    (
        "A fair die is rolled twice. What is the probability that the two results add up to 5?",
        "There are $6 \\cdot 6 = 36$ equally likely pairs.\nThe pairs $(1,4), (2,3), (3,2), (4,1)$ add up to 5.\n"
        "So the probability is $\\frac{4}{36} = \\frac{1}{9}$.\n\\boxed{\\frac{1}{9}}",
    ),
)
"""Worked competition problems."""

STEPS: tuple[Exchange, ...] = (
    ("Compute 5 * (4 + 3) - 8.", "4 + 3 = 7"),
    ("correct: both sides are 7\nSteps left: 19", "5 * 7 = 35"),
    ("correct: both sides are 35\nSteps left: 18", "35 - 8 = 27"),
    ("correct: both sides are 27\nSteps left: 17", "The answer is 27."),
)
"""A problem worked step by step, as the environment answers by default."""

GSM8K = MappingProxyType(question_presets(WORD_PROBLEMS, what="the worked solution", argument="solution"))
MATH = MappingProxyType(question_presets(COMPETITION, what="the worked solution", argument="solution"))
MATHSTEPS = MappingProxyType(question_presets(STEPS, what="one step per turn", argument="step", tokens=256))
