"""SymPy as the last resort, in worker processes: trees go over the pipe, never text."""

from __future__ import annotations

import threading
from typing import Any

from stepgym.verifiers.math.tree import Node, from_json, to_json
from stepgym.verifiers.pool import PoolCrashError, PoolJobError, PoolTimeoutError, WorkerPool

_TARGET = "stepgym.verifiers.math.symbolic:prove_json"
_MAX_NODES = 300
_lock = threading.Lock()
_pool: WorkerPool | None = None


def shared_pool() -> WorkerPool:
    """The pool that all verifiers of this process share."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = WorkerPool(_TARGET)
        return _pool


def warm_up() -> None:
    """Start the worker processes and wait until SymPy is loaded in them; worth calling before timing anything."""
    pool = shared_pool()
    pool.warm_up()
    pool.run([["num", [], ["z", "1"]], ["num", [], ["z", "1"]]], timeout=pool.start_timeout)


def prove(left: Node, right: Node, *, timeout: float) -> bool | None:
    """Whether two expressions that agree numerically are equal, by SymPy in a worker: True, False, or None."""
    try:
        answer = shared_pool().run([to_json(left), to_json(right)], timeout=timeout)
    except (PoolTimeoutError, PoolCrashError, PoolJobError):
        return None
    return answer if isinstance(answer, bool) else None


def prove_json(job: list[Any]) -> bool | None:
    """The job of a worker: whether two trees are equal as SymPy expressions."""
    import sympy

    left, right = (from_json(tree) for tree in job)
    builder = _Builder()
    difference = builder.build(left) - builder.build(right)
    if difference == 0:
        return True
    for simplify in (sympy.sqrtdenest, sympy.radsimp, sympy.trigsimp, sympy.simplify):
        simpler = simplify(difference)
        if simpler == 0:
            return True
    if not difference.free_symbols and difference.equals(0):
        return True
    return None


def sympy_expression(node: Node) -> Any:
    """A tree as a SymPy expression whose variables may be any numbers; raises `ValueError` where it has none."""
    return _Builder(positive=None).build(node)


class _Builder:
    """SymPy expressions from trees, node by node; the variables are positive, the signs were tried by evaluation."""

    def __init__(self, *, positive: bool | None = True) -> None:
        self.nodes = 0
        self.positive = positive

    def build(self, node: Node) -> Any:
        import sympy

        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise ValueError("the expression is too large for SymPy")
        op = node.op
        if op == "num":
            return sympy.Rational(node.value) if isinstance(node.value, int) else sympy.Rational(*_pair(node.value))
        if op == "sym":
            return sympy.Symbol("v_" + node.value, positive=self.positive)
        if op == "const":
            return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I}[node.value]
        if op == "based":
            return sympy.Rational(node.value[2])
        args = [self.build(a) for a in node.args]
        if op == "add":
            return sympy.Add(*args)
        if op == "mul":
            return sympy.Mul(*args)
        if op == "neg":
            return -args[0]
        if op == "div":
            return args[0] / args[1]
        if op == "pow":
            return sympy.Pow(args[0], args[1])
        if op == "percent":
            return args[0] / 100
        if op == "degree":
            return args[0] * sympy.pi / 180
        if op == "fn":
            return _function(node.value, args)
        raise ValueError(f"{op} has no SymPy form")


def _pair(value: Any) -> tuple[int, int]:
    return value.numerator, value.denominator


def _function(name: str, args: list[Any]) -> Any:
    import sympy

    if name == "root":
        return sympy.real_root(args[0], args[1])
    if name == "cbrt":
        return sympy.real_root(args[0], 3)
    if name in ("log", "lg"):
        return sympy.log(args[0]) / sympy.log(args[1] if len(args) == 2 else 10)
    names = {
        "ln": "log",
        "abs": "Abs",
        "floor": "floor",
        "ceil": "ceiling",
        "factorial": "factorial",
        "binomial": "binomial",
        "sqrt": "sqrt",
        "exp": "exp",
        "min": "Min",
        "max": "Max",
        **{f: f for f in ["sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "sech", "csch"]},
        **{"arc" + f: "a" + f for f in ["sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh"]},
    }
    if name not in names:
        raise ValueError(f"{name} has no SymPy form")
    return getattr(sympy, names[name])(*args)
