"""What is a preset: which limits, bounds and intervals does a session under it have?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from clinical.alarms import AlarmLimit, AlarmPriority, Condition, Direction, RelativeLimit
from clinical.phases import SessionPhase
from clinical.record import BaselineLocked
from clinical.vitals import Metric

LimitKey = tuple[Metric, Direction, AlarmPriority]
NOT_MOVED: Mapping[LimitKey, float] = {}
Bounds = Mapping[tuple[Metric, Direction], tuple[float, float]]

# Which number of a baseline a relative limit of a sign is of.
BASELINE_FIELD = {
    Metric.HEART_RATE: "heart_rate_bpm",
    Metric.SPO2: "spo2_pct",
    Metric.NIBP_SYSTOLIC: "systolic_mmhg",
    Metric.NIBP_DIASTOLIC: "diastolic_mmhg",
    Metric.NIBP_MEAN: "mean_mmhg",
}


@dataclass(frozen=True, slots=True)
class Preset:
    """Alarm limits of one kind of session, and how often the cuff is due (s).

    ``relative`` limits are off while there is no baseline. ``bounds`` are those within which a
    limit may be moved for one session, by sign and direction; a limit without bounds stays. An
    alarm of a priority in ``latching`` that nobody has seen stays on the screen when it ends.
    ``decision_above`` (systolic, diastolic, mmHg): with more before the dose a clinician decides,
    and says why. ``minutes_since_start``: from the start of the infusion until the patient may
    leave; None where only the time since its end counts. Versions from 101 on are a clinic's own.
    """

    name: str
    version: int
    title: str
    limits: tuple[AlarmLimit, ...]
    off_delay_s: dict[Metric, float]
    cuff_infusing_s: float
    cuff_recovery_s: float
    relative: tuple[RelativeLimit, ...] = ()
    bounds: Bounds = field(default_factory=dict)
    latching: tuple[AlarmPriority, ...] = (AlarmPriority.HIGH,)
    decision_above: tuple[float, float] | None = None
    minutes_since_start: int | None = None
    parent: tuple[str, int] | None = None

    def in_force(
        self, baseline: BaselineLocked | None = None, moved: Mapping[LimitKey, float] = NOT_MOVED
    ) -> tuple[AlarmLimit, ...]:
        """The limits of a session with this ``baseline``, with those that were ``moved`` in it."""
        limits = []
        for limit in self.limits:
            key = (limit.metric, limit.direction, limit.priority)
            if key in moved and limit is self.movable(*key):
                limit = replace(limit, value=moved[key], is_adjusted=True)
            limits.append(limit)
        for relative in self.relative:
            rest = None if baseline is None else getattr(baseline, BASELINE_FIELD[relative.metric])
            if rest is not None:
                limits.append(relative.against(rest))
        return tuple(limits)

    def movable(
        self, metric: Metric, direction: Direction, priority: AlarmPriority
    ) -> AlarmLimit | None:
        """The limit that is moved by this name: of several the one that is reached first."""
        if (metric, direction) not in self.bounds:
            return None
        rows = [
            limit
            for limit in self.limits
            if (limit.metric, limit.direction, limit.priority) == (metric, direction, priority)
            and limit.is_plain
        ]
        return min(rows, key=lambda limit: limit.value * outward(direction), default=None)

    def conditions(
        self, limits: Sequence[AlarmLimit] | None = None
    ) -> dict[tuple[Metric, Direction], Condition]:
        """One condition for each sign and direction that ``limits`` (all of the preset's own where
        none are given) name, none of them raised."""
        limits = self.limits if limits is None else limits
        keys = dict.fromkeys((limit.metric, limit.direction) for limit in limits)
        return {
            key: Condition.of(
                [limit for limit in limits if (limit.metric, limit.direction) == key],
                self.off_delay_s[key[0]],
            )
            for key in keys
        }

    def cuff_due_s(self, phase: SessionPhase) -> float | None:
        """The interval at which a cuff is due in ``phase``; None where none is asked for."""
        if phase is SessionPhase.INFUSING:
            return self.cuff_infusing_s
        return self.cuff_recovery_s if phase is SessionPhase.RECOVERY else None


def outward(direction: Direction) -> int:
    """1 where a worse value is a greater one, else -1."""
    return 1 if direction is Direction.HIGH else -1
