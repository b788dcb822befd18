"""Symbolic work of the calculator: SymPy in worker processes with a deadline; trees go over the pipe, never text."""

from __future__ import annotations

import threading

from stepgym.verifiers.math.tree import Node, TooLargeError, UnreadableError, exact_number, symbols, to_json, walk
from stepgym.verifiers.pool import PoolCrashError, PoolJobError, PoolTimeoutError, WorkerPool

_LARGEST_POWER = 100
_lock = threading.Lock()
_pool: WorkerPool | None = None


def work_out(name: str, node: Node, unknown: str, *, timeout: float) -> str:
    """What `name` ("solve", "simplify", "expand", "factor") makes of an expression or equation, or "error: ...".

    Raises:
        UnreadableError: It cannot be asked of this expression.
        TooLargeError: Multiplied out, it would fill the memory.
    """
    if name != "solve" and node.op in ("equation", "assign"):
        raise UnreadableError(f"{name} takes an expression, not an equation")
    if name == "solve":
        names = sorted(symbols(node))
        if not unknown and len(names) != 1:
            found = f"{', '.join(names[:5])} are in it" if names else "there is none in it"
            raise UnreadableError(f"expected one unknown, but {found}; write solve(equation, x) to name it")
        unknown = unknown or names[0]
        if unknown not in names:
            raise UnreadableError(f"there is no {unknown} in the equation")
    if any(_is_huge(inner) for inner in walk(node)):
        raise TooLargeError(f"a power of an expression with variables is larger than {_LARGEST_POWER}")
    try:
        found = _shared_pool().run([name, to_json(node), unknown], timeout=timeout)
    except PoolTimeoutError:
        return f"error: this took longer than {timeout:g} seconds"
    except (PoolCrashError, PoolJobError):
        return "error: this cannot be worked out"
    return found if isinstance(found, str) else "error: this cannot be worked out"


def _is_huge(node: Node) -> bool:
    if node.op != "pow" or not symbols(node.args[0]):
        return False
    power = exact_number(node.args[1])
    return power is not None and not -_LARGEST_POWER <= power <= _LARGEST_POWER


def _shared_pool() -> WorkerPool:
    global _pool
    with _lock:
        if _pool is None:
            _pool = WorkerPool("stepgym.envs.tools.algebra_worker:work", size=1)
        return _pool
