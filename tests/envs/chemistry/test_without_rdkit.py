from __future__ import annotations

import subprocess
import sys

import gymnasium
import pytest

from stepgym.errors import MissingExtraError


def test_without_rdkit_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdkit.Chem", None)
    for name in ("MoleculeGeneration", "ForwardSynthesis", "Retrosynthesis"):
        with pytest.raises(MissingExtraError, match=r"stepgym\[chem\]"):
            gymnasium.make(f"stepgym/{name}-v0")


def test_importing_the_environments_does_not_import_rdkit() -> None:
    code = (
        "import sys, stepgym, stepgym.envs.chemistry, stepgym.envs.molecule_generation, "
        "stepgym.envs.forward_synthesis, stepgym.envs.retrosynthesis; sys.exit('rdkit' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
