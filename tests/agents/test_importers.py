"""Foreign logs become episodes; what is malformed is counted with its place, or refused."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import (
    EpisodeLog,
    ImportReport,
    import_log,
    read_chats,
    read_oreo,
    read_references,
    read_responses,
)
from stepgym.agents.importers.columns import outcome_of, prompt_id, value_at
from stepgym.errors import InvalidInputError, StepgymError, UnknownNameError

SHARED = Path(os.environ.get("STEPGYM_SHARED", "../shared"))
SOLUTIONS = SHARED / "data/math/gsm8k_example_model_solutions_half.jsonl.gz"
SOLUTION_COLUMNS = {"prompt": "question", "response": "{model}.solution", "reward": "{model}.is_correct"}


def lines(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_oreo_rows_become_episodes_of_one_turn(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "math.jsonl",
        [{"prompt": "1+1?", "response": "2", "reward": 1}, {"prompt": "1+1?", "response": "3", "reward": 0}],
    )
    right, wrong = read_oreo(file, policy="old", env_id="lab/Sums-v0")
    assert (right.steps[0].observation, right.steps[0].action, right.steps[0].reward) == ("1+1?", "2", 1.0)
    assert right.steps[0].completion is None
    assert (right.outcome, wrong.outcome, right.success, wrong.success) == (1.0, 0.0, True, False)
    assert right.task_id == wrong.task_id
    assert right.id != wrong.id
    assert (right.policy, right.env_id, right.end) == ("old", "lab/Sums-v0", "terminated")


def test_the_whole_way_from_file_to_log(tmp_path: Path) -> None:
    bad = "{broken"
    file = lines(tmp_path / "m.jsonl", [{"prompt": "a", "response": "b", "reward": 1}, bad, {"prompt": "a"}])
    report = import_log(file, tmp_path / "log")
    assert (report.rows, report.episodes, report.successes) == (3, 1, 1)
    assert report.skipped == {"not valid JSON": 1, "no column 'response'": 1}
    assert report.examples[0].startswith("line 2: not valid JSON at column")
    assert report.examples[1].startswith("line 3: no column 'response'; there is 'prompt'")
    assert "2 skipped" in str(report)
    assert json.loads(json.dumps(report.to_dict()))["skipped"]["not valid JSON"] == 1
    log = EpisodeLog(tmp_path / "log")
    assert [e.id for e in log] == ["m:1"]
    assert log.meta["imported"]["source"] == "m.jsonl"


def test_a_second_import_adds_only_what_is_new(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "response": f"b{i}", "reward": i % 2} for i in range(4)]
    import_log(lines(tmp_path / "m.jsonl", rows[:2]), tmp_path / "log")
    report = import_log(lines(tmp_path / "m.jsonl", rows), tmp_path / "log")
    assert report.present == 2
    assert len(EpisodeLog(tmp_path / "log")) == 4


def test_repeated_ids_in_a_file_are_counted(tmp_path: Path) -> None:
    file = lines(tmp_path / "m.jsonl", [{"q": "a", "a": "b", "n": 7}] * 2)
    columns = {"prompt": "q", "response": "a", "id": "n"}
    report = import_log(file, tmp_path / "log", format="rows", columns=columns)
    assert report.skipped == {"repeats an id": 1}
    assert EpisodeLog(tmp_path / "log").ids() == {"7"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("[1]", "expected a JSON object"),
        ({"response": "b", "reward": 1}, "no column 'prompt'"),
        ({"prompt": "a", "response": "b"}, "no column 'reward'"),
        ({"prompt": 5, "response": "b", "reward": 1}, "'prompt' must be text, got int"),
        ({"prompt": "a", "response": None, "reward": 1}, "'response' must be text, got NoneType"),
        ({"prompt": "a", "response": "b", "reward": "maybe"}, "'reward' must be a finite number"),
        ({"prompt": "a", "response": "b", "reward": [1]}, "'reward' must be a finite number"),
        ('{"prompt": "a", "response": "b", "reward": NaN}', "NaN is no JSON number"),
        ('{"prompt": "a", "response": "b", "reward": 1e999}', "'reward' must be a finite number"),
        ({"prompt": "a", "response": ["b", "c"], "reward": [1]}, "holds 2 responses, 'reward' must hold as many"),
    ],
)
def test_malformed_rows_are_skipped_or_refused_with_their_line(tmp_path: Path, row: Any, reason: str) -> None:
    good = {"prompt": "a", "response": "b", "reward": True}
    file = lines(tmp_path / "m.jsonl", [good, row, good])
    report = ImportReport()
    assert len(list(read_oreo(file, report=report))) == 2
    assert reason in report.examples[0]
    assert report.examples[0].startswith("line 2: ")
    with pytest.raises(InvalidInputError, match=r"line 2: .*on_error='skip'"):
        list(read_oreo(file, on_error="raise"))


def test_several_models_in_a_row(tmp_path: Path) -> None:
    row = {"q": "1+1?", "small": {"text": "3", "ok": False}, "big": {"text": "2", "ok": True}, "note": "x"}
    file = lines(tmp_path / "m.jsonl", [row])
    columns = {"prompt": "q", "response": "{model}.text", "reward": "{model}.ok"}
    episodes = list(read_responses(file, columns=columns))
    assert [(e.policy, e.steps[0].action, e.outcome) for e in episodes] == [("small", "3", 0.0), ("big", "2", 1.0)]
    assert len({e.id for e in episodes}) == 2
    assert [e.policy for e in read_responses(file, columns=columns, each=["big"])] == ["big"]
    report = ImportReport()
    assert len(list(read_responses(file, columns=columns, each=["big", "huge"], report=report))) == 1
    assert "no column 'huge.text'" in report.examples[0]


def test_a_placeholder_below_another_key_and_lists_of_responses(tmp_path: Path) -> None:
    file = lines(tmp_path / "m.jsonl", [{"q": "?", "by": {"a": {"t": "1"}, "b": {"t": "2"}}}])
    episodes = list(read_responses(file, columns={"prompt": "q", "response": "by.{who}.t"}))
    assert [(e.policy, e.steps[0].action, e.outcome) for e in episodes] == [("a", "1", None), ("b", "2", None)]
    file = lines(tmp_path / "n.jsonl", [{"q": "?", "samples": ["x", "y"], "scores": [0, 1], "t": 3, "who": None}])
    columns = {"prompt": "q", "response": "samples", "reward": "scores", "task": "t", "policy": "who"}
    episodes = list(read_responses(file, columns=columns, policy="p"))
    assert [(e.id, e.steps[0].action, e.outcome) for e in episodes] == [("n:1:0", "x", 0.0), ("n:1:1", "y", 1.0)]
    assert {(e.task_id, e.policy) for e in episodes} == {("3", "p")}


@pytest.mark.parametrize(
    ("columns", "each", "error"),
    [
        ({"response": "a"}, (), "where the prompt is"),
        ({"prompt": "a"}, (), "where the response is"),
        ({"prompt": "a", "response": "b", "score": "c"}, (), "No field of an episode is called 'score'"),
        ({"prompt": "{x}", "response": "b"}, (), "a placeholder is possible in"),
        ({"prompt": "a", "response": "b"}, ("x",), "each= needs a placeholder"),
        ({"prompt": "a", "response": "b", "reward": "{x}.r"}, (), "needs one in the response too"),
        ({"prompt": "a", "response": ""}, (), "must be a name or a dotted path"),
    ],
)
def test_a_wrong_column_map_is_refused_before_reading(
    tmp_path: Path, columns: dict[str, str], each: tuple[str, ...], error: str
) -> None:
    with pytest.raises(StepgymError, match=error):
        read_responses(tmp_path / "not-there.jsonl", columns=columns, each=each)


def test_chats_of_both_styles_and_several_turns(tmp_path: Path) -> None:
    first = [
        {"role": "system", "content": "You are in a kitchen."},
        {"role": "user", "content": [{"type": "text", "text": "You see a door."}]},
        {"role": "assistant", "content": "open door"},
        {"role": "tool", "content": "It is open."},
        {"role": "assistant", "content": "go"},
        {"role": "user", "content": "You won."},
    ]
    second = [{"from": "human", "value": "You see a door."}, {"from": "gpt", "value": "wait"}]
    rows = [{"messages": first, "reward": 1}, {"conversations": second, "reward": 0.0}]
    long, short = read_chats(lines(tmp_path / "c.jsonl", rows))
    assert [(s.observation, s.action, s.reward, s.terminated) for s in long.steps] == [
        ("You are in a kitchen.\n\nYou see a door.", "open door", 0.0, False),
        ("It is open.", "go", 1.0, True),
    ]
    assert (long.outcome, short.outcome, len(short.steps)) == (1.0, 0.0, 1)
    assert short.task_id == prompt_id("You see a door.")


def test_a_json_array_with_context_messages(tmp_path: Path) -> None:
    chat = [
        {"role": "user", "content": "Instruction."},
        {"role": "assistant", "content": "OK"},
        {"role": "user", "content": "You see a door."},
        {"role": "assistant", "content": "open door"},
    ]
    file = tmp_path / "alfworld.json"
    file.write_text(json.dumps([{"conversations": chat, "reward": 1}]))
    (episode,) = read_chats(file, context_messages=3)
    assert [(s.observation, s.action) for s in episode.steps] == [
        ("Instruction.\n\nOK\n\nYou see a door.", "open door")
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"reward": 1}, "expected a list of messages in 'messages' or 'conversations'"),
        ({"messages": [{"role": "user", "content": "a"}], "reward": 1}, "the assistant wrote no message"),
        ({"messages": [], "reward": 1}, "the assistant wrote no message"),
        ({"messages": ["hi"], "reward": 1}, "message 0 must be an object, got str"),
        ({"messages": [{"role": "critic", "content": "a"}], "reward": 1}, "message 0 has the role 'critic'"),
        ({"messages": [{"role": ["user"], "content": "a"}], "reward": 1}, "message 0 has the role"),
        ({"messages": [{"role": "assistant"}], "reward": 1}, "a message needs text"),
        ({"messages": [{"role": "assistant", "content": [{"type": "image"}]}], "reward": 1}, "a message needs text"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "no column 'reward'"),
    ],
)
def test_malformed_chats_are_counted(tmp_path: Path, row: Any, reason: str) -> None:
    report = ImportReport()
    assert list(read_chats(lines(tmp_path / "c.jsonl", [row]), report=report)) == []
    assert reason in report.examples[0]


def test_chats_without_a_reward_have_no_outcome(tmp_path: Path) -> None:
    file = lines(tmp_path / "c.jsonl", [{"messages": [{"role": "assistant", "content": "a"}]}])
    assert [e.outcome for e in read_chats(file, reward=None)] == [None]
    report = import_log(file, tmp_path / "log", format="chat", columns={"reward": ""})
    assert report.undecided == 1


def test_wrong_files_formats_and_empty_results_are_named(tmp_path: Path) -> None:
    empty = lines(tmp_path / "empty.jsonl", [])
    junk = lines(tmp_path / "junk.jsonl", ["oops"] * 3)
    (tmp_path / "a.txt").write_text("x")
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: import_log(tmp_path / "none.jsonl", tmp_path / "log"), "There is no file"),
        (lambda: import_log(tmp_path, tmp_path / "log"), "is a folder"),
        (lambda: import_log(tmp_path / "a.txt", tmp_path / "log"), "expected .jsonl"),
        (lambda: import_log(empty, tmp_path / "log"), "nothing in .*empty.jsonl could be imported"),
        (lambda: import_log(junk, tmp_path / "log"), "3 x not valid JSON"),
        (lambda: import_log(empty, tmp_path / "log", format="rows"), "rows need a column map"),
        (lambda: read_oreo(empty, on_error="stop"), "on_error must be one of"),  # type: ignore[arg-type]
        (lambda: read_chats(empty, context_messages=-1), "context_messages must be"),
    ]
    for call, error in cases:
        with pytest.raises(InvalidInputError, match=error):
            call()
    with pytest.raises(UnknownNameError, match=r"No format is called 'oroe'\. Did you mean 'oreo'"):
        import_log(empty, tmp_path / "log", format="oroe")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="No field of a chat"):
        import_log(empty, tmp_path / "log", format="chat", columns={"prompt": "x"})


def test_a_cut_packed_file_gives_what_it_holds(tmp_path: Path) -> None:
    rows = [{"prompt": os.urandom(200).hex(), "response": "b", "reward": 1} for _ in range(100)]
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    (tmp_path / "m.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    report = ImportReport()
    assert 0 < len(list(read_oreo(tmp_path / "m.jsonl.gz", report=report))) < 100
    assert report.skipped.total() >= 1


def test_the_report_shows_control_characters_as_text(tmp_path: Path) -> None:
    file = lines(tmp_path / "m.jsonl", [{"\x1b[31mprompt": 1}, {"prompt": "a", "response": "b", "reward": 1}])
    report = ImportReport()
    list(read_oreo(file, report=report))
    assert "\x1b" not in str(report)


def test_references_by_task(tmp_path: Path) -> None:
    file = lines(tmp_path / "m.jsonl", [{"q": "1+1?", "gold": "2"}, {"q": "no gold"}, {"q": "2+2?", "gold": 4}])
    references = read_references(file, columns={"prompt": "q", "reference": "gold"})
    assert references == {prompt_id("1+1?"): "2", prompt_id("2+2?"): 4}
    file = lines(tmp_path / "n.jsonl", [{"q": "1+1?", "gold": "1 and 1 #### is\n#### 2\n"}])
    assert read_references(file, columns={"task": "q", "reference": "gold"}, after="####") == {"1+1?": "2"}
    with pytest.raises(InvalidInputError, match='map "reference"'):
        read_references(file, columns={"prompt": "q"})


def test_prompt_ids_ignore_white_space_only() -> None:
    assert prompt_id(" a  b\n") == prompt_id("a b") != prompt_id("a B")


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(True, 1.0), (0, 0.0), (0.5, 0.5), ("1", 1.0), ("False", 0.0), ("correct", 1.0), (" wrong ", 0.0), (None, None)],
)
def test_outcomes_in_many_spellings(value: object, outcome: float | None) -> None:
    assert outcome_of(value, "reward") == outcome


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.{}0", max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(row=st.dictionaries(st.sampled_from(["prompt", "response", "reward", "messages"]), JSON), path=st.text("ab.0{}"))
@settings(max_examples=200, deadline=None)
def test_any_row_is_an_episode_or_a_counted_skip(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any], path: str
) -> None:
    file = lines(tmp_path_factory.mktemp("rows") / "m.jsonl", [row])
    for read in (read_oreo, read_chats):
        report = ImportReport()
        episodes = list(read(file, report=report))
        assert len(episodes) + report.skipped.total() >= 1
    with contextlib.suppress(InvalidInputError):
        value_at(row, path)


@pytest.mark.shared
@pytest.mark.skipif(not SOLUTIONS.exists(), reason="needs ../shared (set STEPGYM_SHARED)")
def test_real_model_solutions(tmp_path: Path) -> None:
    report = import_log(SOLUTIONS, tmp_path / "log", format="rows", columns=SOLUTION_COLUMNS, on_error="raise")
    assert (report.rows, report.episodes, report.skipped) == (551, 2204, {})
    assert report.successes + report.failures == 2204
    log = EpisodeLog(tmp_path / "log", on_error="raise")
    assert {e.policy for e in log} == {
        "6b_finetuning",
        "6b_verification",
        "175b_finetuning",
        "175b_verification",
    }
    assert len({e.task_id for e in log}) == 551
    references = read_references(SOLUTIONS, columns={"prompt": "question", "reference": "ground_truth"})
    assert {e.task_id for e in log} == set(references)
