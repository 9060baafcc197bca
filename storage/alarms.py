"""How is what became of an alarm written and read back: its steps, calls, and who saw it?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from clinical.alarms import AlarmKind, AlarmPriority, Direction
from clinical.phases import SessionPhase
from clinical.record import (
    AlarmCalled,
    AlarmChange,
    AlarmEvent,
    AlarmShown,
    AudioState,
    CallStage,
)
from clinical.vitals import Metric
from storage.ledger import append, fields_of
from storage.models import AlarmCalledRow, AlarmEventRow, AlarmShownRow


def record_alarm_event(db: Session, event: AlarmEvent, *, written_at: datetime) -> AlarmEventRow:
    return append(db, AlarmEventRow, event, written_at=written_at, session=event.session)


def record_call(db: Session, called: AlarmCalled, *, written_at: datetime) -> AlarmCalledRow:
    return append(db, AlarmCalledRow, called, written_at=written_at, session=called.session)


def record_shown(db: Session, shown: AlarmShown, *, written_at: datetime) -> AlarmShownRow:
    return append(db, AlarmShownRow, shown, written_at=written_at, session=shown.session)


def alarm_event_of(row: AlarmEventRow, session: UUID | None) -> AlarmEvent:
    enums = {
        "change": AlarmChange(row.change),
        "kind": AlarmKind(row.kind),
        "priority": AlarmPriority(row.priority),
        "metric": None if row.metric is None else Metric(row.metric),
        "direction": None if row.direction is None else Direction(row.direction),
        "phase": None if row.phase is None else SessionPhase(row.phase),
        "audio": AudioState.ON if row.audio is None else AudioState(row.audio),
    }
    own = {"session": session, "reason": row.reason or ""}
    return AlarmEvent(**fields_of(row) | enums | own)


def call_of(row: AlarmCalledRow, session: UUID) -> AlarmCalled:
    return AlarmCalled(**fields_of(row) | {"session": session, "stage": CallStage(row.stage)})


def shown_of(row: AlarmShownRow, session: UUID) -> AlarmShown:
    stage = None if row.stage is None else CallStage(row.stage)
    return AlarmShown(**fields_of(row) | {"session": session, "stage": stage})
