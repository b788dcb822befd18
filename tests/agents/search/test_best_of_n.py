"""Best of n: by V, by votes, by a verifier; where V is read; what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from stepgym.agents import Agent, Sampling, ScriptedPolicy, collect
from stepgym.agents.search import BestOfNPolicy, SearchBudget, StepBeamPolicy, best_of_n, step_beam
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verdict

EOS = 1


def test_best_of_n_takes_the_highest_value(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy = tree_policy(char_tokenizer, ["1", "2", "3"])
    value = table_value(char_tokenizer, lambda text: {"1": 0.1, "2": 0.9, "3": 0.5}[text])
    found = best_of_n(policy, value, "q?", 3)
    assert (found.text, found.score, found.tokens_spent) == ("2", 0.9, 6)
    assert [c.score for c in found.candidates] == [0.1, 0.9, 0.5]
    assert found.finished
    assert str(found) == "2"


def test_value_is_read_after_the_last_token(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    prompt = tuple(char_tokenizer.encode("q?"))
    for after_end, end in ((True, (EOS,)), (False, ())):
        value = table_value(char_tokenizer, lambda text: 0.0)
        best_of_n(tree_policy(char_tokenizer, ["12", "13"]), value, "q?", 2, after_end=after_end)
        stopped = best_of_n(tree_policy(char_tokenizer, ["12"], end=False), value, "q?", 1, after_end=after_end)
        assert value.read.pop() == stopped.completion.prompt_token_ids + stopped.completion.token_ids
        assert value.read == [(*prompt, *char_tokenizer.encode(t), *end) for t in ("12", "13")]


def test_candidates_that_differ_in_their_last_token_are_told_apart(
    char_tokenizer: Any, tree_policy: Any, table_value: Any
) -> None:
    policy = tree_policy(char_tokenizer, ["take apple 1", "take apple 2"])
    value = table_value(char_tokenizer, lambda text: float(text[-1] == "2"))
    assert best_of_n(policy, value, "?", 2).text == "take apple 2"
    stepwise = tree_policy(char_tokenizer, ["go 1\nx", "go 2\nx"])
    value = table_value(char_tokenizer, lambda text: float("2" in text))
    found = step_beam(stepwise, value, "?", width=2)
    assert found.text == "go 2\nx"
    prompt = tuple(char_tokenizer.encode("?"))
    assert (*prompt, *char_tokenizer.encode("go 1\n")) in value.read  # with the delimiter


def test_majority_and_weighted_majority(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy = tree_policy(char_tokenizer, ["is 5", "no 7", "so 7.0", "b 5", "c 7"])
    value = table_value(char_tokenizer, lambda text: 0.9 if "5" in text else 0.1)
    assert best_of_n(policy, None, "?", 5, choose="majority").text == "no 7"
    assert best_of_n(policy, value, "?", 5, choose="weighted_majority").text == "is 5"
    by_text = best_of_n(policy, None, "?", 5, choose="majority", answer_of=lambda t: t[:1])
    assert by_text.text == "is 5"  # all differ: the first
    with pytest.raises(InvalidInputError, match="value function"):
        best_of_n(policy, None, "?", 5)


def test_cut_answers_are_chosen_last(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy = tree_policy(char_tokenizer, ["11111111", "2"])
    value = table_value(char_tokenizer, lambda text: len(text))
    found = best_of_n(policy, value, "?", 2, sampling=Sampling(max_tokens=4))
    assert (found.text, found.tokens_spent) == ("2", 6)
    all_cut = best_of_n(policy, value, "?", 1, sampling=Sampling(max_tokens=4))
    assert (all_cut.text, all_cut.finished) == ("1111", False)
    bounded = best_of_n(policy, value, "?", 4, budget=SearchBudget(tokens=11))
    assert bounded.tokens_spent <= 11
    with pytest.raises(InvalidInputError, match="budget"):
        best_of_n(policy, value, "?", 4, budget=SearchBudget(tokens=3))


def test_searches_act_in_environments(char_tokenizer: Any, echo_env: Any, tree_policy: Any, table_value: Any) -> None:
    value = table_value(char_tokenizer, lambda text: float(text.endswith("3")))
    policy = tree_policy(char_tokenizer, ["1", "2", "3"])
    from stepgym.agents import PlainPrompt

    for search in (BestOfNPolicy(policy, value, 3), StepBeamPolicy(policy, value, width=3)):
        done = collect(
            echo_env, Agent(search, PlainPrompt(suffix="?")), tasks=["3"], samples_per_task=4, progress=False
        )
        assert done.successes == 4
        assert done.episodes[0].policy == f"{search.name}"
        assert search.tokens_spent == 4 * 3 * 2


def test_search_needs_ids(char_tokenizer: Any, table_value: Any) -> None:
    value = table_value(char_tokenizer, len)
    with pytest.raises(InvalidInputError, match="ids"):
        best_of_n(ScriptedPolicy(["a"]), value, "?", 2)
    with pytest.raises(InvalidInputError, match="tokenizer"):
        step_beam(ScriptedPolicy(["a"]), value, "?")
    assert best_of_n(ScriptedPolicy(["7"]), None, "?", 2, choose="majority").text == "7"


class Grader:
    """Knows some answers; context and reference are shown to it."""

    def __init__(self, **verdicts: Verdict) -> None:
        self.verdicts, self.asked = verdicts, list[tuple[str, Any, str]]()

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        self.asked.append((response, reference, context))
        return self.verdicts[response]


def test_choice_by_verifier(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    grader = Grader(
        a=Verdict.wrong(reason="no", score=0.9), b=Verdict.undecided("?"), c=Verdict.correct(), d=Verdict.correct()
    )
    value = table_value(char_tokenizer, lambda text: {"a": 1.0, "b": 0.9, "c": 0.1, "d": 0.2}[text])

    def choose(answers: str, value: Any = None) -> tuple[str, float | None]:
        policy = tree_policy(char_tokenizer, list(answers))
        found = best_of_n(
            policy, value, "q?", len(answers) + 1, choose="verifier", verifier=grader, reference={"is": "c"}
        )
        return found.text, found.score

    assert choose("abcd") == ("c", 1.0)
    assert choose("abcd", value) == ("d", 1.0)  # among equals by V
    assert choose("ab") == ("b", 1 / 3)
    assert choose("a") == ("a", pytest.approx(0.3))
    assert grader.asked[0] == ("a", {"is": "c"}, "q?")
    assert len(grader.asked) == 4 + 4 + 2 + 1, "equal answers are judged once"


def test_a_verifier_goes_with_its_choice(char_tokenizer: Any, tree_policy: Any) -> None:
    policy = tree_policy(char_tokenizer, ["1+1=2", "1+1=3"])
    found = best_of_n(policy, None, "1+1?", 2, choose="verifier", verifier="math-steps")
    assert found.text == "1+1=2"
    with pytest.raises(InvalidInputError, match="goes with choose='verifier'"):
        best_of_n(policy, None, "?", 2, choose="verifier")
    with pytest.raises(InvalidInputError, match="goes with choose='verifier'"):
        best_of_n(policy, None, "?", 2, choose="majority", verifier="exact")
    with pytest.raises(InvalidInputError, match="goes with choose='verifier'"):
        BestOfNPolicy(policy, None, 2, choose="verifier")


def test_equal_candidates_are_read_once(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    value = table_value(char_tokenizer, len)
    found = best_of_n(tree_policy(char_tokenizer, ["1", "2"]), value, "?", 6)
    assert len(value.read) == 2
    assert (found.tokens_spent, found.tokens_scored) == (12, 4)


def test_a_value_that_is_no_number_is_refused(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    with pytest.raises(InvalidInputError, match="finite"):
        best_of_n(tree_policy(char_tokenizer, ["1"]), table_value(char_tokenizer, lambda text: float("inf")), "?", 1)
