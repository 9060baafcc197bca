"""Which alarms are open in a chair, and what changed about them, for the record?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid5

from clinical import technical
from clinical.alarms import AlarmKind, AlarmPriority, Direction
from clinical.chair import (
    ChairState,
    OpenAlarm,
    Repeat,
    SessionState,
    Signal,
    alarm_event,
    ended,
    fold,
)
from clinical.judging import physiological
from clinical.record import (
    BY_DATA,
    AlarmChange,
    AlarmEvent,
    AlarmSwitched,
    AudioChanged,
    AudioState,
    Fact,
)

TOLD_LATE = timedelta(seconds=5)


def with_alarms(
    state: ChairState, at: datetime, now: datetime
) -> tuple[ChairState, tuple[Fact, ...]]:
    """The chair with its open alarms brought up to date, and what changed, for the record.

    ``at`` is the data time of what the limits say, ``now`` that of everything else.
    """
    session = state.session
    if session is None:
        return state, ()
    asked, taken_at = session.repeat, session.last_cuff_at
    if asked is not None and taken_at is not None and taken_at > asked.asked_at:
        session = replace(session, repeat=None)  # the reading is there, whatever it says
    signals = (*physiological(state, session), *technical.signals(state, session, now))
    present = {
        signal.condition: _since_on(session, signal)
        for signal in signals
        if signal.metric not in session.switched_off
    }
    changes: list[Fact] = [*_raised_or_changed(state, session, present, at, now)]
    for condition, alarm in session.alarms.items():
        if condition not in present and not alarm.is_latched:
            over_at = at if alarm.signal.kind is AlarmKind.PHYSIOLOGICAL else now
            over_at = max(over_at, alarm.signal.onset_at)  # switched off as it began
            changes.append(_over(state, session, alarm, present, over_at))
    for change in changes:
        session = _told(fold(session, change), change, now)
    more: list[Fact] = []
    if asked is not None and session.repeat is not asked:
        more += _confirmed(state, session, asked, present)
    for signal in technical.repeat(session, now):  # what a new high value asks for, asked at once
        if signal.condition not in present:
            present[signal.condition] = signal
            asking = replace(state, session=session)
            more += _raised_or_changed(asking, session, {signal.condition: signal}, at, now)
    for change in more:
        session = fold(session, change)
    if (loud := _broken_through(session, changes, now)) is not None:
        session, more = fold(session, loud), [*more, loud]
    alarms = {
        condition: alarm if alarm.is_latched else _refreshed(alarm, present[condition])
        for condition, alarm in session.alarms.items()
    }
    if any(alarms[condition] is not alarm for condition, alarm in session.alarms.items()):
        session = replace(session, alarms=alarms)
    if session is not state.session:
        state = replace(state, session=session)
    return state, (*changes, *more)


def _told(session: SessionState, change: Fact, now: datetime) -> SessionState:
    """The session where ``change`` is told long after its onset, as of a cuff reading that came
    with the line: nobody could answer, or measure again, before now."""
    if not isinstance(change, AlarmEvent) or now - change.at <= TOLD_LATE:
        return session
    alarm, repeat = session.alarms.get(change.condition), session.repeat
    if alarm is not None and alarm.called_from == change.at:
        told = replace(alarm, called_from=now)
        session = replace(session, alarms={**session.alarms, change.condition: told})
    if repeat is not None and repeat.asked_at == change.at:
        session = replace(session, repeat=repeat._replace(asked_at=now))
    return session


def _raised_or_changed(
    state: ChairState,
    session: SessionState,
    present: dict[str, Signal],
    at: datetime,
    now: datetime,
) -> Iterator[AlarmEvent]:
    for condition, signal in present.items():
        before = session.alarms.get(condition)
        if before is not None and before.is_latched:  # it is back: one alarm, and a new one
            yield alarm_event(AlarmChange.RESET, state, before, signal.onset_at)
            before = None
        if before is None:
            name = f"{condition} {signal.onset_at.isoformat()}"
            alarm_id = uuid5(session.opened.session, name)
            alarm = OpenAlarm(
                *(alarm_id, signal.onset_at, signal, signal.value, signal.onset_at),
                unseen=signal,
            )
            yield alarm_event(AlarmChange.RAISED, state, alarm, signal.onset_at)
        elif _is_worse(before, signal):
            worse = _refreshed(before, signal)
            yield alarm_event(AlarmChange.ESCALATED, state, worse, signal.onset_at)
        elif before.signal.priority is not signal.priority:
            is_data = signal.kind is AlarmKind.PHYSIOLOGICAL
            milder = _refreshed(before, signal)
            yield alarm_event(AlarmChange.EASED, state, milder, at if is_data else now)


def _is_worse(before: OpenAlarm, signal: Signal) -> bool:
    """Whether a worse limit was reached: of a higher priority, or further out than any so far."""
    if signal.priority is not before.signal.priority:
        return signal.priority.rank > before.signal.priority.rank
    if signal.limit is None or before.reached is None or signal.limit == before.reached:
        return False
    return (signal.limit > before.reached) is (signal.direction is Direction.HIGH)


def _over(
    state: ChairState,
    session: SessionState,
    alarm: OpenAlarm,
    present: Mapping[str, Signal],
    at: datetime,
) -> AlarmEvent:
    """The end of a condition: it is cleared, or stays on the screen because nobody has seen it.

    Only what the patient's values said stays. One whose signal is lost goes on as that alarm, one
    that came back from there goes on as itself.
    """
    unseen, metric = alarm.unseen, alarm.signal.metric
    is_of_patient = alarm.signal.direction is not None
    goes_on = metric in session.lost or any(
        signal.metric is metric and signal.direction is alarm.signal.direction
        for signal in present.values()
    )
    is_kept = unseen is not None and unseen.priority in session.preset.latching
    if unseen is None or not is_kept or not is_of_patient or goes_on:
        return alarm_event(AlarmChange.CLEARED, state, alarm, at)
    if metric in session.switched_off:
        return alarm_event(AlarmChange.CLEARED, state, alarm, at)
    left = replace(unseen, condition=alarm.signal.condition, kind=alarm.signal.kind)
    return alarm_event(AlarmChange.LATCHED, state, replace(alarm, signal=left), at)


def _since_on(session: SessionState, signal: Signal) -> Signal:
    """A sign whose alarms were off: what held then is news from when they are on again."""
    if signal.metric is None or signal.metric not in session.switched_on_at:
        return signal
    return replace(signal, onset_at=max(signal.onset_at, session.switched_on_at[signal.metric]))


def _confirmed(
    state: ChairState, session: SessionState, asked: Repeat, present: Mapping[str, Signal]
) -> Iterator[AlarmEvent]:
    """The alarms that the second reading confirms: whole, believable, in time and high again."""
    last = session.sets[-1] if session.sets else None
    if last is None or not asked.asked_at < last.at <= asked.asked_at + technical.REPEAT_WITHIN:
        return
    for condition in sorted(asked.conditions & present.keys() & session.alarms.keys()):
        signal = present[condition]
        if signal.priority is AlarmPriority.HIGH and _is_beyond(session, signal):
            alarm = _refreshed(session.alarms[condition], signal)
            yield alarm_event(AlarmChange.CONFIRMED, state, alarm, last.at)


def _is_beyond(session: SessionState, signal: Signal) -> bool:
    """Whether its value is beyond a limit of its priority, not held by the hysteresis alone."""
    row = (signal.metric, signal.direction, signal.priority)
    return signal.value is not None and any(
        limit.operator.holds(signal.value, limit.value)
        for limit in session.limits
        if (limit.metric, limit.direction, limit.priority) == row
    )


def _broken_through(
    session: SessionState, changes: Sequence[Fact], now: datetime
) -> AudioChanged | None:
    """The end of a silence, because a high alarm is new."""
    if session.audio_at(now) is AudioState.ON:
        return None
    is_new = any(
        isinstance(fact, AlarmEvent)
        and fact.change in (AlarmChange.RAISED, AlarmChange.ESCALATED)
        and fact.priority is AlarmPriority.HIGH
        for fact in changes
    )
    if not is_new:
        return None
    why = "a new high alarm"
    return AudioChanged(session.opened.session, now, BY_DATA, AudioState.ON, None, why)


def _refreshed(alarm: OpenAlarm, signal: Signal) -> OpenAlarm:
    """``alarm`` with the newest value and words, and the worst value so far."""
    worst, unseen = alarm.worst, alarm.unseen
    if signal.value is not None and signal.direction is not None:
        further = max if signal.direction is Direction.HIGH else min
        worst = signal.value if worst is None else further(worst, signal.value)
    if unseen is not None and _is_further(signal, unseen):
        unseen = signal
    if signal == alarm.signal and worst == alarm.worst and unseen is alarm.unseen:
        return alarm
    return replace(alarm, signal=signal, worst=worst, unseen=unseen)


def _is_further(signal: Signal, than: Signal) -> bool:
    """Whether ``signal`` says more than what somebody is yet to see."""
    if signal.priority is not than.priority:
        return signal.priority.rank > than.priority.rank
    if signal.value is None or than.value is None or signal.value == than.value:
        return False
    return (signal.value > than.value) is (signal.direction is Direction.HIGH)


def undone(
    state: ChairState, facts: Sequence[Fact], now: datetime
) -> tuple[ChairState, tuple[Fact, ...]]:
    """The chair without a silence that was asked for before a high alarm came: while it was being
    written nobody had heard that."""
    session, undone = state.session, list[Fact]()
    for fact in facts:
        if session is None or not isinstance(fact, AudioChanged | AlarmSwitched):
            continue
        is_silence = fact.state is AudioState.OFF if isinstance(fact, AudioChanged) else fact.is_off
        signs = None if isinstance(fact, AudioChanged) else fact.metric
        is_new = any(
            alarm.signal.onset_at > fact.at
            and alarm.is_unanswered
            and alarm.signal.priority is AlarmPriority.HIGH
            and signs in (None, alarm.signal.metric)
            for alarm in session.alarms.values()
        )
        if not is_silence or not is_new:
            continue
        why = "a new high alarm"
        back: Fact
        if isinstance(fact, AudioChanged):
            back = AudioChanged(fact.session, now, BY_DATA, AudioState.ON, None, why)
        else:
            back = AlarmSwitched(fact.session, now, BY_DATA, fact.metric, False, why)
        session = fold(session, back)
        undone.append(back)
    return replace(state, session=session), tuple(undone)


def raised_since(
    state: ChairState, session: SessionState, facts: Sequence[Fact], now: datetime
) -> Iterator[AlarmEvent]:
    """The end of alarms that came while the last ``facts`` of the session were being written."""
    known = {fact.alarm_id for fact in facts if isinstance(fact, AlarmEvent)}
    for alarm in session.alarms.values():
        if alarm.alarm_id not in known:
            yield ended(state, alarm, now)
