"""Where compiler and programs run, and what is kept on disk."""

from __future__ import annotations

import gc
import os
import shutil
import sys

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers import CppVerifier
from stepgym.verifiers.cpp.toolchain import CompilerMissingError, find_toolchain
from stepgym.verifiers.sandbox.bubblewrap import BubblewrapSandbox
from stepgym.verifiers.sandbox.plain import PlainSandbox

from .conftest import REFERENCE, SOLUTION


def judges(sandbox, cache) -> None:
    verifier = CppVerifier(sandbox=sandbox, cache_folder=cache)
    for number in range(3):
        assert verifier.verify(f"{SOLUTION}// {number}", REFERENCE).status == "correct"
    response = SOLUTION.replace("x * 2", "x * 3")
    (found,) = [f for f in verifier.verify(response, REFERENCE).findings if f.severity == "refuted"]
    assert response[found.start : found.end] == "3"
    assert not list(verifier.run_folder.iterdir())


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_without_a_sandbox(tmp_path):
    judges(PlainSandbox(), tmp_path / "cache")


@pytest.mark.usefixtures("verifier")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bubblewrap is for Linux")
def test_in_a_sandbox_without_control_groups(tmp_path):
    judges(BubblewrapSandbox(shutil.which("bwrap"), None), tmp_path / "cache")


@pytest.mark.usefixtures("verifier")
def test_what_is_precompiled_is_kept_and_programs_are_not(tmp_path):
    verifier = CppVerifier(cache_folder=tmp_path)
    program = SOLUTION.replace("#include <iostream>\n#include <vector>", "#include <bits/stdc++.h>")
    assert verifier.verify(program, REFERENCE).status == "correct"
    kept = {path.name for path in tmp_path.glob("*.gch")}
    assert len(kept) == 1
    again = CppVerifier(cache_folder=tmp_path)
    assert again.verify(program, REFERENCE).status == "correct"
    assert {path.name for path in tmp_path.glob("*.gch")} == kept
    folder = again.run_folder
    assert folder.is_dir()
    del again
    gc.collect()
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("verifier")
def test_a_precompiled_header_of_somebody_else_is_not_used(tmp_path):
    program = SOLUTION.replace("#include <iostream>\n#include <vector>", "#include <bits/stdc++.h>")
    assert CppVerifier(cache_folder=tmp_path).verify(program, REFERENCE).status == "correct"
    (kept,) = tmp_path.glob("*.gch")
    before = kept.stat().st_ino
    kept.chmod(0o666)  # Anybody could have written to it.
    assert CppVerifier(cache_folder=tmp_path).verify(program, REFERENCE).status == "correct"
    assert next(tmp_path.glob("*.gch")).stat().st_ino != before


@pytest.mark.usefixtures("verifier")
def test_leftovers_of_ended_processes_are_removed(tmp_path):
    left, ours = tmp_path / "run-999999999-x", tmp_path / f"run-{os.getpid()}-x"
    left.mkdir()
    ours.mkdir()
    CppVerifier(cache_folder=tmp_path)
    assert not left.exists()
    assert ours.exists()


@pytest.mark.usefixtures("verifier")
def test_a_cache_folder_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="folder"):
        CppVerifier(cache_folder=tmp_path / "file")


def test_no_compiler_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    find_toolchain.cache_clear()
    try:
        with pytest.raises(CompilerMissingError, match="package 'g\\+\\+'"):
            CppVerifier()
    finally:
        find_toolchain.cache_clear()
