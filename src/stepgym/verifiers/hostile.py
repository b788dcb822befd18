"""Malformed and hostile inputs that every verifier must survive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000
_PIECES = (
    "9",
    "=",
    "-",
    "(",
    "1 + ",
    "2^",
    "1 = ",
    "\\boxed{",
    "\\frac{1}{",
    "#### ",
    "$",
    "the answer is ",
    "<<1+1=2>>",
)


def hostile_responses(marker: Path) -> dict[str, str]:
    """Responses by name; code that one of them gets executed would create `marker`."""
    touch = f"__import__('os').system('touch {marker}')"
    write = f"open('{marker}','w').close()"
    return {
        "empty": "",
        "white space": " \n\t\r\n ",
        "NUL bytes": "the answer is \x00\x00 42\x00",
        "escape codes": "\x1b[2J\x1b]0;title\x07\x1b[31m42\x9b1m",
        "lone surrogates": "answer \ud800 and \udfff",
        "right-to-left marks": "\u202e24 = 4 + 2\u202c \u2066\u061c",
        "look-alike digits": "\\boxed{４２} \\boxed{٤٢} \\boxed{𝟒𝟐}",
        "combining marks": "4" + "\u0301" * 10_000,
        "one megabyte of words": "word " * (MEGABYTE // 5),
        "one megabyte of digits": "9" * MEGABYTE,
        "one megabyte in a box": "\\boxed{" + "1+" * (MEGABYTE // 2) + "1}",
        "one megabyte of lines": "1 + 1 = 2\n" * (MEGABYTE // 10),
        "one megabyte of markers": "#### " * (MEGABYTE // 5),
        "one megabyte of open boxes": "\\boxed{" * (MEGABYTE // 7),
        "one megabyte of spaces": "a" + " " * MEGABYTE + "b",
        "one megabyte of equals": "=" * MEGABYTE,
        # Below the length caps that verifiers set, so that what lies behind the caps is tried too.
        **{f"ten thousand characters of {piece!r}": piece * (10_000 // len(piece)) for piece in _PIECES},
        "deep parentheses": "(" * 50_000 + "1" + ")" * 50_000,
        "deep fractions": "\\frac{1}{" * 5_000 + "2" + "}" * 5_000,
        "deep braces": "{[" * 50_000,
        "deep JSON": '{"a":' * 50_000,
        "unclosed box": "so the answer is \\boxed{42",
        "power tower": "\\boxed{9^{9^{9^{9^{9^{9}}}}}}",
        "plain power tower": "#### 9**9**9**9**9",
        "factorial": "\\boxed{100000000!}",
        "huge exponent": "#### 1e400000000",
        "calculator bomb": "<<9**9**9=1>>1\n<<1e999999999*1=2>>2",
        "expanding power": "\\boxed{(x+y+z+w)^{100000}}",
        "not numbers": "\\boxed{nan} \\boxed{inf} \\boxed{\\infty^0}",
        "code": touch,
        "code in a box": "\\boxed{" + touch + "}",
        "code after a marker": "#### " + write,
        "code in an annotation": f"<<{touch}=0>>0",
        "code in an equation": f"{write} + 1 = 1",
        "code behind a lambda": f"\\boxed{{(lambda: {touch})()}}",
        "code behind classes": f"\\boxed{{().__class__.__base__.__subclasses__() and {write}}}",
        "template code": f"{{{{ {touch} }}}} ${{{touch}}} `touch {marker}` $(touch {marker})",
    }


def broken_references() -> dict[str, Any]:
    """References by name that fit hardly any verifier: it judges or raises `InvalidInputError`, nothing else."""
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    return {
        "None": None,
        "empty text": "",
        "empty list": [],
        "empty mapping": {},
        "number": 3,
        "not a number": float("nan"),
        "infinity": float("inf"),
        "true": True,
        "NUL bytes": "\x00",
        "lone surrogate": "\ud800",
        "unbalanced": "\\frac{1}{",
        "deep list": deep,
        "mixed list": [1, None, "x", {"y": []}],
        "long text": "7" * 100_000,
        "mapping": {"unexpected": "key"},
    }
