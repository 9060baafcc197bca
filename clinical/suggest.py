"""Which limits would a monitor's maker propose for this patient's baseline?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clinical.alarms import AlarmPriority, Direction
from clinical.catalog.preset import BASELINE_FIELD, NOT_MOVED, LimitKey, Preset
from clinical.catalog.presets import allowed
from clinical.commands import LimitAsked
from clinical.record import BaselineLocked
from clinical.vitals import Metric

LOW, HIGH = Direction.LOW, Direction.HIGH

# Mindray's "auto limits", as our clinical rules quote them (section 4); SpO2 as Draeger has it, 5 %
# under what it is now. A monitor has one limit a side, at which somebody comes: the medium one.
# No baseline holds a respiratory rate.
FORMULAS: Mapping[tuple[Metric, Direction], Callable[[float], float]] = {
    (Metric.HEART_RATE, LOW): lambda rate: rate * 0.8,
    (Metric.HEART_RATE, HIGH): lambda rate: rate * 1.25,
    (Metric.NIBP_SYSTOLIC, LOW): lambda mmhg: mmhg * 0.68 + 10,
    (Metric.NIBP_SYSTOLIC, HIGH): lambda mmhg: mmhg * 0.86 + 38,
    (Metric.NIBP_DIASTOLIC, LOW): lambda mmhg: mmhg * 0.68 + 6,
    (Metric.NIBP_DIASTOLIC, HIGH): lambda mmhg: mmhg * 0.86 + 32,
    (Metric.SPO2, LOW): lambda pct: pct - 5,
}


def suggested(
    baseline: BaselineLocked, preset: Preset, moved: Mapping[LimitKey, float] = NOT_MOVED
) -> tuple[LimitAsked, ...]:
    """The limits that a nurse may be shown, to take or to leave; never set without her.

    Each is a whole number inside the preset's bounds and between its neighbours as they stand with
    ``moved``. What has no baseline, no bounds, or would not change, is left out.
    """
    found = []
    for (metric, direction), formula in FORMULAS.items():
        rest: float | None = getattr(baseline, BASELINE_FIELD[metric])
        key = (metric, direction, AlarmPriority.MEDIUM)
        own, span = preset.movable(*key), allowed(preset, key, moved)
        if rest is None or own is None or span is None:
            continue
        value = float(min(max(round(formula(rest)), span[0]), span[1]))
        if value != moved.get(key, own.value):
            found.append(LimitAsked(metric, direction, AlarmPriority.MEDIUM, value))
    return tuple(found)
