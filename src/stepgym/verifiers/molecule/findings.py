"""From what was found out about a candidate to the findings of a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from stepgym.verifiers.molecule.candidate import Candidate, Span
from stepgym.verifiers.molecule.molecules import MAX_ATOMS, Molecule, is_large, rdkit
from stepgym.verifiers.molecule.overlap import Overlap, common_part
from stepgym.verifiers.molecule.problems import WIDEST, find_problems
from stepgym.verifiers.molecule.repair import Repair, find_repair, text_repair
from stepgym.verifiers.molecule.shared import shared_places
from stepgym.verifiers.molecule.stereo import stereo_difference
from stepgym.verifiers.molecule.target import MOST_TOKENS, Target
from stepgym.verifiers.verdict import Finding, Severity, Verdict

# A piece that both molecules share says something about the answer only if it is most of them.
_ENOUGH = 0.5
# What is wrong in so many places needs no complete list.
_MOST = 20
# Below this Tanimoto similarity no common part is looked for.
_UNLIKE = 0.15


def invalid(candidate: Candidate, target: Target | None) -> list[Finding]:
    """Why a SMILES has no molecule: the one token that would mend it if the target is known, else the faults."""
    atoms = len(candidate.reading.atoms)
    if atoms > MAX_ATOMS:
        message = f"an answer has at most {MAX_ATOMS} atoms, this one has {atoms}"
        return [candidate.whole("length", "fatal", message, {"characters": len(candidate.text)})]
    problems = find_problems(candidate.reading)
    near = problems[0].start if problems else None
    tail = next((problem.start for problem in problems if problem.kind == "tail"), None)
    if tail is None:
        repair = target and _repair(candidate, target, near)
    else:
        # Nothing behind white space is read, so all of it goes or nothing does.
        head = Candidate(candidate.start, candidate.text[:tail])
        repair = Repair(tail, len(candidate.text), "") if target and head.is_target(target) else None
    severity: Severity = "note" if repair else "refuted"
    findings = [
        Finding(
            candidate.start + problem.start,
            candidate.start + problem.end,
            problem.kind,
            severity,
            problem.message,
            {**problem.evidence, "smiles": candidate.text},
        )
        for problem in problems[:_MOST]
    ]
    if repair and target:
        reason = problems[0].message if problems else "no molecule"
        return ordered([*findings, *mended(candidate, repair, target, reason)])
    facts = {"smiles": candidate.text}
    return findings or [candidate.whole("unreadable", "fatal", "RDKit reads no molecule in it", facts)]


def mended(
    candidate: Candidate, repair: Repair, target: Target, reason: str, *, besides: Iterable[Span] = ()
) -> list[Finding]:
    """The token that must be replaced, refuted, and what is around it, which then is right, but for some places."""
    start, end = repair.start, repair.end
    if start == end:
        # Something is missing here: the token that stands in its place, or the last one.
        token = next((t for t in candidate.reading.tokens if t.end > start), candidate.reading.tokens[-1])
        start, end = token.start, token.end
    written = candidate.text[repair.start : repair.end]
    shown = written if written.isprintable() and len(written) <= 2 * WIDEST else "these characters"
    if not written:
        what = f"{repair.by} is missing here"
    elif repair.by:
        what = f"{repair.by} instead of {shown}"
    else:
        what = f"without {shown}"
    facts = {
        "replace": written,
        "by": repair.by,
        "at": candidate.start + repair.start,
        "smiles": candidate.text,
        "becomes": target.canonical,
    }
    span = candidate.start + start, candidate.start + end
    wrong = Finding(*span, "repair", "refuted", f"{reason}: {what}", facts)
    return [wrong, *_around(candidate, sorted([span, *besides]), facts)]


def near_miss(candidate: Candidate, target: Target) -> Repair | None:
    """The one token that turns a valid molecule into the target, None if there is none."""
    apart = abs(candidate.molecule.GetNumAtoms() - target.molecule.GetNumAtoms())
    return _repair(candidate, target, None, search=apart <= 1) if apart <= MOST_TOKENS else None


def different(candidate: Candidate, target: Target) -> list[Finding]:
    """Where a valid molecule differs from the target: one token, or the atoms beyond the part they share."""
    otherwise = stereo_difference(candidate, target)
    if otherwise is not None:
        reason = f"the same molecule but for its stereo ({otherwise.what})"
        if otherwise.repair is not None:
            return mended(candidate, otherwise.repair, target, reason)
        places = candidate.places(otherwise.atoms)
        facts = {"target": target.spellings[0], "smiles": candidate.text, "at": candidate.start}
        if not 0 < len(places) <= _MOST:
            return [candidate.whole("stereo", "fatal", reason, facts)]
        return [Finding(*place, "stereo", "refuted", reason, facts) for place in places]
    repair = near_miss(candidate, target)
    if repair is not None:
        return mended(candidate, repair, target, "another molecule than asked for")
    return beyond_common_part(candidate, target)


def beyond_common_part(candidate: Candidate, target: Target) -> list[Finding]:
    """The atoms of a valid molecule that the part shared with the target leaves out or that lack neighbours there."""
    molecule = candidate.molecule
    facts: dict[str, Any] = {"target": target.spellings[0], "smiles": candidate.text, "at": candidate.start}
    sizes = molecule.GetNumAtoms(), target.molecule.GetNumAtoms()
    if min(sizes) < _ENOUGH * max(sizes) or similarity(candidate, target) < _UNLIKE:
        return [candidate.whole("product", "fatal", "quite another molecule", facts)]
    larger = max(sizes)
    overlap = common_part(molecule, target.molecule)
    left = set(overlap.left)
    if not left:
        left = _lacking(overlap, target.molecule) if overlap.lacking else _other(overlap, molecule, target.molecule)
    places = candidate.places(left)
    # No places: all of it is there, and a fragment is missing.
    if len(overlap.pairs) < _ENOUGH * larger or not 0 < len(places) <= _MOST:
        message = f"another molecule: {len(overlap.pairs)} of {larger} atoms in common"
        return [candidate.whole("product", "fatal", message, {**facts, "common_atoms": len(overlap.pairs)})]
    facts["pairs"] = [list(pair) for pair in overlap.pairs]
    message = "these atoms differ" if overlap.left else "something is missing or differs at these atoms"
    findings = [Finding(*place, "difference", "refuted", message, facts) for place in places]
    shared = shared_places(candidate, target.molecule, dict(overlap.pairs), left)
    return ordered([*findings, *(Finding(*s, "matching", "proved", "this part is right", facts) for s in shared)])


def scores(candidate: Candidate, target: Target | None, *, exact: bool) -> Finding:
    """A note with the usual figures: validity, exact match, Tanimoto similarity (Morgan, radius 2, 2,048 bits)."""
    valid = exact or candidate.molecule is not None
    facts: dict[str, Any] = {"valid": valid, "exact": exact, "tanimoto": None}
    if target is not None:
        facts["tanimoto"] = 1.0 if exact else round(similarity(candidate, target), 4) if valid else 0.0
    facts["fragments"] = candidate.text.count(".") + 1
    return Finding(candidate.start, candidate.start, "scores", "note", "", facts)


def similarity(candidate: Candidate, target: Target) -> float:
    """The Tanimoto similarity of two molecules by Morgan fingerprints of radius 2 with 2,048 bits."""
    prints = candidate.fingerprint, target.fingerprint
    return float(rdkit("rdkit.DataStructs.cDataStructs").TanimotoSimilarity(*prints))


def right(candidate: Candidate, target: Target | None, message: str, evidence: dict[str, Any]) -> Verdict:
    """The verdict on a right answer: all of it is proved."""
    exact = target is not None and candidate.is_target(target)
    proved = candidate.whole("molecule", "proved", message, {**evidence, "smiles": candidate.text})
    return Verdict.correct(scores(candidate, target, exact=exact), proved, reason=message)


def wrong(candidate: Candidate, target: Target | None, findings: Iterable[Finding], reason: str = "") -> Verdict:
    """The verdict on a wrong answer."""
    exact = target is not None and candidate.is_target(target)
    return Verdict.wrong(*ordered([scores(candidate, target, exact=exact), *findings]), reason=reason)


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Findings in order of their places."""
    return sorted(findings, key=lambda finding: (finding.start, finding.end))


def _repair(candidate: Candidate, target: Target, near: int | None, *, search: bool = True) -> Repair | None:
    repair = text_repair(candidate.text, candidate.tokens, target)
    if repair is None and search and not is_large(candidate.text):
        repair = find_repair(candidate.text, candidate.tokens, target, near)
    return repair


def _around(candidate: Candidate, places: Sequence[Span], facts: dict[str, Any]) -> list[Finding]:
    """What is left of the SMILES besides some places, proved."""
    findings = []
    at = candidate.start
    for start, end in [*places, (candidate.end, candidate.end)]:
        if start > at:
            findings.append(Finding(at, start, "matching", "proved", "this part is right", facts))
        at = max(at, end)
    return findings


def _lacking(overlap: Overlap, other: Molecule) -> set[int]:
    """Atoms of the answer whose partners have neighbours that nothing in the answer corresponds to."""
    lacking = set(overlap.lacking)
    return {
        atom
        for atom, partner in overlap.pairs
        if any(n.GetIdx() in lacking for n in other.GetAtomWithIdx(partner).GetNeighbors())
    }


def _other(overlap: Overlap, molecule: Molecule, other: Molecule) -> set[int]:
    """Atoms that have all their partners, but bonds, hydrogens or stereo otherwise."""
    partner = dict(overlap.pairs)
    found = set()
    for first, second in ((molecule, other), (other, molecule)):
        there = partner if first is molecule else {b: a for a, b in partner.items()}
        for bond in first.GetBonds():
            ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            match = second.GetBondBetweenAtoms(there[ends[0]], there[ends[1]])
            if match is None or match.GetBondType() != bond.GetBondType() or match.GetStereo() != bond.GetStereo():
                found |= set(ends) if first is molecule else {there[end] for end in ends}
    for atom, mate in overlap.pairs:
        mine, its = molecule.GetAtomWithIdx(atom), other.GetAtomWithIdx(mate)
        if _surroundings(mine) != _surroundings(its):
            found.add(atom)
    return found


def _surroundings(atom: Any) -> tuple[int, str]:
    return atom.GetTotalNumHs(), atom.GetProp("_CIPCode") if atom.HasProp("_CIPCode") else ""
