"""Which technical conditions hold in a chair: what is wrong with the equipment, not the patient?

Source: the technical conditions of our alarm design; texts as the tile shows them, without stars.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime, timedelta

from clinical.alarms import AlarmKind, AlarmPriority
from clinical.bedside import BedsideMonitor, fresh_for
from clinical.chair import (
    DATA_LOST,
    MISSING_AFTER,
    ChairState,
    SessionState,
    Signal,
    check_condition,
    interval_for,
    link_for,
    link_of,
    lost_condition,
    missing_condition,
    monitor_for,
)
from clinical.links import TEXT, LinkEvent, LinkState
from clinical.phases import SessionPhase
from clinical.recognition import check_text, clock_condition, clock_text, differs, is_strange
from clinical.vitals import CUFF, NATURE, Metric

CUFF_GRACE = timedelta(minutes=2)  # a reading is overdue after its interval and this
MISSING_WORSE_AFTER = timedelta(seconds=60)  # while infusing
REPEAT_WITHIN = timedelta(minutes=2)  # a high cuff value is measured again within this
OVERRUN_SHOWN = timedelta(seconds=60)

# Signs that are watched for going missing once they were seen in the session.
WATCHED = (Metric.HEART_RATE, Metric.SPO2, Metric.RESP_RATE)
# Signs that an infusion is not run without: missing from the start is an alarm too.
NEEDED = (Metric.HEART_RATE, Metric.SPO2)


def not_updated_condition(metric: Metric) -> str:
    return f"{NATURE[metric].label} NOT UPDATED"


LINK_TEXTS = [text for state, text in TEXT.items() if text and state is not LinkState.CONNECTING]


def age_limit(state: ChairState, metric: Metric) -> timedelta:
    """How old a continuous value may be before it says nothing of now."""
    return fresh_for(interval_for(state, metric))


def cuff_limit(session: SessionState) -> timedelta | None:
    """How old a cuff reading may be in this phase; None where no cuff is due."""
    due_s = session.preset.cuff_due_s(session.phase)
    return None if due_s is None else timedelta(seconds=due_s) + CUFF_GRACE


def lost_at(state: ChairState, session: SessionState, metric: Metric) -> datetime | None:
    """When the value that an alarm of ``metric`` rests on becomes too old to rest anything on."""
    seen_at = last_seen(session, metric)
    if seen_at is None:
        return None
    if metric not in CUFF:
        return seen_at + age_limit(state, metric)
    limit = cuff_limit(session)
    if limit is None:
        return None
    # A cuff of the phase before was taken in another rhythm: it counts as taken when this began.
    return max(filter(None, (seen_at, session.phase_since))) + limit


def last_seen(session: SessionState, metric: Metric) -> datetime | None:
    """When ``metric`` last had a value; the oximeter's pulse stands in for the heart rate."""
    times = [session.seen_at.get(metric)]
    if metric is Metric.HEART_RATE:
        times.append(session.seen_at.get(Metric.PULSE_RATE))
    return max(filter(None, times), default=None)


def signals(state: ChairState, session: SessionState, now: datetime) -> Iterator[Signal]:
    """Every technical condition that holds at ``now``."""
    yield from _link(state, session)
    yield from _missing(state, session, now)
    yield from _cuff(session, now)
    for metric, lost in session.lost.items():
        yield Signal(
            lost_condition(metric),
            AlarmKind.TECHNICAL,
            lost.priority,
            lost.text,
            lost.onset_at,
            metric,
            lost.direction,
        )
    for metric in sorted(session.implausible):
        text = check_condition(metric)
        yield _technical(text, AlarmPriority.LOW, text, now, metric)
    yield from _devices(state, session, now)
    if not state.is_recording:
        yield _technical("NOT RECORDING", AlarmPriority.HIGH, "NOT RECORDING", now)
    if state.overrun_at is not None and now - state.overrun_at < OVERRUN_SHOWN:
        yield _technical(DATA_LOST, AlarmPriority.MEDIUM, DATA_LOST, state.overrun_at)


def _technical(
    condition: str,
    priority: AlarmPriority,
    text: str,
    onset_at: datetime,
    metric: Metric | None = None,
) -> Signal:
    return Signal(condition, AlarmKind.TECHNICAL, priority, text, onset_at, metric)


def _link(state: ChairState, session: SessionState) -> Iterator[Signal]:
    """Each line that brings nothing. Where there are two, the condition names the monitor."""
    if len(state.monitors) < 2:
        yield from _line(session, state.link, "")
    else:
        for monitor in state.monitors:
            line = state.links.get(monitor.name)
            yield from _line(session, line, f" {monitor.name}", _is_needed(state, monitor))


def _is_needed(state: ChairState, monitor: BedsideMonitor) -> bool:
    """Whether no other line lives that gives what ``monitor`` gave and an infusion needs."""
    others = [
        each
        for each in state.monitors
        if each is not monitor
        and (link := state.links.get(each.name)) is not None
        and link.state is LinkState.LIVE
    ]
    if not others:
        return True
    rate = frozenset({Metric.HEART_RATE, Metric.PULSE_RATE})
    return any(
        signs & monitor.metrics and not any(signs & each.metrics for each in others)
        for signs in (rate, frozenset({Metric.SPO2}))
    )


def _line(
    session: SessionState, link: LinkEvent | None, whose: str, is_needed: bool = True
) -> Iterator[Signal]:
    if link is None or link.state is LinkState.CONNECTING:
        # Being opened again, or not heard of since a restart: what was wrong with it still is.
        yield from _still(session, [text + whose for text in LINK_TEXTS])
        return
    text = TEXT[link.state]
    if text is None:
        return
    text += whose
    is_cut = is_needed and link.state is LinkState.DISCONNECTED
    is_cut = is_cut and session.phase is SessionPhase.INFUSING
    onset_at = max(link.at, session.opened.at)
    if is_cut and session.phase_since is not None:
        onset_at = max(onset_at, session.phase_since)
    priority = AlarmPriority.HIGH if is_cut else AlarmPriority.MEDIUM
    yield _technical(text, priority, text, onset_at)


def _still(session: SessionState, conditions: Container[str]) -> Iterator[Signal]:
    """Those of ``conditions`` that are open already, as they were."""
    for condition, alarm in session.alarms.items():
        if condition in conditions:
            yield alarm.signal


def _devices(state: ChairState, session: SessionState, now: datetime) -> Iterator[Signal]:
    """Another device than the chair's own, and clocks that do not agree."""
    names = {each.name for each in state.monitors} | state.heard.keys() | state.clocks.keys()
    for name in sorted(names):
        text, condition = check_text(state, name), clock_condition(state, name)
        said, read = state.heard.get(name), state.clocks.get(name)
        whole = ((text, said), (condition, read))
        link = link_of(state, name)
        if link is None or link.state is LinkState.CONNECTING:
            # Not heard of since a restart: what was wrong with it still is.
            yield from _still(session, [each for each, known in whole if known is None])
        if said is not None and is_strange(state, name):
            yield _technical(text, AlarmPriority.MEDIUM, text, max(said.at, session.opened.at))
        if read is not None and differs(read) and not is_strange(state, name):
            onset_at = max(read.at, session.opened.at)
            yield _technical(condition, AlarmPriority.LOW, clock_text(state, name), onset_at)


def _missing(state: ChairState, session: SessionState, now: datetime) -> Iterator[Signal]:
    """Signs that were seen and are gone while the line itself is well."""
    for metric in WATCHED:
        link = link_for(state, metric)
        if is_strange(state, monitor_for(state, metric)):
            continue  # CHECK DEVICE says why: one cause, one alarm
        if link is None or link.state is LinkState.CONNECTING:
            yield from _still(session, (missing_condition(metric), not_updated_condition(metric)))
        elif link.state in (LinkState.LIVE, LinkState.DAMAGED):
            yield from _sensor_off(session, metric, now)
            yield from _never_seen(session, metric, link, now)
            yield from _not_updated(state, session, metric, link, now)


def _sensor_off(session: SessionState, metric: Metric, now: datetime) -> Iterator[Signal]:
    """A sign that the monitor sends without a value."""
    none_since = session.missing_since.get(metric)
    if metric not in session.seen_at or none_since is None or now - none_since < MISSING_AFTER:
        return
    priority, onset_at = AlarmPriority.LOW, none_since + MISSING_AFTER
    is_infusing = session.phase is SessionPhase.INFUSING and session.phase_since is not None
    if is_infusing and now - none_since >= MISSING_WORSE_AFTER:
        priority = AlarmPriority.MEDIUM
        onset_at = max(none_since + MISSING_WORSE_AFTER, session.phase_since or onset_at)
    text = missing_condition(metric)
    yield _technical(text, priority, text, onset_at, metric)


def _never_seen(
    session: SessionState, metric: Metric, link: LinkEvent, now: datetime
) -> Iterator[Signal]:
    """A sign that every infusion is watched by, and that nobody has connected."""
    since = session.phase_since
    if session.phase is not SessionPhase.INFUSING or since is None or metric not in NEEDED:
        return
    onset_at = max(since, link.at) + MISSING_WORSE_AFTER
    if last_seen(session, metric) is None and now >= onset_at:
        text = missing_condition(metric)
        yield _technical(text, AlarmPriority.MEDIUM, text, onset_at, metric)


def _not_updated(
    state: ChairState, session: SessionState, metric: Metric, link: LinkEvent, now: datetime
) -> Iterator[Signal]:
    """A sign that the monitor no longer sends, or only with values that no one can have."""
    seen_at, limit = session.seen_at.get(metric), age_limit(state, metric)
    if seen_at is None or metric in session.missing_since or link.state is not LinkState.LIVE:
        return
    # A line that is just back gets its time to bring the first values.
    # So does a sign that was sent without a value, and then with one that no one can have.
    onset_at = max(seen_at, link.at, session.missing_until.get(metric, seen_at)) + limit
    if now > onset_at:
        text = not_updated_condition(metric)
        yield _technical(text, AlarmPriority.MEDIUM, text, onset_at, metric)


def repeat(session: SessionState, now: datetime) -> Iterator[Signal]:
    """A second cuff reading that is asked for."""
    if session.repeat is not None:
        asked_at = session.repeat.asked_at
        is_late = now - asked_at > REPEAT_WITHIN
        text = "REPEAT BP - NOT DONE" if is_late else "REPEAT BP WITHIN 2 MIN"
        yield _technical("REPEAT BP", AlarmPriority.LOW, text, asked_at)


def _cuff(session: SessionState, now: datetime) -> Iterator[Signal]:
    yield from repeat(session, now)
    if session.failed_cuffs:
        priority = AlarmPriority.LOW if session.failed_cuffs == 1 else AlarmPriority.MEDIUM
        yield _technical("NIBP FAILED", priority, "NIBP FAILED - REPEAT", now)
    limit = cuff_limit(session)
    if limit is None or session.phase_since is None:
        return
    has_cycled = session.last_cuff_at is not None and session.last_cuff_at > session.phase_since
    # The first reading of a phase is due an interval after the phase began, not after a reading
    # that belonged to another rhythm.
    since = session.last_cuff_at if has_cycled else session.phase_since
    if since is not None and now - since > limit:
        is_never = not has_cycled and session.phase is SessionPhase.INFUSING
        text = "BP NOT CYCLING" if is_never else "BP OVERDUE"
        yield _technical(text, AlarmPriority.MEDIUM, text, since + limit)
