"""Prime factors of numbers of moderate size."""

from __future__ import annotations

from stepgym.verifiers.math.tree import TooLargeError

_TRIAL_LIMIT = 2_000
_PRIMES: list[int] = []


def factored(n: int) -> dict[int, int]:
    """Prime factors by trial division; what is left above the limit counts as one factor unless it could be a power.

    Raises:
        TooLargeError: The rest might be composite, so that two spellings could differ.
    """
    result: dict[int, int] = {}
    for prime in _primes():
        if prime * prime > n:
            break
        while n % prime == 0:
            result[prime] = result.get(prime, 0) + 1
            n //= prime
    if n > 1:
        if n > _TRIAL_LIMIT**2 and not _is_prime(n):
            raise TooLargeError("a number is too large to factor")
        result[n] = result.get(n, 0) + 1
    return result


def _primes() -> tuple[int, ...]:
    if not _PRIMES:
        sieve = bytearray([1]) * _TRIAL_LIMIT
        for k in range(2, _TRIAL_LIMIT):
            if sieve[k]:
                _PRIMES.append(k)
                sieve[k * k :: k] = bytes(len(range(k * k, _TRIAL_LIMIT, k)))
    return tuple(_PRIMES)


def _is_prime(n: int) -> bool:
    """Miller-Rabin with bases that are proved for n < 3.3e24 (Sorenson and Webster 2015); larger n are refused."""
    if n >= 3 * 10**24:
        raise TooLargeError("a number is too large to factor")
    d, r = n - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for a in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41):
        x = pow(a, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(r - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True
