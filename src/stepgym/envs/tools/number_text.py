"""`number_text`: exact numbers as a calculator shows them."""

from __future__ import annotations

from fractions import Fraction

_MOST_DIGITS = 40
_MOST_PLACES = 12
_SIGNIFICANT = 10


def number_text(value: Fraction) -> str:
    """`value` as "24", "0.125", "1/3 (about 0.3333333333)" or, with more than 40 digits, "about 1.2345e+60"."""
    if value.denominator == 1:
        # A bit is at least 0.3 digits; longer numbers are not even written out.
        if value.numerator.bit_length() <= _MOST_DIGITS * 3.33 and len(str(abs(value.numerator))) <= _MOST_DIGITS:
            return str(value.numerator)
        return f"about {_rounded(value)}"
    places = _places(value.denominator)
    if places is not None and value.numerator.bit_length() <= _MOST_DIGITS * 3.33:
        digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
        return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    fraction = f"{value.numerator}/{value.denominator}"
    return f"{fraction} (about {_rounded(value)})" if len(fraction) <= _MOST_DIGITS else f"about {_rounded(value)}"


def _places(denominator: int) -> int | None:
    """How many decimals write a fraction in lowest terms; None if it takes more than 12."""
    for places in range(1, _MOST_PLACES + 1):
        if 10**places % denominator == 0:
            return places
    return None


def _rounded(value: Fraction) -> str:
    """Ten significant digits, whatever the size of the number."""
    from decimal import Context

    context = Context(prec=_SIGNIFICANT, Emax=10**9, Emin=-(10**9))
    exact = Context(prec=max(_SIGNIFICANT, 30), Emax=10**9, Emin=-(10**9))
    quotient = exact.divide(exact.create_decimal(value.numerator), exact.create_decimal(value.denominator))
    found = context.plus(quotient)
    size = found.adjusted()
    shown = f"{found:e}" if not -6 <= size < 16 else f"{found:f}"
    if "e" not in shown and "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return shown
