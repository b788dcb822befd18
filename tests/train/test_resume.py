"""Training that is killed goes on, and ends where an undisturbed one ends."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import random
import signal
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from stepgym.errors import InvalidInputError
from stepgym.train import saving, tokenize_episodes
from stepgym.train.length_groups import LengthGroups
from stepgym.train.resumable import newest_checkpoint

sys.path.insert(0, str(Path(__file__).parent))
import killed_run


@pytest.fixture(scope="module")
def spawn():
    """Start `killed_run.train` in a new process; a server that has torch imported forks it."""
    context = multiprocessing.get_context("forkserver")
    llama = "transformers.models.llama.modeling_llama"
    context.set_forkserver_preload(["stepgym.train.oreo", "stepgym.train.supervised", llama, "peft", "tokenizers"])

    def start(*args):
        process = context.Process(target=killed_run.train, args=args)
        process.start()
        return process

    return start


@pytest.fixture(scope="module")
def undisturbed(spawn, tmp_path_factory):
    """The folders of runs that nobody killed, by method."""
    folders = {}
    for method in ("oreo", "supervised"):
        folders[method] = tmp_path_factory.mktemp(method)
        process = spawn(folders[method], method)
        process.join(120)
        assert process.exitcode == 0
    return folders


def weights(folder: Path) -> dict[str, bytes]:
    files = sorted(folder.rglob("*.safetensors"))
    assert files
    return {str(f.relative_to(folder)) + n: t.tobytes() for f in files for n, t in load_file(f).items()}


def logged(folder: Path) -> list[str]:
    """The log lines of updates; the summary at the end holds wall times."""
    return [line for line in (folder / "metrics.jsonl").read_text().splitlines() if '"loss"' in line]


def check_same(folder: Path, whole: Path) -> None:
    assert weights(folder / "final") == weights(whole / "final")
    assert logged(folder) == logged(whole)
    kept = sorted(p.name for p in (folder / "checkpoints").iterdir())
    assert kept == ["checkpoint-10", "checkpoint-11"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["oreo", "supervised"])
def test_killed_at_random_moments(spawn, undisturbed, tmp_path, method) -> None:
    whole = undisturbed[method]
    seconds = float((whole / "seconds").read_text())
    rng = random.Random(method)
    kills = 0
    for attempt in range(8):
        process = spawn(tmp_path, method, ("time", rng.uniform(0.1, 0.6) * seconds) if attempt < 7 else None)
        process.join(120)
        assert process.exitcode in (0, -signal.SIGKILL)
        kills += process.exitcode != 0
        if process.exitcode == 0:
            break
    assert kills >= 2
    check_same(tmp_path, whole)


@pytest.mark.slow
def test_killed_between_the_files_of_a_save(spawn, undisturbed, tmp_path) -> None:
    rng = random.Random(1)
    kills = 0
    # A save makes some 40 changes to the folder; later attempts start from later checkpoints.
    for low, high in ((1, 30), (30, 60), (20, 50), (40, 80), (30, 60), (60, 100), (1, 40)):
        process = spawn(tmp_path, "oreo", ("file", rng.randint(low, high)))
        process.join(120)
        assert process.exitcode in (0, -signal.SIGKILL)
        kills += process.exitcode != 0
    process = spawn(tmp_path, "oreo")
    process.join(120)
    assert process.exitcode == 0
    assert kills >= 4
    check_same(tmp_path, undisturbed["oreo"])


@pytest.fixture
def finished(tmp_path):
    """A finished short run in this process."""
    trainer = killed_run.make_trainer(tmp_path, "supervised", max_steps=6, logging_steps=1)
    trainer.train()
    return tmp_path


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing", "no state"])
def test_a_damaged_checkpoint_is_passed_over(finished, caplog, damage) -> None:
    newest = finished / "checkpoints" / "checkpoint-6"
    file = newest / ("trainer_state.json" if damage == "no state" else "optimizer.pt")
    content = file.read_bytes()
    if damage == "changed":
        file.write_bytes(content[:-9] + b"x" + content[-8:])
    elif damage == "truncated":
        file.write_bytes(content[: len(content) // 2])
    else:
        file.unlink()
    trainer = killed_run.make_trainer(finished, "supervised", max_steps=6, logging_steps=1)
    before = weights(newest)
    trainer.train(resume_from_checkpoint=True)
    assert "checkpoint-6 is damaged and passed over" in caplog.text
    assert newest_checkpoint(finished / "checkpoints") == newest  # written anew, from checkpoint-4
    assert weights(newest) == before
    lines = [json.loads(line)["step"] for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert lines == [1, 2, 3, 4, 5, 6, 6]


def test_damage_of_a_named_checkpoint_or_of_all_is_an_error(finished) -> None:
    for name in ("checkpoint-4", "checkpoint-6"):
        file = finished / "checkpoints" / name / "model.safetensors"
        file.write_bytes(file.read_bytes()[:100])
    trainer = killed_run.make_trainer(finished, "supervised", max_steps=6)
    with pytest.raises(InvalidInputError, match=r"checkpoint-6 .* model\.safetensors has 100 bytes"):
        trainer.train(resume_from_checkpoint=str(finished / "checkpoints" / "checkpoint-6"))
    with pytest.raises(InvalidInputError, match=r"all checkpoints in .* are damaged"):
        trainer.train(resume_from_checkpoint=True)
    with pytest.raises(InvalidInputError, match="nowhere"):
        trainer.train(resume_from_checkpoint=str(finished / "nowhere"))


def test_other_data_is_refused(finished, monkeypatch) -> None:
    monkeypatch.setattr(killed_run, "EPISODES", 20)
    trainer = killed_run.make_trainer(finished, "supervised", max_steps=8)
    with pytest.raises(InvalidInputError, match="22 episodes, and here are 20"):
        trainer.train(resume_from_checkpoint=True)


def test_metrics_file_is_what_the_checkpoint_knows(finished) -> None:
    file = finished / "metrics.jsonl"
    whole = file.read_text()
    lines = whole.splitlines()
    for found in ("", "\n".join(lines[:3]) + '\n{"step": 4, "lo', whole + lines[0] + "\n"):
        file.write_text(found)
        trainer = killed_run.make_trainer(finished, "supervised", max_steps=6, logging_steps=1)
        trainer.train(resume_from_checkpoint=str(finished / "checkpoints" / "checkpoint-4"))
        again = [json.loads(line) for line in file.read_text().splitlines()]
        assert again[:6] == [json.loads(line) for line in lines[:6]]
        assert len(again) == 7


def test_stale_checkpoints_of_an_earlier_run_do_not_win(finished) -> None:
    trainer = killed_run.make_trainer(finished, "supervised", max_steps=3)
    trainer.train()
    run = finished / "checkpoints"
    assert newest_checkpoint(run) == run / "checkpoint-3"
    assert (run / "checkpoint-2").is_dir()


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path) -> None:
    folder = tmp_path / "model"
    with saving.whole_folder(folder) as staging:
        (staging / "policy").mkdir()
        (staging / "policy" / "a").write_text("old")
        (staging / "b").write_text("old")
    (folder / "notes").write_text("mine")
    with contextlib.suppress(KeyboardInterrupt), saving.whole_folder(folder) as staging:
        (staging / "b").write_text("new")
        raise KeyboardInterrupt
    assert {p.name: p.read_text() for p in folder.iterdir() if p.is_file()} == {"b": "old", "notes": "mine"}
    with saving.whole_folder(folder) as staging:
        (staging / "policy").mkdir()
        (staging / "policy" / "c").write_text("new")
    assert [p.name for p in (folder / "policy").iterdir()] == ["c"]
    assert {p.name for p in folder.iterdir()} == {"policy", "b", "notes"}


def test_a_swap_that_was_cut_off_is_finished(tmp_path, monkeypatch) -> None:
    old = {"policy/a": "old", "value/a": "old"}
    new = {"policy/b": "new", "value/b": "new"}

    def write(folder: Path, files: dict[str, str]) -> None:
        with saving.whole_folder(folder) as staging:
            for name, text in files.items():
                (staging / name).parent.mkdir(exist_ok=True)
                (staging / name).write_text(text)

    def read(folder: Path) -> dict[str, str]:
        return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}

    rename, left = Path.rename, 0

    def cut(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return rename(path, target)

    for renames in range(6):
        folder = tmp_path / str(renames)
        write(folder, old)
        left = renames
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", cut)
            with contextlib.suppress(KeyboardInterrupt):
                write(folder, new)
        saving.settle(folder)
        assert read(folder) == (old if renames == 0 else new)


def test_length_groups(tokenizer, log) -> None:
    episodes = tokenize_episodes(log[:30], tokenizer)[0]
    lengths = [e.tokens for e in episodes]
    sampler = LengthGroups(episodes, 4, seed=1)
    first = list(sampler)
    assert sorted(first) == list(range(30))
    batches = [[lengths[i] for i in first[k : k + 4]] for k in range(0, 28, 4)]
    assert max(lengths) in batches[0]
    spread = sum(max(b) - min(b) for b in batches)
    assert spread < 0.3 * sum(max(lengths[k : k + 4]) - min(lengths[k : k + 4]) for k in range(0, 28, 4))
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    other = LengthGroups(episodes, 4, seed=1)
    other.set_epoch(1)
    assert list(other) == list(sampler)


def test_resume_in_length_groups(tmp_path) -> None:
    """In the middle of the second epoch, whose order must be that of the undisturbed run."""
    ends = []
    changes = {"train_sampling_strategy": "group_by_length", "max_steps": 8, "save_total_limit": None}
    for checkpoint in (None, str(tmp_path / "checkpoints" / "checkpoint-6")):
        trainer = killed_run.make_trainer(tmp_path, "supervised", **changes)
        trainer.train(resume_from_checkpoint=checkpoint)
        trainer.save_model(str(tmp_path / "final"))
        ends.append(weights(tmp_path / "final"))
    assert ends[0] == ends[1]


def test_the_best_checkpoint_stays(tmp_path) -> None:
    changes = {
        "eval_strategy": "steps",
        "eval_steps": 1,
        "save_steps": 1,
        "save_total_limit": 2,
        "metric_for_best_model": "loss",
        "learning_rate": 0.0,  # nothing gets better than the first
        "max_steps": 4,
    }
    trainer = killed_run.make_trainer(tmp_path, "supervised", evaluate=True, **changes)
    trainer.train()
    run = tmp_path / "checkpoints"
    best = Path(trainer.state.best_model_checkpoint)
    assert best == run / "checkpoint-1"
    assert {p.name for p in run.iterdir()} == {"checkpoint-1", "checkpoint-4"}
    changes["max_steps"] = 5
    trainer = killed_run.make_trainer(tmp_path, "supervised", evaluate=True, **changes)
    trainer.train(resume_from_checkpoint=True)
    assert Path(trainer.state.best_model_checkpoint) == best
    assert {p.name for p in run.iterdir()} == {"checkpoint-1", "checkpoint-5"}
