"""How is what became of an alarm written, read back, and told afterwards as one story?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from clinical.alarms import AlarmKind, AlarmPriority, Direction
from clinical.phases import SessionPhase
from clinical.record import (
    AlarmCalled,
    AlarmChange,
    AlarmEvent,
    AlarmShown,
    AlarmSwitched,
    AudioChanged,
    AudioState,
    CallStage,
    Gap,
    LimitChanged,
    LinkChanged,
    ProbePlaced,
    SessionOpened,
)
from clinical.vitals import Metric
from storage import controls, sessions
from storage.ledger import append, fields_of, rows_of
from storage.models import (
    AlarmCalledRow,
    AlarmEventRow,
    AlarmShownRow,
    AlarmSwitchRow,
    AudioChangeRow,
    GapRow,
    LimitChangeRow,
    LinkChangeRow,
    ProbePlacedRow,
    SessionRow,
)


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


# Looking back.


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody acknowledged an alarm, or reset a latched one; ``reason`` is "" where none was
    given. ``by`` is "" for a reset that no person made: the condition came back under a new alarm,
    or the session ended."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Call:
    """An alarm was carried further. ``seen_at``: when the screen of the one who was called said
    that it shows the call; None where nobody confirmed it."""

    stage: CallStage
    to: str
    at: datetime
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A screen said that it shows the alarm (``stage`` None) or a call."""

    to: str
    stage: CallStage | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One AlarmEvent, as it was written."""

    change: AlarmChange
    at: datetime
    priority: AlarmPriority
    phase: SessionPhase | None
    value: float | None
    worst: float | None
    limit: float | None
    delay_s: float | None
    text: str
    audio: AudioState
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class LoggedAlarm:
    """One alarm from its onset to its end.

    ``phase``, ``value``, ``limit``, ``delay_s`` and ``audio`` are those of the onset, ``worst`` is
    the furthest beyond the limit, ``priority`` the highest it had and ``text`` what was shown last
    at that. Values are in the metric's own unit. ``cleared``: when the condition was over, also
    where the alarm stayed on the screen (latched) until its ``reset``; None: never seen to end.
    ``confirmed``: when a second cuff reading said the same.
    """

    alarm_id: UUID
    kind: AlarmKind
    condition: str
    metric: Metric | None
    direction: Direction | None
    priority: AlarmPriority
    text: str
    phase: SessionPhase | None
    onset: datetime
    value: float | None
    limit: float | None
    delay_s: float | None
    audio: AudioState
    worst: float | None
    confirmed: datetime | None
    cleared: datetime | None
    reset: Seen | None
    acknowledged: tuple[Seen, ...]  # more than one where it grew worse in between
    calls: tuple[Call, ...]
    shown: tuple[Receipt, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class AlarmLog:
    """All that the record says about the alarms of one session.

    ``alarms`` are in the order of their onset, all else in the order it was written. ``links`` and
    ``gaps`` are when a monitor was not heard and when nothing was kept: no alarm came from then.
    """

    session: SessionOpened
    alarms: tuple[LoggedAlarm, ...]
    limits: tuple[LimitChanged, ...]
    audio: tuple[AudioChanged, ...]
    switched: tuple[AlarmSwitched, ...]
    probe: tuple[ProbePlaced, ...]
    links: tuple[LinkChanged, ...]
    gaps: tuple[Gap, ...]


def alarm_log(db: Session, *, session_id: int) -> AlarmLog:
    """The alarm log of the session with this inner key (``sessions.find_session`` gives the row).

    Dataclasses, enums of text, UUIDs and aware times in UTC, all the way down:
    ``json.dumps(dataclasses.asdict(log), default=str)`` is the whole of it as JSON, with times as
    2026-11-22 09:15:00+00:00. Raises NoResultFound.
    """
    row = db.get_one(SessionRow, session_id)
    session = row.public_id
    return AlarmLog(
        session=sessions.opened_of(row),
        alarms=logged_alarms(db, session_id=session_id),
        limits=tuple(
            controls.limit_of(each, session) for each in rows_of(db, LimitChangeRow, session_id)
        ),
        audio=tuple(
            controls.audio_of(each, session) for each in rows_of(db, AudioChangeRow, session_id)
        ),
        switched=tuple(
            controls.switch_of(each, session) for each in rows_of(db, AlarmSwitchRow, session_id)
        ),
        probe=tuple(
            controls.probe_of(each, session) for each in rows_of(db, ProbePlacedRow, session_id)
        ),
        links=tuple(
            sessions.link_of(each, session) for each in rows_of(db, LinkChangeRow, session_id)
        ),
        gaps=tuple(sessions.gap_of(each, session) for each in rows_of(db, GapRow, session_id)),
    )


def alarm_rows(db: Session, *, session_ids: Collection[int]) -> dict[int, int]:
    """How many rows the alarms of each session have: another number is other alarms."""
    found: Counter[int | None] = Counter()
    for table in (AlarmEventRow, AlarmCalledRow, AlarmShownRow):
        counted = (
            select(col(table.session_id), func.count())
            .where(col(table.session_id).in_(session_ids))
            .group_by(col(table.session_id))
        )
        for session_id, count in db.execute(counted):
            found[session_id] += count
    return {session_id: count for session_id, count in found.items() if session_id is not None}


def logged_alarms(db: Session, *, session_id: int) -> tuple[LoggedAlarm, ...]:
    """The alarms of a session, in the order of their onset."""
    lives: defaultdict[UUID, list[AlarmEvent]] = defaultdict(list)
    for event in rows_of(db, AlarmEventRow, session_id):
        lives[event.alarm_id].append(alarm_event_of(event, None))
    calls: defaultdict[UUID, list[AlarmCalledRow]] = defaultdict(list)
    for call in rows_of(db, AlarmCalledRow, session_id):
        calls[call.alarm_id].append(call)
    shown: defaultdict[UUID, list[Receipt]] = defaultdict(list)
    for receipt in rows_of(db, AlarmShownRow, session_id):
        stage = None if receipt.stage is None else CallStage(receipt.stage)
        shown[receipt.alarm_id].append(Receipt(receipt.to, stage, receipt.at))
    alarms = (_logged(life, calls[alarm_id], shown[alarm_id]) for alarm_id, life in lives.items())
    return tuple(sorted(alarms, key=lambda alarm: alarm.onset))


def _words(events: Sequence[AlarmEvent], worst: float | None) -> str:
    """What an alarm said at its worst, as near as that was written; later words may be of a value
    that is back inside."""
    valued = [(event.value, event.text) for event in events if event.value is not None]
    if worst is None or not valued:
        return events[-1].text
    return min(valued, key=lambda pair: abs(pair[0] - worst))[1]


def _logged(
    life: Sequence[AlarmEvent], calls: Sequence[AlarmCalledRow], shown: Sequence[Receipt]
) -> LoggedAlarm:
    first = life[0]
    highest = max((event.priority for event in life), key=lambda priority: priority.rank)
    at = {event.change: event.at for event in reversed(life)}  # of each change the first
    worst = next((event.worst for event in reversed(life) if event.worst is not None), None)
    resets = [event for event in life if event.change is AlarmChange.RESET]
    return LoggedAlarm(
        alarm_id=first.alarm_id,
        kind=first.kind,
        condition=first.condition,
        metric=first.metric,
        direction=first.direction,
        priority=highest,
        text=_words([event for event in life if event.priority is highest], worst),
        phase=first.phase,
        onset=first.at,
        value=first.value,
        limit=first.limit,
        delay_s=first.delay_s,
        audio=first.audio,
        worst=worst,
        confirmed=at.get(AlarmChange.CONFIRMED),
        cleared=at.get(AlarmChange.LATCHED, at.get(AlarmChange.CLEARED)),
        reset=next((Seen(event.at, event.by, event.reason) for event in resets), None),
        acknowledged=tuple(
            Seen(event.at, event.by, event.reason)
            for event in life
            if event.change is AlarmChange.ACKNOWLEDGED
        ),
        calls=tuple(
            Call(
                CallStage(call.stage),
                call.to,
                call.at,
                next(
                    (one.at for one in shown if (one.stage, one.to) == (call.stage, call.to)),
                    None,
                ),
            )
            for call in calls
        ),
        shown=tuple(shown),
        steps=tuple(
            Step(
                event.change,
                event.at,
                event.priority,
                event.phase,
                event.value,
                event.worst,
                event.limit,
                event.delay_s,
                event.text,
                event.audio,
                event.by,
                event.reason,
            )
            for event in life
        ),
    )
