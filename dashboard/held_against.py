"""Where do two records of one session differ, row by row and fact by fact?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinical.record import (
    AlarmCalled,
    AlarmEvent,
    AlarmSwitched,
    AudioChanged,
    ClockCompared,
    CuffOrdered,
    Fact,
    Gap,
    LinkChanged,
    MonitorHeard,
    MonitorsArranged,
    Remarked,
)
from storage.ledger import UnknownSession, key_of
from storage.models import READING, READING_BESIDE, VITAL, VITAL_BESIDE
from storage.observations import t_ms

TABLES = (VITAL, VITAL_BESIDE, READING, READING_BESIDE)
FACTS: tuple[type[Fact], ...] = (  # what the data make, or may make
    AlarmEvent,
    AlarmCalled,
    AudioChanged,
    AlarmSwitched,
    LinkChanged,
    MonitorHeard,
    ClockCompared,
    MonitorsArranged,
    Remarked,
    CuffOrdered,
    Gap,
)
NO_NUMBERS = ("session_id", "t_ms", "quality", "hr_source", "rr_source", "device_ms", "monitor")
SHOWN_MAX = 20  # differences of one kind


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of a record: observations, alarm events, and other facts of FACTS."""

    observations: int = 0
    alarm_events: int = 0
    others: int = 0

    def __add__(self, more: Amount) -> Amount:
        return Amount(
            self.observations + more.observations,
            self.alarm_events + more.alarm_events,
            self.others + more.others,
        )

    def __str__(self) -> str:
        told = f"{self.observations} observations, {self.alarm_events} alarm events"
        return f"{told}, {self.others} other facts" if self.others else told


@dataclass(frozen=True, slots=True)
class Differences:
    """What differs, how much was ``compared``, and how much the record has after the end of the
    comparison (``later``)."""

    found: tuple[str, ...]
    compared: Amount
    later: Amount


@dataclass(frozen=True, slots=True)
class Stretch:
    """Of a session: between the ``gap`` that it begins after and the ``next_gap`` (None: from its
    begin, to its end). ``facts`` are all that were written in it."""

    gap: Gap | None
    next_gap: Gap | None
    facts: Sequence[Fact]

    def has(self, row: Mapping[str, Any]) -> bool:
        """A value that was entered by hand is of when it was entered, whatever its own time: no
        other stretch can have it."""
        entered_ms = row.get("entered_ms")
        at_ms = row["t_ms"] if entered_ms is None else entered_ms

        def ms_of(gap: Gap) -> int:
            return t_ms(gap.since if entered_ms is None else gap.until)

        return (self.gap is None or at_ms > ms_of(self.gap)) and (
            self.next_gap is None or at_ms <= ms_of(self.next_gap)
        )


def differences(
    db: Session,
    again: Session,
    session: UUID,
    stretch: Stretch,
    until: datetime | None,
    replayed: Sequence[Fact],
) -> Differences:
    """Hold the rows of ``db`` in ``stretch`` up to ``until`` (None: all), and its facts, against
    those of ``again`` and the facts that were ``replayed``."""
    found: list[str] = []
    compared = later = Amount()
    for table in TABLES:
        own, after = _rows(db, table, session, stretch, until)
        other, _after = _rows(again, table, session, stretch, until)
        compared += Amount(sum(map(_values_in, own.values())))
        later += after
        found += _row_differences(table.name, own, other)
    for kind in FACTS:
        own_facts = _up_to(until, kind, stretch.facts)
        found += fact_differences(own_facts, _up_to(until, kind, replayed))
    told = _amount_of(stretch.facts, until)
    return Differences(
        tuple(found), compared + told, later + _less(_amount_of(stretch.facts), told)
    )


def amount_in(db: Session, session: UUID, stretch: Stretch) -> Amount:
    """How much the record has in ``stretch``."""
    amount = _amount_of([fact for fact in stretch.facts if fact is not stretch.gap])
    for table in TABLES:
        rows, _after = _rows(db, table, session, stretch, None)
        amount += Amount(sum(map(_values_in, rows.values())))
    return amount


def _amount_of(facts: Sequence[Fact], until: datetime | None = None) -> Amount:
    counts = [len(_up_to(until, kind, facts)) for kind in FACTS]
    return Amount(0, counts[0], sum(counts[1:]))


def _less(amount: Amount, other: Amount) -> Amount:
    return Amount(0, amount.alarm_events - other.alarm_events, amount.others - other.others)


Rows = Mapping[tuple[Any, ...], Mapping[str, Any]]


def _rows(
    db: Session, table: Any, session: UUID, stretch: Stretch, until: datetime | None
) -> tuple[Rows, Amount]:
    """The rows of the stretch up to ``until`` by their key, and how much there is after that."""
    try:
        found = select(table).where(table.c.session_id == key_of(db, session))
    except UnknownSession:
        return {}, Amount()
    names = [column.name for column in table.primary_key if column.name != "session_id"]
    rows, later = {}, 0
    for row in map(dict, db.execute(found.order_by(table.c.t_ms)).mappings()):
        if not stretch.has(row):
            continue
        at_ms = row["t_ms"] if row.get("entered_ms") is None else row["entered_ms"]
        if until is not None and at_ms > t_ms(until):
            later += _values_in(row)
            continue
        rows[tuple(str(row[name]) for name in names)] = row | {"session_id": 0}
    return rows, Amount(later)


def _up_to(until: datetime | None, kind: type[Fact], facts: Sequence[Fact]) -> list[Any]:
    mine: list[Any] = [fact for fact in facts if isinstance(fact, kind)]
    return [fact for fact in mine if until is None or time_of(fact) <= until]


def time_of(fact: Any) -> datetime:
    """When a fact was made."""
    at: datetime = fact.until if isinstance(fact, Gap) else fact.at
    return at


def _values_in(row: Mapping[str, Any]) -> int:
    if "metric" in row:
        return 1
    return sum(value is not None for name, value in row.items() if name not in NO_NUMBERS)


def _row_differences(table: str, own: Rows, other: Rows) -> Iterator[str]:
    shown = 0
    for key in sorted(own.keys() | other.keys()):
        mine, theirs = own.get(key), other.get(key)
        if mine == theirs:
            continue
        shown += 1
        if shown > SHOWN_MAX:
            continue
        where = f"{table} {_when(int((mine or theirs or {})['t_ms']))}"
        if mine is None or theirs is None:
            which = "replay" if mine is None else "record"
            yield f"{where}: only in the {which}: {_plainly(mine or theirs or {})}"
            continue
        for name in mine:
            if mine[name] != theirs[name]:
                yield f"{where} {name}: recorded {mine[name]}, replayed {theirs[name]}"
    if shown > SHOWN_MAX:
        yield f"{table}: {shown - SHOWN_MAX} more rows differ"


def _plainly(row: Mapping[str, Any]) -> str:
    beside = ("session_id", "t_ms")
    told = [f"{name} {value}" for name, value in row.items() if value is not None]
    return ", ".join(each for each in told if not each.startswith(beside))


def _when(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def fact_differences(own: Sequence[Any], other: Sequence[Any]) -> Iterator[str]:
    """The order in which facts of different times were written is nobody's promise."""
    mine, theirs = sorted(own, key=_order), sorted(other, key=_order)
    shown = 0
    while mine or theirs:
        if mine and theirs and mine[0] == theirs[0]:
            mine.pop(0)
            theirs.pop(0)
            continue
        shown += 1
        is_mine = bool(mine) and (not theirs or _order(mine[0]) <= _order(theirs[0]))
        is_theirs = bool(theirs) and (not mine or _order(theirs[0]) <= _order(mine[0]))
        one = mine.pop(0) if is_mine else None
        two = theirs.pop(0) if is_theirs else None
        if shown > SHOWN_MAX:
            continue
        if one is None or two is None:
            yield f"only in the {'record' if two is None else 'replay'}: {_said(one or two)}"
            continue
        names = [each.name for each in fields(one)]
        changed = [name for name in names if getattr(one, name) != getattr(two, name)]
        told = [f"{n}: recorded {getattr(one, n)}, replayed {getattr(two, n)}" for n in changed]
        yield f"{_said(one)} {'; '.join(told)}"
    if shown > SHOWN_MAX:
        yield f"{shown - SHOWN_MAX} more differ"


def _order(fact: Any) -> tuple[Any, ...]:
    names = ("condition", "change", "stage", "state", "monitor", "metric", "by")
    return (time_of(fact), *(str(getattr(fact, name, "")) for name in names))


def _said(fact: Any) -> str:
    names = ("change", "condition", "stage", "state", "monitor", "metric", "text", "reason")
    told = [str(getattr(fact, name)) for name in names if getattr(fact, name, None) is not None]
    return f"{type(fact).__name__} {time_of(fact):%Y-%m-%d %H:%M:%S.%f} {', '.join(told)}"
