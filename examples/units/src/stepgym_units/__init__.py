"""Quantities with units: an environment of a few questions and a verifier that checks number and unit apart."""

import stepgym

stepgym.register(
    "units/Quantities-v0",
    tasks="stepgym_units:units.jsonl",
    verifier="stepgym_units.verifier:UnitVerifier",
    instructions="Put the answer with its unit in \\boxed{}, for example \\boxed{3 m}.",
    summary="a few questions of physics, answered with a unit",
)
