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
        "stepgym/PseudoToCpp-v0",
        entry_point="stepgym.envs.pseudo_to_cpp:PseudoToCppEnv",
        summary="pseudo-code to a C++ program, compiled and tested; procedural, or path= names your copy of SPoC",
    )
    register(
        "stepgym/Constraints-v0",
        entry_point="stepgym.envs.constraints:ConstraintsEnv",
        summary="logic puzzles in words, answered at once or line by line; procedural, or path= names your own",
    )
    register(
        "stepgym/ToolMath-v0",
        entry_point="stepgym.envs.tool_math:ToolMathEnv",
        summary="word problems with a calculator; procedural, or path= names your copy of GSM8K",
    )
    register(
        "stepgym/MultiHopQA-v0",
        entry_point="stepgym.envs.multi_hop_qa:MultiHopQAEnv",
        summary="questions of two to four hops with a search engine; procedural, or path= names a HotPotQA file",
    )
    register(
        "stepgym/ALFWorld-v0",
        entry_point="stepgym.envs.alfworld.env:ALFWorldEnv",
        max_episode_steps=50,
        summary="household tasks in text; generated games, or path= names your copy of the official ones",
    )
    register(
        "stepgym/MoleculeGeneration-v0",
        entry_point="stepgym.envs.molecule_generation:MoleculeGenerationEnv",
        summary="write a molecule that fits a description; procedural, or path= names your copy of Mol-Instructions",
    )
    register(
        "stepgym/ForwardSynthesis-v0",
        entry_point="stepgym.envs.forward_synthesis:ForwardSynthesisEnv",
        summary="write the product of a reaction; procedural, or path= names your copy of Mol-Instructions",
    )
    register(
        "stepgym/Retrosynthesis-v0",
        entry_point="stepgym.envs.retrosynthesis:RetrosynthesisEnv",
        summary="write reactants of a product; procedural, or path= names your copy of Mol-Instructions",
    )
