"""What does the file of a preset say, and where is it wrong?

A file with a ``parent`` holds the differences: what it does not name is the parent's. Signs are
taken whole: a list of limits stands for all limits of its sign, so that a reader never has to
think two files together row by row. An empty list of relative limits takes the parent's away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from clinical.alarms import (
    AlarmLimit,
    AlarmPriority,
    Beside,
    Direction,
    Operator,
    RelativeLimit,
)
from clinical.catalog.document import Malformed, Table
from clinical.catalog.preset import BASELINE_FIELD, Bounds, Preset, outward
from clinical.vitals import NATURE, Metric

DAY_S = 86_400
CUFF_S = (60, DAY_S)
# More would be an alarm that never sounds or never ends, and looks like one that does.
DELAY_S, OFF_DELAY_S, HYSTERESIS = (0, 120), (0, 60), (0, 20)
CHANGE_PCT = {Direction.LOW: (1, 95), Direction.HIGH: (1, 200)}
DECISION_MMHG = (60, 250)
STAY_MIN = (0, 24 * 60)
LIMIT = re.compile(r"(<=|>=|<|>) (\d+(?:\.\d+)?)")
RELATIVE = re.compile(r"(?:(<=|<) -|(>=|>) \+)(\d+(?:\.\d+)?) %")
BESIDE = re.compile(r"([a-z_0-9]+) (<=|>=|<|>) (\d+(?:\.\d+)?)")
PRESSURES = re.compile(r"(\d{2,3})/(\d{2,3})")
EDITION = re.compile(r"([a-z0-9-]+) ([1-9]\d*)")
FILE_STEM = re.compile(r"([a-z0-9-]+)(?:\.([1-9]\d*))?")

EditionOf = Callable[[str, int], Preset]
L = TypeVar("L", AlarmLimit, RelativeLimit)


def edition_of(file: Path) -> tuple[str, int] | None:
    """The name and version that a file is named for: adult.toml is version 1, adult.2.toml 2."""
    match = FILE_STEM.fullmatch(file.stem)
    return (match[1], int(match[2] or 1)) if match else None


def read_preset(file: Path, parent_of: EditionOf, text: str | None = None) -> Preset:
    """Read one preset; ``text`` is for one that lies in the record and not on the disk.

    ``parent_of`` finds the edition that the file differs from; it raises LookupError where there is
    none. Raises Malformed.
    """
    return _Reader(Table.read(file) if text is None else Table.of(file, text), file).read(parent_of)


@dataclass(frozen=True, slots=True)
class _Clearing:
    """How long a value must be back inside, and by how much (the metric's unit)."""

    off_delay_s: float
    hysteresis: float


class _Reader:
    """One file while it is read: its tables, and what the parent already says."""

    def __init__(self, top: Table, file: Path) -> None:
        self._top, self._file = top, file
        self._clearing: dict[Metric, _Clearing] = {}
        self._used: set[Metric] = set()  # whose clearing somebody asked for

    def read(self, parent_of: EditionOf) -> Preset:
        top = self._top
        name, version = self._edition()
        parent = self._parent(parent_of, (name, version))
        clearing = top.table("clearing") if parent is None else top.table("clearing", {})
        self._read_clearing(clearing, parent)
        limits_of = top.table("limits") if parent is None else top.table("limits", {})
        limits, rows = self._limits(limits_of, parent)
        relative_of = top.table("relative", {})
        relative = self._relative(relative_of, parent)
        bounds_of = top.table("bounds", {})
        bounds = self._bounds(bounds_of, parent)
        preset = Preset(
            name=name,
            version=version,
            title=top.text("title"),
            limits=limits,
            off_delay_s={
                metric: each.off_delay_s
                for metric, each in self._clearing.items()
                if metric in self._used
            },
            cuff_infusing_s=self._cuff("cuff_infusing_s", parent),
            cuff_recovery_s=self._cuff("cuff_recovery_s", parent),
            relative=relative,
            bounds=bounds,
            latching=self._latching(parent),
            decision_above=self._decision(parent),
            minutes_since_start=self._minutes(parent),
            parent=(parent.name, parent.version) if parent else None,
        )
        for table in (relative_of, bounds_of, limits_of, top):
            table.done()
        for key in clearing:  # of a sign without limits it would say nothing
            if Metric(key) not in self._used:
                used = ", ".join(sorted(self._used))
                raise Malformed(self._file, clearing.line_of(key), f"one of {used}", key)
        _check_bounds(preset, rows, bounds_of)
        return preset

    def _edition(self) -> tuple[str, int]:
        """The record knows a preset by its name and version, and a restart finds its file so."""
        named = edition_of(self._file)
        if named is None:
            wanted = "a file name such as ketamine-adult.2.toml"
            raise Malformed(self._file, 1, wanted, self._file.name)
        name = self._top.named("name", named[0])
        version = self._top.version()
        wanted = f"{named[1]}, as its file is named"
        return name, self._top.checked("version", version, lambda v: v == named[1], wanted)

    def _parent(self, parent_of: EditionOf, own: tuple[str, int]) -> Preset | None:
        printed: str | None = self._top.take("parent", str, None)
        if printed is None:
            return None
        match = EDITION.fullmatch(printed)
        if match is None:
            raise self._top.wrong(
                "parent", 'a name and a version such as "ketamine-adult 2"', printed
            )
        edition = (match[1], int(match[2]))
        if edition[0] == own[0] and edition[1] >= own[1]:
            raise self._top.wrong("parent", f"an edition before version {own[1]}", printed)
        try:
            return parent_of(*edition)
        except LookupError as error:
            raise self._top.wrong(
                "parent", f"an edition that is here ({error.args[0]})", printed
            ) from error

    # --- signs ------------------------------------------------------------------------------------

    def _read_clearing(self, table: Table, parent: Preset | None) -> None:
        if parent is not None:
            hysteresis = hysteresis_of(parent)
            self._clearing = {
                metric: _Clearing(off_s, hysteresis.get(metric, 0.0))
                for metric, off_s in parent.off_delay_s.items()
            }
        for key in table:
            metric, back = _metric(table, key), table.table(key)
            off_delay_s = _number(back, "off_delay_s", OFF_DELAY_S, "seconds, ")
            hysteresis_ = _number(back, "hysteresis", HYSTERESIS)
            back.done()
            self._clearing[metric] = _Clearing(off_delay_s, hysteresis_)

    def _back(self, metric: Metric, table: Table, key: str) -> _Clearing:
        """How a limit of ``metric`` clears; ``key`` of ``table`` is what asks for it."""
        if metric not in self._clearing:
            if "clearing" in self._top:
                raise Malformed(
                    self._file, self._top.line_of("clearing"), f"the key {metric}", "none"
                )
            raise table.wrong(key, f"a sign with a row {metric} in [clearing]", key)
        self._used.add(metric)
        return self._clearing[metric]

    def _limits(
        self, table: Table, parent: Preset | None
    ) -> tuple[tuple[AlarmLimit, ...], dict[AlarmLimit, Table]]:
        """All limits, sign by sign, and the row of each that this file gives."""
        limits = _by_metric(parent.limits if parent is not None else ())
        places: dict[AlarmLimit, Table] = {}
        for key in table:
            metric = _metric(table, key)
            self._back(metric, table, key)
            rows = table.tables(key)
            table.checked(key, rows, bool, "at least one limit")
            own = [self._limit(metric, row) for row in rows]
            _check_order([(limit, limit.value) for limit in own], rows, "{:g}")
            limits[metric] = own
            places.update(zip(own, rows, strict=True))
        for metric, inherited in limits.items():  # the clearing may be this file's all the same
            limits[metric] = [self._cleared(limit) for limit in inherited]
        return tuple(limit for own in limits.values() for limit in own), places

    def _relative(self, table: Table, parent: Preset | None) -> tuple[RelativeLimit, ...]:
        relative = _by_metric(parent.relative if parent is not None else ())
        for key in table:
            metric = _metric(table, key)
            if metric not in BASELINE_FIELD:
                known = " or ".join(BASELINE_FIELD)
                raise table.wrong(key, f"a sign that the baseline holds: {known}", key)
            self._back(metric, table, key)
            rows = table.tables(key)
            if not relative.get(metric):
                table.checked(key, rows, bool, "at least one limit")
            own = [self._relative_limit(metric, row) for row in rows]
            _check_order([(limit, limit.change * 100) for limit in own], rows, "{:+g} %")
            relative[metric] = own
        for metric, inherited in relative.items():
            relative[metric] = [self._cleared(limit) for limit in inherited]
        return tuple(limit for own in relative.values() for limit in own)

    def _limit(self, metric: Metric, row: Table) -> AlarmLimit:
        printed: str = row.take("limit", str)
        match = LIMIT.fullmatch(printed)
        if match is None:
            raise row.wrong("limit", 'an operator and a number such as "<= 40"', printed)
        beside = self._beside(row)
        if beside is not None and beside.metric is metric:
            raise row.wrong("beside", f"another sign than {metric}", row.take("beside", str))
        limit = AlarmLimit(
            metric=metric,
            operator=Operator(match[1]),
            value=_believable(metric, float(match[2]), row, "limit"),
            priority=row.one_of("priority", AlarmPriority),
            delay_s=_number(row, "delay_s", DELAY_S, "seconds, "),
            hysteresis=self._clearing[metric].hysteresis,
            beside=beside,
        )
        row.done()
        return limit

    def _relative_limit(self, metric: Metric, row: Table) -> RelativeLimit:
        printed: str = row.take("limit", str)
        match = RELATIVE.fullmatch(printed)
        if match is None:
            raise row.wrong("limit", 'such as ">= +30 %" for a rise or "<= -20 %"', printed)
        operator = Operator(match[1] or match[2])
        low, high = CHANGE_PCT[operator.direction]
        pct = row.checked("limit", float(match[3]), _within(low, high), f"{low} to {high} %")
        limit = RelativeLimit(
            metric=metric,
            operator=operator,
            change=(pct if operator.direction is Direction.HIGH else -pct) / 100,
            priority=row.one_of("priority", AlarmPriority),
            delay_s=_number(row, "delay_s", DELAY_S, "seconds, "),
            hysteresis=self._clearing[metric].hysteresis,
            beside=self._beside(row),
        )
        row.done()
        return limit

    def _beside(self, row: Table) -> Beside | None:
        printed: str | None = row.take("beside", str, None)
        if printed is None:
            return None
        match = BESIDE.fullmatch(printed)
        if match is None or match[1] not in set(Metric):
            raise row.wrong("beside", 'a sign and its limit such as "spo2 < 94"', printed)
        metric = Metric(match[1])
        value = _believable(metric, float(match[3]), row, "beside")
        hysteresis = self._back(metric, row, "beside").hysteresis
        return Beside(metric, Operator(match[2]), value, hysteresis)

    def _cleared(self, limit: L) -> L:
        """An inherited limit, under the clearing that this file may give its sign."""
        self._used.add(limit.metric)
        beside = limit.beside
        if beside is not None:
            self._used.add(beside.metric)
            beside = replace(beside, hysteresis=self._clearing[beside.metric].hysteresis)
        hysteresis = self._clearing[limit.metric].hysteresis
        return replace(limit, hysteresis=hysteresis, beside=beside)

    def _bounds(self, table: Table, parent: Preset | None) -> Bounds:
        bounds = dict(parent.bounds) if parent is not None else {}
        for key in table:
            metric, row = _metric(table, key), table.table(key)
            bounds = {each: span for each, span in bounds.items() if each[0] is not metric}
            for direction in Direction:
                given: list[float] | None = row.take(direction, list, None)
                if given is not None:
                    bounds[metric, direction] = _span(metric, row, direction, given)
            row.done()
        return bounds

    # --- the rest ---------------------------------------------------------------------------------

    def _cuff(self, key: str, parent: Preset | None) -> float:
        if parent is not None and key not in self._top:
            inherited: float = getattr(parent, key)
            return self._top.take(key, float, inherited)
        return _number(self._top, key, CUFF_S, "seconds, ")

    def _latching(self, parent: Preset | None) -> tuple[AlarmPriority, ...]:
        inherited = parent.latching if parent is not None else (AlarmPriority.HIGH,)
        names: list[object] = self._top.take("latching", list, list(inherited))
        known = set(AlarmPriority)
        are_right = len(set(map(str, names))) == len(names) and set(names) <= known
        if not are_right:
            wanted = "a list of " + " or ".join(AlarmPriority) + ", each once"
            raise self._top.wrong("latching", wanted, names)
        return tuple(map(AlarmPriority, map(str, names)))

    def _decision(self, parent: Preset | None) -> tuple[float, float] | None:
        printed: str | None = self._top.take("decision_above", str, None)
        if printed is None:
            return parent.decision_above if parent is not None else None
        match = PRESSURES.fullmatch(printed)
        low, high = DECISION_MMHG
        systolic, diastolic = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
        if not low <= diastolic < systolic <= high:
            wanted = f'systolic/diastolic, {low} to {high} mmHg, such as "140/90"'
            raise self._top.wrong("decision_above", wanted, printed)
        return systolic, diastolic

    def _minutes(self, parent: Preset | None) -> int | None:
        inherited = parent.minutes_since_start if parent is not None else None
        minutes: int | None = self._top.take("minutes_since_start", int, inherited)
        if minutes is None:
            return None
        low, high = STAY_MIN
        wanted = f"minutes, {low} to {high}"
        return self._top.checked("minutes_since_start", minutes, _within(low, high), wanted)


def hysteresis_of(preset: Preset) -> dict[Metric, float]:
    """By how much a value of each sign must be back inside before a raised limit falls."""
    found: dict[Metric, float] = {}
    limits: list[AlarmLimit | RelativeLimit] = [*preset.limits, *preset.relative]
    for limit in limits:
        found[limit.metric] = limit.hysteresis
        if limit.beside is not None:
            found[limit.beside.metric] = limit.beside.hysteresis
    return found


def _by_metric(limits: Sequence[L]) -> dict[Metric, list[L]]:
    found: dict[Metric, list[L]] = {}
    for limit in limits:
        found.setdefault(limit.metric, []).append(limit)
    return found


def _check_order(
    limits: Sequence[tuple[AlarmLimit | RelativeLimit, float]],
    rows: Sequence[Table],
    printed: str,
) -> None:
    """Of one sign, a worse limit lies further out, and no value is both too low and too high.

    Limits that look at another sign are held against those alone that look at the same one: few
    breaths beside a poor saturation may be worse than fewer breaths on their own.
    """
    for (limit, value), row in zip(limits, rows, strict=True):
        side = limit.operator.direction
        for other, other_value in limits:
            if other is limit or _looks_at(other) is not _looks_at(limit):
                continue
            there = printed.format(other_value)
            if side is not other.operator.direction:
                if side is Direction.HIGH and value <= other_value:
                    raise row.wrong("limit", f"above the low limit {there}", value)
            elif limit.priority.rank > other.priority.rank:
                if (value - other_value) * outward(side) < 0:
                    raise row.wrong("limit", f"beyond the {other.priority} limit {there}", value)
            elif limit.priority is other.priority and value == other_value:
                raise row.wrong("limit", "there once", row.take("limit", str))


def _looks_at(limit: AlarmLimit | RelativeLimit) -> Metric | None:
    return limit.beside.metric if limit.beside is not None else None


def _check_bounds(preset: Preset, rows: Mapping[AlarmLimit, Table], table: Table) -> None:
    """A nurse may put a moved limit back, so that it must lie inside its own bounds; and none can
    be moved across one of the other side."""
    for (metric, direction), (low, high) in preset.bounds.items():
        other = preset.bounds.get((metric, Direction.LOW))
        if direction is Direction.HIGH and other is not None and low <= other[1]:
            raise table.wrong(
                metric, f"high bounds above the low ones, to {other[1]:g}", [low, high]
            )
        movable = [preset.movable(metric, direction, each) for each in AlarmPriority]
        theirs = [limit for limit in movable if limit is not None]
        if not theirs:
            wanted = f"bounds of a sign with a {direction} limit"
            raise table.wrong(metric, wanted, direction)
        for limit in theirs:
            if low <= limit.value <= high:
                continue
            if limit in rows:
                wanted = f"inside its bounds, {low:g} to {high:g}"
                raise rows[limit].wrong("limit", wanted, limit.value)
            raise table.wrong(metric, f"{direction} bounds around {limit.value:g}", [low, high])


def _span(
    metric: Metric, row: Table, direction: Direction, given: Sequence[object]
) -> tuple[float, float]:
    """The bounds of one direction, [from, to]."""
    low, high = NATURE[metric].plausible
    numbers = [each for each in given if isinstance(each, int | float) and type(each) is not bool]
    is_right = (
        len(numbers) == len(given) == 2
        and all(low <= each <= high for each in numbers)
        and numbers[0] < numbers[1]
    )
    if not is_right:
        wanted = f"[from, to], two numbers in {low:g} to {high:g}"
        raise row.wrong(direction, wanted, given)
    return float(numbers[0]), float(numbers[1])


def _metric(table: Table, key: str) -> Metric:
    try:
        metric = Metric(key)
    except ValueError as error:
        raise table.wrong(key, "a metric such as heart_rate", key) from error
    if metric is Metric.PULSE_RATE:
        raise table.wrong(key, "heart_rate, by whose limits the pulse is judged too", key)
    return metric


def _believable(metric: Metric, value: float, row: Table, key: str) -> float:
    """A limit that no body can reach would never alarm, and look as if it could."""
    low, high = NATURE[metric].plausible
    return row.checked(key, value, _within(low, high), f"{low:g} to {high:g} {metric}")


def _number(table: Table, key: str, span: tuple[float, float], what: str = "from ") -> float:
    low, high = span
    value: float = table.take(key, (int, float))
    return float(table.checked(key, value, _within(low, high), f"{what}{low} to {high}"))


def _within(low: float, high: float) -> Callable[[float], bool]:
    return lambda value: low <= value <= high
