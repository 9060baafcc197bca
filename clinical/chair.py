"""What does the engine know of one chair, and how do a session's facts add up to that?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid5

from clinical.alarms import AlarmKind, AlarmLimit, AlarmPriority, Condition, Direction
from clinical.bedside import BedsideMonitor, Given, order_of
from clinical.catalog.document import Malformed
from clinical.catalog.loader import LimitKey, Preset, UnknownEntry, load_checklist
from clinical.catalog.presets import Presets, shipped
from clinical.checklist import Checklist
from clinical.identity import Identity
from clinical.links import ClockRead, CuffOrder, Identified, LinkEvent
from clinical.phases import SessionPhase
from clinical.record import (
    AlarmCalled,
    AlarmChange,
    AlarmEvent,
    AlarmShown,
    AlarmSwitched,
    AudioChanged,
    AudioState,
    BaselineLocked,
    ClockCompared,
    CuffAllowed,
    CuffOrdered,
    Fact,
    Gap,
    ItemAnswered,
    LimitChanged,
    PhaseChanged,
    ProbePlaced,
    Reading,
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
RULES_FAILED = "RULES FAILED"  # of Vigil itself: no rule can make these two
SESSION_LEFT = "SESSION NOT TAKEN UP"
NOT_RUNNING = "Vigil was not running"  # the reason of the gap that a restart leaves
RECOVERY = "recovery"  # the checklist of every session today
MISSING_AFTER = timedelta(seconds=5)  # a beat or two without a value is not yet a sensor off
CUFF_STOPS_BLOOD = timedelta(seconds=45)  # of a cuff on the arm with the probe, from its start
# Cycles that follow each other sooner are judged all the same: else none of them ever would be.
WAITS_AGAIN = timedelta(minutes=2)
BACK_SOON = timedelta(minutes=2)  # an alarm that comes again is still the one that was called
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
    """A condition that was raised and has not cleared. ``worst`` is in the metric's unit.

    ``unseen`` is the worst that it said since somebody last acknowledged it: what stays on the
    screen where it ends before anybody does. ``called_from`` is when it last became news, with the
    limit ``reached`` then.
    """

    alarm_id: UUID
    onset_at: datetime
    signal: Signal
    worst: float | None
    called_from: datetime
    reached: float | None = None
    unseen: Signal | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    ended_at: datetime | None = None  # of a latched one
    confirmed_at: datetime | None = None
    calls: tuple[AlarmCalled, ...] = ()
    shown: tuple[AlarmShown, ...] = ()

    @property
    def is_latched(self) -> bool:
        """Whether it has ended and is shown all the same."""
        return self.ended_at is not None

    @property
    def news(self) -> str:
        """What it last became news with; another where it has grown worse since."""
        return f"{self.called_from.isoformat()} {self.reached}"

    @property
    def is_unanswered(self) -> bool:
        return self.acknowledged_by is None and not self.is_latched


class Repeat(NamedTuple):
    """A second cuff reading that is asked for, since when, and the conditions it is about."""

    asked_at: datetime
    conditions: frozenset[str]


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
    limits: tuple[AlarmLimit, ...]  # in force: baseline and moved ones worked in
    conditions: Mapping[tuple[Metric, Direction], Condition]
    moved: Mapping[LimitKey, float] = field(default_factory=dict)  # for this session
    phase: SessionPhase = SessionPhase.SCHEDULED
    phase_since: datetime | None = None
    infusion_started_at: datetime | None = None
    infusion_stopped_at: datetime | None = None
    baseline: BaselineLocked | None = None
    answers: Mapping[str, ItemAnswered] = field(default_factory=dict)
    signatures: Mapping[str, StatementSigned] = field(default_factory=dict)
    alarms: Mapping[str, OpenAlarm] = field(default_factory=dict)
    # What nobody had seen of a latched alarm when its condition came back: still unseen then.
    left_unseen: Mapping[str, OpenAlarm] = field(default_factory=dict)
    # While a sign is in here its raised limits are suspended: they wait for the next value.
    lost: Mapping[Metric, LostAlarm] = field(default_factory=dict)
    seen_at: Mapping[Metric, datetime] = field(default_factory=dict)  # last believable value
    missing_since: Mapping[Metric, datetime] = field(default_factory=dict)  # sent without a value
    missing_until: Mapping[Metric, datetime] = field(default_factory=dict)  # when that last ended
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
    cuff_up_since: datetime | None = None  # it is being inflated, as far as anybody says
    spo2_waits_since: datetime | None = None  # the cycle that its low limits last waited for
    is_probe_on_cuff_arm: bool = False
    repeat: Repeat | None = None
    audio: AudioChanged | None = None  # None: on, and never touched
    switched_off: Mapping[Metric, AlarmSwitched] = field(default_factory=dict)
    switched_on_at: Mapping[Metric, datetime] = field(default_factory=dict)  # after it was off

    def audio_at(self, now: datetime) -> AudioState:
        """Whether the chair may sound; a pause ends by itself."""
        audio = self.audio
        if audio is None or (audio.until is not None and now >= audio.until):
            return AudioState.ON
        return audio.state

    def spo2_waits_until(self, at: datetime) -> datetime | None:
        """Until when low saturation is not judged, because the cuff stops the finger's blood."""
        since = self.spo2_waits_since
        if not self.is_probe_on_cuff_arm or self.cuff_up_since is None or since is None:
            return None
        until = since + CUFF_STOPS_BLOOD
        return until if self.cuff_up_since <= at < until else None


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
    presets: Presets = field(default_factory=shipped)
    is_recording: bool = True
    overrun_at: datetime | None = None  # when events were last lost
    failed_at: datetime | None = None  # since when each step of it has failed
    left_at: datetime | None = None  # its open session could not be taken up at the start
    # By monitor: the device that belongs here, the one that is heard now, and what its clock says.
    bound: Mapping[str, Identity] = field(default_factory=dict)
    heard: Mapping[str, Identified] = field(default_factory=dict)
    clocks: Mapping[str, ClockRead] = field(default_factory=dict)
    by_hand: Mapping[Metric, Reading] = field(default_factory=dict)  # the newest of the session
    entered: frozenset[UUID] = frozenset()  # the commands that did it, since Vigil runs


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


def opened(fact: SessionOpened, presets: Presets) -> SessionState:
    """A session as it begins, with the limits and the checklist its first fact names.

    What is no longer at hand must not leave a patient unwatched: another edition, and the recovery
    checklist, step in, and the screen shows which that are.
    """
    preset = presets.at_hand(fact.preset, fact.preset_version)
    limits = preset.in_force()
    try:
        checklist = load_checklist(fact.checklist)
    except (UnknownEntry, Malformed):
        checklist = load_checklist(RECOVERY)
    return SessionState(fact, preset, checklist, limits, preset.conditions(limits))


def fold(session: SessionState, fact: Fact) -> SessionState:
    """The session after one more of its facts; measurements, links and gaps add nothing here."""
    match fact:
        case PhaseChanged():
            return _moved(session, fact)
        case BaselineLocked():
            return _relimited(replace(session, baseline=fact))
        case LimitChanged():
            moved = replace(session, moved=_moved_after(session, fact))
            return _relimited(replace(moved, alarms=_reached_after(session.alarms, fact)))
        case AudioChanged():
            # What could not be written at once is written late, and must not undo what came after.
            is_late = session.audio is not None and fact.at < session.audio.at
            return session if is_late else replace(session, audio=fact)
        case AlarmSwitched():
            off = {m: each for m, each in session.switched_off.items() if m != fact.metric}
            if fact.is_off:
                return replace(session, switched_off={**off, fact.metric: fact})
            on_at = {**session.switched_on_at, fact.metric: fact.at}
            return replace(session, switched_off=off, switched_on_at=on_at)
        case ProbePlaced():
            return replace(session, is_probe_on_cuff_arm=fact.is_on_cuff_arm)
        case ItemAnswered():
            return replace(session, answers={**session.answers, fact.item: fact})
        case StatementSigned():
            return replace(session, signatures={**session.signatures, fact.statement: fact})
        case CuffAllowed():
            return replace(session, may_start_cuff=fact.is_allowed)
        case CuffOrdered():
            if fact.order is CuffOrder.START:
                return with_cuff_up(replace(session, cuff_started_at=fact.at), fact.at)
            cancelled = replace(session, cuff_started_at=None, cuff_up_since=None)
            return replace(cancelled, cuff_cancelled_at=fact.at)
        case Remarked():
            key, text = (fact.monitor, fact.metric), fact.text
            others = {other: said for other, said in session.remarks.items() if other != key}
            said = {key: Remark(text, fact.at, text)} if text else {}
            return replace(session, remarks=others | said)
        case AlarmEvent():
            return _after_alarm(session, fact)
        case AlarmCalled() | AlarmShown():
            return replace(session, alarms=_carried(session.alarms, fact))
    return session


def with_cuff_up(session: SessionState, at: datetime) -> SessionState:
    """The session whose cuff has begun to inflate."""
    conditions, key = session.conditions, (Metric.SPO2, Direction.LOW)
    since = session.spo2_waits_since
    if since is None or at - since >= WAITS_AGAIN:
        since = at
        if session.is_probe_on_cuff_arm and key in conditions:
            conditions = {**conditions, key: conditions[key].suspended()}
    return replace(session, conditions=conditions, cuff_up_since=at, spo2_waits_since=since)


def _after_alarm(session: SessionState, fact: AlarmEvent) -> SessionState:
    before, name = session.alarms.get(fact.condition), fact.condition
    if fact.change is not AlarmChange.RAISED and not _is_of(before, fact):
        return session
    left = {other: said for other, said in session.left_unseen.items() if other != name}
    alarms = _alarms_after(session.alarms, fact)
    if fact.change is AlarmChange.RAISED:
        alarms = {**alarms, name: _heir(alarms[name], [*_left_by(session, fact)])}
    elif fact.change is AlarmChange.RESET and not fact.by and before and before.unseen:
        left[name] = before
    repeat = _repeat_after(session.repeat, fact)
    return replace(session, alarms=alarms, left_unseen=left, repeat=repeat)


def _is_of(alarm: OpenAlarm | None, fact: AlarmEvent) -> bool:
    """Whether ``fact`` is about the alarm that is open, as it is.

    What took effect at once and could not be written is written after what came meanwhile: an
    acknowledgement of what was less then, the end of an alarm that another one has followed.
    """
    if alarm is None or alarm.alarm_id != fact.alarm_id:
        return False
    return fact.change is not AlarmChange.ACKNOWLEDGED or fact.at >= alarm.called_from


def _left_by(session: SessionState, fact: AlarmEvent) -> Iterator[OpenAlarm]:
    """The alarms that ``fact`` goes on from, where nobody has seen them yet: of the same condition
    when it was latched, of the sign's own when its signal is lost, and back."""
    if fact.condition in session.left_unseen:
        yield session.left_unseen[fact.condition]
    if fact.metric is None or fact.direction is None:
        return
    for alarm in session.alarms.values():
        of_sign = (alarm.signal.metric, alarm.signal.direction)
        is_same = of_sign == (fact.metric, fact.direction)
        if is_same and alarm.unseen is not None and not alarm.is_latched:
            yield alarm


def _heir(alarm: OpenAlarm, left: Sequence[OpenAlarm]) -> OpenAlarm:
    """``alarm`` with what is unseen of those before it, and the calls that were made for that."""
    for before in left:
        unseen, own = before.unseen, alarm.unseen
        if unseen is None or own is None or unseen.priority.rank < own.priority.rank:
            continue
        if before.ended_at is None or alarm.onset_at - before.ended_at <= BACK_SOON:
            alarm = replace(alarm, called_from=before.called_from, calls=before.calls)
        if unseen.priority.rank > own.priority.rank:
            alarm = replace(alarm, unseen=unseen)
    return alarm


def _moved_after(session: SessionState, fact: LimitChanged) -> Mapping[LimitKey, float]:
    """The moved limits; one that is put back to where the preset has it is not moved any more."""
    key = (fact.metric, fact.direction, fact.priority)
    others = {other: value for other, value in session.moved.items() if other != key}
    own = session.preset.movable(*key)
    return others if own is not None and own.value == fact.value else {**others, key: fact.value}


def _reached_after(alarms: Mapping[str, OpenAlarm], fact: LimitChanged) -> Mapping[str, OpenAlarm]:
    """A limit that is moved outward under an open alarm is no worse one that was reached."""
    after = dict(alarms)
    for name, alarm in alarms.items():
        of = alarm.signal
        key = (of.metric, of.direction, of.priority)
        if key == (fact.metric, fact.direction, fact.priority) and alarm.reached is not None:
            further = max if fact.direction is Direction.HIGH else min
            after[name] = replace(alarm, reached=further(alarm.reached, fact.value))
    return after


def _relimited(session: SessionState) -> SessionState:
    """The session under the limits that its baseline and its moved ones make."""
    limits = session.preset.in_force(session.baseline, session.moved)
    fresh = session.preset.conditions(limits)
    conditions = {
        key: session.conditions[key].relimited(condition.limits)
        if key in session.conditions
        else condition
        for key, condition in fresh.items()
    }
    return replace(session, limits=limits, conditions=conditions)


def _moved(session: SessionState, fact: PhaseChanged) -> SessionState:
    session = replace(session, phase=fact.phase, phase_since=fact.at)
    if fact.phase is SessionPhase.INFUSING:
        return replace(session, infusion_started_at=fact.at)
    if fact.phase is SessionPhase.RECOVERY:
        return replace(session, infusion_stopped_at=fact.at)
    return session


def _alarms_after(alarms: Mapping[str, OpenAlarm], fact: AlarmEvent) -> Mapping[str, OpenAlarm]:
    """The open alarms after ``fact``, which is about the one that is open or raises one."""
    rest = {name: alarm for name, alarm in alarms.items() if name != fact.condition}
    if fact.change is AlarmChange.RAISED:
        signal = _signal_of(fact, fact.at)
        raised = OpenAlarm(fact.alarm_id, fact.at, signal, fact.worst, fact.at, fact.limit, signal)
        return {**rest, fact.condition: raised}
    before = alarms[fact.condition]
    signal = _signal_of(fact, before.onset_at)
    match fact.change:
        case AlarmChange.CLEARED | AlarmChange.RESET:
            return rest
        case AlarmChange.ESCALATED:
            unseen = before.unseen
            if unseen is None or unseen.priority.rank <= signal.priority.rank:
                unseen = signal
            # Worse of the same priority, and nobody has answered yet: the calls go on as they are.
            goes_on = before.signal.priority is fact.priority and before.is_unanswered
            after = replace(
                before,
                signal=signal,
                worst=fact.worst,
                called_from=before.called_from if goes_on else fact.at,
                reached=fact.limit,
                unseen=unseen,
                acknowledged_by=None,
                acknowledged_at=None,
                confirmed_at=None,
                calls=before.calls if goes_on else (),
                shown=before.shown if goes_on else (),
            )
        case AlarmChange.EASED:
            after = replace(before, signal=signal, worst=fact.worst)
        case AlarmChange.LATCHED:
            last = replace(before, signal=signal, worst=fact.worst)
            after = replace(last, unseen=signal, ended_at=fact.at)
        case AlarmChange.CONFIRMED:
            after = replace(before, confirmed_at=fact.at)
        case AlarmChange.ACKNOWLEDGED:
            after = replace(
                before,
                acknowledged_by=fact.by,
                acknowledged_at=fact.at,
                reached=fact.limit,  # what was seen: beyond it is news again
                unseen=None,
            )
    return {**rest, fact.condition: after}


def _signal_of(fact: AlarmEvent, onset_at: datetime) -> Signal:
    return Signal(
        fact.condition,
        fact.kind,
        fact.priority,
        fact.text,
        onset_at,
        fact.metric,
        fact.direction,
        fact.value,
        fact.limit,
        fact.delay_s,
    )


def _carried(
    alarms: Mapping[str, OpenAlarm], fact: AlarmCalled | AlarmShown
) -> Mapping[str, OpenAlarm]:
    """The alarms after one of them was carried further, or was on a screen."""
    for name, alarm in alarms.items():
        if alarm.alarm_id == fact.alarm_id:
            if isinstance(fact, AlarmCalled):
                return {**alarms, name: replace(alarm, calls=(*alarm.calls, fact))}
            return {**alarms, name: replace(alarm, shown=(*alarm.shown, fact))}
    return alarms


def _repeat_after(repeat: Repeat | None, fact: AlarmEvent) -> Repeat | None:
    """A high cuff value asks for a second reading; when the alarm is less, or confirmed, or over,
    it no longer does."""
    if fact.kind is not AlarmKind.PHYSIOLOGICAL or fact.metric not in PRESSURES:
        return repeat
    is_news = fact.change in (AlarmChange.RAISED, AlarmChange.ESCALATED)
    if is_news and fact.priority is AlarmPriority.HIGH:
        others = repeat.conditions if repeat is not None and repeat.asked_at == fact.at else ()
        return Repeat(fact.at, frozenset({*others, fact.condition}))
    if repeat is None or fact.change is AlarmChange.ACKNOWLEDGED:
        return repeat
    left = repeat.conditions - {fact.condition}
    return repeat._replace(conditions=left) if left else None


def mean_of(systolic_mmhg: float, diastolic_mmhg: float) -> float:
    """About the mean pressure, where nobody measured it: a heart rests longer than it beats."""
    return diastolic_mmhg + (systolic_mmhg - diastolic_mmhg) / 3


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
        mean if mean is not None else mean_of(systolic, diastolic),
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
        failed = session.failed_cuffs + has_cuff_worked
        return replace(session, failed_cuffs=failed, cuff_up_since=None)
    at = cuff[0].observed_at
    session = replace(session, cuff_at={**session.cuff_at, name: at}, cuff_up_since=None)
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

    What was open is open again; whose the monitors are, ``state`` knows already. Signals get their
    full age limit to come back: an alarm that was open does not end for want of values that nobody
    was there to read.
    """
    first = stored.opened
    session = opened(first, state.presets)
    for fact in stored.facts[1:]:
        session = fold(session, fact)
    # A record of the first schema names no monitor: its readings are the first one's of the chair.
    first_name = state.monitors[0].name if state.monitors else ""
    last_cuffs = {name or first_name: cuff for name, cuff in stored.last_cuffs.items()}
    session = _with_measured(session, replace(stored, last_cuffs=last_cuffs), now)
    overrun_at = None
    session = _not_of_the_future(session, now)
    for alarm in session.alarms.values():
        if not alarm.is_latched:
            session = _with_reason(session, alarm, now)
        if alarm.signal.condition == DATA_LOST:
            overrun_at = alarm.onset_at
    gap = Gap(first.session, min(stored.last_at, now), now, NOT_RUNNING)
    here = {each.name for each in state.monitors}
    shown_from = {metric: name for metric, name in stored.shown_from.items() if name in here}
    state = replace(
        state,
        latest=dict(stored.latest),
        shown_from=shown_from,
        by_hand=dict(stored.by_hand),
        clocks={
            fact.monitor: ClockRead(fact.offset_s, fact.at)
            for fact in stored.facts
            if isinstance(fact, ClockCompared) and fact.monitor in here
        },
    )
    return replace(state, session=session, overrun_at=overrun_at, left_at=None), gap


def _not_of_the_future(session: SessionState, now: datetime) -> SessionState:
    """The session where the clock was put back while Vigil was not running: what is dated later
    than now must neither silence a chair nor hold back a call until then."""
    alarms = {
        name: replace(alarm, called_from=min(alarm.called_from, now))
        for name, alarm in session.alarms.items()
    }
    audio, repeat = session.audio, session.repeat
    if audio is not None and audio.at > now:
        is_off = audio.state is AudioState.OFF
        audio = replace(audio, at=now) if is_off else None
    if repeat is not None:
        repeat = repeat._replace(asked_at=min(repeat.asked_at, now))
    return replace(session, alarms=alarms, audio=audio, repeat=repeat)


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
        repeat=_still_asked(session.repeat, session.last_cuff_at),
    )


def _still_asked(repeat: Repeat | None, last_cuff_at: datetime | None) -> Repeat | None:
    """A reading after the request has ended it, whatever it said."""
    is_done = repeat and last_cuff_at and last_cuff_at > repeat.asked_at
    return None if is_done else repeat


def _with_reason(session: SessionState, alarm: OpenAlarm, now: datetime) -> SessionState:
    """The session as it must have been for ``alarm`` to be open: it is not to clear for want of
    what the record does not say."""
    signal, metric = alarm.signal, alarm.signal.metric
    if metric is None:
        return session
    conditions, lost = dict(session.conditions), dict(session.lost)
    missing_since, implausible = dict(session.missing_since), session.implausible
    if signal.direction and (key := (metric, signal.direction)) in conditions:
        conditions[key] = conditions[key].held_at(signal.priority, alarm.onset_at, signal.limit)
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
    change: AlarmChange,
    state: ChairState,
    alarm: OpenAlarm,
    at: datetime,
    by: str = "",
    reason: str = "",
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
        reason=reason,
        audio=session.audio_at(at) if session else AudioState.ON,
    )


def ended(state: ChairState, alarm: OpenAlarm, at: datetime) -> AlarmEvent:
    """The fact that ``alarm`` ends with the watch over its session."""
    change = AlarmChange.RESET if alarm.is_latched else AlarmChange.CLEARED
    return alarm_event(change, state, alarm, at)


def fault_id(condition: str, chair: int, since: datetime) -> UUID:
    """The name of an alarm about Vigil itself, RULES_FAILED or SESSION_LEFT."""
    return uuid5(NAMESPACE_OID, f"{condition} {chair} {since.isoformat()}")


def lost_condition(metric: Metric) -> str:
    """The name of the technical condition that an alarm becomes when its signal goes away."""
    return f"{metric} signal lost"


def missing_condition(metric: Metric) -> str:
    """The name of the technical condition of a sign that is sent without a value."""
    return f"{NATURE[metric].label} NO SIGNAL"


def check_condition(metric: Metric) -> str:
    """The name of the technical condition of a value that no living adult has."""
    return f"CHECK READING {NATURE[metric].label}"
