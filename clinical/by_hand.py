"""What becomes of a value that a person measured: is it taken, and what do the rules make of it?

A pressure is a cuff reading like any other: it is judged by the limits, it counts for the baseline,
and the next one is due after it. A counted or read rate, saturation or temperature is recorded,
shown and drawn, and no more: limits ask how long a value lasts, and whoever entered it knows it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from clinical import judging
from clinical.alarms import AlarmLimit, AlarmPriority
from clinical.chair import ChairState, SessionState, after_cuff, cuff_set, mean_of, pressures
from clinical.commands import Entered, RecordObservation
from clinical.record import Entry, Reading
from clinical.vitals import (
    CUFF,
    NATURE,
    USUAL,
    Metric,
    Observation,
    Quality,
    Source,
    is_plausible,
)

INITIALS = re.compile(r"[^\W\d_]{1,4}")
WORKED_OUT = "worked out from the two pressures"
BY_HAND = "by hand"  # in the place of a monitor's name
VALUES_MAX = 8
AHEAD = timedelta(seconds=60)  # a watch may be ahead of the computer
MILLISECONDS = 1000


class NotTaken(Exception):
    """Why a value is not recorded, for whoever entered it.

    ``unusual`` says what is asked about it, where it would be taken if the person is sure.
    """

    def __init__(self, reason: str, unusual: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.unusual = unusual


def readings_of(
    command: RecordObservation, session: SessionState, now: datetime
) -> tuple[Reading, ...]:
    """The readings that were entered. Raises NotTaken, for all of them, where one cannot be."""
    values = _values(command.values)
    at = _time(command, session, now)
    initials = command.initials.strip()
    if not INITIALS.fullmatch(initials):
        raise NotTaken(f"expected your initials, 1 to 4 letters, got {initials!r}")
    unusual = tuple(_unusual(values, session.limits))
    if unusual and not command.is_sure:
        raise NotTaken("is this right?", unusual)
    entry = Entry(command.by.user, initials.upper(), now)
    return tuple(
        Reading(
            session.opened.session,
            Observation(
                metric,
                value,
                Quality.VALID,
                at,
                Source.MANUAL,
                measurement_id=measurement_of(command.command_id) if metric in CUFF else None,
            ),
            entry=entry,
        )
        for metric, value in values.items()
    )


def measurement_of(command_id: UUID) -> str:
    """The measurement id of the pressures that a command entered."""
    return f"hand-{command_id.hex[:12]}"


def _values(entered: Sequence[Entered]) -> Mapping[Metric, float]:
    if not 1 <= len(entered) <= VALUES_MAX:
        raise NotTaken(f"expected 1 to {VALUES_MAX} values, got {len(entered)}")
    values: dict[Metric, float] = {}
    for each in entered:
        try:
            metric = Metric(each.metric)
        except ValueError:
            raise NotTaken(f"expected a vital sign, got {each.metric!r}") from None
        if metric in values:
            raise NotTaken(f"expected one {NATURE[metric].label}, got two")
        if not math.isfinite(each.value):
            raise NotTaken(f"{NATURE[metric].label}: expected a number, got {each.value}")
        if not is_plausible(metric, each.value):
            low, high = NATURE[metric].plausible
            unit = NATURE[metric].unit.value
            raise NotTaken(
                f"{NATURE[metric].label} {each.value:g} is impossible: "
                f"expected {low:g} to {high:g} {unit}"
            )
        values[metric] = float(each.value)
    _check_cuff(values)
    return values


def _check_cuff(values: Mapping[Metric, float]) -> None:
    if not any(metric in CUFF for metric in values):
        return
    systolic, diastolic = values.get(Metric.NIBP_SYSTOLIC), values.get(Metric.NIBP_DIASTOLIC)
    if systolic is None or diastolic is None:
        raise NotTaken("expected both pressures, systolic and diastolic")
    mean = values.get(Metric.NIBP_MEAN, (systolic + diastolic) / 2)
    if not diastolic < mean < systolic:
        raise NotTaken(
            "expected the systolic pressure above the diastolic, and the mean between them, "
            f"got {systolic:g} / {diastolic:g}"
        )


def _time(command: RecordObservation, session: SessionState, now: datetime) -> datetime:
    """When it was measured. A clock time has no milliseconds: they come from the command, for the
    record holds one value of a sign at one time."""
    if command.at is None:
        return now
    if command.at > now + AHEAD:
        raise NotTaken("this time is still to come")
    apart = timedelta(milliseconds=command.command_id.int % MILLISECONDS)
    at = min(command.at, now - timedelta(seconds=1)) + apart
    opened_at = session.opened.at
    # The minute in which the session began is of the session.
    if command.at < opened_at.replace(second=0, microsecond=0):
        raise NotTaken("this time is before the session began")
    return max(at, opened_at + apart)


def _unusual(values: Mapping[Metric, float], limits: Sequence[AlarmLimit]) -> Iterator[str]:
    """What to ask about, in a nurse's words: what is far from usual, or beyond a limit in force
    (one of low priority aside: it is reached too often to ask each time)."""
    for metric, value in values.items():
        label = NATURE[metric].label
        beyond = [
            limit
            for limit in limits
            if limit.metric is metric
            and limit.priority is not AlarmPriority.LOW
            and limit.is_breached_by(value)
        ]
        if beyond:
            worst = max(beyond, key=lambda limit: limit.priority.rank)
            yield f"{label} {value:g} is beyond its limit ({worst.words})"
        elif metric in USUAL:
            low, high = USUAL[metric]
            if not low <= value <= high:
                yield f"{label} {value:g} is unusual (usual {low:g} to {high:g})"


def taken(state: ChairState, readings: Sequence[Reading], now: datetime) -> ChairState:
    """The chair after ``readings`` of one entry.

    A pressure older than the newest one is recorded, and judges nothing any more.
    """
    session = state.session
    if session is None:
        return state
    by_hand = dict(state.by_hand)
    for reading in readings:
        before = by_hand.get(reading.observation.metric)
        if before is None or before.observation.observed_at <= reading.observation.observed_at:
            by_hand[reading.observation.metric] = reading
    state = replace(state, by_hand=by_hand)
    cuff = newest_cuff(session, readings)
    if not cuff:
        return replace(state, session=_with_older_set(session, readings, state.latest))
    state = replace(
        state,
        latest={
            **{metric: obs for metric, obs in state.latest.items() if metric not in CUFF},
            **{obs.metric: obs for obs in cuff},
        },
        shown_from={m: name for m, name in state.shown_from.items() if m not in CUFF},
    )
    session = judging.judged(state, session, tuple(_judged(session, cuff)), now)
    up_since = session.cuff_up_since  # the monitor's own goes on as it was
    session = after_cuff(session, cuff, state.latest, BY_HAND)
    return replace(state, session=replace(session, cuff_up_since=up_since))


def _judged(session: SessionState, cuff: Sequence[Observation]) -> Iterator[Observation]:
    """What of ``cuff`` the limits see. A mean that nobody measured may end an alarm; it raises none
    that the two pressures do not raise by themselves."""
    astir = {metric for (metric, _), each in session.conditions.items() if each.is_astir}
    for obs in cuff:
        if WORKED_OUT not in obs.remarks or obs.metric in astir:
            yield obs


def _with_older_set(
    session: SessionState, readings: Sequence[Reading], latest: Mapping[Metric, Observation]
) -> SessionState:
    """The session with pressures that are not the newest in their place among the others."""
    cuff = tuple(r.observation for r in readings if r.observation.metric in CUFF)
    measured = cuff_set(cuff, latest) if cuff else None
    if measured is None:
        return session
    sets = sorted((*session.sets, measured), key=lambda each: each.at)
    return replace(session, sets=tuple(sets))


def newest_cuff(session: SessionState, readings: Sequence[Reading]) -> tuple[Observation, ...]:
    """The pressures among ``readings``, where they are newer than every other of the session.

    With them about the mean, where only the two were entered: else the tile and the limits of the
    mean would keep the one of the reading before. Nobody measured it, so it is not recorded.
    """
    cuff = tuple(r.observation for r in readings if r.observation.metric in CUFF)
    systolic, diastolic, mean = pressures(cuff)
    if systolic is None or diastolic is None:
        return ()
    last_at = session.last_cuff_at
    if last_at is not None and cuff[0].observed_at < last_at:
        return ()
    if mean is not None:
        return cuff
    about = mean_of(systolic, diastolic)
    return (*cuff, replace(cuff[0], metric=Metric.NIBP_MEAN, value=about, remarks=(WORKED_OUT,)))
