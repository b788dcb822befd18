from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents.spans import step_start_tokens, token_spans
from stepgym.errors import InvalidInputError
from stepgym.train.credit import CreditConfig, CreditWarning, ResponseCredit, credit_response, credit_spans
from stepgym.verifiers import Finding, Game24Verifier, Verdict

PAPER = CreditConfig(good=1, bad=0, unknown=1)


@pytest.fixture(scope="module")
def characters():
    """One token per character, brackets included, with two special tokens."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = ["<pad>", "<eos>", "<end_of_turn>", *"()[]+-*/=;.: \n", *"0123456789", *"abcdefghijklmnopqrstuvwxyz"]
    core = Tokenizer(models.WordLevel({t: i for i, t in enumerate(vocabulary)}, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    made = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")
    made.add_special_tokens({"additional_special_tokens": ["<end_of_turn>"]})
    return made


@pytest.fixture(scope="module")
def bytes_tokenizer(make_byte_tokenizer):
    """Tokens of several characters, and characters of several tokens."""
    return make_byte_tokenizer(None)


@pytest.fixture(scope="module")
def credit(characters):
    def of(text: str, verdict: Verdict, config: CreditConfig | None = None, *, end: str = "<eos>") -> ResponseCredit:
        ids = [*characters(text)["input_ids"], *([characters.convert_tokens_to_ids(end)] if end else [])]
        return credit_response(verdict, ids, characters, config)

    return of


def refuted(*places: int) -> Verdict:
    return Verdict.wrong(*(Finding(i, i + 1, "bracket") for i in places))


@pytest.mark.parametrize(
    ("text", "end", "verdict", "expected"),
    [
        ("()", "<eos>", Verdict.wrong(Finding(0, 2, "no [", "fatal")), [0, 0, 0]),
        ("[()]", "<eos>", Verdict.correct(), [1, 1, 1, 1, 1]),
        ("[)](", "<eos>", refuted(1, 3), [1, 0, 1, 0, 0]),
        ("[[]", "<eos>", refuted(0), [0, 1, 1, 0]),
        ("[()]", "", Verdict.correct(), [1, 1, 1, 1]),
        ("[()](", "", refuted(4), [1, 1, 1, 1, 0]),
    ],
)
def test_known_answers_on_brackets(credit, text, end, verdict, expected):
    found = credit(text, verdict, PAPER, end=end)
    assert found.tokens.tolist() == expected
    assert found.tokens.dtype == np.float32
    assert found.ended == bool(end)


def test_an_error_on_line_two_of_three_is_an_error_of_exactly_its_tokens(bytes_tokenizer):
    tokenizer = bytes_tokenizer
    lines = ["take apple 1\n", "look, the lazy dog\n", "3+4=0"]
    text = "".join(lines)
    ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    start, end = len(lines[0]), len(lines[0]) + len(lines[1])
    found = credit_response(Verdict.wrong(Finding(start, end, "line")), ids, tokenizer, PAPER)
    spans = token_spans(ids, tokenizer)
    overlapping = [max(a, start) < min(b, end) for a, b in spans[:-1]]
    assert 3 < sum(overlapping) < len(overlapping) < len(text)  # tokens of several characters
    assert found.tokens.tolist() == [*(0 if o else 1 for o in overlapping), 0]


def test_known_answers_on_game_of_24(credit):
    verifier = Game24Verifier()
    right, wrong = "(7-8/8)*4", "(7-8/8)+4"
    numbers = [4, 7, 8, 8]
    assert credit(right, verifier.verify(right, numbers), PAPER).tokens.tolist() == [1] * 10
    assert credit(wrong, verifier.verify(wrong, numbers), PAPER).tokens.tolist() == [0] * 10
    spans_only = CreditConfig(good=1, bad=0, unknown=1, fatal_to_all=False)
    assert credit(wrong, verifier.verify(wrong, numbers), spans_only).tokens[-1] == 0
    assert credit(right, verifier.verify(right, numbers)).tokens.tolist() == [1] * 10
    assert credit(wrong, verifier.verify(wrong, numbers)).tokens.tolist() == [-1] * 10


def test_by_default_proved_is_1_unknown_0_refuted_minus_1(credit):
    text = "1+1=2; so 2+2=5"
    verdict = Verdict.wrong(Finding(0, 5, "sum", "proved"), Finding(5, 9, "style", "warning"), Finding(10, 15, "sum"))
    found = credit(text, verdict)
    assert found.tokens.tolist() == [1] * 5 + [0] * 5 + [-1] * 5 + [0]
    assert found.right is False


def test_refuted_wins_over_proved(credit):
    both = (Finding(0, 4, "a", "proved"), Finding(3, 5, "b"), Finding(2, 5, "c", "proved"))
    assert credit("1+1=2", Verdict.correct(*both)).tokens.tolist() == [1, 1, 1, -1, -1, 0]


@pytest.mark.parametrize(
    ("verdict", "end_reward", "right"),
    [
        (Verdict.correct(), 1, True),
        (Verdict.wrong(), 0, False),
        (Verdict.undecided("too long"), 0, None),
        (Verdict.correct(Finding(0, 1, "slip")), 0, False),
    ],
)
@pytest.mark.parametrize("end", ["<eos>", "<end_of_turn>"])
def test_the_end_token_is_rewarded_only_if_everything_is_right(credit, verdict, end_reward, right, end):
    for config in (None, PAPER):
        found = credit("1+1=2", verdict, config, end=end)
        assert found.tokens[-1] == end_reward
        assert found.right is right


def test_an_empty_finding_is_about_the_token_at_its_place_or_before(credit):
    assert credit("1+1", Verdict.wrong(Finding(1, 1, "x"))).tokens.tolist() == [0, -1, 0, 0]
    assert credit("1+1", Verdict.wrong(Finding(3, 3, "missing"))).tokens.tolist() == [0, 0, -1, 0]
    assert credit("", Verdict.wrong(Finding(0, 0, "empty"))).tokens.tolist() == [0]
    assert credit("", Verdict.wrong(Finding(0, 0, "empty", "fatal"))).tokens.tolist() == [-1]


def test_a_special_token_inside_a_finding_belongs_to_it(characters):
    inner = characters.convert_tokens_to_ids("<end_of_turn>")
    one, two = characters("1")["input_ids"], characters("2")["input_ids"]
    verdict = Verdict.wrong(Finding(0, 2, "x"))
    assert credit_response(verdict, [*one, inner, *two], characters).tokens.tolist() == [-1, -1, -1]
    verdict = Verdict.wrong(Finding(0, 1, "x"))
    assert credit_response(verdict, [*one, inner, *two], characters).tokens.tolist() == [-1, 0, 0]


def test_a_finding_about_another_text_is_refused(credit):
    with pytest.raises(InvalidInputError, match="ends at character 9 of a response of 3"):
        credit("1+1", Verdict.wrong(Finding(0, 9, "x")))


def test_logged_ids_are_not_encoded_again(bytes_tokenizer):
    """Ids that the tokenizer would never make of this text keep their number and their characters."""
    tokenizer = bytes_tokenizer
    text = "né 你好"
    ids = [tokenizer.convert_tokens_to_ids(t) for t in _bytes_as_tokens(text)]
    assert len(tokenizer(text, add_special_tokens=False)["input_ids"]) < len(ids)
    verdict = Verdict.wrong(Finding(1, 2, "accent"), Finding(4, 4, "zero width"))
    expected = [0] + [-1] * 2 + [0] * 4 + [-1] * 3
    assert credit_response(verdict, ids, tokenizer).tokens.tolist() == expected


def _bytes_as_tokens(text: str) -> list[str]:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    names = bytes_to_unicode()
    return [names[b] for b in text.encode()]


@st.composite
def cases(draw):
    text = draw(st.text(st.sampled_from("the quick é你好 3+4=0\n"), max_size=30))
    place = st.integers(0, len(text))
    severity = st.sampled_from(["proved", "note", "warning", "refuted", "fatal"])
    found = draw(st.lists(st.tuples(place, place, severity), max_size=4))
    return text, tuple(Finding(min(a, b), max(a, b), "x", s) for a, b, s in found), draw(st.booleans())


@settings(max_examples=200, deadline=None)
@given(case=cases(), config=st.sampled_from([CreditConfig(), PAPER, CreditConfig(fatal_to_all=False)]))
def test_every_token_has_the_entry_that_its_characters_say(bytes_tokenizer, case, config):
    text, findings, ended = case
    tokenizer = bytes_tokenizer
    ids = tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] * ended
    verdict = Verdict.wrong(*findings)
    found = credit_response(verdict, ids, tokenizer, config)
    assert len(found.tokens) == len(ids)
    assert found.ended == ended
    whole = config.fatal_to_all and any(f.severity == "fatal" for f in findings)
    for (start, end), reward in zip(token_spans(ids, tokenizer), found.tokens.tolist(), strict=True):
        touching = {
            f.severity
            for f in findings
            if set(range(start, end)) & set(range(f.start, f.end)) or (f.start == f.end and start <= f.start < end)
        }
        at_the_end = {f.severity for f in findings if f.start == f.end == len(text)} if end == len(text) else set()
        if whole:
            assert reward == config.bad
        elif start == end:
            assert reward == 0
        elif (touching | at_the_end) & {"refuted", "fatal"}:
            assert reward == config.bad
        elif any(f.severity == "proved" and max(start, f.start) < min(end, f.end) for f in findings):
            assert reward == config.good
        else:
            assert reward == config.unknown
    again = credit_response(verdict, ids, tokenizer, config)
    assert again.tokens.tobytes() == found.tokens.tobytes()


def test_one_reward_per_reasoning_step(characters, credit):
    text = "1+1=2\nso what\n2+2=5\n3+3=6"
    verdict = Verdict.wrong(Finding(0, 5, "sum", "proved"), Finding(14, 19, "sum"), Finding(20, 25, "sum", "proved"))
    found = credit(text, verdict)
    starts = step_start_tokens(characters(text)["input_ids"], characters)
    assert found.steps(starts).tolist() == [1, 0, -1, 1]
    assert found.steps(range(len(found.tokens))).tolist() == found.tokens.tolist()
    fatal = Verdict.wrong(Finding(20, 25, "sum", "fatal"))
    assert credit(text, fatal).steps(starts).tolist() == [-1] * 4
    with pytest.raises(InvalidInputError, match="increasing token indices"):
        found.steps([0, 99])


@pytest.mark.parametrize(
    ("verdict", "last"), [(Verdict.correct(), 1), (Verdict.wrong(), 0), (Verdict.undecided("?"), 0)]
)
def test_the_end_token_makes_the_last_step_good_only_if_everything_is_right(credit, verdict, last):
    assert credit("so\nit is", verdict).steps([0, 3]).tolist() == [0, last]


def test_what_the_modes_make_of_a_vector(credit):
    verdict = Verdict.wrong(Finding(0, 2, "a", "proved"), Finding(2, 3, "b"))
    vector = [1, 1, -1, 0, 0, 0]  # "1+1=2" and the end token

    def weights(**fields) -> list[float]:
        return credit("1+1=2", verdict, CreditConfig(**fields)).weights(0.5).tolist()

    assert weights(weight=1.0) == [0.5 + c for c in vector]
    assert weights(weight=0.0) == [0.5] * 6
    assert weights(mode="scalar_mean", weight=1.0) == pytest.approx([0.5 + 1 / 6] * 6)
    assert weights(mode="scalar_all", weight=0.25) == [0.25] * 6
    with pytest.warns(CreditWarning):
        assert weights(mode="return_to_go", weight=1.0) == [1.5, 0.5, -0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("verdict", "scalar"), [(Verdict.correct(), 1.0), (Verdict.wrong(), -1.0), (Verdict.undecided("?"), 0.0)]
)
def test_scalar_all_says_whether_everything_is_right(credit, verdict, scalar):
    assert credit("1", verdict, CreditConfig("scalar_all")).scalar() == scalar


def test_nothing_written_has_no_credit():
    found = credit_spans(Verdict.wrong(), [], ended=False, config=CreditConfig("scalar_mean"))
    assert found.weights(1.0).tolist() == []
    assert found.scalar() == 0.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mode": "global"}, "mode must be one of"),
        ({"place": "outside"}, "place must be one of"),
        ({"bad": 0.5, "unknown": 0.0}, "bad <= unknown <= good"),
        ({"weight": -1.0}, "weight must be >= 0"),
        ({"good": float("nan")}, "finite"),
        ({"mode": "scalar_mean", "place": "shaping"}, "is for mode 'local'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(InvalidInputError, match=message):
        CreditConfig(**fields)


def test_a_scalar_needs_a_scalar_mode(credit):
    with pytest.raises(InvalidInputError, match="scalar_mean"):
        credit("1", Verdict.correct()).scalar()
