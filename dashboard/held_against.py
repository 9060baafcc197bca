"""Where do two records of one session differ, row by row and fact by fact?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinical.record import AlarmCalled, AlarmEvent, Fact, LinkChanged, Remarked
from storage.ledger import UnknownSession, key_of
from storage.models import READING, READING_BESIDE, VITAL, VITAL_BESIDE
from storage.observations import t_ms

TABLES = (VITAL, VITAL_BESIDE, READING, READING_BESIDE)
FACTS = (AlarmEvent, AlarmCalled, LinkChanged, Remarked)  # what the data make
NO_NUMBERS = ("session_id", "t_ms", "quality", "hr_source", "rr_source", "device_ms", "monitor")
SHOWN_MAX = 20  # differences of one kind


@dataclass(frozen=True, slots=True)
class Differences:
    """What differs, and how much was compared. ``later`` counts what the record has after the end
    of the comparison."""

    found: tuple[str, ...]
    observations: int
    alarm_events: int
    later: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Of a session: the rows after ``since`` and up to ``until``, and those of ``facts``, all that
    were written in it. None: from its begin, to its end. ``end``: what is later is of another."""

    since: datetime | None
    until: datetime | None
    end: datetime | None
    facts: Sequence[Fact]


def differences(
    db: Session, again: Session, session: UUID, stretch: Stretch, replayed: Sequence[Fact]
) -> Differences:
    """Hold the rows of ``db`` in ``stretch``, and its facts, against those of ``again`` and the
    facts that were ``replayed``."""
    found: list[str] = []
    observations = later = 0
    for table in TABLES:
        own, after = _rows(db, table, session, stretch)
        other, _after = _rows(again, table, session, stretch)
        observations += sum(map(_values_in, own.values()))
        later += after
        found += _row_differences(table.name, own, other)
    alarm_events = 0
    for kind in FACTS:
        own_facts = _up_to(stretch.until, kind, stretch.facts)
        if kind is AlarmEvent:
            alarm_events = len(own_facts)
        found += _fact_differences(own_facts, _up_to(stretch.until, kind, replayed))
    return Differences(tuple(found), observations, alarm_events, later)


Rows = Mapping[tuple[Any, ...], Mapping[str, Any]]


def _rows(db: Session, table: Any, session: UUID, stretch: Stretch) -> tuple[Rows, int]:
    """The rows of the stretch by their key, and how many there are after it."""
    try:
        found = select(table).where(table.c.session_id == key_of(db, session))
    except UnknownSession:
        return {}, 0
    if stretch.since is not None:
        found = found.where(table.c.t_ms > t_ms(stretch.since))
    names = [column.name for column in table.primary_key if column.name != "session_id"]
    rows, later = {}, 0
    for row in db.execute(found.order_by(table.c.t_ms)).mappings():
        if stretch.end is not None and row["t_ms"] > t_ms(stretch.end):
            break
        if stretch.until is not None and row["t_ms"] > t_ms(stretch.until):
            later += 1
            continue
        rows[tuple(str(row[name]) for name in names)] = {**row, "session_id": 0}
    return rows, later


def _up_to(until: datetime | None, kind: type[Fact], facts: Sequence[Fact]) -> list[Any]:
    mine: list[Any] = [fact for fact in facts if isinstance(fact, kind)]
    return [fact for fact in mine if until is None or fact.at <= until]


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


def _fact_differences(own: Sequence[Any], other: Sequence[Any]) -> Iterator[str]:
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
    names = ("condition", "change", "stage", "state", "monitor", "metric")
    return (fact.at, *(str(getattr(fact, name, "")) for name in names))


def _said(fact: Any) -> str:
    names = ("change", "condition", "stage", "state", "metric", "text")
    told = [str(getattr(fact, name)) for name in names if getattr(fact, name, None) is not None]
    return f"{type(fact).__name__} {fact.at:%Y-%m-%d %H:%M:%S.%f} {', '.join(told)}"
