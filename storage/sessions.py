"""How are a session's opening, phases, baseline, link changes and gaps written and read back?"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from clinical.links import LinkState
from clinical.phases import IN_CHAIR, SessionPhase
from clinical.record import (
    BaselineLocked,
    Gap,
    LinkChanged,
    Listened,
    PhaseChanged,
    SessionOpened,
)
from storage.ledger import append, columns_of, fields_of, number_fact
from storage.models import BaselineRow, GapRow, LinkChangeRow, PhaseChangeRow, SessionRow


def open_session(db: Session, opened: SessionOpened, *, written_at: datetime) -> SessionRow:
    """Append the session itself: whatever else is written of it needs this row.

    Raises IntegrityError where the session is open already.
    """
    row = SessionRow(
        fact_no=number_fact(db, kind="SessionOpened", written_at=written_at),
        public_id=opened.session,
        **columns_of(opened) | {"monitors": spelt(opened.monitors)},
    )
    db.add(row)
    db.flush()
    return row


def record_phase(db: Session, change: PhaseChanged, *, written_at: datetime) -> PhaseChangeRow:
    return append(db, PhaseChangeRow, change, written_at=written_at, session=change.session)


def record_baseline(db: Session, locked: BaselineLocked, *, written_at: datetime) -> BaselineRow:
    first, second = locked.measurement_ids
    return append(
        db,
        BaselineRow,
        locked,
        written_at=written_at,
        session=locked.session,
        measurement_id_1=first,
        measurement_id_2=second,
    )


def record_link(db: Session, change: LinkChanged, *, written_at: datetime) -> LinkChangeRow:
    return append(db, LinkChangeRow, change, written_at=written_at, session=change.session)


def record_gap(db: Session, gap: Gap, *, written_at: datetime) -> GapRow:
    return append(db, GapRow, gap, written_at=written_at, session=gap.session)


def find_session(db: Session, id_or_public_id: int | str | UUID) -> SessionRow | None:
    """The session with this inner key or public id, also as text; None where there is none."""
    wanted = str(id_or_public_id)
    if wanted.isdecimal() and len(wanted) < 10:  # a UUID can be all digits too
        return db.get(SessionRow, int(wanted))
    try:
        public_id = UUID(wanted)
    except ValueError:
        return None
    return db.scalar(select(SessionRow).where(col(SessionRow.public_id) == public_id))


def opened_of(row: SessionRow) -> SessionOpened:
    fields = row.model_dump(exclude={"id", "fact_no", "public_id", "monitors", "second"})
    fields |= {"monitors": monitors_of(row), "second": row.second or ""}
    return SessionOpened(session=row.public_id, **fields)


def monitors_of(row: SessionRow) -> tuple[Listened, ...]:
    """What the session was read from; () where a version that did not say so wrote it."""
    return listened(row.monitors)


def spelt(monitors: Sequence[Listened]) -> str:
    return json.dumps([asdict(one) for one in monitors])


def listened(monitors: str | None) -> tuple[Listened, ...]:
    """What ``spelt`` wrote; () where nothing was written."""
    return tuple(Listened(**one) for one in json.loads(monitors or "[]"))


def phase_of(row: PhaseChangeRow, session: UUID) -> PhaseChanged:
    return PhaseChanged(**fields_of(row) | {"session": session, "phase": SessionPhase(row.phase)})


def baseline_of(row: BaselineRow, session: UUID) -> BaselineLocked:
    fields = fields_of(row)
    ids = (fields.pop("measurement_id_1"), fields.pop("measurement_id_2"))
    return BaselineLocked(session=session, measurement_ids=ids, **fields)


def link_of(row: LinkChangeRow, session: UUID) -> LinkChanged:
    own = {"session": session, "state": LinkState(row.state), "monitor": row.monitor or ""}
    return LinkChanged(**fields_of(row) | own)


def gap_of(row: GapRow, session: UUID) -> Gap:
    return Gap(session=session, **fields_of(row))


def phases_now(db: Session, *, session_ids: Collection[int]) -> dict[int, SessionPhase]:
    """Where each session stands, by its inner key; one without a phase yet is not in it."""
    found = _newest_phase().where(col(PhaseChangeRow.session_id).in_(session_ids))
    return {row.session_id: SessionPhase(row.phase) for row in db.scalars(found)}


def in_chair(db: Session) -> list[SessionRow]:
    """Sessions that are still watched, oldest first; one without a phase yet is."""
    watched = [phase.value for phase in IN_CHAIR]
    left = (
        _newest_phase()
        .where(col(PhaseChangeRow.phase).not_in(watched))
        .with_only_columns(col(PhaseChangeRow.session_id))
    )
    found = select(SessionRow).where(col(SessionRow.id).not_in(left))
    return list(db.scalars(found.order_by(col(SessionRow.fact_no))))


def _newest_phase() -> Select[PhaseChangeRow]:
    newest = select(func.max(col(PhaseChangeRow.fact_no))).group_by(col(PhaseChangeRow.session_id))
    return select(PhaseChangeRow).where(col(PhaseChangeRow.fact_no).in_(newest))
