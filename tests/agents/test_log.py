"""The episode log: what is written is read again, whatever happens in between."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import Completion, Episode, EpisodeLog, Sampling, Step, split_by_task
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Finding, Verdict


def episode(name: str = "e0", action: str = "2+2=4", outcome: float | None = 1.0, task: str = "t0") -> Episode:
    completion = Completion(action, True, (1, 2), (3, 4, 5), (-0.1, -0.2, -0.3))
    verdict = Verdict.correct(Finding(0, 1, "final-answer", "proved", "equal", {"value": 4}), verifier="math-answer/1")
    step = Step("What is 2+2?", action, completion, outcome or 0.0, True, False, (verdict,))
    return Episode(name, "stepgym/Test-v0", task, (step,), outcome, sampling=Sampling(stop=("\n",)), seed=3)


def write(folder: Path, *episodes: Episode) -> Path:
    with EpisodeLog(folder, mode="a") as log:
        log.extend(episodes)
    return folder / "episodes.jsonl"


def test_what_is_appended_is_read_again_in_order(tmp_path: Path) -> None:
    episodes = [episode(f"e{i}") for i in range(5)]
    write(tmp_path / "log", *episodes)
    log = EpisodeLog(tmp_path / "log")
    assert list(log) == episodes
    assert len(log) == 5
    assert log.ids() == {f"e{i}" for i in range(5)}
    assert "e3" in log
    assert "e5" not in log
    assert log.problems == ()


@given(text=st.text(st.characters(exclude_categories=()), max_size=40), outcome=st.none() | st.floats(-5, 5))
@settings(max_examples=60, deadline=None)
def test_any_text_survives_the_round_trip(tmp_path_factory: pytest.TempPathFactory, text: str, outcome: float) -> None:
    folder = tmp_path_factory.mktemp("log")
    original = replace(episode(action=text, outcome=outcome), policy=text)
    file = write(folder, original)
    assert list(EpisodeLog(folder)) == [original]
    assert file.read_bytes().count(b"\n") == 1


def test_an_episode_is_in_the_file_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    log = EpisodeLog(tmp_path / "log", mode="a")
    log.append(episode("e0"))
    assert [e.id for e in EpisodeLog(tmp_path / "log")] == ["e0"]
    log.append(episode("e1"))
    assert [e.id for e in log] == ["e0", "e1"]
    log.close()


def test_a_repeated_id_is_refused_also_after_reopening(tmp_path: Path) -> None:
    write(tmp_path, episode("e0"))
    with EpisodeLog(tmp_path, mode="a") as log:
        with pytest.raises(InvalidInputError, match="already has an episode with the id 'e0'"):
            log.append(episode("e0"))
        log.append(episode("e1"))
    assert len(EpisodeLog(tmp_path)) == 2


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_torn_last_line_is_left_out_and_cut_away_by_the_next_writer(tmp_path: Path, kept: int) -> None:
    file = write(tmp_path, episode("e0"), episode("e1"))
    whole = file.read_bytes()
    second = whole.index(b"\n") + 1
    file.write_bytes(whole[: second + kept] if kept > 0 else whole[:-2])
    for on_error in ("skip", "raise"):
        log = EpisodeLog(tmp_path, on_error=on_error)
        assert [e.id for e in log] == ["e0"]
        assert [(p.line, p.reason) for p in log.problems] == [(2, "cut off: the line has no end")]
    write(tmp_path, episode("e1"), episode("e2"))
    log = EpisodeLog(tmp_path)
    assert [e.id for e in log] == ["e0", "e1", "e2"]
    assert log.problems == ()


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path) -> None:
    file = write(tmp_path, episode("e0"), episode("e1"))
    file.write_bytes(file.read_bytes()[:-1])
    assert [e.id for e in EpisodeLog(tmp_path)] == ["e0", "e1"]
    write(tmp_path, episode("e2"))
    assert [e.id for e in EpisodeLog(tmp_path, on_error="raise")] == ["e0", "e1", "e2"]


def test_a_torn_line_longer_than_a_block_is_cut_away(tmp_path: Path) -> None:
    file = write(tmp_path, episode("e0"), episode("e1", action="x" * 200_000))
    file.write_bytes(file.read_bytes()[:-5])
    write(tmp_path, episode("e2"))
    assert [e.id for e in EpisodeLog(tmp_path)] == ["e0", "e2"]


CORRUPT = {
    "not json": (b"{oops", "not valid JSON"),
    "half a line": (b'{"schema":1,"id":"e1","env_', "not valid JSON"),
    "no object": (b"[1, 2]", "expected a JSON object, got list"),
    "other record": (b'{"prompt": "a"}', "expected an episode of schema <= 1, got schema None"),
    "newer schema": (b'{"schema": 99}', "expected an episode of schema <= 1, got schema 99"),
    "no steps": (b'{"schema": 1, "id": "a"}', "not an episode record"),
    "outcome as text": (b'{"schema":1,"id":"a","env_id":"","task_id":"","steps":[],"outcome":"1"}', "outcome must be"),
    "nan": (b'{"schema":1,"id":"a","env_id":"","task_id":"","steps":[],"outcome":NaN}', "NaN is no JSON number"),
    "infinite": (b'{"schema":1,"id":"a","env_id":"","task_id":"","steps":[],"outcome":1e999}', "outcome must be"),
    "id as number": (b'{"schema":1,"id":1,"env_id":"","task_id":"","steps":[],"outcome":1}', "id must be a string"),
    "unknown end": (
        b'{"schema":1,"id":"a","env_id":"","task_id":"","steps":[],"outcome":1,"end":"x"}',
        "end must be one of",
    ),
    "not utf-8": (b'{"schema": "\xff"}', "not UTF-8 at byte 12"),
    "zeros": (b"\0" * 40, "not valid JSON"),
    "too deep": (b"[" * 200_000, "nested too deeply"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_line_is_reported_with_its_number_and_skipped_or_refused(tmp_path: Path, name: str) -> None:
    corrupt, reason = CORRUPT[name]
    file = write(tmp_path, episode("e0"), episode("e2"))
    first, second = file.read_bytes().splitlines()
    file.write_bytes(first + b"\n" + corrupt + b"\n" + second + b"\n")
    log = EpisodeLog(tmp_path)
    assert [e.id for e in log] == ["e0", "e2"]
    assert len(log) == 2
    assert log.problem_count == 1
    assert log.problems[0].line == 2
    assert reason in log.problems[0].reason
    with pytest.raises(InvalidInputError, match="line 2: "):
        list(EpisodeLog(tmp_path, on_error="raise"))
    write(tmp_path, episode("e3"))
    assert [e.id for e in EpisodeLog(tmp_path)] == ["e0", "e2", "e3"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_record_with_anything_anywhere_is_an_episode_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    record = episode().to_dict()
    place: Any = record
    key = data.draw(st.sampled_from(sorted(record)))
    while isinstance(place[key], (dict, list)) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[key] = data.draw(JSON)
    folder = tmp_path_factory.mktemp("log")
    (folder / "episodes.jsonl").write_text(json.dumps(record) + "\n")
    log = EpisodeLog(folder)
    episodes = list(log)
    assert len(episodes) + log.problem_count == 1
    assert len(log) == len(episodes)
    for found in episodes:
        with EpisodeLog(folder / "copy", mode="a") as copy, contextlib.suppress(InvalidInputError):
            copy.append(found)


def test_a_repeated_id_in_a_file_is_a_problem(tmp_path: Path) -> None:
    file = write(tmp_path, episode("e0"))
    file.write_bytes(file.read_bytes() * 2)
    log = EpisodeLog(tmp_path)
    assert len(list(log)) == len(log) == 1
    assert str(log.problems[0]) == "line 2: repeats the id 'e0'"


def test_problems_and_length_follow_the_growing_file(tmp_path: Path) -> None:
    writer = EpisodeLog(tmp_path, mode="a")
    reader = EpisodeLog(tmp_path)
    assert len(reader) == 0
    writer.append(episode("e0"))
    assert len(reader) == 1
    writer.close()


def test_single_files_packed_or_not_are_read(tmp_path: Path) -> None:
    file = write(tmp_path / "log", episode("e0"), episode("e1"))
    packed = tmp_path / "some.jsonl.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert list(EpisodeLog(packed)) == list(EpisodeLog(file)) == list(EpisodeLog(tmp_path / "log"))
    assert EpisodeLog(packed).fingerprint() == EpisodeLog(tmp_path / "log").fingerprint()
    with pytest.raises(InvalidInputError, match="a single file can only be read"):
        EpisodeLog(packed, mode="a")


def test_a_cut_packed_file_gives_what_it_still_holds(tmp_path: Path) -> None:
    file = write(tmp_path / "log", *(episode(f"e{i}", action=os.urandom(300).hex()) for i in range(200)))
    packed = gzip.compress(file.read_bytes())
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    log = EpisodeLog(tmp_path / "cut.jsonl.gz")
    assert 0 < len(list(log)) < 200
    assert "cut off" in log.problems[-1].reason
    (tmp_path / "bad.jsonl.gz").write_bytes(b"this is not gzip\n")
    with pytest.raises(InvalidInputError, match=r"cannot read .*bad\.jsonl\.gz"):
        list(EpisodeLog(tmp_path / "bad.jsonl.gz"))


def test_the_fingerprint_follows_the_contents(tmp_path: Path) -> None:
    write(tmp_path / "a", episode("e0"))
    write(tmp_path / "b", episode("e0"))
    before = EpisodeLog(tmp_path / "a").fingerprint()
    assert before == EpisodeLog(tmp_path / "b").fingerprint()
    write(tmp_path / "a", episode("e1"))
    assert before != EpisodeLog(tmp_path / "a").fingerprint()
    assert len(before) == 16


def test_missing_and_foreign_paths_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There is no episode log at"):
        EpisodeLog(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match=r"holds no episodes\.jsonl"):
        EpisodeLog(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InvalidInputError, match=r"notes\.txt is not an episode log"):
        EpisodeLog(tmp_path / "notes.txt")
    with pytest.raises(InvalidInputError, match="cannot write a log in"):
        EpisodeLog(tmp_path / "notes.txt" / "log", mode="a")
    with pytest.raises(InvalidInputError, match="mode must be one of"):
        EpisodeLog(tmp_path, mode="w")  # type: ignore[arg-type]


def test_foreign_metadata_is_refused(tmp_path: Path) -> None:
    write(tmp_path, episode("e0"))
    (tmp_path / "log.json").write_text('{"format": "something else"}')
    with pytest.raises(InvalidInputError, match="not the metadata of an episode log"):
        EpisodeLog(tmp_path)


def test_a_new_log_refuses_a_folder_with_episodes(tmp_path: Path) -> None:
    with EpisodeLog(tmp_path / "log", mode="x"):
        pass
    assert list(EpisodeLog(tmp_path / "log")) == []
    write(tmp_path / "log", episode("e0"))
    with pytest.raises(InvalidInputError, match="already holds episodes"):
        EpisodeLog(tmp_path / "log", mode="x")
    # The refused writer must not keep the lock.
    write(tmp_path / "log", episode("e1"))


def test_metadata_is_kept_and_merged(tmp_path: Path) -> None:
    EpisodeLog(tmp_path, mode="a", meta={"policy": "tiny"}).close()
    EpisodeLog(tmp_path, mode="a", meta={"seed": 3}).close()
    assert EpisodeLog(tmp_path).meta == {"policy": "tiny", "seed": 3}
    assert json.loads((tmp_path / "log.json").read_text())["schema"] == 1


def test_writing_needs_an_open_log_and_json_values(tmp_path: Path) -> None:
    write(tmp_path, episode("e0"))
    with pytest.raises(InvalidInputError, match="not open for writing"):
        EpisodeLog(tmp_path).append(episode("e1"))
    with EpisodeLog(tmp_path, mode="a") as log:
        with pytest.raises(InvalidInputError, match="'e1' cannot be written as JSON"):
            log.append(replace(episode("e1"), env_kwargs={"path": object()}))
        with pytest.raises(InvalidInputError, match="cannot be written as JSON"):
            log.append(episode("e1", outcome=float("nan")))
    with pytest.raises(InvalidInputError, match="not open for writing"):
        log.append(episode("e1"))
    assert len(EpisodeLog(tmp_path)) == 1


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    first = EpisodeLog(tmp_path, mode="a")
    with pytest.raises(InvalidInputError, match=f"being written by process {os.getpid()} on"):
        EpisodeLog(tmp_path, mode="a")
    assert len(EpisodeLog(tmp_path)) == 0
    first.close()
    first.close()
    EpisodeLog(tmp_path, mode="a").close()


def test_the_lock_works_without_file_locks_and_a_dead_owner_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepgym.agents.log.lock.fcntl", None)
    first = EpisodeLog(tmp_path, mode="a")
    with pytest.raises(InvalidInputError, match="being written by"):
        EpisodeLog(tmp_path, mode="a")
    first.close()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    lock = tmp_path / ".lock"
    EpisodeLog(tmp_path, mode="a").close()
    assert not lock.exists()
    lock.write_text(f"process {dead.pid} on {socket.gethostname()}")
    EpisodeLog(tmp_path, mode="a").close()


WRITER = """
import sys
from stepgym.agents import Episode, EpisodeLog, Step
log = EpisodeLog(sys.argv[1], mode="a")
n = len(log)
while True:
    log.append(Episode(f"e{n}", "env", f"t{n}", (Step("q", "x" * 3000),), 1.0))
    n += 1
    print(n, flush=True)
"""


def test_a_killed_writer_loses_no_finished_episode_and_frees_the_lock(tmp_path: Path) -> None:
    finished = 0
    for delay in (0.0, 0.03, 0.11):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        finished = max(finished, int(process.stdout.readline()))
        with pytest.raises(InvalidInputError, match="being written by"):
            EpisodeLog(tmp_path, mode="a")
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().splitlines()
        process.wait()
        finished = max([finished, *(int(line) for line in rest if line)])
        with EpisodeLog(tmp_path, mode="a") as log:
            assert len(log) in (finished, finished + 1)
    log = EpisodeLog(tmp_path, on_error="raise")
    assert [e.id for e in log] == [f"e{i}" for i in range(len(log))]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_surviving_forked_worker_does_not_keep_the_lock(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from stepgym.agents import EpisodeLog\n"
        "log = EpisodeLog(sys.argv[1], mode='a')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    time.sleep(60)\n"
        "print(child, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        time.sleep(0.1)
        process.kill()
        process.wait()
        EpisodeLog(tmp_path, mode="a").close()
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_full_disk_is_reported_and_leaves_whole_lines(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys\n"
        "from stepgym.agents import Episode, EpisodeLog, Step\n"
        "from stepgym.errors import StepgymError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "log = EpisodeLog(sys.argv[1], mode='a')\n"
        "try:\n"
        "    for n in range(100):\n"
        "        log.append(Episode(f'e{n}', 'env', 't', (Step('q', 'x' * 1000),), 1.0))\n"
        "except StepgymError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "cannot write to" in done.stdout
    assert (tmp_path / "episodes.jsonl").read_bytes().endswith(b"\n")
    log = EpisodeLog(tmp_path, on_error="raise")
    assert 5 < len(list(log)) < 20
    assert f"All {len(log)} episodes before are kept" in done.stdout


def test_split_by_task_is_disjoint_repeatable_and_ignores_order() -> None:
    episodes = [episode(f"e{i}", task=f"t{i % 10}") for i in range(40)]
    train, test = split_by_task(episodes, 0.3, seed=1)
    assert len(test) == 3
    assert train | test == {f"t{i}" for i in range(10)}
    assert not train & test
    assert (train, test) == split_by_task(episodes[::-1], 0.3, seed=1)
    assert split_by_task(episodes, 0.3, seed=2) != (train, test)
    with pytest.raises(InvalidInputError, match="fraction"):
        split_by_task(episodes, 1.5)
