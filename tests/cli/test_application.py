from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

from stepgym.cli.commands import COMMANDS
from stepgym.cli.parser import Parser

NAMES = [command.name for command in COMMANDS]


def test_the_overview_names_every_command(cli):
    result = cli("--help")
    assert result.code == 0
    assert all(f"\n  {name} " in result.out for name in NAMES)
    assert "example:" in result.out
    assert cli().out == result.out


@pytest.mark.parametrize("name", NAMES)
def test_every_help_shows_an_example_that_its_parser_takes(cli, name):
    result = cli(name, "--help")
    assert result.code == 0
    examples = [line.strip()[2:].split() for line in result.out.splitlines() if line.strip().startswith("$ stepgym")]
    assert examples
    command = next(c for c in COMMANDS if c.name == name)
    for example in examples:
        assert example[:2] == ["stepgym", name]
        parser = Parser(name, command.summary, "x")
        command.load().configure(parser)
        parser.read(example[2:])


def test_help_is_quick_because_it_imports_nothing_heavy():
    code = (
        "import sys\nfrom stepgym.cli import main\n"
        "for words in (['--help'], ['list'], ['train', '--help'], ['quickstart', '--help'], ['evaluate', '--help']):\n"
        "    assert main(words) == 0\n"
        "print([m for m in ('torch', 'transformers', 'sympy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["trian"], "Did you mean 'train'"),
        (["list", "--chek"], "'--check'"),
        (["list", "verifers"], "'verifiers'"),
        (["play", "stepgym/ArithmeticChain-v1"], "stepgym/ArithmeticChain-v0"),
        (["play", "stepgym/ArithmeticChain-v0", "--env-arg", "operand=3"], "'operands'"),
        (["play", "stepgym/ArithmeticChain-v0", "--env-arg", "operands"], "name=value"),
        (["play", "stepgym/ArithmeticChain-v0", "--task", "chain/7/x"], "chain/7/x"),
        (["play", "stepgym/ArithmeticChain-v0", "--policy", "humam"], "'human'"),
        (["play", "stepgym/ArithmeticChain-v0", "--seed", "x"], "--seed"),
        (["play", "stepgym/GSM8K-v0"], "path="),
        (["play", "nowhere:lab/Units-v0"], "no module"),
        (["collect", "stepgym/ArithmeticChain-v0", "--policy", "random", "--out", "x"], "--episodes N or --tasks FILE"),
        (["collect", "stepgym/ArithmeticChain-v0", "--episodes", "2", "--policy", "random"], "--out"),
        (["doctor", "nowhere"], "nowhere"),
        (["report", "nowhere"], "nowhere"),
        (["train", "nowhere", "--out", "x"], "--from-scratch"),
        (["train", "nowhere", "--from-scratch", "tiny", "--out", "x"], "nowhere"),
        (["import", "nowhere.jsonl", "--out", "x"], "nowhere.jsonl"),
        (["import", "nowhere.jsonl", "--format", "oro", "--out", "x"], "'oreo'"),
        (["evaluate", "stepgym/ArithmeticChain-v0", "--episodes", "1", "--policy", "runs/none"], "runs/none"),
        (["new", "env", "../x"], "letters"),
    ],
)
def test_errors_of_users_are_one_line_and_code_2(cli, words, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli(*words)
    assert result.code == 2
    (line,) = result.err.splitlines()
    assert line.startswith("stepgym: error: ")
    assert hint in line
    assert not list(tmp_path.iterdir()), "nothing is written when the input is wrong"


class BrokenEnv(gymnasium.Env):
    observation_space = gymnasium.spaces.Text(10)
    action_space = gymnasium.spaces.Text(10)

    def reset(self, *, seed=None, options=None):
        raise ZeroDivisionError("a defect\nof two lines")


@pytest.fixture
def broken_env():
    gymnasium.register("test/Broken-v0", entry_point=BrokenEnv)
    yield "test/Broken-v0"
    del gymnasium.registry["test/Broken-v0"]


def test_a_defect_is_one_line_and_code_1(cli, broken_env):
    result = cli("play", broken_env)
    assert result.code == 1
    (line,) = result.err.splitlines()
    assert "ZeroDivisionError: a defect of two lines" in line
    assert "--debug" in line


def test_debug_shows_the_traceback(cli, broken_env):
    assert "in reset" in cli("play", broken_env, "--debug").err
    assert "Traceback" in cli("report", "nowhere", "--debug").err


def test_a_closed_pipe_is_no_error():
    code = "import sys; from stepgym.cli import main; sys.exit(main(['list']))"
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_the_version(cli):
    import stepgym

    assert cli("--version").out == f"stepgym {stepgym.__version__}\n"


def test_python_m_works(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "stepgym.cli", "lsit"], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert done.returncode == 2
    assert "'list'" in done.stderr
