"""A molecule as SVG with the refuted atoms marked."""

from __future__ import annotations

from typing import Any

from stepgym.verifiers.molecule.candidate import Candidate
from stepgym.verifiers.molecule.molecules import Molecule, quiet, rdkit
from stepgym.verifiers.verdict import Verdict

WIDTH, HEIGHT = 360, 240
_BAD = (0.95, 0.55, 0.5)
_MAX_PREFIXES = 60


def draw(candidate: Candidate, verdict: Verdict) -> str:
    """The SVG of a candidate; of the longest beginning that is a molecule where the whole is none, else ""."""
    shown = candidate if candidate.molecule is not None else _beginning(candidate)
    if shown is None:
        return ""
    marked = [f for f in verdict.findings if f.severity == "refuted"]
    atoms = [
        index
        for index, (start, end) in enumerate(shown.atom_spans)
        if any(f.start < shown.start + end and shown.start + start < f.end for f in marked)
    ]
    return _svg(shown.molecule, atoms)


def _beginning(candidate: Candidate) -> Candidate | None:
    ends = [token.start for token in candidate.reading.tokens if token.start > 0]
    for end in ends[: -_MAX_PREFIXES - 1 : -1]:
        text = candidate.text[:end]
        beginning = Candidate(candidate.start, text)
        if beginning.molecule is not None:
            return beginning
    return None


def _svg(molecule: Molecule, atoms: list[int]) -> str:
    rdkit("rdkit.Chem.rdDepictor")
    drawing: Any = rdkit("rdkit.Chem.Draw.rdMolDraw2D")
    canvas = drawing.MolDraw2DSVG(WIDTH, HEIGHT)
    with quiet():
        drawing.PrepareAndDrawMolecule(
            canvas, molecule, highlightAtoms=atoms, highlightAtomColors=dict.fromkeys(atoms, _BAD)
        )
    canvas.FinishDrawing()
    return str(canvas.GetDrawingText())
