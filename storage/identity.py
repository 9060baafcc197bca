"""Which devices were heard at a chair, which is its own, and how far is its clock from ours?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from clinical.identity import Identity
from clinical.links import Identified
from clinical.record import ClockCompared, MonitorHeard, MonitorsArranged
from storage.ledger import append, fields_of, key_of, rows_of
from storage.models import ClockOffsetRow, MonitorIdentityRow, MonitorsArrangedRow
from storage.sessions import listened, spelt


def record_heard(db: Session, heard: MonitorHeard, *, written_at: datetime) -> MonitorIdentityRow:
    return append(db, MonitorIdentityRow, heard, written_at=written_at, session=heard.session)


def record_clock(db: Session, compared: ClockCompared, *, written_at: datetime) -> ClockOffsetRow:
    return append(db, ClockOffsetRow, compared, written_at=written_at, session=compared.session)


def record_arranged(
    db: Session, arranged: MonitorsArranged, *, written_at: datetime
) -> MonitorsArrangedRow:
    return append(
        db,
        MonitorsArrangedRow,
        arranged,
        written_at=written_at,
        session=arranged.session,
        monitors=spelt(arranged.monitors),
    )


def heard_of(row: MonitorIdentityRow, session: UUID | None) -> MonitorHeard:
    return MonitorHeard(session=session, **fields_of(row))


def clock_of(row: ClockOffsetRow, session: UUID | None) -> ClockCompared:
    return ClockCompared(session=session, **fields_of(row))


def arranged_of(row: MonitorsArrangedRow, session: UUID) -> MonitorsArranged:
    monitors = {"monitors": listened(row.monitors)}
    return MonitorsArranged(**fields_of(row) | monitors | {"session": session})


def bound(db: Session) -> Mapping[tuple[int, str], Identity]:
    """The device that belongs to each chair, by the chair and the protocol's name: the one that was
    bound last, whoever sits there. One that was only heard is not in it."""
    table = MonitorIdentityRow
    newest = (
        select(func.max(col(table.fact_no)))
        .where(col(table.is_bound))
        .group_by(col(table.chair), col(table.monitor))
    )
    rows = db.scalars(select(table).where(col(table.fact_no).in_(newest)))
    return {(row.chair, row.monitor): Identity(row.model, row.serial, row.version) for row in rows}


def strangers(db: Session) -> Mapping[tuple[int, str], Identified]:
    """By chair and protocol's name, who was heard last where that was another device than the
    chair's own, and nobody has confirmed it: a restart does not let it in."""
    table = MonitorIdentityRow
    newest = select(func.max(col(table.fact_no))).group_by(col(table.chair), col(table.monitor))
    rows = db.scalars(select(table).where(col(table.fact_no).in_(newest), ~col(table.is_bound)))
    return {
        (row.chair, row.monitor): Identified(Identity(row.model, row.serial, row.version), row.at)
        for row in rows
    }


def clocks(db: Session, *, session: UUID) -> list[ClockCompared]:
    """How far the clocks were off in a session, in the order they were read.

    Raises UnknownSession.
    """
    rows = rows_of(db, ClockOffsetRow, key_of(db, session))
    return [clock_of(row, session) for row in rows]
