from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.verifiers.cpp.program import Lines
from stepgym.verifiers.cpp.tokens import TokenIndex, tokenize


def texts(program: str) -> list[str]:
    return [token.text for token in tokenize(program)]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("a+=b++;", ["a", "+=", "b", "++", ";"]),
        ("x<<=2>>1", ["x", "<<=", "2", ">>", "1"]),
        ('cout<<"a // b"; // c', ["cout", "<<", '"a // b"', ";"]),
        ("a /* b \n c */ d /* e", ["a", "d"]),
        ("'\\'' 'x", ["'\\''", "'x"]),
        ('"open\nint', ['"open', "int"]),
        ("#include <bits/stdc++.h>\nint", ["#", "include", "<bits/stdc++.h>", "int"]),
        ("1.5e-3f 0x1F 1'000 .5", ["1.5e-3f", "0x1F", "1'000", ".5"]),
        ('R"x(a "b)" )x" y', ['R"x(a "b)" )x"', "y"]),
        ("a->b::c...", ["a", "->", "b", "::", "c", "..."]),
        ("long été;", ["long", "été", ";"]),
    ],
)
def test_tokens(program, expected):
    assert texts(program) == expected


@given(st.text(alphabet="ab1 \n\t\"'/*\\<>+-(){}#R.e\r\0é", max_size=80))
def test_tokens_stand_where_they_say_and_nothing_but_space_and_comments_lies_between(program):
    last = 0
    for token in tokenize(program):
        assert token.start >= last
        assert program[token.start : token.end] == token.text != ""
        between = program[last : token.start].strip()
        assert not between or between.startswith(("/", "\\"))
        last = token.end


@given(st.text(alphabet="ab; \n", max_size=40), st.integers(0, 45))
def test_the_token_at_a_place(program, place):
    index = TokenIndex(program)
    found = index.at(place)
    covering = [token for token in index.tokens if token.start <= place < token.end]
    before = [token for token in index.tokens if token.end <= place]
    expected = covering or before[-1:] or index.tokens[:1]
    assert found == (expected[0] if expected else None)
    assert index.before(place) == (before[-1] if before else None)


@given(st.text(alphabet="aé𝟒\t\n", max_size=30))
def test_byte_columns_become_characters(program):
    lines = Lines(program)
    place = 0
    for number, line in enumerate(program.split("\n"), 1):
        for column in range(len(line) + 1):
            in_bytes = len(line[:column].encode()) + 1
            assert lines.place(number, in_bytes) == place + column
            assert lines.line_of(place + column) == number
        place += len(line) + 1
    assert lines.place(number + 1, 1) is None
    assert lines.place(0, 1) is None
    assert lines.place(1, 10_000) == len(program.split("\n")[0])
