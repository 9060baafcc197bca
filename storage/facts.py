"""How do facts become rows, and how does a session come back from its rows?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from clinical.record import (
    AlarmCalled,
    AlarmEvent,
    AlarmShown,
    AlarmSwitched,
    AudioChanged,
    BaselineLocked,
    ClockCompared,
    CuffAllowed,
    CuffOrdered,
    Fact,
    Gap,
    ItemAnswered,
    LimitChanged,
    LinkChanged,
    MonitorHeard,
    MonitorsArranged,
    PhaseChanged,
    ProbePlaced,
    Reading,
    Remarked,
    SessionOpened,
    StatementSigned,
    StoredSession,
    Vitals,
)
from storage import (
    alarms,
    bedside,
    checklists,
    controls,
    identity,
    observations,
    sessions,
    sign_offs,
)
from storage.ledger import UnknownSession, rows_of
from storage.models import (
    AlarmCalledRow,
    AlarmEventRow,
    AlarmShownRow,
    AlarmSwitchRow,
    AnswerRow,
    AudioChangeRow,
    BaselineRow,
    ClockOffsetRow,
    CuffAllowedRow,
    CuffOrderRow,
    FactRow,
    GapRow,
    LimitChangeRow,
    LinkChangeRow,
    MonitorIdentityRow,
    MonitorsArrangedRow,
    NumberedRow,
    PhaseChangeRow,
    ProbePlacedRow,
    RemarkRow,
    SessionRow,
    SignOffRow,
)

RareFact = (
    SessionOpened
    | PhaseChanged
    | BaselineLocked
    | AlarmEvent
    | AlarmCalled
    | AlarmShown
    | AudioChanged
    | AlarmSwitched
    | LimitChanged
    | ProbePlaced
    | LinkChanged
    | MonitorHeard
    | ClockCompared
    | MonitorsArranged
    | Remarked
    | CuffAllowed
    | CuffOrdered
    | Gap
    | ItemAnswered
    | StatementSigned
)

RECORD: dict[type[RareFact], Callable[..., object]] = {
    SessionOpened: sessions.open_session,
    PhaseChanged: sessions.record_phase,
    BaselineLocked: sessions.record_baseline,
    AlarmEvent: alarms.record_alarm_event,
    AlarmCalled: alarms.record_call,
    AlarmShown: alarms.record_shown,
    AudioChanged: controls.record_audio,
    AlarmSwitched: controls.record_switch,
    LimitChanged: controls.record_limit,
    ProbePlaced: controls.record_probe,
    LinkChanged: sessions.record_link,
    MonitorHeard: identity.record_heard,
    ClockCompared: identity.record_clock,
    MonitorsArranged: identity.record_arranged,
    Remarked: bedside.record_remark,
    CuffAllowed: bedside.record_cuff_allowed,
    CuffOrdered: bedside.record_cuff_order,
    Gap: sessions.record_gap,
    ItemAnswered: checklists.record_answer,
    StatementSigned: sign_offs.record_sign_off,
}

OF_ROW: dict[type[NumberedRow], Callable[[Any, UUID], RareFact]] = {
    PhaseChangeRow: sessions.phase_of,
    BaselineRow: sessions.baseline_of,
    AlarmEventRow: alarms.alarm_event_of,
    AlarmCalledRow: alarms.call_of,
    AlarmShownRow: alarms.shown_of,
    AudioChangeRow: controls.audio_of,
    AlarmSwitchRow: controls.switch_of,
    LimitChangeRow: controls.limit_of,
    ProbePlacedRow: controls.probe_of,
    LinkChangeRow: sessions.link_of,
    MonitorIdentityRow: identity.heard_of,
    ClockOffsetRow: identity.clock_of,
    MonitorsArrangedRow: identity.arranged_of,
    RemarkRow: bedside.remark_of,
    CuffAllowedRow: bedside.cuff_allowed_of,
    CuffOrderRow: bedside.cuff_order_of,
    GapRow: sessions.gap_of,
    AnswerRow: checklists.answer_of,
    SignOffRow: sign_offs.sign_off_of,
}


def append(db: Session, fact: Fact, *, written_at: datetime) -> None:
    """Append one fact; ``written_at`` is now, aware.

    Raises UnknownSession, IntegrityError where the record forbids it, and ValueError (or
    StatementError) for a fact that no row can hold.
    """
    if isinstance(fact, Vitals):
        observations.append_vitals(db, [fact])
    elif isinstance(fact, Reading):
        observations.append_readings(db, [fact])
    else:
        RECORD[type(fact)](db, fact, written_at=written_at)


def facts_of(db: Session, *, session: UUID) -> tuple[RareFact, ...]:
    """All facts of a session but Vitals and Reading, in the order they were written.

    Raises UnknownSession.
    """
    row = db.scalar(select(SessionRow).where(col(SessionRow.public_id) == session))
    if row is None:
        raise UnknownSession(f"no session {session} in the record")
    return _facts_of(db, row)


def newest_at(db: Session) -> datetime | None:
    """When the newest rare fact was written, also one of no session; None in an empty record.

    It is when it was written, whatever a person typed as the time of a value.
    """
    newest = select(col(FactRow.written_at)).order_by(col(FactRow.fact_no).desc()).limit(1)
    return db.scalar(newest)


def stored_sessions(db: Session) -> list[StoredSession]:
    """The sessions still in a chair, oldest first, for the engine to go on from."""
    return [read() for _chair, read in open_sessions(db)]


def open_sessions(db: Session) -> list[tuple[int, Callable[[], StoredSession]]]:
    """By chair, what reads the session still in it; oldest first. One that cannot be read raises
    where it is read, and leaves the others."""
    return [(row.chair, partial(_stored, db, row)) for row in sessions.in_chair(db)]


def _facts_of(db: Session, row: SessionRow) -> tuple[RareFact, ...]:
    numbered: list[tuple[int, RareFact]] = [(row.fact_no, sessions.opened_of(row))]
    for table, of_row in OF_ROW.items():
        numbered += [
            (found.fact_no, of_row(found, row.public_id)) for found in rows_of(db, table, row.id)
        ]
    return tuple(fact for _, fact in sorted(numbered, key=lambda pair: pair[0]))


def _stored(db: Session, row: SessionRow) -> StoredSession:
    facts = _facts_of(db, row)
    times = [fact.until if isinstance(fact, Gap) else fact.at for fact in facts]
    measured = observations.last_at(db, session_id=row.id)
    latest = observations.latest(db, session_id=row.id)
    return StoredSession(
        facts=facts,
        latest={metric: found for metric, (found, _monitor) in latest.items()},
        last_cuffs=observations.last_cuffs(db, session_id=row.id),
        shown_from={metric: monitor for metric, (_found, monitor) in latest.items() if monitor},
        cuffs=tuple(
            (*cuff, *observations.beside(db, session_id=row.id, at=cuff[0].observed_at))
            for cuff in observations.cuffs(db, session_id=row.id)
        ),
        last_at=max(times if measured is None else [*times, measured]),
        by_hand={
            reading.observation.metric: reading
            for reading in observations.entered(db, session=row.public_id)
            if reading.entry is not None
        },
    )
