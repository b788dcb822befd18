from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import stepgym
from stepgym.envs import Task, check_text_env, list_envs, make, register
from stepgym.errors import InvalidInputError, PluginError, UnknownNameError

ROWS = [{"id": f"t/{i}", "prompt": f"{i}+1?", "reference": str(i + 1)} for i in range(5)]


@pytest.fixture(autouse=True)
def _forget_test_ids() -> Iterator[None]:
    yield
    for id in [id for id in gymnasium.registry if id.startswith("test-registration/")]:
        del gymnasium.registry[id]


def test_import_registers_the_built_in_ids() -> None:
    ids = {plugin.name: plugin for plugin in list_envs()}
    for name in ("ArithmeticChain", "GSM8K", "MATH"):
        plugin = ids[f"stepgym/{name}-v0"]
        assert plugin.summary
        assert plugin.distribution == "stepgym"


@pytest.mark.parametrize("source", ["file", "rows", "tasks"])
def test_tasks_and_a_verifier_make_an_ordinary_id(tmp_path: Path, source: str) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text("\n".join(map(json.dumps, ROWS)))
    tasks = {"file": file, "rows": ROWS, "tasks": [Task(**row) for row in ROWS]}[source]
    register("test-registration/Sum-v0", tasks=tasks, verifier="exact", instructions="a number", max_turns=2)
    env = gymnasium.make("test-registration/Sum-v0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
        check_text_env(env)
    observation, info = env.reset(options={"task": "t/2"})
    assert (observation, info["task"], env.unwrapped.instructions) == ("2+1?", "t/2", "a number")
    assert env.step("3")[1] == 1.0
    spec = EnvSpec.from_json(env.spec.to_json())
    assert gymnasium.make(spec).reset(seed=3)[0] == env.reset(seed=3)[0]


def test_registering_the_same_again_is_allowed_and_something_else_is_not() -> None:
    register("test-registration/Sum-v0", tasks=ROWS, verifier="exact")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register("test-registration/Sum-v0", tasks=ROWS, verifier="exact")
        with pytest.raises(InvalidInputError, match="registered already"):
            register("test-registration/Sum-v0", tasks=ROWS[:1], verifier="exact")
        register("test-registration/Sum-v0", tasks=ROWS[:1], verifier="exact", overwrite=True)
    assert len(make("test-registration/Sum-v0").unwrapped.tasks) == 1


@pytest.mark.parametrize(
    ("id", "arguments", "message"),
    [
        ("Sum-v0", {"tasks": ROWS, "verifier": "exact"}, "needs a namespace and a version"),
        ("test-registration/Sum", {"tasks": ROWS, "verifier": "exact"}, "needs a namespace and a version"),
        ("a/b/c-v0", {"tasks": ROWS, "verifier": "exact"}, "an id looks like"),
        ("test-registration/Sum-v0", {}, "give tasks and verifier, or entry_point"),
        ("test-registration/Sum-v0", {"tasks": ROWS}, "give tasks and verifier, or entry_point"),
        ("test-registration/Sum-v0", {"tasks": ROWS, "verifier": object()}, "verifier must be a text"),
        ("test-registration/Sum-v0", {"entry_point": Task}, "entry_point must be a text"),
        ("test-registration/Sum-v0", {"entry_point": "a:B", "x": object()}, "must be JSON values"),
        ("test-registration/Sum-v0", {"entry_point": "a:B", "x": (1, 2)}, "change in a JSON round trip"),
    ],
)
def test_what_cannot_be_registered_says_why(id: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        register(id, **arguments)
    assert id not in gymnasium.registry


def test_wrong_ids_and_arguments_get_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'stepgym/GSM8K-v0'"):
        make("stepgym/GSM8k-v0")
    with pytest.raises(UnknownNameError, match="Did you mean 'stepgym/ArithmeticChain-v0'"):
        make("stepgym:stepgym/ArithmeticChains-v0")
    with pytest.raises(UnknownNameError, match="there is no module 'nosuchmodule'"):
        make("nosuchmodule:stepgym/GSM8K-v0")
    with pytest.raises(UnknownNameError, match=r"No argument of stepgym/ArithmeticChain-v0 .* Did you mean 'modulus'"):
        make("stepgym/ArithmeticChain-v0", modulo=5)
    assert make("stepgym/ArithmeticChain-v0", modulus=5, max_episode_steps=3).spec.max_episode_steps == 3


def test_a_module_that_fails_to_import_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brokenmodule.py").write_text("import nosuchdependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=r"'brokenmodule' cannot be imported: .*nosuchdependency"):
        make("brokenmodule:x/Y-v0")


def install(folder: Path, name: str, entry_point: str, code: str) -> None:
    """A distribution with one module and one entry point, as an installer would leave it."""
    (folder / f"{name}.py").write_text(textwrap.dedent(code))
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[stepgym.envs]\n{name} = {entry_point}\n")


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(stepgym.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), source])}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, timeout=120
    )


def test_plugins_are_found_and_a_broken_one_names_itself_alone(tmp_path: Path) -> None:
    body = """
        import stepgym
        def register():
            tasks = [{{"id": "a", "prompt": "1+1?", "reference": "2"}}]
            stepgym.register("{name}/Sum-v0", tasks=tasks, verifier="exact")
    """
    install(tmp_path, "goodfunction", "goodfunction:register", body.format(name="goodfunction"))
    install(tmp_path, "goodmodule", "goodmodule", body.format(name="goodmodule") + "\n        register()\n")
    install(tmp_path, "badmodule", "badmodule", "raise RuntimeError('broken on purpose')")
    install(tmp_path, "badfunction", "badfunction:nothing", "")
    done = run(
        tmp_path,
        """
        import sys, warnings
        import stepgym
        assert not {"goodmodule", "goodfunction", "badmodule"} & set(sys.modules), "import must not load plug-ins"
        env = stepgym.envs.make("goodfunction/Sum-v0")
        env.reset()
        assert env.step("2")[1] == 1.0
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            plugins = {p.name: p.distribution for p in stepgym.envs.list_envs()}
        for w in caught:
            print("warned:", w.message)
        print(plugins["goodmodule/Sum-v0"], plugins["goodfunction/Sum-v0"], plugins["stepgym/GSM8K-v0"])
        try:
            stepgym.envs.make("goodmodul/Sum-v0")
        except LookupError as error:
            print("error:", error)
        """,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "warned: Plug-in 'badfunction' (badfunction:nothing, from badfunction) cannot be loaded:" in done.stdout
    assert "RuntimeError: broken on purpose" in done.stdout
    assert len([line for line in lines if line.startswith("warned:")]) == 2
    assert "goodmodule goodfunction stepgym" in lines
    assert "Did you mean 'goodmodule/Sum-v0'" in lines[-1]
    assert "badmodule" in lines[-1]


def test_import_is_light_and_touches_nothing(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
        import builtins, random, sys
        import gymnasium, numpy
        state = random.getstate(), numpy.random.get_state()[1].tolist()
        before = set(gymnasium.registry)
        opened = []
        sys.addaudithook(lambda event, args: opened.append(args) if event == "open" else None)
        import stepgym
        heavy = {"torch", "transformers", "sympy", "pyarrow", "datasets", "pandas"} & set(sys.modules)
        assert not heavy, heavy
        assert (random.getstate(), numpy.random.get_state()[1].tolist()) == state
        new = sorted(set(gymnasium.registry) - before)
        assert all(id.startswith("stepgym/") for id in new) and len(new) >= 3, new
        strange = [a for a in opened if not str(a[0]).endswith((".py", ".pyc")) and ".pyc." not in str(a[0])]
        assert not strange, strange
        gymnasium.register_envs(stepgym)
        assert gymnasium.make("stepgym/ArithmeticChain-v0").reset(seed=1)[0]
        """,
    )
    assert done.returncode == 0, done.stderr


def test_import_costs_hardly_more_than_gymnasium(tmp_path: Path) -> None:
    code = """
        import gymnasium, sys
        before = set(sys.modules)
        import stepgym
        print(*sorted(set(sys.modules) - before))
    """
    loaded = run(tmp_path, textwrap.dedent(code)).stdout.split()
    assert "stepgym" in loaded
    assert {name.partition(".")[0] for name in loaded} == {"stepgym"}
    assert len(loaded) <= 8, loaded


def test_the_module_form_works_in_a_fresh_process(tmp_path: Path) -> None:
    code = "import gymnasium; print(gymnasium.make('stepgym:stepgym/ArithmeticChain-v0').reset(seed=1)[0])"
    done = run(tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("mod 7 =")


def test_every_public_name_and_room_is_there_when_asked_for() -> None:
    assert [name for name in stepgym.envs.__all__ if getattr(stepgym.envs, name, None) is None] == []
    assert set(stepgym.envs.__all__) <= set(dir(stepgym.envs))
    for room in ("envs", "verifiers", "agents", "train"):
        assert getattr(stepgym, room).__name__ == f"stepgym.{room}"
    for module in (stepgym, stepgym.envs):
        with pytest.raises(AttributeError, match="no attribute 'nosuchname'"):
            module.nosuchname  # noqa: B018
