"""Large molecules are judged in a worker process: RDKit cannot hang or crash the process that asks."""

from __future__ import annotations

import functools
from typing import Any

from stepgym.verifiers.pool import PoolCrashError, PoolJobError, PoolTimeoutError, WorkerPool
from stepgym.verifiers.verdict import Verdict
from stepgym.verifiers.verifier import get_verifier

SECONDS = 3.0


def judge_elsewhere(name: str, settings: dict[str, Any], response: str, reference: Any) -> Verdict:
    """The verdict of the verifier of this name, made in a worker process; undecided when it takes too long."""
    job = {"verifier": name, "settings": settings, "response": response, "reference": reference}
    try:
        return Verdict.from_dict(_pool().run(job, timeout=SECONDS))
    except PoolTimeoutError:
        return Verdict.undecided(f"no verdict on this large molecule within {SECONDS:g} s")
    except (PoolCrashError, PoolJobError):
        return Verdict.undecided("RDKit gave up on this large molecule")


def judge(job: dict[str, Any]) -> dict[str, Any]:
    """What a worker does."""
    verifier: Any = get_verifier(job["verifier"], **job["settings"])
    verdict: Verdict = verifier.verify_here(job["response"], job["reference"])
    return verdict.to_dict()


@functools.cache
def _pool() -> WorkerPool:
    return WorkerPool(f"{__name__}:judge", size=2)
