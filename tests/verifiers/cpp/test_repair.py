from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from stepgym.verifiers.cpp.header_names import outer_names
from stepgym.verifiers.cpp.headers import Preamble
from stepgym.verifiers.cpp.repair import apply_edits, find_edits, same_tokens, search_repair
from stepgym.verifiers.cpp.tokens import tokenize

RIGHT = "int f(int a) {\n  int b = a + 1;\n  return b * 2;\n}\n"
PIECES = st.lists(st.sampled_from(["a", "b", "+", ";", "(", "\n", " ", '"s"', "12", "#", "int"]), max_size=25)


@given(PIECES, PIECES)
def test_all_edits_together_give_the_tokens_of_the_right_program(one, other):
    program, solution = "x ; y ; z ; u ; v ;" + " ".join(one), "x ; y ; z ; u ; v ;" + " ".join(other)
    edits = find_edits(program, solution)
    assume(edits is not None)
    mended = apply_edits(program, edits)
    assert [t.text for t in tokenize(mended)] == [t.text for t in tokenize(solution)]
    for edit in edits:
        assert 0 <= edit.span[0] < edit.span[1] <= len(program)
        assert edit.span[0] <= edit.end
        assert edit.start <= edit.span[1]


def test_programs_with_nothing_in_common_are_not_compared():
    assert find_edits("while (true) { cout << 1; } // endless", RIGHT) is None
    assert find_edits("", RIGHT) is None
    assert find_edits("x " * 5_000, RIGHT) is None


def test_white_space_and_comments_make_no_edits():
    assert find_edits(RIGHT.replace("\n", " /* c */\n\n"), RIGHT) == []
    assert same_tokens(RIGHT.replace(" ", "  "), RIGHT)
    assert not same_tokens("#define A\nint b;", "#define A int b;")


def tried(program: str, solution: str, wrong: set[str], *, budget: int = 8, hint=None):
    """The repair of a program that fails as long as it holds one of some tokens, and how often it was tried."""
    calls = []

    def passes(text: str) -> bool:
        calls.append(text)
        return not wrong & {token.text for token in tokenize(text)}

    edits = find_edits(program, solution)
    assert edits
    return search_repair(program, edits, passes, hint=hint, budget=budget), len(calls)


def test_one_edit_needs_no_trial():
    repair, calls = tried(RIGHT.replace("+", "-"), RIGHT, {"-"})
    assert calls == 0
    assert [(edit.by, edit in repair.needed) for edit in repair.edits] == [("+", True)]


def test_harmless_differences_are_left_out():
    program = RIGHT.replace("a", "k").replace("b", "q").replace("*", "%")
    repair, calls = tried(program, RIGHT, {"%"})
    assert [edit.by for edit in repair.needed] == ["*"]
    assert calls <= 8


def test_a_hint_is_tried_first():
    program = RIGHT.replace("a", "k").replace("*", "%")
    place = program.index("%")
    repair, calls = tried(program, RIGHT, {"%"}, hint=(place, place + 1))
    assert [edit.by for edit in repair.edits] == ["*"]
    assert calls == 1


def test_what_was_not_shown_to_be_needed_is_not_claimed():
    program = RIGHT.replace("a", "k").replace("b", "q").replace("*", "%")
    repair, calls = tried(program, RIGHT, {"%"}, budget=0)
    assert calls == 0
    assert not repair.needed
    assert len(repair.edits) > 1


def test_the_leading_headers():
    program = "// first\n#include <vector>\n #include<iostream> // again\n\nint main() {}\n#include <map>\n"
    assert Preamble(program).headers == ("iostream", "vector")
    assert program[Preamble(program).end :].startswith("int main")
    assert Preamble("#include <cmath>\n#include <bits/stdc++.h>\n").headers == ("bits/stdc++.h",)
    assert Preamble("#define int long long\n#include <vector>\n").headers == ()
    assert Preamble("#include <vectro>\n#include <map>\n").headers == ()


def test_names_that_a_header_declares():
    text = """
    #define LIMIT inner
    namespace std { class box { int hidden; void call(); }; int free_one(int); enum { RED, GREEN };
      inline void body() { int local; } int operator""_i(char); }
    extern "C" { int old_one; }
    int std::box::outside() { int deep; }
    using std::second;
    """
    assert outer_names(text) >= {"LIMIT", "box", "free_one", "RED", "GREEN", "body", "old_one", "second"}
    assert not outer_names(text) & {"hidden", "call", "local", "deep", "outside", "inner", "_i", "i"}
