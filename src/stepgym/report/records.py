"""What a run folder holds, checked once when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from stepgym.errors import InvalidInputError
from stepgym.report.evaluation_records import AtKRow, CalibrationRecord, GroupRow
from stepgym.report.fields import Fields
from stepgym.verifiers.verdict import Finding, Severity


@dataclass(frozen=True, slots=True)
class RunInfo:
    """`run.json`: what was started, when, with which settings, and how long its phases took (seconds)."""

    title: str
    kind: str = ""
    command: str = ""
    started: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    seeds: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: object, *, where: str = "run.json") -> RunInfo:
        """The checked record; unknown keys are ignored."""
        fields = Fields.of(data, where)
        phases = fields.mapping("seconds")
        return cls(
            title=fields.text("title"),
            kind=fields.text("kind", ""),
            command=fields.text("command", ""),
            started=fields.text("started", ""),
            config=fields.mapping("config"),
            versions=fields.mapping("versions"),
            machine=fields.mapping("machine"),
            seconds={name: Fields(phases, f"{where}: seconds").number(name, low=0.0) for name in phases},
            seeds=tuple(fields.items("seeds")),
            notes=tuple(str(note) for note in fields.items("notes")),
        )


@dataclass(frozen=True, slots=True)
class Curves:
    """One `metrics/NAME.jsonl`: for each key its points (step, value) in order of steps, finite values only."""

    name: str
    series: Mapping[str, tuple[tuple[float, float], ...]]


@dataclass(frozen=True, slots=True)
class SuccessRow:
    """Success of one policy with one method on one environment; shares in [0, 1], 95 % interval [low, high]."""

    policy: str
    method: str
    success: float
    env_id: str = ""
    low: float | None = None
    high: float | None = None
    tasks: int | None = None
    samples: int | None = None
    undecided: float | None = None
    truncated: float | None = None
    of_judged: float | None = None
    tokens: float | None = None
    seconds: float | None = None
    at_k: tuple[AtKRow, ...] = ()
    groups: tuple[GroupRow, ...] = ()

    @classmethod
    def from_dict(cls, data: object, *, where: str) -> SuccessRow:
        """The checked record; unknown keys are ignored."""
        fields = Fields.of(data, where)
        return cls(
            policy=fields.text("policy"),
            method=fields.text("method"),
            success=fields.number("success", low=0.0, high=1.0),
            env_id=fields.text("env_id", ""),
            low=fields.maybe_number("low", low=0.0, high=1.0),
            high=fields.maybe_number("high", low=0.0, high=1.0),
            tasks=fields.maybe_count("tasks"),
            samples=fields.maybe_count("samples"),
            undecided=fields.maybe_number("undecided", low=0.0, high=1.0),
            truncated=fields.maybe_number("truncated", low=0.0, high=1.0),
            of_judged=fields.maybe_number("of_judged", low=0.0, high=1.0),
            tokens=fields.maybe_number("tokens", low=0.0),
            seconds=fields.maybe_number("seconds", low=0.0),
            at_k=tuple(AtKRow.from_dict(row, where=f"{where}: at_k") for row in fields.items("at_k")),
            groups=tuple(GroupRow.from_dict(row, where=f"{where}: groups") for row in fields.items("groups")),
        )


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One paired comparison on the same tasks: `difference` is the success of `a` minus that of `b`, in [-1, 1]."""

    a: str
    b: str
    difference: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    tasks: int | None = None

    @classmethod
    def from_dict(cls, data: object, *, where: str) -> ComparisonRow:
        """The checked record; unknown keys are ignored."""
        fields = Fields.of(data, where)
        return cls(
            a=fields.text("a"),
            b=fields.text("b"),
            difference=fields.number("difference", low=-1.0, high=1.0),
            low=fields.maybe_number("low", low=-1.0, high=1.0),
            high=fields.maybe_number("high", low=-1.0, high=1.0),
            p_value=fields.maybe_number("p_value", low=0.0, high=1.0),
            tasks=fields.maybe_count("tasks"),
        )


@dataclass(frozen=True, slots=True)
class Trace:
    """One episode with the verifier's findings, and where there is one the learned value after each of its tokens.

    Attributes:
        tokens: The tokens as text; they may begin with the prompt.
        action: True where the policy wrote the token.
        values: The learned value after each token, None where there is none.
        findings: Spans are offsets into `text`.
        text: What the policy wrote.
        picture: An SVG of what was written, "" without one.
    """

    text: str
    tokens: tuple[str, ...]
    action: tuple[bool, ...]
    values: tuple[float | None, ...]
    outcome: float | None = None
    findings: tuple[Finding, ...] = ()
    task_id: str = ""
    prompt: str = ""
    reference: str = ""
    policy: str = ""
    picture: str = ""

    @property
    def valued(self) -> bool:
        """Whether any token has a value."""
        return any(value is not None for value in self.values)

    @classmethod
    def from_dict(cls, data: object, *, where: str = "a value trace") -> Trace:
        """The checked record; unknown keys are ignored."""
        fields = Fields.of(data, where)
        tokens = fields.items("tokens")
        values = fields.items("values")
        action = fields.items("action") if "action" in fields.data else [True] * len(tokens)
        if not len(tokens) == len(values) == len(action):
            raise InvalidInputError(
                f"{where}: expected as many values and action flags as tokens, "
                f"got {len(tokens)} tokens, {len(values)} values and {len(action)} flags"
            )
        if not all(isinstance(token, str) for token in tokens):
            raise InvalidInputError(f"{where}: expected 'tokens' to be a list of strings")
        numbers = Fields(dict(zip(map(str, range(len(values))), values, strict=True)), f"{where}: values")
        findings = tuple(_finding(item, f"{where}: finding {i}") for i, item in enumerate(fields.items("findings")))
        written = "".join(token for token, own in zip(tokens, action, strict=True) if own)
        return cls(
            text=fields.text("text", written),
            tokens=tuple(tokens),
            action=tuple(bool(flag) for flag in action),
            values=tuple(numbers.maybe_number(key) for key in numbers.data),
            outcome=fields.maybe_number("outcome"),
            findings=findings,
            task_id=str(fields.data.get("task_id", "")),
            prompt=fields.text("prompt", ""),
            reference=str(fields.data.get("reference", "")),
            policy=fields.text("policy", ""),
            picture=fields.text("picture", ""),
        )


def _finding(data: object, where: str) -> Finding:
    fields = Fields.of(data, where)
    start, end = fields.maybe_count("start"), fields.maybe_count("end")
    if start is None or end is None:
        raise InvalidInputError(f"{where}: expected 'start' and 'end', offsets into the text")
    return Finding(
        start,
        end,
        kind=fields.text("kind", ""),
        severity=cast(Severity, fields.text("severity", "refuted")),
        message=fields.text("message", ""),
        evidence=fields.mapping("evidence"),
    )


@dataclass(frozen=True, slots=True)
class DataCheck:
    """`doctor.json`: what a check of the log found, as rows of label, value and remark."""

    title: str
    rows: tuple[tuple[str, str, str], ...]

    @classmethod
    def from_dict(cls, data: object, *, where: str = "doctor.json") -> DataCheck:
        """The checked record; rows of one or two cells are filled up."""
        fields = Fields.of(data, where)
        rows = []
        for index, row in enumerate(fields.items("rows")):
            if not isinstance(row, list) or not 1 <= len(row) <= 3:
                raise InvalidInputError(f"{where}: expected row {index} to be [label, value, remark], got {row!r:.80}")
            cells = ["" if cell is None else str(cell) for cell in row] + [""] * (3 - len(row))
            rows.append((cells[0], cells[1], cells[2]))
        return cls(title=fields.text("title", "Data check"), rows=tuple(rows))


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder as read.

    Attributes:
        missing: Names of the parts that are not there.
        problems: One sentence for each thing that was skipped while reading.
    """

    info: RunInfo
    curves: tuple[Curves, ...] = ()
    evaluations: tuple[SuccessRow, ...] = ()
    comparisons: tuple[ComparisonRow, ...] = ()
    traces: tuple[Trace, ...] = ()
    data_check: DataCheck | None = None
    calibration: CalibrationRecord | None = None
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
