"""Tokenised episodes on disk, mapped into memory: a large log is tokenised once and never held whole.

One folder per tokenizer, prompt format, log and options. Its files are flat arrays over all tokens; segments and
episodes are ranges of them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import platform
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stepgym.agents.conversation.prompts import PlainPrompt, template_hash
from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.log.folder import file_to_read, stamp
from stepgym.errors import InvalidInputError
from stepgym.train import saving
from stepgym.train.cached_episodes import FORMAT, CachedEpisodes, CacheWriter
from stepgym.train.tokenize import TokenizedEpisode, TokenizeOptions, TokenizeReport, tokenize_episodes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

_CHUNK = 256
_TRIES = 3
_BUILDING = ".building"


def token_cache(
    episodes: Iterable[Episode],
    tokenizer: PreTrainedTokenizerBase,
    options: TokenizeOptions | None,
    folder: Path | str,
) -> tuple[Sequence[TokenizedEpisode], TokenizeReport]:
    """`tokenize_episodes(episodes, tokenizer, options)`, read lazily from files in `folder` that outlive the process.

    The files are made where they are missing, damaged (sizes and checksums are compared each time) or of another
    tokenizer, prompt format, log or option. Several processes may call this at once; each builds its own, and
    one stays.

    Raises:
        InvalidInputError: The log was written to while it was read, several times over.
    """
    options = options or TokenizeOptions()
    if not isinstance(episodes, EpisodeLog | Sequence):
        episodes = list(episodes)
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    for _ in range(_TRIES):
        state = _state(episodes)
        place = root / _key(episodes, tokenizer, options)
        found = _opened(place)
        if found is not None:
            return found
        built = _build(episodes, tokenizer, options, root)
        # What was tokenised is what the key says only if nobody wrote meanwhile.
        if state == _state(episodes):
            return _publish(built, place)
        saving.remove(built)
    raise InvalidInputError(f"{episodes!r} changes while it is read: wait until it is written")


def outcomes(episodes: Sequence[TokenizedEpisode]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The outcome of each episode, without building the episodes of a cache."""
    if isinstance(episodes, CachedEpisodes):
        return episodes.outcomes
    return np.fromiter((e.outcome for e in episodes), np.float64, len(episodes))


def _key(episodes: Iterable[Episode], tokenizer: Any, options: TokenizeOptions) -> str:
    """32 hexadecimal digits for everything that the tokenised episodes depend on."""
    from stepgym import __version__

    settings = {f.name: getattr(options, f.name) for f in fields(options) if f.name != "prompt"}
    parts = {
        "format": [FORMAT, __version__],
        "tokenizer": template_hash(options.prompt or PlainPrompt(), tokenizer),
        "default prompt": options.prompt is None,
        "options": settings,
        "episodes": _fingerprint(episodes),
    }
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()


def _fingerprint(episodes: Iterable[Episode]) -> list[Any]:
    if isinstance(episodes, EpisodeLog):
        # The fingerprint is of the finished lines; a whole last line without its end counts as an episode too.
        return [episodes.fingerprint(), _state(episodes)[0], episodes.on_error]
    digest = hashlib.blake2b()
    for episode in episodes:
        digest.update(json.dumps(episode.to_dict(), sort_keys=True).encode() + b"\n")
    return [digest.hexdigest()]


def _state(episodes: Iterable[Episode]) -> tuple[int, int]:
    return stamp(file_to_read(episodes.path)) if isinstance(episodes, EpisodeLog) else (0, 0)


def _build(
    episodes: Iterable[Episode], tokenizer: PreTrainedTokenizerBase, options: TokenizeOptions, root: Path
) -> Path:
    folder = root / f"{_BUILDING}-{platform.node()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    try:
        writer = CacheWriter(folder)
        total = TokenizeReport()
        for chunk in _chunks(episodes):
            tokenized, report = tokenize_episodes(chunk, tokenizer, options)
            for episode in tokenized:
                writer.add(episode)
            total = _sum(total, report)
        writer.close()
        facts = {f.name: getattr(total, f.name) for f in fields(total)}
        saving.seal(folder, report={**facts, "dropped": dict(total.dropped)})
    except BaseException:
        saving.remove(folder)
        raise
    return folder


def _publish(built: Path, place: Path) -> tuple[CachedEpisodes, TokenizeReport]:
    """Give `built` its name, and read it; the maps stay valid whatever happens to the name."""
    found = _read(built)
    for _ in range(_TRIES):
        try:
            built.rename(place)
        except OSError:
            other = _opened(place)
            if other is not None:
                # Another process was faster.
                saving.remove(built)
                return other
            saving.remove(place)
            continue
        found[0].folder = place
        return found
    return found


def _opened(place: Path) -> tuple[CachedEpisodes, TokenizeReport] | None:
    if not place.is_dir():
        return None
    try:
        problem = saving.defect(place)
        if not problem:
            return _read(place)
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = str(error)
    logger.warning("The token cache %s is damaged and made anew: %s.", place, problem)
    return None


def _read(folder: Path) -> tuple[CachedEpisodes, TokenizeReport]:
    facts = saving.facts_of(folder) or {}
    report = TokenizeReport(**facts["report"])
    report.dropped = Counter(report.dropped)
    return CachedEpisodes(folder), report


def _sweep(root: Path) -> None:
    """Remove what killed processes of this machine left half built."""
    start = f"{_BUILDING}-{platform.node()}-"
    for folder in root.glob(f"{_BUILDING}-*"):
        process = folder.name.removeprefix(start).partition("-")[0]
        if folder.name.startswith(start) and process.isdigit() and not _lives(int(process)):
            saving.remove(folder)
    saving.sweep(root)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _chunks(episodes: Iterable[Episode]) -> Iterator[list[Episode]]:
    iterator = iter(episodes)
    while chunk := list(itertools.islice(iterator, _CHUNK)):
        yield chunk


def _sum(a: TokenizeReport, b: TokenizeReport) -> TokenizeReport:
    return TokenizeReport(
        a.kept + b.kept,
        a.retokenized + b.retokenized,
        a.tokens + b.tokens,
        a.action_tokens + b.action_tokens,
        a.dropped + b.dropped,
    )
