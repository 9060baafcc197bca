"""How is what people set on the alarms of a chair written: its sound, signs, limits, the probe?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from clinical.alarms import AlarmPriority, Direction
from clinical.record import AlarmSwitched, AudioChanged, AudioState, LimitChanged, ProbePlaced
from clinical.vitals import Metric
from storage.ledger import append, fields_of
from storage.models import AlarmSwitchRow, AudioChangeRow, LimitChangeRow, ProbePlacedRow


def record_audio(db: Session, change: AudioChanged, *, written_at: datetime) -> AudioChangeRow:
    return append(db, AudioChangeRow, change, written_at=written_at, session=change.session)


def record_switch(db: Session, switched: AlarmSwitched, *, written_at: datetime) -> AlarmSwitchRow:
    return append(db, AlarmSwitchRow, switched, written_at=written_at, session=switched.session)


def record_limit(db: Session, change: LimitChanged, *, written_at: datetime) -> LimitChangeRow:
    return append(db, LimitChangeRow, change, written_at=written_at, session=change.session)


def record_probe(db: Session, placed: ProbePlaced, *, written_at: datetime) -> ProbePlacedRow:
    return append(db, ProbePlacedRow, placed, written_at=written_at, session=placed.session)


def audio_of(row: AudioChangeRow, session: UUID) -> AudioChanged:
    return AudioChanged(**fields_of(row) | {"session": session, "state": AudioState(row.state)})


def switch_of(row: AlarmSwitchRow, session: UUID) -> AlarmSwitched:
    return AlarmSwitched(**fields_of(row) | {"session": session, "metric": Metric(row.metric)})


def limit_of(row: LimitChangeRow, session: UUID) -> LimitChanged:
    enums = {
        "metric": Metric(row.metric),
        "direction": Direction(row.direction),
        "priority": AlarmPriority(row.priority),
    }
    return LimitChanged(**fields_of(row) | enums | {"session": session})


def probe_of(row: ProbePlacedRow, session: UUID) -> ProbePlaced:
    return ProbePlaced(session=session, **fields_of(row))
