"""Text that wants to hurt: code, towers, floods, broken LaTeX, look-alikes. Bounded time, never accepted."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers.math.answer import MathAnswerVerifier

VERIFIER = MathAnswerVerifier()

HOSTILE = {
    "code": ("__import__('os').system('touch {mark}')", "2"),
    "subclasses": ("().__class__.__mro__[-1].__subclasses__()", "2"),
    "lambda": ("(lambda: open('{mark}','w'))()", "2"),
    "exit": ("exit()", "0"),
    "tower": ("9^{9^{9^{9}}}", "7"),
    "tower of powers": ("(((((9**9)**9)**9)**9)**9)**9", "7"),
    "tiny tower": ("0.5^{-9^{9^{9}}}", "7"),
    "near one": ("1.0000001^{10^{18}}", "7"),
    "factorials": ("((((9!)!)!)!)!", "7"),
    "binomial": ("\\binom{10^9}{5\\cdot10^8}", "7"),
    "exponent notation": ("1e400000000", "7"),
    "small exponent notation": ("1e-400000000", "0"),
    "huge modulus": ("2^{10^{300}} \\bmod 7", "7"),
    "expansion": ("(x+y+z+w+v+u)^{60}", "7"),
    "huge degree": ("(x+1)^{100000}", "x"),
    "zeta": ("\\sum_{k=1}^{\\infty}\\frac{1}{k^2}", "\\frac{\\pi^2}{6}"),
    "roots": ("\\sqrt{" * 300 + "2" + "}" * 300, "1"),
    "fractions": ("\\frac{1}{1+" * 4_000 + "1" + "}" * 4_000, "1"),
    "brackets": ("(" * 40_000 + "1" + ")" * 40_000, "2"),
    "texts": ("\\text{" * 3_000 + "1" + "}" * 3_000, "2"),
    "signs": ("-" * 100_000 + "1", "2"),
    "carets": ("x^" * 20_000 + "x", "x"),
    "boxes": ("\\boxed{" * 20_000 + "2" + "}" * 20_000, "1"),
    "many boxes": ("\\boxed{1} " * 50_000, "2"),
    "unclosed boxes": ("\\boxed{1 " * 50_000, "2"),
    "digits": ("1" * 1_000_000, "1"),
    "list": ("1," * 300_000 + "1", "1"),
    "blanks": (" " * 1_000_000 + "2", "1"),
    "lines": ("\n" * 1_000_000 + "2", "1"),
    "dollars": ("$" * 300_000 + "2", "1"),
    "backslashes": ("\\" * 300_000 + "2", "1"),
    "opened math": ("\\(" * 200_000 + "2", "1"),
    "phrases": ("the answer is " * 70_000 + "2", "1"),
    "hashes": ("#### " * 100_000 + "2", "1"),
    "tags": ("<answer>" * 100_000 + "2", "1"),
    "words": ("a " * 500_000, "1"),
    "stars": ("**" * 200_000 + "2", "1"),
    "half fraction": ("\\frac{1}{", "2"),
    "half box": ("\\boxed{", "2"),
    "macro": ("\\newcommand{\\a}{2}\\a", "2"),
    "definition": ("\\def\\x{\\x\\x}\\x", "2"),
    "input": ("\\input{secret.tex}", "2"),
    "nul": ("\x00", "2"),
    "nul inside": ("2\x002", "22"),
    "noncharacters": ("\ud7ff\ufffe", "2"),
    "cyrillic": ("\u0445", "x"),
    "superscript alone": ("\u00b2", "2"),
    "right to left": ("\u202e21", "12"),
    "not a number": ("nan", "0"),
    "indeterminate": ("\\frac{0}{0}", "1"),
    "indeterminate power": ("\\infty^0", "1"),
    "truth": ("x = x", "x"),
    "everything": ("x \\in \\mathbb{R}", "4"),
    "range": ("3 < x < 5", "4"),
    "stuffing": ("1, 2, 3, 4, 5", "4"),
    "two points before a repetend": ("0.0.\\overline{3}", "2"),
    "slash before a base": ("0.\\overline{3_5}", "2"),
    "binomial of one": ("\\boxed{binom{10\\infty}{3}", "2"),
    "bases": ("base 2" * 1_500, "7"),
    "outward brackets": ("]1,2[" * 1_500 + "[", "2"),
    "number words": ("two hundred and " * 600, "2"),
    "contractions": ("don't " * 1_500, "2"),
    "times of day": ("3 p.m. " * 1_400, "2"),
    "echo": ("{gold}", "4"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_never_accepted_and_takes_less_than_a_second(name: str, tmp_path: Path) -> None:
    text, reference = HOSTILE[name]
    mark = tmp_path / "mark"
    VERIFIER.verify("\\sqrt 2", "1")  # loads mpmath
    started = time.process_time()
    verdict = VERIFIER.verify(text.replace("{mark}", str(mark)), reference)
    assert time.process_time() - started < 1.0
    assert verdict.status != "correct"
    assert verdict.reason
    assert not mark.exists()


def test_hostile_references_are_bounded_too() -> None:
    for text, _ in HOSTILE.values():
        started = time.process_time()
        with contextlib.suppress(InvalidInputError):
            assert VERIFIER.verify("123456789", text).status != "correct"
        assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("response", "reference"),
    [("\\mathbb\udec7{R}\\pmod2", "\\$36.50"), ("\udec7^2 + 1", "x^2 + 1"), ("\\sqrt{\udec7 + 2}", "\\sqrt{x + 3}")],
)
def test_lone_surrogates_crash_nothing(response: str, reference: str) -> None:
    assert VERIFIER.verify(response, reference).status != "correct"
    # As a reference such text may be refused, with a reason.
    with contextlib.suppress(InvalidInputError):
        assert VERIFIER.verify(reference, response).status != "correct"


HUGE = ["10^{40}", "180143985094819", "2^{54}"]
POWERS = [
    "2^{(%s)\\%%}",
    "2^{\\frac{1}{%s}}",
    "3^{%s+0.5}",
    "\\sqrt[%s]{2}",
    "x^{%s+\\frac13}",
    "e^{%s\\ln 2}",
    "(\\sqrt2)^{%s}",
    "2^{\\frac{%s-1}{%s}}",
    "(\\frac37)^{\\frac{1}{%s}}",
    "2^{x\\cdot %s}",
    "(\\sqrt2+\\sqrt3)^{%s}",
    "\\sqrt{x^{%s}}",
]


@pytest.mark.parametrize("form", POWERS)
def test_no_power_is_built_before_its_size_is_known(form: str) -> None:
    for huge in HUGE:
        text = form.replace("%s", huge).replace("%%", "%")
        for reference in ("2^{100}-1", "\\sqrt2", "e^x"):
            started = time.process_time()
            assert VERIFIER.verify(text, reference).status != "correct"
            assert time.process_time() - started < 1.0
