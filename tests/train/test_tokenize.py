"""Text, ids and masks: what the losses see of an episode."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stepgym.agents import Completion, Step
from stepgym.agents.spans import step_start_tokens, step_starts, token_spans
from stepgym.errors import InvalidInputError
from stepgym.train import TokenizeOptions, tokenize_episode, tokenize_episodes
from stepgym.train.collate import EpisodeCollator


def test_one_turn_marks_exactly_the_action(make_episode, tokenizer) -> None:
    (segment,) = tokenize_episode(make_episode([("1+2?", "=3")]), tokenizer).segments
    assert tokenizer.decode(segment.token_ids) == "1+2?=3<eos>"
    # Position t speaks about token t + 1: the last prompt token predicts "=".
    assert segment.action_mask.tolist() == [False] * 3 + [True] * 3
    assert segment.state_mask.tolist() == segment.action_mask.tolist()
    assert segment.returns.tolist() == [1.0] * 6


def test_turns_of_one_segment_and_rewards_to_go(make_episode, tokenizer) -> None:
    episode = make_episode([("ab", "c"), ("de", "f")], 0.5)
    first = dataclasses.replace(episode.steps[0], reward=2.0)
    episode = dataclasses.replace(episode, steps=(first, episode.steps[1]), outcome=2.5)
    (segment,) = tokenize_episode(episode, tokenizer).segments
    assert tokenizer.decode(segment.token_ids) == "abc<eos>def<eos>"
    assert segment.action_mask.tolist() == [False, True, True, False, False, True, True]
    # The reward of a turn sits at its last action: the positions of turn 1 see both, those of turn 2 the last.
    assert segment.returns.tolist() == [2.5, 2.5, 2.5, 0.5, 0.5, 0.5, 0.5]


def test_rewritten_history_begins_a_segment(make_episode, tokenizer) -> None:
    result = tokenize_episode(make_episode([("ab", "c"), ("de", "f")], new_segments=(0, 1)), tokenizer)
    assert [tokenizer.decode(s.token_ids) for s in result.segments] == ["abc<eos>", "def<eos>"]
    assert [s.action_mask.tolist() for s in result.segments] == [[False, True, True]] * 2


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ("token", [False, True, True, True, True, True, True, True]),
        ("step", [False, True, False, False, True, False, False, False]),
        ("turn", [False, True, False, False, False, False, False, False]),
    ],
)
def test_states(make_episode, tokenizer, states, expected) -> None:
    (segment,) = tokenize_episode(make_episode([("ab", "c=\nd=\n")]), tokenizer, TokenizeOptions(states)).segments
    assert segment.state_mask.tolist() == expected


@pytest.mark.parametrize(
    ("text", "delimiters", "steps"),
    [
        ("a\nb", ("\n",), ["a\n", "b"]),
        ("a\n\n\nb\n", ("\n",), ["a\n\n\n", "b\n"]),
        ("\n\na\nb", ("\n",), ["\n\na\n", "b"]),
        ("x. y.$ z", (". ", ".$ "), ["x. ", "y.$ ", "z"]),
        ("no end", ("\n",), ["no end"]),
        ("", ("\n",), [""]),
        ("\n \n", ("\n",), ["\n \n"]),
    ],
)
def test_step_starts(text, delimiters, steps) -> None:
    starts = step_starts(text, delimiters)
    assert [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)] == steps


def test_imported_text_is_encoded_once_and_said(make_episode, tokenizer) -> None:
    kept, report = tokenize_episodes([make_episode([("1+2?", "=3")], ids=False)], tokenizer)
    assert tokenizer.decode(kept[0].segments[0].token_ids) == "1+2?=3<eos>"
    assert report.retokenized == 1
    assert "had no token ids" in str(report)


def test_what_cannot_be_trained_on_is_dropped_and_counted(make_episode, tokenizer) -> None:
    good = make_episode([("ab", "c")])
    empty = dataclasses.replace(good, steps=(Step("ab", "", Completion("", True, (2, 3), ())),))
    episodes = [
        good,
        dataclasses.replace(good, outcome=None),
        dataclasses.replace(good, outcome=None, end="context"),
        dataclasses.replace(good, end="error"),
        dataclasses.replace(good, end="step_limit", outcome=0.0),
        dataclasses.replace(good, steps=()),
        empty,
        make_episode([("ab", "c" * 30)]),
    ]
    kept, report = tokenize_episodes(episodes, tokenizer, TokenizeOptions(max_length=20))
    assert [e.outcome for e in kept] == [1.0, 0.0]
    assert report.dropped == {"undecided": 1, "cut by the system": 2, "no action": 2, "too long": 1}
    assert "1 dropped: too long" in str(report)


def test_ids_of_another_tokenizer_are_refused(make_episode, tokenizer) -> None:
    episode = make_episode([("ab", "c")])
    foreign = dataclasses.replace(episode.steps[0].completion, token_ids=(len(tokenizer),))
    episode = dataclasses.replace(episode, steps=(dataclasses.replace(episode.steps[0], completion=foreign),))
    with pytest.raises(InvalidInputError, match="tokenizer knows only"):
        tokenize_episode(episode, tokenizer)


def test_collator_pads_right_and_keeps_segments_of_an_episode_together(make_episode, tokenizer) -> None:
    episodes = [
        make_episode([("ab", "c"), ("defg", "hi")], new_segments=(0, 1)),
        make_episode([("a", "b")], 0.0),
    ]
    kept, _ = tokenize_episodes(episodes, tokenizer)
    batch = EpisodeCollator(tokenizer.pad_token_id)(kept)
    assert batch["input_ids"].shape == (3, 7)
    assert batch["episode_ids"].tolist() == [[0, 0, 0, -1, -1, -1], [0] * 6, [1, 1, -1, -1, -1, -1]]
    assert batch["attention_mask"].sum(-1).tolist() == [4, 7, 3]
    assert batch["action_mask"].sum().item() == 2 + 3 + 2


@pytest.fixture(scope="module")
def byte_tokenizer():
    """A byte-level BPE tokenizer that splits multi-byte characters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<eos>"]
    )
    core.train_from_iterator(["so x = 12\nso y = 3\n" * 5], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<eos>")


@pytest.mark.parametrize("text", ["so x = 12\nso y = 3\n", "é∈𝔽 so\n12 = 3", "\n\n x", "plain", "日本\n語 = 3"])
def test_token_spans_cover_the_text(byte_tokenizer, text) -> None:
    ids = [*byte_tokenizer(text)["input_ids"], byte_tokenizer.eos_token_id]
    spans = token_spans(ids, byte_tokenizer)
    assert len(spans) == len(ids)
    assert spans[-1] == (len(text), len(text))
    covered = np.zeros(len(text), dtype=int)
    for (start, end), token in zip(spans[:-1], ids[:-1], strict=True):
        assert 0 <= start < end <= len(text)
        covered[start:end] += 1
        piece = byte_tokenizer.decode([token])
        assert "�" in piece or piece == text[start:end]
    assert covered.all()


def test_step_start_tokens_follow_the_text(byte_tokenizer) -> None:
    ids = byte_tokenizer("so x = 12\nso y = 3")["input_ids"]
    first, second = step_start_tokens(ids, byte_tokenizer)
    assert first == 0
    assert byte_tokenizer.decode(ids[:second]).rstrip() == "so x = 12"
