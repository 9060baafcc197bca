"""Who is called to an alarm that nobody answers, and who has it on a screen?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from clinical.alarms import AlarmPriority
from clinical.chair import ChairState, OpenAlarm, SessionState, fold
from clinical.phases import SessionPhase
from clinical.record import AlarmCalled, AlarmShown, CallStage, Fact

CALLED_LATE = timedelta(seconds=5)
RECEIPTS = 64  # of one alarm: more screens than any clinic has

# How far an alarm that nobody answers is carried, and when, from its being news. A high one is on
# all screens at once.
# Source: the escalation ladder of our alarm design (A6).
LADDER: dict[AlarmPriority, tuple[tuple[timedelta, CallStage], ...]] = {
    AlarmPriority.HIGH: (
        (timedelta(seconds=30), CallStage.SECOND),
        (timedelta(seconds=60), CallStage.PROMPT),
    ),
    AlarmPriority.MEDIUM: (
        (timedelta(seconds=60), CallStage.ALL_SCREENS),
        (timedelta(seconds=120), CallStage.SECOND),
    ),
    AlarmPriority.LOW: (),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A screen has an alarm on it. ``to``: the user who is signed in there, or that screen's name.

    ``stage`` SECOND where it shows the call to the second person.
    """

    alarm_id: UUID
    to: str
    at: datetime
    stage: CallStage | None = None


def due_calls(session: SessionState) -> Iterator[tuple[datetime, OpenAlarm, CallStage]]:
    """The next steps of each alarm that nobody has answered, and when they are due."""
    for alarm in session.alarms.values():
        if not alarm.is_unanswered:
            continue
        made = {call.stage for call in alarm.calls}
        for after, stage in LADDER[alarm.signal.priority]:
            at = alarm.called_from + after
            if stage is CallStage.PROMPT:
                if session.phase is not SessionPhase.INFUSING or session.phase_since is None:
                    continue
                at = max(at, session.phase_since)
            if stage not in made:
                yield at, alarm, stage


def called(state: ChairState, now: datetime) -> tuple[ChairState, tuple[Fact, ...]]:
    """The chair with its unanswered alarms carried as far as they are due, and those steps."""
    session = state.session
    if session is None or not session.alarms:
        return state, ()
    calls = [
        AlarmCalled(
            session.opened.session,
            at if now - at <= CALLED_LATE else now,  # nobody called while Vigil was not running
            alarm.alarm_id,
            stage,
            session.opened.second if stage is CallStage.SECOND else "",
        )
        for at, alarm, stage in due_calls(session)
        if at <= now
    ]
    if not calls:
        return state, ()
    calls.sort(key=lambda call: call.at)
    for call in calls:
        session = fold(session, call)
    return replace(state, session=session), tuple(calls)


def shown(state: ChairState, event: Shown) -> tuple[ChairState, tuple[Fact, ...]]:
    """A receipt, once for each who looks; of an alarm that is over by now it is none any more."""
    session = state.session
    if session is None:
        return state, ()
    for alarm in session.alarms.values():
        if alarm.alarm_id != event.alarm_id:
            continue
        known = {(fact.to, fact.stage) for fact in alarm.shown}
        is_called = event.stage is None or event.stage in {call.stage for call in alarm.calls}
        if (event.to, event.stage) in known or len(known) >= RECEIPTS or not is_called:
            break
        fact = AlarmShown(session.opened.session, event.at, event.alarm_id, event.to, event.stage)
        return replace(state, session=fold(session, fact)), (fact,)
    return state, ()
