"""Stop strings against the plain definition: the first token after which the decoded text holds one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents.engines.stops import StopStrings, TokenPieces, decode


def byte_fallback_tokenizer() -> Any:
    """SentencePiece style: word pieces with a marked space, single bytes for what is not in the vocabulary."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [
        "<unk>",
        "<s>",
        "</s>",
        *(f"<0x{b:02X}>" for b in range(256)),
        "▁",
        "▁a",
        "a",
        "b",
        "ab",
        "▁the",
        "é",
        "\n",
    ]
    tokenizer = Tokenizer(models.BPE({w: i for i, w in enumerate(words)}, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def word_piece_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    words = ["[UNK]", "[SEP]", "a", "b", "##a", "##b", "the", ".", "##é", "answer", "##swer", "an"]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="[SEP]", unk_token="[UNK]")


@pytest.fixture(scope="module")
def pieces(chat_tokenizer: Any, char_tokenizer: Any) -> dict[str, TokenPieces]:
    tokenizers = {
        "bytes": chat_tokenizer,
        "characters": char_tokenizer,
        "byte fallback": byte_fallback_tokenizer(),
        "word pieces": word_piece_tokenizer(),
    }
    return {name: TokenPieces(tokenizer, len(tokenizer)) for name, tokenizer in tokenizers.items()}


@pytest.mark.parametrize("kind", ["bytes", "characters", "byte fallback", "word pieces"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_stop_string_is_missed(pieces: dict[str, TokenPieces], kind: str, data: st.DataObject) -> None:
    tokenizer, size = pieces[kind].tokenizer, len(pieces[kind].pieces)
    ids = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=30))
    text = decode(tokenizer, ids)
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    stop = text[start : start + data.draw(st.integers(1, 5))]
    if "�" in stop:
        return
    first = next(k for k in range(1, len(ids) + 1) if stop in decode(tokenizer, ids[:k]))
    strings = StopStrings((stop,), pieces[kind])
    if not strings.end_ids:
        assert strings.candidates[ids[first - 1]]
        assert strings.found(ids[:first])
        assert not any(strings.candidates[ids[k - 1]] and strings.found(ids[:k]) for k in range(1, first))


def test_few_tokens_are_candidates(pieces: dict[str, TokenPieces]) -> None:
    """Decoding at every token would be slow: "\\n" can only be completed by tokens that hold a newline."""
    strings = StopStrings(("\n",), pieces["bytes"])
    marked = [i for i, candidate in enumerate(strings.candidates) if candidate]
    assert marked
    assert all("\n" in decode(pieces["bytes"].tokenizer, [i]) for i in marked)


def test_special_tokens_are_ends_not_text(pieces: dict[str, TokenPieces]) -> None:
    strings = StopStrings(("<|im_end|>",), pieces["bytes"])
    assert strings.end_ids == {pieces["bytes"].tokenizer.convert_tokens_to_ids("<|im_end|>")}
    assert not strings.candidates.any()
