"""Seeds derived from seeds: independent, reproducible, the same on every machine."""

from __future__ import annotations

from hashlib import blake2b

SEED_BITS = 53  # exact in JSON numbers and in every engine's signed 64-bit seeds


def derive_seed(seed: int, *path: int | str) -> int:
    """A seed in `[0, 2**53)` for the part of a run named by `path`, for example `derive_seed(run, "task-7", 2)`.

    Different paths give unrelated seeds; the order in which they are derived plays no part.
    """
    digest = blake2b(repr((int(seed), *path)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - SEED_BITS)
