"""How are measured values written in bulk, and read back as observations?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Table, and_, func, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from clinical.record import Entry, Reading, Vitals
from clinical.vitals import CONTINUOUS, CUFF, Metric, Observation, Quality, Source
from storage.ledger import key_of, keys_of
from storage.models import READING, READING_BESIDE, VITAL, VITAL_BESIDE

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

# Heart and respiratory rate say which sensor they came from; the others have only the one.
SOURCE_COLUMN = {Metric.HEART_RATE: "hr_source", Metric.RESP_RATE: "rr_source"}
ONLY_SOURCE: dict[Metric, Source | None] = {
    Metric.PULSE_RATE: Source.SPO2,
    Metric.SPO2: Source.SPO2,
    Metric.PERFUSION_INDEX: Source.SPO2,
    Metric.ETCO2: Source.CO2,
    Metric.FICO2: Source.CO2,
    Metric.IBP1_SYSTOLIC: Source.PRESSURE,
    Metric.IBP1_DIASTOLIC: Source.PRESSURE,
    Metric.IBP1_MEAN: Source.PRESSURE,
    Metric.IBP2_SYSTOLIC: Source.PRESSURE,
    Metric.IBP2_DIASTOLIC: Source.PRESSURE,
    Metric.IBP2_MEAN: Source.PRESSURE,
}

# Where a row of ``vital`` has what: a chair's hour is 30,000 values, read while a screen waits.
VALUE_AT = {metric: VITAL.columns.keys().index(metric.value) for metric in CONTINUOUS}
SOURCE_AT = {metric: VITAL.columns.keys().index(column) for metric, column in SOURCE_COLUMN.items()}

IS_MANUAL = READING.c.source == Source.MANUAL.value

CUFF_SPAN = timedelta(minutes=1)  # one reading takes less


def t_ms(at: datetime) -> int:
    """ms since 1970 UTC, rounded down. Raises TypeError for a naive time."""
    return (at - EPOCH) // MILLISECOND


def at_of(t_ms: int) -> datetime:
    return EPOCH + t_ms * MILLISECOND


def append_vitals(db: Session, frames: Sequence[Vitals]) -> None:
    """Append one row a frame. One that is there already, to the value, is not written again.

    Two frames of a session in the same millisecond (a monitor that sends its metrics in several
    frames, read in one go) are both kept: the second at the next free millisecond.

    Raises UnknownSession, and ValueError for a metric that is not continuous.
    """
    keys = keys_of(db, {frame.session for frame in frames})
    for table, is_beside in ((VITAL, False), (VITAL_BESIDE, True)):
        of_table = [frame for frame in frames if frame.is_beside is is_beside]
        _append(db, table, [_vital_row(keys[frame.session], frame) for frame in of_table])


def append_readings(db: Session, readings: Sequence[Reading]) -> None:
    """Append one row a value; the same of doubles and of the same millisecond as for vitals.

    Raises UnknownSession.
    """
    keys = keys_of(db, {reading.session for reading in readings})
    for table, is_beside in ((READING, False), (READING_BESIDE, True)):
        of_table = [reading for reading in readings if reading.is_beside is is_beside]
        _append(db, table, [_reading_row(keys[each.session], each) for each in of_table])


def _append(db: Session, table: Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    engine = sqlite if db.get_bind().dialect.name == "sqlite" else postgresql
    statement = engine.insert(table).on_conflict_do_nothing()
    statement = statement.execution_options(preserve_rowcount=True)  # else -1 on PostgreSQL
    if db.execute(statement, rows).rowcount == len(rows):  # type: ignore[attr-defined]
        return
    for row in rows:  # rare: find those that were in the way
        while not db.execute(statement, row).rowcount:  # type: ignore[attr-defined]
            key = and_(*(column == row[column.name] for column in table.primary_key))
            if dict(db.execute(select(table).where(key)).mappings().one()) == row:
                break
            row["t_ms"] += 1


def _vital_row(session_id: int, frame: Vitals) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(VITAL.columns.keys())
    row |= {"session_id": session_id, "t_ms": t_ms(frame.at), "monitor": frame.monitor}
    reasons = {}
    for observation in frame.observations:
        metric = observation.metric
        if metric not in CONTINUOUS:
            raise ValueError(f"expected continuous metrics in a frame, got {metric}: a reading")
        row[metric.value] = observation.value
        if observation.quality is not Quality.VALID:
            reasons[metric.value] = observation.quality.value
        if metric in SOURCE_COLUMN and observation.source is not None:
            row[SOURCE_COLUMN[metric]] = observation.source.value
        if observation.device_time is not None:
            row["device_ms"] = t_ms(observation.device_time.replace(tzinfo=UTC))
    if reasons:
        row["quality"] = json.dumps(reasons, separators=(",", ":"), sort_keys=True)
    return row


def _reading_row(session_id: int, reading: Reading) -> dict[str, Any]:
    observation, entry = reading.observation, reading.entry
    device_time = observation.device_time
    return {
        "session_id": session_id,
        "t_ms": t_ms(observation.observed_at),
        "metric": observation.metric.value,
        "source": "" if observation.source is None else observation.source.value,
        "value": observation.value,
        "quality": observation.quality.value,
        "device_time": None if device_time is None else device_time.isoformat(),
        "measurement_id": observation.measurement_id,
        "monitor": reading.monitor,
        "entered_by": entry and entry.by,
        "initials": entry and entry.initials,
        "entered_ms": entry and t_ms(entry.at),
    }


@lru_cache(maxsize=1024)
def reasons_of(quality: str | None) -> Mapping[Metric, Quality]:
    """Why each metric of a vital row has no valid value (its ``quality`` column)."""
    found = json.loads(quality) if quality else {}
    return {Metric(metric): Quality(reason) for metric, reason in found.items()}


def observations_of(row: Any) -> list[Observation]:
    """A row of ``vital`` as the observations of its frame (those that were sent)."""
    reasons, observed_at = reasons_of(row.quality), at_of(row.t_ms)
    device_time = None if row.device_ms is None else at_of(row.device_ms).replace(tzinfo=None)
    sources = ONLY_SOURCE | {
        metric: None if row[i] is None else Source(row[i]) for metric, i in SOURCE_AT.items()
    }
    return [
        Observation(
            metric=metric,
            value=row[i],
            quality=reasons.get(metric, Quality.VALID) if reasons else Quality.VALID,
            observed_at=observed_at,
            source=sources[metric],
            device_time=device_time,
        )
        for metric, i in VALUE_AT.items()
        if row[i] is not None or metric in reasons
    ]


def reading_of(row: Any) -> Observation:
    return Observation(
        metric=Metric(row.metric),
        value=row.value,
        quality=Quality(row.quality),
        observed_at=at_of(row.t_ms),
        source=Source(row.source) if row.source else None,
        device_time=None if row.device_time is None else datetime.fromisoformat(row.device_time),
        measurement_id=row.measurement_id,
    )


def entry_of(row: Any) -> Entry | None:
    """Who entered the value of a row of ``reading``, and when; None for what was measured."""
    if row.entered_by is None:
        return None
    return Entry(row.entered_by, row.initials, at_of(row.entered_ms))


def fact_of(row: Any, session: UUID) -> Reading:
    """A row of ``reading`` as it was recorded."""
    return Reading(session, reading_of(row), row.monitor, entry=entry_of(row))


def chair_points(db: Session, *, session: UUID, since: datetime) -> list[Observation]:
    """All observations of a session from ``since`` on, oldest first: refills a live trend.

    What was entered by hand is among them, with ``Source.MANUAL``. Raises UnknownSession.
    """
    session_id = key_of(db, session)
    vitals, readings = (
        db.execute(
            select(table)
            .where(table.c.session_id == session_id, table.c.t_ms >= t_ms(since))
            .order_by(table.c.t_ms)
        )
        for table in (VITAL, READING)
    )
    points = [point for row in vitals for point in observations_of(row)]
    points += map(reading_of, readings)
    points.sort(key=lambda point: point.observed_at)
    return points


def latest(db: Session, *, session_id: int) -> dict[Metric, tuple[Observation, str | None]]:
    """The newest observation of each metric, also where it says that there was no value.

    With each its monitor; None in a chair with only one, and for what was entered by hand. Of that
    only a cuff reading counts: a pressure is an event, whoever takes it, but one rate that was
    counted is not what a monitor says now.
    """
    found: dict[Metric, tuple[Observation, str | None]] = {}
    for metric in CONTINUOUS:
        row = db.execute(
            select(VITAL)
            .where(
                VITAL.c.session_id == session_id,
                or_(
                    VITAL.c[metric.value].is_not(None),
                    VITAL.c.quality.contains(f'"{metric.value}"'),
                ),
            )
            .order_by(VITAL.c.t_ms.desc())
            .limit(1)
        ).first()
        if row is not None:
            newest_one = next(o for o in observations_of(row) if o.metric is metric)
            found[metric] = (newest_one, row.monitor)
    of_session = and_(
        READING.c.session_id == session_id,
        or_(~IS_MANUAL, READING.c.metric.in_([metric.value for metric in CUFF])),
    )
    newest = select(READING.c.metric, func.max(READING.c.t_ms)).where(of_session)
    readings = db.execute(
        select(READING).where(
            of_session,
            tuple_(READING.c.metric, READING.c.t_ms).in_(newest.group_by(READING.c.metric)),
        )
    )
    for row in readings:
        reading = reading_of(row)
        frame = found.get(reading.metric)
        if frame is None or frame[0].observed_at < reading.observed_at:
            found[reading.metric] = (reading, row.monitor)
    return found


def cuffs(db: Session, *, session_id: int) -> list[tuple[Observation, ...]]:
    """The cuff readings of a session, oldest first; each in the order of clinical.vitals.CUFF.

    Those that a person took and entered are among them. The values of one reading share its
    measurement_id. A monitor that counts from 1 again after a reconnect does not join two readings:
    a metric that comes twice, or a minute later, starts a new one.
    """
    metrics = [metric.value for metric in CUFF]
    rows = db.execute(
        select(READING)
        .where(READING.c.session_id == session_id, READING.c.metric.in_(metrics))
        .order_by(READING.c.t_ms)
    )
    readings: list[dict[Metric, Observation]] = []
    newest: dict[str | None, dict[Metric, Observation]] = {}  # by measurement_id
    for observation in map(reading_of, rows):
        reading = newest.get(observation.measurement_id)
        if (
            reading is None
            or observation.metric in reading
            or observation.observed_at - next(iter(reading.values())).observed_at > CUFF_SPAN
        ):
            reading = newest[observation.measurement_id] = {}
            readings.append(reading)
        reading[observation.metric] = observation
    return [tuple(reading[metric] for metric in CUFF if metric in reading) for reading in readings]


def beside(db: Session, *, session_id: int, at: datetime) -> tuple[Observation, ...]:
    """What was measured when a cuff reading came: of each sign the newest of the minute before
    ``at``. A monitor may send its signs in several frames, and a chair may have two."""
    rows = db.execute(
        select(VITAL)
        .where(
            VITAL.c.session_id == session_id,
            VITAL.c.t_ms.between(t_ms(at - CUFF_SPAN), t_ms(at)),
        )
        .order_by(VITAL.c.t_ms)
    )
    return tuple({obs.metric: obs for row in rows for obs in observations_of(row)}.values())


def last_cuffs(db: Session, *, session_id: int) -> dict[str, tuple[Observation, ...]]:
    """The newest cuff reading of each monitor, shown or kept beside; "" where none is named.

    What was entered by hand is no monitor's: it does not say when a cuff last worked.
    """
    metrics = [metric.value for metric in CUFF]
    found: dict[str, dict[Metric, Observation]] = {}
    for table in (READING, READING_BESIDE):
        rows = db.execute(
            select(table)
            .where(
                table.c.session_id == session_id,
                table.c.metric.in_(metrics),
                table.c.measurement_id.is_not(None),
                table.c.source != Source.MANUAL.value,
            )
            .order_by(table.c.t_ms)
        )
        for row in rows:
            reading = found.setdefault(row.monitor or "", {})
            new = reading_of(row)
            if any(old.measurement_id != new.measurement_id for old in reading.values()):
                if new.observed_at < max(old.observed_at for old in reading.values()):
                    continue
                reading.clear()
            reading[new.metric] = new
    return {
        name: tuple(reading[metric] for metric in CUFF if metric in reading)
        for name, reading in found.items()
    }


def entered(db: Session, *, session: UUID) -> list[Reading]:
    """What people entered by hand in a session, oldest first by the time it was measured at, and
    of one time in the order of Metric.

    One without its entry is of a record that an older version had. Raises UnknownSession.
    """
    rows = db.execute(
        select(READING)
        .where(READING.c.session_id == key_of(db, session), IS_MANUAL)
        .order_by(READING.c.t_ms)
    )
    readings = [fact_of(row, session) for row in rows]
    order = [*Metric]
    return sorted(
        readings,
        key=lambda reading: (
            reading.observation.observed_at,
            order.index(reading.observation.metric),
        ),
    )


def last_at(db: Session, *, session_id: int) -> datetime | None:
    """The newest time of any value of the session; None where none was measured."""
    newest = [
        db.scalar(select(func.max(table.c.t_ms)).where(table.c.session_id == session_id))
        for table in (VITAL, READING)
    ]
    return max((at_of(found) for found in newest if found is not None), default=None)
