"""Log-probabilities of a frozen reference on disk, mapped into memory: the reference runs once, and not in training.

One folder per reference, tokenizer, precision and set of episodes. What a segment has is found by its content, its
token ids and its action mask, so that the order, the number and the credit of the episodes do not matter.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from stepgym.agents.log.lock import FolderLock
from stepgym.errors import InvalidInputError
from stepgym.train import saving
from stepgym.train.divergence import CachedReference
from stepgym.train.tokenize import Segment, TokenizedEpisode

if TYPE_CHECKING:
    from transformers import PreTrainedModel

logger = logging.getLogger(__name__)

# Bumped whenever the files change.
FORMAT = 1
_WAIT = 0.5  # seconds between two looks at a cache that another process builds
# Of a configuration; the precision is in the weights.
_INCIDENTAL = ("architectures", "dtype", "torch_dtype", "transformers_version", "use_cache")

# Flat files and what they hold; a is the number of actions.
_FILES: dict[str, np.dtype[Any]] = {
    "segments": np.dtype("S32"),  # digests, sorted
    "starts": np.dtype("<i8"),  # in actions, of these segments
    "logp": np.dtype("<f4"),  # (a,)
    "top_logp": np.dtype("<f4"),  # (a, k + 1)
    "top_ids": np.dtype("<i4"),  # (a, k)
}

_Where = tuple[int, int, int, int]  # tokens; data set, episode and segment by number
Score = Callable[[list[TokenizedEpisode]], CachedReference]


class CachedSegment(NamedTuple):
    """What the cache holds of one segment, see `CachedReference`; the last two have no columns without "top-k"."""

    logp: NDArray[np.float32]
    top_logp: NDArray[np.float32]
    top_ids: NDArray[np.int32]


class ReferenceCache:
    """A whole cache folder; pickled as its path.

    Attributes:
        folder: Where it is.
        top: Most likely tokens kept at each position, 0 for none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.top = int((saving.facts_of(folder) or {})["top"])
        maps = {name: _mapped(folder / f"{name}.bin", dtype) for name, dtype in _FILES.items()}
        self._segments, self._starts, self._logp = maps["segments"], maps["starts"], maps["logp"]
        columns = (self.top + 1, self.top) if self.top else (0, 0)
        actions = len(self._logp)
        self._top_logp, self._top_ids = (
            maps[name].reshape(actions, k) for name, k in zip(("top_logp", "top_ids"), columns, strict=True)
        )

    def read(self, segment: Segment) -> CachedSegment:
        """What the reference says of the actions of `segment`, in order.

        Raises:
            InvalidInputError: The segment was not among the episodes that the cache was made for.
        """
        count = int(segment.action_mask.sum())
        start = 0
        if count:
            digest = _digest(segment)
            place = int(np.searchsorted(self._segments, digest))
            if place == len(self._segments) or self._segments[place] != digest:
                raise InvalidInputError(
                    f"{self.folder} holds no reference log-probabilities of this episode: give all data that is "
                    "trained or evaluated on to the trainer when it is made"
                )
            start = int(self._starts[place])
        part = slice(start, start + count)
        # Copies: what is handed out can be written to, and outlives the maps.
        return CachedSegment(*(np.array(x[part]) for x in (self._logp, self._top_logp, self._top_ids)))

    def __reduce__(self) -> tuple[type[ReferenceCache], tuple[Path]]:
        return ReferenceCache, (self.folder,)

    def __repr__(self) -> str:
        return f"ReferenceCache({len(self._segments):,} segments, {len(self._logp):,} actions in {str(self.folder)!r})"


def reference_cache(
    episodes: Sequence[Sequence[TokenizedEpisode]],
    score: Score,
    folder: Path | str,
    *,
    key: Mapping[str, Any],
    batch_size: int = 16,
) -> ReferenceCache:
    """The reference's log-probabilities at all actions of `episodes`, from a folder in `folder`.

    It is made where it is missing, damaged (sizes and checksums are compared each time), or of other episodes or
    another `key`. A build that was killed starts anew. Of several processes one builds, and the others wait for it.

    Args:
        episodes: Data sets; equal segments are scored once.
        score: Runs the reference on a batch of episodes of one segment each, none longer than the next; its rows are
            the batch's actions in order.
        folder: Where caches lie.
        key: What the log-probabilities depend on beside the tokens: the model's `fingerprint`, the precision.
        batch_size: Segments of one call of `score`.

    Raises:
        InvalidInputError: The reference gives a logged token no finite log-probability.
    """
    segments = _distinct(episodes)
    digest = hashlib.blake2b(json.dumps([FORMAT, dict(key)], sort_keys=True).encode(), digest_size=16)
    for known in sorted(segments):
        digest.update(known)
    place = Path(folder) / digest.hexdigest()
    place.mkdir(parents=True, exist_ok=True)
    lock = _waited_for(place)
    try:
        saving.settle(place)
        found = _opened(place)
        if found is None:
            logger.info("The reference runs over %d segments for %s.", len(segments), place)
            with saving.whole_folder(place) as staging:
                _build(staging, episodes, segments, score, batch_size)
        return found or ReferenceCache(place)
    finally:
        lock.release()


def fingerprint(model: PreTrainedModel) -> str:
    """32 hexadecimal digits of all that `model` computes with: configuration, and every byte of its weights."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(
        json.dumps([type(model).__name__, _computed_with(model.config.to_dict())], sort_keys=True, default=str).encode()
    )
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _computed_with(config: Mapping[Any, Any]) -> dict[Any, Any]:
    """A configuration without where it was read from, by what, and what saving and loading write into it."""
    return {
        name: _computed_with(value) if isinstance(value, dict) else value
        for name, value in config.items()
        if name not in _INCIDENTAL and not str(name).startswith("_")
    }


def _opened(place: Path) -> ReferenceCache | None:
    problem = saving.defect(place)
    if not problem:
        try:
            return ReferenceCache(place)
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = str(error)
    if (place / saving.MANIFEST).exists():
        logger.warning("The reference cache %s is damaged and made anew: %s.", place, problem)
    return None


def _distinct(data_sets: Sequence[Sequence[TokenizedEpisode]]) -> dict[bytes, _Where]:
    """Where each different segment with an action is found, by its digest."""
    found: dict[bytes, _Where] = {}
    for d, episodes in enumerate(data_sets):
        for e, episode in enumerate(episodes):
            for s, segment in enumerate(episode.segments):
                if segment.action_mask.any():
                    found.setdefault(_digest(segment), (len(segment.token_ids), d, e, s))
    return found


def _digest(segment: Segment) -> bytes:
    ids = np.ascontiguousarray(segment.token_ids, "<i8")
    mask = np.ascontiguousarray(segment.action_mask, np.bool_)
    return hashlib.blake2b(ids.tobytes() + mask.tobytes(), digest_size=16).hexdigest().encode()


def _build(
    folder: Path,
    episodes: Sequence[Sequence[TokenizedEpisode]],
    segments: Mapping[bytes, _Where],
    score: Score,
    batch_size: int,
) -> None:
    order = sorted(segments, key=lambda digest: segments[digest][:1])
    starts: dict[bytes, int] = {}
    written = top = 0
    with contextlib.ExitStack() as stack:
        names = ("logp", "top_logp", "top_ids")
        files = {name: stack.enter_context((folder / f"{name}.bin").open("wb")) for name in names}
        # The longest first: where memory does not suffice, that shows at once.
        for stop in range(len(order), 0, -batch_size):
            batch = order[max(0, stop - batch_size) : stop]
            found = [episodes[d][e].segments[s] for _, d, e, s in (segments[digest] for digest in batch)]
            scores = score([TokenizedEpisode((s,), "", "", 0.0) for s in found])
            if not bool(scores.logp.isfinite().all()):
                raise InvalidInputError("the reference gives a logged token no finite log-probability")
            top = 0 if scores.top_ids is None else scores.top_ids.shape[-1]
            for name, values in scores._asdict().items():
                if values is not None:
                    files[name].write(values.to("cpu").numpy().astype(_FILES[name]).tobytes())
            for digest, segment in zip(batch, found, strict=True):
                starts[digest] = written
                written += int(segment.action_mask.sum())
    known = sorted(starts)
    (folder / "segments.bin").write_bytes(np.array(known, _FILES["segments"]).tobytes())
    (folder / "starts.bin").write_bytes(np.array([starts[k] for k in known], _FILES["starts"]).tobytes())
    saving.seal(folder, top=top)


def _waited_for(folder: Path) -> FolderLock:
    told = ""
    while True:
        try:
            return FolderLock(folder)
        except InvalidInputError as error:
            if not told:
                told = str(error)
                logger.warning("Waiting for the reference cache: %s", told)
            time.sleep(_WAIT)


def _mapped(file: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    # An empty file cannot be mapped.
    return np.memmap(file, dtype, "r").view(np.ndarray) if file.stat().st_size else np.zeros(0, dtype)
