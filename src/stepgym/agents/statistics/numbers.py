"""Checked numbers and the quantiles of the normal and of Student's distribution."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepgym.errors import InvalidInputError

Floats = NDArray[np.float64]

# From so many degrees of freedom on, Student's distribution is the normal one to four digits.
_MANY = 5_000


def normal_quantile(confidence: float) -> float:
    """The z with P(|Z| <= z) = confidence."""
    return NormalDist().inv_cdf(0.5 + checked_confidence(confidence) / 2)


def normal_p(z: float) -> float:
    """P(|Z| >= |z|)."""
    return math.erfc(abs(z) / math.sqrt(2))


def t_quantile(freedom: int, confidence: float) -> float:
    """The t with P(|T| <= t) = confidence for a whole number of degrees of freedom, by bisection."""
    checked_confidence(confidence)
    if freedom > _MANY:
        return normal_quantile(confidence)
    low, high = 0.0, 1.0
    while _t_central(high, freedom) < confidence:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_central(middle, freedom) < confidence else (low, middle)
    return (low + high) / 2


def t_p(t: float, freedom: int) -> float:
    """P(|T| >= |t|), at least the precision of a float."""
    if freedom > _MANY:
        return normal_p(t)
    return min(1.0, max(1 - _t_central(abs(t), freedom), float(np.finfo(float).eps)))


def _t_central(t: float, freedom: int) -> float:
    """P(|T| <= t); Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2 == 1
    term, total = (cosine, cosine if freedom > 1 else 0.0) if odd else (1.0, 1.0)
    for i in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * cosine * (i - 1) / i
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def checked_confidence(confidence: float) -> float:
    """`confidence`, or an `InvalidInputError`."""
    if not 0 < confidence < 1:
        raise InvalidInputError(f"confidence must be in (0, 1), for example 0.95, got {confidence}")
    return confidence


def vector(values: ArrayLike, name: str) -> Floats:
    """`values` as a vector of finite numbers, or an `InvalidInputError`."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.all(np.isfinite(array)):
        raise InvalidInputError(f"{name} must be a non-empty list of finite numbers, got shape {array.shape}")
    return array


def is_constant(values: Floats) -> bool:
    """Whether all numbers are the same up to rounding."""
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))
