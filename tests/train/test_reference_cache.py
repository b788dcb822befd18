"""A cached reference says what the running one says, whatever happened to its files."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import signal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.errors import InvalidInputError
from stepgym.train import CreditConfig, OREOConfig, OREOTrainer, credit_episodes, logprobs, tokenize_episodes
from stepgym.train.collate import EpisodeCollator, model_inputs
from stepgym.train.divergence import CachedReference, cached_scores, k3, logged_token_kl, reference_scores
from stepgym.train.logprobs import Head
from stepgym.train.models import PolicyWithValue
from stepgym.train.reference_cache import fingerprint, reference_cache


def config(tmp_path, **changes) -> OREOConfig:
    values = {
        "output_dir": str(tmp_path / "out"),
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 8,
        "max_steps": 3,
        "logging_steps": 1,
        "use_cpu": True,
        "seed": 3,
        "disable_tqdm": True,
        "save_strategy": "no",
    }
    return OREOConfig(**(values | changes))


def copied(model: torch.nn.Module) -> torch.nn.Module:
    return pickle.loads(pickle.dumps(model))


def heads(vocabulary: int, seed: int, *, frozen: bool) -> tuple[Head, Head]:
    torch.manual_seed(seed)
    made = []
    for trains in (not frozen, False):
        linear = torch.nn.Linear(4, vocabulary, bias=False, dtype=torch.float64).requires_grad_(trains)
        linear.weight.data.normal_(std=2.0)
        made.append(Head(linear))
    return made[0], made[1]


@settings(max_examples=60, deadline=None)
@given(
    positions=st.integers(0, 9),
    vocabulary=st.integers(1, 9),
    top=st.integers(1, 12),
    rows=st.integers(1, 4),
    seed=st.integers(0, 10_000),
    frozen=st.booleans(),
)
def test_truncated_kl_is_a_lower_bound_and_the_chunks_do_not_matter(
    positions, vocabulary, top, rows, seed, frozen
) -> None:
    head, ref_head = heads(vocabulary, seed, frozen=frozen)
    hidden = torch.randn(positions, 4, dtype=torch.float64, requires_grad=True)
    ref_hidden = torch.randn(positions, 4, dtype=torch.float64)
    targets = torch.randint(vocabulary, (positions,))
    weights = torch.randn(2, positions, dtype=torch.float64)
    inputs = [hidden] if frozen else [hidden, head.linear.weight]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logprobs, "CHUNK_BYTES", rows * 2 * 8 * vocabulary)
        cached = reference_scores(ref_hidden, targets, ref_head, top=top)
        ours = cached_scores(hidden, targets, head, cached)
        loss = (ours.logp * weights[0]).sum() + (ours.kl * weights[1]).sum()
        gradients = torch.autograd.grad(loss, inputs, allow_unused=True)

    logp, ref_logp = torch.log_softmax(head(hidden), -1), torch.log_softmax(ref_head(ref_hidden), -1).detach()
    p, q = logp.exp(), ref_logp.exp()
    chosen = torch.zeros_like(q, dtype=torch.bool).scatter(-1, q.topk(min(top, vocabulary), -1).indices, True)
    kl = torch.where(chosen, p * (logp - ref_logp), 0.0).sum(-1)
    if top < vocabulary:
        rest_p, rest_q = (torch.where(chosen, 0.0, x).sum(-1) for x in (p, q))
        kl = kl + rest_p * (rest_p / rest_q).log()
    taken = logp.gather(-1, targets[:, None])[:, 0]
    plain = torch.autograd.grad((taken * weights[0]).sum() + (kl * weights[1]).sum(), inputs, allow_unused=True)
    for a, b in zip((ours.logp, ours.kl, *gradients), (taken, kl, *plain), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(cached.logp, ref_logp.gather(-1, targets[:, None])[:, 0])

    exact = (p * (logp - ref_logp)).sum(-1)
    assert bool((ours.kl >= -1e-12).all())
    assert bool((ours.kl <= exact + 1e-12).all())
    if top >= vocabulary:
        torch.testing.assert_close(ours.kl, exact)
    # Two classes are the coarsest truncation, in float32.
    assert bool((logged_token_kl(ours.logp, cached.logp) <= exact + 1e-5).all())


@given(st.lists(st.tuples(st.floats(-20, 0), st.floats(-20, 0)), min_size=1, max_size=20))
def test_k3_is_never_negative_and_0_where_both_agree(pairs) -> None:
    logp, ref_logp = torch.tensor(pairs, dtype=torch.float64).T
    penalty = k3(logp, ref_logp)
    assert bool((penalty >= 0).all())
    assert not bool(k3(logp, logp).any())
    torch.testing.assert_close(penalty, (ref_logp - logp).exp() - 1 + logp - ref_logp)


def test_k3_of_tokens_that_the_policy_drew_is_the_kl() -> None:
    generator = torch.Generator().manual_seed(0)
    logp, ref_logp = torch.log_softmax(torch.randn(2, 50, dtype=torch.float64, generator=generator), -1)
    exact = (logp.exp() * (logp - ref_logp)).sum()
    torch.testing.assert_close((logp.exp() * k3(logp, ref_logp)).sum(), exact)
    uniform = k3(logp, ref_logp).mean()  # tokens that another policy drew
    assert abs(float(uniform - exact)) > 0.1


@pytest.fixture
def episodes(tokenizer, make_episode):
    """Of one or two segments, some equal, some longer than others."""
    log = [
        make_episode(
            [("1+1?", "=2"), ("2+2?", "=4" * (i % 4 + 1))], name=f"e{i}", new_segments=(0, 1) if i % 3 else (0,)
        )
        for i in range(9)
    ]
    return tokenize_episodes(log, tokenizer)[0]


class Reference:
    """A reference that counts what it is asked for."""

    def __init__(self, networks: PolicyWithValue, *, top: int = 0, packing: bool = False) -> None:
        self.networks = networks
        self.top = top
        self.collate = EpisodeCollator(0, packing=packing)
        self.lengths: list[int] = []

    def __call__(self, episodes) -> CachedReference:
        self.lengths += [e.tokens for e in episodes]
        return self.networks.reference_scores(**model_inputs(self.collate(episodes)), top=self.top)


@pytest.mark.parametrize("top", [0, 5, 64])
@pytest.mark.parametrize("packing", [False, True])
def test_cached_is_what_the_reference_says(tiny_model, episodes, tmp_path, packing, top) -> None:
    networks = PolicyWithValue(tiny_model, packing=packing)
    with torch.no_grad():
        for p in networks.policy.parameters():
            p.mul_(1.1)
    reference = Reference(networks, top=top, packing=packing)
    cache = reference_cache([episodes[:5], episodes], reference, tmp_path, key={}, batch_size=4)
    # Equal segments are scored once, the longest first.
    different = {(s.token_ids.tobytes(), s.action_mask.tobytes()) for e in episodes for s in e.segments}
    assert len(reference.lengths) == len(different) < sum(len(e.segments) for e in episodes)
    assert max(reference.lengths[:4]) == max(reference.lengths)
    for batch_packing in (packing, False):
        collate = EpisodeCollator(0, packing=batch_packing)
        order = episodes[::-1]
        with torch.no_grad():
            running = networks(**model_inputs(collate(order)))
            batch = dataclasses.replace(collate, reference=pickle.loads(pickle.dumps(cache)))(order)
            cached = networks(**model_inputs(batch))
        torch.testing.assert_close(batch["ref_logp"], running.ref_logp, rtol=0, atol=1e-6)
        for name in ("logp", "ref_logp", "values"):
            torch.testing.assert_close(getattr(cached, name), getattr(running, name), rtol=0, atol=1e-6)
        if top == 0:
            torch.testing.assert_close(cached.kl, k3(running.logp, running.ref_logp), rtol=1e-4, atol=1e-6)
        elif top == 64:  # above the vocabulary
            torch.testing.assert_close(cached.kl, running.kl, rtol=1e-4, atol=1e-6)
        else:
            assert bool((cached.kl <= running.kl + 1e-6).all())
            assert float(cached.kl.sum()) > 0.2 * float(running.kl.sum())


def test_unknown_episodes_are_refused(tiny_model, tokenizer, episodes, log, tmp_path) -> None:
    cache = reference_cache([episodes], Reference(PolicyWithValue(tiny_model)), tmp_path, key={})
    collate = EpisodeCollator(0, reference=cache)
    other = tokenize_episodes(log[:1], tokenizer)[0]
    with pytest.raises(InvalidInputError, match="no reference log-probabilities of this episode"):
        collate(other)
    # The same tokens, but the agent wrote others of them.
    segment = episodes[0].segments[0]
    changed = dataclasses.replace(segment, action_mask=~segment.action_mask)
    with pytest.raises(InvalidInputError, match="no reference log-probabilities"):
        cache.read(changed)
    assert len(cache.read(dataclasses.replace(segment, action_mask=segment.action_mask & False)).logp) == 0


def test_another_key_is_another_cache(tiny_model, episodes, tmp_path) -> None:
    def calls(data=episodes, **key) -> int:
        reference = Reference(PolicyWithValue(copied(tiny_model)))
        reference_cache([data], reference, tmp_path, key=key)
        return len(reference.lengths)

    assert calls(model="a") > 0
    assert calls(model="a") == 0
    assert calls(list(reversed(episodes)), model="a") == 0  # the order is no part of it
    assert calls(model="b") > 0
    assert calls(model="a", precision="bf16") > 0
    assert calls(episodes[1:2], model="a") > 0
    assert calls([], model="a") == 0


def test_fingerprint_sees_every_byte(tiny_model, tmp_path) -> None:
    before = fingerprint(tiny_model)
    assert before == fingerprint(copied(tiny_model))
    tiny_model.save_pretrained(tmp_path)
    assert before == fingerprint(type(tiny_model).from_pretrained(tmp_path))
    with torch.no_grad():
        weight = tiny_model.model.layers[1].mlp.down_proj.weight
        weight[-1, -1] = torch.nextafter(weight[-1, -1], torch.tensor(9.0))
    assert before != fingerprint(tiny_model)
    known = fingerprint(tiny_model)
    assert fingerprint(copied(tiny_model).to(torch.bfloat16)) != known
    tiny_model.config.rms_norm_eps *= 2
    assert fingerprint(tiny_model) != known


@pytest.mark.parametrize("file", ["logp", "top_logp", "top_ids", "starts", "segments", "manifest"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "number"])
def test_damage_is_found_and_mended(tiny_model, episodes, tmp_path, caplog, file, damage) -> None:
    networks = PolicyWithValue(tiny_model)
    whole = reference_cache([episodes], Reference(networks, top=3), tmp_path, key={})
    expected = [whole.read(s) for e in episodes for s in e.segments]
    path = whole.folder / (f"{file}.json" if file == "manifest" else f"{file}.bin")
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[:-5])
    elif damage == "flip":
        content[0] ^= 1
        path.write_bytes(content)
    elif damage == "number":
        path.write_bytes(content.replace(b'"top": 3', b'"top": 2') if file == "manifest" else content + b"3")
    reference = Reference(networks, top=3)
    mended = reference_cache([episodes], reference, tmp_path, key={})
    assert reference.lengths
    assert ("damaged" in caplog.text) == (file != "manifest" or damage != "gone")
    found = [mended.read(s) for e in episodes for s in e.segments]
    for a, b in zip(expected, found, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


class Dying(Reference):
    """Kills its process, by a signal or by an error, when it is asked for the third time."""

    how: str | None = None

    def __call__(self, episodes) -> CachedReference:
        if len(self.lengths) >= 4:
            if self.how == "signal":
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt
        return super().__call__(episodes)


def _build_and_die(networks, episodes, folder) -> None:
    torch.set_num_threads(1)
    reference = Dying(networks)
    reference.how = "signal"
    reference_cache([episodes], reference, folder, key={}, batch_size=2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("how", ["signal", "error"])
def test_a_killed_build_starts_anew(tiny_model, episodes, tmp_path, how) -> None:
    networks = PolicyWithValue(tiny_model)
    if how == "signal":
        process = multiprocessing.get_context("fork").Process(
            target=_build_and_die, args=(networks, episodes, tmp_path)
        )
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
    else:
        with pytest.raises(KeyboardInterrupt):
            reference_cache([episodes], Dying(networks), tmp_path, key={}, batch_size=2)
    (place,) = tmp_path.iterdir()
    assert not (place / "manifest.json").exists()
    reference = Reference(networks)
    cache = reference_cache([episodes], reference, tmp_path, key={}, batch_size=2)
    assert cache.folder == place
    assert len(reference.lengths) > 4
    kept = {p.name for p in place.iterdir()} - {".lock"}
    assert kept == {"manifest.json", *(f"{n}.bin" for n in ("segments", "starts", "logp", "top_logp", "top_ids"))}
    for e in episodes:
        assert all(len(cache.read(s).logp) == s.action_mask.sum() for s in e.segments)


def _race(networks, episodes, folder, barrier, results) -> None:
    torch.set_num_threads(1)
    reference = Reference(networks)
    barrier.wait()
    cache = reference_cache([episodes], reference, folder, key={}, batch_size=1)
    results.put((len(reference.lengths), float(cache.read(episodes[-1].segments[0]).logp.sum())))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_of_several_processes_one_builds(tiny_model, episodes, tmp_path) -> None:
    networks = PolicyWithValue(tiny_model)
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(2), context.Queue()
    arguments = (networks, episodes, tmp_path, barrier, results)
    processes = [context.Process(target=_race, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(calls > 0 for calls, _ in found) == [False, True]
    assert found[0][1] == found[1][1]


def test_a_reference_without_finite_numbers_is_refused(tiny_model, episodes, tmp_path) -> None:
    networks = PolicyWithValue(tiny_model)
    with torch.no_grad():
        networks.reference.lm_head.weight[3] = torch.nan
    with pytest.raises(InvalidInputError, match="no finite log-probability"):
        reference_cache([episodes], Reference(networks), tmp_path, key={})
    assert not list(tmp_path.glob("*/*.bin"))


def trained(model, tokenizer, log, args, **more):
    trainer = OREOTrainer(copied(model), args, log, processing_class=tokenizer, **more)
    trainer.train()
    return trainer, [line for line in trainer.state.log_history if "policy_loss" in line]


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize(("kl", "alpha"), [("k3", 0.0), ("top-k", 0.0), ("top-k", 0.3)])
def test_updates_are_those_with_a_running_reference(tiny_model, tokenizer, log, tmp_path, kl, alpha, packing) -> None:
    # The vocabulary is below 64 tokens, so that "top-k" is exact.
    common = {"alpha": alpha, "optim": "sgd", "learning_rate": 1e-2, "packing": packing}
    plain, lines = trained(tiny_model, tokenizer, log, config(tmp_path, **common))
    cached, others = trained(
        tiny_model, tokenizer, log, config(tmp_path, **common, kl=kl, reference_cache=str(tmp_path / "cache"))
    )
    assert plain.networks.reference is not None
    assert cached.networks.reference is None
    for a, b in zip(lines, others, strict=True):
        for name in ("loss", "policy_loss", "value_loss", "grad_norm_policy"):
            assert b[name] == pytest.approx(a[name], rel=1e-4)
        assert b["kl"] == pytest.approx(a["kl"], abs=1e-5) if kl == "top-k" else b["kl"] <= a["kl"] + 1e-5
    mine = dict(cached.networks.named_parameters())
    for name, p in plain.networks.named_parameters():
        if not name.startswith("reference"):
            torch.testing.assert_close(mine[name], p, rtol=1e-4, atol=1e-6)


def test_k3_holds_the_policy_and_has_its_own_name_in_the_log(tiny_model, tokenizer, log, tmp_path) -> None:
    ends = []
    for alpha in (0.0, 3.0):
        args = config(tmp_path, kl="k3", alpha=alpha, max_steps=12, reference_cache=str(tmp_path / "cache"))
        _, lines = trained(tiny_model, tokenizer, log, args)
        assert lines[0]["k3"] == pytest.approx(0, abs=1e-6)
        ends.append(lines[-1]["k3"])
    assert ends[1] < 0.5 * ends[0]
    assert lines[-1]["loss"] == pytest.approx(
        lines[-1]["value_loss"] + lines[-1]["policy_loss"] + 3.0 * lines[-1]["k3"], rel=1e-3
    )
    assert len(list((tmp_path / "cache").iterdir())) == 1


def passes(trainer: OREOTrainer) -> int:
    """Passes of the policy's trunk in one update."""
    count = 0

    def counted(*_) -> None:
        nonlocal count
        count += 1

    trunk = trainer.networks.transformers_models()[0].base_model
    handle = trunk.register_forward_hook(counted)
    trainer.train()
    handle.remove()
    return count // trainer.state.max_steps


def test_with_adapters_the_pass_without_them_is_saved(tiny_model, tokenizer, log, tmp_path) -> None:
    from peft import LoraConfig

    lora = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=True)
    ends, runs = [], []
    for cached in (False, True):
        more = {"kl": "top-k", "reference_cache": str(tmp_path / "cache")} if cached else {}
        torch.manual_seed(0)
        trainer = OREOTrainer(copied(tiny_model), config(tmp_path, **more), log, None, tokenizer, lora)
        runs.append(passes(trainer))
        ends.append({n: p for n, p in trainer.networks.named_parameters() if p.requires_grad})
    assert runs == [2, 1]
    for name, p in ends[0].items():
        torch.testing.assert_close(ends[1][name], p, rtol=1e-3, atol=1e-5)


def test_the_cache_lasts_and_serves_workers_and_evaluation(tiny_model, tokenizer, log, tmp_path) -> None:
    cache = {"kl": "top-k", "reference_cache": str(tmp_path / "cache")}
    seen = []
    for workers in (0, 1):
        args = config(tmp_path, **cache, dataloader_num_workers=workers, token_cache=str(tmp_path / "tokens"))
        trainer, _ = trained(tiny_model, tokenizer, log[:16], args, eval_dataset=log[16:])
        seen.append(trainer.evaluate()["eval_loss"])
    assert seen[0] == seen[1]
    (folder,) = (tmp_path / "cache").iterdir()
    stamp = (folder / "logp.bin").stat().st_mtime_ns
    trained(tiny_model, tokenizer, log[:16], config(tmp_path, **cache), eval_dataset=log[16:])
    assert (folder / "logp.bin").stat().st_mtime_ns == stamp
    changed = copied(tiny_model)
    with torch.no_grad():
        changed.lm_head.weight[0, 0] += 1
    trained(changed, tokenizer, log[:16], config(tmp_path, **cache), eval_dataset=log[16:])
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_another_reference_is_cached_and_forgotten(tiny_model, tokenizer, log, tmp_path) -> None:
    other = copied(tiny_model)
    with torch.no_grad():
        other.lm_head.weight.mul_(9.0)
    lines = []
    for more in ({}, {"kl": "top-k", "reference_cache": str(tmp_path / "cache")}):
        trainer, history = trained(tiny_model, tokenizer, log, config(tmp_path, **more), reference=copied(other))
        lines.append(history[0])
    assert trainer.networks.reference is None
    assert lines[1]["kl"] > 0.01
    assert lines[1]["loss"] == pytest.approx(lines[0]["loss"], rel=1e-4)


def test_an_adapter_of_the_value_leaves_a_whole_policy_free(tiny_model, tokenizer, log, tmp_path) -> None:
    from peft import LoraConfig

    lora = LoraConfig(r=2, target_modules=["q_proj"])
    args = config(tmp_path, kl="top-k", reference_cache=str(tmp_path / "cache"), max_steps=8)
    trainer = OREOTrainer(copied(tiny_model), args, log, None, tokenizer, value_peft_config=lora)
    bases = [n for n, p in trainer.networks.value.named_parameters() if not p.requires_grad]
    before = {n: p.clone() for n, p in trainer.networks.named_parameters()}
    assert len(bases) > 10
    trainer.train()
    for name, p in trainer.networks.named_parameters():
        frozen = name.startswith("value") and name.removeprefix("value.") in bases
        assert torch.equal(p, before[name]) == frozen, name


def test_credit_does_not_need_another_cache(tiny_model, tokenizer, log, tmp_path) -> None:
    args = config(tmp_path, kl="k3", reference_cache=str(tmp_path / "cache"))
    for data in (log, credit_episodes(log, tokenizer, CreditConfig())[0]):
        trained(tiny_model, tokenizer, data, args)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_run_resumes_with_the_same_cache_and_no_other_kl(tiny_model, tokenizer, log, tmp_path) -> None:
    args = config(tmp_path, kl="top-k", reference_cache=str(tmp_path / "cache"), max_steps=4, save_strategy="steps")
    args.save_steps = 2
    whole, _ = trained(tiny_model, tokenizer, log, args)
    again = OREOTrainer(copied(tiny_model), args, log, processing_class=tokenizer)
    again.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-2"))
    for a, b in zip(whole.networks.parameters(), again.networks.parameters(), strict=True):
        assert torch.equal(a, b)
    other = OREOTrainer(copied(tiny_model), dataclasses.replace(args, kl="k3"), log, processing_class=tokenizer)
    with pytest.raises(InvalidInputError, match="kl: top-k there, k3 here"):
        other.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-2"))


def test_a_batch_without_the_cache_is_refused(tiny_model, episodes) -> None:
    networks = PolicyWithValue(tiny_model, reference_cached=True)
    with pytest.raises(InvalidInputError, match="collate with the reference cache"):
        networks(**model_inputs(EpisodeCollator(0)(episodes)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference_cache": "x"}, "choose kl='top-k' .* or kl='k3'"),
        ({"kl": "k3"}, "give reference_cache=DIR"),
        ({"kl": "top-k"}, "give reference_cache=DIR"),
        ({"kl": "k1"}, "kl must be one of"),
    ],
)
def test_the_choice_is_an_open_one(tmp_path, changes, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        config(tmp_path, **changes)
