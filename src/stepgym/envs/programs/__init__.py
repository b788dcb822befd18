"""Programs with their pseudo-code and tests: procedural ones by id, and those of SPoC."""

from __future__ import annotations

from stepgym.envs.programs.compose import FAMILIES
from stepgym.envs.programs.spoc import SPOC_HELP, load_spoc
from stepgym.envs.programs.tasks import draw_tasks, program_from_id, program_task, write_solution

__all__ = ["FAMILIES", "SPOC_HELP", "draw_tasks", "load_spoc", "program_from_id", "program_task", "write_solution"]
