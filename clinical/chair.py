"""What does the engine know of one chair, and how do a session's facts add up to that?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from clinical.alarms import AlarmKind, AlarmPriority, Condition, Direction
from clinical.catalog.loader import Preset, load_checklist, load_preset
from clinical.checklist import Checklist
from clinical.links import LinkEvent
from clinical.phases import SessionPhase
from clinical.record import (
    AlarmChange,
    AlarmEvent,
    BaselineLocked,
    Fact,
    Gap,
    ItemAnswered,
    PhaseChanged,
    SessionOpened,
    StatementSigned,
    StoredSession,
)
from clinical.recovery import CuffSet
from clinical.vitals import CUFF, Metric, Observation

Pressures = tuple[float | None, float | None, float | None]


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
    # After a restart the monitor still shows its last reading: these pressures are not news.
    known_cuff: Pressures | None = None


@dataclass(frozen=True, slots=True)
class ChairState:
    """One chair: its link, the newest observation of each metric, and the session in it."""

    chair: int
    name: str
    interval_s: float = 1.0  # at which its monitor is asked to send
    is_simulated: bool = False
    link: LinkEvent | None = None
    latest: Mapping[Metric, Observation] = field(default_factory=dict)
    session: SessionState | None = None
    is_recording: bool = True
    overrun_at: datetime | None = None  # when events were last lost


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
    """One complete cuff measurement with what was measured beside it; None if incomplete."""
    systolic, diastolic, mean = pressures(cuff)
    measurement_id = cuff[0].measurement_id
    if systolic is None or diastolic is None or measurement_id is None:
        return None

    def beside(metric: Metric) -> float | None:
        obs = latest.get(metric)
        return None if obs is None else obs.value

    heart_rate = beside(Metric.HEART_RATE)
    return CuffSet(
        measurement_id,
        cuff[0].observed_at,
        systolic,
        diastolic,
        mean if mean is not None else diastolic + (systolic - diastolic) / 3,
        heart_rate if heart_rate is not None else beside(Metric.PULSE_RATE),
        beside(Metric.SPO2),
        beside(Metric.RESP_RATE),
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
    conditions = dict(session.conditions)
    lost = {}
    for alarm in session.alarms.values():
        signal = alarm.signal
        if signal.metric is None:
            continue
        if signal.direction and (key := (signal.metric, signal.direction)) in conditions:
            conditions[key] = conditions[key].held_at(signal.priority, alarm.onset_at)
        if signal.condition == lost_condition(signal.metric):
            lost[signal.metric] = LostAlarm(
                signal.priority, signal.direction, signal.text, alarm.onset_at
            )
    cuffs = [cuff for cuff in stored.cuffs if pressures(cuff) != (None, None, None)]
    sets = (cuff_set(cuff, {obs.metric: obs for obs in cuff}) for cuff in cuffs)
    session = replace(
        session,
        conditions=conditions,
        lost=lost,
        seen_at={
            metric: obs.observed_at if metric in CUFF else now
            for metric, obs in stored.latest.items()
            if obs.value is not None
        },
        sets=tuple(filter(None, sets)),
        last_cuff_at=cuffs[-1][0].observed_at if cuffs else None,
        known_cuff=pressures(cuffs[-1]) if cuffs else None,
    )
    gap = Gap(first.session, stored.last_at, now, "Vigil was not running")
    return replace(state, session=session, latest=dict(stored.latest)), gap


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
