"""`ALFWorldEnv`: ALFWorld's household tasks in text, as a Gymnasium environment."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.alfworld.engine import Engine
from stepgym.envs.alfworld.games import SPLITS, OfficialGames, task_type_names
from stepgym.envs.alfworld.generate import Difficulty, check_difficulty, generate, generated_id, official_file
from stepgym.envs.alfworld.phrases import NOTHING_HAPPENS
from stepgym.envs.alfworld.planner import Planner
from stepgym.envs.alfworld.presets import PRESETS, InvalidRule
from stepgym.envs.alfworld.problems import read_game
from stepgym.envs.alfworld.world import Game
from stepgym.envs.text import StepResult, TextEnv
from stepgym.errors import InvalidInputError, UnknownNameError, unknown_name

Backend = Literal["native", "textworld"]

_SEEDS_PER_SPLIT = 10**9  # generated games of different splits never share a seed
_LONGEST_COMPARED = 200


class ALFWorldEnv(TextEnv):
    """A household task in text: find something, perhaps clean, heat or cool it, and put it where it belongs.

    Each `reset` begins a game: the one that `options={"task": id}` names (`game` is an alias), else one drawn with
    `np_random`; nothing advances by itself. The reward is 1 when the goal is reached, which ends the episode, else 0;
    presets may change that. The step limit is Gymnasium's `TimeLimit` (50 as registered), or a shorter one of the
    preset. Episodes can be forked with `get_state` and `set_state`.

    `info` has the keys "task" (the id), "task_type", "won", "admissible_commands", "invalid" (the last action did
    nothing because it was impossible or malformed), "command" (what was given to the engine, "" if nothing) and
    "progress" (the share of the goal's conditions that hold).

    Args:
        path: The folder that holds `json_2.1.1`, a file written by `pack`, or "env" for `$ALFWORLD_DATA`; None for
            generated games, which need no files.
        split: "train", "valid_train", "valid_seen" or "valid_unseen". Generated games of different splits differ.
        backend: "native", or "textworld" for the original engine (needs the extra `alfworld`); they answer the same.
        task_types: Only these, by name or by ALFWorld's number (1 to 6); None for all.
        difficulty: Of generated games: "easy", "normal" or "hard".
        preset: "plain", "oreo", "verl-agent" or "react": how actions are read and what invalid ones bring.
        invalid: What impossible commands bring, instead of the preset's rule; see `InvalidRule`.
        penalty: Subtracted for invalid actions, instead of the preset's.
        instructions: None for those of the preset.
        actions: How actions are read out of what a model wrote before the preset reads them, see `TextEnv`.
        render_mode: None, "ansi" or "human".

    Raises:
        InvalidInputError: An argument is not one of those above, or there are no games at `path`.
        MissingExtraError: The original engine is asked for and not installed.
    """

    reset_options: ClassVar[tuple[str, ...]] = ("task", "game")

    def __init__(
        self,
        *,
        path: str | None = None,
        split: str = "train",
        backend: Backend = "native",
        task_types: Sequence[str | int] | None = None,
        difficulty: Difficulty = "normal",
        preset: str = "plain",
        invalid: InvalidRule | None = None,
        penalty: float | None = None,
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        if not isinstance(preset, str) or preset not in PRESETS:
            raise unknown_name("preset", str(preset), PRESETS)
        if backend not in get_args(Backend):
            raise InvalidInputError(f"backend must be one of {get_args(Backend)}, got {backend!r}")
        if invalid is not None and invalid not in get_args(InvalidRule):
            raise InvalidInputError(f"invalid must be one of {get_args(InvalidRule)}, got {invalid!r}")
        if split not in SPLITS:
            raise unknown_name("split", str(split), SPLITS)
        check_difficulty(difficulty)
        rules = PRESETS[preset]
        if invalid is not None:
            rules = replace(rules, invalid=invalid)
        if penalty is not None:
            if not isinstance(penalty, int | float) or not math.isfinite(penalty):
                raise InvalidInputError(f"penalty must be a finite number, got {penalty!r:.80}")
            rules = replace(rules, penalty=float(penalty))
        super().__init__(
            instructions=rules.instructions if instructions is None else instructions,
            actions=actions,
            render_mode=render_mode,
        )
        self.rules = rules
        self.split = split
        self.backend = backend
        self.difficulty = difficulty
        self.task_types = task_type_names(task_types)
        self.games = None if path is None else OfficialGames(path)
        self.ids = () if self.games is None else self.games.ids(split, self.task_types)
        if backend == "textworld":
            from stepgym.envs.alfworld.textworld_backend import check_installed

            check_installed()
        self._engine: Engine | None = None
        self._real: Any = None
        self._steps = 0

    @property
    def engine(self) -> Engine:
        """The game in play, with everything there is to know about it; planners read it."""
        if self._engine is None:
            raise InvalidInputError("no game is being played: call reset() first")
        return self._engine

    def expert_action(self) -> str:
        """What `Planner`, who sees everything, would do now, written as actions are read."""
        command = Planner(self.engine, seed=0).start(self.engine.intro, self._player.admissible())
        return self.written(self.rules.write(command))

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Begin the game that was asked for, or one that is drawn."""
        chosen = self._chosen(options)
        self._begin(self._drawn() if chosen is None else chosen)
        self._steps = 0
        return self.rules.show(self._player.intro), self._info(invalid=False, command="")

    def on_step(self, action: str) -> StepResult:
        """Read the command out of the action and carry it out."""
        rules, move = self.rules, self.rules.parse(action)
        self._steps += 1
        terminated, reward, valid, command = False, 0.0, True, move.command
        if move.answer is not None:
            observation = move.answer
        elif command is None or (move.malformed and rules.malformed == "end"):
            observation, valid, terminated = NOTHING_HAPPENS, False, True
        else:
            observation = self._play(command)
            valid = self._player.valid
            if not valid and rules.invalid == "nearest":
                command = self._nearest(command)
                observation = self._play(command)
            elif not valid:
                terminated = rules.invalid == "end"
        if move.malformed or (not valid and rules.invalid == "penalty"):
            reward -= rules.penalty
        won = self._player.won
        if won:
            terminated = True
            reward += rules.reward
        truncated = not terminated and rules.max_steps is not None and self._steps >= rules.max_steps
        info = self._info(invalid=not valid or move.malformed, command=command or "")
        return rules.show(observation), reward, terminated, truncated, info

    def get_state(self) -> dict[str, Any]:
        """The whole state of the episode; `set_state` continues from it."""
        return {
            **self.base_state(),
            "task": self.engine.game.id,
            "steps": self._steps,
            "engine": self.engine.snapshot(),
            "real": None if self._real is None else self._real.snapshot(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, of this environment or another of the same spec."""
        if self._engine is None or self._engine.game.id != state["task"]:
            self._begin(state["task"])
        self.restore_base_state(state)
        self._steps = state["steps"]
        self.engine.restore(state["engine"])
        if self._real is not None:
            self._real.restore(state["real"])

    def close(self) -> None:
        """Give back what the original engine holds."""
        if self._real is not None:
            self._real.close()
            self._real = None
        super().close()

    @property
    def _player(self) -> Any:
        return self._engine if self._real is None else self._real

    def _chosen(self, options: dict[str, Any]) -> str | None:
        names = [options[key] for key in ("task", "game") if options.get(key) is not None]
        for name in names:
            if not isinstance(name, str):
                raise UnknownNameError(f"a game is chosen by its id, a text, got {name!r:.80}")
            if name != names[0]:
                raise InvalidInputError(f"reset: options 'task' and 'game' mean the same, got {names!r:.300}")
        return names[0] if names else None

    def _drawn(self) -> str:
        if self.ids:
            return self.ids[int(self.np_random.integers(len(self.ids)))]
        kind = self.task_types[int(self.np_random.integers(len(self.task_types)))]
        seed = SPLITS.index(self.split) * _SEEDS_PER_SPLIT + int(self.np_random.integers(_SEEDS_PER_SPLIT))
        return generated_id(kind, seed, difficulty=self.difficulty)

    def _begin(self, task_id: str) -> None:
        if self.backend == "native":
            self._engine = Engine(self._game(task_id))
            return
        from stepgym.envs.alfworld.textworld_backend import TextWorldEngine

        if task_id.startswith("generated/"):
            data = official_file(task_id)
        else:
            data = json.loads(self._official(task_id).file(task_id).read_text(encoding="utf-8"))
        if self._real is not None:
            self._real.close()
        self._real = TextWorldEngine(data)
        self._engine = Engine(read_game(data, task_id))  # follows the game, for "progress" and planners

    def _game(self, task_id: str) -> Game:
        return generate(task_id) if task_id.startswith("generated/") else self._official(task_id).read(task_id)

    def _official(self, task_id: str) -> OfficialGames:
        if self.games is None:
            raise UnknownNameError(
                f"No generated game is called {task_id!r:.120}; for official games name their folder: path=..."
            )
        return self.games

    def _play(self, command: str) -> str:
        observation: str = self._player.step(command)
        if self._real is not None:
            self.engine.step(command)
        return observation

    def _nearest(self, command: str) -> str:
        admissible: list[str] = self._player.admissible()
        near = difflib.get_close_matches(command[:_LONGEST_COMPARED], admissible, n=1, cutoff=0.0)
        return near[0] if near else "look"

    def _info(self, *, invalid: bool, command: str) -> dict[str, Any]:
        engine, player = self.engine, self._player
        done, total = engine.goal.progress()
        return {
            "task": engine.game.id,
            "task_type": engine.game.goal.task_type,
            "won": player.won,
            "admissible_commands": player.admissible(),
            "invalid": invalid,
            "command": command,
            "progress": done / total,
        }
