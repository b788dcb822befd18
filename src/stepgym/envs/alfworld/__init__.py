"""ALFWorld's text games: an exact and fast engine, official and generated games, experts, harness presets."""

from stepgym.envs.alfworld.conversations import GameFinder, Replay, read_conversation, replay
from stepgym.envs.alfworld.engine import Engine
from stepgym.envs.alfworld.env import ALFWorldEnv
from stepgym.envs.alfworld.experts import Explorer, next_command
from stepgym.envs.alfworld.games import SPLITS, OfficialGames, game_ids, pack
from stepgym.envs.alfworld.generate import generate, generated_id, official_file
from stepgym.envs.alfworld.planner import Planner, solve
from stepgym.envs.alfworld.presets import PRESETS, Preset
from stepgym.envs.alfworld.problems import read_game
from stepgym.envs.alfworld.store import GameStore
from stepgym.envs.alfworld.world import TASK_TYPES, Game

__all__ = [
    # the environment
    "PRESETS",
    "SPLITS",
    "TASK_TYPES",
    "ALFWorldEnv",
    # the engine
    "Engine",
    # experts
    "Explorer",
    # games
    "Game",
    "GameFinder",
    "GameStore",
    "OfficialGames",
    "Planner",
    "Preset",
    "Replay",
    "game_ids",
    "generate",
    "generated_id",
    "next_command",
    "official_file",
    "pack",
    "read_conversation",
    "read_game",
    "replay",
    "solve",
]
