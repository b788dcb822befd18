"""What verifiers say of items, how two opinions agree, and how a difference is shown."""

from __future__ import annotations

import inspect
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.agents.text_table import text_table
from stepgym.cli.terminal import remark
from stepgym.cli.verification import refuse_no_verifier
from stepgym.cli.verify_items import Item, LeftOut
from stepgym.errors import ConformanceError, InvalidInputError
from stepgym.verifiers import Verdict, Verifier
from stepgym.verifiers.verifier import registry

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Judge:
    """A verifier, and what to call it."""

    name: str
    verifier: Verifier

    @classmethod
    def of(cls, name: str, conventions: str | None) -> Judge:
        """The verifier called `name`; raises `InvalidInputError` if it is none or has no conventions."""
        refuse_no_verifier(name)
        maker = registry.get(name)
        kwargs: dict[str, Any] = {}
        if conventions is not None:
            if "conventions" in _parameters(maker):
                kwargs["conventions"] = conventions
            elif name == "math-steps":
                kwargs["answer"] = registry.get("math-answer")(conventions=conventions)
            else:
                raise InvalidInputError(f"{name} has no conventions to choose; leave --conventions out")
        verifier = maker(**kwargs)
        if not isinstance(verifier, Verifier):
            raise InvalidInputError(f"{name} is no verifier: it has no method verify(response, reference, *, context)")
        return cls(name if conventions is None else f"{name} ({conventions})", verifier)

    def judge(self, item: Item) -> tuple[Verdict, float]:
        """The verdict and the seconds it took."""
        started = time.perf_counter()
        try:
            verdict: Any = self.verifier.verify(item.response, item.reference, context=item.context)
        except InvalidInputError:
            raise
        except Exception:
            remark(f"stepgym: {self.name} failed on {item.place}")
            raise
        if not isinstance(verdict, Verdict):
            raise ConformanceError(f"{self.name} must return a Verdict, got {type(verdict).__name__} on {item.place}")
        return verdict, time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Judged:
    """An item and what each judge said of it, in how many seconds."""

    item: Item
    verdicts: tuple[Verdict, ...]
    seconds: tuple[float, ...]


@dataclass(slots=True)
class Tally:
    """How two opinions agree: of the log (`logged`) or of a first verifier, and of a verifier."""

    first: str
    second: str
    logged: bool
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def figures(self) -> dict[str, int]:
        """The number of items by what the two say of them."""
        p = self.pairs
        same = {"both correct": p["correct", "correct"], "both wrong": p["wrong", "wrong"]}
        only = {
            f"only {self.first} says correct": p["correct", "wrong"],
            f"only {self.second} says correct": p["wrong", "correct"],
            f"undecided by {self.second}": p["correct", "undecided"] + p["wrong", "undecided"],
        }
        if self.logged:
            return same | only | {"no outcome in the log": sum(n for (a, _), n in p.items() if a == "undecided")}
        return (
            same
            | only
            | {
                f"undecided by {self.first}": p["undecided", "correct"] + p["undecided", "wrong"],
                "undecided by both": p["undecided", "undecided"],
            }
        )

    @property
    def compared(self) -> int:
        """Items on which both have an opinion; "undecided" is one of a verifier's."""
        return sum(n for (a, _), n in self.pairs.items() if not (self.logged and a == "undecided"))

    @property
    def agreed(self) -> int:
        """Those of `compared` of which both say the same."""
        return sum(n for (a, b), n in self.pairs.items() if a == b and not (self.logged and a == "undecided"))

    def __str__(self) -> str:
        rows = [(label, f"{n:,}") for label, n in self.figures().items()]
        share = f"{100 * self.agreed / self.compared:.2f} % agreement" if self.compared else "nothing to compare"
        total = sum(self.pairs.values())
        return (
            text_table((f"{self.first} and {self.second}", "items"), rows)
            + f"\n{share}: {self.agreed:,} of {self.compared:,} compared, of {total:,} items"
        )


def judge_all(items: Iterator[Item], judges: Sequence[Judge], threads: int, left_out: LeftOut) -> Iterator[Judged]:
    """The verdicts in the order of the items, of which a bounded number is held; refused references are left out."""
    from tqdm import tqdm

    def ask(item: Item) -> Judged | InvalidInputError:
        try:
            answers = [judge.judge(item) for judge in judges]
        except InvalidInputError as error:
            return error
        return Judged(item, tuple(v for v, _ in answers), tuple(s for _, s in answers))

    pool = ThreadPoolExecutor(threads, thread_name_prefix="verify") if threads > 1 else None
    try:
        with tqdm(desc="verify", unit=" items", disable=None, dynamic_ncols=True) as bar:
            while batch := list(islice(items, _BATCH)):
                results: Iterable[Judged | InvalidInputError] = (
                    map(ask, batch) if pool is None else pool.map(ask, batch)
                )
                for item, result in zip(batch, results, strict=True):
                    bar.update()
                    if isinstance(result, Judged):
                        yield result
                    else:
                        left_out.add(item.place, f"the reference is refused: {result}")
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def logged_status(item: Item) -> str:
    """The log's opinion in the words of a verdict."""
    return "undecided" if item.logged is None else "correct" if item.logged else "wrong"


def differs(one: Judged) -> bool:
    """Whether any two opinions on the item, its label included, are not the same."""
    said = {v.status for v in one.verdicts}
    if one.item.expected is not None:
        return said != {one.item.expected}
    if one.item.logged is not None:
        said.add("correct" if one.item.logged else "wrong")
    return len(said) > 1


def difference(one: Judged, judges: Sequence[Judge]) -> str:
    """Two lines for people: who says what, and of which answer."""
    item = one.item
    parts = [f"labelled {item.expected}"] if item.expected is not None else []
    if item.logged is not None:
        parts.append(f"logged as {logged_status(item)}")
    for judge, verdict in zip(judges, one.verdicts, strict=True):
        parts.append(
            f"{judge.name}: {verdict.status}" + (f" ({_short(verdict.reason, 100)})" if verdict.reason else "")
        )
    end = " ".join(item.response[-200:].split())[-70:]
    return f"  {item.place}: {', '.join(parts)}\n    {end!r} for {_short(repr(item.reference), 60)}"


def _short(text: str, width: int) -> str:
    flat = " ".join(text[: 4 * width].split())
    return flat if len(flat) <= width else flat[: width - 3] + "..."


def _parameters(maker: Any) -> Sequence[str]:
    try:
        return list(inspect.signature(maker).parameters)
    except (TypeError, ValueError):
        return []


def who_judged(log: Iterable[Episode]) -> str:
    """The name of a known verifier that judged one of the first episodes of a log; "" without one."""
    verdicts = (v for episode in islice(log, 20) for step in episode.steps for v in step.verdicts)
    known = registry.names()
    name = next((n for n in (v.verifier.partition("/")[0] for v in verdicts) if n in known), "")
    if name not in ("", "math-answer"):
        remark(f"judged by {name}, as in the log (--verifier chooses another)")
    return name
