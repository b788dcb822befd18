"""The token cache gives what tokenising gives, whatever happened to its files."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import pickle
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepgym.agents import ChatPrompt, EpisodeLog, PlainPrompt
from stepgym.errors import InvalidInputError
from stepgym.train import OREOConfig, OREOTrainer, TokenizeOptions, saving, tokenize_episodes
from stepgym.train.token_cache import outcomes, token_cache


def same(cached, direct) -> None:
    assert len(cached) == len(direct)
    for a, b in zip(cached, direct, strict=True):
        values = [(e.id, e.task_id, e.outcome, e.retokenized, len(e.segments)) for e in (a, b)]
        assert values[0] == values[1]
        for one, two in zip(a.segments, b.segments, strict=True):
            for field in dataclasses.fields(one):
                x, y = getattr(one, field.name), getattr(two, field.name)
                assert x.dtype == y.dtype
                np.testing.assert_array_equal(x, y)


turn = st.tuples(st.text("12+?\n", max_size=6), st.text("ab. \n", max_size=6))
episode = st.fixed_dictionaries(
    {
        "turns": st.lists(turn, max_size=4),
        "reward": st.floats(-1e6, 1e6),
        "ids": st.booleans(),
        "new": st.sets(st.integers(0, 3)),
        "end": st.sampled_from(["terminated", "step_limit", "context", "error"]),
        "decided": st.booleans(),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(episode, max_size=6),
    states=st.sampled_from(["token", "step", "turn"]),
    longest=st.sampled_from([None, 12]),
)
def test_equals_tokenising(tokenizer, make_episode, tmp_path, drawn, states, longest) -> None:
    log = []
    for i, e in enumerate(drawn):
        one = make_episode(e["turns"], e["reward"], name=f"é{i}", ids=e["ids"], new_segments=e["new"], end=e["end"])
        log.append(one if e["decided"] else dataclasses.replace(one, outcome=None))
    options = TokenizeOptions(states=states, max_length=longest)
    direct, report = tokenize_episodes(log, tokenizer, options)
    for _ in range(2):  # made, then read
        cached, told = token_cache(log, tokenizer, options, tmp_path)
        same(cached, direct)
        assert told == report
        assert str(told) == str(report)
    np.testing.assert_array_equal(outcomes(cached), outcomes(direct))
    assert cached.lengths.tolist() == [e.tokens for e in direct]
    same(pickle.loads(pickle.dumps(cached)), direct)


def test_sequence(tokenizer, log, tmp_path) -> None:
    cached, _ = token_cache(iter(log), tokenizer, None, tmp_path)
    assert cached[-1].id == log[-1].id
    assert [e.id for e in cached[2:7:2]] == ["e2", "e4", "e6"]
    assert list(cached.ids()) == [e.id for e in log]
    with pytest.raises(IndexError, match="below 32, got 32"):
        cached[32]


def folders(root: Path) -> set[str]:
    return {p.name for p in root.iterdir()}


def test_another_key_is_another_cache(tokenizer, make_episode, log, tmp_path) -> None:
    def add(log, tokenizer=tokenizer, **options):
        before = folders(tmp_path) if tmp_path.exists() else set()
        cached, _ = token_cache(log, tokenizer, TokenizeOptions(**options), tmp_path)
        same(cached, tokenize_episodes(log, tokenizer, TokenizeOptions(**options))[0])
        return len(folders(tmp_path) - before)

    text = [make_episode([("1+1?", "2")], name="text", ids=False)]
    assert add(text) == 1
    assert add(text) == 0
    assert add(text, states="turn") == 1
    assert add(text, delimiters=(".",)) == 1
    assert add(text, prompt=PlainPrompt(prefix="q")) == 1
    assert add(text, prompt=PlainPrompt()) == 1
    assert add([dataclasses.replace(text[0], outcome=0.0)]) == 1
    assert add(log) == 1
    other = pickle.loads(pickle.dumps(tokenizer))
    other.add_tokens(["22"])
    assert add(text, other) == 1
    other.chat_template = "{% for m in messages %}{{ m['content'] }}={% endfor %}"
    assert add(text, other) == 1
    assert add(text, other, prompt=ChatPrompt(system="s")) == 1


def test_a_log_that_grew_is_tokenised_again(tokenizer, log, tmp_path) -> None:
    with EpisodeLog(tmp_path / "log", mode="a") as writer:
        writer.extend(log[:5])
    read = EpisodeLog(tmp_path / "log")
    assert len(token_cache(read, tokenizer, None, tmp_path / "cache")[0]) == 5
    with EpisodeLog(tmp_path / "log", mode="a") as writer:
        writer.append(log[5])
    assert len(token_cache(EpisodeLog(tmp_path / "log"), tokenizer, None, tmp_path / "cache")[0]) == 6
    # A whole last line without its end is an episode as well.
    file = tmp_path / "log" / "episodes.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:5]))
    assert len(token_cache(EpisodeLog(file), tokenizer, None, tmp_path / "cache")[0]) == 5
    file.write_bytes(b"".join(lines[:5]) + lines[5].rstrip())
    assert len(token_cache(EpisodeLog(file), tokenizer, None, tmp_path / "cache")[0]) == 6


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "no manifest", "bad manifest", "empty folder"])
def test_a_damaged_cache_is_made_anew(tokenizer, log, tmp_path, caplog, damage) -> None:
    direct, report = tokenize_episodes(log, tokenizer)
    token_cache(log, tokenizer, None, tmp_path)
    (place,) = tmp_path.iterdir()
    file = place / "token_ids.bin"
    if damage == "truncate":
        file.write_bytes(file.read_bytes()[:-4])
    elif damage == "flip":
        file.write_bytes(b"\x03" + file.read_bytes()[1:])
    elif damage == "remove":
        file.unlink()
    elif damage == "no manifest":
        (place / "manifest.json").unlink()
    elif damage == "bad manifest":
        (place / "manifest.json").write_text('{"files": {}, "report": 3}')
    else:
        shutil.rmtree(place)
        place.mkdir()
    cached, told = token_cache(log, tokenizer, None, tmp_path)
    same(cached, direct)
    assert told == report
    assert folders(tmp_path) == {place.name}
    if damage != "empty folder":
        assert "damaged and made anew" in caplog.text
    caplog.clear()
    same(token_cache(log, tokenizer, None, tmp_path)[0], direct)
    assert not caplog.text


def _race(tokenizer, log, folder, barrier, results) -> None:
    barrier.wait()
    cached, report = token_cache(log, tokenizer, None, folder)
    results.put((len(cached), cached[len(cached) - 1].id, report.tokens))


def test_a_damaged_cache_may_be_removed_by_many_at_once(tmp_path) -> None:
    place = tmp_path / "cache"
    failures: list[BaseException] = []

    def publish_and_remove(number: int) -> None:
        try:
            for _ in range(200):
                built = tmp_path / f"built-{number}"
                (built / "inner").mkdir(parents=True)
                with contextlib.suppress(OSError):  # Another's is there.
                    built.rename(place)
                saving.remove(place)
                saving.remove(built)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=publish_and_remove, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert not list(tmp_path.iterdir())


def test_what_a_killed_removal_left_is_swept(tmp_path) -> None:
    (tmp_path / ".cache.replaced-0123abcd" / "inner").mkdir(parents=True)
    (tmp_path / ".cache.replaced").mkdir()
    saving.sweep(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damaged", [False, True])
def test_processes_may_race(tokenizer, log, tmp_path, damaged) -> None:
    if damaged:
        token_cache(log, tokenizer, None, tmp_path)
        (place,) = tmp_path.iterdir()
        (place / "returns.bin").write_bytes(b"")
    context = multiprocessing.get_context("fork" if hasattr(__import__("os"), "fork") else "spawn")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_race, args=(tokenizer, log, tmp_path, barrier, results)) for _ in range(4)]
    for process in processes:
        process.start()
    found = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert found == {(32, "e31", tokenize_episodes(log, tokenizer)[1].tokens)}
    (place,) = tmp_path.iterdir()
    same(token_cache(log, tokenizer, None, tmp_path)[0], tokenize_episodes(log, tokenizer)[0])


def test_leftovers_of_dead_builders_go(tokenizer, log, tmp_path) -> None:
    import platform

    context = multiprocessing.get_context("spawn")
    process = context.Process(target=print)
    process.start()
    process.join()
    dead = tmp_path / f".building-{platform.node()}-{process.pid}-aa"
    elsewhere = tmp_path / ".building-another.host-1-aa"
    for folder in (dead, elsewhere):
        folder.mkdir(parents=True)
    token_cache(log, tokenizer, None, tmp_path)
    assert not dead.exists()
    assert elsewhere.exists()


def test_a_trainer_reads_from_the_cache(tiny_model, tokenizer, log, tmp_path) -> None:
    losses = []
    for cache in (None, str(tmp_path / "cache")):
        model = type(tiny_model)(tiny_model.config)
        model.load_state_dict(tiny_model.state_dict())
        args = OREOConfig(
            output_dir=str(tmp_path / "out"),
            per_device_train_batch_size=8,
            max_steps=3,
            logging_steps=1,
            use_cpu=True,
            disable_tqdm=True,
            save_strategy="no",
            token_cache=cache,
            dataloader_num_workers=0 if cache is None else 1,
        )
        trainer = OREOTrainer(model, args, log, processing_class=tokenizer)
        trainer.train()
        losses.append([line["loss"] for line in trainer.state.log_history if "loss" in line])
        assert trainer.tokenize_report.kept == 32
    assert losses[0] == losses[1]
    assert "CachedEpisodes" in repr(trainer.train_dataset)


def test_a_log_that_changes_while_it_is_read_is_refused(tokenizer, log, tmp_path) -> None:
    with EpisodeLog(tmp_path / "log", mode="a") as writer:
        writer.extend(log[:3])

        class Growing(EpisodeLog):
            def __iter__(self):
                yield from super().__iter__()
                writer.append(dataclasses.replace(log[4], id=f"new{len(writer)}"))

        with pytest.raises(InvalidInputError, match="changes while it is read"):
            token_cache(Growing(tmp_path / "log"), tokenizer, None, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
