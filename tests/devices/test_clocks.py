"""Is the offset of a monitor's clock right, wherever the clinic is, and when the clock is set?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinical.vitals import Metric, Observation, Quality, Source
from devices.clocks import AGAIN_AFTER_S, COMPARED, LOOKED_AT_S, MonitorClock

VIENNA = ZoneInfo("Europe/Vienna")
NOON = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)  # 12:00 in Vienna


def sample(device_time, metric=Metric.HEART_RATE):
    return [Observation(metric, 70, Quality.VALID, NOON, Source.ECG, device_time)]


class Shown:
    """A monitor whose screen is ``ahead_s`` ahead of the wall clock in Vienna, once a second."""

    def __init__(self, ahead_s=0.0, begin=NOON):
        self.clock, self.ahead_s, self.begin, self.s = MonitorClock(VIENNA), ahead_s, begin, 0.0

    def passes(self, seconds, late_s=0.2):
        """The offsets told, with the second in which each was."""
        told = []
        for _ in range(seconds):
            self.s += 1
            now = self.begin + timedelta(seconds=self.s)
            shown = now.astimezone(VIENNA).replace(tzinfo=None) + timedelta(seconds=self.ahead_s)
            arrived = now + timedelta(seconds=late_s)
            found = self.clock.heard(sample(shown.replace(microsecond=0)), arrived, self.s)
            if found is not None:
                told.append((self.s, round(found, 3)))
        return told


@pytest.mark.parametrize("ahead_s", [0, 12, -12, 86400, -20 * 365 * 86400])
def test_the_first_five_records_tell_the_offset_and_then_each_hour(ahead_s):
    # 0.5: half of the second that is not told; 0.2: the way of the record.
    offset_s = ahead_s + 0.5 - 0.2
    first, *rest = Shown(ahead_s).passes(8000)
    assert first == (COMPARED, offset_s)
    assert rest == [(COMPARED + (AGAIN_AFTER_S + COMPARED - 1) * n, offset_s) for n in (1, 2)]


def test_one_record_that_lay_somewhere_moves_nothing():
    monitor = Shown(3)
    assert monitor.passes(2) == []
    monitor.passes(1, late_s=40)
    ((_, offset_s),) = monitor.passes(2)
    assert offset_s == 3.3
    assert monitor.passes(1, late_s=40) == []
    assert monitor.passes(100) == [], "told once more only where it is another"


def test_a_clock_that_is_set_is_compared_again_soon():
    monitor = Shown(0)
    monitor.passes(100)
    monitor.ahead_s = 7
    ((told_s, offset_s),) = monitor.passes(100)
    assert offset_s == 7.3
    assert told_s <= 100 + LOOKED_AT_S + COMPARED
    monitor.ahead_s = 4
    assert monitor.passes(100) == [], "by less than 5 s: within the hour"


def test_a_time_with_a_zone_is_taken_as_it_is():
    clock = MonitorClock(VIENNA)
    shown = (NOON + timedelta(seconds=3, milliseconds=250)).astimezone(ZoneInfo("Asia/Tokyo"))
    told = [clock.heard(sample(shown), NOON, float(n)) for n in range(COMPARED)]
    assert told[-1] == 3.25, "a clock that tells fractions is taken at its word"


def test_a_time_without_a_zone_is_the_computers_where_none_is_given():
    clock = MonitorClock()
    shown = NOON.astimezone().replace(tzinfo=None, microsecond=1)
    told = [clock.heard(sample(shown), NOON, float(n)) for n in range(COMPARED)]
    assert told[-1] == pytest.approx(0, abs=0.001)


AUTUMN = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)  # 03:00 becomes 02:00 in Vienna
SPRING = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # 02:00 becomes 03:00


@pytest.mark.parametrize("change", [AUTUMN, SPRING], ids=["autumn", "spring"])
def test_a_monitor_that_changes_with_the_summer_time_never_differs(change):
    monitor = Shown(0, begin=change - timedelta(hours=2))
    assert {offset_s for _, offset_s in monitor.passes(4 * 3600)} == {0.3}


@pytest.mark.parametrize(("change", "hour_s"), [(AUTUMN, 3600), (SPRING, -3600)])
def test_a_monitor_that_stays_in_the_old_time_differs_by_an_hour_soon(change, hour_s):
    monitor = Shown(0, begin=change - timedelta(minutes=10))
    assert [offset_s for _, offset_s in monitor.passes(600)] == [0.3]
    monitor.ahead_s = hour_s
    assert [offset_s for _, offset_s in monitor.passes(60)] == [hour_s + 0.3]


def test_a_cuff_reading_and_a_record_without_time_say_nothing_of_the_clock():
    clock = MonitorClock(VIENNA)
    for n in range(20):
        assert clock.heard(sample(None), NOON, float(n)) is None
        assert clock.heard(sample(datetime(2020, 1, 1), Metric.NIBP_MEAN), NOON, n) is None  # noqa: DTZ001
