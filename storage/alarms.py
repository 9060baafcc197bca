"""How is a step in the life of an alarm written and read back?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from clinical.alarms import AlarmKind, AlarmPriority, Direction
from clinical.phases import SessionPhase
from clinical.record import AlarmChange, AlarmEvent
from clinical.vitals import Metric
from storage.ledger import append, fields_of
from storage.models import AlarmEventRow


def record_alarm_event(db: Session, event: AlarmEvent, *, written_at: datetime) -> AlarmEventRow:
    return append(db, AlarmEventRow, event, written_at=written_at, session=event.session)


def alarm_event_of(row: AlarmEventRow, session: UUID | None) -> AlarmEvent:
    enums = {
        "change": AlarmChange(row.change),
        "kind": AlarmKind(row.kind),
        "priority": AlarmPriority(row.priority),
        "metric": None if row.metric is None else Metric(row.metric),
        "direction": None if row.direction is None else Direction(row.direction),
        "phase": None if row.phase is None else SessionPhase(row.phase),
    }
    return AlarmEvent(**fields_of(row) | enums | {"session": session})
