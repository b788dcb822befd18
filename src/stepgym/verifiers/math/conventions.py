"""What two people may agree on before they compare answers: percent signs, units, rounding, order, spelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from stepgym.errors import InvalidInputError

Percent = Literal["either", "value"]
Units = Literal["lenient", "required", "ignored"]
Order = Literal["any", "given"]
Base = Literal["value", "written"]


@dataclass(frozen=True, slots=True)
class AnswerConventions:
    r"""The conventions under which answers are compared; everything else is mathematics.

    Attributes:
        percent: "either": `28%` equals both 28 and 0.28; "value": it equals 0.28 only.
        units: "lenient": a missing unit is forgiven, two known units must measure the same quantity (converted), two
            other words must name the same thing (`dogs` and `brown dogs`, not `cats`);
            "required": a unit on one side only is a difference; "ignored": units are not looked at.
        decimal_digits: A decimal stands for an exact value when it shows at least this many significant digits and
            is that value rounded or cut at its last digit (`0.333333` for 1/3); None: decimals are exact.
        list_order: Whether `1, 2` equals `2, 1`. Tuples and vectors are always ordered, sets never are.
        decimal_comma: Whether `1,5` may also be read as 1.5. Thousands separators are read in any case.
        reduced: Whether a fraction must be in lowest terms to count (`2/4` is then wrong for 1/2).
        base: "value": `10_2` equals 2; "written": digits and base must both agree.
        strip_assignment: Whether `x = 5` equals the bare 5.
        interval_notation: Whether `1 < x <= 2` equals `(1, 2]`.
        strict: Whether the response must mark its answer (`\boxed{}`, `####`, "the answer is"); without a mark the
            response is wrong. Otherwise the last expression counts.
        timeout: Seconds that symbolic work on one answer may take in all, waiting for a worker included.
    """

    percent: Percent = "either"
    units: Units = "lenient"
    decimal_digits: int | None = 6
    list_order: Order = "any"
    decimal_comma: bool = False
    reduced: bool = False
    base: Base = "value"
    strip_assignment: bool = True
    interval_notation: bool = True
    strict: bool = False
    timeout: float = 0.6

    def __post_init__(self) -> None:
        choices = {"percent": Percent, "units": Units, "list_order": Order, "base": Base}
        for name, kind in choices.items():
            if getattr(self, name) not in get_args(kind):
                raise InvalidInputError(f"{name} must be one of {get_args(kind)}, got {getattr(self, name)!r}")
        if self.decimal_digits is not None and self.decimal_digits < 1:
            raise InvalidInputError(f"decimal_digits must be None or at least 1, got {self.decimal_digits!r}")
        if not self.timeout > 0:
            raise InvalidInputError(f"timeout must be more than 0 seconds, got {self.timeout!r}")

    @classmethod
    def gsm8k(cls) -> AnswerConventions:
        """Whole-number word problems: units are not looked at, and rounding to the digits shown counts from 4 on."""
        return cls(units="ignored", decimal_digits=4)

    @classmethod
    def math(cls) -> AnswerConventions:
        """Competition problems; the defaults."""
        return cls()

    @classmethod
    def exact(cls) -> AnswerConventions:
        """No forgiveness: a marked answer, units, percent as a value, exact decimals, lists in order, no `x =`."""
        return cls(
            percent="value",
            units="required",
            decimal_digits=None,
            list_order="given",
            base="written",
            strip_assignment=False,
            interval_notation=False,
            strict=True,
        )

    @classmethod
    def preset(cls, name: str) -> AnswerConventions:
        """The conventions called "gsm8k", "math" or "strict"."""
        presets = {"gsm8k": cls.gsm8k, "math": cls.math, "strict": cls.exact}
        if name not in presets:
            raise InvalidInputError(f"conventions must be one of {sorted(presets)}, got {name!r}")
        return presets[name]()
