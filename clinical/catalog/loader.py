"""Which presets, checklists and statements ship with Vigil, and what do their files say?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from clinical.alarms import (
    AlarmLimit,
    AlarmPriority,
    Condition,
    Direction,
    Operator,
    RelativeLimit,
)
from clinical.catalog.document import Malformed, Table
from clinical.checklist import Checklist, ChecklistItem
from clinical.phases import SessionPhase
from clinical.record import BaselineLocked
from clinical.recovery import RULES
from clinical.sign_off import Role, SignerKind, Statement
from clinical.vitals import Metric

DAY_S = 86_400
HERE = Path(__file__).parent
LIMIT = re.compile(r"(<=|>=|<|>) (\d+(?:\.\d+)?)")


class UnknownEntry(LookupError):
    """There is no such preset, checklist or statement; the message lists those there are."""


LimitKey = tuple[Metric, Direction, AlarmPriority]
NOT_MOVED: Mapping[LimitKey, float] = {}
Bounds = Mapping[tuple[Metric, Direction], tuple[float, float]]

# Which number of a baseline a relative limit of a sign is of.
BASELINE_FIELD = {
    Metric.HEART_RATE: "heart_rate_bpm",
    Metric.SPO2: "spo2_pct",
    Metric.NIBP_SYSTOLIC: "systolic_mmhg",
    Metric.NIBP_DIASTOLIC: "diastolic_mmhg",
    Metric.NIBP_MEAN: "mean_mmhg",
}


@dataclass(frozen=True, slots=True)
class Preset:
    """Alarm limits of one kind of session, and how often the cuff is due (s).

    ``relative`` limits are off while there is no baseline. ``bounds`` are those within which a
    limit may be moved for one session, by sign and direction; a limit without bounds stays. An
    alarm of a priority in ``latching`` that nobody has seen stays on the screen when it ends.
    ``decision_above`` (systolic, diastolic, mmHg): with more before the dose a clinician decides,
    and says why. ``minutes_since_start``: from the start of the infusion until the patient may
    leave; None where only the time since its end counts. Versions from 101 on are a clinic's own.
    """

    name: str
    version: int
    title: str
    limits: tuple[AlarmLimit, ...]
    off_delay_s: dict[Metric, float]
    cuff_infusing_s: float
    cuff_recovery_s: float
    relative: tuple[RelativeLimit, ...] = ()
    bounds: Bounds = field(default_factory=dict)
    latching: tuple[AlarmPriority, ...] = (AlarmPriority.HIGH,)
    decision_above: tuple[float, float] | None = None
    minutes_since_start: int | None = None
    parent: tuple[str, int] | None = None

    def in_force(
        self, baseline: BaselineLocked | None = None, moved: Mapping[LimitKey, float] = NOT_MOVED
    ) -> tuple[AlarmLimit, ...]:
        """The limits of a session with this ``baseline``, with those that were ``moved`` in it."""
        limits = []
        for limit in self.limits:
            key = (limit.metric, limit.direction, limit.priority)
            if key in moved and limit is self.movable(*key):
                limit = replace(limit, value=moved[key], is_adjusted=True)
            limits.append(limit)
        for relative in self.relative:
            rest = None if baseline is None else getattr(baseline, BASELINE_FIELD[relative.metric])
            if rest is not None:
                limits.append(relative.against(rest))
        return tuple(limits)

    def movable(
        self, metric: Metric, direction: Direction, priority: AlarmPriority
    ) -> AlarmLimit | None:
        """The limit that is moved by this name: of several the one that is reached first."""
        if (metric, direction) not in self.bounds:
            return None
        rows = [
            limit
            for limit in self.limits
            if (limit.metric, limit.direction, limit.priority) == (metric, direction, priority)
            and limit.is_plain
        ]
        outward = 1 if direction is Direction.HIGH else -1
        return min(rows, key=lambda limit: limit.value * outward, default=None)

    def conditions(
        self, limits: Sequence[AlarmLimit] | None = None
    ) -> dict[tuple[Metric, Direction], Condition]:
        """One condition for each sign and direction that ``limits`` (all of the preset's own where
        none are given) name, none of them raised."""
        limits = self.limits if limits is None else limits
        keys = dict.fromkeys((limit.metric, limit.direction) for limit in limits)
        return {
            key: Condition.of(
                [limit for limit in limits if (limit.metric, limit.direction) == key],
                self.off_delay_s[key[0]],
            )
            for key in keys
        }

    def cuff_due_s(self, phase: SessionPhase) -> float | None:
        """The interval at which a cuff is due in ``phase``; None where none is asked for."""
        if phase is SessionPhase.INFUSING:
            return self.cuff_infusing_s
        return self.cuff_recovery_s if phase is SessionPhase.RECOVERY else None


@cache
def load_presets() -> tuple[Preset, ...]:
    """Every edition of every preset that ships. Raises Malformed where a file is wrong."""
    return tuple(read_preset(file) for file in sorted((HERE / "presets").glob("*.toml")))


@cache
def load_preset(name: str) -> Preset:
    """Raises UnknownEntry where there is no such preset, Malformed where its file is wrong."""
    return read_preset(_file("presets", name))


@cache
def load_checklist(name: str) -> Checklist:
    """Raises UnknownEntry where there is no such checklist, Malformed where its file is wrong."""
    return read_checklist(_file("checklists", name))


@cache
def load_statements() -> dict[str, Statement]:
    """Every statement that a session asks a signature for, by id, in the order of signing."""
    names = ("sitter-arrival", "sitter-handover", "nurse-discharge")
    return {name: read_statement(_file("statements", name)) for name in names}


def _file(folder: str, name: str) -> Path:
    files = {file.stem: file for file in sorted((HERE / folder).glob("*.toml"))}
    if name not in files:
        raise UnknownEntry(f"expected one of {', '.join(files)} in {folder}, got {name}")
    return files[name]


def read_preset(file: Path) -> Preset:
    """Read one preset; ``limits`` and ``clearing`` are tables keyed by metric."""
    top = Table.read(file)
    clearing, limits_of = top.table("clearing"), top.table("limits")
    limits: list[AlarmLimit] = []
    off_delay_s: dict[Metric, float] = {}
    for key in limits_of:
        metric = _metric(limits_of, key)
        back = clearing.table(key)
        off_delay_s[metric] = _seconds(back, "off_delay_s")
        hysteresis: float = back.take("hysteresis", (int, float))
        back.checked("hysteresis", hysteresis, lambda h: 0 <= h <= 50, "from 0 to 50")
        back.done()
        rows = limits_of.tables(key)
        limits_of.checked(key, rows, bool, "at least one limit")
        for row in rows:
            limits.append(_limit(metric, row, float(hysteresis)))
            row.done()
        _check_order(limits[-len(rows) :], rows)
    preset = Preset(
        name=_name(top, "name", file),
        version=_version(top),
        title=_text(top, "title"),
        limits=tuple(limits),
        off_delay_s=off_delay_s,
        cuff_infusing_s=_interval(top, "cuff_infusing_s"),
        cuff_recovery_s=_interval(top, "cuff_recovery_s"),
    )
    for table in (clearing, limits_of, top):
        table.done()
    return preset


def _metric(table: Table, key: str) -> Metric:
    try:
        return Metric(key)
    except ValueError as error:
        raise table.wrong(key, "a metric such as heart_rate", key) from error


def _name(table: Table, key: str, file: Path) -> str:
    """The record knows an entry by its name, and a restart finds it by that of its file."""
    name: str = table.take(key, str)
    return table.checked(key, name, lambda n: n == file.stem, f"{file.stem}, as its file is named")


def _version(table: Table) -> int:
    version: int = table.take("version", int)
    return table.checked("version", version, lambda v: v >= 1, "1 or more")


def _text(table: Table, key: str) -> str:
    text: str = table.take(key, str)
    return table.checked(key, text, lambda t: bool(t.strip()), "a text")


def _texts(table: Table, key: str) -> tuple[str, ...]:
    texts: list[object] = table.take(key, list)
    are_right = bool(texts) and all(isinstance(text, str) and text.strip() for text in texts)
    if not are_right:
        raise table.wrong(key, "a list of texts, at least one", texts)
    return tuple(map(str, texts))


def _seconds(table: Table, key: str) -> float:
    value: float = table.take(key, (int, float))
    return float(table.checked(key, value, lambda s: 0 <= s <= DAY_S, f"seconds, 0 to {DAY_S}"))


def _interval(table: Table, key: str) -> float:
    value: float = table.take(key, (int, float))
    return float(table.checked(key, value, lambda s: 60 <= s <= DAY_S, f"seconds, 60 to {DAY_S}"))


def _check_order(limits: Sequence[AlarmLimit], rows: Sequence[Table]) -> None:
    """Of one sign, a worse limit lies further out, and no value is both too low and too high."""
    for limit, row in zip(limits, rows, strict=True):
        for other in limits:
            if limit.direction is not other.direction:
                is_high = limit.direction is Direction.HIGH
                if is_high and limit.value <= other.value:
                    raise row.wrong("limit", f"above the low limit {other.value:g}", limit.value)
            elif limit.priority.rank > other.priority.rank:
                outward = 1 if limit.direction is Direction.HIGH else -1
                if (limit.value - other.value) * outward < 0:
                    wanted = f"beyond the {other.priority} limit {other.value:g}"
                    raise row.wrong("limit", wanted, limit.value)


def _limit(metric: Metric, row: Table, hysteresis: float) -> AlarmLimit:
    printed = row.take("limit", str)
    match = LIMIT.fullmatch(printed)
    if match is None:
        raise row.wrong("limit", 'an operator and a number such as "<= 40"', printed)
    return AlarmLimit(
        metric=metric,
        operator=Operator(match[1]),
        value=float(match[2]),
        priority=row.one_of("priority", AlarmPriority),
        delay_s=_seconds(row, "delay_s"),
        hysteresis=hysteresis,
    )


def read_checklist(file: Path) -> Checklist:
    """Read one checklist; an item that data can fill names a rule of clinical.recovery."""
    top = Table.read(file)
    items = []
    for row in top.tables("items"):
        rule: str | None = row.take("computed_by", str, None)
        if rule is not None and rule not in RULES:
            raise row.wrong("computed_by", " or ".join(RULES), rule)
        items.append(
            ChecklistItem(
                id=_text(row, "id"),
                text=_text(row, "text"),
                hint=row.take("hint", str, ""),
                computed_by=rule,
                allows_not_applicable=row.take("allows_not_applicable", bool, False),
                answered_by=_roles(row),
            )
        )
        row.done()
    minutes: int = top.take("minutes_since_stop", int)
    checklist = Checklist(
        name=_name(top, "name", file),
        version=_version(top),
        title=_text(top, "title"),
        items=top.checked("items", tuple(items), bool, "at least one item"),
        minutes_since_stop=top.checked(
            "minutes_since_stop", minutes, lambda m: 0 <= m <= 24 * 60, "minutes, 0 to 1440"
        ),
    )
    top.done()
    ids = [item.id for item in items]
    for item_id in ids:
        if ids.count(item_id) > 1:
            raise Malformed(file, top.line_of("items"), "each item id once", item_id)
    return checklist


def _roles(row: Table) -> tuple[Role, ...]:
    names: list[str] = row.take("answered_by", list, list(Role))
    row.checked("answered_by", names, bool, "at least one role")
    try:
        return tuple(Role(name) for name in names)
    except ValueError as error:
        raise row.wrong("answered_by", "a list of " + " or ".join(Role), names) from error


def read_statement(file: Path) -> Statement:
    """Read one statement; its duties are signed word for word."""
    top = Table.read(file)
    phases: list[str] = top.take("phases", list)
    try:
        when = tuple(SessionPhase(phase) for phase in phases)
    except ValueError as error:
        raise top.wrong("phases", "a list of " + " or ".join(SessionPhase), phases) from error
    top.checked("phases", when, bool, "at least one phase")
    statement = Statement(
        id=_name(top, "id", file),
        version=_version(top),
        title=_text(top, "title"),
        duties=_texts(top, "duties"),
        signer=top.one_of("signer", SignerKind),
        phases=when,
    )
    top.done()
    return statement
