"""What does a chair become when something happens? The only place where the rules meet.

``SessionMonitor.step`` is a pure function: the same events give the same states, the same facts
and the same alarms, live or replayed. The state of a session is the fold of its facts
(``chair.fold``), so that the record is all that a restart needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from clinical import by_hand, judging, open_alarms, recognition, technical
from clinical.alarms import (
    AlarmPriority,
)
from clinical.bedside import chosen, silenced
from clinical.calls import Shown, called, due_calls, shown
from clinical.catalog.presets import Presets
from clinical.chair import (
    PRESSURES,
    SESSION_LEFT,
    ChairState,
    Remark,
    SessionState,
    after_cuff,
    fault_id,
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
    ConfirmMonitor,
    OrderCuff,
    Outcome,
    OutcomeKind,
    PauseAudio,
    RecordObservation,
)
from clinical.links import ClockRead, CuffOrder, Identified, LinkEvent, LinkState
from clinical.phases import AT_ONCE
from clinical.ports import CommitResult, RecorderState
from clinical.recognition import Arranged
from clinical.record import (
    BY_DATA,
    AlarmEvent,
    AlarmSwitched,
    AudioChanged,
    BaselineLocked,
    CuffAllowed,
    CuffOrdered,
    Fact,
    LimitChanged,
    LinkChanged,
    MonitorHeard,
    PhaseChanged,
    Reading,
    Remarked,
    SessionOpened,
    Vitals,
)
from clinical.requests import Refused, facts_of, no_start
from clinical.vitals import CONTINUOUS, CUFF, Metric, Observation, Quality, is_plausible

# A value that the link has stamped may still be on its way when a delay ends: it is waited for
# this long, so that the live log and a replay agree.
LATENESS = timedelta(milliseconds=50)
# Ages, overdue cuffs and the recovery time are looked at this often; a little longer than a monitor
# that speaks each second takes, so that its frames do that by themselves.
TICK = timedelta(seconds=1.1)
CUFF_RUNS_AT_MOST = timedelta(minutes=4)  # a cycle, and what a monitor may wait before it begins
REMARK_STANDS = timedelta(seconds=5)  # before it is recorded


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
    | Identified
    | ClockRead
    | Arranged
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
        state, calls = called(state, now)
        match event:
            case Observed():
                state, effects = _observed(state, event)
            case LinkEvent():
                state, effects = _link_changed(state, event)
            case Identified():
                state, facts = recognition.identified(state, event)
                effects = Effects(facts=facts, is_urgent=bool(facts))
            case ClockRead():
                state, facts = recognition.compared(state, event)
                effects = Effects(facts=facts)
            case Arranged():
                state, effects = _arranged(state, event, now)
            case Committed():
                state, effects = _committed(state, event, now)
            case RecorderState():
                state, effects = replace(state, is_recording=event.is_recording), Effects()
            case Shown():
                state, facts = shown(state, event)
                effects = Effects(facts=facts)
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
            settled = judging.settled(state, state.session, settle_at)
            if settled is not state.session:
                state = replace(state, session=settled)
            state, changes = open_alarms.with_alarms(state, settle_at, now)
        if before or calls or changes:
            facts = (*before, *calls, *effects.facts, *changes)
            effects = replace(effects, facts=facts, is_urgent=True)
        return state, effects, _next_due(state, now)


# --- what the monitor and its line say ------------------------------------------------------------


def _arranged(state: ChairState, event: Arranged, now: datetime) -> tuple[ChairState, Effects]:
    stay = recognition.staying(state, event)
    gone = [each for each in state.monitors if each.name not in stay]
    after = recognition.arranged(state, event)
    session = after.session
    if session is None or not (gone or event.new or after.monitors != state.monitors):
        return after, Effects()
    facts: list[Fact] = []
    if _spoken(after) != _spoken(state):
        facts += recognition.listened(after, event.by, now)
    for each in gone:
        session, said = _unsaid(session, each.name, now)
        facts += said
    session = _without_missed(state, session, [each.name for each in gone])
    return replace(after, session=session), Effects(facts=tuple(facts), is_urgent=bool(facts))


def _spoken(state: ChairState) -> list[tuple[str, str]]:
    return [(each.name, each.proof) for each in state.monitors]


def _without_missed(before: ChairState, session: SessionState, gone: Sequence[str]) -> SessionState:
    """The session without what the monitors that are ``gone`` had missed."""
    if not gone:
        return session
    names = [each.name for each in before.monitors]

    def is_theirs(metric: Metric) -> bool:
        return (monitor_for(before, metric) or names[0]) in gone

    missing_since = {m: at for m, at in session.missing_since.items() if not is_theirs(m)}
    missing_until = {m: at for m, at in session.missing_until.items() if not is_theirs(m)}
    is_cuff_gone = is_theirs(Metric.NIBP_SYSTOLIC)
    return replace(
        session,
        missing_since=missing_since,
        missing_until=missing_until,
        implausible=frozenset(m for m in session.implausible if not is_theirs(m)),
        failed_cuffs=0 if is_cuff_gone else session.failed_cuffs,
        cuff_up_since=None if is_cuff_gone else session.cuff_up_since,
    )


def _unsaid(
    session: SessionState, monitor: str, at: datetime
) -> tuple[SessionState, tuple[Remarked, ...]]:
    """The session where ``monitor`` ("": each of the chair) is not heard, and so says nothing of
    its values any more."""
    over = {key: said for key, said in session.remarks.items() if monitor in ("", key[0])}
    facts = tuple(
        Remarked(session.opened.session, at, name, metric, "")
        for (name, metric), remark in over.items()
        if remark.recorded
    )
    left = {key: said for key, said in session.remarks.items() if key not in over}
    return replace(session, remarks=left), facts


def _observed(state: ChairState, event: Observed) -> tuple[ChairState, Effects]:
    if recognition.is_strange(state, event.monitor):
        return state, Effects()  # of whom, nobody knows
    observations = tuple(_believed(event.observations))
    session, name = state.session, _name_of(state, event)
    if session is not None:
        link = state.links.get(event.monitor) if event.monitor else state.link
        observations = tuple(obs for obs in observations if _is_of(session, link, name, obs))
        session, observations = _without_known_cuff(session, name, observations)
    state = _at_interval(state, event)
    beside: tuple[Observation, ...] = ()
    late: tuple[Observation, ...] = ()
    if session is not None and _is_before_hand(state, session, event.monitor, observations):
        late = tuple(obs for obs in observations if obs.metric in CUFF)
        observations = tuple(obs for obs in observations if obs.metric not in CUFF)
    if event.monitor:
        observations, beside, given = chosen(
            *(state.monitors, state.given, state.shown_from, state.latest, name), observations
        )
        sources = {obs.metric: name for obs in observations if obs.value is not None}
        state = replace(state, given=given, shown_from={**state.shown_from, **sources})
    state = replace(state, latest={**state.latest, **{obs.metric: obs for obs in observations}})
    says = event.alarms is not None or event.is_cuff_up is not None
    if session is None or not (observations or beside or late or says):
        return replace(state, session=session), Effects(points=observations)
    if event.is_cuff_up is not None:
        session = _with_cuff_up(session, event.is_cuff_up, event.at)
    session = judging.judged(state, session, observations, event.at)
    cuff = [obs for obs in (*observations, *beside) if obs.metric in CUFF]
    # Its pulse may follow in a frame of its own: that is no cycle that failed.
    if any(obs.metric in PRESSURES for obs in cuff):
        session = after_cuff(session, cuff, state.latest, name)
    if late:
        session = replace(session, cuff_at={**session.cuff_at, name: late[0].observed_at})
        beside = (*beside, *late)
    facts = [
        *_measured(session.opened.session, observations, name, is_beside=False),
        *_measured(session.opened.session, beside, name, is_beside=True),
    ]
    said = _said((*observations, *beside), event.alarms)
    session, remarks = _remarked(session, said, name, event.at)
    facts += remarks
    return replace(state, session=session), Effects(facts=tuple(facts), points=observations)


def _is_before_hand(
    state: ChairState, session: SessionState, monitor: str, observations: Sequence[Observation]
) -> bool:
    """Whether the cuff reading among ``observations`` says nothing beside the pressure that
    somebody entered by hand, which is the one to act on: it was taken before.

    A monitor whose line was out tells its last reading when it is back, and some say of an old one
    only that it is older than a minute. Such a one may alarm, but not reassure.
    """
    cuff = [obs for obs in observations if obs.metric in CUFF]
    entered = state.by_hand.get(Metric.NIBP_SYSTOLIC)
    if not cuff or entered is None or session.last_cuff_at != entered.observation.observed_at:
        return False
    hand_at, taken_at = session.last_cuff_at, max(obs.observed_at for obs in cuff)
    if taken_at < hand_at:
        return True
    link = state.links.get(monitor) if monitor else state.link
    was_out = link is not None and link.state is LinkState.LIVE and hand_at < link.at
    if not was_out or link is None or taken_at >= link.at:
        return False
    return not any(
        limit.is_breached_by(obs.value)
        for obs in cuff
        for limit in session.limits
        if limit.metric is obs.metric and obs.value is not None
    )


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


def _are_limits_new(event: Committed) -> bool:
    """Whether ``event`` brings limits into force: others, or those of a sign that was off."""
    return any(
        isinstance(fact, LimitChanged | BaselineLocked)
        or (isinstance(fact, AlarmSwitched) and not fact.is_off)
        for fact in event.facts
    )


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
        event = recognition.worst_of(links) or event
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
        session, said = _unsaid(session, own.monitor, own.at)
        facts += said
    return replace(state, link=event, session=session), Effects(facts=tuple(facts))


# --- what people ask ------------------------------------------------------------------------------


def _commanded(state: ChairState, command: Command, now: datetime) -> tuple[ChairState, Effects]:
    if _is_of_left(command, state):
        return replace(state, left_at=None), Effects(commit=(command, ()))
    try:
        facts = facts_of(command, state, now)
    except Refused as refused:
        outcome = Outcome(
            OutcomeKind.REFUSED,
            now,
            command.by.user,
            str(refused),
            refused.missing,
            is_question=refused.is_question,
        )
        return state, Effects(outcome=(command, outcome))
    if is_at_once(command):
        before, state = state, _folded(state, facts, now)
        order = _order_in(facts) or _cancel_of(before, facts, now)
        entered = [fact for fact in facts if isinstance(fact, Reading)]
        if isinstance(command, RecordObservation):
            state = replace(state, entered=state.entered | {command.command_id})
        cuff = by_hand.newest_cuff(before.session, entered) if before.session else ()
        return state, Effects(commit=(command, facts), points=cuff, order=order)
    return state, Effects(commit=(command, facts))


def _is_of_left(command: Command, state: ChairState) -> bool:
    """Whether somebody has seen that the session of this chair could not be taken up."""
    if state.left_at is None or not isinstance(command, AcknowledgeAlarm):
        return False
    return command.alarm_id == fault_id(SESSION_LEFT, state.chair, state.left_at)


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
        state = _folded(state, event.facts, now)
        if _are_limits_new(event):
            state = judging.rejudged(state, now)
        state, undone = open_alarms.undone(state, event.facts, now)
        order = order or _cancel_of(before, event.facts, now)
        if before.session is not None and state.session is None:
            left = tuple(open_alarms.raised_since(before, before.session, event.facts, now))
        left = (*left, *undone)
    told = _unheard(state, command) or _not_newest(state, event) or _came_meanwhile(left)
    outcome = Outcome(OutcomeKind.DONE, now, command.by.user, told)
    return state, Effects(left, is_urgent=bool(left), outcome=(command, outcome), order=order)


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


def _not_newest(state: ChairState, event: Committed) -> str:
    """What to tell whoever entered a pressure that is not the newest."""
    cuff = [f.observation for f in event.facts if isinstance(f, Reading) and f.entry is not None]
    session = state.session
    if session is None or session.last_cuff_at is None:
        return ""
    is_older = any(obs.metric in CUFF and obs.observed_at < session.last_cuff_at for obs in cuff)
    return "there is a newer pressure: this one is kept, and judged by no limit" if is_older else ""


def _came_meanwhile(left: Sequence[Fact]) -> str:
    """What to tell whoever ended the watch over a patient, or silenced a chair, just when an alarm
    came."""
    for fact in left:
        if isinstance(fact, AudioChanged | AlarmSwitched):
            return "not silenced: a new high alarm came meanwhile"
    texts = [
        fact.text
        for fact in left
        if isinstance(fact, AlarmEvent) and fact.priority is not AlarmPriority.LOW
    ]
    return f"look at the patient, this came meanwhile: {', '.join(texts)}" if texts else ""


def is_at_once(command: Command) -> bool:
    """In force before the record has it: a full disk must not keep an alarm or a pump running."""
    is_stop = isinstance(command, ChangePhase) and command.to in AT_ONCE
    is_cancel = isinstance(command, OrderCuff) and command.order is CuffOrder.CANCEL
    # Without the last two a full disk would keep a patient unwatched, or what a nurse measured.
    others = AcknowledgeAlarm | PauseAudio | ConfirmMonitor | RecordObservation
    return is_stop or is_cancel or isinstance(command, others)


def _is_of_now(state: ChairState, obs: Observation, now: datetime) -> bool:
    """Whether a value that stands on the tile is of whoever sits down now: a continuous one that
    has not grown old."""
    is_continuous = obs.metric in CONTINUOUS
    return is_continuous and now - obs.observed_at <= technical.age_limit(state, obs.metric)


def _folded(state: ChairState, facts: Sequence[Fact], now: datetime) -> ChairState:
    session = state.session
    for fact in facts:
        if isinstance(fact, MonitorHeard):
            state = recognition.bound_by(state, fact)
        elif isinstance(fact, SessionOpened):
            session = opened(fact, state.presets)
            state = replace(state, left_at=None, by_hand={}, entered=frozenset())
            latest = {m: obs for m, obs in state.latest.items() if _is_of_now(state, obs, now)}
            # The reading of whoever sat here before must not stand in this patient's tile.
            state = replace(
                state,
                latest=latest,
                shown_from={m: name for m, name in state.shown_from.items() if m in latest},
            )
        elif session is not None and fact.session == session.opened.session:
            session = fold(session, fact)
            if isinstance(fact, PhaseChanged) and not fact.phase.is_in_chair:
                session = None
                state = replace(state, by_hand={}, entered=frozenset())
    entered = [fact for fact in facts if isinstance(fact, Reading)]
    return by_hand.taken(replace(state, session=session), entered, now)


# --- time -----------------------------------------------------------------------------------------


def _advanced(
    state: ChairState, until: datetime, now: datetime
) -> tuple[ChairState, tuple[Fact, ...]]:
    """The chair with all that time brings by ``until``, and what that changed, for the record.

    Each delay ends at its own time and in its turn, so that the log does not depend on when the
    engine woke.
    """
    changes: list[Fact] = []
    due = judging.next_end(state, None, until)
    while due is not None and state.session is not None:
        state = replace(state, session=judging.settled(state, state.session, due))
        state, more = open_alarms.with_alarms(state, due, now)
        changes += more
        due = judging.next_end(state, due, until)
    return state, tuple(changes)


def _next_due(state: ChairState, now: datetime) -> datetime | None:
    session = state.session
    if session is None:
        return None
    ends = [condition.next_due for condition in session.conditions.values()]
    dues = [now + TICK, *(due + LATENESS for due in ends if due is not None)]
    if session.alarms:
        dues += [at for at, _alarm, _stage in due_calls(session)]
    if session.audio is not None and session.audio.until is not None:
        dues += [at for at in (session.audio.until,) if at > now]
    return min(dues)
