"""Which characters of a text each logged token wrote, and where reasoning steps begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEFAULT_DELIMITERS = ("\n",)


def token_spans(token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> list[tuple[int, int]]:
    """The character span `[start, end)` of each token in the decoded text of `token_ids`.

    The text is never encoded again: spans come from decoding the logged ids. Special tokens have an empty span. The
    tokens of one multi-byte character share its span.
    """
    ids = list(token_ids)
    text = _decode(tokenizer, ids)
    spans: list[tuple[int, int]] = []
    end = 0
    waiting = 0  # tokens whose character is not complete yet
    start_of_group = 0
    for i, token in enumerate(ids):
        waiting += 1
        # Decoded after its predecessor: some tokenizers strip a leading space from the first token they decode.
        before = ids[start_of_group - 1 : start_of_group] if start_of_group else []
        piece = _decode(tokenizer, [*before, *ids[start_of_group:i], token])[len(_decode(tokenizer, before)) :]
        if piece.endswith("�") and not text.startswith(piece, end):
            continue
        spans.extend([(end, end + len(piece))] * waiting)
        end += len(piece)
        waiting, start_of_group = 0, i + 1
    spans.extend([(end, len(text))] * waiting)
    if end == len(text) and all(0 <= a <= b <= len(text) for a, b in spans):
        return spans
    return _spans_by_prefix(ids, tokenizer)


def step_starts(text: str, delimiters: Sequence[str] = DEFAULT_DELIMITERS) -> list[int]:
    """Character offsets at which the reasoning steps of `text` begin; the first is 0.

    A step ends with a delimiter. Blank stretches between delimiters are no steps of their own: they belong to the
    step before them, or to the first one.
    """
    starts = [0]
    begin = 0
    while begin < len(text):
        found = [(at, d) for d in delimiters if d and (at := text.find(d, begin)) >= 0]
        if not found:
            break
        # The earliest delimiter, and of several at one place the longest.
        at, delimiter = min(found, key=lambda f: (f[0], -len(f[1])))
        begin = at + len(delimiter)
        following = [text.find(d, begin) for d in delimiters if d]
        until = min((f for f in following if f >= 0), default=len(text))
        if text[begin:until].strip() and text[starts[-1] : begin].strip():
            starts.append(begin)
    return starts


def step_start_tokens(
    token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase, delimiters: Sequence[str] = DEFAULT_DELIMITERS
) -> list[int]:
    """Indices of the tokens that begin a reasoning step; a token across a boundary belongs to the earlier step."""
    spans = token_spans(token_ids, tokenizer)
    starts = step_starts(_decode(tokenizer, list(token_ids)), delimiters)
    found: list[int] = []
    token = 0
    for start in starts:
        while token < len(spans) and spans[token][0] < start:
            token += 1
        if token < len(spans) and (not found or token > found[-1]):
            found.append(token)
    return found


def _spans_by_prefix(ids: list[int], tokenizer: PreTrainedTokenizerBase) -> list[tuple[int, int]]:
    """Spans from the decoded prefixes: right for every tokenizer, quadratic in the number of tokens."""
    total = len(_decode(tokenizer, ids))
    ends = []
    for i in range(len(ids)):
        prefix = _decode(tokenizer, ids[: i + 1])
        ends.append(min(len(prefix.rstrip("�")), total))
    ends[-1:] = [total]
    starts = [0, *ends[:-1]]
    return [(min(a, b), b) for a, b in zip(starts, ends, strict=True)]


def _decode(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)) if ids else ""
