"""Model cards: what a trained policy or value function is, written from the run that made it.

A card is the README.md of a model on the hub: YAML for machines, then text for people.
https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from stepgym.train.tokenize import TokenizedEpisode

Part = Literal["policy", "value"]
Plain = str | int | float | bool | None | Sequence[str]

_PAPER = "https://arxiv.org/abs/2412.16145"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_LICENCE = re.compile(r"^license:[ \t]*([\w.+-]+)[ \t]*$", re.MULTILINE)
_TASKS: Mapping[Part, str] = {"policy": "text-generation", "value": "token-classification"}


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The episodes a model was trained on.

    Attributes:
        fingerprint: Equal for equal episodes in equal order, see `episodes_fingerprint`.
        episodes, tasks, tokens, action_tokens: How many.
        successes: Episodes with an outcome above 0.
        note: What the log says about itself, such as where its tasks come from.
    """

    fingerprint: str
    episodes: int
    tasks: int
    tokens: int
    action_tokens: int
    successes: int
    note: str = ""

    @classmethod
    def of(cls, episodes: Iterable[TokenizedEpisode], *, note: str = "") -> TrainingData:
        """The facts of tokenised episodes."""
        count, tokens, actions, successes, tasks = 0, 0, 0, 0, set[str]()
        digest = hashlib.blake2b(digest_size=8)
        for episode in episodes:
            count += 1
            tokens += episode.tokens
            actions += sum(int(s.action_mask.sum()) for s in episode.segments)
            successes += episode.outcome > 0
            tasks.add(episode.task_id)
            _update(digest, episode)
        return cls(digest.hexdigest(), count, len(tasks), tokens, actions, successes, note)


def episodes_fingerprint(episodes: Iterable[TokenizedEpisode]) -> str:
    """16 hexadecimal digits that name what training sees of the episodes: ids, masks and returns, in order."""
    digest = hashlib.blake2b(digest_size=8)
    for episode in episodes:
        _update(digest, episode)
    return digest.hexdigest()


def model_card(
    part: Part,
    *,
    method: str,
    base: str = "",
    licence: str | None = None,
    data: TrainingData | None = None,
    settings: Mapping[str, Plain] | None = None,
    figures: Mapping[str, float] | None = None,
    versions: Mapping[str, str] | None = None,
    updates: int | None = None,
) -> str:
    """The text of README.md.

    Texts that come from outside (names, notes) cannot break out of the card's YAML or its tables.

    Args:
        part: "policy", a causal language model, or "value", a token-classification model with one label.
        method: "OREO", "supervised fine-tuning", ...
        base: What training started from: a name on the hub or a folder; "" if it started from random weights.
        licence: Of the base, as on the hub ("apache-2.0"); None if it is not known. See `licence_of`.
        data: The episodes.
        settings: Of the training.
        figures: Measured in the run, such as the last line of its log.
        versions: Of the packages used.
        updates: Optimiser steps made.
    """
    head: dict[str, Plain] = {"library_name": "transformers", "pipeline_tag": _TASKS[part]}
    if licence:
        head["license"] = licence
    if _HUB_NAME.fullmatch(base) and not Path(base).exists():
        head["base_model"] = base
    head["tags"] = ["stepgym", _tag(method), "reinforcement-learning", part]
    # JSON is YAML, and leaves nothing to the quoting rules of YAML.
    lines = ["---", *(f"{name}: {json.dumps(value, ensure_ascii=True)}" for name, value in head.items()), "---", ""]
    lines += [f"# {_text(_title(part, method))}", "", _what(part, method), ""]
    lines += [
        "## Where it comes from",
        "",
        f"* Base: {_code(base) if base else 'random weights'}",
        f"* Licence of the base: {_text(licence) if licence else 'not known; look it up before you share this model'}",
    ]
    if updates is not None:
        lines.append(f"* Updates: {updates:,}")
    lines += ["", *_data_lines(data)]
    lines += _table("Settings", settings)
    lines += _table("Figures of the run", figures)
    lines += _table("Versions", versions)
    lines += ["## How to use it", "", "```python", *_usage(part), "```", ""]
    return "\n".join(lines)


def licence_of(folder: Path | str) -> str | None:
    """The licence that the model card in `folder` names for machines; None if there is no such word."""
    try:
        text = (Path(folder) / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if not text.startswith("---"):
        return None
    found = _LICENCE.search(text[3:].partition("\n---")[0].replace('"', ""))
    return found[1] if found else None


def _update(digest: hashlib.blake2b, episode: TokenizedEpisode) -> None:
    for segment in episode.segments:
        for values in (segment.token_ids, segment.action_mask, segment.state_mask, segment.returns):
            digest.update(len(values).to_bytes(8, "little") + np.ascontiguousarray(values).tobytes())
    digest.update(b"\0")


def _title(part: Part, method: str) -> str:
    return f"{'Policy' if part == 'policy' else 'Value function'} trained by {method}"


def _what(part: Part, method: str) -> str:
    if part == "policy":
        what = "A causal language model, fine-tuned on logged episodes"
    else:
        what = (
            "The expected return of a text that an agent is writing, read at each of its tokens as the one label. "
            "It is meant for texts like those it was trained on"
        )
    paper = f" ([OREO]({_PAPER}))" if method.upper().startswith("OREO") else ""
    return f"{what}; trained with stepgym by {_text(method)}{paper}."


def _data_lines(data: TrainingData | None) -> list[str]:
    if data is None:
        return []
    share = f" ({data.successes / data.episodes:.1%})" if data.episodes else ""
    note = [f"* Note of the log: {_text(data.note)}"] if data.note else []
    return [
        "## Data",
        "",
        f"* Fingerprint: `{data.fingerprint}`",
        f"* {data.episodes:,} episodes of {data.tasks:,} tasks, {data.successes:,} of them successes{share}",
        f"* {data.tokens:,} tokens, {data.action_tokens:,} of them written by the agent",
        *note,
        "",
    ]


def _table(title: str, values: Mapping[str, Plain] | None) -> list[str]:
    if not values:
        return []
    rows = [f"| {_text(name)} | {_cell(value)} |" for name, value in sorted(values.items()) if value is not None]
    return [f"## {title}", "", "| | |", "|---|---|", *rows, ""]


def _usage(part: Part) -> list[str]:
    if part == "policy":
        return [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'model = AutoModelForCausalLM.from_pretrained("this folder")',
            'tokenizer = AutoTokenizer.from_pretrained("this folder")',
        ]
    return [
        "from stepgym.train import load_value_function  # or AutoModelForTokenClassification",
        "",
        'value = load_value_function("this folder")',
        "await value.value(token_ids)  # of the prompt and what was written so far",
    ]


def _cell(value: Plain) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return _code(value)
    if isinstance(value, Sequence):
        return ", ".join(map(_code, value))
    return str(value)


def _tag(method: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", method.lower()).strip("-") or "training"


def _text(text: str) -> str:
    """Text on one line that Markdown and HTML leave as it is."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|~!$&])", r"\\\1", line)


def _code(text: str) -> str:
    """Text in a code span, whatever is in it."""
    line = json.dumps(text, ensure_ascii=False)[1:-1] if not text.isprintable() else text
    line = "".join(c if c.isprintable() else " " for c in line).replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if longest or not line.strip() else f"`{line}`"
