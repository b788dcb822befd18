"""What an evaluation holds beside its success: several samples, kinds of tasks, and the value against roll-outs."""

from __future__ import annotations

from dataclasses import dataclass

from stepgym.errors import InvalidInputError
from stepgym.report.fields import Fields


@dataclass(frozen=True, slots=True)
class Figure:
    """A share in [0, 1] with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def from_dict(cls, data: object, *, where: str) -> Figure:
        """The checked record."""
        fields = Fields.of(data, where)
        return cls(*(fields.number(name, low=0.0, high=1.0) for name in ("value", "low", "high")))


@dataclass(frozen=True, slots=True)
class AtKRow:
    """pass@k and maj@k of one policy with one method; `majority` is None where nobody votes."""

    k: int
    solved_by_any: Figure
    majority: Figure | None = None

    @classmethod
    def from_dict(cls, data: object, *, where: str) -> AtKRow:
        """The checked record."""
        fields = Fields.of(data, where)
        k = fields.maybe_count("k")
        if not k:
            raise InvalidInputError(f"{where}: expected 'k' to be a whole number of at least 1")
        majority = fields.data.get("majority")
        return cls(
            k,
            Figure.from_dict(fields.data.get("pass"), where=f"{where}: pass"),
            None if majority is None else Figure.from_dict(majority, where=f"{where}: majority"),
        )


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Success on the tasks of one kind: `by` is what they are sorted by, `group` the kind."""

    by: str
    group: str
    success: float
    low: float
    high: float
    tasks: int | None = None

    @classmethod
    def from_dict(cls, data: object, *, where: str) -> GroupRow:
        """The checked record."""
        fields = Fields.of(data, where)
        success, low, high = (fields.number(name, low=0.0, high=1.0) for name in ("success", "low", "high"))
        return cls(fields.text("by"), fields.text("group"), success, low, high, fields.maybe_count("tasks"))


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """States whose value lies in [low, high): their mean value, and the share of roll-outs that succeeded."""

    low: float
    high: float
    value: float
    success: Figure
    states: int | None = None
    tasks: int | None = None
    rollouts: int | None = None

    @classmethod
    def from_dict(cls, data: object, *, where: str) -> CalibrationBin:
        """The checked record."""
        fields = Fields.of(data, where)
        return cls(
            fields.number("low"),
            fields.number("high"),
            fields.number("value"),
            Figure.from_dict(fields.data.get("success"), where=f"{where}: success"),
            *(fields.maybe_count(name) for name in ("states", "tasks", "rollouts")),
        )


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """`calibration.json`: a value function against roll-outs."""

    policy: str
    bins: tuple[CalibrationBin, ...]
    auc: float | None = None
    brier: float | None = None
    base_rate_brier: float | None = None
    gap: float | None = None
    distance: float | None = None
    states: int | None = None
    rollouts: int | None = None
    truncated: float | None = None

    @classmethod
    def from_dict(cls, data: object, *, where: str = "calibration.json") -> CalibrationRecord:
        """The checked record; unknown keys are ignored."""
        fields = Fields.of(data, where)
        rows = enumerate(fields.items("bins"))
        auc, brier = (
            Fields(fields.mapping(name), f"{where}: {name}").maybe_number("value") for name in ("auc", "brier")
        )
        return cls(
            policy=fields.text("policy", ""),
            bins=tuple(CalibrationBin.from_dict(row, where=f"{where}: bin {index}") for index, row in rows),
            auc=auc,
            brier=brier,
            base_rate_brier=fields.maybe_number("base_rate_brier"),
            gap=fields.maybe_number("gap"),
            distance=fields.maybe_number("distance"),
            states=fields.maybe_count("states"),
            rollouts=fields.maybe_count("episodes"),
            truncated=fields.maybe_number("truncated", low=0.0, high=1.0),
        )
