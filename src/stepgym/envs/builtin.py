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
        "stepgym/MathSteps-v0",
        entry_point="stepgym.envs.math_steps:MathStepsEnv",
        summary="one reasoning step per action, each one checked; expressions, or path= names GSM8K, MATH, your tasks",
    )
    register(
        "stepgym/Game24-v0",
        entry_point="stepgym.envs.game24:Game24Env",
        summary="make 24 of four numbers, in one answer or line by line; random, or path= names the classic puzzles",
    )
    register(
        "stepgym/Countdown-v0",
        entry_point="stepgym.envs.countdown:CountdownEnv",
        summary="make a target of some numbers, in one answer or line by line; procedural, endless",
    )
    register(
        "stepgym/ALFWorld-v0",
        entry_point="stepgym.envs.alfworld.env:ALFWorldEnv",
        max_episode_steps=50,
        summary="household tasks in text; generated games, or path= names your copy of the official ones",
    )
