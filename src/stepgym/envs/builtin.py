"""The ids that `import stepgym` registers."""

from __future__ import annotations

from stepgym.envs.registration import register


def register_builtin() -> None:
    """Register the environments that come with stepgym; nothing is imported or opened for it."""
    register(
        "stepgym/ArithmeticChain-v0",
        entry_point="stepgym.envs.arithmetic:ArithmeticChainEnv",
        summary="sums modulo m worked from left to right; procedural, endless",
    )
    register(
        "stepgym/GSM8K-v0",
        entry_point="stepgym.envs.math:GSM8KEnv",
        summary="grade-school word problems; path= names your copy of GSM8K",
    )
    register(
        "stepgym/MATH-v0",
        entry_point="stepgym.envs.math:MATHEnv",
        summary="competition mathematics; path= names your copy of MATH",
    )
    register(
        "stepgym/ALFWorld-v0",
        entry_point="stepgym.envs.alfworld.env:ALFWorldEnv",
        max_episode_steps=50,
        summary="household tasks in text; generated games, or path= names your copy of the official ones",
    )
