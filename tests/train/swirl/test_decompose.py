from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import Completion, Episode, Step
from stepgym.agents.conversation.prompts import PlainPrompt
from stepgym.errors import InvalidInputError
from stepgym.train.swirl import decompose, decompose_all
from stepgym.train.tokenize import TokenizeOptions, tokenize_episode

TURNS = [("ab?", "gc"), ("de.", "b"), ("f", "ggg")]


def test_k_actions_are_k_rows_with_everything_before_them_as_context(make_episode, tokenizer):
    rows = decompose(make_episode(TURNS))
    assert [(row.step, row.steps, row.action) for row in rows] == [(0, 3, "gc"), (1, 3, "b"), (2, 3, "ggg")]
    assert tokenizer.decode(rows[2].state_ids) == "ab?gc<eos>de.b<eos>f"
    assert tokenizer.decode(rows[2].action_ids) == "ggg<eos>"
    assert rows[2].action_mask == (False,) * len("ab?gc_de.b_f") + (True,) * 4
    assert rows[1].state.observations == ("ab?", "de.")
    assert rows[1].state.actions == ("gc",)
    assert (rows[1].task_id, rows[1].episode_id) == ("t", "e")


def test_a_rewritten_context_begins_anew(make_episode, tokenizer):
    rows = decompose(make_episode(TURNS, new_segments=(0, 2)))
    assert [tokenizer.decode(row.state_ids) for row in rows] == ["ab?", "ab?gc<eos>de.", "f"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.integers(2, 9), max_size=4), st.lists(st.integers(2, 9), max_size=4)),
        min_size=1,
        max_size=6,
    )
)
def test_the_action_tokens_of_the_rows_are_those_of_the_episode(tokenizer, turns):
    steps = tuple(Step("o", "a", Completion("a", new, tuple(read), tuple(written))) for new, read, written in turns)
    episode = Episode("e", "me/Env-v0", "t", steps, 0.0)
    rows = decompose(episode)
    assert [i for row in rows for i in row.action_ids] == [i for _, _, written in turns for i in written]
    assert all(sum(row.action_mask) == len(row.action_ids) for row in rows)
    assert all(len(row.action_mask) == row.tokens for row in rows)
    tokenized = tokenize_episode(episode, tokenizer)
    if isinstance(tokenized, str):
        assert tokenized == "no action"
    elif all(row.state_ids for row in rows):
        # The undivided sequences of training have the same loss: the same tokens behind the same contexts.
        masked = [
            (tuple(s.token_ids[: t + 1].tolist()), int(s.token_ids[t + 1]))
            for s in tokenized.segments
            for t in s.action_mask.nonzero()[0]
        ]
        divided = [
            ((*row.state_ids, *row.action_ids[:i]), token) for row in rows for i, token in enumerate(row.action_ids)
        ]
        assert divided == masked


def test_an_episode_with_one_step_is_one_row(make_episode):
    (row,) = decompose(make_episode([("ab?", "g")]))
    assert (row.step, row.steps, row.state.actions) == (0, 1, ())


def test_text_without_ids_is_encoded_as_training_encodes_it(make_episode, tokenizer):
    episode = make_episode(TURNS, ids=False)
    with pytest.raises(InvalidInputError, match="no token ids: give the tokenizer"):
        decompose(episode)
    prompt = PlainPrompt(separator="\n")
    rows = decompose(episode, tokenizer, prompt=prompt)
    tokenized = tokenize_episode(episode, tokenizer, TokenizeOptions(prompt=prompt))
    assert len(rows) == 3
    assert (*rows[-1].state_ids, *rows[-1].action_ids) == tuple(tokenized.segments[-1].token_ids)
    assert sum(len(row.action_ids) for row in rows) == sum(int(s.action_mask.sum()) for s in tokenized.segments)


def test_undecided_episodes_are_decomposed_and_cut_actions_left_out(make_episode):
    assert len(decompose(make_episode(TURNS, None))) == 3
    assert len(decompose(make_episode(TURNS, None, end="context"))) == 2


def test_rows_that_are_too_long_are_left_out_and_counted(make_episode):
    episodes = [make_episode(TURNS), make_episode(TURNS, None, end="error", name="cut")]
    rows, left_out = decompose_all(episodes, max_length=13)
    assert [(row.episode_id, row.step) for row in rows] == [("e", 0), ("e", 1), ("cut", 0), ("cut", 1)]
    assert left_out == {"too long": 1, "cut or empty": 1}
