"""What does a chair become when something happens? The only place where the rules meet.

``SessionMonitor.step`` is a pure function: the same events give the same states, the same facts
and the same alarms, live or replayed. The state of a session is the fold of its facts
(``chair.fold``), so that the record is all that a restart needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeGuard
from uuid import UUID, uuid5

from clinical import technical
from clinical.alarms import (
    NOTHING_BESIDE,
    AlarmKind,
    AlarmLimit,
    AlarmPriority,
    Condition,
    Direction,
)
from clinical.bedside import FRESH_AT_LEAST_S, chosen, silenced
from clinical.catalog.presets import Presets
from clinical.chair import (
    PRESSURES,
    ChairState,
    LostAlarm,
    OpenAlarm,
    Remark,
    Repeat,
    SessionState,
    Signal,
    after_cuff,
    alarm_event,
    ended,
    fold,
    link_of,
    monitor_for,
    opened,
    pressures,
    with_cuff_up,
)
from clinical.commands import (
    AcknowledgeAlarm,
    ChangePhase,
    Command,
    OrderCuff,
    Outcome,
    OutcomeKind,
    PauseAudio,
)
from clinical.links import RANK, CuffOrder, LinkEvent, LinkState
from clinical.phases import AT_ONCE, SessionPhase
from clinical.ports import CommitResult, RecorderState
from clinical.record import (
    AlarmCalled,
    AlarmChange,
    AlarmEvent,
    AlarmShown,
    AlarmSwitched,
    AudioChanged,
    AudioState,
    BaselineLocked,
    CallStage,
    CuffAllowed,
    CuffOrdered,
    Fact,
    LimitChanged,
    LinkChanged,
    PhaseChanged,
    Reading,
    Remarked,
    SessionOpened,
    Vitals,
)
from clinical.requests import BY_DATA, Refused, facts_of, no_start
from clinical.vitals import CONTINUOUS, CUFF, NATURE, Metric, Observation, Quality, is_plausible

# A value that the link has stamped may still be on its way when a delay ends: it is waited for
# this long, so that the live log and a replay agree.
LATENESS = timedelta(milliseconds=50)
FRESH = timedelta(seconds=FRESH_AT_LEAST_S)  # an older ECG rate yields to the pulse
# Ages, overdue cuffs and the recovery time are looked at this often; a little longer than a monitor
# that speaks each second takes, so that its frames do that by themselves.
TICK = timedelta(seconds=1.1)
CUFF_RUNS_AT_MOST = timedelta(minutes=4)  # a cycle, and what a monitor may wait before it begins
REMARK_STANDS = timedelta(seconds=5)  # before it is recorded
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
class Observed:
    """What one frame said; ``at`` is its arrival, aware UTC.

    ``interval_s`` is how often the monitor is asked to speak, where the link knows; ``monitor``
    names it where the chair has two. ``alarms`` are the texts of the monitor's own alarms; None
    where the frame says nothing of them. ``is_cuff_up``: the monitor is measuring a pressure; None
    where it does not say.
    """

    observations: tuple[Observation, ...]
    at: datetime
    interval_s: float | None = None
    monitor: str = ""
    alarms: tuple[str, ...] | None = None
    is_cuff_up: bool | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A screen has an alarm on it. ``to``: the user who is signed in there, or that screen's name.

    ``stage`` SECOND where it shows the call to the second person.
    """

    alarm_id: UUID
    to: str
    at: datetime
    stage: CallStage | None = None


@dataclass(frozen=True, slots=True)
class PresetsChanged:
    """A medical director made or signed an edition; sessions that run keep theirs."""

    presets: Presets


@dataclass(frozen=True, slots=True)
class Committed:
    """The recorder's word on the facts of a command."""

    command: Command
    facts: tuple[Fact, ...]
    result: CommitResult


@dataclass(frozen=True, slots=True)
class Overrun:
    """Events of this chair were lost because the engine could not keep up."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened, but time has passed."""


Event = (
    Observed
    | LinkEvent
    | Command
    | Committed
    | RecorderState
    | Shown
    | PresetsChanged
    | Overrun
    | Tick
)


@dataclass(frozen=True, slots=True)
class Effects:
    """What a step asks of the rim.

    ``facts`` are to be kept, at once where ``is_urgent``; ``commit`` is to be committed with its
    command and reported back as Committed; ``outcome`` is to be told to whoever asked; ``points``
    are the new observations for screens; ``order`` goes to the monitor that it names.
    """

    facts: tuple[Fact, ...] = ()
    is_urgent: bool = False
    points: tuple[Observation, ...] = ()
    commit: tuple[Command, tuple[Fact, ...]] | None = None
    outcome: tuple[Command, Outcome] | None = None
    order: tuple[str, CuffOrder] | None = None


class SessionMonitor:
    """The rules of a session over the state of one chair; holds nothing itself."""

    def step(
        self, state: ChairState, event: Event, now: datetime
    ) -> tuple[ChairState, Effects, datetime | None]:
        """Return the chair after ``event``, what the rim has to do, and when to step next.

        ``now`` is the engine's aware UTC. Delays run in data time: an onset is breach + delay,
        whenever the engine happened to wake.
        """
        settle_at = event.at if isinstance(event, Observed) else now - LATENESS
        state, before = _advanced(state, settle_at, now)
        state, calls = _called(state, now)
        match event:
            case Observed():
                state, effects = _observed(state, event)
            case LinkEvent():
                state, effects = _link_changed(state, event)
            case Committed():
                state, effects = _committed(state, event, now)
            case RecorderState():
                state, effects = replace(state, is_recording=event.is_recording), Effects()
            case Shown():
                state, effects = _shown(state, event)
            case PresetsChanged():
                state, effects = replace(state, presets=event.presets), Effects()
            case Overrun():
                state, effects = replace(state, overrun_at=now), Effects()
            case Tick():
                effects = Effects()
            case _:
                state, effects = _commanded(state, event, now)
        changes: tuple[Fact, ...] = ()
        if isinstance(event, Committed) and _are_limits_new(event):
            settle_at = now
        if state.session is not None:
            settled = _settled(state, state.session, settle_at)
            if settled is not state.session:
                state = replace(state, session=settled)
            state, changes = _with_alarms(state, settle_at, now)
        if before or calls or changes:
            facts = (*before, *calls, *effects.facts, *changes)
            effects = replace(effects, facts=facts, is_urgent=True)
        return state, effects, _next_due(state, now)


# --- what the monitor and its line say ------------------------------------------------------------


def _observed(state: ChairState, event: Observed) -> tuple[ChairState, Effects]:
    observations = tuple(_believed(event.observations))
    session, name = state.session, _name_of(state, event)
    if session is not None:
        link = state.links.get(event.monitor) if event.monitor else state.link
        observations = tuple(obs for obs in observations if _is_of(session, link, name, obs))
        session, observations = _without_known_cuff(session, name, observations)
    state = _at_interval(state, event)
    beside: tuple[Observation, ...] = ()
    if event.monitor:
        observations, beside, given = chosen(
            *(state.monitors, state.given, state.shown_from, state.latest, name), observations
        )
        sources = {obs.metric: name for obs in observations if obs.value is not None}
        state = replace(state, given=given, shown_from={**state.shown_from, **sources})
    state = replace(state, latest={**state.latest, **{obs.metric: obs for obs in observations}})
    says = event.alarms is not None or event.is_cuff_up is not None
    if session is None or not (observations or beside or says):
        return replace(state, session=session), Effects(points=observations)
    if event.is_cuff_up is not None:
        session = _with_cuff_up(session, event.is_cuff_up, event.at)
    session = _judged(state, session, observations, event.at)
    cuff = [obs for obs in (*observations, *beside) if obs.metric in CUFF]
    # Its pulse may follow in a frame of its own: that is no cycle that failed.
    if any(obs.metric in PRESSURES for obs in cuff):
        session = after_cuff(session, cuff, state.latest, name)
    facts = [
        *_measured(session.opened.session, observations, name, is_beside=False),
        *_measured(session.opened.session, beside, name, is_beside=True),
    ]
    said = _said((*observations, *beside), event.alarms)
    session, remarks = _remarked(session, said, name, event.at)
    facts += remarks
    return replace(state, session=session), Effects(facts=tuple(facts), points=observations)


def _with_cuff_up(session: SessionState, is_up: bool, at: datetime) -> SessionState:
    since = session.cuff_up_since
    is_known = since is not None and at - since <= CUFF_RUNS_AT_MOST  # an end may go unheard
    if is_up is is_known:
        return session
    return with_cuff_up(session, at) if is_up else replace(session, cuff_up_since=None)


def _name_of(state: ChairState, event: Observed) -> str:
    """The monitor that ``event`` came from; "" in a chair of a test, which has none."""
    return event.monitor or (state.monitors[0].name if state.monitors else "")


def _at_interval(state: ChairState, event: Observed) -> ChairState:
    """The chair as its monitor was asked last."""
    interval_s = event.interval_s
    if interval_s is None:
        return state
    if not event.monitor:
        return state if interval_s == state.interval_s else replace(state, interval_s=interval_s)
    monitors = tuple(
        replace(each, interval_s=interval_s) if each.name == event.monitor else each
        for each in state.monitors
    )
    if monitors == state.monitors:
        return state
    slowest_s = max(each.interval_s for each in monitors)
    return replace(state, monitors=monitors, interval_s=slowest_s)


Said = list[tuple[Metric | None, str]]


def _said(observations: Sequence[Observation], alarms: tuple[str, ...] | None) -> Said:
    """What the monitor says of each of its values, and by which words it alarms."""
    said: Said = [(obs.metric, "; ".join(obs.remarks)) for obs in observations]
    return said if alarms is None else [*said, (None, "; ".join(alarms))]


def _remarked(
    session: SessionState, said: Said, name: str, at: datetime
) -> tuple[SessionState, list[Remarked]]:
    """The session after monitor ``name`` said so, and what of it is for the record.

    The screen follows at once. The record takes what has stood for a while: a finger that moves
    turns "low perfusion" on and off each second. A cuff says it once.
    """
    now, facts = dict(session.remarks), []
    for metric, text in said:
        key = (name, metric)
        before = now.get(key)
        if before is None and not text:
            continue
        if before is None or before.text != text:
            before = Remark(text, at, before.recorded if before else "")
        has_stood = metric in CUFF or at - before.since >= REMARK_STANDS
        if has_stood and text != before.recorded:
            facts.append(Remarked(session.opened.session, before.since, name, metric, text))
            before = before._replace(recorded=text)
        now[key] = before
        if not text and not before.recorded:
            del now[key]
    return (session if now == session.remarks else replace(session, remarks=now)), facts


def _is_of(session: SessionState, link: LinkEvent | None, name: str, obs: Observation) -> bool:
    """Whether ``obs`` was measured in this session, and not on whoever sat here before.

    A monitor goes on showing its last cuff reading. One from before the session is not of this
    patient; nor is the first one of monitor ``name`` where it is older than the line that brought
    it: nobody knows how old.
    """
    if obs.metric not in CUFF or obs.measurement_id is None:
        return True
    since = session.opened.at
    is_first = name not in session.cuff_at
    if is_first and link is not None and link.state is LinkState.LIVE:
        since = max(since, link.at)
    return obs.observed_at >= since


def _believed(observations: Sequence[Observation]) -> Iterator[Observation]:
    """The observations, each marked questionable where no living adult has such a value."""
    systolic, diastolic, _ = pressures(observations)
    is_upside_down = systolic is not None and diastolic is not None and systolic <= diastolic
    for obs in observations:
        is_odd = obs.value is not None and not is_plausible(obs.metric, obs.value)
        if is_upside_down and obs.metric in CUFF and obs.value is not None:
            is_odd = True
        yield replace(obs, quality=Quality.QUESTIONABLE) if is_odd else obs


def _without_known_cuff(
    session: SessionState, name: str, observations: tuple[Observation, ...]
) -> tuple[SessionState, tuple[Observation, ...]]:
    """Take the reading of monitor ``name`` that the record has already out of its first frame
    after a restart."""
    ids = session.known_readings
    if ids:  # its pulse, in a frame of its own
        observations = tuple(obs for obs in observations if obs.measurement_id not in ids)
    new = {obs.measurement_id for obs in observations if obs.metric in CUFF and obs.measurement_id}
    if name not in session.known_cuffs or not new:
        return session, observations
    known = dict(session.known_cuffs)
    is_known = pressures(observations) == known.pop(name)
    session = replace(session, known_cuffs=known)
    if not is_known:
        return session, observations
    rest = tuple(obs for obs in observations if obs.metric not in CUFF)
    return replace(session, known_readings=ids | new), rest


def _judged(
    state: ChairState, session: SessionState, observations: Sequence[Observation], at: datetime
) -> SessionState:
    """The session after its limits have seen ``observations``, which ``state`` holds already.

    A missing value is not shown to a limit: it neither starts a run nor ends one. A questionable
    one is CHECK READING, not an emergency.
    """
    conditions = dict(session.conditions)
    seen_at, missing_since = dict(session.seen_at), dict(session.missing_since)
    missing_until = dict(session.missing_until)
    lost, implausible = dict(session.lost), set(session.implausible)
    waiting = (Metric.SPO2, Direction.LOW) if session.spo2_waits_until(at) else None
    if waiting in conditions:
        conditions[waiting] = conditions[waiting].suspended()
    # The ECG first: the pulse stands in at once where that gives no rate.
    for obs in sorted(observations, key=lambda each: each.metric is Metric.PULSE_RATE):
        if obs.value is None:
            missing_since.setdefault(obs.metric, at)
            implausible.discard(obs.metric)
            continue
        if missing_since.pop(obs.metric, None) is not None:
            missing_until[obs.metric] = at
        if obs.quality is not Quality.VALID:
            implausible.add(obs.metric)
            continue
        implausible.discard(obs.metric)
        seen_at[obs.metric] = obs.observed_at
        is_ecg_out = Metric.HEART_RATE in missing_since or Metric.HEART_RATE in implausible
        sign = _sign_of(obs, seen_at, is_ecg_out)
        if waiting is not None and sign is Metric.SPO2:
            continue  # an artefact of the cuff: neither low nor back
        was_lost = lost.pop(sign, None) is not None
        for direction in Direction:
            key = (sign, direction)
            if key in conditions:
                before = conditions[key]
                see = before.returned if was_lost else before.observed
                others = _others(state, session, before, obs.observed_at)
                conditions[key] = see(obs.value, obs.observed_at, others)
    return replace(
        session,
        conditions=conditions,
        seen_at=seen_at,
        missing_since=missing_since,
        missing_until=missing_until,
        lost=lost,
        implausible=frozenset(implausible),
    )


def _others(
    state: ChairState, session: SessionState, condition: Condition, at: datetime
) -> Mapping[Metric, float]:
    """What is believed at ``at`` of the signs that ``condition`` looks at beside its own."""
    if not condition.looks_beside:
        return NOTHING_BESIDE
    found = {}
    for metric in condition.looks_beside:
        obs = state.latest.get(metric)
        if not _is_sound(obs) or obs.value is None:
            continue
        if metric is Metric.SPO2 and session.spo2_waits_until(at):
            continue
        # A pressure holds until the next cuff; a number that the sensor gave too long ago does not.
        if metric in CUFF or at - obs.observed_at <= technical.age_limit(state, metric):
            found[metric] = obs.value
    return found


def _are_limits_new(event: Committed) -> bool:
    """Whether ``event`` brings limits into force: others, or those of a sign that was off."""
    return any(
        isinstance(fact, LimitChanged | BaselineLocked)
        or (isinstance(fact, AlarmSwitched) and not fact.is_off)
        for fact in event.facts
    )


def _rejudged(state: ChairState, at: datetime) -> ChairState:
    """The chair after other limits came into force: each judges the newest value at once, for the
    next cuff may be minutes away."""
    session = state.session
    if session is None:
        return state
    conditions = dict(session.conditions)
    for (metric, direction), condition in session.conditions.items():
        _, value = _value_behind(state, metric)
        lost_at = technical.lost_at(state, session, metric)
        is_old = lost_at is not None and at > lost_at
        is_waiting = metric is Metric.SPO2 and session.spo2_waits_until(at)
        # What was last measured before the session is somebody else's.
        is_unknown = value is None or technical.last_seen(session, metric) is None
        if value is None or is_unknown or metric in session.lost or is_old or is_waiting:
            continue
        others = _others(state, session, condition, at)
        conditions[metric, direction] = condition.observed(value, at, others)
    return replace(state, session=replace(session, conditions=conditions))


def _sign_of(obs: Observation, seen_at: dict[Metric, datetime], is_ecg_out: bool) -> Metric:
    """The sign whose limits judge ``obs``: the pulse stands in where the ECG gives no rate, at once
    where it says so, after a while where it is silent."""
    if obs.metric is not Metric.PULSE_RATE:
        return obs.metric
    heart_seen_at = seen_at.get(Metric.HEART_RATE)
    has_ecg = heart_seen_at is not None and obs.observed_at - heart_seen_at <= FRESH
    return Metric.PULSE_RATE if has_ecg and not is_ecg_out else Metric.HEART_RATE


def _measured(
    session: UUID, observations: Sequence[Observation], name: str, *, is_beside: bool
) -> Iterator[Fact]:
    """The facts of one frame: a wide row, and a reading for each metric with its own time."""
    monitor = name or None
    wide = tuple(obs for obs in observations if obs.metric in CONTINUOUS)
    if wide:
        # Not the arrival: a frame that takes long to arrive is of when it began.
        yield Vitals(session, wide[0].observed_at, wide, monitor, is_beside)
    for obs in observations:
        if obs.metric not in CONTINUOUS:
            yield Reading(session, obs, monitor, is_beside)


def _link_changed(state: ChairState, event: LinkEvent) -> tuple[ChairState, Effects]:
    session, own = state.session, event
    if event.monitor:
        links = {**state.links, event.monitor: event}
        worst = max(links.values(), key=lambda link: RANK[link.state])
        event = replace(worst, detail=f"{worst.monitor}: {worst.detail}" if worst.detail else "")
        state = replace(state, links=links)
        if own.state in (LinkState.QUIET, LinkState.DISCONNECTED):
            state = replace(state, given=silenced(state.given, own.monitor))
    if session is None:
        return replace(state, link=event), Effects()
    if own.state in (LinkState.QUIET, LinkState.DISCONNECTED):
        # A line that brings nothing says nothing of a sensor either.
        left = {
            metric: since
            for metric, since in session.missing_since.items()
            if own.monitor and monitor_for(state, metric) != own.monitor
        }
        session = replace(session, missing_since=left)
    facts: list[Fact] = [
        LinkChanged(session.opened.session, own.at, own.state, own.detail, own.monitor)
    ]
    if own.state in (LinkState.QUIET, LinkState.DISCONNECTED):
        # Nor does its last remark: a monitor that is not heard says nothing.
        for (name, metric), remark in session.remarks.items():
            if own.monitor in ("", name) and remark.recorded:
                facts.append(Remarked(session.opened.session, own.at, name, metric, ""))
        heard = {
            key: remark
            for key, remark in session.remarks.items()
            if own.monitor not in ("", key[0])
        }
        session = replace(session, remarks=heard)
    return replace(state, link=event, session=session), Effects(facts=tuple(facts))


# --- what people ask ------------------------------------------------------------------------------


def _commanded(state: ChairState, command: Command, now: datetime) -> tuple[ChairState, Effects]:
    try:
        facts = facts_of(command, state, now)
    except Refused as refused:
        outcome = Outcome(OutcomeKind.REFUSED, now, command.by.user, str(refused), refused.missing)
        return state, Effects(outcome=(command, outcome))
    if is_at_once(command):
        before, state = state, _folded(state, facts)
        order = _order_in(facts) or _cancel_of(before, facts, now)
        return state, Effects(commit=(command, facts), order=order)
    return state, Effects(commit=(command, facts))


def _order_in(facts: Sequence[Fact]) -> tuple[str, CuffOrder] | None:
    """What the monitor is to be told because of ``facts``."""
    orders = (fact for fact in facts if isinstance(fact, CuffOrdered))
    return next(((fact.monitor, fact.order) for fact in orders), None)


def _cancel_of(
    before: ChairState, facts: Sequence[Fact], now: datetime
) -> tuple[str, CuffOrder] | None:
    """The end of a cuff that was started from here, where ``facts`` end what allowed it."""
    session = before.session
    is_over = any(
        (isinstance(fact, PhaseChanged) and not fact.phase.is_in_chair)
        or (isinstance(fact, CuffAllowed) and not fact.is_allowed)
        for fact in facts
    )
    if not is_over or session is None or session.cuff_started_at is None:
        return None
    if now - session.cuff_started_at > CUFF_RUNS_AT_MOST:
        return None
    name = next((each.name for each in before.monitors if each.works_cuff), None)
    return None if name is None else (name, CuffOrder.CANCEL)


def _started(
    state: ChairState, ordered: CuffOrdered, now: datetime
) -> tuple[tuple[str, CuffOrder] | None, str]:
    """The start to pass on, now that it is recorded; or why nobody wants it any more."""
    session = state.session
    if session is None or session.opened.session != ordered.session:
        return None, "the session has ended"
    if session.cuff_cancelled_at is not None and session.cuff_cancelled_at >= ordered.at:
        return None, "it was cancelled meanwhile"
    why_not = no_start(state, session, ordered, now)
    return (None, why_not) if why_not else ((ordered.monitor, ordered.order), "")


def _committed(state: ChairState, event: Committed, now: datetime) -> tuple[ChairState, Effects]:
    command = event.command
    if event.result is CommitResult.FAILED:
        outcome = Outcome(OutcomeKind.NOT_RECORDED, now, command.by.user, "not recorded, try again")
        if not is_at_once(command):
            return state, Effects(outcome=(command, outcome))
        # It is in force and cannot be asked for again: its facts wait for the disk with the rest.
        outcome = replace(outcome, reason="in force, but not yet recorded")
        return state, Effects(event.facts, is_urgent=True, outcome=(command, outcome))
    left: tuple[Fact, ...] = ()
    order = None
    if event.result is CommitResult.COMMITTED and not is_at_once(command):
        before = state
        ordered = next((fact for fact in event.facts if isinstance(fact, CuffOrdered)), None)
        if ordered is not None:
            order, why_not = _started(state, ordered, now)
            if order is None:
                return state, _not_started(state, command, ordered, why_not, now)
        state = _folded(state, event.facts)
        if _are_limits_new(event):
            state = _rejudged(state, now)
        state, undone = _undone(state, event.facts, now)
        order = order or _cancel_of(before, event.facts, now)
        if before.session is not None and state.session is None:
            left = tuple(_raised_since(before, before.session, event.facts, now))
        left = (*left, *undone)
    told = _unheard(state, command) or _came_meanwhile(left)
    outcome = Outcome(OutcomeKind.DONE, now, command.by.user, told)
    return state, Effects(left, is_urgent=bool(left), outcome=(command, outcome), order=order)


def _undone(
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
            alarm.called_from > fact.at
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


def _not_started(
    state: ChairState, command: Command, ordered: CuffOrdered, why_not: str, now: datetime
) -> Effects:
    """A start that the record has and that nobody wants any more: the record says that too."""
    reason = f"not sent to the monitor: {why_not}"
    outcome = Outcome(OutcomeKind.REFUSED, now, command.by.user, reason)
    session = state.session
    if session is None or session.opened.session != ordered.session:
        return Effects(outcome=(command, outcome))
    withdrawn = replace(ordered, at=now, by=BY_DATA, order=CuffOrder.CANCEL)
    return Effects(facts=(withdrawn,), outcome=(command, outcome))


def _unheard(state: ChairState, command: Command) -> str:
    """What to tell whoever cancelled the cuff of a monitor that may not hear it."""
    if not isinstance(command, OrderCuff):
        return ""
    name = next((each.name for each in state.monitors if each.works_cuff), "")
    link = link_of(state, name)
    is_heard = link is not None and link.state in (LinkState.LIVE, LinkState.DAMAGED)
    return "" if is_heard else "the monitor is not heard: release the cuff at the monitor"


def _came_meanwhile(left: Sequence[Fact]) -> str:
    """What to tell whoever ended the watch over a patient just when an alarm came."""
    texts = [
        fact.text
        for fact in left
        if isinstance(fact, AlarmEvent) and fact.priority is not AlarmPriority.LOW
    ]
    return f"look at the patient, this came meanwhile: {', '.join(texts)}" if texts else ""


def _raised_since(
    state: ChairState, session: SessionState, facts: Sequence[Fact], now: datetime
) -> Iterator[AlarmEvent]:
    """The end of alarms that came while the last ``facts`` of the session were being written."""
    known = {fact.alarm_id for fact in facts if isinstance(fact, AlarmEvent)}
    for alarm in session.alarms.values():
        if alarm.alarm_id not in known:
            yield ended(state, alarm, now)


def is_at_once(command: Command) -> bool:
    """In force before the record has it: a full disk must not keep an alarm or a pump running."""
    is_stop = isinstance(command, ChangePhase) and command.to in AT_ONCE
    is_cancel = isinstance(command, OrderCuff) and command.order is CuffOrder.CANCEL
    return is_stop or is_cancel or isinstance(command, AcknowledgeAlarm | PauseAudio)


def _folded(state: ChairState, facts: Sequence[Fact]) -> ChairState:
    session = state.session
    for fact in facts:
        if isinstance(fact, SessionOpened):
            session = opened(fact, state.presets)
            # The reading of whoever sat here before must not stand in this patient's tile.
            state = replace(
                state,
                latest={m: obs for m, obs in state.latest.items() if m in CONTINUOUS},
                shown_from={m: name for m, name in state.shown_from.items() if m in CONTINUOUS},
            )
        elif session is not None and fact.session == session.opened.session:
            session = fold(session, fact)
            if isinstance(fact, PhaseChanged) and not fact.phase.is_in_chair:
                session = None
    return replace(state, session=session)


# --- alarms ---------------------------------------------------------------------------------------


def _advanced(
    state: ChairState, until: datetime, now: datetime
) -> tuple[ChairState, tuple[Fact, ...]]:
    """The chair with all that time brings by ``until``, and what that changed, for the record.

    Each delay ends at its own time and in its turn, so that the log does not depend on when the
    engine woke.
    """
    changes: list[Fact] = []
    due = _next_end(state, None, until)
    while due is not None and state.session is not None:
        state = replace(state, session=_settled(state, state.session, due))
        state, more = _with_alarms(state, due, now)
        changes += more
        due = _next_end(state, due, until)
    return state, tuple(changes)


def _next_end(state: ChairState, after: datetime | None, until: datetime) -> datetime | None:
    """When the next delay ends or the next value becomes too old, by ``until``."""
    session = state.session
    if session is None:
        return None
    ends = []
    for (metric, _), condition in session.conditions.items():
        if metric in session.lost or not condition.is_astir:
            continue
        lost_at = technical.lost_at(state, session, metric)
        ends += [condition.next_due, lost_at and lost_at + timedelta.resolution]
    due = (end for end in ends if end is not None and (after is None or after < end))
    return min((end for end in due if end <= until), default=None)


def _settled(state: ChairState, session: SessionState, at: datetime) -> SessionState:
    """Delays carried out; an alarm whose value is too old becomes "signal lost"."""
    astir = [
        (key, condition)
        for key, condition in session.conditions.items()
        if condition.is_astir and key[0] not in session.lost
    ]
    if not astir:
        return session
    conditions, lost = dict(session.conditions), dict(session.lost)
    for (metric, direction), condition in astir:
        settled = condition.settled(at)
        lost_at = technical.lost_at(state, session, metric)
        if lost_at is not None and at > lost_at:
            worst = settled.worst
            if worst is not None:
                limit, _ = worst
                text = _alarm_text(state, limit)
                lost[metric] = LostAlarm(limit.priority, direction, f"{text} SIGNAL LOST", lost_at)
            settled = settled.suspended()
        conditions[(metric, direction)] = settled
    if len(lost) == len(session.lost) and all(conditions[key] is each for key, each in astir):
        return session
    return replace(session, conditions=conditions, lost=lost)


def _physiological(state: ChairState, session: SessionState) -> Iterator[Signal]:
    for (metric, direction), condition in session.conditions.items():
        worst = condition.worst
        if worst is None or metric in session.lost:
            continue
        limit, standing = worst
        _, value = _value_behind(state, metric)
        text = _alarm_text(state, limit)
        yield Signal(
            condition=f"{metric} {direction}",
            kind=AlarmKind.PHYSIOLOGICAL,
            priority=limit.priority,
            text=f"{limit.priority.mark} {text}",
            onset_at=standing.raised_at or session.opened.at,
            metric=metric,
            direction=direction,
            value=value,
            limit=limit.value,
            delay_s=limit.delay_s,
        )


def _value_behind(state: ChairState, metric: Metric) -> tuple[str, float | None]:
    """What stands in a message about ``metric``: its label, and its value where that is to be
    believed; those of the pulse where that is newer than what the ECG gave last."""
    obs, metric_shown = state.latest.get(metric), metric
    if metric is Metric.HEART_RATE:
        pulse = state.latest.get(Metric.PULSE_RATE)
        if _is_sound(pulse) and (not _is_sound(obs) or obs.observed_at < pulse.observed_at - FRESH):
            obs, metric_shown = pulse, Metric.PULSE_RATE
    return NATURE[metric_shown].label, obs.value if _is_sound(obs) else None


def _is_sound(obs: Observation | None) -> TypeGuard[Observation]:
    return obs is not None and obs.quality is Quality.VALID


def _alarm_text(state: ChairState, limit: AlarmLimit) -> str:
    label, value = _value_behind(state, limit.metric)
    shown = "---" if value is None else limit.shown(value)
    return f"{label} {shown} {limit.words}"


def _with_alarms(
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
    signals = (*_physiological(state, session), *technical.signals(state, session, now))
    present = {
        signal.condition: _since_on(session, signal)
        for signal in signals
        if signal.metric not in session.switched_off
    }
    changes: list[Fact] = [*_raised_or_changed(state, session, present, at, now)]
    for condition, alarm in session.alarms.items():
        if condition not in present and not alarm.is_latched:
            is_data = alarm.signal.kind is AlarmKind.PHYSIOLOGICAL
            changes.append(_over(state, session, alarm, present, at if is_data else now))
    for change in changes:
        session = fold(session, change)
    more: list[Fact] = []
    if asked is not None and session.repeat is not asked:
        more += _confirmed(state, session, asked)
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


def _confirmed(state: ChairState, session: SessionState, asked: Repeat) -> Iterator[AlarmEvent]:
    """The alarms that the second reading confirms: whole, believable, in time and high again."""
    last = session.sets[-1] if session.sets else None
    if last is None or not asked.asked_at < last.at <= asked.asked_at + technical.REPEAT_WITHIN:
        return
    for condition in sorted(asked.conditions & session.alarms.keys()):
        alarm = session.alarms[condition]
        if alarm.signal.priority is AlarmPriority.HIGH and not alarm.is_latched:
            yield alarm_event(AlarmChange.CONFIRMED, state, alarm, last.at)


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


# --- who hears of an alarm ------------------------------------------------------------------------


def _due_calls(session: SessionState) -> Iterator[tuple[datetime, OpenAlarm, CallStage]]:
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


def _called(state: ChairState, now: datetime) -> tuple[ChairState, tuple[Fact, ...]]:
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
        for at, alarm, stage in _due_calls(session)
        if at <= now
    ]
    if not calls:
        return state, ()
    calls.sort(key=lambda call: call.at)
    for call in calls:
        session = fold(session, call)
    return replace(state, session=session), tuple(calls)


def _shown(state: ChairState, event: Shown) -> tuple[ChairState, Effects]:
    """A receipt, once for each who looks; of an alarm that is over by now it is none any more."""
    session = state.session
    if session is None:
        return state, Effects()
    for alarm in session.alarms.values():
        if alarm.alarm_id != event.alarm_id:
            continue
        known = {(fact.to, fact.stage) for fact in alarm.shown}
        is_called = event.stage is None or event.stage in {call.stage for call in alarm.calls}
        if (event.to, event.stage) in known or len(known) >= RECEIPTS or not is_called:
            break
        fact = AlarmShown(session.opened.session, event.at, event.alarm_id, event.to, event.stage)
        return replace(state, session=fold(session, fact)), Effects(facts=(fact,))
    return state, Effects()


def _next_due(state: ChairState, now: datetime) -> datetime | None:
    session = state.session
    if session is None:
        return None
    ends = [condition.next_due for condition in session.conditions.values()]
    dues = [now + TICK, *(due + LATENESS for due in ends if due is not None)]
    if session.alarms:
        dues += [at for at, _alarm, _stage in _due_calls(session)]
    if session.audio is not None and session.audio.until is not None:
        dues += [at for at in (session.audio.until,) if at > now]
    return min(dues)
