from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def judge():
    """Judges a molecule, confirms every finding, and gives the verdict and what is marked in each way."""
    pytest.importorskip("rdkit")
    from stepgym.verifiers import MoleculeVerifier, check_finding

    verifier = MoleculeVerifier()

    def judged(answer, reference):
        response = f"<SMILES>{answer}</SMILES>"
        verdict = verifier.verify(response, reference)
        for finding in verdict.findings:
            assert check_finding(finding, response, reference, verifier=verifier), finding
        return verdict, {
            severity: [response[f.start : f.end] for f in verdict.findings if f.severity == severity]
            for severity in ("proved", "refuted", "fatal")
        }

    return judged
