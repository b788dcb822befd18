"""Reading a run folder: which files it may hold, what is skipped and counted, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from stepgym.errors import InvalidInputError
from stepgym.report.evaluation_records import CalibrationRecord
from stepgym.report.fields import Fields, as_number, is_usable
from stepgym.report.records import ComparisonRow, Curves, DataCheck, Run, RunInfo, SuccessRow, Trace

MOST_TRACES = 200

_T = TypeVar("_T")


def read_run(run_dir: str | Path) -> Run:
    """Everything in a run folder that a report can show.

    The folder holds `run.json` and may hold `metrics/NAME.jsonl`, `evaluations.json`, `value_traces.jsonl`,
    `doctor.json` and `calibration.json`. A part that is absent is listed in `Run.missing`; a malformed line of a
    `.jsonl` file is skipped and counted in `Run.problems`.

    Raises:
        InvalidInputError: `run_dir` is no folder, `run.json` is absent, or a file is malformed as a whole.
    """
    folder = Path(run_dir)
    if not (folder / "run.json").is_file():
        raise InvalidInputError(
            f"{folder} is not a run folder: expected a file run.json in it. "
            "Give the folder that `stepgym train`, `stepgym evaluate` or `stepgym quickstart` wrote."
        )
    reader = _Reader(folder)
    info = RunInfo.from_dict(reader.document("run.json"), where=str(folder / "run.json"))
    curves = reader.curves()
    evaluations, comparisons = reader.evaluations()
    return Run(
        info=info,
        curves=curves,
        evaluations=evaluations,
        comparisons=comparisons,
        traces=reader.traces(),
        data_check=reader.data_check(),
        calibration=reader.calibration(),
        missing=tuple(reader.missing),
        problems=tuple(reader.problems),
    )


@dataclass(slots=True)
class _Reader:
    folder: Path
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def document(self, name: str) -> Any:
        path = self.folder / name
        try:
            return json.loads(path.read_bytes().decode("utf-8"))
        except OSError as error:
            raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"{path} is not valid JSON in UTF-8: {error}") from error

    def present(self, name: str) -> bool:
        if (self.folder / name).exists():
            return True
        self.missing.append(name)
        return False

    def evaluations(self) -> tuple[tuple[SuccessRow, ...], tuple[ComparisonRow, ...]]:
        name = "evaluations.json"
        if not self.present(name):
            return (), ()
        path = self.folder / name
        fields = Fields.of(self.document(name), str(path))
        evaluations = fields.items("evaluations")
        comparisons = fields.items("comparisons")
        return (
            tuple(SuccessRow.from_dict(x, where=f"{path}: evaluation {i}") for i, x in enumerate(evaluations)),
            tuple(ComparisonRow.from_dict(x, where=f"{path}: comparison {i}") for i, x in enumerate(comparisons)),
        )

    def data_check(self) -> DataCheck | None:
        name = "doctor.json"
        if not self.present(name):
            return None
        return DataCheck.from_dict(self.document(name), where=str(self.folder / name))

    def calibration(self) -> CalibrationRecord | None:
        # Not listed as missing: most runs have none.
        name = "calibration.json"
        if not (self.folder / name).exists():
            return None
        return CalibrationRecord.from_dict(self.document(name), where=str(self.folder / name))

    def traces(self) -> tuple[Trace, ...]:
        name = "value_traces.jsonl"
        if not self.present(name):
            return ()
        kept: list[Trace] = []
        left_out = 0
        for trace in self.lines(name, lambda data, where: Trace.from_dict(data, where=where)):
            if len(kept) < MOST_TRACES:
                kept.append(trace)
            else:
                left_out += 1
        if left_out:
            self.problems.append(f"{name}: {left_out:,} episodes after the first {MOST_TRACES} were left out.")
        return tuple(kept)

    def curves(self) -> tuple[Curves, ...]:
        paths = sorted((self.folder / "metrics").glob("*.jsonl"))
        if not paths:
            self.missing.append("metrics/*.jsonl")
        return tuple(self.one_file_of_curves(path) for path in paths)

    def one_file_of_curves(self, path: Path) -> Curves:
        by_key: dict[str, dict[float, float]] = {}
        not_finite: dict[str, int] = {}
        name = f"metrics/{path.name}"
        for step, figures in self.lines(name, _metrics_line):
            for key, value in figures.items():
                if is_usable(value):
                    # A resumed run repeats steps: the last line counts.
                    by_key.setdefault(key, {})[step] = value
                else:
                    not_finite[key] = not_finite.get(key, 0) + 1
        for key, count in not_finite.items():
            values = "1 value" if count == 1 else f"{count:,} values"
            self.problems.append(f"{name}: {values} of {key} left out, not finite (NaN or infinite).")
        return Curves(path.stem, {key: tuple(sorted(points.items())) for key, points in by_key.items()})

    def lines(self, name: str, parse: Callable[[object, str], _T]) -> Iterator[_T]:
        """The parsed lines; malformed ones are counted, and refused when there are no others."""
        path = self.folder / name
        good = bad = 0
        first_error = ""
        try:
            with path.open("rb") as file:
                for index, line in enumerate(file, start=1):
                    if not line.strip():
                        continue
                    where = f"{path}, line {index}"
                    try:
                        record = parse(_decode(line, where), where)
                    except InvalidInputError as error:
                        bad += 1
                        first_error = first_error or str(error)
                        continue
                    good += 1
                    yield record
        except OSError as error:
            raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from error
        if bad and not good:
            raise InvalidInputError(f"{path}: none of its {bad:,} lines can be used. The first error: {first_error}")
        if bad:
            lines = "1 malformed line was" if bad == 1 else f"{bad:,} malformed lines were"
            self.problems.append(
                f"{name}: {lines} skipped, {good:,} used. First: {first_error.removeprefix(f'{path}, ')}"
            )


def _decode(line: bytes, where: str) -> object:
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        # A JSON error counts lines of its own, which would contradict the number of the line in the file.
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise InvalidInputError(f"{where}: not valid JSON in UTF-8: {reason}") from error


def _metrics_line(data: object, where: str) -> tuple[float, dict[str, float]]:
    fields = Fields.of(data, where)
    step = fields.number("step", low=0.0)
    figures = {key: as_number(value) for key, value in fields.data.items() if key != "step"}
    return step, {key: value for key, value in figures.items() if value is not None}
