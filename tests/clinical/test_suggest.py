"""Are the proposed limits the makers' formulas, inside the bounds and between their neighbours?"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from clinical.alarms import AlarmPriority, Direction
from clinical.catalog.loader import load_preset, load_presets
from clinical.catalog.presets import why_not
from clinical.record import BaselineLocked
from clinical.suggest import suggested
from clinical.vitals import Metric

ADULT = load_preset("ketamine-adult")


def rest(systolic=118, diastolic=74, heart_rate=72, spo2=98) -> BaselineLocked:
    return BaselineLocked(
        session=UUID(int=1),
        at=datetime(2026, 11, 22, 9, tzinfo=UTC),
        by="anna",
        systolic_mmhg=systolic,
        diastolic_mmhg=diastolic,
        mean_mmhg=(systolic + 2 * diastolic) / 3,
        heart_rate_bpm=heart_rate,
        spo2_pct=spo2,
        measurement_ids=("n1", "n2"),
    )


def words(asked) -> set[str]:
    assert {each.priority for each in asked} <= {"medium"}
    return {f"{each.metric} {each.direction} {each.value:g}" for each in asked}


# The formula by hand, then what becomes of it: HR x0.8 and x1.25, SYS x0.68+10 and x0.86+38,
# DIA x0.86+32, SpO2 -5. The adult's medium limits are 50 and 120, 90 and 160, 100, and 92.
@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        # 57.6 -> 55, the bound; 90; 90.24 is 90 already; 139.48 -> 140, the low priority limit
        # above which it must lie; 95.64; 93
        (
            rest(),
            {
                "heart_rate low 55",
                "heart_rate high 110",
                "nibp_systolic high 140",
                "nibp_diastolic high 96",
                "spo2 low 93",
            },
        ),
        # 40 -> 40; 62.5 -> 110; 77.6 -> 80; 123.8 -> 140; 83.6 -> 90; 86 -> 88, the high limit
        (
            rest(100, 60, 50, 91),
            {
                "heart_rate low 40",
                "heart_rate high 110",
                "nibp_systolic low 80",
                "nibp_systolic high 140",
                "nibp_diastolic high 90",
                "spo2 low 88",
            },
        ),
        # 84 -> 55; 131.25 -> 131; 118.8 -> 100; 175.6 -> 176; 109.4 -> 109; 95 -> 94
        (
            rest(160, 90, 105, 100),
            {
                "heart_rate low 55",
                "heart_rate high 131",
                "nibp_systolic low 100",
                "nibp_systolic high 176",
                "nibp_diastolic high 109",
                "spo2 low 94",
            },
        ),
        # 50, 160.12 and 99.94 are what they are already; 78.1 -> 110; 106.6 -> 100
        (rest(142, 79, 62.5, None), {"heart_rate high 110", "nibp_systolic low 100"}),
    ],
    ids=["at rest", "low", "high", "no change"],
)
def test_the_limits_are_the_formulas_in_their_range(baseline, expected):
    assert words(suggested(baseline, ADULT)) == expected


@pytest.mark.parametrize("preset", load_presets(), ids=lambda p: f"{p.name} {p.version}")
def test_what_is_proposed_is_never_refused(preset):
    for systolic, diastolic, rate, spo2 in product(
        (70, 95, 120, 150, 210), (35, 60, 80, 120), (None, 30, 55, 80, 130), (None, 70, 88, 95, 100)
    ):
        asked = suggested(rest(systolic, diastolic, rate, spo2), preset)
        moved = {
            (Metric(a.metric), Direction(a.direction), AlarmPriority(a.priority)): a.value
            for a in asked
        }
        assert why_not(preset, moved) is None


def test_a_neighbour_that_was_moved_makes_room():
    key = (Metric.HEART_RATE, Direction.HIGH, AlarmPriority.LOW)
    assert "heart_rate high 100" in words(suggested(rest(heart_rate=72), ADULT, {key: 100.0}))


def test_without_bounds_or_a_value_nothing_is_proposed():
    assert suggested(rest(), load_preset("ketamine-adult", 1)) == ()
    nothing = words(suggested(rest(heart_rate=None, spo2=None), ADULT))
    assert not [each for each in nothing if each.startswith(("heart_rate", "spo2"))]
