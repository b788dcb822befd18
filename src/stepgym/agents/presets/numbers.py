"""Presets of the games with numbers: chains of sums, Game of 24, Countdown."""

from __future__ import annotations

from types import MappingProxyType

from stepgym.agents.presets.agent_preset import AgentPreset
from stepgym.agents.presets.worked_examples import Exchange, question_preset, question_presets

CHAINS: tuple[Exchange, ...] = (
    ("3 + 6 + 5 mod 7 =", "3+6=2\n2+5=0\nanswer 0"),
    ("8 + 4 + 9 mod 10 =", "8+4=2\n2+9=1\nanswer 1"),
)
"""Worked chains."""

GAMES24: tuple[Exchange, ...] = (
    ("Make 24 from 2, 3, 5, 12.", "Answer: 12 / (3 - 5 / 2)"),
    ("Make 24 from 1, 2, 3, 4.", "Answer: 1 * 2 * 3 * 4"),
)
COUNTDOWNS: tuple[Exchange, ...] = (
    ("Make 46 from 1, 3, 8, 50.", "Answer: 1 + 3 + 50 - 8"),
    ("Make 60 from 4, 5, 6, 9.", "Answer: (9 - 4 + 5) * 6"),
)
LINES24: tuple[Exchange, ...] = (
    ("Make 24 from 1, 9, 11, 11.\nLeft: 1 9 11 11\nTurns: 6", "1 + 11 = 12 (left: 9 11 12)"),
    ("Left: 9 11 12\nTurns: 5", "11 - 9 = 2 (left: 12 2)"),
    ("Left: 12 2\nTurns: 4", "2 * 12 = 24 (left: 24)"),
)
LINES46: tuple[Exchange, ...] = (
    ("Make 46 from 1, 3, 8, 50.\nLeft: 1 3 8 50\nTurns: 6", "50 - 8 = 42 (left: 1 3 42)"),
    ("Left: 1 3 42\nTurns: 5", "1 + 3 = 4 (left: 42 4)"),
    ("Left: 42 4\nTurns: 4", "42 + 4 = 46 (left: 46)"),
)


def _game(answers: tuple[Exchange, ...], lines: tuple[Exchange, ...]) -> dict[str, AgentPreset]:
    by_line = (
        question_preset("lines", "one line per turn", {"mode": "lines"}, tokens=128),
        question_preset(
            "lines-few-shot", "one line per turn, after a worked game", {"mode": "lines"}, tokens=128, examples=lines
        ),
    )
    presets = question_presets(answers, what="the whole expression", argument="expression")
    return {**presets, **{preset.name: preset for preset in by_line}}


ARITHMETICCHAIN = MappingProxyType(question_presets(CHAINS, what="the worked chain", argument="answer", tokens=256))
GAME24 = MappingProxyType(_game(GAMES24, LINES24))
COUNTDOWN = MappingProxyType(_game(COUNTDOWNS, LINES46))
