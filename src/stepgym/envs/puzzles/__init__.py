"""Families of logic puzzles, one file each, drawn from the text of their ids."""

from stepgym.envs.puzzles.families import FAMILIES, puzzle_from_id, puzzle_task
from stepgym.envs.puzzles.solutions import write_reasoning, write_solution

__all__ = ["FAMILIES", "puzzle_from_id", "puzzle_task", "write_reasoning", "write_solution"]
