"""What does the engine know of one chair, and how do a session's facts add up to that?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from clinical.alarms import AlarmKind, AlarmPriority, Condition, Direction
from clinical.bedside import BedsideMonitor, Given, order_of
from clinical.catalog.loader import Preset, load_checklist, load_preset
from clinical.checklist import Checklist
from clinical.links import CuffOrder, LinkEvent
from clinical.phases import SessionPhase
from clinical.record import (
    AlarmChange,
    AlarmEvent,
    BaselineLocked,
    CuffAllowed,
    CuffOrdered,
    Fact,
    Gap,
    ItemAnswered,
    PhaseChanged,
    Remarked,
    SessionOpened,
    StatementSigned,
    StoredSession,
)
from clinical.recovery import CuffSet
from clinical.vitals import CUFF, NATURE, Metric, Observation, Quality

Pressures = tuple[float | None, float | None, float | None]
PRESSURES = (Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN)
DATA_LOST = "DATA LOST"
MISSING_AFTER = timedelta(seconds=5)  # a beat or two without a value is not yet a sensor off
BESIDE = timedelta(seconds=15)  # what is older than this when a cuff ends is not of that set


@dataclass(frozen=True, slots=True)
class Signal:
    """An alarm condition that is present now, before anyone asks whether it is news.

    ``condition`` names it in the record; ``text`` is what the screen says.
    """

    condition: str
    kind: AlarmKind
    priority: AlarmPriority
    text: str
    onset_at: datetime
    metric: Metric | None = None
    direction: Direction | None = None
    value: float | None = None
    limit: float | None = None
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """A condition that was raised and has not cleared. ``worst`` is in the metric's unit."""

    alarm_id: UUID
    onset_at: datetime
    signal: Signal
    worst: float | None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LostAlarm:
    """An alarm whose signal went away before it cleared, with the priority and words it had."""

    priority: AlarmPriority
    direction: Direction | None
    text: str
    onset_at: datetime  # when the last value had become too old


class Remark(NamedTuple):
    """What a monitor says of one of its values, since when, and what the record last has of it."""

    text: str
    since: datetime
    recorded: str


@dataclass(frozen=True, slots=True)
class SessionState:
    """One session in a chair: its facts added up, and what the limits have seen so far."""

    opened: SessionOpened
    preset: Preset
    checklist: Checklist
    conditions: Mapping[tuple[Metric, Direction], Condition]
    phase: SessionPhase = SessionPhase.SCHEDULED
    phase_since: datetime | None = None
    infusion_started_at: datetime | None = None
    infusion_stopped_at: datetime | None = None
    baseline: BaselineLocked | None = None
    answers: Mapping[str, ItemAnswered] = field(default_factory=dict)
    signatures: Mapping[str, StatementSigned] = field(default_factory=dict)
    alarms: Mapping[str, OpenAlarm] = field(default_factory=dict)
    # While a sign is in here its raised limits are suspended: they wait for the next value.
    lost: Mapping[Metric, LostAlarm] = field(default_factory=dict)
    seen_at: Mapping[Metric, datetime] = field(default_factory=dict)  # last believable value
    missing_since: Mapping[Metric, datetime] = field(default_factory=dict)  # sent without a value
    implausible: frozenset[Metric] = frozenset()
    sets: tuple[CuffSet, ...] = ()
    last_cuff_at: datetime | None = None
    failed_cuffs: int = 0  # in a row
    cuff_at: Mapping[str, datetime] = field(default_factory=dict)  # the last reading, by monitor
    # After a restart a monitor still shows its last reading: these pressures are not news.
    known_cuffs: Mapping[str, Pressures] = field(default_factory=dict)
    known_readings: frozenset[str] = frozenset()  # the names they have now; a pulse may follow
    remarks: Mapping[tuple[str, Metric | None], Remark] = field(default_factory=dict)  # now
    may_start_cuff: bool = False
    cuff_started_at: datetime | None = None  # from the chair page, and not cancelled since
    cuff_cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChairState:
    """One chair: its link, the newest observation of each metric, and the session in it."""

    chair: int
    name: str
    interval_s: float = 1.0  # at which its monitor is asked to send; of two, the slower
    is_simulated: bool = False
    monitors: tuple[BedsideMonitor, ...] = ()  # at least one, but for chairs of tests
    link: LinkEvent | None = None  # of two, the worse
    links: Mapping[str, LinkEvent] = field(default_factory=dict)  # by monitor, where there are two
    given: Given = field(default_factory=dict)
    shown_from: Mapping[Metric, str] = field(default_factory=dict)  # where there are two
    latest: Mapping[Metric, Observation] = field(default_factory=dict)
    session: SessionState | None = None
    is_recording: bool = True
    overrun_at: datetime | None = None  # when events were last lost


def monitor_for(state: ChairState, metric: Metric) -> str:
    """The monitor that ``metric`` is shown from; "" in a chair with only one."""
    if len(state.monitors) < 2:
        return ""
    order = order_of(state.monitors, metric)
    if metric is Metric.HEART_RATE and not order:  # the pulse stands in for it
        return monitor_for(state, Metric.PULSE_RATE)
    return state.shown_from.get(metric) or (order[0] if order else "")


def link_of(state: ChairState, name: str) -> LinkEvent | None:
    """The line of the monitor ``name``."""
    return state.links.get(name) if len(state.monitors) > 1 else state.link


def link_for(state: ChairState, metric: Metric) -> LinkEvent | None:
    """The line that ``metric`` comes by."""
    name = monitor_for(state, metric)
    return state.links.get(name) if name else state.link


def interval_for(state: ChairState, metric: Metric) -> float:
    """How often ``metric`` is sent, s."""
    name = monitor_for(state, metric)
    named = (each.interval_s for each in state.monitors if each.name == name)
    return next(named, state.interval_s)


def pressures(cuff: Sequence[Observation]) -> Pressures:
    """Systolic, diastolic and mean of one cuff measurement, mmHg; None where it gave none."""
    values = {obs.metric: obs.value for obs in cuff}
    return (
        values.get(Metric.NIBP_SYSTOLIC),
        values.get(Metric.NIBP_DIASTOLIC),
        values.get(Metric.NIBP_MEAN),
    )


def opened(fact: SessionOpened) -> SessionState:
    """A session as it begins, with the limits and the checklist its first fact names."""
    preset = load_preset(fact.preset)
    return SessionState(fact, preset, load_checklist(fact.checklist), preset.conditions())


def fold(session: SessionState, fact: Fact) -> SessionState:
    """The session after one more of its facts; measurements, links and gaps add nothing here."""
    match fact:
        case PhaseChanged():
            return _moved(session, fact)
        case BaselineLocked():
            return replace(session, baseline=fact)
        case ItemAnswered():
            return replace(session, answers={**session.answers, fact.item: fact})
        case StatementSigned():
            return replace(session, signatures={**session.signatures, fact.statement: fact})
        case CuffAllowed():
            return replace(session, may_start_cuff=fact.is_allowed)
        case CuffOrdered():
            if fact.order is CuffOrder.START:
                return replace(session, cuff_started_at=fact.at)
            return replace(session, cuff_started_at=None, cuff_cancelled_at=fact.at)
        case Remarked():
            key, text = (fact.monitor, fact.metric), fact.text
            others = {other: said for other, said in session.remarks.items() if other != key}
            said = {key: Remark(text, fact.at, text)} if text else {}
            return replace(session, remarks=others | said)
        case AlarmEvent():
            return replace(session, alarms=_alarms_after(session.alarms, fact))
    return session


def _moved(session: SessionState, fact: PhaseChanged) -> SessionState:
    session = replace(session, phase=fact.phase, phase_since=fact.at)
    if fact.phase is SessionPhase.INFUSING:
        return replace(session, infusion_started_at=fact.at)
    if fact.phase is SessionPhase.RECOVERY:
        return replace(session, infusion_stopped_at=fact.at)
    return session


def _alarms_after(alarms: Mapping[str, OpenAlarm], fact: AlarmEvent) -> Mapping[str, OpenAlarm]:
    before = alarms.get(fact.condition)
    rest = {name: alarm for name, alarm in alarms.items() if name != fact.condition}
    match fact.change:
        case AlarmChange.CLEARED:
            return rest
        case AlarmChange.ACKNOWLEDGED:
            if before is None:
                return alarms
            seen = replace(before, acknowledged_by=fact.by, acknowledged_at=fact.at)
            return {**rest, fact.condition: seen}
    signal = Signal(
        fact.condition,
        fact.kind,
        fact.priority,
        fact.text,
        before.onset_at if before else fact.at,
        fact.metric,
        fact.direction,
        fact.value,
        fact.limit,
        fact.delay_s,
    )
    after = OpenAlarm(fact.alarm_id, signal.onset_at, signal, fact.worst)
    if before is not None and fact.change is AlarmChange.EASED:
        after = replace(
            after,
            acknowledged_by=before.acknowledged_by,
            acknowledged_at=before.acknowledged_at,
        )
    return {**rest, fact.condition: after}


def cuff_set(cuff: Sequence[Observation], latest: Mapping[Metric, Observation]) -> CuffSet | None:
    """One complete, believable cuff measurement with what was measured beside it; None without."""
    systolic, diastolic, mean = pressures(cuff)
    name, at = cuff[0].measurement_id, cuff[0].observed_at
    given = [obs for obs in cuff if obs.metric in PRESSURES and obs.value is not None]
    is_sound = all(obs.quality is Quality.VALID for obs in given)
    if systolic is None or diastolic is None or name is None or not is_sound:
        return None

    def beside(metric: Metric) -> float | None:
        obs = latest.get(metric)
        is_of_then = obs is not None and at - obs.observed_at <= BESIDE
        return obs.value if obs and is_of_then and obs.quality is Quality.VALID else None

    heart_rate = beside(Metric.HEART_RATE)
    return CuffSet(
        name,
        at,
        systolic,
        diastolic,
        mean if mean is not None else diastolic + (systolic - diastolic) / 3,
        heart_rate if heart_rate is not None else beside(Metric.PULSE_RATE),
        beside(Metric.SPO2),
        beside(Metric.RESP_RATE),
    )


def after_cuff(
    session: SessionState,
    cuff: Sequence[Observation],
    latest: Mapping[Metric, Observation],
    name: str,
) -> SessionState:
    """The session after the observations of one cuff cycle of monitor ``name``; ``latest`` is what
    else was there.

    A cycle without any pressure is a failed one, once that cuff has worked at all. The last reading
    may be told again: whole, or after a blank. It stays one set.
    """
    systolic, diastolic, _ = found = pressures(cuff)
    if found == (None, None, None):
        has_cuff_worked = name in session.cuff_at
        return replace(session, failed_cuffs=session.failed_cuffs + has_cuff_worked)
    at = cuff[0].observed_at
    session = replace(session, cuff_at={**session.cuff_at, name: at})
    sets = session.sets
    if sets and sets[-1].measurement_id == cuff[0].measurement_id:
        sets, at = sets[:-1], sets[-1].at
    if session.last_cuff_at is not None and at < session.last_cuff_at:
        return session  # another monitor's is newer: this one is kept beside
    measured = cuff_set(cuff, latest)
    is_complete = systolic is not None and diastolic is not None
    return replace(
        session,
        last_cuff_at=at,
        failed_cuffs=0 if is_complete else session.failed_cuffs + 1,
        sets=(*sets, measured) if measured is not None else session.sets,
    )


def resumed(state: ChairState, stored: StoredSession, now: datetime) -> tuple[ChairState, Gap]:
    """The chair as its record left it, and the gap since then.

    What was open is open again. Signals get their full age limit to come back: an alarm that was
    open does not end for want of values that nobody was there to read.
    """
    first = stored.opened
    session = opened(first)
    for fact in stored.facts[1:]:
        session = fold(session, fact)
    # A record of the first schema names no monitor: its readings are the first one's of the chair.
    first_name = state.monitors[0].name if state.monitors else ""
    last_cuffs = {name or first_name: cuff for name, cuff in stored.last_cuffs.items()}
    session = _with_measured(session, replace(stored, last_cuffs=last_cuffs), now)
    overrun_at = None
    for alarm in session.alarms.values():
        session = _with_reason(session, alarm, now)
        if alarm.signal.condition == DATA_LOST:
            overrun_at = alarm.onset_at
    gap = Gap(first.session, min(stored.last_at, now), now, "Vigil was not running")
    here = {each.name for each in state.monitors}
    shown_from = {metric: name for metric, name in stored.shown_from.items() if name in here}
    state = replace(state, latest=dict(stored.latest), shown_from=shown_from)
    return replace(state, session=session, overrun_at=overrun_at), gap


def _with_measured(session: SessionState, stored: StoredSession, now: datetime) -> SessionState:
    """The session with what was measured in it before the restart."""
    seen_at = {
        metric: now
        for metric, obs in stored.latest.items()
        if metric not in CUFF and obs.quality is Quality.VALID
    }
    for reading in stored.cuffs:
        cuff = [obs for obs in reading if obs.metric in CUFF]
        others = {obs.metric: obs for obs in reading if obs.metric not in CUFF}
        session = after_cuff(session, cuff, others, "")
        valid = [obs for obs in cuff if obs.quality is Quality.VALID]
        seen_at |= {obs.metric: obs.observed_at for obs in valid}
    return replace(
        session,
        seen_at=seen_at,
        cuff_at={name: cuff[0].observed_at for name, cuff in stored.last_cuffs.items()},
        known_cuffs={name: pressures(cuff) for name, cuff in stored.last_cuffs.items()},
    )


def _with_reason(session: SessionState, alarm: OpenAlarm, now: datetime) -> SessionState:
    """The session as it must have been for ``alarm`` to be open: it is not to clear for want of
    what the record does not say."""
    signal, metric = alarm.signal, alarm.signal.metric
    if metric is None:
        return session
    conditions, lost = dict(session.conditions), dict(session.lost)
    missing_since, implausible = dict(session.missing_since), session.implausible
    if signal.direction and (key := (metric, signal.direction)) in conditions:
        conditions[key] = conditions[key].held_at(signal.priority, alarm.onset_at)
    if signal.condition == lost_condition(metric):
        lost[metric] = LostAlarm(signal.priority, signal.direction, signal.text, alarm.onset_at)
    elif signal.condition == missing_condition(metric):
        missing_since[metric] = alarm.onset_at - MISSING_AFTER
    elif signal.condition == check_condition(metric):
        implausible |= {metric}
    return replace(
        session,
        conditions=conditions,
        lost=lost,
        missing_since=missing_since,
        implausible=implausible,
        seen_at={metric: now, **session.seen_at},
    )


def alarm_event(
    change: AlarmChange, state: ChairState, alarm: OpenAlarm, at: datetime, by: str = ""
) -> AlarmEvent:
    """The fact that ``alarm`` changed; chair, session and phase are those of ``state``."""
    signal, session = alarm.signal, state.session
    return AlarmEvent(
        session=session.opened.session if session else None,
        chair=state.chair,
        alarm_id=alarm.alarm_id,
        change=change,
        at=at,
        condition=signal.condition,
        kind=signal.kind,
        priority=signal.priority,
        metric=signal.metric,
        direction=signal.direction,
        value=signal.value,
        limit=signal.limit,
        worst=alarm.worst,
        delay_s=signal.delay_s,
        phase=session.phase if session else None,
        text=signal.text,
        by=by,
    )


def lost_condition(metric: Metric) -> str:
    """The name of the technical condition that an alarm becomes when its signal goes away."""
    return f"{metric} signal lost"


def missing_condition(metric: Metric) -> str:
    """The name of the technical condition of a sign that is sent without a value."""
    return f"{NATURE[metric].label} NO SIGNAL"


def check_condition(metric: Metric) -> str:
    """The name of the technical condition of a value that no living adult has."""
    return f"CHECK READING {NATURE[metric].label}"
