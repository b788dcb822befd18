from __future__ import annotations

import io
import pickle
from typing import Any

import gymnasium
import pytest
from gymnasium.vector.utils import create_shared_memory
from hypothesis import given
from hypothesis import strategies as st

from stepgym.envs import TextEnv, TextSpace
from stepgym.envs.text import StepResult
from stepgym.errors import InvalidInputError


class Echo(TextEnv):
    """Repeats what it is told, for three turns."""

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self.turns = 0
        return f"say something {self.np_random.integers(100)}", {"task": "echo"}

    def on_step(self, action: str) -> StepResult:
        self.turns += 1
        return action, 0.0, self.turns == 3, False, {"task": "echo"}


@given(st.text(st.characters(), max_size=50))
def test_any_text_of_a_fitting_length_belongs(text: str) -> None:
    space = TextSpace(40, min_length=3)
    assert (text in space) == (3 <= len(text) <= 40)


@pytest.mark.parametrize("value", [None, 3, b"abc", ["abc"]])
def test_nothing_else_belongs(value: object) -> None:
    assert value not in TextSpace()


def test_samples_are_printable_ascii_inside_the_space_and_seeded() -> None:
    space = TextSpace(500, min_length=2, seed=4)
    samples = [space.sample() for _ in range(50)]
    assert all(text in space and text.isascii() and text.isprintable() and len(text) <= 256 for text in samples)
    again = TextSpace(500, min_length=2, seed=4)
    assert [again.sample() for _ in range(50)] == samples
    assert len(TextSpace(1_000, min_length=700).sample()) == 700
    assert len(TextSpace(9).sample(mask=(7, None))) == 7


def test_equality_is_bounds_and_type_and_the_repr_is_short() -> None:
    assert TextSpace(9) == TextSpace(9, seed=3)
    assert TextSpace(9) != TextSpace(9, min_length=1)
    assert TextSpace(9) != gymnasium.spaces.Text(9, min_length=0)
    assert repr(TextSpace(9)) == "TextSpace(9, min_length=0)"
    assert pickle.loads(pickle.dumps(TextSpace(9))) == TextSpace(9)
    assert len(pickle.dumps(TextSpace())) < 10_000


def test_shared_memory_is_refused() -> None:
    with pytest.raises(gymnasium.error.CustomSpaceError, match="shared_memory=False"):
        create_shared_memory(TextSpace(), n=2)


def test_steps_out_of_order_are_refused() -> None:
    env = Echo()
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.step("a")
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.render()
    env.reset(seed=1)
    assert [env.step(c)[2] for c in "abc"] == [False, False, True]
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step("d")
    env.reset()
    assert env.step("d")[0] == "d"


@pytest.mark.parametrize("action", [None, 3, b"a", ["a"]])
def test_an_action_that_is_no_text_is_refused(action: Any) -> None:
    env = Echo()
    env.reset()
    with pytest.raises(InvalidInputError, match="must be a str, got"):
        env.step(action)


def test_seeds_and_options() -> None:
    env = Echo()
    first = env.reset(seed=5)
    assert env.reset(seed=5) == first
    assert len({env.reset(seed=s)[0] for s in range(20)}) > 1
    assert env.reset(seed=5, options={}) == first
    with pytest.raises(InvalidInputError, match="unknown option 'tsak'"):
        env.reset(options={"tsak": "x"})


def test_ansi_frames_show_control_characters_as_escapes() -> None:
    env = Echo(render_mode="ansi")
    env.reset(seed=1)
    env.step("\x1b[31mred ∈ \ud800\u202e")
    assert env.render() == "> \\x1b[31mred ∈ \\ud800\\u202e\n\\x1b[31mred ∈ \\ud800\\u202e"


def test_human_rendering_prints_while_the_episode_runs(capsys: pytest.CaptureFixture[str]) -> None:
    env = Echo(render_mode="human")
    env.reset(seed=1)
    assert capsys.readouterr().out.startswith("say something")
    env.step("\x1b]0;title\x07")
    assert "\x1b" not in capsys.readouterr().out
    assert env.render() is None
    assert "title" in capsys.readouterr().out


def test_human_rendering_survives_a_terminal_that_knows_ascii_only(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(buffer, encoding="ascii"))
    env = Echo(render_mode="human")
    env.reset(seed=1)
    env.step("2 ∈ A")
    assert b"2 \\u2208 A" in buffer.getvalue()


def test_render_without_a_mode_warns_and_unknown_modes_are_refused() -> None:
    env = Echo()
    env.reset()
    with pytest.warns(UserWarning, match="render_mode='ansi'"):
        assert env.render() is None
    with pytest.raises(InvalidInputError, match="rgb_array"):
        Echo(render_mode="rgb_array")


def test_a_subclass_without_its_hooks_says_which() -> None:
    class Half(TextEnv):
        pass

    with pytest.raises(NotImplementedError, match="Half must define on_reset"):
        Half().reset()
