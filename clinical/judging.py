"""What do the limits make of the values, and what becomes of an alarm whose signal is lost?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeGuard

from clinical import technical
from clinical.alarms import NOTHING_BESIDE, AlarmKind, AlarmLimit, Condition, Direction
from clinical.bedside import FRESH_AT_LEAST_S
from clinical.chair import ChairState, LostAlarm, SessionState, Signal
from clinical.vitals import CUFF, NATURE, Metric, Observation, Quality

FRESH = timedelta(seconds=FRESH_AT_LEAST_S)  # an older ECG rate yields to the pulse


def judged(
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
        sign, is_sure = _sign_of(obs, seen_at, is_ecg_out)
        if waiting is not None and sign is Metric.SPO2:
            continue  # an artefact of the cuff: neither low nor back
        was_lost = lost.pop(sign, None) is not None
        for direction in Direction:
            key = (sign, direction)
            if key in conditions:
                before = conditions[key]
                others = _others(state, session, before, obs.observed_at)
                conditions[key] = (
                    before.returned(obs.value, obs.observed_at, others)
                    if was_lost
                    else before.observed(obs.value, obs.observed_at, others, may_end=is_sure)
                )
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


def _sign_of(
    obs: Observation, seen_at: dict[Metric, datetime], is_ecg_out: bool
) -> tuple[Metric, bool]:
    """The sign whose limits judge ``obs``, and whether it may end an alarm.

    The pulse stands in where the ECG gives no rate: at once where it says so, after a while where
    it is silent. Soon after a rate of the ECG it may alarm but not reassure: a pulse leaves out
    beats that a heart makes.
    """
    if obs.metric is not Metric.PULSE_RATE:
        return obs.metric, True
    heart_seen_at = seen_at.get(Metric.HEART_RATE)
    has_ecg = heart_seen_at is not None and obs.observed_at - heart_seen_at <= FRESH
    if has_ecg and not is_ecg_out:
        return Metric.PULSE_RATE, True
    return Metric.HEART_RATE, not has_ecg


def rejudged(state: ChairState, at: datetime) -> ChairState:
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


def settled(state: ChairState, session: SessionState, at: datetime) -> SessionState:
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


def next_end(state: ChairState, after: datetime | None, until: datetime) -> datetime | None:
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


def physiological(state: ChairState, session: SessionState) -> Iterator[Signal]:
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


def _alarm_text(state: ChairState, limit: AlarmLimit) -> str:
    label, value = _value_behind(state, limit.metric)
    shown = "---" if value is None else limit.shown(value)
    return f"{label} {shown} {limit.words}"


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
