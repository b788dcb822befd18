"""stepgym: text environments, symbolic verifiers with certificates, agents, and offline RL for reasoning in steps.

`import stepgym` registers the environment ids and does nothing else; the other rooms, `stepgym.verifiers`,
`stepgym.agents` and `stepgym.train`, are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from stepgym import envs
from stepgym.envs.builtin import register_builtin
from stepgym.envs.registration import register

__version__ = "0.1.0"

__all__ = ["__version__", "envs", "register"]

register_builtin()


def __getattr__(name: str) -> Any:
    if name in ("agents", "train", "verifiers"):
        return importlib.import_module(f"stepgym.{name}")
    raise AttributeError(f"module 'stepgym' has no attribute {name!r}")
