"""When is a line live, quiet or damaged? Numbers in, a state out."""

from __future__ import annotations

import pytest

from clinical.links import LinkState
from devices.protocols.line import LineSettings
from devices.watch import Watch

SETTINGS = LineSettings(baud=19200, parity="E", rtscts=True, interval_s=1.0)
OPENED_S = 100.0


@pytest.fixture
def watch():
    return Watch(SETTINGS, OPENED_S)


def state(watch, now_s, interval_s=1.0):
    return watch.judge(now_s, interval_s)[0]


def test_an_open_port_connects_until_its_first_record(watch):
    assert state(watch, 104.9) is LinkState.CONNECTING
    watch.heard(104.9, good=1, garbled=0)
    assert state(watch, 104.9) is LinkState.LIVE
    assert watch.is_proven


@pytest.mark.parametrize(("interval_s", "quiet_s"), [(1.0, 5.0), (2.0, 6.0), (5.0, 15.0)])
def test_silence_of_three_intervals_and_at_least_5_s_is_quiet(watch, interval_s, quiet_s):
    watch.heard(200.0, good=1, garbled=0)
    assert state(watch, 200.0 + quiet_s, interval_s) is LinkState.LIVE
    assert state(watch, 200.1 + quiet_s, interval_s) is LinkState.QUIET
    watch.heard(300.0, good=1, garbled=0)
    assert state(watch, 300.0, interval_s) is LinkState.LIVE


def test_silence_from_the_start_is_quiet_and_says_how_long(watch):
    assert watch.judge(105.2, 1.0) == (
        LinkState.QUIET,
        "Nothing heard for 5 s: is the monitor on, and the cable in at both ends?",
    )


def test_a_cable_pulled_within_a_record_is_quiet_not_damaged(watch):
    watch.heard(200.0, good=1, garbled=0)
    watch.heard(200.9, good=0, garbled=0)
    assert state(watch, 205.1) is LinkState.QUIET


def test_the_half_record_that_ends_a_silence_is_no_damage(watch):
    watch.heard(200.0, good=1, garbled=0)
    assert state(watch, 230.0) is LinkState.QUIET
    watch.heard(230.1, good=0, garbled=0)
    assert state(watch, 230.1) is LinkState.QUIET
    watch.heard(230.3, good=1, garbled=0)
    assert state(watch, 230.3) is LinkState.LIVE


def test_noise_after_a_silence_is_damage_soon(watch):
    watch.heard(200.0, good=1, garbled=0)
    for tenth in range(30):
        watch.heard(230.0 + tenth / 10, good=0, garbled=0)
    assert state(watch, 232.9) is LinkState.DAMAGED


def test_bytes_without_a_valid_record_are_damage_and_name_the_settings(watch):
    for tenth in range(60):
        watch.heard(OPENED_S + tenth / 10, good=0, garbled=0)
    assert watch.judge(106.0, 1.0) == (
        LinkState.DAMAGED,
        "Bytes arrive but no valid record: is this the right monitor? "
        "Expected 19200 baud, 8E1, RTS/CTS.",
    )


def test_more_than_a_fifth_garbled_over_10_s_is_damaged(watch):
    for second in range(10):
        watch.heard(200.0 + second, good=1, garbled=1 if second in (2, 5) else 0)
    assert state(watch, 209.0) is LinkState.LIVE, "two of twelve"
    watch.heard(209.5, good=0, garbled=1)
    assert watch.judge(209.5, 1.0) == (
        LinkState.DAMAGED,
        "3 of the last 13 records arrived damaged: check the cable and its plugs.",
    )
    for second in range(210, 216):
        watch.heard(float(second), good=1, garbled=0)
    assert state(watch, 215.1) is LinkState.LIVE, "the first two are out of the window"


def test_three_of_fifteen_are_a_fifth_and_not_more(watch):
    for tenth in range(12):
        watch.heard(200.0 + tenth / 2, good=1, garbled=0)
    watch.heard(206.0, good=0, garbled=3)
    assert state(watch, 206.0) is LinkState.LIVE


def test_a_slow_monitor_is_judged_over_more_time(watch):
    for n in range(5):
        watch.heard(200.0 + 5 * n, good=n % 2, garbled=1 - n % 2)
    assert state(watch, 220.0, interval_s=5.0) is LinkState.DAMAGED


def test_joining_in_the_middle_of_a_record_is_no_damage(watch):
    watch.heard(100.2, good=0, garbled=1)
    watch.heard(101.0, good=1, garbled=0)
    assert state(watch, 101.0) is LinkState.LIVE


def test_noise_for_an_hour_is_remembered_in_bounded_memory(watch):
    for tenth in range(36_000):
        watch.heard(OPENED_S + tenth / 10, good=0, garbled=50)
        watch.judge(OPENED_S + tenth / 10, 5.0)
    assert len(watch._seconds) < 40
