"""Which of a chair's monitors does each number come from, and how far is that monitor proven?

A chair may have two: a cuff monitor and an oximeter, say. Each metric has its monitors in an order:
one that is preferred for it, then the others as the configuration names them. The screen and the
limits take the value of one of them; what the others say is kept beside it, never mixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from clinical.vitals import CUFF, Metric, Observation, Quality

FRESH_AT_LEAST_S = 10.0
FRESH_INTERVALS = 2.5
# A sensor that comes back is believed again after so long: one value is no return.
RETURNS_AFTER = timedelta(seconds=5)
PROVEN = frozenset({"bench", "clinic"})  # on a monitor's own hardware


@dataclass(frozen=True, slots=True)
class BedsideMonitor:
    """A monitor at a chair. ``name`` is the protocol's; a chair has no two of the same name.

    ``proof`` is what the protocol was last held against: simulated, capture, bench or clinic.
    ``prefers`` are metrics that this monitor is asked first for, whatever the order.
    ``works_cuff``: a cuff cycle can be started and cancelled from here.
    """

    name: str
    title: str
    metrics: frozenset[Metric]
    proof: str
    interval_s: float = 1.0
    prefers: frozenset[Metric] = frozenset()
    works_cuff: bool = False
    caution: str = ""

    @property
    def is_proven(self) -> bool:
        return self.proof in PROVEN


class Heard(NamedTuple):
    """An unbroken run of valid values of one metric from one monitor."""

    since: datetime
    last: datetime


Given = Mapping[tuple[Metric, str], Heard]


class Choice(NamedTuple):
    """What of a frame is shown and judged, what is kept beside, and what has been given by now."""

    shown: tuple[Observation, ...]
    beside: tuple[Observation, ...]
    given: Given


def order_of(monitors: Sequence[BedsideMonitor], metric: Metric) -> list[str]:
    """The names of the monitors that measure ``metric``, the one to believe first in front."""
    able = [each for each in monitors if metric in each.metrics]
    return [each.name for each in sorted(able, key=lambda each: metric not in each.prefers)]


def fresh_for(interval_s: float) -> timedelta:
    """How old a continuous value may be before it says nothing of now."""
    return timedelta(seconds=max(FRESH_AT_LEAST_S, FRESH_INTERVALS * interval_s))


def chosen(
    monitors: Sequence[BedsideMonitor],
    given: Given,
    shown_from: Mapping[Metric, str],
    latest: Mapping[Metric, Observation],
    name: str,
    observations: Iterable[Observation],
) -> Choice:
    """Choose among the ``observations`` of one frame of monitor ``name``.

    A sign stays with the monitor that it is ``shown_from`` while that gives valid values; the other
    steps in as soon as it says that it has none, or when nothing came for the age limit. A monitor
    that comes first in the order takes its sign back after RETURNS_AFTER of valid values. What is
    not valid is shown only where no other monitor has a valid value.

    A cuff reading is shown, whole, where it is newer than the one that is shown: on whichever arm,
    the newest pressure is the one to act on.
    """
    frame = tuple(observations)
    after = dict(given)
    cuff = tuple(obs for obs in frame if obs.metric in CUFF)
    is_cuff_shown = _is_cuff_shown(cuff, shown_from, latest, name)
    fresh = {each.name: fresh_for(each.interval_s) for each in monitors}
    shown: list[Observation] = []
    beside: list[Observation] = []
    for obs in frame:
        if obs.metric in CUFF:
            (shown if is_cuff_shown else beside).append(obs)
            continue
        key = (obs.metric, name)
        order = order_of(monitors, obs.metric)
        has_value = {
            other
            for other in order
            if other != name
            and (heard := after.get((obs.metric, other))) is not None
            and obs.observed_at - heard.last <= fresh[other]
        }
        if obs.quality is not Quality.VALID:
            after.pop(key, None)
            (beside if has_value else shown).append(obs)
            continue
        before = after.get(key)
        is_run = before is not None and obs.observed_at - before.last <= fresh[name]
        run = Heard(before.since if before and is_run else obs.observed_at, obs.observed_at)
        after[key] = run
        now_from = shown_from.get(obs.metric, name)
        is_next = now_from != name and now_from in has_value
        if is_next and name in order and now_from in order:
            is_before = order.index(name) < order.index(now_from)
            is_next = not (is_before and run.last - run.since >= RETURNS_AFTER)
        (beside if is_next else shown).append(obs)
    return Choice(tuple(shown), tuple(beside), after)


def _is_cuff_shown(
    cuff: Sequence[Observation],
    shown_from: Mapping[Metric, str],
    latest: Mapping[Metric, Observation],
    name: str,
) -> bool:
    """Whether what a frame says of the cuff is newer than what is shown of it.

    A pulse that follows its pressures belongs to them; that a cycle gave nothing is shown only
    where the reading on the screen is of the same monitor.
    """
    known = [latest[metric] for metric in CUFF if metric in latest]
    newest = max((obs.observed_at for obs in known if obs.value is not None), default=None)
    if any(obs.value is not None for obs in cuff):
        return newest is None or max(obs.observed_at for obs in cuff) >= newest
    return shown_from.get(Metric.NIBP_SYSTOLIC, name) == name


def silenced(given: Given, name: str) -> Given:
    """What has been given after the line of monitor ``name`` fell silent."""
    return {key: heard for key, heard in given.items() if key[1] != name}
