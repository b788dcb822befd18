"""The whole way on one small task: demonstrations, logged episodes, OREO, evaluation, report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepgym.quickstart.settings import QuickstartSettings

if TYPE_CHECKING:
    from stepgym.quickstart.run import run_quickstart

__all__ = ["QuickstartSettings", "run_quickstart"]


def __getattr__(name: str) -> Any:
    if name == "run_quickstart":
        from stepgym.quickstart.run import run_quickstart

        return run_quickstart
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
