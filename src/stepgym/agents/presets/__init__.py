"""Presets: one name for what an environment is told, what a model reads and how it is sampled."""

from stepgym.agents.presets.agent_preset import AgentPreset, preset, preset_names, registry

__all__ = ["AgentPreset", "preset", "preset_names", "registry"]
