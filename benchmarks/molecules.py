"""The verifiers of molecules: planted errors, speed, and references of generated tasks.

    python benchmarks/molecules.py                     # all three, about 2 minutes of one core
    python benchmarks/molecules.py planted --show 20   # prints planted errors that no finding touches

`planted`: one edit (see `OPERATORS`) in an answer of a task, as the reference spells it and spelled at random; only
mutants that are wrong by RDKit count. Hit: a refuted span of at most one token or 12 characters contains or touches the
error. Where several places of one edit give the same text (a letter gone from `CCC`), each of them is the error.
`speed`: verdicts per CPU second on distinct answers of equal shares: the reference, spelled at random, with a planted
error, of another task; beside it RDKit alone, which only reads these SMILES and writes them canonically.
`references`: the reference of every generated task, judged by its own verifier. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from stepgym.envs import forward_synthesis, molecule_generation, retrosynthesis
from stepgym.envs.tasks import Task
from stepgym.verifiers import Verdict, get_verifier
from stepgym.verifiers.molecule.molecules import canonical_smiles, chem, parse, quiet
from stepgym.verifiers.molecule.requirements import parse_requirements
from stepgym.verifiers.molecule.smiles import tokenize

DRAWS = {
    "molecule": (molecule_generation.draw_tasks, "smiles"),
    "reaction-product": (forward_synthesis.draw_tasks, "product"),
    "reactants": (retrosynthesis.draw_tasks, "reactants"),
}
CHARACTERS = "CNOSFIPBcnosHl()[]=#/\\@+-.%123456789XZ"
TOKENS = ("C", "N", "O", "S", "F", "Cl", "Br", "c", "n", "o", "s", "[nH]", "(", ")", "=", "#", "1", "2", ".")
OPERATORS = ("delete character", "insert character", "replace character", "swap characters", "delete token",
             "replace token", "double token")  # fmt: skip
WIDEST = 12
Figures = dict[str, Any]


def tasks_of(name: str, count: int, seed: int) -> list[Task]:
    """Tasks of every difficulty."""
    draw = DRAWS[name][0]
    drawn: list[Task] = []
    for difficulty in range(1, 6):
        drawn += draw(count // 5, seed + difficulty, difficulty=difficulty)
    return drawn


def answer_of(name: str, task: Task) -> str:
    return str(task.reference[DRAWS[name][1]])


def respelled(smiles: str, rng: random.Random) -> str:
    """The same molecules, written from other atoms on and in another order."""
    parts = []
    for text in smiles.split("."):
        molecule = parse(text)
        order = list(range(molecule.GetNumAtoms()))
        rng.shuffle(order)
        parts.append(chem().MolToSmiles(chem().RenumberAtoms(molecule, order), canonical=False))
    rng.shuffle(parts)
    return ".".join(parts)


def planted(text: str, operator: str, rng: random.Random) -> tuple[str, list[tuple[int, int]]]:
    """A mutant and the spans in it of every edit of this kind that gives it."""
    at = rng.randrange(len(text))
    character = rng.choice(CHARACTERS)
    tokens = tokenize(text)
    token = rng.choice(tokens)
    if operator == "delete character":
        mutant = text[:at] + text[at + 1 :]
        return mutant, [(i, i) for i in range(len(text)) if text[:i] + text[i + 1 :] == mutant]
    if operator == "insert character":
        mutant = text[:at] + character + text[at:]
        return mutant, [(i, i + 1) for i in range(len(mutant)) if mutant[:i] + mutant[i + 1 :] == text]
    if operator == "replace character":
        return text[:at] + character + text[at + 1 :], [(at, at + 1)]
    if operator == "swap characters":
        return text[:at] + text[at : at + 2][::-1] + text[at + 2 :], [(at, at + 2)]
    if operator == "delete token":
        mutant = text[: token.start] + text[token.end :]
        return mutant, [(t.start, t.start) for t in tokens if text[: t.start] + text[t.end :] == mutant]
    if operator == "replace token":
        other = rng.choice(TOKENS)
        return text[: token.start] + other + text[token.end :], [(token.start, token.start + len(other))]
    mutant = text[: token.end] + text[token.start :]
    width = token.end - token.start
    return mutant, [(i, i + width) for i in range(len(mutant)) if mutant[:i] + mutant[i + width :] == text]


def is_wrong(name: str, task: Task, answer: str) -> bool:
    """By RDKit alone: no molecule, or not the one of the reference, or a requirement not met."""
    molecule = parse(answer)
    if molecule is None:
        return True
    if "requirements" in task.reference:
        required = parse_requirements(task.reference["requirements"])
        return not all(item.holds(item.measure(molecule)) for item in required)
    return canonical_smiles(answer) != canonical_smiles(answer_of(name, task))


def mutants(
    name: str, tasks: list[Task], seed: int, *, random_spelling: bool
) -> Iterator[tuple[Task, str, str, list[tuple[int, int]]]]:
    """Task, operator, wrong answer and the places of the error: one of each operator for each task, if it fails."""
    rng = random.Random(seed)
    for task in tasks:
        answer = answer_of(name, task)
        answer = respelled(answer, rng) if random_spelling else answer
        for operator in OPERATORS:
            mutant, places = planted(answer, operator, rng)
            if mutant and mutant != answer and is_wrong(name, task, mutant):
                yield task, operator, mutant, places


def touched(verdict: Verdict, response: str, shift: int, places: list[tuple[int, int]]) -> bool:
    """Whether a narrow refuted finding contains or touches one of the places."""
    answer_tokens = {(t.start + shift, t.end + shift) for t in tokenize(response[shift : response.rfind("</")])}
    return any(
        f.start <= end + shift and f.end >= start + shift
        for f in verdict.findings
        if f.severity == "refuted" and (f.end - f.start <= WIDEST or (f.start, f.end) in answer_tokens)
        for start, end in places
    )


def measure_planted(arguments: argparse.Namespace) -> Figures:
    figures: Figures = {}
    print(f"{'planted':<18}{'spelling':<11}{'mutants':>8}{'touched':>9}{'by repair':>11}{'marked':>8}{'accepted':>10}")
    for name in DRAWS:
        verifier = get_verifier(name)
        tasks = tasks_of(name, arguments.planted, arguments.seed)
        for random_spelling, example in ((False, True), (True, True), (True, False)):
            if not example and name != "molecule":
                continue
            hits, total, accepted = Counter[str](), Counter[str](), 0
            by_repair, marked = 0, []
            shown = 0
            for task, operator, mutant, places in mutants(name, tasks, arguments.seed, random_spelling=random_spelling):
                response = f"<SMILES>{mutant}</SMILES>"
                reference = dict(task.reference)
                if not example:
                    del reference["smiles"]
                verdict = verifier.verify(response, reference)
                if verdict.status != "wrong":
                    accepted += 1
                    continue
                total[operator] += 1
                hit = touched(verdict, response, len("<SMILES>"), places)
                hits[operator] += hit
                by_repair += any(f.kind == "repair" for f in verdict.findings)
                refuted = {i for f in verdict.findings if f.severity == "refuted" for i in range(f.start, f.end)}
                marked.append(len(refuted) / len(mutant))
                if not hit and shown < arguments.show:
                    shown += 1
                    spans = [response[f.start : f.end] for f in verdict.findings if f.severity in ("refuted", "fatal")]
                    print(f"    {operator}: {mutant} at {places}, task {answer_of(name, task)}: {spans}")
            count = sum(total.values())
            spelling = ("random" if random_spelling else "own") + ("" if example else ", alone")
            share = sum(hits.values()) / count
            print(
                f"{name:<18}{spelling:<11}{count:>8}{share:>9.1%}{by_repair / count:>11.1%}"
                f"{statistics.mean(marked):>8.1%}{accepted:>10}"
            )
            figures[f"{name}, {spelling}"] = {
                "mutants": count,
                "touched": round(share, 4),
                "accepted": accepted,
                "by operator": {operator: round(hits[operator] / total[operator], 4) for operator in OPERATORS},
            }
    whole = [row for key, row in figures.items() if "alone" not in key]
    count = sum(row["mutants"] for row in whole)
    figures["all"] = round(sum(row["touched"] * row["mutants"] for row in whole) / count, 4)
    print(f"all with a reference molecule: {figures['all']:.1%} of {count}")
    return figures


def _cpu_seconds(verifier: Any, texts: list[tuple[str, Any]]) -> float:
    started = time.process_time()
    for response, reference in texts:
        verifier.verify(response, reference)
    return time.process_time() - started


def _rdkit_seconds(texts: list[str]) -> float:
    started = time.process_time()
    with quiet():
        for text in texts:
            molecule = chem().MolFromSmiles(text)
            if molecule is not None:
                chem().MolToSmiles(molecule)
    return time.process_time() - started


def measure_speed(arguments: argparse.Namespace) -> Figures:
    figures: Figures = {}
    print(
        f"{'speed':<18}{'reference':>10}{'respelled':>11}{'mutant':>9}{'another':>9}{'mixture':>9}{'RDKit alone':>13}"
    )
    spent_in_all, answers_in_all = 0.0, 0
    for name in DRAWS:
        verifier = get_verifier(name)
        tasks = tasks_of(name, arguments.speed, arguments.seed + 100)
        rng = random.Random(arguments.seed)
        jobs: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        wrong = {task.id: mutant for task, _, mutant, _ in mutants(name, tasks, arguments.seed, random_spelling=True)}
        for task, other in zip(tasks, tasks[1:] + tasks[:1], strict=True):
            answer = answer_of(name, task)
            jobs["reference"].append((answer, task.reference))
            jobs["respelled"].append((respelled(answer, rng), task.reference))
            jobs["mutant"].append((wrong.get(task.id, answer[:-1]), task.reference))
            jobs["another"].append((respelled(answer_of(name, other), rng), task.reference))
        for task in tasks:  # References are parsed once for the many answers to a task.
            verifier.verify("C", task.reference)
        rates, spent, count = {}, 0.0, 0
        for kind, pairs in jobs.items():
            texts = [(f"<SMILES>{text}</SMILES>", reference) for text, reference in pairs]
            # Other processes on the machine slow this one down: the best of some rounds.
            seconds = min(_cpu_seconds(verifier, texts) for _ in range(arguments.rounds))
            rates[kind] = round(len(texts) / seconds)
            spent, count = spent + seconds, count + len(texts)
        plain = [text for pairs in jobs.values() for text, _ in pairs]
        rates["rdkit"] = round(len(plain) / min(_rdkit_seconds(plain) for _ in range(arguments.rounds)))
        rates["mixture"] = round(count / spent)
        spent_in_all, answers_in_all = spent_in_all + spent, answers_in_all + count
        figures[name] = rates
        print(
            f"{name:<18}{rates['reference']:>10}{rates['respelled']:>11}{rates['mutant']:>9}{rates['another']:>9}"
            f"{rates['mixture']:>9}{rates['rdkit']:>13}"
        )
    figures["all"] = round(answers_in_all / spent_in_all)
    print(f"all: {figures['all']} verdicts per CPU second")
    return figures


def measure_references(arguments: argparse.Namespace) -> Figures:
    figures: Figures = {}
    print(f"{'references':<18}{'tasks':>7}{'accepted':>10}{'respelled':>11}")
    for name in DRAWS:
        verifier = get_verifier(name)
        rng = random.Random(arguments.seed)
        tasks = tasks_of(name, arguments.tasks, arguments.seed + 200)
        accepted = sum(verifier.verify(answer_of(name, task), task.reference).status == "correct" for task in tasks)
        again = sum(
            verifier.verify(respelled(answer_of(name, task), rng), task.reference).status == "correct" for task in tasks
        )
        figures[name] = {"tasks": len(tasks), "accepted": accepted, "respelled": again}
        print(f"{name:<18}{len(tasks):>7}{accepted:>10}{again:>11}")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sections = {"planted": measure_planted, "speed": measure_speed, "references": measure_references}
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(sections) + "; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--planted", type=int, default=200, help="tasks of each environment for planted errors")
    parser.add_argument("--speed", type=int, default=500, help="tasks of each environment for the speed")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the speed, of which the best counts")
    parser.add_argument("--tasks", type=int, default=1000, help="tasks of each environment for the references")
    parser.add_argument("--show", type=int, default=0, help="planted errors to print that no finding touches")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - set(sections)
    if unknown:
        parser.error(f"unknown section {sorted(unknown)[0]!r}; choose from {', '.join(sections)}")
    figures = {name: sections[name](arguments) for name in arguments.sections or sections}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
