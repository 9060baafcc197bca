"""Which technical conditions hold in a chair: what is wrong with the equipment, not the patient?

Source: the technical conditions of our alarm design; texts as the tile shows them, without stars.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from clinical.alarms import AlarmKind, AlarmPriority
from clinical.chair import ChairState, SessionState, Signal, lost_condition
from clinical.links import TEXT, LinkState
from clinical.phases import SessionPhase
from clinical.vitals import CUFF, NATURE, Metric

CUFF_GRACE = timedelta(minutes=2)  # a reading is overdue after its interval and this
STALE_AT_LEAST_S = 10.0
STALE_INTERVALS = 2.5
MISSING_AFTER = timedelta(seconds=5)  # a beat or two without a value is not yet a sensor off
MISSING_WORSE_AFTER = timedelta(seconds=60)  # while infusing
OVERRUN_SHOWN = timedelta(seconds=60)

# Signs that are watched for going missing once they were seen in the session.
WATCHED = (Metric.HEART_RATE, Metric.SPO2, Metric.RESP_RATE)


def age_limit(state: ChairState) -> timedelta:
    """How old a continuous value may be before it says nothing of now."""
    return timedelta(seconds=max(STALE_AT_LEAST_S, STALE_INTERVALS * state.interval_s))


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
        return seen_at + age_limit(state)
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
        text = f"CHECK READING {NATURE[metric].label}"
        yield _technical(text, AlarmPriority.LOW, text, now, metric)
    if not state.is_recording:
        yield _technical("NOT RECORDING", AlarmPriority.HIGH, "NOT RECORDING", now)
    if state.overrun_at is not None and now - state.overrun_at < OVERRUN_SHOWN:
        yield _technical("DATA LOST", AlarmPriority.MEDIUM, "DATA LOST", state.overrun_at)


def _technical(
    condition: str,
    priority: AlarmPriority,
    text: str,
    onset_at: datetime,
    metric: Metric | None = None,
) -> Signal:
    return Signal(condition, AlarmKind.TECHNICAL, priority, text, onset_at, metric)


def _link(state: ChairState, session: SessionState) -> Iterator[Signal]:
    link = state.link
    text = TEXT[link.state] if link is not None else None
    if link is None or text is None or link.state is LinkState.CONNECTING:
        return
    is_cut = link.state is LinkState.DISCONNECTED and session.phase is SessionPhase.INFUSING
    priority = AlarmPriority.HIGH if is_cut else AlarmPriority.MEDIUM
    yield _technical(text, priority, text, link.at)


def _missing(state: ChairState, session: SessionState, now: datetime) -> Iterator[Signal]:
    """Signs that were seen and are gone while the line itself is well."""
    if state.link is None or state.link.state is not LinkState.LIVE:
        return
    for metric in WATCHED:
        label = NATURE[metric].label
        seen_at, none_since = session.seen_at.get(metric), session.missing_since.get(metric)
        if seen_at is None:
            continue
        if none_since is not None:
            gone_for = now - none_since
            if gone_for >= MISSING_AFTER:
                is_worse = (
                    session.phase is SessionPhase.INFUSING and gone_for >= MISSING_WORSE_AFTER
                )
                priority = AlarmPriority.MEDIUM if is_worse else AlarmPriority.LOW
                text = f"{label} NO SIGNAL"
                yield _technical(text, priority, text, none_since + MISSING_AFTER, metric)
        elif now - seen_at > age_limit(state):
            text = f"{label} NOT UPDATED"
            onset_at = seen_at + age_limit(state)
            yield _technical(text, AlarmPriority.MEDIUM, text, onset_at, metric)


def _cuff(session: SessionState, now: datetime) -> Iterator[Signal]:
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
