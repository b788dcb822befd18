"""Our own reading of a broken program, where the compiler notices an error far from its place."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from stepgym.verifiers.cpp.tokens import Token, TokenIndex, tokenize

# The standard asks compilers for 256; g++ takes time that grows with the square, then all of its stack.
MAX_NESTING = 1_000
_PAIRS = {")": "(", "]": "[", "}": "{"}


def suspect_brace(index: TokenIndex) -> tuple[int, int] | None:
    """The bracket that is one too many, or beside which one is missing; None if all brackets are in pairs.

    Where a brace is missing the compiler says so at the end of the program. The indentation says more: the first line
    that closes a brace of another depth is where it went wrong.
    """
    open_braces: list[Token] = []
    for token in index.tokens:
        if token.text in ("(", "[", "{"):
            open_braces.append(token)
        elif token.text in _PAIRS:
            if not open_braces:
                return token.start, token.end
            opener = open_braces[-1]
            if opener.text != _PAIRS[token.text]:
                return (opener.start, opener.end) if token.text == "}" else (token.start, token.end)
            if token.text == "}" and _first_on_line(index, token) and _differs(index, opener, token):
                before = index.before(token.start)
                chosen = token if before is None else before
                # A brace further out than its opener closes something else: one is missing before it.
                return (chosen.start, chosen.end) if chosen.end - chosen.start <= 12 else (token.start, token.end)
            open_braces.pop()
    if not open_braces:
        return None
    return _unclosed(index, open_braces[-1])


def _unclosed(index: TokenIndex, opener: Token) -> tuple[int, int]:
    """Where the closing bracket may be missing: before the next line no deeper than the opener's, else at the end."""
    last = index.tokens[-1]
    if opener.text == "{":
        depth = _indent(index.program, opener.start)
        later = (token for token in index.tokens if token.start > opener.end and _first_on_line(index, token))
        following = next((token for token in later if _indent(index.program, token.start) <= depth), None)
        found = last if following is None else index.before(following.start) or last
        return (found.start, found.end) if found.end - found.start <= 12 else (found.end - 1, found.end)
    return opener.start, opener.end


def misspelt_for(index: TokenIndex, place: int) -> Token | None:
    """The word before the brackets of a line that look like those of a `for`, if it is another word."""
    start = _line_start(index.program, place)
    end = index.program.find("\n", place)
    tokens = index.within(start, len(index.program) if end < 0 else end)
    for word, bracket in pairwise(tokens):
        if bracket.text == "(" and word.text.isidentifier():
            inside = [token.text for token in tokens if token.start > bracket.start]
            return word if word.text != "for" and inside.count(";") == 2 and inside[-1] in ("{", ")") else None
    return None


def nesting(program: str) -> int:
    """How deep brackets are nested, whatever is in texts and comments left out."""
    depth = deepest = 0
    for token in tokenize(program):
        if token.text in ("(", "[", "{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token.text in _PAIRS:
            depth = max(0, depth - 1)
    return deepest


def forgotten_declaration(index: TokenIndex, name: str) -> Token | None:
    """What may have been meant to declare `name`, which is used and nowhere declared; None if nothing looks like it.

    A name used once, one slip away; a word that is no type where the first use looks like a declaration; another name
    that is declared right before the first use and never used.
    """
    tokens = index.tokens
    counts = Counter(token.text for token in tokens if token.text.isidentifier())
    uses = [number for number, token in enumerate(tokens) if token.text == name]
    if name == "main":
        uses = []
    elif len(uses) < 2:
        return None
    before = tokens[: uses[0]] if uses else tokens
    near = [token for token in before if counts[token.text] == 1 and one_slip(token.text, name)]
    if near:
        return near[-1]
    if not uses:
        return _last_function(tokens)
    number = uses[0]
    if number >= 2 and tokens[number - 1].text in _NO_TYPES and tokens[number - 2].text in _STATEMENT_ENDS:
        return tokens[number - 1]
    declared = [
        tokens[i]
        for i in range(1, number)
        if tokens[i - 1].text in _TYPES
        and (counts[tokens[i].text] == 1 or tokens[i].text in _LIBRARY)
        and tokens[i].text.isidentifier()
        and tokens[i].text not in _TYPES
        and tokens[i + 1].text != "("
    ]
    return declared[-1] if declared else None


def _last_function(tokens: list[Token]) -> Token | None:
    """The name of the last function without arguments."""
    for number in range(len(tokens) - 3, 0, -1):
        if tokens[number - 1].text in _TYPES and [t.text for t in tokens[number + 1 : number + 3]] == ["(", ")"]:
            return tokens[number]
    return None


def one_slip(one: str, other: str) -> bool:
    """Whether two names of 3 letters or more differ by one character, or by two neighbours swapped."""
    if one == other or abs(len(one) - len(other)) > 1 or min(len(one), len(other)) < 3:
        return False
    head = 0
    while head < min(len(one), len(other)) and one[head] == other[head]:
        head += 1
    a, b = one[head:], other[head:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _first_on_line(index: TokenIndex, token: Token) -> bool:
    return not index.program[_line_start(index.program, token.start) : token.start].strip()


def _differs(index: TokenIndex, opener: Token, closer: Token) -> bool:
    return _indent(index.program, opener.start) > _indent(index.program, closer.start)


def _line_start(program: str, place: int) -> int:
    return program.rfind("\n", 0, place) + 1


def _indent(program: str, place: int) -> int:
    start = _line_start(program, place)
    text = program[start : start + 200]
    return len(text.expandtabs(4)) - len(text.expandtabs(4).lstrip())


_TYPES = frozenset(("int", "char", "bool", "long", "short", "float", "double", "auto", "string", ">", "&"))
_NO_TYPES = frozenset(("return", "break", "continue", "else", "void", "if", "while", "for", "using", "case", "do"))
_LIBRARY = frozenset(("cin", "cout", "endl", "std", "bits", "stdc"))
_STATEMENT_ENDS = frozenset((";", "{", "}", ")"))
