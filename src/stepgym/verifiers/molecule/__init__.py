"""Molecules as SMILES: verifiers that point at the wrong characters. Needs the extra `chem` (RDKit)."""
