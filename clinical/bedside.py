"""Which of a chair's monitors does each number come from, and how far is that monitor proven?

A chair may have two: a cuff monitor and an oximeter, say. Each metric has its monitors in an order:
one that is preferred for it, then the others as the configuration names them. The screen and the
limits take the value of the first that has one; what the others say is kept beside it, never mixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clinical.vitals import CUFF, Metric, Observation

FRESH_AT_LEAST_S = 10.0
FRESH_INTERVALS = 2.5
CUFF_FRESH = timedelta(minutes=17)  # the longest cuff interval of a phase, and its grace
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


def order_of(monitors: Sequence[BedsideMonitor], metric: Metric) -> list[str]:
    """The names of the monitors that measure ``metric``, the one to believe first in front."""
    able = [each for each in monitors if metric in each.metrics]
    return [each.name for each in sorted(able, key=lambda each: metric not in each.prefers)]


def fresh_for(interval_s: float) -> timedelta:
    """How old a continuous value may be before it says nothing of now."""
    return timedelta(seconds=max(FRESH_AT_LEAST_S, FRESH_INTERVALS * interval_s))


Given = Mapping[tuple[Metric, str], datetime]  # when each monitor last gave a value of each metric


def chosen(
    monitors: Sequence[BedsideMonitor],
    given: Given,
    name: str,
    observations: Iterable[Observation],
    at: datetime,
) -> tuple[tuple[Observation, ...], tuple[Observation, ...], Given]:
    """What of the ``observations`` of monitor ``name`` is shown, what is kept beside, and ``given``
    after them.

    A monitor's value is shown unless one that comes before it has a fresh one; that a monitor has
    no value is shown unless any other has one.
    """
    interval_of = {each.name: each.interval_s for each in monitors}
    shown: list[Observation] = []
    beside: list[Observation] = []
    after = dict(given)
    for obs in observations:
        # A cuff reading is one measurement: its pressures and its pulse stay together.
        sign = Metric.NIBP_SYSTOLIC if obs.metric in CUFF else obs.metric
        order = order_of(monitors, sign)
        others = [each for each in order if each != name]
        if obs.value is not None:
            if sign is obs.metric:
                after[sign, name] = obs.observed_at
            others = order[: order.index(name)] if name in order else others
        fresh = CUFF_FRESH if obs.metric in CUFF else None
        has_better = any(
            at - given[sign, other] <= (fresh or fresh_for(interval_of[other]))
            for other in others
            if (sign, other) in given
        )
        (beside if has_better else shown).append(obs)
    return tuple(shown), tuple(beside), after
